/* SPDX-License-Identifier: Apache-2.0 */
/*
 * long_life CYCLES SELECTIONS: nodes register and go so many times, and so many requests are
 * selected and released, in constant memory. After a warm-up of a tenth of it the resident pages
 * of the region and the blocks and bytes of the allocator are taken; they must be the same at the
 * end. Prints the figures.
 */
#include "model/region.h"

#include <libmcmp/libmcmp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ROUTES 64u
#define APPS 50u

typedef struct heap {
    size_t blocks, bytes, calls;
} heap;

typedef struct figures {
    size_t pages, blocks, bytes, calls;
} figures;

typedef struct life {
    heap heap;
    mcmp_cluster *cluster;
    mcmp_response *response;
    mcmp_peer peer;
    mcmp_time now;
    uint64_t selected, refused;
} life;

static void *heap_alloc(void *ctx, size_t size)
{
    heap *h = ctx;

    h->blocks++;
    h->calls++;
    h->bytes += size;
    return malloc(size);
}

static void *heap_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    heap *h = ctx;

    h->calls++;
    h->bytes += new_size - old_size;
    return realloc(ptr, new_size);
}

static void heap_free(void *ctx, void *ptr, size_t size)
{
    heap *h = ctx;

    h->blocks--;
    h->bytes -= size;
    free(ptr);
}

static size_t resident_pages(const mcmp_cluster *cluster)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = cluster->mapped / page;
    unsigned char *in = malloc(count);
    size_t pages = 0;

    if (in == NULL || mincore(cluster->region, cluster->mapped, in) != 0)
        exit(2);
    for (size_t i = 0; i < count; i++)
        pages += in[i] & 1u;
    free(in);
    return pages;
}

static figures take_figures(const life *l)
{
    return (figures){ resident_pages(l->cluster), l->heap.blocks, l->heap.bytes, l->heap.calls };
}

static void send(life *l, uint32_t command, const char *target, const char *body)
{
    mcmp_request request;
    int rc;

    mcmp_request_init(&request);
    request.command = command;
    request.method = (mcmp_span){ mcmp_command_name(command), strlen(mcmp_command_name(command)) };
    request.target = (mcmp_span){ target, strlen(target) };
    request.flags = mcmp_request_flags(request.target, (mcmp_span){ "", 0 });
    request.body = (mcmp_span){ body, strlen(body) };
    request.body_size = request.body.len;
    request.now = l->now;
    request.peer = &l->peer;
    rc = mcmp_apply(l->cluster, &request, l->response, NULL);
    while (rc == MCMP_PENDING)
        rc = mcmp_apply_resume(l->cluster, &request, l->response, 1, l->now, NULL);
    l->refused += rc != MCMP_OK;
}

/* A node comes with its contexts, or goes; names change from turn to turn. */
static void cycle(life *l, uint64_t turn)
{
    unsigned n = (unsigned)(turn % ROUTES);
    unsigned app = (unsigned)(turn / ROUTES % APPS);
    char body[256];

    l->now += 20 * MCMP_MSEC;
    (void)snprintf(body, sizeof(body), "JVMRoute=n%u", n);
    if (turn >= ROUTES)
        send(l, MCMP_COMMAND_REMOVE_APP, "/*", body);
    (void)snprintf(body, sizeof(body),
                   "JVMRoute=n%u&Host=10.0.%u.%u&Port=8009&Balancer=b%u&Domain=d%u"
                   "&Alias=h%u.example.com,www.example.com&Context=/app%u,/always",
                   n, app, n, app % 4, app % 8, app, app);
    send(l, MCMP_COMMAND_CONFIG, "/", body);
    (void)snprintf(body, sizeof(body), "JVMRoute=n%u", n);
    send(l, MCMP_COMMAND_ENABLE_APP, "/*", body);
    (void)snprintf(body, sizeof(body), "JVMRoute=n%u&Load=%u", n, 1 + app);
    send(l, MCMP_COMMAND_STATUS, "/", body);
}

static void choose(life *l, uint64_t turn)
{
    mcmp_selection selection;
    mcmp_outcome outcome;
    mcmp_query query;
    mcmp_work work;

    mcmp_query_init(&query);
    query.now = l->now;
    query.path = (mcmp_span){ "/always/page", 12 };
    mcmp_selection_init(&selection);
    mcmp_outcome_init(&outcome);
    outcome.bytes_read = 1;
    outcome.now = l->now;
    if (mcmp_select_node(l->cluster, &query, &selection, NULL) != MCMP_OK)
        return;
    l->selected += mcmp_selection_release(l->cluster, &selection, &outcome) == MCMP_OK;
    mcmp_work_init(&work);
    if (turn % 64 == 0)
        while (mcmp_tick(l->cluster, l->now, &work, NULL) == MCMP_OK)
            if (work.kind == MCMP_WORK_PROBE)
                (void)mcmp_probe_report(l->cluster, work.probe->node, work.probe->ticket, 1, l->now,
                                        NULL);
}

static void live(life *l, uint64_t from, uint64_t cycles, uint64_t selections)
{
    uint64_t done = 0;

    for (uint64_t i = 0; i < cycles; i++) {
        cycle(l, from + i);
        for (; done < selections * (i + 1) / cycles; done++)
            choose(l, done);
    }
}

static void open_cluster(life *l)
{
    mcmp_cluster_options opts;
    mcmp_allocator allocator;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_allocator_init(&allocator);
    allocator.ctx = &l->heap;
    allocator.alloc = heap_alloc;
    allocator.realloc = heap_realloc;
    allocator.free = heap_free;
    mcmp_cluster_options_init(&opts);
    opts.memory = MCMP_MEMORY_SHARED;
    opts.allocator = &allocator;
    opts.max_nodes = 2 * ROUTES;
    opts.max_aliases = 1024;
    opts.max_contexts = 4096;
    opts.random_seed = 1;
    l->now = 1000 * MCMP_SEC;
    opts.now = l->now;
    mcmp_peer_init(&l->peer);
    l->peer.has_address = 1;
    l->peer.address[15] = 1;
    if (mcmp_cluster_open(&l->cluster, &opts, &err) != MCMP_OK ||
        mcmp_response_new(&l->response, &allocator, &err) != MCMP_OK) {
        fprintf(stderr, "long_life: %s\n", err.message);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    uint64_t cycles = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
    uint64_t selections = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000;
    static life l;
    figures before, after;
    int fine;

    open_cluster(&l);
    live(&l, 0, cycles / 10, selections / 10);
    before = take_figures(&l);
    live(&l, cycles / 10, cycles, selections);
    after = take_figures(&l);
    fine = before.pages == after.pages && before.blocks == after.blocks &&
           before.bytes == after.bytes && before.calls == after.calls && l.refused == 0 &&
           l.selected >= selections && mcmp_cluster_check(l.cluster, NULL, NULL) == MCMP_OK;
    printf(
        "%llu cycles and %llu selections after a warm-up of a tenth (%llu selected, %llu refused)\n"
        "pages of the region %zu and %zu; blocks %zu and %zu; bytes %zu and %zu; "
        "allocations %zu and %zu\n%s\n",
        (unsigned long long)cycles, (unsigned long long)selections, (unsigned long long)l.selected,
        (unsigned long long)l.refused, before.pages, after.pages, before.blocks, after.blocks,
        before.bytes, after.bytes, before.calls, after.calls,
        fine ? "as it should be" : "NOT as it should be");
    mcmp_response_free(l.response);
    mcmp_cluster_close(l.cluster);
    return fine && l.heap.blocks == 0 ? 0 : 1;
}
