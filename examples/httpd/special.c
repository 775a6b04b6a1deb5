/* SPDX-License-Identifier: Apache-2.0 */
/* Directives that are more than one value. */
#include "directives.h"

#include <apr_network_io.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include <arpa/inet.h>
#include <strings.h>

/* Messages are no files, so no <Directory> rules them: one beside would only look as if it did. */
const char *set_receive(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    const ap_directive_t *at = cmd->directive->parent;
    int off = argc == 1 && strcasecmp(argv[0], "off") == 0;

    (void)unused;
    if (argc > 1 || (argc == 1 && !off && strcasecmp(argv[0], "on") != 0))
        return apr_psprintf(cmd->pool, "%s takes no argument, On or Off, not \"%s\"",
                            cmd->cmd->name, argv[argc - 1]);
    if (!cmd->server->is_virtual)
        return apr_psprintf(cmd->pool, "%s must be inside of a <VirtualHost>", cmd->cmd->name);
    for (at = at != NULL ? at->first_child : NULL; at != NULL; at = at->next)
        if (strncasecmp(at->directive, "<Directory", 10) == 0)
            return apr_psprintf(cmd->pool,
                                "%s and %s> can't be in one <VirtualHost>: a <Location /> says who "
                                "may send messages",
                                cmd->cmd->name, at->directive);
    mcmp_httpd_host_of(cmd->server)->receive = !off;
    return NULL;
}

/* The library itself judges an item of its list. */
static const char *refuse_network(cmd_parms *cmd, const char *item)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster = NULL;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&opts);
    opts.max_nodes = opts.max_aliases = opts.max_contexts = 1;
    opts.allow = item;
    if (strchr(item, ',') == NULL && mcmp_cluster_open(&cluster, &opts, &err) == MCMP_OK) {
        mcmp_cluster_close(cluster);
        return NULL;
    }
    return directive_refuse(cmd,
                            "a list of addresses, CIDRs, loopback, private, local or any; or "
                            "certificate NAME ROUTE...",
                            item);
}

static const char *add_certificate(cmd_parms *cmd, int argc, char *const argv[])
{
    struct mcmp_httpd_settings *settings = mcmp_httpd_settings();
    const char *routes = argc > 2 && argv[1][0] != '\0' ? argv[2] : NULL;
    mcmp_pair *pair;

    if (routes == NULL)
        return apr_psprintf(cmd->pool, "%s certificate needs a name and at least one route",
                            cmd->cmd->name);
    for (int i = 3; i < argc; i++)
        routes = apr_pstrcat(cmd->pool, routes, ",", argv[i], NULL);
    if (settings->identities == NULL)
        settings->identities = apr_array_make(cmd->pool, 4, sizeof(mcmp_pair));
    pair = apr_array_push(settings->identities);
    pair->name.ptr = argv[1];
    pair->name.len = strlen(argv[1]);
    pair->value.ptr = routes;
    pair->value.len = strlen(routes);
    return NULL;
}

const char *set_authorize(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    struct mcmp_httpd_settings *settings = mcmp_httpd_settings();

    (void)unused;
    if (argc > 0 && strcasecmp(argv[0], "certificate") == 0)
        return add_certificate(cmd, argc, argv);
    if (argc == 0)
        return apr_psprintf(cmd->pool, "%s needs at least one network", cmd->cmd->name);
    for (int i = 0; i < argc; i++) {
        const char *wrong = refuse_network(cmd, argv[i]);

        if (wrong != NULL)
            return wrong;
        settings->allow = settings->allow == NULL
                              ? argv[i]
                              : apr_pstrcat(cmd->pool, settings->allow, ",", argv[i], NULL);
    }
    return NULL;
}

static int is_port(const char *text)
{
    char *end = NULL;
    int64_t port = apr_strtoi64(text, &end, 10);

    return *text >= '0' && *text <= '9' && *end == '\0' && port >= 1 && port <= 65535;
}

const char *set_advertise(cmd_parms *cmd, void *unused, const char *state, const char *url)
{
    struct mcmp_httpd_host *host = mcmp_httpd_host_of(cmd->server);
    apr_uri_t uri;

    (void)unused;
    if (strcasecmp(state, "on") != 0 && strcasecmp(state, "off") != 0)
        return directive_refuse(cmd, "On or Off, with a URL behind it if you like", state);
    host->advertise = strcasecmp(state, "on") == 0;
    if (url == NULL)
        return NULL;
    if (strstr(url, "://") == NULL)
        url = apr_pstrcat(cmd->pool, "http://", url, NULL);
    if (apr_uri_parse(cmd->pool, url, &uri) != APR_SUCCESS || uri.hostname == NULL ||
        uri.hostname[0] == '\0' || (uri.port_str != NULL && !is_port(uri.port_str)) ||
        (strcmp(uri.scheme, "http") != 0 && strcmp(uri.scheme, "https") != 0))
        return directive_refuse(cmd, "On or Off and [http[s]://]HOST[:PORT]", url);
    host->advertise_url = url;
    return NULL;
}

/* An address, or a name that httpd may look up. */
static int is_host(const char *host)
{
    struct in6_addr address;

    if (strchr(host, ':') != NULL)
        return inet_pton(AF_INET6, host, &address) == 1;
    return host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")] ==
           '\0';
}

const char *set_advertise_address(cmd_parms *cmd, void *unused, const char *arg)
{
    const struct directive *what = cmd->info;
    char *address = NULL;
    char *scope = NULL;
    apr_port_t port = 0;

    (void)unused;
    if (apr_parse_addr_port(&address, &scope, &port, arg, cmd->pool) != APR_SUCCESS ||
        address == NULL || scope != NULL || !is_host(address))
        return directive_refuse(cmd, "ADDRESS[:PORT], an IPv6 address in brackets", arg);
    *(const char **)(void *)((char *)directive_target(cmd) + what->offset) = arg;
    return NULL;
}

/* Seconds, and behind a dot milliseconds as a number of their own, as they always were. */
const char *set_advertise_frequency(cmd_parms *cmd, void *unused, const char *arg)
{
    char *end = NULL;
    int64_t value = apr_strtoi64(arg, &end, 10) * 1000;
    int good = end != arg && *arg != '-' && *arg != '+';

    (void)unused;
    if (good && *end == '.') {
        const char *rest = end + 1;
        int64_t ms = apr_strtoi64(rest, &end, 10);

        good = *rest >= '0' && *rest <= '9' && ms < 1000;
        value += ms;
    }
    if (!good || *end != '\0' || value <= 0 || value > 3600 * 1000)
        return directive_refuse(cmd, "SECONDS[.MILLISECONDS], more than 0 and at most 3600", arg);
    mcmp_httpd_host_of(cmd->server)->advertise_frequency = value;
    return NULL;
}
