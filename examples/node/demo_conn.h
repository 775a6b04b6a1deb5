/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connections and pages of the demonstration application share. A connection reads requests
 * one after the other; each is handled by a page: begin() sees the head, piece() each part of the
 * body, finish() its end. Memory per connection is bounded: input by its buffer, output by the high
 * mark, above which neither input is read nor output made.
 */
#ifndef NODE_DEMO_CONN_H
#define NODE_DEMO_CONN_H

#include "demo.h"
#include "demo_http.h"
#include "demo_sessions.h"
#include "demo_ws.h"

#include <libmcmp/ajp.h>

#include <openssl/evp.h>

typedef struct demo_conn demo_conn;

/* How a connection speaks: what its bytes mean, and how an answer is written. */
typedef struct demo_wire {
    int (*open)(demo_conn *conn);     /* a connection came; 0, or -1 */
    int (*run_head)(demo_conn *conn); /* the phases that read; 1 when the next may run at once */
    int (*run_body)(demo_conn *conn);
    void (*head)(demo_conn *conn, unsigned status, const char *type, int64_t length,
                 const char *extra);                                /* as demo_conn_head() */
    void (*frame)(demo_conn *conn, node_buf *out, mcmp_span piece); /* a part of the body */
    void (*end)(demo_conn *conn);       /* the answer is complete; may end conn->keep_alive */
    void (*turn_away)(demo_conn *conn); /* one connection too many */
} demo_wire;

extern const demo_wire demo_wire_http;
extern const demo_wire demo_wire_ajp;

/* A page: NULL entries do nothing. begin() gets the path below the context. */
typedef struct demo_page {
    const char *path;
    int (*begin)(demo_conn *conn, const demo_head *head, mcmp_span path); /* 0, or a status */
    void (*piece)(demo_conn *conn, mcmp_span piece);
    void (*finish)(demo_conn *conn);
} demo_page;

typedef enum demo_phase {
    DEMO_PHASE_HEAD,    /* reads a request head */
    DEMO_PHASE_BODY,    /* reads the body, gives it to the page */
    DEMO_PHASE_PRODUCE, /* makes the rest of a long answer */
    DEMO_PHASE_WAIT,    /* a timer runs (/slow) */
    DEMO_PHASE_NEXT,    /* the answer is complete: next request, or close */
    DEMO_PHASE_TUNNEL,  /* WebSocket */
    DEMO_PHASE_LINGER,  /* all is sent, reads to the end of the stream */
    DEMO_PHASE_CLOSED
} demo_phase;

struct demo_server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    uv_timer_t sweeper;
    demo_options options;
    demo_sessions *sessions;
    demo_conn *first;
    uint32_t count;
    uint32_t port;
    int stopping;
    int accept_pending; /* a connection waits that found no memory */
    int open_handles;   /* the memory is freed when the last is closed */
};

struct demo_conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    demo_server *server;
    const demo_wire *wire;
    mcmp_ajp_container *ajp; /* codec of AJP connections, else NULL */
    char *target;            /* AJP: path and query in one */
    demo_conn *next;
    demo_conn *prev;
    const demo_page *page;
    demo_body body;
    demo_ws ws;
    node_buf answer;      /* head and small body that finish() sends */
    EVP_MD_CTX *digest;   /* /upload */
    uint64_t body_count;  /* bytes of the request body */
    uint64_t stream_at;   /* /stream: position */
    uint64_t stream_size; /* and end */
    uint64_t wait_ms;     /* /slow */
    uint64_t deadline;    /* loop time in ms when the connection is given up; 0 = none */
    demo_phase phase;
    int handles; /* open ones; the memory is freed when the last is closed */
    int minor;
    int head_only; /* HEAD */
    int keep_alive;
    int chunked; /* the answer is */
    int reading;
    int eof;
    size_t in_len;
    char in[DEMO_HEAD_MAX];
};

/* demo_conn.c */
void demo_conn_accept(demo_server *server);
void demo_conn_close(demo_conn *conn);
void demo_conn_run(demo_conn *conn); /* go on as far as input and output allow */
/* Send a copy of the bytes. */
void demo_conn_send(demo_conn *conn, const void *data, size_t len);
int demo_is_bodiless(unsigned status);
/* Let a page begin. As a phase: 1 when the next one may run at once. */
int demo_conn_begin(demo_conn *conn, const demo_head *head);
/* Answer a request that can't be read on; then the connection ends. As a phase. */
int demo_conn_refuse(demo_conn *conn, unsigned status);
void demo_conn_drop_input(demo_conn *conn, size_t len);
/* A part of the body of an answer, framed as its head announced. */
void demo_conn_send_piece(demo_conn *conn, mcmp_span piece);
/*
 * Write an answer's head to conn->answer. length < 0: chunked (or up to the end of the stream for
 * HTTP/1.0). extra: further header lines with CRLF, or "".
 */
void demo_conn_head(demo_conn *conn, unsigned status, const char *type, int64_t length,
                    const char *extra);
/* A whole small answer into conn->answer. */
void demo_conn_answer(demo_conn *conn, unsigned status, const char *type, const node_buf *body,
                      const char *extra);
void demo_conn_flush(demo_conn *conn); /* send conn->answer */

/* demo_pages.c */
const demo_page *demo_page_find(const demo_server *server, const demo_head *head, mcmp_span *path);
const char *demo_reason(unsigned status);
/* Fill `len` bytes of the content of /stream from position `at` on. */
void demo_stream_fill(char *out, size_t len, uint64_t at);

#endif
