/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp_advertise zone [key=value ...] in a server: its words, the key file, the address that the
 * server listens on, and a trial that nothing is wrong with any of them.
 */
#include "advertise.h"
#include "words.h"

#define AT(member) offsetof(ngx_mcmp_advertise_t, member)
#define KEY_MAX 1024

static const ngx_mcmp_word_t words[] = {
    { "frequency", NGX_MCMP_WORD_TIME, AT(frequency), 100, NGX_MCMP_DAY },
    { "ttl", NGX_MCMP_WORD_COUNT, AT(ttl), 0, 255 },
    { "loop", NGX_MCMP_WORD_SWITCH, AT(loop), 0, 1 },
    { "hmac", NGX_MCMP_WORD_SWITCH, AT(hmac), 0, 1 },
    { "address", NGX_MCMP_WORD_TEXT, AT(address), 1, MCMP_MULTICAST_TEXT - 1 },
    { "group", NGX_MCMP_WORD_TEXT, AT(group), 1, MCMP_MULTICAST_TEXT - 1 },
    { "interface", NGX_MCMP_WORD_TEXT, AT(interface), 1, 64 },
    { "url", NGX_MCMP_WORD_TEXT, AT(url), 1, 128 },
    { "protocol", NGX_MCMP_WORD_TEXT, AT(protocol), 4, 5 },
    { "host", NGX_MCMP_WORD_TEXT, AT(host), 1, 128 },
    { "key_file", NGX_MCMP_WORD_TEXT, AT(key_file), 1, NGX_MAX_PATH },
    { NULL, NGX_MCMP_WORD_TEXT, 0, 0, 0 },
};

/* The first line of the file. */
static char *read_key(ngx_conf_t *cf, ngx_mcmp_advertise_t *a)
{
    u_char room[KEY_MAX];
    size_t len = 0;
    ssize_t n;
    ngx_fd_t fd;

    if (ngx_conf_full_name(cf->cycle, &a->key_file, 1) != NGX_OK)
        return NGX_CONF_ERROR;
    fd = ngx_open_file(a->key_file.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    n = fd != NGX_INVALID_FILE ? ngx_read_fd(fd, room, sizeof(room)) : -1;
    if (n < 0) {
        ngx_mcmp_conf_error(cf, ngx_errno, "can't read key_file \"%V\"", &a->key_file);
        if (fd != NGX_INVALID_FILE)
            ngx_close_file(fd);
        return NGX_CONF_ERROR;
    }
    ngx_close_file(fd);
    while (len < (size_t)n && room[len] != '\n' && room[len] != '\r')
        len++;
    a->key.data = len != 0 && len < sizeof(room) ? ngx_pnalloc(cf->pool, len) : NULL;
    if (a->key.data != NULL) {
        ngx_memcpy(a->key.data, room, len);
        a->key.len = len;
    } else {
        ngx_mcmp_conf_error(cf, 0, "the first line of key_file \"%V\" must have 1 to %d bytes",
                            &a->key_file, KEY_MAX - 1);
    }
    ngx_explicit_memzero(room, sizeof(room));
    return a->key.data != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}

char *ngx_mcmp_set_advertise(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t *args = cf->args->elts;
    ngx_mcmp_zone_t *zone = ngx_mcmp_zone_use(cf, &args[1]);
    ngx_mcmp_advertise_t *a = ngx_pcalloc(cf->pool, sizeof(*a));

    (void)cmd;
    (void)conf;
    if (zone == NULL || a == NULL)
        return NGX_CONF_ERROR;
    if (zone->advertise != NULL) {
        ngx_mcmp_conf_error(cf, 0, "zone \"%V\" is already advertised in %s:%ui", &zone->name,
                            zone->advertise->file, zone->advertise->line);
        return NGX_CONF_ERROR;
    }
    a->frequency = NGX_CONF_UNSET_UINT;
    a->ttl = NGX_CONF_UNSET_UINT;
    a->loop = 1;
    a->hmac = 1;
    a->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    a->file = cf->conf_file->file.name.data;
    a->line = cf->conf_file->line;
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++)
        if (ngx_mcmp_set_argument(cf, words, &args[i], a) != NGX_CONF_OK)
            return NGX_CONF_ERROR;
    if (a->protocol.len != 0 && !ngx_mcmp_is_text(&a->protocol, "http") &&
        !ngx_mcmp_is_text(&a->protocol, "https")) {
        ngx_mcmp_conf_error(cf, 0, "bad protocol \"%V\", allowed are http and https", &a->protocol);
        return NGX_CONF_ERROR;
    }
    zone->advertise = a;
    return a->key_file.len != 0 ? read_key(cf, a) : NGX_CONF_OK;
}

static int is_of(const ngx_http_conf_addr_t *addr, const ngx_http_core_srv_conf_t *server)
{
    ngx_http_core_srv_conf_t **servers = addr->servers.elts;

    if (addr->opt.sockaddr->sa_family == AF_UNIX)
        return 0;
    for (ngx_uint_t i = 0; i < addr->servers.nelts; i++)
        if (servers[i] == server)
            return 1;
    return 0;
}

/* The first socket that the server listens on; NULL: none with an address. */
static ngx_http_conf_addr_t *find_listener(ngx_conf_t *cf, const ngx_http_core_srv_conf_t *server)
{
    ngx_http_core_main_conf_t *cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_conf_port_t *ports = cmcf->ports != NULL ? cmcf->ports->elts : NULL;

    for (ngx_uint_t i = 0; ports != NULL && i < cmcf->ports->nelts; i++) {
        ngx_http_conf_addr_t *addrs = ports[i].addrs.elts;

        for (ngx_uint_t k = 0; k < ports[i].addrs.nelts; k++)
            if (is_of(&addrs[k], server))
                return &addrs[k];
    }
    return NULL;
}

static ngx_int_t take_listener(ngx_conf_t *cf, ngx_mcmp_advertise_t *a)
{
    ngx_http_conf_addr_t *addr = find_listener(cf, a->server);

    if (addr != NULL && addr->opt.ssl && a->protocol.len == 0) {
        ngx_str_set(&a->protocol, "https"); /* two statements */
    }
    if (a->host.len == 0)
        a->host = cf->cycle->hostname;
    if (a->address.len != 0)
        return NGX_OK;
    if (addr == NULL) {
        ngx_log_error(
            NGX_LOG_EMERG, cf->log, 0,
            "mcmp_advertise in %s:%ui: the server listens on no address: address= is needed",
            a->file, a->line);
        return NGX_ERROR;
    }
    a->address.data = ngx_pnalloc(cf->pool, NGX_SOCKADDR_STRLEN);
    if (a->address.data == NULL)
        return NGX_ERROR;
    a->address.len = ngx_sock_ntop(addr->opt.sockaddr, addr->opt.socklen, a->address.data,
                                   NGX_SOCKADDR_STRLEN, 1);
    return NGX_OK;
}

/* The library's name of a value as the directive has it. */
static const char *word_of(const char *field)
{
    if (ngx_strcmp(field, "listener") == 0)
        return "address=";
    if (ngx_strcmp(field, "interface_name") == 0)
        return "interface=";
    return ngx_strcmp(field, "group") == 0 ? "group=" : field;
}

ngx_int_t ngx_mcmp_check_advertise(ngx_conf_t *cf)
{
    ngx_mcmp_main_conf_t *mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcmp_module);
    ngx_mcmp_zone_t **zones = mcf->zones.elts;

    for (ngx_uint_t i = 0; i < mcf->zones.nelts; i++) {
        ngx_mcmp_advertise_t *a = zones[i]->advertise;
        ngx_mcmp_announcer_t *trial;
        mcmp_error err;

        if (a == NULL)
            continue;
        if (take_listener(cf, a) != NGX_OK)
            return NGX_ERROR;
        mcmp_error_init(&err);
        trial = ngx_mcmp_announcer_open(a, NULL, &err);
        if (trial == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, err.os_status, "mcmp_advertise in %s:%ui: %s: %s",
                          a->file, a->line, word_of(err.field), err.message);
            return NGX_ERROR;
        }
        ngx_mcmp_announcer_close(trial);
    }
    return NGX_OK;
}
