/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the words of the directives to the options of a cluster. What was not said stays zero, which
 * is the library's default; only the sizes of the tables have defaults of the module, since they
 * make the size of the zone.
 */
#include "core.h"

#define NODES 256u
#define ALIASES 1024u
#define CONTEXTS 8192u
#define PROCESSES 64u

static uint32_t number(ngx_uint_t value, uint32_t otherwise)
{
    return value == NGX_CONF_UNSET_UINT ? otherwise : (uint32_t)value;
}

static mcmp_time duration(ngx_uint_t value)
{
    if (value == NGX_CONF_UNSET_UINT)
        return 0;
    return value == NGX_MCMP_OFF ? MCMP_NEVER : (mcmp_time)value * MCMP_MSEC;
}

static const char *text(const ngx_str_t *value)
{
    return value->data != NULL ? (const char *)value->data : NULL;
}

static uint32_t flags_of(const ngx_mcmp_settings_t *s)
{
    uint32_t flags = number(s->options, 0);

    if (number(s->use_alias, 0) != 0)
        flags |= MCMP_CLUSTER_USE_ALIAS;
    if (number(s->no_context, 404) == 503)
        flags |= MCMP_CLUSTER_NO_CONTEXT_503;
    return flags;
}

static void fill_tables(mcmp_cluster_options *opts, const ngx_mcmp_settings_t *s)
{
    opts->max_nodes = number(s->nodes, NODES);
    opts->max_aliases = number(s->aliases, ALIASES);
    opts->max_contexts = number(s->contexts, CONTEXTS);
    opts->max_balancers = number(s->balancers, 0);
    opts->max_processes = number(s->processes, PROCESSES);
}

static void fill_times(mcmp_cluster_options *opts, const ngx_mcmp_settings_t *s)
{
    opts->silent_after = duration(s->silent_after);
    opts->grace = duration(s->grace);
    opts->recalc_period = duration(s->recalc);
    opts->domain_memory = duration(s->domain_memory);
    opts->slow_start = duration(s->slow_start);
    opts->heal_window = duration(s->heal);
    opts->stop_hold = duration(s->stop_hold);
    opts->probe_deadline = duration(s->probe_deadline);
}

/* A zone that is not open yet has no log. */
static void fill_logger(mcmp_logger *logger, const ngx_mcmp_zone_t *zone)
{
    mcmp_logger_init(logger);
    logger->fn = ngx_mcmp_log_library;
    logger->ctx = (void *)(uintptr_t)zone;
    logger->level = MCMP_LOG_INFO;
    if (zone->log != NULL && zone->log->log_level >= NGX_LOG_DEBUG)
        logger->level = MCMP_LOG_DEBUG;
}

void ngx_mcmp_options_fill(ngx_mcmp_options_t *room, const ngx_mcmp_zone_t *zone)
{
    const ngx_mcmp_settings_t *s = &zone->settings;
    mcmp_cluster_options *opts = &room->options;

    mcmp_cluster_options_init(opts);
    mcmp_command_limits_init(&room->limits);
    fill_tables(opts, s);
    fill_times(opts, s);
    fill_logger(&room->logger, zone);
    room->limits.max_message = number(s->message, 0);
    opts->limits = &room->limits;
    opts->logger = &room->logger;
    opts->flags = flags_of(s);
    opts->policy = number(s->policy, MCMP_POLICY_LBFACTOR);
    opts->replace_policy = number(s->replace_policy, MCMP_REPLACE_PROBE_OLD);
    opts->max_failed_probes = number(s->probe_failures, 0);
    opts->probe_good_below = number(s->probe_good_below, 0);
    opts->probe_method = text(&s->probe_method);
    opts->probe_path = text(&s->probe_path);
    opts->probe_host = text(&s->probe_host);
    opts->default_balancer = text(&s->default_balancer);
    opts->no_context_503 = text(&s->no_context_503);
    opts->allow = text(&s->allow);
    if (s->identities != NULL) {
        opts->identities = s->identities->elts;
        opts->identity_count = s->identities->nelts;
    }
    opts->memory = MCMP_MEMORY_HOST;
    if (zone->segment.len != 0) {
        opts->memory = MCMP_MEMORY_NAMED;
        opts->segment = text(&zone->segment);
    } else if (zone->shared != NULL) {
        opts->host_memory = zone->shared->region;
        opts->host_memory_size = zone->shared->region_size;
    }
    opts->now = ngx_mcmp_now();
}

int ngx_mcmp_same_limits(const ngx_mcmp_settings_t *a, const ngx_mcmp_settings_t *b)
{
    mcmp_cluster_options x = { 0 };
    mcmp_cluster_options y = { 0 };

    fill_tables(&x, a);
    fill_tables(&y, b);
    return ngx_memcmp(&x, &y, sizeof(x)) == 0 && number(a->message, 0) == number(b->message, 0);
}
