/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the module share. Two nginx modules live in the one object file:
 * ngx_http_mcmp_module (zones, the management port, the page, the clock, variables) and
 * ngx_http_mcmp_traffic_module (upstream peers, mcmp_pass, AJP), each with directives and
 * configuration of its own. The second sees of the first what stands here.
 */
#ifndef NGX_MCMP_MODULE_H
#define NGX_MCMP_MODULE_H

#include "compat.h"

#include <libmcmp/libmcmp.h>

extern ngx_module_t ngx_http_mcmp_module;
extern ngx_module_t ngx_http_mcmp_traffic_module;

typedef struct ngx_mcmp_zone_s ngx_mcmp_zone_t;
typedef struct ngx_mcmp_shared_s ngx_mcmp_shared_t;
typedef struct ngx_mcmp_advertise_s ngx_mcmp_advertise_t;

/* What the directives say of a zone; NGX_CONF_UNSET_* and NULL: not said, the default holds. Each
 * ngx_uint_t is one word of a directive, times are in milliseconds. */
typedef struct {
    ngx_uint_t nodes;
    ngx_uint_t aliases;
    ngx_uint_t contexts;
    ngx_uint_t balancers;
    ngx_uint_t processes;
    ngx_uint_t message;        /* bytes of a body */
    ngx_uint_t policy;         /* MCMP_POLICY_* */
    ngx_uint_t replace_policy; /* MCMP_REPLACE_* */
    ngx_uint_t use_alias;      /* 0 or 1 */
    ngx_uint_t no_context;     /* 404 or 503, for all balancers */
    ngx_uint_t options;        /* MCMP_CLUSTER_* of mcmp_options */
    ngx_uint_t slow_start;
    ngx_uint_t recalc;
    ngx_uint_t silent_after; /* NGX_MCMP_OFF: never */
    ngx_uint_t grace;
    ngx_uint_t domain_memory;
    ngx_uint_t heal;
    ngx_uint_t stop_hold; /* NGX_MCMP_OFF: never */
    ngx_uint_t probe_deadline;
    ngx_uint_t probe_failures;
    ngx_uint_t probe_good_below;
    ngx_str_t probe_method; /* all texts are NUL-terminated */
    ngx_str_t probe_path;
    ngx_str_t probe_host;
    ngx_str_t default_balancer;
    ngx_str_t no_context_503; /* comma list of balancers */
    ngx_str_t allow;          /* comma list, as the library takes it */
    ngx_str_t state;          /* full path */
    ngx_array_t *identities;  /* of mcmp_pair */
} ngx_mcmp_settings_t;

#define NGX_MCMP_OFF ((ngx_uint_t)NGX_CONF_UNSET_UINT - 1)

/* An error of the configuration, with the name of the directive in front. */
#define ngx_mcmp_conf_error(cf, err, form, ...)                           \
    ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "\"%V\" directive: " form, \
                       (ngx_str_t *)(cf)->args->elts, __VA_ARGS__)

struct ngx_mcmp_zone_s {
    ngx_str_t name;
    size_t size;       /* 0: named by a directive, not yet defined by mcmp_zone */
    ngx_str_t segment; /* NUL-terminated; empty: the region lies in the zone itself */
    ngx_mcmp_settings_t settings;
    ngx_shm_zone_t *shm;
    ngx_mcmp_shared_t *shared; /* inside the zone */
    mcmp_cluster *cluster;     /* of this process; NULL: no process slot was free, answer 503 */
    ngx_log_t *log;            /* of the cycle */
    ngx_resolver_t *resolver;  /* of the http block; NULL or without servers: literals only */
    ngx_msec_t resolver_timeout;
    void *ssl;                       /* ngx_ssl_t of probes in this process */
    ngx_mcmp_zone_t *previous;       /* of the cycle before, when the state has to move */
    ngx_mcmp_advertise_t *advertise; /* NULL: not said */
    void *worker;                    /* what the core keeps in this process */
    u_char *file;                    /* where it was first named, for messages */
    ngx_uint_t line;

    /* For the traffic module: set in its init_process, called in every worker about once a second
     * and whenever a node is known to have gone, to drop idle connections of nodes that
     * mcmp_node_is_current() no longer knows. */
    void (*sweep)(ngx_mcmp_zone_t *zone);
    void *traffic;
};

/* What is known of one request, for the variables and the log; one per main or sub request. */
typedef struct {
    ngx_mcmp_zone_t *zone;
    ngx_http_request_t *request;
    ngx_uint_t tries;  /* selections that were forwarded */
    ngx_uint_t reason; /* MCMP_REASON_* */
    ngx_str_t route;
    ngx_str_t node; /* scheme://host:port */
    ngx_str_t context;
    ngx_str_t balancer;
    ngx_str_t session_route;
    void *traffic; /* the traffic module's own */
    void *body;    /* a message that is being read */
} ngx_mcmp_ctx_t;

/* zone_conf.c: the zone of this name. One that no mcmp_zone has defined yet is remembered; the end
 * of the http block complains when none does. NULL without memory. */
ngx_mcmp_zone_t *ngx_mcmp_zone_use(ngx_conf_t *cf, ngx_str_t *name);

/* All zones of a cycle: array of ngx_mcmp_zone_t *; NULL when the http block has none. */
ngx_array_t *ngx_mcmp_zones(ngx_cycle_t *cycle);

/* At run time, for names out of variables; NULL: there is none. */
ngx_mcmp_zone_t *ngx_mcmp_zone_find(ngx_str_t *name);

/* tick.c: CLOCK_MONOTONIC in microseconds, the same in all processes. */
mcmp_time ngx_mcmp_now(void);

/* variables.c: the request's record, made when there is none; it survives internal redirects. NULL
 * without memory. */
ngx_mcmp_ctx_t *ngx_mcmp_ctx(ngx_http_request_t *r);

/* Copies what a selection says into the record (into the request's pool). Called for each try. */
ngx_int_t ngx_mcmp_ctx_note(ngx_http_request_t *r, ngx_mcmp_ctx_t *ctx,
                            const mcmp_selection *selection);

/* probe.c: lookup of a node's host for connecting. Literals and localhost are known at once; other
 * names go to nginx's resolver. */
#define NGX_MCMP_ADDRESSES 8

typedef struct {
    ngx_sockaddr_t sockaddr;
    socklen_t socklen;
} ngx_mcmp_address_t;

/* 1 when host is a literal or localhost: *count addresses with the port set; else 0. */
ngx_uint_t ngx_mcmp_literal(mcmp_span host, uint32_t port, ngx_mcmp_address_t *list,
                            ngx_uint_t *count);

/* log.c: an error of the library in the words of nginx's log. */
void ngx_mcmp_log_error(ngx_uint_t level, ngx_log_t *log, const char *what, const mcmp_error *err);

static inline mcmp_span ngx_mcmp_span(const ngx_str_t *str)
{
    mcmp_span span = { (const char *)str->data, str->len };

    return span;
}

#endif
