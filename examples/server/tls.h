/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream to a node or a client: a plain socket, or TLS over it. Results are those of
 * read(2) and writev(2): -1 with errno EAGAIN means wait.
 */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include <sys/types.h>
#include <sys/uio.h>

#include <libmcmp/base.h>

struct worker;
struct ssl_st;

struct stream {
    int fd;
    struct ssl_st *ssl; /* NULL: plain */
    unsigned need;      /* TLS: what the last EAGAIN waits for, IO_READ or IO_WRITE */
};

/* Start a non-blocking connect. A descriptor, or -1 with errno. */
int stream_connect(const void *addr, unsigned len);
/* Put TLS over the connected stream. 0, or -1 with *why. */
int stream_start_tls(struct stream *s, struct worker *w, mcmp_span host, const char **why);
/* 1: done; 0: wait for s->need; -1: failed, *why tells. */
int stream_handshake(struct stream *s, const char **why);
ssize_t stream_read(struct stream *s, void *data, size_t len);
ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count);
/* 1 when decrypted bytes wait inside TLS, which no event announces. */
int stream_has_more(const struct stream *s);
/* Say that nothing more will be sent. */
void stream_end(struct stream *s);
/* Free TLS; the descriptor stays. */
void stream_clear(struct stream *s);
/* Free what the worker holds for TLS. */
void tls_free(struct worker *w);

#endif
