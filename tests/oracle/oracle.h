/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reference model of a cluster, written from the wire contract: plain arrays, linear search, no
 * index, no cleverness. Names are numbers into small tables, so that everything meets everything;
 * how much of the tables is used is an option, for clusters of a few nodes and of hundreds.
 *
 * Where the contract leaves a choice the documents of the store decide (which leaving row makes
 * room first, docs/store.md); where it lets the balancer choose (which of equal candidates, whether
 * a fresh probe is reused, whether a STOP-APP answer is held) the model takes the choice as a hint
 * and checks that it is allowed.
 */
#ifndef MCMP_TEST_ORACLE_H
#define MCMP_TEST_ORACLE_H

#include <libmcmp/libmcmp.h>

#include <stdint.h>

enum {
    O_ROUTES = 320,
    O_HOSTS = 4,
    O_SPELLINGS = 2,
    O_PORTS = 90,
    O_BALANCERS = 4,
    O_DOMAINS = 3, /* 0 = none */
    O_ALIASES = 6,
    O_CONTEXTS = 10,
    O_COOKIES = 2,
    O_ROWS = 2 * O_ROUTES, /* live and leaving */
    O_LIST = 4,
    O_TEXT = 1 << 20,
    O_SET_WORDS = O_ROUTES / 64
};

extern const char *oracle_route[O_ROUTES]; /* filled by oracle_init() */
extern const char *const oracle_host[O_HOSTS][O_SPELLINGS];
extern uint32_t oracle_port[O_PORTS];
extern const char *const oracle_balancer[O_BALANCERS];
extern const char *const oracle_domain[O_DOMAINS];
extern const char *const oracle_alias[O_ALIASES];
extern const char *const oracle_context[O_CONTEXTS];
extern const char *const oracle_cookie[O_COOKIES];
extern const char *const oracle_path_name[O_COOKIES];

/* How many names of each table are in use. */
typedef struct oracle_names {
    uint32_t routes, ports, balancers, aliases, contexts;
} oracle_names;

/* Routes, a bit each. */
typedef struct oracle_set {
    uint64_t bits[O_SET_WORDS];
} oracle_set;

typedef struct oracle_options {
    oracle_names names;
    int use_alias;
    int all_or_nothing;
    int no_heal_reset;
    int ownership;
    int ping_any;
    uint32_t replace_policy;
    uint32_t max_nodes, max_aliases, max_contexts, max_balancers, max_failed_probes;
    mcmp_time silent_after, grace, heal_window, domain_memory, stop_hold;
} oracle_options;

/* The fields of CONFIG, as numbers. */
typedef struct oracle_config {
    int balancer, host, spelling, port, domain;
    int type; /* MCMP_SCHEME_* */
    int reversed, smax, ttl, flush, flushwait, ping, timeout;
    int sticky, force, remove, cookie, wait, attempts;
} oracle_config;

enum { O_PING_PLAIN, O_PING_ROUTE, O_PING_ENDPOINT };

typedef struct oracle_message {
    uint32_t kind; /* MCMP_COMMAND_* */
    int whole;
    int route;
    int alias_count, context_count; /* without repeats */
    int alias[O_LIST], context[O_LIST];
    int has_load, load;
    int ping_form;
    int ping_host, ping_port;
    oracle_config config;
    uint64_t connection;
    int sender;
    mcmp_time arrived;
} oracle_message;

/* What came back for a message that waits, and what the implementation chose. */
typedef struct oracle_hint {
    uint32_t resumed; /* 0, MCMP_PENDING_* */
    int probe_ok;
    uint64_t probed_id, probed_epoch; /* 0: a free endpoint */
    int reused;                       /* STATUS: it was answered without a probe */
    int held;                         /* STOP-APP: the answer is held back */
} oracle_hint;

typedef struct oracle_text {
    char data[O_TEXT];
    size_t len;
} oracle_text;

typedef struct oracle_answer {
    int code;
    uint32_t status;
    uint32_t pending; /* MCMP_PENDING_* when code is MCMP_PENDING */
    uint64_t probe_id, probe_epoch;
    int probe_host, probe_spelling, probe_port;
    uint32_t probe_scheme;
    mcmp_time probe_time;
    const char *wrong; /* the hint was not allowed */
    oracle_text mess;  /* of a refusal */
    oracle_text body;  /* of a success */
} oracle_answer;

typedef struct oracle_row {
    int live;
    int route;
    uint64_t id;
    uint64_t epoch; /* one more with each endpoint */
    oracle_config config;
    int owner;
    int load, error, proven;
    mcmp_time last_status, ok_probe, removed_at, heal_until;
    uint64_t removed_connection, heal_connection;
    uint64_t removal; /* of leaving rows: in the order of their removal */
    uint64_t elected, bytes_read, bytes_sent;
    uint32_t failed;
    uint32_t connected;
    mcmp_handle handle;        /* as the store showed it; 0 = not seen yet */
    uint32_t vhost[O_ALIASES]; /* 0 = the node has no such alias */
    uint64_t alias_order[O_ALIASES];
    uint8_t status[O_ALIASES][O_CONTEXTS]; /* 0 = no such pair */
    uint64_t pair_order[O_ALIASES][O_CONTEXTS];
    uint64_t place[O_ALIASES][O_CONTEXTS]; /* counts of running requests belong to this */
    uint32_t running[O_ALIASES][O_CONTEXTS];
} oracle_row;

typedef struct oracle_balancer_row {
    int name;
    oracle_config config; /* the balancer's fields of the last CONFIG */
} oracle_balancer_row;

typedef struct oracle_memory {
    int route, domain;
    mcmp_time at;
} oracle_memory;

typedef struct oracle {
    oracle_options opts;
    uint64_t cluster_id;
    mcmp_time now;
    uint64_t last_id, last_order, last_place, last_epoch, last_removal;
    int rows, balancers, memories;
    oracle_balancer_row balancer[O_BALANCERS]; /* by appearance */
    oracle_memory memory[O_ROUTES];            /* oldest first */
    oracle_row row[O_ROWS];                    /* by registration; the last member (oracle_copy) */
} oracle;

void oracle_init(oracle *o, const oracle_options *opts);
void oracle_copy(oracle *to, const oracle *from);
void oracle_apply(oracle *o, const oracle_message *m, const oracle_hint *hint, oracle_answer *out);

/* Sets */
void oracle_set_add(oracle_set *set, int route);
int oracle_set_has(const oracle_set *set, int route);
int oracle_set_size(const oracle_set *set);

/* Rows */
oracle_row *oracle_live(oracle *o, int route); /* NULL: no live node of this route */
oracle_row *oracle_by_id(oracle *o, uint64_t id);
int oracle_stage(const oracle *o, const oracle_row *r); /* -1: not shown */
uint32_t oracle_state(const oracle *o, const oracle_row *r);
void oracle_remove(oracle *o, uint64_t id, uint64_t connection);
void oracle_forget(oracle *o, oracle_row *r);
void oracle_forget_old(oracle *o);
int oracle_oldest_leaving(const oracle *o, int without_live);
void oracle_drop_balancers(oracle *o, int keep);
void oracle_remember(oracle *o, int route, int domain);
oracle_balancer_row *oracle_balancer_of(oracle *o, int name);

/* Texts that INFO and DUMP have to show; requests: one number per Context line. */
void oracle_info(const oracle *o, oracle_text *out, uint32_t *requests);
void oracle_dump(const oracle *o, oracle_text *out);
void oracle_add(oracle_text *out, const char *text);
void oracle_add_int(oracle_text *out, int64_t value);

/* Choice */
enum { O_COOKIE_LINES = 2 };

typedef struct oracle_session {
    int name;  /* of the cookie or path parameter */
    int route; /* -1: the id has none */
} oracle_session;

typedef struct oracle_query {
    const char *host;
    const char *path; /* without the session parameter */
    int balancer;     /* -1: any */
    int given;        /* 1: the host knows the session already */
    int cookies;      /* number of them */
    int in_path;      /* 1: a path parameter */
    oracle_session given_session, cookie[O_COOKIE_LINES], param;
    oracle_set tried;
    mcmp_time now, waiting_since;
} oracle_query;

typedef struct oracle_verdict {
    int rc;
    int may_wait; /* MCMP_NO_NODE: MCMP_WAIT is due instead */
    int context;  /* -1: none */
    int balancer; /* -1: none */
    uint32_t reason;
    int remove_session, has_session;
    oracle_set allowed; /* routes one of which is to be chosen */
} oracle_verdict;

void oracle_select(oracle *o, const oracle_query *q, oracle_verdict *out);
/* 1 when requests for this host name count under the alias. */
int oracle_alias_counts(const oracle *o, int alias, const char *host);
uint32_t oracle_status_at(const oracle *o, const oracle_row *r, int context, const char *host);

#endif
