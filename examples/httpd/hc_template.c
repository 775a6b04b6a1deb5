/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ModProxyClusterHCTemplate: the keys of mod_proxy_hcheck's templates as settings of our probes.
 * Nodes of type ajp are asked by CPing whatever the method is.
 */
#include "directives.h"

#include "hc_expr.h"

#include <apr_strings.h>
#include <strings.h>

#define MOST_TRIES 100

struct key {
    const char *name;
    /* NULL, or what the value must be */
    const char *(*set)(cmd_parms *cmd, const char *value);
};

static const char *set_interval(cmd_parms *cmd, const char *value)
{
    apr_interval_time_t interval = 0;

    (void)cmd;
    if (ap_timeout_parameter_parse(value, &interval, "s") != APR_SUCCESS ||
        interval < apr_time_from_msec(100) || interval > apr_time_from_sec(86400))
        return "a time from 100ms to 86400 seconds";
    mcmp_httpd_settings()->hc_interval = interval;
    return NULL;
}

static const char *set_tries(const char *value, int64_t *out)
{
    char *end = NULL;
    int64_t tries = apr_strtoi64(value, &end, 10);

    if (end == value || *end != '\0' || tries < 1 || tries > MOST_TRIES)
        return "a whole number from 1 to 100";
    *out = tries;
    return NULL;
}

static const char *set_passes(cmd_parms *cmd, const char *value)
{
    (void)cmd;
    return set_tries(value, &mcmp_httpd_settings()->hc_passes);
}

static const char *set_fails(cmd_parms *cmd, const char *value)
{
    (void)cmd;
    return set_tries(value, &mcmp_httpd_settings()->hc_fails);
}

/* Methods with an 11 are those of HTTP/1.1, as all of ours are. */
static const char *set_method(cmd_parms *cmd, const char *value)
{
    static const char *const methods[] = { "OPTIONS", "HEAD", "GET" };

    if (strcasecmp(value, "TCP") == 0) {
        mcmp_httpd_settings()->hc_connect = 1;
        return NULL;
    }
    if (strcasecmp(value, "CPING") == 0)
        return NULL; /* what ajp nodes are asked by */
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        size_t len = strlen(methods[i]);

        if (strncasecmp(value, methods[i], len) == 0 &&
            (value[len] == '\0' || strcmp(value + len, "11") == 0)) {
            mcmp_httpd_settings()->probe_method = apr_pstrdup(cmd->pool, methods[i]);
            return NULL;
        }
    }
    return "OPTIONS, HEAD, GET (each with 11 behind it if you like), TCP or CPING";
}

static const char *set_uri(cmd_parms *cmd, const char *value)
{
    if (strcmp(value, "*") != 0 && value[0] != '/')
        return "a path from / on";
    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return "a path from / on, without blanks";
    mcmp_httpd_settings()->probe_path = apr_pstrdup(cmd->pool, value);
    return NULL;
}

static const char *set_pair(cmd_parms *cmd, const char *pair);

/* One of ProxyHCTemplate, whose keys are the same. */
static const char *use_template(cmd_parms *cmd, const char *name)
{
    const char *args = hc_find(cmd->temp_pool, "ProxyHCTemplate", name);

    if (args == NULL)
        return "the name of a ProxyHCTemplate";
    while (*args != '\0') {
        const char *pair = ap_getword_conf(cmd->temp_pool, &args);
        const char *wrong =
            strncasecmp(pair, "hctemplate=", 11) == 0 ? "no template again" : set_pair(cmd, pair);

        if (wrong != NULL)
            return apr_pstrcat(cmd->pool, "a good template (", wrong, ")", NULL);
    }
    return NULL;
}

static const struct key keys[] = {
    { "hcinterval", set_interval }, { "hcpasses", set_passes }, { "hcfails", set_fails },
    { "hcmethod", set_method },     { "hcuri", set_uri },       { "hcexpr", hc_expr_set },
    { "hctemplate", use_template },
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (strcasecmp(name, keys[i].name) == 0)
            return &keys[i];
    return NULL;
}

static const char *set_pair(cmd_parms *cmd, const char *pair)
{
    char *name = apr_pstrdup(cmd->temp_pool, pair);
    char *value = strchr(name, '=');
    const struct key *key;
    const char *wanted;

    if (value != NULL)
        *value++ = '\0';
    key = find_key(name);
    if (value == NULL || *value == '\0' || key == NULL)
        return directive_refuse(cmd,
                                "key=value with a key of hcinterval, hcpasses, hcfails, hcmethod, "
                                "hcuri, hcexpr, hctemplate",
                                pair);
    wanted = key->set(cmd, value);
    return wanted == NULL ? NULL
                          : apr_psprintf(cmd->pool, "%s: %s must be %s, not \"%s\"", cmd->cmd->name,
                                         key->name, wanted, value);
}

const char *set_hc_template(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    (void)unused;
    if (argc == 0)
        return apr_psprintf(cmd->pool, "%s needs at least one key=value", cmd->cmd->name);
    for (int i = 0; i < argc; i++) {
        const char *wrong = set_pair(cmd, argv[i]);

        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}
