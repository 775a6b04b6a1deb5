/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of bytes to send, against a stream that takes as many bytes as a test says. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "out.h"

static struct slab buffers;

/* out.c calls this for more than one piece or TLS; the real one lives with OpenSSL. */
ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count)
{
    return writev(s->fd, iov, count);
}

struct pipe {
    struct stream stream;
    int reader;
};

static struct pipe make_pipe(void)
{
    struct pipe p = { { -1, NULL, 0 }, -1 };
    int fds[2];
    int size = 4096;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    p.stream.fd = fds[0];
    p.reader = fds[1];
    buffers_init(&buffers);
    return p;
}

static void close_pipe(struct pipe *p)
{
    close(p->stream.fd);
    close(p->reader);
}

START_TEST(pieces_go_out_in_their_order_and_touching_ones_join)
{
    static const char body[] = "0123456789";
    struct pipe p = make_pipe();
    struct out out;
    uint64_t sent = 0;
    char got[64];

    out_init(&out);
    ck_assert_int_eq(out_copy(&out, &buffers, "head", 4), 0);
    out_refer(&out, body, 4);
    out_refer(&out, body + 4, 3);
    ck_assert_uint_eq(out.count, 2);
    ck_assert_int_eq(out_copy(&out, &buffers, "tail", 4), 0);
    out_refer(&out, body, 0);
    ck_assert_uint_eq(out.count, 3);
    ck_assert_uint_eq(out.bytes, 15);
    ck_assert_int_eq(out_flush(&out, &buffers, &p.stream, &sent), 1);
    ck_assert_uint_eq(sent, 15);
    ck_assert_int_eq(read(p.reader, got, sizeof(got)), 15);
    ck_assert_mem_eq(got, "head0123456tail", 15);
    ck_assert_ptr_null(out.scratch);
    ck_assert_uint_eq(buffers.used, 0);
    close_pipe(&p);
}
END_TEST

START_TEST(a_full_stream_is_continued_where_it_stopped)
{
    static char body[300000];
    static char got[300008];
    struct pipe p = make_pipe();
    struct out out;
    uint64_t sent = 0;
    size_t have = 0;
    int rc = 0;

    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)(i * 7 + i / 251);
    out_init(&out);
    out_copy(&out, &buffers, "head", 4);
    out_refer(&out, body, sizeof(body));
    out_copy(&out, &buffers, "tail", 4);
    ck_assert_int_eq(out_flush(&out, &buffers, &p.stream, &sent), 0);
    ck_assert_uint_eq(out.bytes, sizeof(got) - sent);
    while (have < sizeof(got)) {
        ssize_t n = read(p.reader, got + have, 777);

        if (n > 0)
            have += (size_t)n;
        if (rc == 0)
            rc = out_flush(&out, &buffers, &p.stream, &sent);
        ck_assert_int_ge(rc, 0);
    }
    ck_assert_int_eq(rc, 1);
    ck_assert_uint_eq(sent, sizeof(got));
    ck_assert_mem_eq(got, "head", 4);
    ck_assert_mem_eq(got + 4, body, sizeof(body));
    ck_assert_mem_eq(got + 4 + sizeof(body), "tail", 4);
    close_pipe(&p);
}
END_TEST

START_TEST(a_broken_stream_is_told)
{
    struct pipe p = make_pipe();
    struct out out;
    uint64_t sent = 0;

    close(p.reader);
    p.reader = open("/dev/null", O_RDONLY);
    out_init(&out);
    out_copy(&out, &buffers, "x", 1);
    ck_assert_int_eq(out_flush(&out, &buffers, &p.stream, &sent), -1);
    ck_assert_int_eq(errno, EPIPE);
    out_clear(&out, &buffers);
    ck_assert_uint_eq(buffers.used, 0);
    close_pipe(&p);
}
END_TEST

START_TEST(room_is_promised_before_it_is_needed)
{
    static char body[2 * OUT_PIECES];
    struct out out;
    unsigned added = 0;

    buffers_init(&buffers);
    out_init(&out);
    while (out_has_room(&out)) {
        out_refer(&out, body + 2 * added, 1); /* gaps: pieces can't join */
        added++;
    }
    ck_assert_uint_eq(added, OUT_PIECES - OUT_SPARE + 1);
    out_clear(&out, &buffers);
    ck_assert_ptr_null(out_room(&out, &buffers, BUFFER_ROOM + 1));
    ck_assert_ptr_nonnull(out_room(&out, &buffers, BUFFER_ROOM));
    out_clear(&out, &buffers);
    ck_assert_uint_eq(buffers.used, 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = { pieces_go_out_in_their_order_and_touching_ones_join,
                             a_full_stream_is_continued_where_it_stopped, a_broken_stream_is_told,
                             room_is_promised_before_it_is_needed };

    signal(SIGPIPE, SIG_IGN);
    return run_tests("server out", tests, COUNT_OF(tests));
}
