/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of mod_mcmp share: the settings of the cluster, the configuration of a virtual
 * host, the cluster as this process sees it, and the clock.
 *
 * There is one cluster per server. Its settings (struct mcmp_httpd_settings) are one for all hosts:
 * the last directive counts, wherever it stands. What may differ between virtual hosts is in struct
 * mcmp_httpd_host. Both are complete before post_config: nothing is UNSET any more.
 */
#ifndef MCMP_HTTPD_MODULE_H
#define MCMP_HTTPD_MODULE_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_tables.h>

#include <libmcmp/libmcmp.h>

extern module AP_MODULE_DECLARE_DATA mcmp_module;
APLOG_USE_MODULE(mcmp);

#define MCMP_HTTPD_UNSET INT64_MIN /* nothing was said; text: NULL */

/* CreateBalancers: for which hosts requests are looked up in the cluster without a ProxyPass. */
#define MCMP_HTTPD_BALANCERS_ALL 0  /* all virtual hosts */
#define MCMP_HTTPD_BALANCERS_NONE 1 /* none: ProxyPass says what goes to the cluster */
#define MCMP_HTTPD_BALANCERS_MAIN 2 /* the main server only */

/* What is one for the whole server. Numbers are int64_t so that one table can describe them. */
struct mcmp_httpd_settings {
    /* sizes of the shared memory */
    int64_t max_nodes;     /* Maxnode */
    int64_t max_hosts;     /* Maxhost */
    int64_t max_contexts;  /* Maxcontext */
    int64_t max_sessions;  /* Maxsessionid: no effect */
    int64_t max_message;   /* greatest MaxMCMPMessSize of all hosts; 0 = computed */
    int64_t persist;       /* PersistSlots */
    int64_t cache_share;   /* CacheShareFor: no effect */
    int64_t threads;       /* ModProxyClusterThreadCount: probes at one time */
    int64_t recalc;        /* LBstatusRecalTime, in seconds */
    int64_t grace;         /* WaitBeforeRemove, in seconds */
    int64_t use_alias;     /* UseAlias */
    int64_t deterministic; /* DeterministicFailover */
    int64_t
        enable_options; /* EnableOptions: http nodes are probed by a request, not by a connect */
    int64_t ws_tunnel;  /* EnableWsTunnel: http nodes count as ws ones, https as wss; default On */
    int64_t policy;     /* MCMPPolicy: MCMP_POLICY_* */
    int64_t replace_policy; /* MCMPReplacePolicy: MCMP_REPLACE_* */
    int64_t slow_start;     /* MCMPSlowStart, in seconds; 0 = off */
    int64_t all_or_nothing; /* MCMPAllOrNothing */
    int64_t silent_after;   /* MCMPSilentAfter, in seconds; 0 = never */
    int64_t ping_any;       /* MCMPProbeAnyEndpoint */
    int64_t probe_deadline; /* MCMPProbeDeadline, in seconds */
    int64_t probe_failures; /* MCMPProbeFailures: in a row, until a node is removed */
    int64_t probe_below;    /* MCMPProbeGoodBelow */
    const char *probe_method;
    const char *probe_path;
    const char *probe_host;
    const char *balancer_name;      /* ManagerBalancerName */
    const char *memory_file;        /* MemManagerFile: names the state file of PersistSlots */
    const char *state_file;         /* MCMPStateFile */
    const char *allow;              /* MCMPAuthorize: comma list */
    apr_array_header_t *identities; /* MCMPAuthorizeCert: of mcmp_pair; NULL = none */
    int64_t hc_interval;            /* ModProxyClusterHCTemplate: microseconds; 0 = recalc */
    int64_t hc_passes;              /* good probes in a row that end an error */
    int64_t hc_fails;               /* failed ones in a row that begin it */
    int64_t hc_connect;             /* http nodes are probed by a connection alone */
};

/* What a virtual host may have of its own; inherited from the main server. */
struct mcmp_httpd_host {
    int64_t receive;             /* EnableMCMPReceive; never inherited */
    int64_t max_message;         /* MaxMCMPMessSize; 0 = computed */
    int64_t create_balancers;    /* CreateBalancers: MCMP_HTTPD_BALANCERS_* */
    int64_t use_nocanon;         /* UseNocanon */
    int64_t no_context_status;   /* ResponseStatusCodeOnNoContext */
    int64_t response_field_size; /* ResponseFieldSize */
    int64_t check_nonce;         /* CheckNonce */
    int64_t allow_display;       /* AllowDisplay */
    int64_t allow_commands;      /* AllowCmd */
    int64_t reduce_display;      /* ReduceDisplay */
    int64_t advertise;           /* ServerAdvertise; never inherited */
    int64_t advertise_frequency; /* AdvertiseFrequency, in milliseconds */
    int64_t workers_kind;        /* which workers serve its requests; set in each child */
    const char *ws_upgrade;      /* WSUpgradeHeader; NULL = "websocket" */
    const char *ajp_secret;      /* AJPSecret; NULL = none. Never logged */
    const char *advertise_url;   /* second argument of ServerAdvertise; NULL = none */
    const char *advertise_group;
    const char *advertise_key; /* AdvertiseSecurityKey; NULL = none. Never logged */
    const char *advertise_manager;
    const char *advertise_bind;
};

/* The settings of this generation. Valid from pre_config on, complete after check_config. */
struct mcmp_httpd_settings *mcmp_httpd_settings(void);
/* The configuration of a server or virtual host; never NULL. */
struct mcmp_httpd_host *mcmp_httpd_host_of(const server_rec *s);

/* The cluster as this process sees it; NULL only before post_config and in a child that could not
 * enter it. Valid in every thread until the process ends or the configuration is read again. */
mcmp_cluster *mcmp_httpd_cluster(void);
/* CLOCK_MONOTONIC: the `now` of every call of the library. */
mcmp_time mcmp_httpd_now(void);
/* mod_cluster/2.x.y.Final, as VERSION and the page say it. */
const char *mcmp_httpd_product(void);
/* The name of one of the existing modules that is loaded beside; NULL when there is none. */
const char *mcmp_httpd_rival(void);

#endif
