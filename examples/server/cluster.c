/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the cluster: the configuration's words become the library's options. The region is memory
 * that workers inherit over fork, with a name or without. Who may manage is judged by our own list
 * (acl.c), so the library's own one stands open behind it.
 */
#include "cluster.h"

#include <stdio.h>
#include <time.h>

#include "identities.h"
#include "log.h"

mcmp_time clock_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (mcmp_time)ts.tv_sec * MCMP_SEC + ts.tv_nsec / 1000;
}

static int authorize(void *ctx, const mcmp_access *access)
{
    return acl_matches(ctx, access->peer) ? 0 : -1;
}

static uint32_t flags_of(const struct config *config)
{
    uint32_t flags = 0;

    flags |= config->use_alias ? MCMP_CLUSTER_USE_ALIAS : 0;
    flags |= config->all_or_nothing ? MCMP_CLUSTER_ALL_OR_NOTHING : 0;
    flags |= config->heal_reset ? 0 : MCMP_CLUSTER_NO_HEAL_RESET;
    flags |= config->ranked_routes ? MCMP_CLUSTER_RANKED_ROUTES : 0;
    flags |= config->deterministic ? MCMP_CLUSTER_DETERMINISTIC : 0;
    flags |= config->ping_any ? MCMP_CLUSTER_PING_ANY : 0;
    flags |= config->ownership ? MCMP_CLUSTER_OWNERSHIP : 0;
    flags |= config->no_context_status == 1 ? MCMP_CLUSTER_NO_CONTEXT_503 : 0;
    return flags;
}

static void set_limits(mcmp_command_limits *limits, const struct config *config)
{
    mcmp_command_limits_init(limits);
    limits->max_message = (uint64_t)config->max_message;
    limits->jvm_route = (uint32_t)config->len_route;
    limits->domain = (uint32_t)config->len_domain;
    limits->host = (uint32_t)config->len_host;
    limits->port = (uint32_t)config->len_port;
    limits->type = (uint32_t)config->len_type;
    limits->balancer = (uint32_t)config->len_balancer;
    limits->cookie = (uint32_t)config->len_cookie;
    limits->alias = (uint32_t)config->len_alias;
    limits->context = (uint32_t)config->len_context;
}

static void set_times(mcmp_cluster_options *opts, const struct config *config)
{
    opts->silent_after = config->silent_after;
    opts->grace = config->grace;
    opts->recalc_period = config->recalc;
    opts->domain_memory = config->domain_memory;
    opts->slow_start = config->slow_start;
    opts->heal_window = config->heal_window;
    opts->probe_deadline = config->probe_deadline;
    opts->stop_hold = config->stop_hold;
}

/* Servers that share a segment may have other numbers of workers, so its room for processes is one
 * for all. */
#define SEGMENT_PROCESSES 256u

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

int cluster_open(mcmp_cluster **out, const struct config *config, const struct acl *acl,
                 unsigned processes, struct complaint *why)
{
    mcmp_cluster_options opts;
    mcmp_command_limits limits;
    mcmp_logger logger;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_logger_init(&logger);
    logger.fn = log_library;
    logger.level = config->log_level > 0 ? (int32_t)config->log_level : MCMP_LOG_ERROR;
    set_limits(&limits, config);
    mcmp_cluster_options_init(&opts);
    opts.memory = MCMP_MEMORY_SHARED;
    opts.max_processes = processes;
    if (config->segment[0] != '\0') {
        opts.memory = MCMP_MEMORY_NAMED;
        opts.segment = config->segment;
        opts.max_processes = SEGMENT_PROCESSES;
    }
    opts.flags = flags_of(config);
    opts.max_nodes = (uint32_t)config->max_nodes;
    opts.max_aliases = (uint32_t)config->max_aliases;
    opts.max_contexts = (uint32_t)config->max_contexts;
    opts.max_balancers = (uint32_t)config->max_balancers;
    opts.replace_policy = (uint32_t)config->replace_policy;
    opts.policy = (uint32_t)config->policy;
    opts.max_failed_probes = (uint32_t)config->max_failed_probes;
    opts.limits = &limits;
    opts.default_balancer = config->default_balancer;
    opts.product = or_null(config->product);
    opts.allow = "any";
    if (config->identities != NULL) {
        opts.identities = config->identities->item;
        opts.identity_count = config->identities->count;
    }
    opts.authorize = authorize;
    opts.authorize_ctx = (void *)(uintptr_t)acl;
    set_times(&opts, config);
    opts.logger = &logger;
    opts.probe_method = config->probe_method;
    opts.probe_path = config->probe_path;
    opts.probe_host = or_null(config->probe_host);
    opts.no_context_503 = or_null(config->no_context_503);
    opts.probe_good_below = (uint32_t)config->probe_good_below;
    opts.now = clock_now();
    if (mcmp_cluster_open(out, &opts, &err) == MCMP_OK)
        return 0;
    snprintf(why->text, sizeof(why->text), "can't open the cluster: %s: %s%s",
             mcmp_error_name(err.code), err.message,
             err.code == MCMP_ERR_REGION && opts.segment != NULL
                 ? "; options or version differ from those that made the segment: --segment takes "
                   "another name, --remove-segment removes this one"
                 : "");
    return -1;
}
