/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream with deadlines: TCP, or TLS over it. Every call returns 0, or -1 with a text in
 * `why` that can be shown as it is.
 */
#ifndef CTL_STREAM_H
#define CTL_STREAM_H

#include "ctl.h"

typedef struct ctl_stream {
    const ctl_options *options;
    int fd; /* -1: closed */
    struct ssl_st *ssl;
    struct ssl_ctx_st *ctx;
    char why[256];
} ctl_stream;

void ctl_stream_init(ctl_stream *s, const ctl_options *options);
int ctl_stream_open(ctl_stream *s, mcmp_time deadline);
int ctl_stream_write(ctl_stream *s, const char *data, size_t len, mcmp_time deadline);
/* *out_len 0: the peer has ended the stream. */
int ctl_stream_read(ctl_stream *s, char *data, size_t size, size_t *out_len, mcmp_time deadline);
void ctl_stream_close(ctl_stream *s);
void ctl_stream_clear(ctl_stream *s);                /* also frees what is kept for the next open */
int ctl_stream_fail(ctl_stream *s, const char *why); /* -1 */

/* Wait for poll(2) events; for stream_tls.c. */
int ctl_stream_wait(ctl_stream *s, short events, mcmp_time deadline, const char *what);

/* TLS, in stream_tls.c; they work on s->ssl. */
int ctl_tls_start(ctl_stream *s, mcmp_time deadline);
int ctl_tls_write(ctl_stream *s, const char *data, size_t len, mcmp_time deadline);
int ctl_tls_read(ctl_stream *s, char *data, size_t size, size_t *out_len, mcmp_time deadline);
void ctl_tls_close(ctl_stream *s);
void ctl_tls_clear(ctl_stream *s);

#endif
