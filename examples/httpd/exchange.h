/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request of ours: what the library is asked about it, the node it has, the worker that leads
 * there. It is made when the request is known to be ours, lives in its pool and ends with it.
 */
#ifndef MCMP_HTTPD_EXCHANGE_H
#define MCMP_HTTPD_EXCHANGE_H

#include "session.h"
#include "traffic.h"

#define EXCHANGE_TRIED 64

struct node_worker;

struct exchange {
    request_rec *r;
    mcmp_cluster *cluster;
    const char *name;           /* balancer://NAME, lower case */
    mcmp_span balancer;         /* the NAME in it; empty: any */
    const char *rest;           /* what follows it in the URL */
    const char *path;           /* the same decoded, as the library wants it */
    const char *mapped;         /* the URL as it was when the node was taken; NULL: no node yet */
    struct node_worker *worker; /* leads to selection.node; held until the next one */
    struct node_worker *first;  /* the one that mod_proxy was given; held until the end */
    mcmp_handle *tried;         /* nodes that failed; NULL at first */
    uint32_t tried_count;
    uint32_t max_retries;      /* Maxattempts of the first node's balancer */
    uint32_t retries;          /* other nodes that were tried after the first one */
    uint32_t is_running : 1;   /* inside attempt_run() */
    uint32_t is_answered : 1;  /* something went to the client */
    uint32_t is_cut : 1;       /* mod_proxy wanted to close the client's connection */
    uint32_t is_read : 1;      /* the request went out whole, an answer is awaited */
    uint32_t is_reused : 1;    /* the connection to the node had served a request before */
    uint32_t was_repeated : 1; /* after a connection that turned out to be closed */
    mcmp_selection selection;  /* held or not, see its flags; last, for its size */
};

/* Makes one and keeps it with the request, without a URL yet. */
struct exchange *exchange_new(request_rec *r);
/* That of the request, or NULL: then it is not ours. */
struct exchange *exchange_of(const request_rec *r);

/* Takes the URL balancer://NAME/... over: what is asked for from now on. */
void exchange_aim(struct exchange *x, const char *url);
/* Takes the name of the balancer over that the library chose. */
void exchange_name(struct exchange *x);

/* Fills what the library is told of a request, but for path and balancer. `lines` is room. */
void exchange_query(const request_rec *r, mcmp_query *query, mcmp_span lines[SESSION_COOKIE_LINES]);
/* Asks for a node of any balancer for the path of the request. MCMP_*, as mcmp_select_node(). */
int exchange_ask(struct exchange *x, uint32_t flags);

/*
 * Takes a node, unless one is held, and holds its worker; waits as WaitWorker says. OK, or the
 * status to answer; then nothing is held.
 */
int exchange_select(struct exchange *x);
/* The URL of the selected node for mod_proxy, in *out; OK or a status. Environment included. */
int exchange_url(struct exchange *x, char **out);
/* Notes that the node failed, so that another one is taken. 0 when no more can be noted. */
int exchange_tried(struct exchange *x);
/* Gives the selection back with MCMP_OUTCOME_*, once; the workers stay. */
void exchange_release(struct exchange *x, uint32_t result);
/* Nothing more will be forwarded: gives back whatever is still held. */
void exchange_end(struct exchange *x);

#endif
