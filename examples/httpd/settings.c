/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings and hosts: created unset, merged per virtual host, completed with the defaults when the
 * whole configuration was read. Tables name every member, so none is forgotten in one of the steps.
 */
#include "settings.h"

#include <apr_strings.h>

struct number {
    size_t offset;
    int64_t fallback;
    int own; /* a virtual host does not inherit it */
};

#define SETTING(member) offsetof(struct mcmp_httpd_settings, member)
#define HOST(member) offsetof(struct mcmp_httpd_host, member)

static const struct number setting_numbers[] = {
    { SETTING(max_nodes), 20, 0 },
    { SETTING(max_hosts), 20, 0 },
    { SETTING(max_contexts), 100, 0 },
    { SETTING(max_sessions), 0, 0 },
    { SETTING(max_message), 0, 0 },
    { SETTING(persist), 0, 0 },
    { SETTING(cache_share), 0, 0 },
    { SETTING(threads), 16, 0 },
    { SETTING(recalc), 5, 0 },
    { SETTING(grace), 10, 0 },
    { SETTING(use_alias), 0, 0 },
    { SETTING(deterministic), 0, 0 },
    { SETTING(enable_options), 1, 0 },
    { SETTING(ws_tunnel), 1, 0 }, /* WebSocket works without a word of configuration */
    { SETTING(policy), MCMP_POLICY_LBFACTOR, 0 },
    { SETTING(replace_policy), MCMP_REPLACE_PROBE_OLD, 0 },
    { SETTING(slow_start), 0, 0 },
    { SETTING(all_or_nothing), 0, 0 },
    { SETTING(silent_after), 15, 0 },
    { SETTING(ping_any), 0, 0 },
    { SETTING(probe_deadline), 10, 0 },
    { SETTING(probe_failures), 60, 0 },
    { SETTING(probe_below), 500, 0 },
    { SETTING(hc_interval), 0, 0 },
    { SETTING(hc_passes), 1, 0 },
    { SETTING(hc_fails), 1, 0 },
    { SETTING(hc_connect), 0, 0 },
};

static const size_t setting_texts[] = {
    SETTING(probe_method), SETTING(probe_path), SETTING(probe_host), SETTING(balancer_name),
    SETTING(memory_file),  SETTING(state_file), SETTING(allow),
};

static const struct number host_numbers[] = {
    { HOST(receive), 0, 1 },
    { HOST(max_message), 0, 0 },
    { HOST(create_balancers), MCMP_HTTPD_BALANCERS_MAIN, 0 },
    { HOST(use_nocanon), 0, 0 },
    { HOST(no_context_status), HTTP_NOT_FOUND, 0 },
    { HOST(response_field_size), 8192, 0 },
    { HOST(check_nonce), 1, 0 },
    { HOST(allow_display), 0, 0 },
    { HOST(allow_commands), 1, 0 },
    { HOST(reduce_display), 0, 0 },
    { HOST(advertise), 0, 1 },
    { HOST(advertise_frequency), 10000, 0 },
};

static const size_t host_texts[] = {
    HOST(ws_upgrade),    HOST(ajp_secret),     HOST(advertise_url),     HOST(advertise_group),
    HOST(advertise_key), HOST(advertise_bind), HOST(advertise_manager),
};

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static struct mcmp_httpd_settings *settings; /* of the generation that is being read or runs */
static int64_t asked_hosts;                  /* before they were raised */
static int64_t asked_contexts;

struct mcmp_httpd_settings *mcmp_httpd_settings(void)
{
    return settings;
}

struct mcmp_httpd_host *mcmp_httpd_host_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &mcmp_module);
}

static int64_t *number_at(void *object, size_t offset)
{
    return (int64_t *)(void *)((char *)object + offset);
}

static const char **text_at(void *object, size_t offset)
{
    return (const char **)(void *)((char *)object + offset);
}

static void unset(void *object, const struct number *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *number_at(object, table[i].offset) = MCMP_HTTPD_UNSET;
}

static void complete(void *object, const struct number *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (*number_at(object, table[i].offset) == MCMP_HTTPD_UNSET)
            *number_at(object, table[i].offset) = table[i].fallback;
}

void settings_begin(apr_pool_t *pconf)
{
    settings = apr_pcalloc(pconf, sizeof(*settings));
    unset(settings, setting_numbers, COUNT(setting_numbers));
}

void *host_create(apr_pool_t *p, server_rec *s)
{
    struct mcmp_httpd_host *host = apr_pcalloc(p, sizeof(*host));

    (void)s;
    unset(host, host_numbers, COUNT(host_numbers));
    return host;
}

void *host_merge(apr_pool_t *p, void *base, void *add)
{
    struct mcmp_httpd_host *host = apr_pmemdup(p, add, sizeof(*host));

    for (size_t i = 0; i < COUNT(host_numbers); i++) {
        int64_t *value = number_at(host, host_numbers[i].offset);

        if (*value == MCMP_HTTPD_UNSET && !host_numbers[i].own)
            *value = *number_at(base, host_numbers[i].offset);
    }
    for (size_t i = 0; i < COUNT(host_texts); i++)
        if (*text_at(host, host_texts[i]) == NULL)
            *text_at(host, host_texts[i]) = *text_at(base, host_texts[i]);
    return host;
}

static void default_text(const char **text, const char *fallback)
{
    if (*text == NULL)
        *text = fallback;
}

/* Each node has a host and each host a context at least. */
static void raise_sizes(void)
{
    asked_hosts = settings->max_hosts;
    asked_contexts = settings->max_contexts;
    if (settings->max_hosts < settings->max_nodes)
        settings->max_hosts = settings->max_nodes;
    if (settings->max_contexts < settings->max_hosts)
        settings->max_contexts = settings->max_hosts;
}

static void tell_raised(server_rec *s, const char *name, int64_t from, int64_t to, const char *of)
{
    if (from != to)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                     "%s is raised from %" APR_INT64_T_FMT " to %s, %" APR_INT64_T_FMT, name, from,
                     of, to);
}

void settings_tell(server_rec *s)
{
    tell_raised(s, "Maxhost", asked_hosts, settings->max_hosts, "Maxnode");
    tell_raised(s, "Maxcontext", asked_contexts, settings->max_contexts, "Maxhost");
    if (settings->cache_share > 0)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "CacheShareFor has no effect: what is shared is never stale");
}

/* The region takes the greatest message of any host; each host then refuses by its own limit. */
static void finish_hosts(server_rec *s)
{
    int64_t computed = (int64_t)mcmp_message_limit((uint32_t)settings->max_hosts,
                                                   (uint32_t)settings->max_contexts);

    settings->max_message = computed;
    for (; s != NULL; s = s->next) {
        struct mcmp_httpd_host *host = mcmp_httpd_host_of(s);

        complete(host, host_numbers, COUNT(host_numbers));
        default_text(&host->ws_upgrade, "websocket");
        default_text(&host->advertise_group, "224.0.1.105:23364");
        if (host->max_message == 0)
            host->max_message = computed;
        if (host->max_message > settings->max_message)
            settings->max_message = host->max_message;
    }
}

static void default_texts(apr_pool_t *pconf)
{
    default_text(&settings->probe_method, "OPTIONS");
    default_text(&settings->probe_path, "*");
    default_text(&settings->balancer_name, "mycluster");
    default_text(&settings->memory_file, "logs/mod_mcmp");
    default_text(&settings->allow, "private");
    if (settings->state_file == NULL && settings->persist == 1)
        settings->state_file = apr_pstrcat(pconf, settings->memory_file, ".state", NULL);
    if (settings->state_file != NULL)
        settings->state_file = ap_server_root_relative(pconf, settings->state_file);
}

void settings_finish(apr_pool_t *pconf, server_rec *s)
{
    complete(settings, setting_numbers, COUNT(setting_numbers));
    for (size_t i = 0; i < COUNT(setting_texts); i++)
        if (*text_at(settings, setting_texts[i]) != NULL &&
            **text_at(settings, setting_texts[i]) == '\0')
            *text_at(settings, setting_texts[i]) = NULL;
    default_texts(pconf);
    raise_sizes();
    finish_hosts(s);
    if (settings->enable_options == 0)
        settings->hc_connect = 1;
}
