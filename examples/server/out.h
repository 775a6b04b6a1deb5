/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way out of a connection: pieces that lie in other buffers (bodies are never
 * copied) and pieces written here (heads, chunk heads). A source buffer that is referred to must
 * stay as it is until all is flushed; that is the back-pressure.
 */
#ifndef SERVER_OUT_H
#define SERVER_OUT_H

#include <stddef.h>
#include <sys/uio.h>

#include "buffers.h"
#include "tls.h"

#define OUT_PIECES 48u
#define OUT_SPARE 8u /* pieces that out_has_room() promises */

struct out {
    struct iovec piece[OUT_PIECES];
    unsigned first;
    unsigned count;
    size_t bytes;           /* not yet sent */
    struct buffer *scratch; /* what was written here */
};

void out_init(struct out *out);
/* 1 while OUT_SPARE more pieces and 256 written bytes fit. */
int out_has_room(const struct out *out);
/* Room to write size bytes, NULL when there is none; then out_commit() what was written. */
char *out_room(struct out *out, struct slab *buffers, size_t size);
void out_commit(struct out *out, size_t len);
int out_copy(struct out *out, struct slab *buffers, const char *data, size_t len);
void out_refer(struct out *out, const char *data, size_t len);
/* 1: all sent; 0: the stream is full; -1: broken, errno tells. *sent grows by what went out. */
int out_flush(struct out *out, struct slab *buffers, struct stream *stream, uint64_t *sent);
void out_clear(struct out *out, struct slab *buffers);

#endif
