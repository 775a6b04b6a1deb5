/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OS layer of named segments: POSIX shared memory, and flock() on its descriptor. No state of
 * its own, safe from any thread.
 *
 * Not apr_shm_create(): that makes its file in full size in a folder of the disk, can't tell a
 * finished segment from one whose creator died, and does not look at the owner. flock() and not
 * fcntl(): the lock belongs to the open file, so it stays while any child that inherited it lives,
 * and two handles of one process are two holders.
 */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_ROOM 128u

static void path_of(const char *name, char path[PATH_ROOM])
{
    (void)snprintf(path, PATH_ROOM, "/libmcmp.%s", name);
}

int mcmp__os_segment_open(const char *name, uint32_t how, int *out, mcmp_error *err)
{
    static const int flags[] = { O_RDONLY, O_RDWR, O_RDWR | O_CREAT | O_EXCL };
    char path[PATH_ROOM];
    int fd;

    path_of(name, path);
    fd = shm_open(path, flags[how], 0600); /* close on exec, and never through a link */
    if (fd < 0 && errno == ENOENT)
        return mcmp__fail(err, MCMP_ERR_NOT_FOUND, "segment", "there is no segment %s", name);
    if (fd < 0 && errno == EEXIST)
        return mcmp__fail(err, MCMP_ERR_STATE, "segment", "the segment %s exists", name);
    if (fd < 0)
        return mcmp__fail_os(err, errno, "opening the segment");
    if (how == MCMP__SEGMENT_NEW && fchmod(fd, 0600) != 0) { /* whatever the umask says */
        int status = errno;

        (void)shm_unlink(path);
        (void)close(fd);
        return mcmp__fail_os(err, status, "the mode of the segment");
    }
    *out = fd;
    return MCMP_OK;
}

int mcmp__os_segment_stat(int fd, mcmp__segment_stat *out, mcmp_error *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return mcmp__fail_os(err, errno, "the status of the segment");
    out->size = (uint64_t)st.st_size;
    out->owner = (uint64_t)st.st_uid;
    out->mode = (uint32_t)st.st_mode & 07777;
    out->is_memory = S_ISREG(st.st_mode) ? 1 : 0;
    out->is_linked = st.st_nlink != 0;
    out->is_untouched = st.st_blocks == 0;
    return MCMP_OK;
}

int mcmp__os_segment_lock(int fd, int exclusive)
{
    return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
}

void mcmp__os_segment_unlock(int fd)
{
    (void)flock(fd, LOCK_UN);
}

int64_t mcmp__os_segment_peek(int fd, uint64_t offset, void *out, size_t size)
{
    return (int64_t)pread(fd, out, size, (off_t)offset);
}

int64_t mcmp__os_segment_touched(int fd, uint64_t offset)
{
    return (int64_t)lseek(fd, (off_t)offset, SEEK_DATA);
}

/* A file over the process's limit would bring a signal, not an error. */
static int check_size(int fd, uint64_t size, uint64_t need, mcmp_error *err)
{
    struct rlimit limit;
    struct statvfs fs;
    uint64_t left;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < size)
        return mcmp__fail(err, MCMP_ERR_OS, "segment",
                          "the process may write files of %llu bytes, the segment has %llu",
                          (unsigned long long)limit.rlim_cur, (unsigned long long)size);
    if (fstatvfs(fd, &fs) != 0 || fs.f_blocks == 0) /* no blocks: without a limit of its own */
        return MCMP_OK;
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left < need)
        return mcmp__fail(err, MCMP_ERR_OS, "segment",
                          "the file system of shared memory has %llu bytes left, %llu are needed "
                          "to begin with",
                          (unsigned long long)left, (unsigned long long)need);
    return MCMP_OK;
}

int mcmp__os_segment_reset(int fd, uint64_t size, uint64_t need, mcmp_error *err)
{
    int rc;

    if (ftruncate(fd, 0) != 0)
        return mcmp__fail_os(err, errno, "emptying the segment");
    rc = check_size(fd, size, need, err);
    if (rc != MCMP_OK)
        return rc;
    if (ftruncate(fd, (off_t)size) != 0)
        return mcmp__fail_os(err, errno, "the size of the segment");
    return MCMP_OK;
}

int mcmp__os_segment_map(int fd, size_t size, int writable, void **out, mcmp_error *err)
{
    int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *memory = mmap(NULL, size, access, MAP_SHARED | MAP_NORESERVE, fd, 0);

    if (memory == MAP_FAILED)
        return mcmp__fail_os(err, errno, "mapping the segment");
    *out = memory;
    return MCMP_OK;
}

void mcmp__os_segment_close(int fd)
{
    (void)close(fd);
}

int mcmp__os_segment_unlink(const char *name, mcmp_error *err)
{
    char path[PATH_ROOM];

    path_of(name, path);
    if (shm_unlink(path) == 0)
        return MCMP_OK;
    if (errno == ENOENT)
        return mcmp__fail(err, MCMP_ERR_NOT_FOUND, "segment", "there is no segment %s", name);
    return mcmp__fail_os(err, errno, "removing the segment");
}

uint64_t mcmp__os_user(void)
{
    return (uint64_t)geteuid();
}
