/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named segments and processes: creators that die at every step, two that race, servers that are
 * killed with requests in flight, pids that come again.
 */
#include "base/os.h"
#include "segments.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#ifdef __SANITIZE_THREAD__ /* slow, and there are no threads here */
enum { STEPS = 8, RACES = 30 };
#else
enum { STEPS = 60, RACES = 150 };
#endif
/* Valgrind sees the instructions of who comes after; those that are stepped are a thousand of its
 * own for each of the library. */
enum { MEMCHECK_STEPS = 4, MEMCHECK_RACES = 20 };

static int is_memcheck(void)
{
    return getenv("MCMP_MEMCHECK") != NULL;
}

static void say(mcmp_cluster *cluster, const char *script)
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

static uint32_t connected(mcmp_cluster *cluster)
{
    mcmp_node_info info;
    mcmp_view *view;
    uint32_t sum = 0;

    ck_assert_int_eq(mcmp_view_new(&view, cluster, START_TIME, NULL), MCMP_OK);
    for (size_t i = 0; i < mcmp_view_node_count(view); i++) {
        mcmp_node_info_init(&info);
        ck_assert_int_eq(mcmp_view_node(view, i, &info), MCMP_OK);
        sum += info.connected;
    }
    mcmp_view_free(view);
    return sum;
}

static int pick(mcmp_cluster *cluster)
{
    mcmp_selection selection;
    mcmp_query query;

    mcmp_query_init(&query);
    mcmp_selection_init(&selection);
    query.path = span_of("/x");
    query.now = START_TIME;
    return mcmp_select_node(cluster, &query, &selection, NULL);
}

static void tick(mcmp_cluster *cluster, mcmp_time now)
{
    mcmp_work work;
    int rc;

    do {
        mcmp_work_init(&work);
        rc = mcmp_tick(cluster, now, &work, NULL);
        ck_assert_int_ge(rc, 0);
    } while (rc == MCMP_OK);
}

static void reap(pid_t pid, int want)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, want);
}

static void unlink_it(const segment *s)
{
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_msg(mcmp_segment_unlink(s->name, 0, &err) == MCMP_OK, "%s", err.message);
}

/* Creation, step by step */

/* The child stops before and after each system call of opening; it is killed at stop number n.
 * 0: it was through before. */
static int open_until(const segment *s, int n)
{
    pid_t pid = fork();
    int status;
    int stops = 0;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        mcmp_cluster_options opts;
        mcmp_cluster *cluster;

        segment_options(&opts, s, MCMP_ATTACH_ANY);
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void)raise(SIGSTOP);
        _exit(mcmp_cluster_open(&cluster, &opts, NULL) == MCMP_OK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSTOPPED(status));
    for (;;) {
        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status)) {
            ck_assert_int_eq(WEXITSTATUS(status), 0);
            return 0;
        }
        if (++stops < n)
            continue;
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return 1;
    }
}

START_TEST(a_creator_killed_at_any_system_call_is_replaced)
{
    segment s = segment_name("syscall");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    int steps = 0;

    segment_options(&opts, &s, MCMP_ATTACH_ANY);
    while (open_until(&s, steps += (int)as_often(1, 10))) {
        cluster = segment_open(&opts);
        say(cluster, segment_farm);
        ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
        ck_assert_uint_eq(connected(cluster), 0);
        mcmp_cluster_close(cluster);
        unlink_it(&s);
    }
    ck_assert_int_gt(steps, 20); /* open, lock, status, size, map, who am I, lock: twice each */
    unlink_it(&s);
}
END_TEST

#if defined(__x86_64__)
/* Between the mapping and the end of opening the header is written: there every instruction counts.
 * The child is stepped until the state word says that it has begun, then on, and is killed at step
 * n, or where the region is ready. Returns the steps. */
static long step_until(const segment *s, long n)
{
    pid_t pid = fork();
    bytes b = { NULL, 0 };
    long steps = 0;
    int status;

    if (pid == 0) {
        mcmp_cluster_options opts;
        mcmp_cluster *cluster;

        segment_options(&opts, s, MCMP_ATTACH_CREATE);
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void)raise(SIGSTOP);
        _exit(mcmp_cluster_open(&cluster, &opts, NULL) == MCMP_OK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    while (b.words == NULL) { /* system call by system call until the file has its size */
        struct stat st;
        int fd;

        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSTOPPED(status));
        fd = shm_open(s->path, O_RDWR, 0);
        if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size != 0)
            b = segment_map(s);
        if (fd >= 0)
            close(fd);
    }
    for (;;) {
        ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) || b.words[MCMP__R_STATE] == MCMP__REGION_READY)
            break;
        if (b.words[MCMP__R_STATE] != 0 && ++steps == n)
            break;
    }
    segment_unmap(&b);
    if (!WIFEXITED(status)) {
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    }
    return steps;
}

START_TEST(a_creator_killed_while_it_writes_the_header_is_replaced)
{
    segment s = segment_name("step");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    long all = step_until(&s, LONG_MAX);
    long steps = as_often(is_memcheck() ? MEMCHECK_STEPS : STEPS, 2);
    long stride = getenv("MCMP_EVERY_STEP") != NULL ? 1 : all / steps + 1;

    ck_assert_int_gt(all, 100);
    unlink_it(&s);
    segment_options(&opts, &s, MCMP_ATTACH_ANY);
    for (long n = 1; n < all; n += stride) {
        (void)step_until(&s, n);
        cluster = segment_open(&opts);
        say(cluster, NODE("a", "") ON("a", "/x"));
        ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
        mcmp_cluster_close(cluster);
        unlink_it(&s);
    }
}
END_TEST
#endif

START_TEST(two_that_race_to_create_share_one)
{
    segment s = segment_name("race");
    long rounds = as_often(is_memcheck() ? MEMCHECK_RACES : RACES, 4);

    for (long round = 0; round < rounds; round++) {
        pid_t pids[3];
        int gate[2];

        ck_assert_int_eq(pipe(gate), 0);
        for (size_t i = 0; i < COUNT_OF(pids); i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                char route[64];
                mcmp_cluster_options opts;
                mcmp_cluster *cluster;
                char c;

                close(gate[1]);
                (void)!read(gate[0], &c, 1); /* until the parent closes its end */
                segment_options(&opts, &s, MCMP_ATTACH_ANY);
                cluster = segment_open(&opts);
                (void)snprintf(route, sizeof(route), "CONFIG JVMRoute=n%zu&Host=h%zu", i, i);
                say(cluster, route);
                ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
                mcmp_cluster_close(cluster);
                _exit(0);
            }
        }
        close(gate[0]);
        close(gate[1]);
        for (size_t i = 0; i < COUNT_OF(pids); i++)
            reap(pids[i], 0);
        {
            mcmp_cluster_options opts;
            mcmp_cluster *cluster;
            mcmp_check check;

            segment_options(&opts, &s, MCMP_ATTACH_EXISTING);
            cluster = segment_open(&opts);
            mcmp_check_init(&check);
            ck_assert_int_eq(mcmp_cluster_check(cluster, &check, NULL), MCMP_OK);
            ck_assert_uint_eq(check.nodes, COUNT_OF(pids)); /* no one wrote to another segment */
            ck_assert_uint_eq(check.processes, 1);
            mcmp_cluster_close(cluster);
        }
        unlink_it(&s);
    }
}
END_TEST

/* Processes that die */

/* Attaches on its own, as another server would, holds n requests, and waits to be killed. */
static pid_t start_server(const segment *s, int n)
{
    int ready[2];
    pid_t pid;
    char c = 0;

    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        mcmp_cluster_options opts;
        mcmp_cluster *cluster;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        segment_options(&opts, s, MCMP_ATTACH_EXISTING);
        cluster = segment_open(&opts);
        for (int i = 0; i < n; i++)
            ck_assert_int_eq(pick(cluster), MCMP_OK);
        (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    close(ready[0]);
    return pid;
}

START_TEST(what_a_killed_server_held_is_given_back_by_a_tick)
{
    segment s = segment_name("killed");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_check check;
    pid_t pid;

    segment_options(&opts, &s, MCMP_ATTACH_CREATE);
    cluster = segment_open(&opts);
    say(cluster, NODE("a", "") ON("a", "/x"));
    ck_assert_int_eq(pick(cluster), MCMP_OK);
    tick(cluster, START_TIME);
    pid = start_server(&s, 5);
    ck_assert_uint_eq(connected(cluster), 6);
    tick(cluster, START_TIME + 11 * MCMP_SEC);
    ck_assert_uint_eq(connected(cluster), 6); /* it is alive */
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    {
        siginfo_t info;

        ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    }
    mcmp_check_init(&check); /* dead and not waited for is dead */
    ck_assert_int_eq(mcmp_cluster_check(cluster, &check, NULL), MCMP_OK);
    ck_assert_uint_eq(check.processes, 2);
    ck_assert_uint_eq(check.dead, 1);
    tick(cluster, START_TIME + 20 * MCMP_SEC);
    ck_assert_uint_eq(connected(cluster), 6); /* not all the time */
    tick(cluster, START_TIME + 22 * MCMP_SEC);
    ck_assert_uint_eq(connected(cluster), 1);
    reap(pid, SIGKILL);
    ck_assert_int_eq(mcmp_cluster_process_gone(cluster, pid), MCMP_ERR_NOT_FOUND);
    mcmp_cluster_close(cluster);
    unlink_it(&s);
}
END_TEST

START_TEST(the_first_to_come_finds_no_requests_of_the_dead)
{
    segment s = segment_name("first");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    pid_t pid;

    segment_options(&opts, &s, MCMP_ATTACH_CREATE);
    cluster = segment_open(&opts);
    say(cluster, NODE("a", "") ON("a", "/x"));
    mcmp_cluster_close(cluster);
    pid = start_server(&s, 5);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    reap(pid, SIGKILL);
    opts.attach = MCMP_ATTACH_ANY;
    cluster = segment_open(&opts);
    ck_assert_uint_eq(connected(cluster), 0);
    ck_assert_int_eq(pick(cluster), MCMP_OK); /* the node is there */
    mcmp_cluster_close(cluster);
    unlink_it(&s);
}
END_TEST

START_TEST(a_pid_that_comes_again_is_another_process)
{
    segment s = segment_name("again");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    uint64_t self = mcmp__os_self();
    bytes b;

    ck_assert_uint_ne(self >> 32, 0); /* the start time is known here */
    ck_assert_uint_eq(mcmp__os_process_state(self), MCMP__PROCESS_ALIVE);
    ck_assert_uint_eq(mcmp__os_process_state(self ^ UINT64_C(1) << 40), MCMP__PROCESS_GONE);
    ck_assert_uint_eq(mcmp__os_process_state((uint32_t)self), MCMP__PROCESS_UNSURE);
    ck_assert_uint_eq(mcmp__os_process_state(0), MCMP__PROCESS_GONE);
    segment_options(&opts, &s, MCMP_ATTACH_CREATE);
    cluster = segment_open(&opts);
    say(cluster, NODE("a", "") ON("a", "/x"));
    ck_assert_int_eq(pick(cluster), MCMP_OK);
    b = segment_map(&s);
    ck_assert_uint_eq(b.words[MCMP__R_PID], self);
    /* alive and surely the owner: nobody takes its counts, whatever is said */
    ck_assert_int_eq(mcmp_cluster_process_gone(cluster, getpid()), MCMP_ERR_NOT_FOUND);
    ck_assert_uint_eq(connected(cluster), 1);
    b.words[MCMP__R_PID] = self ^ UINT64_C(1) << 40; /* the owner had this pid before us */
    ck_assert_int_eq(mcmp_segment_unlink(s.name, 0, NULL), MCMP_ERR_STATE); /* by its lock */
    tick(cluster, START_TIME);
    ck_assert_uint_eq(connected(cluster), 0);
    segment_unmap(&b);
    mcmp_cluster_close(cluster);
    unlink_it(&s);
}
END_TEST

/* A worker in a sandbox of its own: it would find nobody alive, and nobody can look for it. */
START_TEST(processes_of_two_pid_namespaces_leave_each_other_alone)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    int status;
    pid_t pid;

    farm_options(&opts);
    opts.memory = MCMP_MEMORY_SHARED;
    cluster = segment_open(&opts);
    say(cluster, NODE("a", "") ON("a", "/x"));
    ck_assert_int_eq(pick(cluster), MCMP_OK);
    pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWPID) != 0)
            _exit(2); /* needs the superuser */
        pid = fork();
        if (pid == 0) {
            if (mcmp_cluster_after_fork(cluster, NULL) != MCMP_OK || pick(cluster) != MCMP_OK)
                _exit(1);
            tick(cluster, START_TIME + 30 * MCMP_SEC);
            _exit(connected(cluster) == 2 ? 0 : 1);
        }
        _exit(waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    if (WEXITSTATUS(status) == 0) {
        tick(cluster, START_TIME + 60 * MCMP_SEC);
        ck_assert_uint_eq(connected(cluster), 2); /* it can't be told that it has ended */
    }
    mcmp_cluster_close(cluster);
}
END_TEST

START_TEST(children_keep_the_segment_of_their_parent)
{
    segment s = segment_name("fork");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_error err;
    int gate[2], ready[2];
    pid_t pid;
    char c;

    ck_assert_int_eq(pipe(gate), 0);
    ck_assert_int_eq(pipe(ready), 0);
    segment_options(&opts, &s, MCMP_ATTACH_CREATE);
    cluster = segment_open(&opts);
    say(cluster, NODE("a", "") ON("a", "/x"));
    pid = fork();
    if (pid == 0) {
        close(gate[1]);
        if (mcmp_cluster_after_fork(cluster, NULL) != MCMP_OK || pick(cluster) != MCMP_OK)
            _exit(1);
        (void)!write(ready[1], "x", 1);
        (void)!read(gate[0], &c, 1);
        _exit(0);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    close(ready[0]);
    ck_assert_uint_eq(connected(cluster), 1);
    mcmp_cluster_close(cluster); /* the parent leaves, the child stays */
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_segment_unlink(s.name, 0, &err), MCMP_ERR_STATE);
    opts.attach = MCMP_ATTACH_EXISTING;
    cluster = segment_open(&opts);
    ck_assert_uint_eq(connected(cluster), 1); /* not alone: nothing was cleared */
    close(gate[1]);
    reap(pid, 0);
    ck_assert_int_eq(mcmp_cluster_process_gone(cluster, pid), MCMP_OK);
    ck_assert_uint_eq(connected(cluster), 0);
    close(gate[0]);
    mcmp_cluster_close(cluster);
    unlink_it(&s);
}
END_TEST

/* A writer killed inside a message: the next one to attach takes it back. */
START_TEST(a_message_that_was_not_finished_is_taken_back_at_attaching)
{
    segment s = segment_name("half");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_check check;
    pid_t pid;

    segment_options(&opts, &s, MCMP_ATTACH_CREATE);
    cluster = segment_open(&opts);
    say(cluster, segment_farm);
    mcmp_cluster_close(cluster);
    pid = fork();
    if (pid == 0) {
        mcmp__node_data node = { .host = TEXT("h"), .route = TEXT("half"), .port = 80 };
        uint32_t row;
        mcmp__tx tx;

        opts.attach = MCMP_ATTACH_EXISTING;
        cluster = segment_open(&opts);
        ck_assert_int_eq(mcmp__tx_begin(&tx, cluster, 1, NULL), MCMP_OK);
        ck_assert_int_eq(mcmp__node_add(&tx, &node, 1, &row, NULL), MCMP_OK);
        (void)raise(SIGKILL); /* with the lock */
    }
    reap(pid, SIGKILL);
    opts.attach = MCMP_ATTACH_READ; /* a reader does not mind */
    cluster = segment_open(&opts);
    ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
    mcmp_cluster_close(cluster);
    opts.attach = MCMP_ATTACH_EXISTING;
    cluster = segment_open(&opts);
    mcmp_check_init(&check);
    ck_assert_int_eq(mcmp_cluster_check(cluster, &check, NULL), MCMP_OK);
    ck_assert_uint_eq(check.nodes, 5);
    ck_assert_uint_eq(check.unfinished, 0); /* attaching did it */
    say(cluster, NODE("half", ""));
    mcmp_cluster_close(cluster);
    unlink_it(&s);
}
END_TEST

START_TEST(all_slots_taken_names_the_option)
{
    segment s = segment_name("slots");
    mcmp_cluster *clusters[9] = { NULL };
    mcmp_cluster_options opts;
    mcmp_error err;

    segment_options(&opts, &s, MCMP_ATTACH_ANY);
    for (size_t i = 0; i < 8; i++)
        clusters[i] = segment_open(&opts);
    mcmp_error_init(&err);
    ck_assert_int_eq(mcmp_cluster_open(&clusters[8], &opts, &err), MCMP_ERR_FULL);
    ck_assert_str_eq(err.field, "max_processes");
    for (size_t i = 0; i < 8; i++)
        mcmp_cluster_close(clusters[i]);
    unlink_it(&s);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        a_creator_killed_at_any_system_call_is_replaced,
#if defined(__x86_64__)
        a_creator_killed_while_it_writes_the_header_is_replaced,
#endif
        two_that_race_to_create_share_one,
        what_a_killed_server_held_is_given_back_by_a_tick,
        the_first_to_come_finds_no_requests_of_the_dead,
        a_pid_that_comes_again_is_another_process,
        processes_of_two_pid_namespaces_leave_each_other_alone,
        children_keep_the_segment_of_their_parent,
        a_message_that_was_not_finished_is_taken_back_at_attaching,
        all_slots_taken_names_the_option,
    };

    return run_tests("model segment life", tests, COUNT_OF(tests));
}
