/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named segments on a shared memory that is small or full: a file system of its own over /dev/shm,
 * seen by this process and its children only (a mount namespace). Where the system does not allow
 * that the suite is skipped.
 */
#include "segments.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#define MIB (1u << 20)
#define SKIPPED 77

/* A /dev/shm of so many bytes, empty. */
static void mount_shm(size_t size)
{
    char options[64];

    (void)snprintf(options, sizeof(options), "size=%zu,mode=1777", size);
    ck_assert_msg(mount("tmpfs", "/dev/shm", "tmpfs", 0, options) == 0, "no file system: %s",
                  strerror(errno));
}

static void unmount_shm(void)
{
    ck_assert_int_eq(umount2("/dev/shm", MNT_DETACH), 0);
}

/* Takes all but so many bytes. */
static void fill_shm(size_t left)
{
    static char block[4096];
    int fd = open("/dev/shm/filler", O_RDWR | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    while (write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
        continue;
    ck_assert_int_eq(errno, ENOSPC);
    if (left != 0)
        ck_assert_int_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) - (off_t)left), 0);
    ck_assert_int_eq(close(fd), 0);
}

static void large_options(mcmp_cluster_options *opts, const segment *s, uint32_t attach)
{
    segment_options(opts, s, attach);
    opts->max_nodes = 500;
    opts->max_aliases = 1000;
    opts->max_contexts = 100000;
}

static int open_code(const mcmp_cluster_options *opts, mcmp_error *err)
{
    mcmp_cluster *cluster = NULL;
    int rc;

    mcmp_error_init(err);
    rc = mcmp_cluster_open(&cluster, opts, err);
    if (rc == MCMP_OK)
        mcmp_cluster_close(cluster);
    else
        ck_assert_ptr_null(cluster);
    return rc;
}

START_TEST(test_a_segment_is_refused_where_less_than_4_mib_are_free)
{
    segment s = segment_name("room");
    mcmp_cluster_options opts;
    mcmp_error err;

    large_options(&opts, &s, MCMP_ATTACH_CREATE);
    mount_shm(4 * MIB - 4096);
    ck_assert_int_eq(open_code(&opts, &err), MCMP_ERR_OS);
    ck_assert_str_eq(err.field, "segment");
    ck_assert_msg(strstr(err.message, "has 4190208 bytes left, 4194304 are needed") != NULL, "%s",
                  err.message);
    unmount_shm();
    mount_shm(4 * MIB);
    ck_assert_msg(open_code(&opts, &err) == MCMP_OK, "%s", err.message);
    unmount_shm();
    /* Room that others took */
    mount_shm(16 * MIB);
    fill_shm(3 * MIB);
    ck_assert_int_eq(open_code(&opts, &err), MCMP_ERR_OS);
    ck_assert_int_eq(unlink("/dev/shm/filler"), 0);
    ck_assert_msg(open_code(&opts, &err) == MCMP_OK, "%s", err.message);
    unmount_shm();
}
END_TEST

/* One that never has so much needs no more than it has. */
START_TEST(test_a_small_segment_needs_no_more_than_its_size)
{
    segment s = segment_name("small");
    mcmp_cluster_options opts;
    uint64_t size = 0;
    size_t region;
    mcmp_error err;

    segment_options(&opts, &s, MCMP_ATTACH_CREATE);
    opts.max_nodes = 2;
    opts.max_aliases = 2;
    opts.max_contexts = 4;
    opts.max_processes = 1;
    ck_assert_int_eq(mcmp_cluster_region_size(&opts, &region, NULL), MCMP_OK);
    size = (region + 4095) / 4096 * 4096;
    ck_assert_uint_lt(size, 4 * MIB);
    mount_shm(size + 8 * 4096);
    ck_assert_msg(open_code(&opts, &err) == MCMP_OK, "%s", err.message);
    unmount_shm();
    mount_shm(size / 2);
    ck_assert_int_eq(open_code(&opts, &err), MCMP_ERR_OS);
    ck_assert_str_eq(err.field, "segment");
    unmount_shm();
}
END_TEST

/* Contexts until there is no page left. */
static void register_on(mcmp_cluster *cluster)
{
    farm f = { .cluster = cluster, .now = START_TIME };

    mcmp_peer_init(&f.peer);
    f.peer.has_address = 1;
    f.peer.address[15] = 1;
    ck_assert_int_eq(mcmp_response_new(&f.response, NULL, NULL), MCMP_OK);
    farm_script(&f, NODE("n", ""));
    for (uint32_t i = 0; i < 90000; i++)
        farm_sayf(&f, "ENABLE-APP JVMRoute=n&Alias=a&Context=/%u", i);
    mcmp_response_free(f.response);
}

/* The system has no other way to say it (docs/segments.md); but what was there stays, and others go
 * on as soon as there is room. */
START_TEST(test_a_shared_memory_that_fills_up_ends_the_writer_and_no_more)
{
    segment s = segment_name("full");
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_error err;
    mcmp_view *view;
    size_t contexts;
    int status = 0;
    pid_t pid;

    mount_shm(6 * MIB);
    large_options(&opts, &s, MCMP_ATTACH_CREATE);
    cluster = segment_open(&opts);
    fill_shm(MIB);
    pid = fork();
    if (pid == 0) {
        end_after(60);
        (void)signal(SIGBUS, SIG_DFL); /* sanitizers have a handler */
        large_options(&opts, &s, MCMP_ATTACH_EXISTING);
        register_on(segment_open(&opts));
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "status %x", (unsigned)status);
    ck_assert_int_eq(unlink("/dev/shm/filler"), 0);
    mcmp_error_init(&err);
    ck_assert_msg(mcmp_cluster_check(cluster, NULL, &err) == MCMP_OK, "%s", err.message);
    ck_assert_int_eq(mcmp_view_new(&view, cluster, START_TIME, NULL), MCMP_OK);
    contexts = mcmp_view_context_count(view);
    mcmp_view_free(view);
    ck_assert_uint_gt(contexts, 100);
    {
        farm f = { .cluster = cluster, .now = START_TIME };

        mcmp_peer_init(&f.peer);
        f.peer.has_address = 1;
        f.peer.address[15] = 1;
        ck_assert_int_eq(mcmp_response_new(&f.response, NULL, NULL), MCMP_OK);
        farm_script(&f, "ENABLE-APP JVMRoute=n&Alias=a&Context=/more|");
        mcmp_response_free(f.response);
    }
    ck_assert_int_eq(mcmp_view_new(&view, cluster, START_TIME, NULL), MCMP_OK);
    ck_assert_uint_eq(mcmp_view_context_count(view), contexts + 1);
    mcmp_view_free(view);
    ck_assert_msg(mcmp_cluster_check(cluster, NULL, &err) == MCMP_OK, "%s", err.message);
    mcmp_cluster_close(cluster);
    unmount_shm();
}
END_TEST

/* A mount namespace, if need be by a user namespace in which this user is root. */
static int leave_the_others(void)
{
    char map[64];
    int fd, len;
    uid_t user = geteuid();

    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return 0;
        len = snprintf(map, sizeof(map), "0 %u 1", (unsigned)user);
        fd = open("/proc/self/uid_map", O_WRONLY);
        if (fd < 0)
            return 0;
        len = write(fd, map, (size_t)len) == len;
        (void)close(fd);
        if (!len)
            return 0;
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

int main(void)
{
    const TTest *const tests[] = {
        test_a_segment_is_refused_where_less_than_4_mib_are_free,
        test_a_small_segment_needs_no_more_than_its_size,
        test_a_shared_memory_that_fills_up_ends_the_writer_and_no_more,
    };

    if (!leave_the_others()) {
        printf("skipped: this system allows no mount namespace\n");
        return SKIPPED;
    }
    return run_tests("segment room", tests, COUNT_OF(tests));
}
