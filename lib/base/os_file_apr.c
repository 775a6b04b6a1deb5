/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OS layer, files: reading one whole, replacing one whole. No state of its own, safe from any
 * thread. POSIX calls and not apr_file_*: APR's want a pool and a process-wide apr_initialize(),
 * which a library must not force on its host (STYLE O4), and have no way to synchronise a folder.
 *
 * Replacing. The new file is written as PATH.new, which is created afresh with mode 0600 (never a
 * file that was there, nor where a link points), synchronised, renamed, and the folder
 * synchronised. The lock (flock) on PATH.new is held until after the rename and tells a saver at
 * work from one that died: what a dead one left is removed, beside a living one nobody goes on. A
 * lock is only worth something while the name still leads to the locked file, so that is looked at
 * after each locking.
 */
#include "base/os_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURNS 16 /* until somebody else's luck is called a failure */

static int result(int value)
{
    return value < 0 ? -errno : value;
}

static int file_open_read(const char *path)
{
    return result(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

static int file_open_folder(const char *path)
{
    return result(open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY));
}

static int file_create(const char *path)
{
    return result(
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
}

static int file_open_again(const char *path)
{
    return result(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
}

static int file_lock(int fd)
{
    return result(flock(fd, LOCK_EX | LOCK_NB));
}

static int64_t file_read(int fd, void *data, size_t len)
{
    ssize_t n = read(fd, data, len);

    return n < 0 ? -errno : (int64_t)n;
}

static int64_t file_write(int fd, const void *data, size_t len)
{
    ssize_t n = write(fd, data, len);

    return n < 0 ? -errno : (int64_t)n;
}

static int file_sync(int fd)
{
    return result(fsync(fd));
}

static int file_close(int fd)
{
    return result(close(fd));
}

static int file_rename(const char *from, const char *to)
{
    return result(rename(from, to));
}

static int file_remove(const char *path)
{
    return result(unlink(path));
}

static int take_info(int rc, const struct stat *st, mcmp__file_info *out)
{
    if (rc != 0)
        return -errno;
    out->size = st->st_size > 0 ? (uint64_t)st->st_size : 0;
    out->device = (uint64_t)st->st_dev;
    out->inode = (uint64_t)st->st_ino;
    out->is_regular = S_ISREG(st->st_mode);
    return 0;
}

static int file_info(int fd, mcmp__file_info *out)
{
    struct stat st;

    return take_info(fstat(fd, &st), &st, out);
}

static int file_info_of(const char *path, mcmp__file_info *out)
{
    struct stat st;

    return take_info(lstat(path, &st), &st, out);
}

const mcmp__file_ops mcmp__file_system = {
    file_open_read, file_open_folder, file_create,  file_open_again, file_lock,
    file_read,      file_write,       file_sync,    file_close,      file_rename,
    file_remove,    file_info,        file_info_of,
};

static int fail(mcmp_error *err, int64_t status, const char *what, const char *path)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "can't %s %.150s", what, path);
    return mcmp__fail_os(err, (int)-status, text);
}

/* Reading */

static int read_all(const mcmp__file_ops *ops, int fd, char *data, size_t len, int64_t *out)
{
    size_t at = 0;

    for (;;) {
        char beyond;
        int64_t n = at < len ? ops->read(fd, data + at, len - at) : ops->read(fd, &beyond, 1);

        if (n == -EINTR)
            continue;
        if (n < 0 || (n == 0 && at < len)) {
            *out = n;
            return -1;
        }
        if (at == len) { /* it must end here */
            *out = 0;
            return n == 0 ? 0 : -1;
        }
        at += (size_t)n;
    }
}

static int read_open(const mcmp__file_ops *ops, const mcmp_allocator *allocator, const char *path,
                     uint64_t max, int fd, char **out, size_t *out_len, mcmp_error *err)
{
    mcmp__file_info info = { 0 };
    int64_t status = ops->info(fd, &info);
    char *data = NULL;
    size_t len;

    if (status != 0)
        return fail(err, status, "look at", path);
    if (!info.is_regular)
        return mcmp__fail(err, MCMP_ERR_FILE, "file", "%.170s is no regular file", path);
    if (info.size > max || info.size > SIZE_MAX / 2)
        return mcmp__fail(err, MCMP_ERR_LIMIT, "max_file", "%.170s has more than %llu bytes", path,
                          (unsigned long long)max);
    len = (size_t)info.size;
    if (len != 0 && (data = mcmp__alloc(allocator, len)) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, "file", "no memory for %zu bytes of a file", len);
    if (read_all(ops, fd, data, len, &status) != 0) {
        mcmp__free(allocator, data, len);
        if (status < 0)
            return fail(err, status, "read", path);
        return mcmp__fail(err, MCMP_ERR_FILE, "file", "%.170s changed while it was read", path);
    }
    *out = data;
    *out_len = len;
    return MCMP_OK;
}

int mcmp__file_read(const mcmp__file_ops *ops, const mcmp_allocator *allocator, const char *path,
                    uint64_t max, char **out, size_t *out_len, mcmp_error *err)
{
    int fd = ops->open_read(path);
    int rc;

    if (fd == -ENOENT)
        return mcmp__fail(err, MCMP_ERR_NOT_FOUND, "file", "there is no %.170s", path);
    if (fd < 0)
        return fail(err, fd, "open", path);
    rc = read_open(ops, allocator, path, max, fd, out, out_len, err);
    (void)ops->close(fd);
    return rc;
}

/* Replacing */

/* Does the name still lead to the open file? */
static int is_same(const mcmp__file_ops *ops, int fd, const char *path)
{
    mcmp__file_info mine, named;

    return ops->info(fd, &mine) == 0 && ops->info_of(path, &named) == 0 &&
           mine.device == named.device && mine.inode == named.inode;
}

/* The lock of an open file: 0; 1 = somebody else has it. Without locks there is none to ask. */
static int is_taken(const mcmp__file_ops *ops, int fd)
{
    return ops->lock(fd) == -EWOULDBLOCK;
}

/* What stands in the way is removed unless somebody works on it. 0, or the result to report. */
static int clear_way(const mcmp__file_ops *ops, const char *aside, mcmp_error *err)
{
    int fd = ops->open_again(aside);
    int status = 0;
    int taken;

    if (fd == -ENOENT)
        return MCMP_OK;
    if (fd == -ELOOP) /* a link: nothing that a saver made */
        status = ops->remove(aside);
    else if (fd < 0)
        return fail(err, fd, "open", aside);
    else {
        taken = is_taken(ops, fd);
        if (!taken && is_same(ops, fd, aside))
            status = ops->remove(aside);
        (void)ops->close(fd);
        if (taken)
            return mcmp__fail(err, MCMP_ERR_STATE, "path", "somebody else is writing %.170s",
                              aside);
    }
    return status == 0 || status == -ENOENT ? MCMP_OK : fail(err, status, "remove", aside);
}

/* A fresh, locked, empty file aside. MCMP_OK and its descriptor. */
static int open_aside(const mcmp__file_ops *ops, const char *aside, int *out, mcmp_error *err)
{
    for (int turn = 0; turn < TURNS; turn++) {
        int fd = ops->create(aside);
        int rc;

        if (fd >= 0) {
            if (!is_taken(ops, fd) && is_same(ops, fd, aside)) {
                *out = fd;
                return MCMP_OK;
            }
            (void)ops->close(fd); /* somebody took it for a leftover, before it was locked */
            continue;
        }
        if (fd == -EINTR)
            continue;
        if (fd != -EEXIST)
            return fail(err, fd, "create", aside);
        rc = clear_way(ops, aside, err);
        if (rc != MCMP_OK)
            return rc;
    }
    return mcmp__fail(err, MCMP_ERR_STATE, "path", "others write %.170s again and again", aside);
}

static int write_all(const mcmp__file_ops *ops, int fd, mcmp_span piece)
{
    while (piece.len > 0) {
        int64_t n = ops->write(fd, piece.ptr, piece.len);

        if (n == -EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -EIO : (int)n;
        piece = mcmp__span(piece.ptr + n, piece.len - (size_t)n);
    }
    return 0;
}

static int sync_file(const mcmp__file_ops *ops, int fd)
{
    int status;

    do {
        status = ops->sync(fd);
    } while (status == -EINTR);
    return status;
}

/* The rename itself is only on the disk when the folder is. */
static int sync_folder(const mcmp__file_ops *ops, const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[MCMP__PATH_MAX] = ".";
    int fd, status;

    if (slash != NULL) {
        size_t len = slash == path ? 1 : (size_t)(slash - path);

        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    fd = ops->open_folder(folder);
    if (fd < 0)
        return fd;
    status = sync_file(ops, fd);
    (void)ops->close(fd);
    return status == -EINVAL ? 0 : status; /* this file system needs none */
}

static int fill(const mcmp__file_ops *ops, int fd, const mcmp_span *pieces, size_t count,
                const char *aside, mcmp_error *err)
{
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++)
        status = write_all(ops, fd, pieces[i]);
    if (status != 0)
        return fail(err, status, "write", aside);
    status = sync_file(ops, fd);
    return status == 0 ? MCMP_OK : fail(err, status, "synchronise", aside);
}

int mcmp__file_replace(const mcmp__file_ops *ops, const char *path, const mcmp_span *pieces,
                       size_t count, mcmp_error *err)
{
    char aside[MCMP__PATH_MAX];
    size_t len = strlen(path);
    int fd = -1;
    int status;
    int rc;

    if (len == 0 || len + sizeof(".new") > sizeof(aside))
        return mcmp__fail(err, MCMP_ERR_LIMIT, "path", "a path of %zu bytes; 1 to %zu are possible",
                          len, sizeof(aside) - sizeof(".new"));
    memcpy(aside, path, len);
    memcpy(aside + len, ".new", sizeof(".new"));
    rc = open_aside(ops, aside, &fd, err);
    if (rc != MCMP_OK)
        return rc;
    rc = fill(ops, fd, pieces, count, aside, err);
    if (rc == MCMP_OK && (status = ops->rename(aside, path)) != 0)
        rc = fail(err, status, "rename to", path);
    if (rc != MCMP_OK)
        (void)ops->remove(aside);
    else if ((status = sync_folder(ops, path)) != 0)
        rc = fail(err, status, "synchronise the folder of", path);
    status = ops->close(fd); /* with it goes the lock */
    if (rc == MCMP_OK && status != 0 && status != -EINTR)
        rc = fail(err, status, "close", path);
    return rc;
}
