/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a kind of node speaks. upload.c and response.c move bytes between the client's buffers and
 * the node's; a wire knows what those bytes are. Chosen by the scheme of the selection, before a
 * connection is taken.
 */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include "exchange.h"

/* What became of one step of an answer. */
#define STEP_ON 1      /* something was done */
#define STEP_READ 0    /* more bytes of the node are needed */
#define STEP_OVER (-1) /* the exchange is over, or goes to another node */

struct wire {
    int replies_once; /* 1: once a byte of a reply came, the request is not sent again */
    /* How long a client that waits for 100 waits for the node's before it gets ours. */
    mcmp_time continue_patience;
    const char *silence; /* what to say of a node that does not answer in time */
    /* Queue the head of the request. 0, or the status to answer, and why in err. */
    uint32_t (*begin)(struct exchange *x, mcmp_error *err);
    /* Queue what the node takes of the body. MCMP_OK: something may be queued, and x->held says
     * whether that is all for now; MCMP_NEED_MORE: bytes of the client; or what is wrong with the
     * client's body. */
    int (*take_content)(struct exchange *x);
    /* So many queued bytes left; may be NULL. */
    void (*sent)(struct exchange *x, uint64_t bytes);
    /* Take one piece of the answer from up->in. */
    int (*take_answer)(struct exchange *x);
    /* The node closed its side: 1 when the answer is complete by that. */
    int (*ends_by_close)(struct exchange *x);
    /* All of the answer was taken: may the connection serve another request? */
    int (*may_reuse)(const struct exchange *x);
};

extern const struct wire wire_http;
extern const struct wire wire_ajp;

/* Of a scheme, MCMP_SCHEME_*; NULL when this server does not speak it. */
const struct wire *wire_of(uint32_t scheme);

/* For the wires, of response.c. */

/* A head came, whole: pass it on. */
int response_head(struct exchange *x, const mcmp_http_head *head);
/* Queue content for the client. 0, or -1 without memory. */
int response_content(struct exchange *x, mcmp_span content);
/* All of the answer was taken. */
int response_end(struct exchange *x);

#endif
