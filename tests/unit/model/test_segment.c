/* SPDX-License-Identifier: Apache-2.0 */
/* Named segments: what is created, attached, refused and removed, and what the error says. */
#include "segments.h"

static mcmp_cluster *make(const segment *s)
{
    mcmp_cluster_options opts;

    segment_options(&opts, s, MCMP_ATTACH_CREATE);
    return segment_open(&opts);
}

static void fill(mcmp_cluster *cluster, const char *script)
{
    farm f;

    memset(&f, 0, sizeof(f));
    f.cluster = cluster;
    f.now = START_TIME;
    mcmp_peer_init(&f.peer);
    f.peer.has_address = 1;
    f.peer.address[15] = 1;
    ck_assert_int_eq(mcmp_response_new(&f.response, NULL, NULL), MCMP_OK);
    farm_script(&f, script);
    mcmp_response_free(f.response);
}

static size_t count_nodes(mcmp_cluster *cluster)
{
    mcmp_view *view;
    size_t count;

    ck_assert_int_eq(mcmp_view_new(&view, cluster, START_TIME, NULL), MCMP_OK);
    count = mcmp_view_node_count(view);
    mcmp_view_free(view);
    return count;
}

static void unlink_it(const segment *s)
{
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_msg(mcmp_segment_unlink(s->name, 0, &err) == MCMP_OK, "%s", err.message);
}

START_TEST(a_segment_is_shared_and_outlives_who_is_attached)
{
    segment s = segment_name("shared");
    mcmp_cluster_options opts;
    mcmp_cluster *one = make(&s);
    mcmp_cluster *two;
    uint64_t id = mcmp_cluster_id(one);

    segment_options(&opts, &s, MCMP_ATTACH_ANY);
    two = segment_open(&opts);
    fill(one, segment_farm);
    ck_assert_uint_eq(mcmp_cluster_id(two), id);
    ck_assert_uint_eq(count_nodes(two), count_nodes(one));
    fill(two, NODE("z", ""));
    ck_assert_uint_eq(count_nodes(one), count_nodes(two));
    mcmp_cluster_close(one);
    ck_assert_uint_eq(count_nodes(two), 7); /* f is leaving */
    mcmp_cluster_close(two);
    two = segment_open(&opts); /* nobody was attached in between */
    ck_assert_uint_eq(mcmp_cluster_id(two), id);
    ck_assert_uint_eq(count_nodes(two), 7);
    fill(two, NODE("y", ""));
    ck_assert_int_eq(mcmp_cluster_check(two, NULL, NULL), MCMP_OK);
    mcmp_cluster_close(two);
    unlink_it(&s);
    opts.attach = MCMP_ATTACH_EXISTING;
    ck_assert_int_eq(mcmp_cluster_open(&two, &opts, NULL), MCMP_ERR_NOT_FOUND);
}
END_TEST

START_TEST(ways_to_attach_keep_their_word)
{
    static const struct {
        const char *name;
        uint32_t attach;
        int without, with;
    } rows[] = {
        { "any", MCMP_ATTACH_ANY, MCMP_OK, MCMP_OK },
        { "create", MCMP_ATTACH_CREATE, MCMP_OK, MCMP_ERR_STATE },
        { "existing", MCMP_ATTACH_EXISTING, MCMP_ERR_NOT_FOUND, MCMP_OK },
        { "read", MCMP_ATTACH_READ, MCMP_ERR_NOT_FOUND, MCMP_OK },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        segment s = segment_name(rows[i].name);
        mcmp_cluster_options opts;
        mcmp_cluster *cluster = NULL;
        int rc;

        segment_options(&opts, &s, rows[i].attach);
        rc = mcmp_cluster_open(&cluster, &opts, NULL);
        row_code(rows[i].name, rc, rows[i].without);
        if (rc == MCMP_OK)
            mcmp_cluster_close(cluster);
        else
            mcmp_cluster_close(make(&s));
        rc = mcmp_cluster_open(&cluster, &opts, NULL);
        row_code(rows[i].name, rc, rows[i].with);
        if (rc == MCMP_OK)
            mcmp_cluster_close(cluster);
        unlink_it(&s);
    }
}
END_TEST

START_TEST(names_are_short_and_plain)
{
    static const char long_name[] = "0123456789012345678901234567890123456789"
                                    "0123456789012345678901234";
    static const char *const bad[] = { "", "a/b", "..//x", "a b", "\xc3\xa4", "a\n", long_name };

    for (size_t i = 0; i < COUNT_OF(bad) + 1; i++) {
        const char *name = i < COUNT_OF(bad) ? bad[i] : NULL;
        mcmp_cluster_options opts;
        mcmp_cluster *cluster = NULL;
        mcmp_error err;

        farm_options(&opts);
        opts.memory = MCMP_MEMORY_NAMED;
        opts.segment = name;
        mcmp_error_init(&err);
        row_code(name, mcmp_cluster_open(&cluster, &opts, &err), MCMP_ERR_INVALID);
        row_true(name, strcmp(err.field, "segment") == 0);
        row_code(name, mcmp_segment_unlink(name, 0, NULL), MCMP_ERR_INVALID);
    }
}
END_TEST

START_TEST(limits_that_are_left_open_are_those_of_the_segment)
{
    segment s = segment_name("adopt");
    mcmp_command_limits limits;
    mcmp_cluster_options opts;
    mcmp_cluster *one, *two;

    segment_options(&opts, &s, MCMP_ATTACH_CREATE);
    mcmp_command_limits_init(&limits);
    limits.context = 200;
    limits.jvm_route = 20;
    opts.limits = &limits;
    opts.flags = MCMP_CLUSTER_USE_ALIAS;
    one = segment_open(&opts);
    fill(one, segment_farm);
    for (uint32_t attach = MCMP_ATTACH_EXISTING; attach <= MCMP_ATTACH_READ; attach++) {
        segment_adopt(&opts, &s, attach);
        two = segment_open(&opts);
        ck_assert_uint_eq(count_nodes(two), count_nodes(one));
        ck_assert_uint_eq(mcmp_cluster_max_message(two), mcmp_cluster_max_message(one));
        ck_assert_int_eq(mcmp_cluster_check(two, NULL, NULL), MCMP_OK);
        mcmp_cluster_close(two);
    }
    segment_adopt(&opts, &s, MCMP_ATTACH_ANY); /* who may create one has to know what he wants */
    ck_assert_int_eq(mcmp_cluster_open(&two, &opts, NULL), MCMP_ERR_REGION);
    mcmp_cluster_close(one);
    unlink_it(&s);
}
END_TEST

/* Refusals by name */

START_TEST(other_limits_are_refused_by_name)
{
    static const struct {
        const char *name;
        size_t offset;
        int is_limit; /* of names */
        uint32_t value;
    } rows[] = {
        { "max_nodes", offsetof(mcmp_cluster_options, max_nodes), 0, 17 },
        { "max_aliases", offsetof(mcmp_cluster_options, max_aliases), 0, 33 },
        { "max_contexts", offsetof(mcmp_cluster_options, max_contexts), 0, 65 },
        { "max_balancers", offsetof(mcmp_cluster_options, max_balancers), 0, 17 },
        { "max_processes", offsetof(mcmp_cluster_options, max_processes), 0, 9 },
        { "USE_ALIAS", offsetof(mcmp_cluster_options, flags), 0, MCMP_CLUSTER_USE_ALIAS },
        { "jvm_route", offsetof(mcmp_command_limits, jvm_route), 1, 64 },
        { "domain", offsetof(mcmp_command_limits, domain), 1, 20 },
        { "host", offsetof(mcmp_command_limits, host), 1, 64 },
        { "balancer", offsetof(mcmp_command_limits, balancer), 1, 40 },
        { "cookie", offsetof(mcmp_command_limits, cookie), 1, 30 },
        { "alias", offsetof(mcmp_command_limits, alias), 1, 253 },
        { "context", offsetof(mcmp_command_limits, context), 1, 80 },
    };
    segment s = segment_name("limits");
    mcmp_cluster *one = make(&s);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_command_limits limits;
        mcmp_cluster_options opts;
        mcmp_cluster *two = NULL;
        mcmp_error err;

        segment_options(&opts, &s, MCMP_ATTACH_ANY);
        mcmp_command_limits_init(&limits);
        opts.limits = &limits;
        memcpy((rows[i].is_limit ? (char *)&limits : (char *)&opts) + rows[i].offset,
               &rows[i].value, sizeof(rows[i].value));
        mcmp_error_init(&err);
        for (opts.attach = MCMP_ATTACH_ANY; opts.attach <= MCMP_ATTACH_READ; opts.attach++) {
            if (opts.attach == MCMP_ATTACH_CREATE)
                continue;
            row_code(rows[i].name, mcmp_cluster_open(&two, &opts, &err), MCMP_ERR_REGION);
            row_true(rows[i].name, strcmp(err.field, rows[i].name) == 0);
        }
    }
    mcmp_cluster_close(one);
    unlink_it(&s);
}
END_TEST

/* Each word of the header changed, for one who knows the limits and for one who takes them from
 * the segment. */
START_TEST(a_header_that_differs_is_refused_by_name)
{
    static const struct {
        const char *row;
        uint32_t word;
        uint64_t flip; /* bits */
        const char *knows, *adopts;
        int code; /* for who adopts */
    } rows[] = {
        { "magic", MCMP__R_MAGIC, 1u << 20, "magic", "magic", MCMP_ERR_REGION },
        { "word size", MCMP__R_MAGIC, sizeof(void *) ^ 12, "magic", "magic", MCMP_ERR_REGION },
        { "version", MCMP__R_VERSION, 64, "version", "version", MCMP_ERR_REGION },
        { "words", MCMP__R_WORDS, 1024, "size", "size", MCMP_ERR_REGION },
        { "nodes", MCMP__R_NODES, 8, "max_nodes", "size", MCMP_ERR_REGION },
        { "nodes, too many", MCMP__R_NODES, 1u << 31, "max_nodes", "max_nodes", MCMP_ERR_LIMIT },
        { "aliases", MCMP__R_NODES, UINT64_C(1) << 50, "max_aliases", "size", MCMP_ERR_REGION },
        { "aliases, too many", MCMP__R_NODES, UINT64_C(1) << 63, "max_aliases", "max_aliases",
          MCMP_ERR_LIMIT },
        { "contexts", MCMP__R_CONTEXTS, 1u << 20, "max_contexts", "size", MCMP_ERR_REGION },
        { "contexts, too many", MCMP__R_CONTEXTS, 1u << 30, "max_contexts", "max_contexts",
          MCMP_ERR_LIMIT },
        { "balancers", MCMP__R_CONTEXTS, UINT64_C(1) << 48, "max_balancers", "size",
          MCMP_ERR_REGION },
        { "processes", MCMP__R_PROCESSES, 64, "max_processes", "size", MCMP_ERR_REGION },
        { "processes, too many", MCMP__R_PROCESSES, 1u << 20, "max_processes", "max_processes",
          MCMP_ERR_LIMIT },
        { "use_alias", MCMP__R_PROCESSES, UINT64_C(1) << 32, "USE_ALIAS", "seed", MCMP_ERR_REGION },
        { "use_alias, no flag", MCMP__R_PROCESSES, UINT64_C(2) << 32, "USE_ALIAS", "USE_ALIAS",
          MCMP_ERR_REGION },
        { "jvm_route", MCMP__R_NAMES, 64, "jvm_route", "size", MCMP_ERR_REGION },
        { "jvm_route, too long", MCMP__R_NAMES, 1024, "jvm_route", "jvm_route", MCMP_ERR_LIMIT },
        { "domain", MCMP__R_NAMES, 64u << 16, "domain", "size", MCMP_ERR_REGION },
        { "host", MCMP__R_NAMES, UINT64_C(64) << 32, "host", "size", MCMP_ERR_REGION },
        { "balancer", MCMP__R_NAMES, UINT64_C(192) << 48, "balancer", "size", MCMP_ERR_REGION },
        { "cookie", MCMP__R_NAMES2, 64, "cookie", "size", MCMP_ERR_REGION },
        { "alias", MCMP__R_NAMES2, 128u << 16, "alias", "size", MCMP_ERR_REGION },
        { "context", MCMP__R_NAMES2, UINT64_C(512) << 32, "context", "size", MCMP_ERR_REGION },
        { "context, same size", MCMP__R_NAMES2, UINT64_C(1) << 32, "context", "seed",
          MCMP_ERR_REGION },
        { "seed", MCMP__R_SEED, 1, "seed", "seed", MCMP_ERR_REGION },
        { "id", MCMP__R_ID, UINT64_C(1) << 40, "id", "id", MCMP_ERR_REGION },
        { "sum", MCMP__R_SUM, 1, "seed", "seed", MCMP_ERR_REGION },
    };
    segment s = segment_name("header");
    bytes b;

    mcmp_cluster_close(make(&s));
    b = segment_map(&s);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static const uint32_t ways[] = { MCMP_ATTACH_ANY, MCMP_ATTACH_EXISTING, MCMP_ATTACH_READ };

        b.words[rows[i].word] ^= rows[i].flip;
        for (size_t k = 0; k < COUNT_OF(ways); k++) {
            mcmp_cluster_options opts;
            mcmp_cluster *cluster = NULL;
            mcmp_error err;

            const char *field = ways[k] == MCMP_ATTACH_ANY ? rows[i].knows : rows[i].adopts;
            int code = ways[k] == MCMP_ATTACH_ANY ? MCMP_ERR_REGION : rows[i].code;

            mcmp_error_init(&err);
            if (ways[k] == MCMP_ATTACH_ANY)
                segment_options(&opts, &s, ways[k]);
            else
                segment_adopt(&opts, &s, ways[k]);
            row_code(rows[i].row, mcmp_cluster_open(&cluster, &opts, &err), code);
            row_text(rows[i].row, span_of(err.field), field);
        }
        b.words[rows[i].word] ^= rows[i].flip;
    }
    segment_unmap(&b);
    unlink_it(&s);
}
END_TEST

START_TEST(a_segment_of_the_other_byte_order_is_told_by_its_magic)
{
    segment s = segment_name("order");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster = NULL;
    mcmp_error err;
    bytes b;

    mcmp_cluster_close(make(&s));
    b = segment_map(&s);
    for (size_t i = 0; i < b.size / 8 && i < 64; i++)
        b.words[i] = __builtin_bswap64(b.words[i]);
    segment_options(&opts, &s, MCMP_ATTACH_READ);
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, &err), MCMP_ERR_REGION);
    ck_assert_str_eq(err.field, "magic");
    ck_assert_ptr_nonnull(strstr(err.message, "byte order"));
    segment_unmap(&b);
    ck_assert_int_eq(mcmp_segment_unlink(s.name, 0, NULL), MCMP_OK);
}
END_TEST

/* Files under the name that are none of ours. */
START_TEST(what_is_no_segment_is_refused)
{
    static const struct {
        const char *row;
        size_t size;
        unsigned char fill;
        mode_t mode;
        int code;
        const char *field;
    } rows[] = {
        { "a text", 4096, 'x', 0600, MCMP_ERR_REGION, "magic" },
        { "a short text", 20, 'x', 0600, MCMP_ERR_REGION, "magic" },
        { "others may read", 0, 0, 0640, MCMP_ERR_DENIED, "mode" },
        { "others may write", 0, 0, 0602, MCMP_ERR_DENIED, "mode" },
        { "the owner may run it", 0, 0, 0700, MCMP_ERR_DENIED, "mode" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        segment s = segment_name("foreign");
        int fd = shm_open(s.path, O_RDWR | O_CREAT | O_EXCL, 0600);
        mcmp_cluster_options opts;
        mcmp_cluster *cluster = NULL;
        mcmp_error err;
        bytes b;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fchmod(fd, rows[i].mode), 0);
        if (rows[i].size != 0) {
            ck_assert_int_eq(ftruncate(fd, (off_t)rows[i].size), 0);
            b = segment_map(&s);
            memset(b.words, rows[i].fill, b.size);
            segment_unmap(&b);
        }
        for (uint32_t attach = MCMP_ATTACH_ANY; attach <= MCMP_ATTACH_READ; attach++) {
            mcmp_error_init(&err);
            segment_options(&opts, &s, attach);
            row_code(rows[i].row, mcmp_cluster_open(&cluster, &opts, &err), rows[i].code);
            row_true(rows[i].row, strcmp(err.field, rows[i].field) == 0);
        }
        close(fd);
        row_code(rows[i].row, mcmp_segment_unlink(s.name, 0, NULL), MCMP_OK);
    }
}
END_TEST

START_TEST(a_truncated_segment_is_refused)
{
    segment s = segment_name("short");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster = NULL;
    mcmp_error err;
    bytes b;
    int fd;

    mcmp_cluster_close(make(&s));
    b = segment_map(&s);
    fd = shm_open(s.path, O_RDWR, 0);
    for (size_t size = b.size - 4096; size >= 4096; size /= 2) {
        ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
        for (uint32_t attach = MCMP_ATTACH_ANY; attach <= MCMP_ATTACH_READ; attach++) {
            mcmp_error_init(&err);
            segment_options(&opts, &s, attach);
            ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, &err),
                             attach == MCMP_ATTACH_CREATE ? MCMP_ERR_STATE : MCMP_ERR_REGION);
            ck_assert_str_eq(err.field, attach == MCMP_ATTACH_CREATE ? "segment" : "size");
        }
    }
    ck_assert_int_eq(ftruncate(fd, 100), 0); /* not even a header */
    segment_options(&opts, &s, MCMP_ATTACH_READ);
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, &err), MCMP_ERR_REGION);
    ck_assert_int_eq(ftruncate(fd, (off_t)b.size + 4096), 0);
    close(fd);
    segment_unmap(&b);
    ck_assert_int_eq(mcmp_segment_unlink(s.name, 0, NULL), MCMP_OK);
}
END_TEST

START_TEST(a_segment_of_another_user_is_refused)
{
    segment s = segment_name("owner");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_error err;
    int status;
    pid_t pid;

    if (geteuid() != 0)
        return; /* only the superuser can make files of others */
    cluster = make(&s);
    pid = fork();
    if (pid == 0) { /* a stranger can't even open it */
        int ok = seteuid(65534) == 0;

        segment_options(&opts, &s, MCMP_ATTACH_READ);
        ok = ok && mcmp_cluster_open(&cluster, &opts, NULL) == MCMP_ERR_OS;
        ok = ok && mcmp_segment_unlink(s.name, MCMP_SEGMENT_FORCE, NULL) == MCMP_ERR_OS;
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    mcmp_cluster_close(cluster);
    {
        int fd = shm_open(s.path, O_RDWR, 0);

        ck_assert_int_eq(fchown(fd, 65534, 65534), 0);
        close(fd);
    }
    mcmp_error_init(&err);
    segment_options(&opts, &s, MCMP_ATTACH_ANY);
    ck_assert_int_eq(mcmp_cluster_open(&cluster, &opts, &err), MCMP_ERR_DENIED);
    ck_assert_str_eq(err.field, "owner");
    ck_assert_int_eq(mcmp_segment_unlink(s.name, MCMP_SEGMENT_FORCE, &err), MCMP_ERR_DENIED);
    ck_assert_str_eq(err.field, "owner");
    opts.attach = MCMP_ATTACH_READ; /* the superuser may look */
    cluster = segment_open(&opts);
    mcmp_cluster_close(cluster);
    ck_assert_int_eq(shm_unlink(s.path), 0);
}
END_TEST

START_TEST(processes_of_another_pid_namespace_are_not_joined)
{
    segment s = segment_name("space");
    mcmp_cluster_options opts;
    mcmp_cluster *one = make(&s);
    mcmp_cluster *two = NULL;
    mcmp_error err;
    bytes b = segment_map(&s);

    b.words[MCMP__R_PID_SPACE] ^= 1;
    segment_options(&opts, &s, MCMP_ATTACH_ANY);
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_cluster_open(&two, &opts, &err), MCMP_ERR_REGION);
    ck_assert_str_eq(err.field, "pid_space");
    mcmp_cluster_close(one);
    two = segment_open(&opts); /* nobody is left there */
    mcmp_cluster_close(two);
    segment_unmap(&b);
    unlink_it(&s);
}
END_TEST

START_TEST(a_file_system_that_is_full_is_an_error_and_no_signal)
{
    segment s = segment_name("limit");
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit limit = { 4096, 4096 };
        mcmp_cluster_options opts;
        mcmp_cluster *cluster;
        mcmp_error err;
        int rc;

        mcmp_error_init(&err);
        segment_options(&opts, &s, MCMP_ATTACH_CREATE);
        rc = setrlimit(RLIMIT_FSIZE, &limit);
        if (rc == 0)
            rc = mcmp_cluster_open(&cluster, &opts, &err) == MCMP_ERR_OS &&
                 strcmp(err.field, "segment") == 0;
        _exit(rc == 1 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    unlink_it(&s);
}
END_TEST

START_TEST(unlinking_asks_who_is_attached)
{
    segment s = segment_name("unlink");
    mcmp_cluster_options opts;
    mcmp_cluster *one = make(&s);
    mcmp_cluster *two;
    char pid[16];
    mcmp_error err;

    (void)snprintf(pid, sizeof(pid), "process %d ", (int)getpid());
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_segment_unlink(s.name, 0, &err), MCMP_ERR_STATE);
    ck_assert_ptr_nonnull(strstr(err.message, pid));
    ck_assert_int_eq(mcmp_segment_unlink(s.name, 2, &err), MCMP_ERR_UNSUPPORTED);
    ck_assert_int_eq(mcmp_segment_unlink(s.name, MCMP_SEGMENT_FORCE, &err), MCMP_OK);
    ck_assert_int_eq(mcmp_segment_unlink(s.name, 0, &err), MCMP_ERR_NOT_FOUND);
    segment_options(&opts, &s, MCMP_ATTACH_ANY);
    two = segment_open(&opts); /* another one of the same name */
    fill(one, NODE("a", ""));
    ck_assert_uint_eq(count_nodes(two), 0);
    mcmp_cluster_close(one);
    opts.attach = MCMP_ATTACH_READ;
    one = segment_open(&opts);
    mcmp_cluster_close(two);
    unlink_it(&s); /* readers do not count, and keep what they have */
    ck_assert_uint_eq(count_nodes(one), 0);
    mcmp_cluster_close(one);
}
END_TEST

static int open_scenario(const mcmp_allocator *allocator, void *ctx)
{
    const segment *s = ctx;
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    int rc;

    segment_options(&opts, s, MCMP_ATTACH_ANY);
    opts.allocator = allocator;
    rc = mcmp_cluster_open(&cluster, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    mcmp_cluster_close(cluster);
    rc = mcmp_cluster_open(&cluster, &opts, NULL);
    if (rc == MCMP_OK)
        mcmp_cluster_close(cluster);
    ck_assert_int_eq(mcmp_segment_unlink(s->name, 0, NULL), MCMP_OK);
    return rc;
}

START_TEST(opening_without_memory_gives_everything_back)
{
    segment s = segment_name("oom");

    run_with_oom("segment", open_scenario, &s);
    (void)mcmp_segment_unlink(s.name, 0, NULL); /* the failing ones leave theirs */
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        a_segment_is_shared_and_outlives_who_is_attached,
        ways_to_attach_keep_their_word,
        names_are_short_and_plain,
        limits_that_are_left_open_are_those_of_the_segment,
        other_limits_are_refused_by_name,
        a_header_that_differs_is_refused_by_name,
        a_segment_of_the_other_byte_order_is_told_by_its_magic,
        what_is_no_segment_is_refused,
        a_truncated_segment_is_refused,
        a_segment_of_another_user_is_refused,
        processes_of_another_pid_namespace_are_not_joined,
        a_file_system_that_is_full_is_an_error_and_no_signal,
        unlinking_asks_who_is_attached,
        opening_without_memory_gives_everything_back,
    };

    return run_tests("model segment", tests, COUNT_OF(tests));
}
