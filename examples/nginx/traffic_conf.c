/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of ngx_http_mcmp_traffic_module: its directives and what they leave behind. mcmp_pass
 * is proxy_pass to an upstream of its own with our handler before the proxy module's, so all
 * proxy_* directives mean with it what they mean with proxy_pass.
 */
#include "traffic.h"

#define SECRET_MOST 1024

extern ngx_module_t ngx_http_proxy_module;

static char *set_balancer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *set_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *set_keepalive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *set_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *set_packet(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *set_ping(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *set_upgrade(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#define PLACES (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF)

static ngx_command_t commands[] = {
    { ngx_string("mcmp_balancer"), NGX_HTTP_UPS_CONF | NGX_CONF_TAKE12, set_balancer,
      NGX_HTTP_SRV_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_pass"),
      NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF | NGX_HTTP_LMT_CONF | NGX_CONF_TAKE1, set_pass,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_keepalive"), PLACES | NGX_CONF_TAKE123, set_keepalive,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_ajp_secret"), PLACES | NGX_CONF_TAKE123, set_secret,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_ajp_packet_size"), PLACES | NGX_CONF_TAKE123, set_packet,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_ajp_ping"), PLACES | NGX_CONF_TAKE1, set_ping, NGX_HTTP_LOC_CONF_OFFSET, 0,
      NULL },
    { ngx_string("mcmp_upgrade"), PLACES | NGX_CONF_1MORE, set_upgrade, NGX_HTTP_LOC_CONF_OFFSET, 0,
      NULL },
    ngx_null_command,
};

static ngx_str_t *words_of(ngx_conf_t *cf)
{
    return cf->args->elts;
}

/* The value behind `name=`; 0: it is another word. */
static ngx_uint_t has_name(const ngx_str_t *word, const char *name, ngx_str_t *value)
{
    size_t len = ngx_strlen(name);

    if (word->len < len || ngx_strncmp(word->data, name, len) != 0)
        return 0;
    value->data = word->data + len;
    value->len = word->len - len;
    return 1;
}

static char *complain(ngx_conf_t *cf, const char *what, const ngx_str_t *word)
{
    ngx_mcmp_conf_error(cf, 0, "%s: \"%V\"", what, word);
    return NGX_CONF_ERROR;
}

/* --- settings for all nodes, those of a balancer, or one --- */

static ngx_uint_t same(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len && (a->len == 0 || ngx_strncmp(a->data, b->data, a->len) == 0);
}

/* Words of a directive from the n-th on. */
static char *take_scope(ngx_conf_t *cf, ngx_uint_t from, ngx_mcmp_setting_t *setting)
{
    ngx_str_t *words = words_of(cf);

    for (ngx_uint_t i = from; i < cf->args->nelts; i++) {
        if (!has_name(&words[i], "node=", &setting->node) &&
            !has_name(&words[i], "balancer=", &setting->balancer))
            return complain(cf, "only \"node=ROUTE\" or \"balancer=NAME\" is allowed here",
                            &words[i]);
        if (words[i].data[words[i].len - 1] == '=')
            return complain(cf, "a name is expected behind =", &words[i]);
    }
    if (setting->node.len > 0 && setting->balancer.len > 0)
        return complain(cf, "either a node or a balancer can be named, not both", &words[0]);
    return NGX_CONF_OK;
}

static char *add_setting(ngx_conf_t *cf, ngx_array_t **list, const ngx_mcmp_setting_t *setting)
{
    ngx_mcmp_setting_t *known;

    if (*list == NULL)
        *list = ngx_array_create(cf->pool, 4, sizeof(ngx_mcmp_setting_t));
    if (*list == NULL)
        return NGX_CONF_ERROR;
    known = (*list)->elts;
    for (ngx_uint_t i = 0; i < (*list)->nelts; i++) {
        if (same(&known[i].node, &setting->node) && same(&known[i].balancer, &setting->balancer))
            return "is duplicate for the same nodes";
    }
    known = ngx_array_push(*list);
    if (known == NULL)
        return NGX_CONF_ERROR;
    *known = *setting;
    return NGX_CONF_OK;
}

static ngx_uint_t names(const ngx_str_t *wanted, mcmp_span given)
{
    return given.len > 0 && wanted->len == given.len &&
           ngx_strncmp(wanted->data, given.ptr, given.len) == 0;
}

static ngx_uint_t names_any_case(const ngx_str_t *wanted, mcmp_span given)
{
    return given.len > 0 && wanted->len == given.len &&
           ngx_strncasecmp(wanted->data, (u_char *)given.ptr, given.len) == 0;
}

const ngx_mcmp_setting_t *ngx_mcmp_setting(ngx_array_t *list, const mcmp_selection *selection)
{
    const ngx_mcmp_setting_t *found = NULL;
    const ngx_mcmp_setting_t *each;

    if (list == NULL)
        return NULL;
    each = list->elts;
    for (ngx_uint_t i = 0; i < list->nelts; i++) {
        if (each[i].node.len > 0) {
            if (names(&each[i].node, selection->route))
                return &each[i];
        } else if (each[i].balancer.len > 0) {
            if (names_any_case(&each[i].balancer, selection->balancer))
                found = &each[i];
        } else if (found == NULL) {
            found = &each[i];
        }
    }
    return found;
}

static char *set_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_t *loc = conf;
    ngx_mcmp_setting_t setting;

    (void)cmd;
    ngx_memzero(&setting, sizeof(setting));
    setting.text = words_of(cf)[1];
    if (setting.text.len == 0 || setting.text.len > SECRET_MOST) {
        ngx_mcmp_conf_error(cf, 0, "the secret must have 1 to %d bytes", SECRET_MOST);
        return NGX_CONF_ERROR;
    }
    if (take_scope(cf, 2, &setting) != NGX_CONF_OK)
        return NGX_CONF_ERROR;
    return add_setting(cf, &loc->secrets, &setting);
}

static char *set_packet(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_t *loc = conf;
    ngx_mcmp_setting_t setting;
    ssize_t size = ngx_parse_size(&words_of(cf)[1]);

    (void)cmd;
    if (size < MCMP_AJP_PACKET_MIN || size > MCMP_AJP_PACKET_MAX) {
        ngx_mcmp_conf_error(cf, 0, "invalid packet size \"%V\": it is from %d to %d bytes",
                            &words_of(cf)[1], MCMP_AJP_PACKET_MIN, MCMP_AJP_PACKET_MAX);
        return NGX_CONF_ERROR;
    }
    ngx_memzero(&setting, sizeof(setting));
    setting.number = (ngx_uint_t)size;
    if (take_scope(cf, 2, &setting) != NGX_CONF_OK)
        return NGX_CONF_ERROR;
    return add_setting(cf, &loc->packets, &setting);
}

/* --- other settings of a place --- */

static char *set_ping(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_t *loc = conf;
    ngx_str_t *word = &words_of(cf)[1];
    ngx_int_t time;

    (void)cmd;
    if (loc->ajp_ping != NGX_CONF_UNSET_MSEC)
        return "is duplicate";
    if (ngx_strcmp(word->data, "off") == 0) {
        loc->ajp_ping = NGX_MAX_INT32_VALUE;
        return NGX_CONF_OK;
    }
    time = ngx_parse_time(word, 0);
    if (time == NGX_ERROR)
        return complain(cf, "a time, such as 500ms, or \"off\" is expected", word);
    loc->ajp_ping = (ngx_msec_t)time;
    return NGX_CONF_OK;
}

static char *take_keepalive_word(ngx_conf_t *cf, ngx_mcmp_loc_t *loc, ngx_str_t *word)
{
    ngx_str_t value;
    ngx_int_t number;

    if (has_name(word, "timeout=", &value)) {
        number = ngx_parse_time(&value, 0);
        loc->idle_time = (ngx_msec_t)number;
    } else if (has_name(word, "requests=", &value)) {
        number = ngx_atoi(value.data, value.len);
        loc->idle_requests = (ngx_uint_t)number;
    } else {
        return complain(cf, "only \"timeout=TIME\" and \"requests=NUMBER\" are allowed here", word);
    }
    return number > 0 ? NGX_CONF_OK : complain(cf, "invalid value", word);
}

static char *set_keepalive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_t *loc = conf;
    ngx_str_t *words = words_of(cf);
    ngx_int_t most = ngx_atoi(words[1].data, words[1].len);

    (void)cmd;
    if (loc->idle_most != NGX_CONF_UNSET_UINT)
        return "is duplicate";
    if (most == NGX_ERROR)
        return complain(cf, "a number of connections is expected", &words[1]);
    loc->idle_most = (ngx_uint_t)most;
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        if (take_keepalive_word(cf, loc, &words[i]) != NGX_CONF_OK)
            return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

static char *add_protocol(ngx_conf_t *cf, ngx_mcmp_loc_t *loc, const ngx_str_t *word)
{
    mcmp_span *protocol;

    if (loc->protocols == NULL)
        loc->protocols = ngx_array_create(cf->pool, 2, sizeof(mcmp_span));
    if (loc->protocols == NULL)
        return NGX_CONF_ERROR;
    for (size_t i = 0; i < word->len; i++) {
        if (word->data[i] <= ' ' || word->data[i] >= 0x7f ||
            strchr("\"(),:;<=>?@[\\]{}", word->data[i]))
            return complain(cf, "a protocol to upgrade to is a token, such as websocket", word);
    }
    protocol = ngx_array_push(loc->protocols);
    if (protocol == NULL)
        return NGX_CONF_ERROR;
    *protocol = ngx_mcmp_span(word);
    return NGX_CONF_OK;
}

static char *set_endpoint(ngx_conf_t *cf, ngx_mcmp_loc_t *loc, ngx_str_t *value)
{
    ngx_mcmp_setting_t setting;
    ngx_int_t port = ngx_atoi(value->data, value->len);

    if (port < 1 || port > 65535)
        return complain(cf, "a port from 1 to 65535 is expected", value);
    ngx_memzero(&setting, sizeof(setting));
    setting.number = (ngx_uint_t)port;
    if (take_scope(cf, 2, &setting) != NGX_CONF_OK)
        return NGX_CONF_ERROR;
    return add_setting(cf, &loc->endpoints, &setting);
}

static char *set_upgrade(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_t *loc = conf;
    ngx_str_t *words = words_of(cf);
    ngx_str_t value;

    (void)cmd;
    if (has_name(&words[1], "port=", &value))
        return set_endpoint(cf, loc, &value);
    if (loc->upgrade != NGX_CONF_UNSET)
        return "is duplicate";
    loc->upgrade = 1;
    if (cf->args->nelts == 2 && ngx_strcmp(words[1].data, "off") == 0) {
        loc->upgrade = 0;
        return NGX_CONF_OK;
    }
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        if (ngx_strcmp(words[i].data, "off") == 0)
            return complain(cf, "protocols can't stand beside it", &words[i]);
        if (add_protocol(cf, loc, &words[i]) != NGX_CONF_OK)
            return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

/* --- mcmp_balancer --- */

static ngx_int_t init_upstream(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
    if (us->srv_conf != NULL && us->servers->nelts > 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "upstream \"%V\" in %s:%ui has \"mcmp_balancer\", whose nodes register "
                      "themselves: take \"server\" out",
                      &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }
    us->peer.init = ngx_mcmp_peer_init;
    return NGX_OK;
}

static char *set_balancer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_upstream_t *own = conf;
    ngx_str_t *words = words_of(cf);
    ngx_http_upstream_srv_conf_t *us =
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);
    ngx_http_upstream_server_t *server;

    (void)cmd;
    if (own->zone != NULL)
        return "is duplicate";
    if (us->peer.init_upstream != NULL)
        return "must stand before other ways to balance and before \"keepalive\"";
    own->zone = ngx_mcmp_zone_use(cf, &words[1]);
    if (own->zone == NULL)
        return NGX_CONF_ERROR;
    if (cf->args->nelts > 2)
        own->balancer = words[2];
    server = ngx_array_push(us->servers); /* nginx wants one in each block */
    if (server == NULL)
        return NGX_CONF_ERROR;
    ngx_memzero(server, sizeof(*server));
    server->down = 1;
    us->flags = NGX_HTTP_UPSTREAM_CREATE;
    us->peer.init_upstream = init_upstream;
    return NGX_CONF_OK;
}

/* --- mcmp_pass --- */

/* As if the proxy module's directive stood in the configuration. */
static char *set_proxy(ngx_conf_t *cf, const char *name, const char *value)
{
    void *conf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_proxy_module);
    ngx_array_t *given = cf->args;
    ngx_str_t words[2];
    ngx_array_t args;
    char *said = NGX_CONF_ERROR;

    words[0].data = (u_char *)name;
    words[0].len = ngx_strlen(name);
    words[1].data = (u_char *)value;
    words[1].len = ngx_strlen(value);
    ngx_memzero(&args, sizeof(args));
    args.elts = words;
    args.nelts = 2;
    cf->args = &args;
    for (ngx_command_t *c = ngx_http_proxy_module.commands; c->name.len > 0; c++) {
        if (ngx_strcmp(c->name.data, name) == 0) {
            said = c->set(cf, c, conf);
            break;
        }
    }
    cf->args = given;
    return said;
}

static ngx_http_upstream_srv_conf_t *pass_upstream(ngx_conf_t *cf)
{
    ngx_url_t url;

    ngx_memzero(&url, sizeof(url));
    ngx_str_set(&url.url, NGX_MCMP_PASS_NAME);
    url.default_port = 443;
    url.uri_part = 1;
    url.no_resolve = 1;
    return ngx_http_upstream_add(cf, &url, 0);
}

static char *set_zone(ngx_conf_t *cf, ngx_mcmp_loc_t *loc)
{
    ngx_http_compile_complex_value_t compile;
    ngx_str_t *words = words_of(cf);

    if (ngx_http_script_variables_count(&words[1]) == 0) {
        loc->zone = ngx_mcmp_zone_use(cf, &words[1]);
        return loc->zone != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
    }
    loc->named = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (loc->named == NULL)
        return NGX_CONF_ERROR;
    ngx_memzero(&compile, sizeof(compile));
    compile.cf = cf;
    compile.value = &words[1];
    compile.complex_value = loc->named;
    return ngx_http_compile_complex_value(&compile) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}

/* https, as then nodes of both kinds can be spoken to: the node's Type decides. */
static char *set_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_loc_t *loc = conf;
    ngx_http_core_loc_conf_t *clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt other = clcf->handler;
    ngx_http_upstream_srv_conf_t *us;

    (void)cmd;
    if (loc->proxy != NULL)
        return "is duplicate";
    if (set_zone(cf, loc) != NGX_CONF_OK)
        return NGX_CONF_ERROR;
    if (set_proxy(cf, "proxy_pass", "https://" NGX_MCMP_PASS_NAME) != NGX_CONF_OK)
        return "can't stand beside \"proxy_pass\"";
    if (other != NULL)
        return "stands beside another directive that answers requests here";
    set_proxy(cf, "proxy_http_version", "1.1"); /* refused where it is set already */
    us = pass_upstream(cf);
    if (us == NULL)
        return NGX_CONF_ERROR;
    us->peer.init_upstream = init_upstream;
    loc->proxy = clcf->handler;
    clcf->handler = ngx_mcmp_pass;
    return NGX_CONF_OK;
}

/* --- configurations --- */

static void *create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mcmp_upstream_t));
}

static void *create_loc_conf(ngx_conf_t *cf)
{
    ngx_mcmp_loc_t *loc = ngx_pcalloc(cf->pool, sizeof(*loc));

    if (loc == NULL)
        return NULL;
    loc->upgrade = NGX_CONF_UNSET;
    loc->idle_most = NGX_CONF_UNSET_UINT;
    loc->idle_time = NGX_CONF_UNSET_MSEC;
    loc->idle_requests = NGX_CONF_UNSET_UINT;
    loc->ajp_ping = NGX_CONF_UNSET_MSEC;
    return loc;
}

/* As with proxy_pass: "if" and "limit_except" inside a location pass to where it does. */
static void merge_pass(ngx_conf_t *cf, const ngx_mcmp_loc_t *prev, ngx_mcmp_loc_t *loc)
{
    ngx_http_core_loc_conf_t *clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname || loc->proxy != NULL || prev->proxy == NULL)
        return;
    loc->zone = prev->zone;
    loc->named = prev->named;
    loc->proxy = prev->proxy;
    if (clcf->handler == prev->proxy)
        clcf->handler = ngx_mcmp_pass;
}

static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mcmp_loc_t *prev = parent;
    ngx_mcmp_loc_t *loc = child;

    merge_pass(cf, prev, loc);
    if (loc->secrets == NULL)
        loc->secrets = prev->secrets;
    if (loc->packets == NULL)
        loc->packets = prev->packets;
    if (loc->endpoints == NULL)
        loc->endpoints = prev->endpoints;
    if (loc->upgrade == NGX_CONF_UNSET)
        loc->protocols = prev->protocols;
    ngx_conf_merge_value(loc->upgrade, prev->upgrade, 1);
    ngx_conf_merge_uint_value(loc->idle_most, prev->idle_most, 64);
    ngx_conf_merge_msec_value(loc->idle_time, prev->idle_time, 60000);
    ngx_conf_merge_uint_value(loc->idle_requests, prev->idle_requests, 1000000);
    ngx_conf_merge_msec_value(loc->ajp_ping, prev->ajp_ping, 1000);
    return NGX_CONF_OK;
}

static ngx_int_t init_process(ngx_cycle_t *cycle)
{
    ngx_array_t *zones = ngx_mcmp_zones(cycle);
    ngx_mcmp_zone_t **zone;

    if (zones == NULL)
        return NGX_OK;
    zone = zones->elts;
    for (ngx_uint_t i = 0; i < zones->nelts; i++) {
        if (ngx_mcmp_idle_init(zone[i], cycle->pool) != NGX_OK)
            return NGX_ERROR;
        zone[i]->sweep = ngx_mcmp_idle_sweep;
    }
    return NGX_OK;
}

static ngx_http_module_t module_ctx = {
    NULL,            /* preconfiguration */
    NULL,            /* postconfiguration */
    NULL,            /* create main configuration */
    NULL,            /* init main configuration */
    create_srv_conf, /* create server configuration */
    NULL,            /* merge server configuration */
    create_loc_conf, /* create location configuration */
    merge_loc_conf,  /* merge location configuration */
};

ngx_module_t ngx_http_mcmp_traffic_module = {
    NGX_MODULE_V1,
    &module_ctx,     /* module context */
    commands,        /* module directives */
    NGX_HTTP_MODULE, /* module type */
    NULL,            /* init master */
    NULL,            /* init module */
    init_process,    /* init process */
    NULL,            /* init thread */
    NULL,            /* exit thread */
    NULL,            /* exit process */
    NULL,            /* exit master */
    NGX_MODULE_V1_PADDING,
};
