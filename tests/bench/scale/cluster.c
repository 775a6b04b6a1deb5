/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of the library: memory of the host, shared with children, so that its pages can be
 * counted. Every write is a request as a parser hands it over, with its answer.
 */
#include "scale.h"

#include <libmcmp/libmcmp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COOKIES                                                                 \
    "theme=dark; lang=en; _ga=GA1.2.1089234765.1700000000; consent=0123456789;" \
    " cart=7d1f2c3b4a5968778695a4b3c2d1e0ff; seen=1,2,3,4,5,6,7,8,9; csrf=ab"   \
    "cdef0123456789abcdef0123456789abcdef0123456789abcdef0123"
#define PUBLICATION 16 /* word of the region; odd: a writer is inside a message (docs/store.md) */

static mcmp_cluster *cluster;
static _Atomic uint64_t *memory;
static size_t memory_size;
static unsigned all_contexts;
static mcmp_peer peer;

static _Thread_local mcmp_response *response;
static _Thread_local mcmp_selection selections[SCALE_HELD];
static _Thread_local unsigned chosen, released;
static _Thread_local mcmp_query query;
static _Thread_local mcmp_outcome outcome;
static const mcmp_span cookies = { COOKIES, sizeof(COOKIES) - 1 };

static inline void scale_rc(const char *what, int rc)
{
    if (rc == MCMP_OK)
        return;
    fprintf(stderr, "%s: ", mcmp_error_name(rc));
    scale_must(what, 0);
}

static void enter(int is_process)
{
    if (is_process)
        scale_must("after_fork", mcmp_cluster_after_fork(cluster, NULL) == MCMP_OK);
    scale_must("response", mcmp_response_new(&response, NULL, NULL) == MCMP_OK);
    for (unsigned i = 0; i < SCALE_HELD; i++)
        mcmp_selection_init(&selections[i]);
    mcmp_outcome_init(&outcome);
    mcmp_query_init(&query);
    query.now = SCALE_NOW;
    query.host.ptr = "localhost";
    query.host.len = 9;
    query.cookies = &cookies;
    query.cookie_count = 1;
}

static void leave(void)
{
    mcmp_response_free(response);
}

static void create(unsigned nodes, unsigned contexts)
{
    mcmp_cluster_options opts;
    mcmp_error err;

    (void)nodes;
    all_contexts = contexts;
    mcmp_error_init(&err);
    mcmp_peer_init(&peer);
    peer.has_address = 1;
    memcpy(peer.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    mcmp_cluster_options_init(&opts);
    opts.memory = MCMP_MEMORY_HOST;
    opts.random_seed = 42;
    opts.max_processes = 8;
    opts.now = SCALE_NOW;
    scale_must("size", mcmp_cluster_region_size(&opts, &memory_size, &err) == MCMP_OK);
    memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    scale_must("memory", memory != MAP_FAILED);
    opts.host_memory = (void *)memory;
    opts.host_memory_size = memory_size;
    scale_must("open", mcmp_cluster_open(&cluster, &opts, &err) == MCMP_OK);
    enter(0);
}

static void destroy(void)
{
    leave();
    mcmp_cluster_close(cluster);
    (void)munmap((void *)memory, memory_size);
}

static size_t touched(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = memory_size / page;
    unsigned char *is_there = malloc(pages);
    size_t count = 0;

    scale_must("mincore", is_there != NULL && mincore((void *)memory, memory_size, is_there) == 0);
    for (size_t i = 0; i < pages; i++)
        count += is_there[i] & 1;
    free(is_there);
    return count * page;
}

static void apply(uint32_t command, const char *body, size_t len)
{
    mcmp_request request;
    int rc;

    mcmp_request_init(&request);
    request.command = command;
    request.method.ptr = mcmp_command_name(command);
    request.method.len = strlen(request.method.ptr);
    request.target.ptr = "/";
    request.target.len = 1;
    request.body.ptr = body;
    request.body.len = len;
    request.body_size = len;
    request.now = SCALE_NOW;
    request.connection = 1;
    request.peer = &peer;
    rc = mcmp_apply(cluster, &request, response, NULL);
    if (rc == MCMP_PENDING)
        rc = mcmp_apply_resume(cluster, &request, response, 1, SCALE_NOW, NULL);
    scale_rc("apply", rc);
}

static void write_status(scale_message *m)
{
    m->len = (size_t)snprintf(m->body, sizeof(m->body), "JVMRoute=n%u&Load=%u", m->node, m->value);
}

static void status(const scale_message *m)
{
    apply(MCMP_COMMAND_STATUS, m->body, m->len);
}

static void add_node(unsigned node)
{
    static char body[65536];
    scale_message ready = { .node = node, .value = 100 };
    unsigned next = 0;
    int len = snprintf(body, sizeof(body), "JVMRoute=n%u&Host=10.%u.%u.%u&Port=8080&Type=http",
                       node, node >> 16, node >> 8 & 255, node & 255);

    apply(MCMP_COMMAND_CONFIG, body, (size_t)len);
    while (next < all_contexts) {
        len = snprintf(body, sizeof(body), "JVMRoute=n%u&Alias=localhost&Context=", node);
        for (; next < all_contexts && (size_t)len < sizeof(body) - 64; next++)
            len += snprintf(body + len, sizeof(body) - (size_t)len, "/g%u/c%u,",
                            node / SCALE_SHARING, next);
        apply(MCMP_COMMAND_ENABLE_APP, body, (size_t)len - 1);
    }
    write_status(&ready);
    status(&ready);
}

static void choose(unsigned path)
{
    size_t len;

    query.path.ptr = scale_path(path, &len);
    query.path.len = len + sizeof("/items/4711") - 1;
    scale_rc("select", mcmp_select_node(cluster, &query, &selections[chosen++], NULL));
}

static void release(void)
{
    scale_rc("release", mcmp_selection_release(cluster, &selections[released++], &outcome));
    if (released == chosen)
        released = chosen = 0;
}

static void write_pair(scale_message *m)
{
    m->len = (size_t)snprintf(m->body, sizeof(m->body),
                              "JVMRoute=n%u&Alias=localhost&Context=/new%u", m->node, m->value);
}

static void pair(const scale_message *m)
{
    apply(MCMP_COMMAND_ENABLE_APP, m->body, m->len);
}

/* Messages of many contexts one after the other: the process is nearly always inside of one. */
static void stop_inside(void)
{
    static char body[65536];

    for (unsigned turn = 0;; turn++) {
        int len = snprintf(body, sizeof(body), "JVMRoute=n%u&Alias=localhost&Context=/long", 0u);

        for (unsigned i = 0; (size_t)len < sizeof(body) - 64; i++)
            len += snprintf(body + len, sizeof(body) - (size_t)len, ",/long%u", i);
        apply(turn % 2 == 0 ? MCMP_COMMAND_STOP_APP : MCMP_COMMAND_REMOVE_APP, body, (size_t)len);
    }
}

static int is_inside(pid_t writer)
{
    (void)writer;
    return (memory[PUBLICATION] & 1) != 0;
}

const scale_engine scale_cluster = { "libmcmp",  create, destroy, touched,     add_node,
                                     enter,      leave,  choose,  release,     write_status,
                                     write_pair, status, pair,    stop_inside, is_inside };
