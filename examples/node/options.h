/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of mcmp-node. One table drives parsing and --help; values are checked here, so
 * the rest of the program relies on them.
 */
#ifndef NODE_OPTIONS_H
#define NODE_OPTIONS_H

#include <libmcmp/libmcmp.h>

#define NODE_PROXIES_MAX 64
#define NODE_CONTEXTS_MAX 512
#define NODE_ALIASES_MAX 128
#define NODE_METRICS_MAX 16
#define NODE_FILE_MAX 65536 /* bytes of the configuration file */
#define NODE_TEXTS_MAX (NODE_CONTEXTS_MAX * 80 + NODE_ALIASES_MAX * 255) /* bytes of all of them */

/* Exit codes, documented in --help */
#define NODE_EXIT_OK 0
#define NODE_EXIT_START 1
#define NODE_EXIT_USAGE 2
#define NODE_EXIT_REFUSED 3
#define NODE_EXIT_INCOMPLETE 4

/* A balancer to register with: `[https://]HOST:PORT[/PREFIX]`. Texts are views. */
typedef struct node_proxy {
    const char *name; /* as given */
    mcmp_span host;   /* without brackets */
    mcmp_span prefix;
    uint32_t port;
    int32_t tls;
} node_proxy;

/* An http URL; texts are views into the argument. */
typedef struct node_url {
    mcmp_span authority;
    mcmp_span host; /* without brackets */
    mcmp_span path; /* with the query */
    uint32_t port;
} node_url;

#define NODE_METRIC_CPU 0
#define NODE_METRIC_LOADAVG 1
#define NODE_METRIC_MEMORY 2
#define NODE_METRIC_COMMAND 3
#define NODE_METRIC_URL 4

/* One of the things that Load is made of. */
typedef struct node_metric {
    int32_t kind; /* NODE_METRIC_* */
    uint32_t weight;
    double capacity;    /* the value that means full; 0: that of the kind */
    const char *source; /* command or URL */
    node_url url;
} node_metric;

#define NODE_CHECK_NONE 0
#define NODE_CHECK_TCP 1
#define NODE_CHECK_URL 2
#define NODE_CHECK_COMMAND 3

typedef struct node_options {
    /* the node */
    const char *route;
    const char *balancer;
    const char *domain;
    const char *sticky_cookie;
    const char *sticky_path;
    mcmp_span backend_host; /* with brackets when IPv6 */
    uint32_t backend_port;  /* 0: any free one, with demo */
    uint32_t scheme;
    int32_t sticky; /* booleans; -1: not given */
    int32_t sticky_force;
    int32_t sticky_remove;
    int32_t flushpackets; /* MCMP_FLUSH_*; -1: not given */
    int64_t smax;         /* INT64_MIN: not given, and so the numbers below */
    int64_t max_attempts;
    mcmp_time flushwait;
    mcmp_time ping;
    mcmp_time ttl;
    mcmp_time timeout;
    mcmp_time wait_worker;
    const char *contexts[NODE_CONTEXTS_MAX];
    size_t context_count;
    const char *aliases[NODE_ALIASES_MAX];
    size_t alias_count;
    char texts[NODE_TEXTS_MAX]; /* elements of contexts and aliases, each NUL-terminated */
    size_t texts_len;
    /* the agent */
    node_proxy proxies[NODE_PROXIES_MAX];
    size_t proxy_count;
    int32_t load; /* -1: from system load */
    int32_t demo;
    int32_t log_level;
    int64_t ajp_packet; /* 0: not given */
    const char *ajp_secret_file;
    mcmp_time interval;
    mcmp_time connect_timeout;
    mcmp_time answer_timeout;
    mcmp_time drain_wait;
    mcmp_time drain_timeout;
    const char *ready_file;
    const char *config_file;
    const char *pid_file;
    const char *log_file;
    /* TLS to balancers */
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    int32_t tls_verify;
    /* balancers that are found */
    int32_t advertise;
    const char *advertise_group;
    const char *advertise_interface;
    const char *advertise_key_file;
    /* the load */
    node_metric metrics[NODE_METRICS_MAX];
    size_t metric_count;
    int64_t load_history; /* values before the last one that count, too */
    double load_decay;    /* each counts so many times less than the one after it */
    /* the health of the backend */
    int32_t check; /* NODE_CHECK_* */
    const char *check_text;
    node_url check_url;
    mcmp_time check_interval;
    mcmp_time check_timeout;
    int64_t check_fall;
    int64_t check_rise;
    int32_t check_action;         /* 0: broken, 1: remove */
    char file[NODE_FILE_MAX + 1]; /* the configuration file, cut into texts */
} node_options;

#define NODE_NOT_GIVEN INT64_MIN
#define NODE_LOAD_STANDARD 101 /* --load was not given */

/* Results of node_options_parse() */
#define NODE_OPTIONS_RUN 0
#define NODE_OPTIONS_HELP 1
#define NODE_OPTIONS_VERSION 2
#define NODE_OPTIONS_BAD (-1)

/*
 * Read argv, and before it the file of its --config. The texts of argv are kept.
 * NODE_OPTIONS_BAD: why (size bytes of room) says what is wrong.
 */
int node_options_parse(node_options *options, int argc, const char *const *argv, char *why,
                       size_t size);

/* The text of --help, to be written to `write`. */
void node_options_help(void (*write)(const char *text));

/* A duration: digits with ms, s, mi or h, bare = s, a fraction is allowed. 0, or -1. */
int node_parse_duration(mcmp_span text, mcmp_time *out);

/* `http://HOST[:PORT][/PATH]`. 0, or -1. */
int node_parse_url(mcmp_span text, node_url *out);

/* `HOST:PORT` or `[IPv6]:PORT`. 0, or -1. host keeps its brackets. */
int node_parse_endpoint(mcmp_span text, int zero_port, mcmp_span *host, uint32_t *port);

#endif
