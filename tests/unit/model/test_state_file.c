/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a saved state when the system fails, or the process is killed, at the k-th call, for
 * every k: afterwards it is the old one or the new one, whole, and nothing piles up beside it. The
 * calls come from a table, so no trick of the linker is needed.
 */
#include "saved.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[64], path[96], aside[104];
static mcmp_cluster *old_cluster, *new_cluster;
static saved old_image, new_image;
static mcmp_error err;

/* What happens at which call */

enum fault { FAULT_NONE, FAULT_ERROR, FAULT_KILL_BEFORE, FAULT_KILL_AFTER, FAULT_KINDS };

static struct {
    enum fault fault;
    unsigned at;    /* call number from 1 */
    unsigned calls; /* so far */
    int always;     /* errno of every call of the kind below */
    /* c create, a open again, l lock, i look, w write, s sync, r rename, f folder, x remove,
     * o close */
    char kind;
    unsigned storms; /* EINTR before each write and sync */
    unsigned turn;
    int tiny; /* one byte per write */
    char trace[64];
} plan;

static const mcmp__file_ops *real = &mcmp__file_system;

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
}

/* Before each call: 0 = make it, else its result. */
static int before(char kind)
{
    size_t len = strlen(plan.trace);

    if (len + 1 < sizeof(plan.trace) && (len == 0 || plan.trace[len - 1] != kind))
        plan.trace[len] = kind;
    plan.calls++;
    if (plan.kind == kind && plan.always != 0)
        return -plan.always;
    if ((kind == 'w' || kind == 's') && plan.turn++ < plan.storms)
        return -EINTR;
    plan.turn = 0;
    if (plan.calls != plan.at)
        return 0;
    if (plan.fault == FAULT_KILL_BEFORE)
        die();
    if (plan.fault == FAULT_ERROR)
        return kind == 'w' ? -ENOSPC : -EIO;
    return 0;
}

static void after(void)
{
    if (plan.calls == plan.at && plan.fault == FAULT_KILL_AFTER)
        die();
}

#define STEP(kind, call)        \
    do {                        \
        int rc_ = before(kind); \
                                \
        if (rc_ == 0) {         \
            rc_ = real->call;   \
            after();            \
        }                       \
        return rc_;             \
    } while (0)

static int step_open_read(const char *p)
{
    STEP('R', open_read(p));
}
static int step_open_folder(const char *p)
{
    STEP('f', open_folder(p));
}
static int step_create(const char *p)
{
    STEP('c', create(p));
}
static int step_open_again(const char *p)
{
    STEP('a', open_again(p));
}
static int step_lock(int fd)
{
    STEP('l', lock(fd));
}
static int step_sync(int fd)
{
    STEP('s', sync(fd));
}
static int step_close(int fd)
{
    int rc = before('o');

    if (rc != 0)
        (void)real->close(fd); /* it is gone whatever close says */
    else
        rc = real->close(fd);
    after();
    return rc;
}
static int step_rename(const char *a, const char *b)
{
    STEP('r', rename(a, b));
}
static int step_remove(const char *p)
{
    STEP('x', remove(p));
}
static int step_info(int fd, mcmp__file_info *out)
{
    STEP('i', info(fd, out));
}
static int step_info_of(const char *p, mcmp__file_info *out)
{
    STEP('i', info_of(p, out));
}

/* A process that dies in the middle of a write has written a part. */
static int64_t step_write(int fd, const void *data, size_t len)
{
    int rc = before('w');
    int64_t n;

    if (rc != 0)
        return rc;
    n = real->write(fd, data, plan.tiny ? 1 : plan.calls == plan.at ? (len + 1) / 2 : len);
    after();
    return n;
}

static const mcmp__file_ops steps = {
    step_open_read, step_open_folder, step_create,  step_open_again, step_lock,
    NULL,           step_write,       step_sync,    step_close,      step_rename,
    step_remove,    step_info,        step_info_of,
};

/* The folder */

static mcmp_cluster *make_cluster(int with_more, saved *out)
{
    mcmp_cluster *cluster;
    mcmp_cluster_options opts;
    station s;

    saved_small(&opts);
    station_open(&s, &opts);
    saved_fill(&s);
    if (with_more)
        row_code("more", say(&s, "ENABLE-APP /", "JVMRoute=n3&Alias=new&Context=/new"), MCMP_OK);
    saved_encode(out, s.cluster, 0);
    cluster = s.cluster;
    mcmp_response_free(s.response);
    return cluster;
}

static void begin(void)
{
    mcmp_error_init(&err);
    memset(&plan, 0, sizeof(plan));
    (void)snprintf(folder, sizeof(folder), "%s/mcmp-state-XXXXXX",
                   getenv("TMPDIR") != NULL && strlen(getenv("TMPDIR")) < 30 ? getenv("TMPDIR")
                                                                             : "/tmp");
    ck_assert(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/state", folder);
    (void)snprintf(aside, sizeof(aside), "%s.new", path);
    old_cluster = make_cluster(0, &old_image);
    new_cluster = make_cluster(1, &new_image);
    ck_assert(old_image.len != new_image.len);
}

static void end(void)
{
    (void)unlink(aside);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else is left */
    mcmp_cluster_close(old_cluster);
    mcmp_cluster_close(new_cluster);
}

static unsigned files_in_folder(void)
{
    DIR *dir = opendir(folder);
    unsigned count = 0;

    ck_assert(dir != NULL);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        count += e->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

/* 'o' the old one, 'n' the new one, '-' there is none; anything else is a failure. */
static char what_is_there(const char *row)
{
    char *data = NULL;
    size_t len = 0;
    char what;
    mcmp_allocator libc;
    mcmp_cluster *target;
    int rc;

    mcmp_allocator_init(&libc);
    ck_assert_int_eq(mcmp__allocator_take(&libc, NULL), MCMP_OK);
    rc = mcmp__file_read(real, &libc, path, 1 << 20, &data, &len, NULL);
    if (rc == MCMP_ERR_NOT_FOUND)
        return '-';
    row_code(row, rc, MCMP_OK);
    what = len == old_image.len && memcmp(data, old_image.data, len) == 0   ? 'o'
           : len == new_image.len && memcmp(data, new_image.data, len) == 0 ? 'n'
                                                                            : '?';
    free(data);
    ck_assert_int_eq(mcmp_cluster_open(&target, NULL, NULL), MCMP_OK);
    row_code(row, mcmp_cluster_load(target, path, NULL, NULL, NULL), MCMP_OK);
    mcmp_cluster_close(target);
    return what;
}

static void save_plainly(mcmp_cluster *cluster)
{
    struct stat st;

    row_code("save", mcmp_cluster_save(cluster, path, 0, &err), MCMP_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_uint_eq(files_in_folder(), 1);
}

/* What stood in the folder before the save under test. */
static void prepare(int has_old, int has_leftover)
{
    (void)unlink(path);
    (void)unlink(aside);
    if (has_old)
        save_plainly(old_cluster);
    if (has_leftover) {
        int fd = open(aside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        ck_assert(fd >= 0 && write(fd, "half a fi", 9) == 9);
        (void)close(fd);
    }
}

/* One save with the plan, in a process of its own when it is to be killed. */
static int save_with_plan(void)
{
    int status;
    pid_t pid;

    plan.calls = 0;
    plan.trace[0] = '\0';
    memset(plan.trace, 0, sizeof(plan.trace));
    if (plan.fault != FAULT_KILL_BEFORE && plan.fault != FAULT_KILL_AFTER)
        return mcmp__state_save(new_cluster, &steps, path, 0, &err);
    (void)fflush(NULL);
    pid = fork();
    ck_assert(pid >= 0);
    if (pid == 0) {
        (void)mcmp__state_save(new_cluster, &steps, path, 0, NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return MCMP_ERR_CALLBACK; /* nobody is there to say */
}

START_TEST(old_or_new_file_whatever_fails_at_which_call)
{
    unsigned tried = 0;

    begin();
    for (int shape = 0; shape < 4; shape++) {
        unsigned calls;
        int has_old = shape & 1, has_leftover = shape >> 1;

        plan.fault = FAULT_NONE;
        plan.at = 0;
        prepare(has_old, has_leftover);
        row_code("unharmed", save_with_plan(), MCMP_OK);
        calls = plan.calls;
        ck_assert_uint_ge(calls, 20);
        for (plan.at = 1; plan.at <= calls; plan.at += (unsigned)as_often(1, 11))
            for (plan.fault = FAULT_ERROR; plan.fault < FAULT_KINDS; plan.fault++) {
                char row[80];
                char what;
                int rc;

                (void)snprintf(row, sizeof(row), "shape %d, fault %d, call %u of %u", shape,
                               (int)plan.fault, plan.at, calls);
                prepare(has_old, has_leftover);
                rc = save_with_plan();
                what = what_is_there(row);
                row_true(row, what == 'n' || what == (has_old ? 'o' : '-'));
                row_true(row, rc != MCMP_OK || what == 'n');
                row_true(row, files_in_folder() <= 2);
                if (plan.fault == FAULT_ERROR && rc != MCMP_OK) {
                    row_code(row, rc, MCMP_ERR_OS);
                    row_true(row, err.os_status != 0 && err.message[0] != '\0');
                    row_true(row, access(aside, F_OK) != 0 || has_leftover);
                }
                save_plainly(new_cluster); /* and cleans up */
                row_true(row, what_is_there(row) == 'n');
                tried++;
            }
    }
    ck_assert_uint_gt(tried, as_often(200, 12));
    end();
}
END_TEST

START_TEST(what_is_written_is_on_the_disk_before_its_name)
{
    begin();
    row_code("save", save_with_plan(), MCMP_OK);
    /* create, lock, look, write, sync the file, rename, sync the folder, close */
    ck_assert_str_eq(plan.trace, "cliwsrfso");
    end();
}
END_TEST

typedef struct lasting {
    const char *name;
    char kind;
    int status;
    int code;
} lasting;

static const lasting lastings[] = {
    { "the disk is full", 'w', ENOSPC, MCMP_ERR_OS },
    { "no quota", 'w', EDQUOT, MCMP_ERR_OS },
    { "the disk is broken", 's', EIO, MCMP_ERR_OS },
    { "nothing can be made here", 'c', EACCES, MCMP_ERR_OS },
    { "no file descriptor is left", 'c', EMFILE, MCMP_ERR_OS },
    { "it can't be renamed", 'r', EACCES, MCMP_ERR_OS },
    { "the name is a folder's", 'r', EISDIR, MCMP_ERR_OS },
    { "somebody has the lock", 'l', EWOULDBLOCK, MCMP_ERR_STATE },
    { "there are no locks here", 'l', ENOLCK, MCMP_OK },
};

START_TEST(lasting_failures_leave_the_old_file_and_nothing_else)
{
    begin();
    for (size_t i = 0; i < COUNT_OF(lastings); i++) {
        prepare(1, 0);
        plan.kind = lastings[i].kind;
        plan.always = lastings[i].status;
        row_code(lastings[i].name, save_with_plan(), lastings[i].code);
        plan.always = 0;
        row_true(lastings[i].name,
                 what_is_there(lastings[i].name) == (lastings[i].code == MCMP_OK ? 'n' : 'o'));
        if (lastings[i].code == MCMP_ERR_OS) {
            row_int(lastings[i].name, err.os_status, lastings[i].status);
            row_int(lastings[i].name, files_in_folder(), 1);
        }
    }
    end();
}
END_TEST

START_TEST(interrupted_and_short_writes_are_continued)
{
    begin();
    prepare(1, 0);
    plan.storms = 3;
    plan.tiny = 1;
    row_code("save", save_with_plan(), MCMP_OK);
    row_true("new", what_is_there("new") == 'n');
    plan.storms = 0;
    plan.tiny = 0;
    end();
}
END_TEST

START_TEST(leftovers_are_replaced_whatever_they_are)
{
    char target[112];
    struct stat st;
    int fd;

    begin();
    prepare(1, 0);
    (void)snprintf(target, sizeof(target), "%s/target", folder);
    ck_assert_int_eq(symlink(target, aside), 0); /* somebody hopes that we write there */
    row_code("a link", mcmp_cluster_save(new_cluster, path, 0, &err), MCMP_OK);
    ck_assert_int_ne(access(target, F_OK), 0);
    fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    ck_assert(fd >= 0 && write(fd, "precious", 8) == 8);
    ck_assert_int_eq(link(target, aside), 0);
    row_code("a hard link", mcmp_cluster_save(new_cluster, path, 0, &err), MCMP_OK);
    ck_assert_int_eq(stat(target, &st), 0);
    ck_assert_int_eq(st.st_size, 8);
    (void)close(fd);
    ck_assert_int_eq(unlink(target), 0);
    ck_assert_int_eq(mkdir(aside, 0700), 0);
    row_code("a folder", mcmp_cluster_save(new_cluster, path, 0, &err), MCMP_ERR_OS);
    ck_assert_int_eq(rmdir(aside), 0);
    row_true("the file", what_is_there("the file") == 'n');
    end();
}
END_TEST

START_TEST(path_that_is_a_link_is_replaced_itself)
{
    char target[112];
    struct stat st;

    begin();
    (void)snprintf(target, sizeof(target), "%s/target", folder);
    ck_assert_int_eq(symlink(target, path), 0);
    row_code("save", mcmp_cluster_save(new_cluster, path, 0, &err), MCMP_OK);
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert(S_ISREG(st.st_mode));
    ck_assert_int_ne(access(target, F_OK), 0);
    end();
}
END_TEST

START_TEST(savers_of_one_path_do_not_mix)
{
    int saves = (int)as_often(60, 3);
    pid_t pids[3];
    unsigned went_on = 0;
    int status;

    begin();
    prepare(1, 0);
    (void)fflush(NULL);
    for (unsigned i = 0; i < COUNT_OF(pids); i++) {
        pids[i] = fork();
        ck_assert(pids[i] >= 0);
        if (pids[i] == 0) {
            int done = 0;

            for (int turn = 0; turn < 3000 && done < saves; turn++) {
                int rc = mcmp_cluster_save(i % 2 != 0 ? old_cluster : new_cluster, path, 0, NULL);

                if (rc != MCMP_OK && rc != MCMP_ERR_STATE)
                    _exit(2);
                done += rc == MCMP_OK;
            }
            _exit(done > 0 ? 0 : 3);
        }
    }
    for (int i = 0; i < as_often(200, 5); i++) {
        char what = what_is_there("while they save");

        ck_assert(what == 'o' || what == 'n');
    }
    for (unsigned i = 0; i < COUNT_OF(pids); i++) {
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3),
                      "saver %u: %x", i, status);
        went_on += WEXITSTATUS(status) == 0; /* nobody promises that each has its turn */
    }
    ck_assert_uint_gt(went_on, 0);
    ck_assert_uint_eq(files_in_folder(), 1);
    end();
}
END_TEST

START_TEST(saver_does_not_take_the_place_of_one_at_work)
{
    int fd;

    begin();
    prepare(1, 1);
    fd = open(aside, O_RDONLY | O_CLOEXEC);
    ck_assert(fd >= 0);
    ck_assert_int_eq(real->lock(fd), 0);
    row_code("at work", mcmp_cluster_save(new_cluster, path, 0, &err), MCMP_ERR_STATE);
    ck_assert_str_eq(err.field, "path");
    row_true("old", what_is_there("old") == 'o');
    (void)close(fd);
    save_plainly(new_cluster);
    end();
}
END_TEST

/* Reading */

static int read_extra; /* bytes that reads give less (-) or more (+) than the file had */

static int64_t odd_read(int fd, void *data, size_t len)
{
    static int interrupted;

    if (interrupted++ % 2 == 0)
        return -EINTR;
    if (read_extra == INT32_MIN)
        return -EIO;
    if (read_extra < 0 && len > 8)
        len = 8;
    if (read_extra < 0 && len < 8)
        return 0;
    if (read_extra > 0 && len == 1) {
        memset(data, 'x', 1);
        return 1;
    }
    return real->read(fd, data, len);
}

START_TEST(reading_holds_what_the_system_may_do)
{
    mcmp__file_ops ops = *real;
    mcmp_allocator libc;
    char *data = NULL;
    size_t len = 0;

    begin();
    prepare(1, 0);
    ck_assert_int_eq(mcmp__allocator_take(&libc, NULL), MCMP_OK);
    ops.read = odd_read;
    read_extra = 0;
    row_code("interrupted", mcmp__file_read(&ops, &libc, path, 1 << 20, &data, &len, &err),
             MCMP_OK);
    ck_assert_uint_eq(len, old_image.len);
    free(data);
    read_extra = -1;
    row_code("shrunk", mcmp__file_read(&ops, &libc, path, 1 << 20, &data, &len, &err),
             MCMP_ERR_FILE);
    read_extra = 1;
    row_code("grown", mcmp__file_read(&ops, &libc, path, 1 << 20, &data, &len, &err),
             MCMP_ERR_FILE);
    read_extra = INT32_MIN;
    row_code("broken", mcmp__file_read(&ops, &libc, path, 1 << 20, &data, &len, &err), MCMP_ERR_OS);
    row_int("broken", err.os_status, EIO);
    end();
}
END_TEST

START_TEST(loading_names_what_is_wrong_with_the_path)
{
    mcmp_load_options opts;
    mcmp_cluster *target;
    char *longer;

    begin();
    ck_assert_int_eq(mcmp_cluster_open(&target, NULL, NULL), MCMP_OK);
    row_code("missing", mcmp_cluster_load(target, path, NULL, NULL, &err), MCMP_ERR_NOT_FOUND);
    row_code("folder", mcmp_cluster_load(target, folder, NULL, NULL, &err), MCMP_ERR_FILE);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    row_code("pipe", mcmp_cluster_load(target, path, NULL, NULL, &err), MCMP_ERR_FILE);
    (void)unlink(path);
    save_plainly(old_cluster);
    mcmp_load_options_init(&opts);
    opts.max_file = old_image.len - 1;
    row_code("large", mcmp_cluster_load(target, path, &opts, NULL, &err), MCMP_ERR_LIMIT);
    ck_assert_str_eq(err.field, "max_file");
    opts.max_file++;
    row_code("just right", mcmp_cluster_load(target, path, &opts, NULL, &err), MCMP_OK);
    mcmp_cluster_close(target);
    longer = malloc(5000);
    ck_assert(longer != NULL);
    memset(longer, 'x', 4999);
    longer[4999] = '\0';
    row_code("long", mcmp_cluster_save(old_cluster, longer, 0, &err), MCMP_ERR_LIMIT);
    row_code("empty", mcmp_cluster_save(old_cluster, "", 0, &err), MCMP_ERR_LIMIT);
    longer[100] = '\0';
    longer[0] = '/';
    longer[50] = '/';
    row_code("no folder", mcmp_cluster_save(old_cluster, longer, 0, &err), MCMP_ERR_OS);
    row_int("no folder", err.os_status, ENOENT);
    free(longer);
    end();
}
END_TEST

static int load_file(const mcmp_allocator *allocator, void *ctx)
{
    mcmp_cluster_options opts;
    mcmp_cluster *target;
    int rc;

    saved_small(&opts);
    opts.allocator = allocator;
    rc = mcmp_cluster_open(&target, &opts, NULL);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp_cluster_load(target, ctx, NULL, NULL, NULL);
    if (rc == MCMP_OK)
        rc = mcmp_cluster_save(target, ctx, 0, NULL);
    mcmp_cluster_close(target);
    return rc;
}

START_TEST(files_without_memory_are_an_error)
{
    begin();
    save_plainly(old_cluster);
    run_with_oom("file", load_file, path);
    ck_assert_uint_eq(files_in_folder(), 1);
    end();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        old_or_new_file_whatever_fails_at_which_call,
        what_is_written_is_on_the_disk_before_its_name,
        lasting_failures_leave_the_old_file_and_nothing_else,
        interrupted_and_short_writes_are_continued,
        leftovers_are_replaced_whatever_they_are,
        path_that_is_a_link_is_replaced_itself,
        savers_of_one_path_do_not_mix,
        saver_does_not_take_the_place_of_one_at_work,
        reading_holds_what_the_system_may_do,
        loading_names_what_is_wrong_with_the_path,
        files_without_memory_are_an_error,
    };

    return run_tests("model state file", tests, COUNT_OF(tests));
}
