/* SPDX-License-Identifier: Apache-2.0 */
/* The list of pieces to send, and sending it by as few system calls as possible. */
#include "out.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void out_init(struct out *out)
{
    out->first = 0;
    out->count = 0;
    out->bytes = 0;
    out->scratch = NULL;
}

int out_has_room(const struct out *out)
{
    return out->count + OUT_SPARE <= OUT_PIECES &&
           (out->scratch == NULL || buffer_room(out->scratch) >= 256);
}

char *out_room(struct out *out, struct slab *buffers, size_t size)
{
    if (out->scratch == NULL)
        out->scratch = buffer_get(buffers);
    if (out->scratch == NULL || buffer_room(out->scratch) < size)
        return NULL;
    return out->scratch->data + out->scratch->end;
}

void out_refer(struct out *out, const char *data, size_t len)
{
    struct iovec *last = out->count > out->first ? &out->piece[out->count - 1] : NULL;

    if (len == 0)
        return;
    out->bytes += len;
    if (last != NULL && (char *)last->iov_base + last->iov_len == data) {
        last->iov_len += len;
        return;
    }
    out->piece[out->count].iov_base = (void *)(uintptr_t)data;
    out->piece[out->count].iov_len = len;
    out->count++;
}

void out_commit(struct out *out, size_t len)
{
    const char *data = out->scratch->data + out->scratch->end;

    out->scratch->end += len;
    out_refer(out, data, len);
}

int out_copy(struct out *out, struct slab *buffers, const char *data, size_t len)
{
    char *room = out_room(out, buffers, len);

    if (room == NULL)
        return -1;
    memcpy(room, data, len);
    out_commit(out, len);
    return 0;
}

void out_clear(struct out *out, struct slab *buffers)
{
    slab_put(buffers, out->scratch);
    out_init(out);
}

/* Take n sent bytes off the list. */
static void advance(struct out *out, size_t n)
{
    out->bytes -= n;
    while (n > 0) {
        struct iovec *piece = &out->piece[out->first];

        if (n < piece->iov_len) {
            piece->iov_base = (char *)piece->iov_base + n;
            piece->iov_len -= n;
            return;
        }
        n -= piece->iov_len;
        out->first++;
    }
}

int out_flush(struct out *out, struct slab *buffers, struct stream *stream, uint64_t *sent)
{
    while (out->bytes > 0) {
        const struct iovec *piece = &out->piece[out->first];
        unsigned count = out->count - out->first;
        ssize_t n;

        if (count == 1 && stream->ssl == NULL)
            n = send(stream->fd, piece->iov_base, piece->iov_len, 0);
        else
            n = stream_writev(stream, piece, (int)count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        *sent += (uint64_t)n;
        advance(out, (size_t)n);
    }
    out_clear(out, buffers);
    return 1;
}
