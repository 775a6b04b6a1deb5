/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows: following what is changed in a cluster by an observer, and keeping a copy of it.
 * Imitates: a proxy whose worker processes share one state (memory inherited over fork), with one
 * process that passes every change on to another proxy. Here that is a second cluster.
 */
#include "example.h"

#include <sys/wait.h>

typedef struct follower {
    mcmp_cluster *copy;
    mcmp_parser *parser;
    mcmp_response *response;
    int changes;
} follower;

static mcmp_error err;

/* The sender of a message; only loopback is heard here. */
static mcmp_peer *local_peer(void)
{
    static mcmp_peer peer;

    mcmp_peer_init(&peer);
    memcpy(peer.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    peer.has_address = 1;
    return &peer;
}

static void apply(mcmp_cluster *cluster, mcmp_parser *parser, mcmp_response *response,
                  mcmp_span bytes, mcmp_time now)
{
    mcmp_request *request;
    size_t used;
    int rc;

    check(mcmp_parser_feed(parser, bytes.ptr, bytes.len, &used, &err) == MCMP_OK, err.message);
    request = mcmp_parser_request(parser);
    request->now = now;
    request->peer = local_peer();
    rc = mcmp_apply(cluster, request, response, &err);
    while (rc == MCMP_PENDING) /* a probe; the first cluster has made it */
        rc = mcmp_apply_resume(cluster, request, response, 1, now, &err);
    check(rc == MCMP_OK, err.message);
}

static mcmp_span info_of(mcmp_cluster *cluster, mcmp_response *response)
{
    mcmp_request request;

    mcmp_request_init(&request);
    request.method = text_of("INFO");
    request.command = MCMP_COMMAND_INFO;
    request.now = monotonic_now();
    request.peer = local_peer();
    check(mcmp_apply(cluster, &request, response, &err) == MCMP_OK, err.message);
    return mcmp_response_body(response);
}

/* [follow] */
/* For each change, in the order of their commits. */
static int pass_on(void *ctx, const mcmp_change *change)
{
    follower *f = ctx;

    if (change->missed != 0)
        return 1; /* the ring was too small: the copy has to start anew from a view */
    (void)printf("%llu: node %.*s: %.*s%.*s\n", (unsigned long long)change->sequence,
                 (int)change->route.len, change->route.ptr, (int)change->text.len, change->text.ptr,
                 (int)change->bytes.len, change->bytes.ptr);
    if (change->bytes.len != 0)
        apply(f->copy, f->parser, f->response, change->bytes, change->time);
    f->changes++;
    return 0;
}
/* [follow] */

/* A worker that gets messages of nodes. */
static int play_worker(mcmp_cluster *cluster)
{
    static const char *const requests[] = {
        ("CONFIG / HTTP/1.1\r\nContent-Length: 56\r\n\r\n"
         "JVMRoute=n1&Host=10.0.0.1&Type=http&Alias=a&Context=/app"),
        "ENABLE-APP /* HTTP/1.1\r\nContent-Length: 11\r\n\r\nJVMRoute=n1",
        "STATUS / HTTP/1.1\r\nContent-Length: 19\r\n\r\nJVMRoute=n1&Load=70",
        "CONFIG / HTTP/1.1\r\nContent-Length: 25\r\n\r\nJVMRoute=n2&Host=10.0.0.2",
        "REMOVE-APP /* HTTP/1.1\r\nContent-Length: 11\r\n\r\nJVMRoute=n2",
    };
    mcmp_response *response;
    mcmp_parser *parser;

    check(mcmp_cluster_after_fork(cluster, &err) == MCMP_OK, err.message);
    check(mcmp_parser_new(&parser, NULL, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&response, NULL, &err) == MCMP_OK, err.message);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        apply(cluster, parser, response, text_of(requests[i]), monotonic_now());
    mcmp_response_free(response);
    mcmp_parser_free(parser);
    return 0;
}

int main(void)
{
    mcmp_response *response;
    mcmp_cluster *cluster;
    mcmp_observer *observer;
    mcmp_cluster_options options;
    follower f = { 0 };
    mcmp_span mine, copied;
    int status = 1;
    pid_t worker;

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&options);
    options.now = monotonic_now();
    options.replace_policy = MCMP_REPLACE_LAST_WRITER; /* of the copy: judged where it was sent */
    check(mcmp_cluster_open(&f.copy, &options, &err) == MCMP_OK, err.message);
    options.memory = MCMP_MEMORY_SHARED;
    options.replace_policy = MCMP_REPLACE_PROBE_OLD;
    options.change_ring = 1 << 20;
    check(mcmp_cluster_open(&cluster, &options, &err) == MCMP_OK, err.message);
    check(mcmp_observer_new(&observer, cluster, NULL, &err) == MCMP_OK, err.message);
    check(mcmp_parser_new(&f.parser, NULL, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&f.response, NULL, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&response, NULL, &err) == MCMP_OK, err.message);

    worker = fork();
    check(worker >= 0, "fork");
    if (worker == 0)
        _exit(play_worker(cluster));
    check(waitpid(worker, &status, 0) == worker && status == 0, "the worker failed");

    /* A real host does this on its timer. */
    check(mcmp_observer_run(observer, pass_on, &f, 0, &err) == MCMP_DONE, err.message);
    check(f.changes == 6, "five messages, and n1 became active");
    mine = info_of(cluster, response);
    copied = info_of(f.copy, f.response);
    check(mine.len != 0 && mine.len == copied.len && memcmp(mine.ptr, copied.ptr, mine.len) == 0,
          "the copy is another cluster");

    mcmp_response_free(response);
    mcmp_response_free(f.response);
    mcmp_parser_free(f.parser);
    mcmp_observer_free(observer);
    mcmp_cluster_close(cluster);
    mcmp_cluster_close(f.copy);
    (void)puts("follow_changes: ok");
    return 0;
}
