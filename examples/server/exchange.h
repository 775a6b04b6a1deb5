/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer. The object exists from the first byte of a request to the last of
 * its answer; exchange.c chooses its node, upload.c moves the request there, response.c the answer
 * to the client, tunnel.c both after an upgrade, answer.c writes answers of our own. What the bytes
 * on a node's connection mean is the business of its wire (wire.h).
 *
 * The client's buffer holds the head of the request, kept for retries and the log, and behind it
 * the body as it comes. An exchange that ended is not touched again: functions that may end it are
 * called last, or return 0 when it is over.
 */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include <libmcmp/libmcmp.h>

#include "client.h"
#include "pool.h"

#define EXCHANGE_TRIES 64u
#define EXCHANGE_COOKIES 100u /* lines; as many as headers by default */

enum exchange_phase {
    EXCHANGE_HEAD,    /* the head is coming */
    EXCHANGE_WAIT,    /* WaitWorker: for a usable node */
    EXCHANGE_CONNECT, /* for a connection */
    EXCHANGE_FORWARD, /* request and answer are moving */
    EXCHANGE_TUNNEL,  /* upgraded: raw bytes both ways */
    EXCHANGE_ANSWER,  /* our own answer is on its way */
    EXCHANGE_LAST     /* the last bytes of the node's answer are on their way */
};

struct wire;

struct exchange {
    struct client *client;
    struct upstream *up;
    const struct wire *wire; /* how the chosen node speaks */
    struct exchange *next_free;
    mcmp_http_head *head;       /* parser of requests; stays with the object */
    const mcmp_http_info *info; /* NULL until the head is complete */
    struct buffer *target_room; /* of the canonical target, when it had to be rewritten */
    struct buffer *tail;        /* last bytes of an answer whose node is free already */
    enum exchange_phase phase;

    int idempotent;
    int selected;      /* selection is to be released */
    int last_failure;  /* MCMP_OUTCOME_* of the last try; -1: none */
    int fresh;         /* the next try takes a new connection */
    int suspicious;    /* and asks it first whether the node lives */
    int stale_retried; /* once per request */
    unsigned tries;
    unsigned tried_count;
    unsigned tried_well; /* the first of them: failed, but not in error */
    mcmp_handle tried[EXCHANGE_TRIES];

    mcmp_http_body body; /* of the request, decoding */
    size_t head_at;      /* offset of the head in the client's buffer */
    size_t body_at;      /* of the body's first byte */
    int body_done;       /* all of it is taken */
    int held;            /* the node takes nothing of it now: it has all, or did not ask for more */
    mcmp_span piece;     /* content that was taken and did not fit into what the node asked for */
    int body_kept;       /* all that was taken is still in the buffer */
    int upload_broken;   /* the node takes no more of it */
    int wake_upload;     /* the node asked for more of it */
    int head_sent;       /* bytes of this try went to the node */
    int chunked_up;      /* the body goes to the node in chunks */
    int upgrade_asked;
    int continued; /* the client got its 100 */
    int interims;  /* heads 1xx of the node */
    int turn;      /* whose turn it is when both directions are ready */

    int answered;     /* a final head was handed to the client's side */
    int answer_head;  /* the node's final head was parsed */
    int answer_done;  /* all of the answer was taken from the node */
    int chunked_down; /* the body goes to the client in chunks */
    int node_reuse;   /* the node keeps its connection */
    int client_reuse; /* the client's connection goes on after this answer */
    int cut_short;    /* the answer broke off */
    int upgraded;
    int tunnel_ends; /* sides that will send nothing more */

    uint32_t status;
    uint64_t body_out;  /* content sent to the client */
    uint64_t body_in;   /* content taken from the client */
    uint64_t from_node; /* since the node was selected, or last counted */
    uint64_t to_node;
    uint64_t to_client;
    uint64_t try_bytes; /* from the node, in this try */
    mcmp_time started;
    mcmp_time connect_from;
    mcmp_time connected_at;
    mcmp_time first_byte_at;
    mcmp_time counted_at; /* bytes of a long exchange */

    mcmp_http_target target;
    mcmp_span cookies[EXCHANGE_COOKIES];
    mcmp_query query;
    mcmp_selection selection;
};

/* exchange.c */
void exchange_begin(struct exchange *x);  /* the head is complete */
void exchange_select(struct exchange *x); /* choose a node (again) */
void exchange_connect_failed(struct exchange *x, const char *why);
void exchange_connect_again(struct exchange *x); /* the connection it got was dead */
void exchange_fail(struct exchange *x, int outcome, const char *why);
void exchange_client_gone(struct exchange *x);          /* the client left or broke the rules */
void exchange_release(struct exchange *x, int outcome); /* the selection, if held */
void exchange_log_failure(struct exchange *x, const char *why);
void exchange_drop_upstream(struct exchange *x); /* close its connection, if it has one */
void exchange_count(struct exchange *x);         /* what flows in a long exchange, now and then */
/* upload.c */
void exchange_connected(struct exchange *x); /* from the pool */
void exchange_pump(struct exchange *x);      /* move the request on */
void exchange_node_ready(struct exchange *x, unsigned events);
void exchange_timeout(struct exchange *x);
void exchange_set_timer(struct exchange *x);
/* response.c */
void response_pump(struct exchange *x);
/* tunnel.c */
void tunnel_begin(struct exchange *x);
void tunnel_pump(struct exchange *x);
/* answer.c */
void answer_send(struct exchange *x, uint32_t status, const char *why);
void answer_resume(struct exchange *x);

#endif
