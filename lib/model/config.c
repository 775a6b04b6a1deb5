/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a cluster: defaults filled in, ranges checked. A zero is the default, MCMP_NEVER
 * switches a time off and stays as it is; texts still point to the caller's memory afterwards.
 */
#include "model/segment.h"

#include <libmcmp/version.h>

void mcmp_cluster_options_init_sized(mcmp_cluster_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

void mcmp_work_init_sized(mcmp_work *work, size_t size)
{
    mcmp__sized_init(work, size);
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

static int take_times(mcmp_cluster_options *opts, mcmp_error *err)
{
    const struct {
        const char *name;
        mcmp_time *value;
        mcmp_time fallback;
    } rows[] = {
        { "silent_after", &opts->silent_after, 15 * MCMP_SEC },
        { "grace", &opts->grace, 10 * MCMP_SEC },
        { "recalc_period", &opts->recalc_period, 5 * MCMP_SEC },
        { "domain_memory", &opts->domain_memory, 300 * MCMP_SEC },
        { "slow_start", &opts->slow_start, MCMP_NEVER },
        { "heal_window", &opts->heal_window, 5 * MCMP_SEC },
        { "probe_deadline", &opts->probe_deadline, 10 * MCMP_SEC },
        { "stop_hold", &opts->stop_hold, 50 * MCMP_MSEC },
        { "probe_period", &opts->probe_period, 0 },
    };

    for (size_t i = 0; i < MCMP__COUNT(rows); i++) {
        if (*rows[i].value < MCMP_NEVER || *rows[i].value > INT64_MAX / 4)
            return mcmp__fail(err, MCMP_ERR_INVALID, rows[i].name, "%s is no time", rows[i].name);
        if (*rows[i].value == 0)
            *rows[i].value = rows[i].fallback;
    }
    if (opts->probe_period == 0)
        opts->probe_period = opts->recalc_period;
    return MCMP_OK;
}

static int take_limits(mcmp__config *config, mcmp_error *err)
{
    mcmp_command_limits *limits = &config->limits;
    int rc = mcmp__sized_in(limits, sizeof(*limits), config->opts.limits, sizeof(size_t));
    const struct {
        const char *name;
        uint32_t *value;
        uint32_t fallback, max;
    } rows[] = {
        { "jvm_route", &limits->jvm_route, 63, 255 }, { "domain", &limits->domain, 19, 255 },
        { "host", &limits->host, 63, 255 },           { "port", &limits->port, 6, 255 },
        { "type", &limits->type, 15, 255 },           { "balancer", &limits->balancer, 39, 255 },
        { "cookie", &limits->cookie, 29, 255 },       { "alias", &limits->alias, 254, 255 },
        { "context", &limits->context, 79, 1023 },
    };

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "limits", "the limits can't be read");
    for (size_t i = 0; i < MCMP__COUNT(rows); i++) {
        *rows[i].value = or_default(*rows[i].value, rows[i].fallback);
        if (*rows[i].value > rows[i].max)
            return mcmp__fail(err, MCMP_ERR_LIMIT, rows[i].name, "%s is %u, at most %u is possible",
                              rows[i].name, *rows[i].value, rows[i].max);
    }
    limits->struct_size = sizeof(*limits);
    if (limits->max_message == 0)
        limits->max_message =
            mcmp_message_limit(config->opts.max_aliases, config->opts.max_contexts);
    config->opts.limits = limits;
    return MCMP_OK;
}

/* Built-in defaults are stored like names that were sent, so they have to fit as well. */
static int check_defaults(const mcmp__config *config, mcmp_error *err)
{
    const mcmp_command_limits *limits = &config->limits;
    mcmp_span balancer = mcmp__span_str(config->opts.default_balancer);

    if (limits->host < sizeof("localhost") - 1)
        return mcmp__fail(err, MCMP_ERR_LIMIT, "host", "the default Host is longer");
    if (limits->cookie < sizeof("JSESSIONID") - 1)
        return mcmp__fail(err, MCMP_ERR_LIMIT, "cookie", "the default cookie is longer");
    if (balancer.len > limits->balancer)
        return mcmp__fail(err, MCMP_ERR_LIMIT, "default_balancer",
                          "the name of the default balancer is over its limit of %u",
                          limits->balancer);
    if (balancer.len == 0 || strpbrk(balancer.ptr, ",[]<>\"'\r\n") != NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "default_balancer",
                          "the name of the default balancer is none that CONFIG takes");
    return MCMP_OK;
}

static int take_kinds(mcmp_cluster_options *opts, mcmp_error *err)
{
    if (opts->memory > MCMP_MEMORY_NAMED)
        return mcmp__fail(err, MCMP_ERR_INVALID, "memory", "unknown kind of memory");
    if (opts->attach > MCMP_ATTACH_READ)
        return mcmp__fail(err, MCMP_ERR_INVALID, "attach", "unknown way to attach");
    if (opts->memory == MCMP_MEMORY_NAMED &&
        mcmp__segment_name_check(opts->segment, err) != MCMP_OK)
        return MCMP_ERR_INVALID;
    if (opts->replace_policy > MCMP_REPLACE_LAST_WRITER)
        return mcmp__fail(err, MCMP_ERR_INVALID, "replace_policy", "unknown policy");
    if (opts->policy > MCMP_POLICY_CUSTOM)
        return mcmp__fail(err, MCMP_ERR_INVALID, "policy", "unknown policy");
    if (opts->policy == MCMP_POLICY_CUSTOM && opts->better == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "better", "a custom policy needs its function");
    if (opts->flags >= MCMP_CLUSTER_NO_CONTEXT_503 * 2)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flag");
    if (opts->identity_count != 0 && opts->identities == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "identities", "NULL with a count");
    return MCMP_OK;
}

/* The ring's positions wrap with its size, so that is a power of two. */
static int take_ring(mcmp_cluster_options *opts, mcmp_error *err)
{
    const uint64_t greatest = UINT64_C(1) << 30;
    uint64_t size = 4096;

    if (opts->change_ring > greatest)
        return mcmp__fail(err, MCMP_ERR_LIMIT, "change_ring",
                          "change_ring is %llu, at most %llu is possible",
                          (unsigned long long)opts->change_ring, (unsigned long long)greatest);
    while (size < opts->change_ring)
        size *= 2;
    opts->change_ring = opts->change_ring != 0 ? size : 0;
    return MCMP_OK;
}

static int take_host_ops(mcmp__config *config, mcmp_error *err)
{
    int rc = mcmp__allocator_take(&config->allocator, config->opts.allocator);

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator can't be used");
    rc = mcmp__sized_in(&config->logger, sizeof(config->logger), config->opts.logger,
                        sizeof(size_t));
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "logger", "the logger can't be used");
    config->opts.allocator = &config->allocator;
    config->opts.logger = &config->logger;
    return MCMP_OK;
}

int mcmp__config_take(mcmp__config *config, const mcmp_cluster_options *opts, mcmp_error *err)
{
    mcmp_cluster_options *own = &config->opts;
    int rc;

    memset(config, 0, sizeof(*config));
    rc = mcmp__sized_in(own, sizeof(*own), opts, sizeof(size_t));
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "options", "the options can't be read");
    own->struct_size = sizeof(*own);
    own->max_nodes = or_default(own->max_nodes, 4096);
    own->max_aliases = or_default(own->max_aliases, 65536);
    own->max_contexts = or_default(own->max_contexts, 1048576);
    own->max_balancers = or_default(own->max_balancers, own->max_nodes);
    own->max_processes = own->memory == MCMP_MEMORY_HEAP ? 1 : or_default(own->max_processes, 64);
    own->max_failed_probes = or_default(own->max_failed_probes, 60);
    own->probe_good_below = or_default(own->probe_good_below, 500);
    if (own->default_balancer == NULL)
        own->default_balancer = "mycluster";
    if (own->product == NULL)
        own->product = "libmcmp/" MCMP_VERSION ".Final";
    if (own->allow == NULL)
        own->allow = "private";
    if (own->probe_method == NULL)
        own->probe_method = "OPTIONS";
    if (own->probe_path == NULL)
        own->probe_path = "*";
    rc = take_kinds(own, err);
    if (rc == MCMP_OK)
        rc = take_times(own, err);
    if (rc == MCMP_OK)
        rc = take_limits(config, err);
    if (rc == MCMP_OK)
        rc = check_defaults(config, err);
    if (rc == MCMP_OK)
        rc = take_ring(own, err);
    if (rc == MCMP_OK)
        rc = take_host_ops(config, err);
    return rc;
}
