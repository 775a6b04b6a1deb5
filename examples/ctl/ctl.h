/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmpctl: what its commands share. A run is one process with one connection, so everything blocks,
 * each step with the deadline of --timeout.
 */
#ifndef CTL_H
#define CTL_H

#include <libmcmp/libmcmp.h>

#include <stdio.h>

#define CTL_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Exit codes, documented in mcmpctl(1). */
enum {
    CTL_OK = 0,
    CTL_REFUSED = 1,     /* the proxy said no */
    CTL_USAGE = 2,       /* wrong command line */
    CTL_UNREACHABLE = 3, /* no connection, no answer in time, or none that can be understood */
    CTL_BUSY = 4,        /* drain: requests still run when the time is over */
    CTL_NOT_OK = 5       /* the answer is that something is not well: NOTOK, no node for a URL */
};

enum { CTL_TEXT, CTL_JSON, CTL_XML };

/* What the command line says. Texts point into argv or static text. */
typedef struct ctl_options {
    const char *proxy; /* as given, for messages */
    mcmp_span authority;
    mcmp_span host; /* without brackets */
    mcmp_span prefix;
    uint32_t port;
    int32_t tls;
    int32_t tls_by_scheme; /* of the address; the flag's own goes with every address */
    int32_t insecure;
    const char *ca;
    const char *cert;
    const char *key;
    mcmp_time timeout;
    int32_t form; /* CTL_* */
    const char *alias;
    int32_t wait;
    mcmp_time sessions;
    mcmp_time most;
    mcmp_time interval;
    int64_t count;
    int64_t messages;
    const char *cookie;
    const char *balancer;
    const char *segment;
    const char *multicast_group;
    const char *interface_name;
    const char *key_file;
    mcmp_time duration;
    const char *const *args; /* after the command's name */
    int arg_count;
} ctl_options;

typedef struct ctl_conn ctl_conn;

typedef struct ctl {
    ctl_options options;
    ctl_conn *conn;
} ctl;

/* A command; returns an exit code. */
typedef int (*ctl_run_fn)(ctl *c);

int ctl_run_status(ctl *c);
int ctl_run_nodes(ctl *c);
int ctl_run_contexts(ctl *c);
int ctl_run_info(ctl *c);
int ctl_run_dump(ctl *c);
int ctl_run_enable(ctl *c);
int ctl_run_disable(ctl *c);
int ctl_run_stop(ctl *c);
int ctl_run_remove(ctl *c);
int ctl_run_ping(ctl *c);
int ctl_run_drain(ctl *c);
int ctl_run_config(ctl *c);
int ctl_run_watch(ctl *c);
int ctl_run_explain(ctl *c);
int ctl_run_bench(ctl *c);
int ctl_run_listen(ctl *c);

/* Standard error, one line: `mcmpctl: text`. Returns code. */
int ctl_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Clocks and waiting. */
mcmp_time ctl_now(void);
void ctl_sleep(mcmp_time time);

/* A name of INFO back into bytes: only those that are not printable are written %XX there (MCMP 2),
 * every other `%` is one of the name. 0, or -1 without room. */
int ctl_unescape(mcmp_span text, char *out, size_t size, size_t *out_len);

/* Texts. */
mcmp_span ctl_span(const char *text);
int ctl_span_is(mcmp_span span, const char *text);
/* The number at the front, up to max. 0, or -1. */
int ctl_parse_digits(const char *text, int64_t max, int64_t *out, const char **out_end);

#endif
