/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, attaching, closing, forking; regions that do not fit are refused by name. */
#include "model/store.h"

#include "support.h"

#include <sys/wait.h>

typedef struct memory {
    void *ptr;
    size_t size;
} memory;

static void small_options(mcmp_cluster_options *opts)
{
    mcmp_cluster_options_init(opts);
    opts->max_nodes = 4;
    opts->max_aliases = 8;
    opts->max_contexts = 16;
    opts->max_processes = 3;
    opts->random_seed = 5;
}

static memory map_region(mcmp_cluster_options *opts)
{
    memory m;

    opts->memory = MCMP_MEMORY_HOST;
    ck_assert_int_eq(mcmp_cluster_region_size(opts, &m.size, NULL), MCMP_OK);
    m.ptr = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(m.ptr != MAP_FAILED);
    opts->host_memory = m.ptr;
    opts->host_memory_size = m.size;
    return m;
}

static uint32_t add_node(mcmp_cluster *cluster, const char *route)
{
    mcmp__balancer_data balancer = { .name = TEXT("b") };
    mcmp__node_data node = { .host = TEXT("h"), .port = 80 };
    uint32_t b, row;
    mcmp__tx tx;

    node.route = span_of(route);
    ck_assert_int_eq(mcmp__tx_begin(&tx, cluster, 1, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp__balancer_put(&tx, &balancer, &b, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp__node_add(&tx, &node, b, &row, NULL), MCMP_OK);
    mcmp__tx_commit(&tx);
    return row;
}

static mcmp_handle handle_of(mcmp_cluster *cluster, const char *route)
{
    mcmp__node node = { 0 };
    mcmp__read rd;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        mcmp__node_get(&rd, mcmp__node_by_route(&rd, span_of(route)), &node);
    } while (!mcmp__read_done(&rd));
    return node.handle;
}

static uint32_t running_of(mcmp_cluster *cluster, const char *route)
{
    uint32_t sum;
    mcmp__read rd;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        sum = mcmp__running_node(&rd, mcmp__node_by_route(&rd, span_of(route)));
    } while (!mcmp__read_done(&rd));
    return sum;
}

static void start_one(mcmp_cluster *cluster, const char *route)
{
    mcmp__running running;
    mcmp__read rd;

    mcmp__read_init(&rd, cluster);
    do {
        mcmp__read_begin(&rd);
        mcmp__running_of(&rd, mcmp__node_by_route(&rd, span_of(route)), 0, &running);
    } while (!mcmp__read_done(&rd));
    mcmp__running_start(cluster, &running);
}

START_TEST(options_out_of_range_are_refused_by_name)
{
    static const struct {
        const char *name;
        size_t offset;
        uint32_t value;
        int code;
    } rows[] = {
        { "max_nodes", offsetof(mcmp_cluster_options, max_nodes), 1u << 19, MCMP_ERR_LIMIT },
        { "max_aliases", offsetof(mcmp_cluster_options, max_aliases), 1u << 21, MCMP_ERR_LIMIT },
        { "max_contexts", offsetof(mcmp_cluster_options, max_contexts), 1u << 25, MCMP_ERR_LIMIT },
        { "max_balancers", offsetof(mcmp_cluster_options, max_balancers), 1u << 21,
          MCMP_ERR_LIMIT },
        { "memory", offsetof(mcmp_cluster_options, memory), 4, MCMP_ERR_INVALID },
        { "policy", offsetof(mcmp_cluster_options, policy), 9, MCMP_ERR_INVALID },
        { "replace_policy", offsetof(mcmp_cluster_options, replace_policy), 3, MCMP_ERR_INVALID },
        { "flags", offsetof(mcmp_cluster_options, flags), 1u << 31, MCMP_ERR_UNSUPPORTED },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_cluster_options opts;
        mcmp_cluster *cluster = NULL;
        mcmp_error err;

        mcmp_cluster_options_init(&opts);
        mcmp_error_init(&err);
        memcpy((char *)&opts + rows[i].offset, &rows[i].value, sizeof(rows[i].value));
        row_code(rows[i].name, mcmp_cluster_open(&cluster, &opts, &err), rows[i].code);
        row_true(rows[i].name, strcmp(err.field, rows[i].name) == 0);
        row_true(rows[i].name, cluster == NULL);
    }
}
END_TEST

START_TEST(defaults_are_those_of_the_contract)
{
    const mcmp__config *config;
    mcmp_cluster *cluster;

    ck_assert_int_eq(mcmp_cluster_open(&cluster, NULL, NULL), MCMP_OK);
    config = mcmp__config_of(cluster);
    ck_assert_uint_eq(config->opts.max_nodes, 4096);
    ck_assert_uint_eq(config->opts.max_aliases, 65536);
    ck_assert_uint_eq(config->opts.max_contexts, 1048576);
    ck_assert_uint_eq(config->opts.max_balancers, 4096);
    ck_assert_int_eq(config->opts.grace, 10 * MCMP_SEC);
    ck_assert_int_eq(config->opts.slow_start, MCMP_NEVER);
    ck_assert_str_eq(config->opts.default_balancer, "mycluster");
    ck_assert_uint_eq(config->limits.context, 79);
    ck_assert_uint_eq(mcmp_cluster_max_message(cluster), 1048576);
    ck_assert_uint_gt(mcmp_cluster_id(cluster), 0);
    ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
    mcmp_cluster_close(cluster);
    mcmp_cluster_close(NULL);
}
END_TEST

START_TEST(host_memory_is_attached_when_it_holds_a_region)
{
    mcmp_cluster_options opts;
    mcmp_cluster *one, *two;
    memory m;

    small_options(&opts);
    m = map_region(&opts);
    ck_assert_int_eq(mcmp_cluster_open(&one, &opts, NULL), MCMP_OK);
    add_node(one, "n1");
    ck_assert_int_eq(mcmp_cluster_open(&two, &opts, NULL), MCMP_OK);
    ck_assert_uint_eq(mcmp_cluster_id(one), mcmp_cluster_id(two));
    ck_assert_uint_ne(handle_of(two, "n1"), 0);
    ck_assert_uint_eq(handle_of(two, "n1"), handle_of(one, "n1"));
    mcmp_cluster_close(one);
    ck_assert_uint_ne(handle_of(two, "n1"), 0);
    mcmp_cluster_close(two);
    munmap(m.ptr, m.size);
}
END_TEST

START_TEST(host_memory_of_other_limits_is_refused_by_name)
{
    static const struct {
        const char *name;
        size_t offset;
    } rows[] = {
        { "max_nodes", offsetof(mcmp_cluster_options, max_nodes) },
        { "max_aliases", offsetof(mcmp_cluster_options, max_aliases) },
        { "max_contexts", offsetof(mcmp_cluster_options, max_contexts) },
        { "max_balancers", offsetof(mcmp_cluster_options, max_balancers) },
        { "max_processes", offsetof(mcmp_cluster_options, max_processes) },
    };
    mcmp_cluster_options opts;
    mcmp_cluster *one;
    memory m;

    small_options(&opts);
    opts.max_balancers = 4;
    m = map_region(&opts);
    ck_assert_int_eq(mcmp_cluster_open(&one, &opts, NULL), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_cluster_options other = opts;
        mcmp_cluster *two = NULL;
        mcmp_error err;
        uint32_t value = 2;

        mcmp_error_init(&err);
        memcpy((char *)&other + rows[i].offset, &value, sizeof(value));
        row_code(rows[i].name, mcmp_cluster_open(&two, &other, &err), MCMP_ERR_REGION);
        row_true(rows[i].name, strcmp(err.field, rows[i].name) == 0);
    }
    mcmp_cluster_close(one);
    munmap(m.ptr, m.size);
}
END_TEST

START_TEST(host_memory_that_is_no_region_is_refused)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster = NULL;
    mcmp_error err;
    memory m;

    small_options(&opts);
    m = map_region(&opts);
    mcmp_error_init(&err);
    memset(m.ptr, 'x', 8);
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, &err), MCMP_ERR_REGION);
    ck_assert_str_eq(err.field, "magic");
    memset(m.ptr, 0, 8);
    opts.host_memory_size = m.size - 1;
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, &err), MCMP_ERR_INVALID);
    ck_assert_str_eq(err.field, "host_memory_size");
    opts.host_memory_size = m.size;
    opts.host_memory = (char *)m.ptr + 8;
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, &err), MCMP_ERR_INVALID);
    ck_assert_str_eq(err.field, "host_memory");
    munmap(m.ptr, m.size);
}
END_TEST

START_TEST(a_creator_that_died_is_replaced)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster = NULL;
    uint64_t dead;
    memory m;
    pid_t pid;

    small_options(&opts);
    m = map_region(&opts);
    pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    dead = (uint64_t)pid;
    memcpy((char *)m.ptr + 10 * 8, &dead, sizeof(dead)); /* the state word */
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, NULL), MCMP_OK);
    add_node(cluster, "n1");
    ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
    mcmp_cluster_close(cluster);
    munmap(m.ptr, m.size);
}
END_TEST

static int open_scenario(const mcmp_allocator *allocator, void *ctx)
{
    static const mcmp_pair identities[] = { { TEXT("cn=a"), TEXT("n*") } };
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    int rc;

    (void)ctx;
    small_options(&opts);
    opts.allocator = allocator;
    opts.identities = identities;
    opts.identity_count = 1;
    rc = mcmp_cluster_open(&cluster, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    ck_assert_int_eq(mcmp__config_of(cluster)->opts.identities[0].value.len, 2);
    mcmp_cluster_close(cluster);
    return MCMP_OK;
}

START_TEST(opening_without_memory_gives_everything_back)
{
    run_with_oom("open", open_scenario, NULL);
}
END_TEST

START_TEST(what_a_dead_child_held_is_given_back)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    int status;
    pid_t pid;

    small_options(&opts);
    opts.memory = MCMP_MEMORY_SHARED;
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, NULL), MCMP_OK);
    add_node(cluster, "n1");
    start_one(cluster, "n1");
    pid = fork();
    if (pid == 0) {
        if (mcmp_cluster_after_fork(cluster, NULL) != MCMP_OK)
            _exit(1);
        start_one(cluster, "n1");
        start_one(cluster, "n1");
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(running_of(cluster, "n1"), 3);
    ck_assert_int_eq(mcmp_cluster_process_gone(cluster, pid), MCMP_OK);
    ck_assert_uint_eq(running_of(cluster, "n1"), 1);
    ck_assert_int_eq(mcmp_cluster_process_gone(cluster, pid), MCMP_ERR_NOT_FOUND);
    mcmp_cluster_close(cluster);
}
END_TEST

START_TEST(the_slot_of_a_dead_process_is_found_when_all_are_taken)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;

    small_options(&opts);
    opts.memory = MCMP_MEMORY_SHARED;
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, NULL), MCMP_OK);
    add_node(cluster, "n1");
    for (int i = 0; i < 10; i++) { /* nobody says that they are gone */
        int status;
        pid_t pid = fork();

        if (pid == 0) {
            if (mcmp_cluster_after_fork(cluster, NULL) != MCMP_OK)
                _exit(1);
            start_one(cluster, "n1");
            _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_uint_le(running_of(cluster, "n1"), 2);
    mcmp_cluster_close(cluster);
}
END_TEST

START_TEST(after_fork_needs_shared_memory_and_a_child)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;

    small_options(&opts);
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_after_fork(cluster, NULL), MCMP_ERR_STATE);
    mcmp_cluster_close(cluster);
    opts.memory = MCMP_MEMORY_SHARED;
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_cluster_after_fork(cluster, NULL), MCMP_ERR_STATE);
    mcmp_cluster_close(cluster);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        options_out_of_range_are_refused_by_name,
        defaults_are_those_of_the_contract,
        host_memory_is_attached_when_it_holds_a_region,
        host_memory_of_other_limits_is_refused_by_name,
        host_memory_that_is_no_region_is_refused,
        a_creator_that_died_is_replaced,
        opening_without_memory_gives_everything_back,
        what_a_dead_child_held_is_given_back,
        the_slot_of_a_dead_process_is_found_when_all_are_taken,
        after_fork_needs_shared_memory_and_a_child,
    };

    return run_tests("model cluster", tests, COUNT_OF(tests));
}
