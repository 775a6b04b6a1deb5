/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ProxyPassReverse /front balancer://NAME/app` for a balancer of the cluster: a URL that starts
 * with the address of the node that answered, then /app, becomes /front of this host. mod_proxy has
 * applied all other rules when it read the header.
 */
#include "reverse.h"

#include <apr_strings.h>

#include "workers.h"

#define PREFIX_LEN (sizeof(BALANCER_PREFIX) - 1)

/* The path that the rule's target has, without a `/` alone; NULL: it is not about this balancer. */
static const char *path_of(const struct exchange *x, const char *real)
{
    const char *name = real + PREFIX_LEN;

    if (ap_cstr_casecmpn(real, BALANCER_PREFIX, PREFIX_LEN) != 0 ||
        strcspn(name, "/") != x->balancer.len ||
        ap_cstr_casecmpn(name, x->balancer.ptr, x->balancer.len) != 0)
        return NULL;
    name += x->balancer.len;
    return name[0] == '/' && name[1] == '\0' ? "" : name;
}

/* What of the URL follows node and path; NULL: it points elsewhere. */
static const char *rest_of(const char *url, const char *node, const char *path)
{
    size_t len = strlen(node);

    if (ap_cstr_casecmpn(url, node, len) != 0 || (url[len] != '/' && url[len] != '\0'))
        return NULL;
    url += len;
    len = strlen(path);
    return strncmp(url, path, len) == 0 ? url + len : NULL;
}

static const char *mapped(struct exchange *x, const apr_array_header_t *rules, const char *url)
{
    const struct proxy_alias *rule = (const struct proxy_alias *)(const void *)rules->elts;
    const char *node = workers_proxy(x->worker)->s->name;

    for (int i = 0; i < rules->nelts; i++) {
        const char *path = path_of(x, rule[i].real);
        const char *rest = path != NULL ? rest_of(url, node, path) : NULL;
        const char *fake = rule[i].fake;

        if (rest == NULL)
            continue;
        if (rest[0] == '/' && strcmp(fake, "/") == 0)
            fake = "";
        fake = apr_pstrcat(x->r->pool, fake, rest, NULL);
        return ap_is_url(fake) ? fake : ap_construct_url(x->r->pool, fake, x->r);
    }
    return NULL;
}

void reverse_headers(struct exchange *x)
{
    static const char *const names[] = { "Location", "Content-Location", "URI", "Destination" };
    const proxy_dir_conf *conf = ap_get_module_config(x->r->per_dir_config, &proxy_module);
    const apr_array_header_t *rules = conf->raliases;

    if (rules->nelts == 0 || x->worker == NULL)
        return;
    if (conf->interpolate_env == 1) {
        const proxy_req_conf *own = ap_get_module_config(x->r->request_config, &proxy_module);

        rules = own != NULL ? own->raliases : rules;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *url = apr_table_get(x->r->headers_out, names[i]);
        const char *own = url != NULL ? mapped(x, rules, url) : NULL;

        if (own != NULL)
            apr_table_setn(x->r->headers_out, names[i], own);
    }
}
