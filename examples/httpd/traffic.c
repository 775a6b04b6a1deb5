/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which requests are ours, and the hooks of mod_proxy. A request becomes one of
 * balancer://NAME/path either by a rule of the administrator (ProxyPass, ProxyPassMatch,
 * mod_rewrite) or, where CreateBalancers says so, because the cluster has a context for it. From
 * there on both go the same way. A balancer with members of its own is left to mod_proxy_balancer.
 */
#include "traffic.h"

#include <apr_optional_hooks.h>
#include <apr_strings.h>

#include "attempt.h"
#include "module.h"
#include "workers.h"

#define PREFIX_LEN (sizeof(BALANCER_PREFIX) - 1)
#define PROXY_LEN (sizeof("proxy:") - 1)

/* mod_proxy wants one wherever the balancer is not NULL; it says nothing of any node. */
static proxy_balancer_shared balancer_shared = { .name = BALANCER_PREFIX "mcmp" };
static proxy_balancer balancer_of_all = { .s = &balancer_shared };

static int is_balancer_url(const char *url)
{
    return ap_cstr_casecmpn(url, BALANCER_PREFIX, PREFIX_LEN) == 0;
}

/* Has the administrator given this balancer members, or room for some? */
static int has_members(const proxy_server_conf *conf, const char *url)
{
    const proxy_balancer *balancers = (const proxy_balancer *)(const void *)conf->balancers->elts;
    size_t len = PREFIX_LEN + strcspn(url + PREFIX_LEN, "/?");

    for (int i = 0; i < conf->balancers->nelts; i++) {
        const proxy_balancer *b = &balancers[i];

        if (ap_cstr_casecmpn(b->s->name, url, len) == 0 && b->s->name[len] == '\0')
            return b->workers->nelts > 0 || b->growth > 0;
    }
    return 0;
}

static int is_ours(const proxy_server_conf *conf, const char *url)
{
    return is_balancer_url(url) && mcmp_httpd_cluster() != NULL && !has_members(conf, url);
}

/* The path as it came, when decoding it gives just what was matched: nothing was cut out. */
static int may_pass_raw(request_rec *r)
{
    char *path;

    if (r->unparsed_uri == NULL || r->unparsed_uri[0] != '/')
        return 0;
    path = apr_pstrmemdup(r->pool, r->unparsed_uri, strcspn(r->unparsed_uri, "?"));
    return ap_unescape_url_keep2f(path, 0) == OK && strcmp(path, r->uri) == 0;
}

static int map(struct exchange *x)
{
    request_rec *r = x->r;
    int is_raw = mcmp_httpd_host_of(r->server)->use_nocanon && may_pass_raw(r);

    if (is_raw)
        apr_table_setn(r->notes, "proxy-nocanon", "1");
    r->filename = apr_pstrcat(r->pool, "proxy:", x->name, is_raw ? r->unparsed_uri : r->uri, NULL);
    r->handler = "proxy-server";
    r->proxyreq = PROXYREQ_REVERSE;
    if ((x->selection.flags & MCMP_SELECTION_HELD) != 0) {
        x->mapped = r->filename + PROXY_LEN;
        x->rest = is_raw ? x->mapped + strlen(x->name) : x->path;
    }
    return OK;
}

/* `ProxyPass /path !`: mod_proxy has declined what it excludes, and so do we. */
static int is_excluded(request_rec *r, const proxy_server_conf *conf)
{
    proxy_dir_conf *dconf = ap_get_module_config(r->per_dir_config, &proxy_module);
    struct proxy_alias *aliases = (struct proxy_alias *)(void *)conf->aliases->elts;

    if (dconf->alias != NULL && strcmp(dconf->alias->real, "!") == 0 &&
        ap_proxy_trans_match(r, dconf->alias, dconf) == DECLINED)
        return 1;
    for (int i = 0; i < conf->aliases->nelts; i++)
        if (strcmp(aliases[i].real, "!") == 0 &&
            ap_proxy_trans_match(r, &aliases[i], dconf) == DECLINED)
            return 1;
    return 0;
}

static int is_mapped_here(const request_rec *r)
{
    switch (mcmp_httpd_host_of(r->server)->create_balancers) {
    case MCMP_HTTPD_BALANCERS_ALL:
        return 1;
    case MCMP_HTTPD_BALANCERS_MAIN:
        return !r->server->is_virtual;
    default:
        return 0;
    }
}

static int is_for_us(const request_rec *r)
{
    return !r->proxyreq && r->uri != NULL && r->uri[0] == '/' && r->method_number != M_CONNECT &&
           is_mapped_here(r) && mcmp_httpd_cluster() != NULL;
}

/*
 * After mod_rewrite and mod_proxy: what they have taken never comes here. A request of a client
 * takes its node at once, rather than being asked about twice; what only looks at a URL asks.
 */
static int translate(request_rec *r)
{
    const proxy_server_conf *conf = ap_get_module_config(r->server->module_config, &proxy_module);
    struct exchange *x;
    int rc;

    if (!is_for_us(r))
        return DECLINED;
    x = exchange_new(r);
    rc = exchange_ask(x, ap_is_initial_req(r) ? 0 : MCMP_QUERY_DRY_RUN);
    if (rc < 0 || rc == MCMP_NOT_OURS || x->selection.balancer.len == 0)
        return DECLINED;
    exchange_name(x);
    if (apr_table_get(r->subprocess_env, "no-proxy") == NULL && !is_excluded(r, conf) &&
        !has_members(conf, x->name))
        return map(x);
    exchange_end(x);
    return DECLINED;
}

/* The URL stays as it is until the node is known: its scheme says how to write it. */
static int canonicalise(request_rec *r, char *url)
{
    const proxy_server_conf *conf;

    if (!is_balancer_url(url))
        return DECLINED;
    conf = ap_get_module_config(r->server->module_config, &proxy_module);
    return is_ours(conf, url) ? OK : DECLINED;
}

static int pre_request(proxy_worker **worker, proxy_balancer **balancer, request_rec *r,
                       proxy_server_conf *conf, char **url)
{
    struct exchange *x;
    int rc;

    if (!is_ours(conf, *url))
        return DECLINED;
    *worker = NULL;
    *balancer = NULL;
    x = exchange_of(r);
    if (x == NULL)
        x = exchange_new(r);
    if (x->mapped != *url) { /* not that of translate(), or it has been changed since */
        exchange_end(x);
        exchange_aim(x, *url);
    }
    rc = exchange_select(x);
    if (rc == OK)
        rc = exchange_url(x, url);
    if (rc != OK) {
        exchange_end(x);
        return rc;
    }
    *worker = workers_proxy(x->worker);
    *balancer = &balancer_of_all;
    return OK;
}

static int post_request(proxy_worker *worker, proxy_balancer *balancer, request_rec *r,
                        proxy_server_conf *conf)
{
    struct exchange *x = exchange_of(r);

    (void)worker;
    (void)conf;
    if (balancer != &balancer_of_all || x == NULL)
        return DECLINED;
    exchange_end(x);
    return OK;
}

static void child_init(apr_pool_t *pool, server_rec *s)
{
    workers_init(pool, s);
}

void mcmp_httpd_register_traffic(apr_pool_t *pool)
{
    static const char *const before[] = { "mod_rewrite.c", "mod_proxy.c", NULL };
    static const char *const after[] = { "mod_proxy_balancer.c", NULL };

    (void)pool;
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(translate, before, NULL, APR_HOOK_FIRST);
    proxy_hook_canon_handler(canonicalise, NULL, after, APR_HOOK_FIRST);
    proxy_hook_pre_request(pre_request, NULL, after, APR_HOOK_FIRST);
    proxy_hook_post_request(post_request, NULL, after, APR_HOOK_FIRST);
    proxy_hook_scheme_handler(attempt_run, NULL, NULL, APR_HOOK_REALLY_FIRST);
    APR_OPTIONAL_HOOK(proxy, create_req, attempt_begins_answer, NULL, NULL, APR_HOOK_MIDDLE);
    attempt_register_filter();
}
