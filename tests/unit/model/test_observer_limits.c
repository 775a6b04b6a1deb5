/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observers and the memory they look at: clusters without a ring, of another size, attached for
 * reading, loaded from a file; and no memory of their own.
 */
#include "watch.h"

START_TEST(test_a_cluster_without_a_ring_has_no_observers)
{
    mcmp_observer *observer = NULL;
    mcmp_error err;
    station s;

    station_open(&s, NULL);
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_observer_new(&observer, s.cluster, NULL, &err), MCMP_ERR_STATE);
    row_text("field", span_of(err.field), "change_ring");
    ck_assert_ptr_null(observer);
    station_close(&s);
}
END_TEST

START_TEST(test_the_size_of_the_ring_is_a_part_of_the_layout)
{
    mcmp_cluster_options opts;
    mcmp_cluster *one, *two;
    mcmp_error err;
    size_t without, with;
    void *memory;

    mcmp_cluster_options_init(&opts);
    mcmp_error_init(&err);
    opts.max_nodes = 4;
    opts.max_aliases = 4;
    opts.max_contexts = 4;
    opts.memory = MCMP_MEMORY_HOST;
    ck_assert_int_eq(mcmp_cluster_region_size(&opts, &without, &err), MCMP_OK);
    opts.change_ring = 5000; /* becomes 8192 */
    ck_assert_int_eq(mcmp_cluster_region_size(&opts, &with, &err), MCMP_OK);
    ck_assert_uint_eq(with, without + 8192 + 4096);
    memory = mmap(NULL, with, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(memory != MAP_FAILED);
    opts.host_memory = memory;
    opts.host_memory_size = with;
    ck_assert_int_eq(mcmp_cluster_open(&one, &opts, &err), MCMP_OK);
    opts.change_ring = 8192;
    ck_assert_int_eq(mcmp_cluster_open(&two, &opts, &err), MCMP_OK);
    mcmp_cluster_close(two);
    opts.change_ring = 0;
    ck_assert_int_eq(mcmp_cluster_open(&two, &opts, &err), MCMP_ERR_REGION);
    row_text("field", span_of(err.field), "change_ring");
    opts.change_ring = (UINT64_C(1) << 30) + 1;
    ck_assert_int_eq(mcmp_cluster_region_size(&opts, &with, &err), MCMP_ERR_LIMIT);
    row_text("field", span_of(err.field), "change_ring");
    mcmp_cluster_close(one);
    munmap(memory, without + 8192 + 4096);
}
END_TEST

/* A program that may only read sees every change, and knows the size of the ring by itself. */
START_TEST(test_a_reader_of_a_named_segment_observes)
{
    static const seen list[] = {
        MESSAGE("CONFIG / JVMRoute=n1&" ONE_SEEN),
        MESSAGE("STATUS / JVMRoute=n1&Load=3"),
        HEALTH("n1", "status, was unproven, is active"),
    };
    mcmp_cluster_options opts;
    mcmp_observer *observer;
    mcmp_cluster *reader;
    char name[64];
    mcmp_error err;
    station s;

    (void)snprintf(name, sizeof(name), "mcmp-test-observer-%d", (int)getpid());
    mcmp_error_init(&err);
    mcmp_cluster_options_init(&opts);
    opts.memory = MCMP_MEMORY_NAMED;
    opts.segment = name;
    opts.attach = MCMP_ATTACH_CREATE;
    open_ring(&s, &opts, 10000);
    opts.attach = MCMP_ATTACH_READ;
    opts.change_ring = 0;
    ck_assert_msg(mcmp_cluster_open(&reader, &opts, &err) == MCMP_OK, "%s", err.message);
    observer = watch_from(reader, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=3"), MCMP_OK);
    WATCH("reader", observer, list);
    for (int i = 0; i < 300; i++) /* through the ring more than once */
        ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=3"), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_check(reader, NULL, &err), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_check(s.cluster, NULL, &err), MCMP_OK);
    mcmp_observer_free(observer);
    mcmp_cluster_close(reader);
    opts.attach = MCMP_ATTACH_EXISTING;
    opts.change_ring = 4096;
    ck_assert_int_eq(mcmp_cluster_open(&reader, &opts, &err), MCMP_ERR_REGION);
    row_text("field", span_of(err.field), "change_ring");
    station_close(&s);
    ck_assert_int_eq(mcmp_segment_unlink(name, 0, &err), MCMP_OK);
}
END_TEST

typedef struct saved {
    char bytes[16384];
    size_t len;
} saved;

static int keep_bytes(void *ctx, const void *data, size_t len)
{
    saved *to = ctx;

    ck_assert_uint_le(to->len + len, sizeof(to->bytes));
    memcpy(to->bytes + to->len, data, len);
    to->len += len;
    return 0;
}

START_TEST(test_a_loaded_state_is_seen_as_one_change)
{
    static const seen loaded[] = { { MCMP_CHANGE_LOADED, "", "loaded", "" } };
    static const seen proven[] = { MESSAGE("STATUS / JVMRoute=n1&Load=7"),
                                   HEALTH("n1", "status, was unproven, is active") };
    static saved file;
    mcmp_observer *observer;
    station old, s;

    station_open(&old, NULL);
    ck_assert_int_eq(say(&old, "CONFIG /", ONE "&Alias=a&Context=/x"), MCMP_OK);
    ck_assert_int_eq(say(&old, "STATUS /", "JVMRoute=n1&Load=7"), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_encode(old.cluster, old.now, keep_bytes, &file, NULL), MCMP_OK);
    station_close(&old);
    open_ring(&s, NULL, 4096);
    observer = watch_from(s.cluster, MCMP_OBSERVE_NOW, 0);
    ck_assert_int_eq(mcmp_cluster_decode(s.cluster, file.bytes, file.len, NULL, NULL, &s.err),
                     MCMP_OK);
    WATCH("loaded", observer, loaded);
    ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=7"), MCMP_OK);
    WATCH("proven", observer, proven);
    mcmp_observer_free(observer);
    station_close(&s);
}
END_TEST

static int observe(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_observer_options opts;
    mcmp_observer *observer = NULL;
    mcmp_change change;
    int rc;

    mcmp_observer_options_init(&opts);
    opts.allocator = allocator;
    opts.from = MCMP_OBSERVE_OLDEST;
    rc = mcmp_observer_new(&observer, ctx, &opts, NULL);
    mcmp_change_init(&change);
    while (rc == MCMP_OK)
        rc = mcmp_observer_next(observer, &change, NULL);
    mcmp_observer_free(observer);
    return rc == MCMP_DONE ? MCMP_OK : rc;
}

START_TEST(test_an_observer_may_find_no_memory)
{
    station s;

    open_ring(&s, NULL, 65536);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a&Context=/x"), MCMP_OK);
    ck_assert_int_eq(say(&s, "ENABLE-APP /", long_body()), MCMP_OK);
    run_with_oom("observer", observe, s.cluster);
    station_close(&s);
}
END_TEST

/* What was not told for want of memory is told the next time. */
START_TEST(test_nothing_is_passed_over_for_want_of_memory)
{
    mcmp_observer_options opts;
    mcmp_observer *observer;
    mcmp_change change;
    test_heap heap;
    station s;

    test_heap_init(&heap, 0);
    open_ring(&s, NULL, 65536);
    mcmp_observer_options_init(&opts);
    opts.allocator = &heap.allocator;
    ck_assert_int_eq(mcmp_observer_new(&observer, s.cluster, &opts, NULL), MCMP_OK);
    ck_assert_int_eq(say(&s, "CONFIG /", ONE), MCMP_OK);
    heap.fail_at = heap.calls + 1;
    mcmp_change_init(&change);
    ck_assert_int_eq(mcmp_observer_next(observer, &change, NULL), MCMP_ERR_NOMEM);
    heap.fail_at = 0;
    ck_assert_int_eq(watch_next(observer, &change), MCMP_OK);
    ck_assert_uint_eq(change.sequence, 1);
    ck_assert_uint_eq(change.missed, 0);
    mcmp_observer_free(observer);
    ck_assert_uint_eq(heap.live_blocks, 0);
    station_close(&s);
}
END_TEST

static int live_with_ring(const mcmp_allocator *allocator, void *ctx)
{
    static char body[8192];
    mcmp_cluster_options opts;
    size_t len;
    station s;
    int rc;

    (void)ctx;
    mcmp_cluster_options_init(&opts);
    opts.allocator = allocator;
    opts.max_nodes = 8;
    opts.max_aliases = 64;
    opts.max_contexts = 64;
    opts.change_ring = 8192;
    len = (size_t)snprintf(body, sizeof(body), "JVMRoute=n1&Context=/1,/2&Alias=a0");
    for (int i = 1; i < 40; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, ",a%d", i);
    rc = station_try_open(&s, &opts);
    if (rc == MCMP_OK)
        rc = say(&s, "CONFIG /", ONE);
    if (rc == MCMP_OK)
        rc = say(&s, "ENABLE-APP /", body);
    if (rc == MCMP_OK)
        rc = say(&s, "STATUS /", "JVMRoute=n1&Load=1");
    station_close(&s);
    return rc;
}

START_TEST(test_each_allocation_may_fail)
{
    run_with_oom("life with a ring", live_with_ring, NULL);
}
END_TEST

START_TEST(test_usual_messages_allocate_nothing)
{
    static const char *const lines[] = { "ENABLE-APP /", "STOP-APP /", "REMOVE-APP /" };
    mcmp_cluster_options opts;
    test_heap heap;
    station s;
    size_t calls = 0;

    test_heap_init(&heap, 0);
    mcmp_cluster_options_init(&opts);
    opts.allocator = &heap.allocator;
    open_ring(&s, &opts, 4096);
    for (int turn = 0; turn < 50; turn++) {
        if (turn == 2)
            calls = heap.calls;
        s.connection++;
        ck_assert_int_eq(say(&s, "CONFIG /", ONE "&Alias=a,b&Context=/x,/y"), MCMP_OK);
        for (size_t i = 0; i < COUNT_OF(lines); i++)
            ck_assert_int_eq(say(&s, lines[i], "JVMRoute=n1&Alias=a,b&Context=/x,/y"), MCMP_OK);
        ck_assert_int_eq(say(&s, "STATUS /", "JVMRoute=n1&Load=5"), MCMP_OK);
        ck_assert_int_eq(say(&s, "REMOVE-APP /*", "JVMRoute=n1"), MCMP_OK);
    }
    ck_assert_uint_eq(heap.calls, calls);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_cluster_without_a_ring_has_no_observers,
        test_the_size_of_the_ring_is_a_part_of_the_layout,
        test_a_reader_of_a_named_segment_observes,
        test_a_loaded_state_is_seen_as_one_change,
        test_an_observer_may_find_no_memory,
        test_nothing_is_passed_over_for_want_of_memory,
        test_each_allocation_may_fail,
        test_usual_messages_allocate_nothing,
    };

    return run_tests("observer: limits", tests, COUNT_OF(tests));
}
