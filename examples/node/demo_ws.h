/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket echo (RFC 6455) as a pure transformation: the bytes a client sends become the bytes to
 * send back, frame by frame and streamed, so that frames of any size need no memory.
 */
#ifndef NODE_DEMO_WS_H
#define NODE_DEMO_WS_H

#include "text.h"

#define DEMO_WS_ACCEPT_SIZE 29 /* base64 of SHA-1, NUL-terminated */

/* Results of demo_ws_next() */
#define DEMO_WS_SEND 0  /* send the header, then the piece; either may be empty */
#define DEMO_WS_MORE 1  /* all bytes are used */
#define DEMO_WS_CLOSE 2 /* send the header and the piece, then end the connection */

typedef struct demo_ws {
    uint8_t head[14]; /* of the frame that is being read */
    size_t have;
    uint64_t left; /* payload of the frame still to come */
    uint64_t at;   /* position in it, for the mask */
    uint8_t opcode;
    uint8_t in_frame;   /* the head is complete */
    uint8_t in_message; /* a fragmented message is open */
    uint8_t fin;
} demo_ws;

typedef struct demo_ws_out {
    uint8_t head[10];
    size_t head_len;
    mcmp_span piece; /* view into the data given, unmasked in place */
} demo_ws_out;

/* The value of Sec-WebSocket-Accept. 0, or -1 when the digest is not to be had. */
int demo_ws_accept(mcmp_span key, char out[DEMO_WS_ACCEPT_SIZE]);

/* Take bytes of the client (changed in place) and tell what to send. */
int demo_ws_next(demo_ws *ws, char *data, size_t len, size_t *used, demo_ws_out *out);

#endif
