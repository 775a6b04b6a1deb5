/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state is loaded while others read, choose, probe and save: they see nothing of it or all of it,
 * and every loaded node is probed before it is chosen. Meant for ThreadSanitizer as well.
 */
#include "station.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 60
#define NODES 24
#define CONTEXTS 6

typedef struct image {
    char data[1 << 17];
    size_t len;
} image;

typedef struct scene {
    mcmp_cluster *cluster;
    atomic_int over;     /* everybody ends */
    atomic_int loaded;   /* the load has returned */
    atomic_int proven;   /* probes that were reported */
    atomic_int chosen;   /* selections that were made */
    atomic_int failures; /* promises that were broken */
    mcmp_time now;
} scene;

static int collect(void *ctx, const void *data, size_t len)
{
    image *out = ctx;

    if (len > sizeof(out->data) - out->len)
        return 1;
    memcpy(out->data + out->len, data, len);
    out->len += len;
    return 0;
}

static void expect(scene *s, int holds)
{
    if (!holds)
        atomic_fetch_add(&s->failures, 1);
}

static void *read_views(void *ctx)
{
    scene *s = ctx;

    while (!atomic_load(&s->over)) {
        int must_be_there = atomic_load(&s->loaded);
        mcmp_view *view;
        size_t nodes, contexts;

        if (mcmp_view_new(&view, s->cluster, s->now, NULL) != MCMP_OK)
            continue; /* overtaken */
        nodes = mcmp_view_node_count(view);
        contexts = mcmp_view_context_count(view);
        expect(s, (nodes == 0 && contexts == 0 && !must_be_there) ||
                      (nodes == NODES && contexts == NODES * CONTEXTS));
        mcmp_view_free(view);
    }
    return NULL;
}

static void *choose_nodes(void *ctx)
{
    scene *s = ctx;

    while (!atomic_load(&s->over)) {
        int proven = atomic_load(&s->proven);
        mcmp_selection selection;
        mcmp_outcome outcome;
        mcmp_query query;
        int rc;

        mcmp_query_init(&query);
        query.now = s->now;
        query.path = span_of("/c1/x");
        query.session = span_of("s.n3");
        mcmp_selection_init(&selection);
        rc = mcmp_select_node(s->cluster, &query, &selection, NULL);
        expect(s, rc == MCMP_NOT_OURS || rc == MCMP_WAIT || rc == MCMP_OK);
        expect(s, proven < NODES || rc == MCMP_OK);
        if (rc != MCMP_OK)
            continue;
        expect(s, selection.reason == MCMP_REASON_STICKY); /* never anywhere else meanwhile */
        atomic_fetch_add(&s->chosen, 1);
        mcmp_outcome_init(&outcome);
        outcome.now = s->now;
        expect(s, mcmp_selection_release(s->cluster, &selection, &outcome) == MCMP_OK);
    }
    return NULL;
}

static void *make_probes(void *ctx)
{
    scene *s = ctx;
    mcmp_time now = s->now;
    mcmp_work work;

    mcmp_work_init(&work);
    while (!atomic_load(&s->over)) {
        now += MCMP_MSEC;
        while (mcmp_tick(s->cluster, now, &work, NULL) == MCMP_OK) {
            if (work.kind != MCMP_WORK_PROBE)
                continue;
            expect(s, mcmp_probe_report(s->cluster, work.probe->node, work.probe->ticket, 1, now,
                                        NULL) == MCMP_OK);
            atomic_fetch_add(&s->proven, 1);
        }
    }
    return NULL;
}

/* What is saved at any time can be loaded, and has no node or all of them. */
static void *save_states(void *ctx)
{
    scene *s = ctx;
    image *own = malloc(sizeof(*own));

    ck_assert(own != NULL);
    while (!atomic_load(&s->over)) {
        mcmp_load_report report;
        mcmp_cluster *other;

        own->len = 0;
        expect(s, mcmp_cluster_encode(s->cluster, s->now, collect, own, NULL) == MCMP_OK);
        mcmp_load_report_init(&report);
        if (mcmp_cluster_open(&other, NULL, NULL) != MCMP_OK)
            continue;
        expect(s, mcmp_cluster_decode(other, own->data, own->len, NULL, &report, NULL) == MCMP_OK);
        expect(s,
               report.nodes == 0 || (report.nodes == NODES && report.contexts == NODES * CONTEXTS));
        mcmp_cluster_close(other);
    }
    free(own);
    return NULL;
}

static void make_image(image *out)
{
    char body[200];
    station s;

    station_open(&s, NULL);
    for (int i = 0; i < NODES; i++) {
        (void)snprintf(body, sizeof(body),
                       "JVMRoute=n%d&Host=10.0.0.%d&Port=1&Alias=a&Context=/c0,/c1,/c2,/c3,/c4,/c5",
                       i, i + 1);
        row_code(body, say(&s, "CONFIG /", body), MCMP_OK);
        (void)snprintf(body, sizeof(body), "JVMRoute=n%d", i);
        row_code(body, say(&s, "ENABLE-APP /*", body), MCMP_OK);
        (void)snprintf(body, sizeof(body), "JVMRoute=n%d&Load=%d", i, 1 + i % 100);
        row_code(body, say(&s, "STATUS /", body), MCMP_OK);
    }
    out->len = 0;
    ck_assert_int_eq(mcmp_cluster_encode(s.cluster, s.now, collect, out, NULL), MCMP_OK);
    station_close(&s);
}

START_TEST(readers_see_all_of_a_load_or_nothing)
{
    static void *(*const parts[])(void *) = { read_views, choose_nodes, make_probes, save_states };
    static image state;
    int rounds = (int)as_often(ROUNDS, 3);
    int chosen = 0;

    fails_in_line_only("of threads no two runs are the same");
    make_image(&state);
    for (int round = 0; round < rounds; round++) {
        pthread_t threads[COUNT_OF(parts)];
        mcmp_load_options opts;
        scene s = { .now = 1000 * MCMP_SEC };
        int turns = 0;

        ck_assert_int_eq(mcmp_cluster_open(&s.cluster, NULL, NULL), MCMP_OK);
        for (size_t i = 0; i < COUNT_OF(parts); i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, parts[i], &s), 0);
        mcmp_load_options_init(&opts);
        opts.now = s.now;
        ck_assert_int_eq(mcmp_cluster_decode(s.cluster, state.data, state.len, &opts, NULL, NULL),
                         MCMP_OK);
        atomic_store(&s.loaded, 1);
        while ((atomic_load(&s.proven) < NODES || atomic_load(&s.chosen) < 3) && turns++ < 20000000)
            sched_yield();
        atomic_store(&s.over, 1);
        for (size_t i = 0; i < COUNT_OF(parts); i++)
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(atomic_load(&s.failures), 0);
        ck_assert_int_ge(atomic_load(&s.proven), NODES);
        chosen += atomic_load(&s.chosen);
        mcmp_cluster_close(s.cluster);
    }
    ck_assert_int_ge(chosen, 3 * rounds);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { readers_see_all_of_a_load_or_nothing };

    return run_tests("model state threads", tests, COUNT_OF(tests));
}
