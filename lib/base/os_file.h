/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as the core sees them: one is read whole, one is replaced whole. A part of the OS layer of
 * its own (os_file_apr.c), since the calls come from a table: tests let each of them fail or end
 * the process.
 */
#ifndef MCMP__OS_FILE_H
#define MCMP__OS_FILE_H

#include "base/base.h"

#define MCMP__PATH_MAX 4096u

/* What a path or descriptor is about. */
typedef struct mcmp__file_info {
    uint64_t size;
    uint64_t device;
    uint64_t inode;
    int is_regular;
} mcmp__file_info;

/* Each returns 0 or a count, or a negative errno. */
typedef struct mcmp__file_ops {
    int (*open_read)(const char *path);
    int (*open_folder)(const char *path);
    int (*create)(const char *path);     /* mode 0600; it must not exist */
    int (*open_again)(const char *path); /* one that exists, whatever it holds; no link */
    int (*lock)(int fd);                 /* the one holder of the file; -EWOULDBLOCK: another is */
    int64_t (*read)(int fd, void *data, size_t len);
    int64_t (*write)(int fd, const void *data, size_t len);
    int (*sync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*remove)(const char *path);
    int (*info)(int fd, mcmp__file_info *out);
    int (*info_of)(const char *path, mcmp__file_info *out); /* of a link itself */
} mcmp__file_ops;

extern const mcmp__file_ops mcmp__file_system;

/* The whole file in memory of the allocator (*out_len bytes; NULL when empty). MCMP_OK,
 * MCMP_ERR_NOT_FOUND, MCMP_ERR_OS, MCMP_ERR_LIMIT (max_file), MCMP_ERR_NOMEM, MCMP_ERR_FILE (no
 * regular file) */
int mcmp__file_read(const mcmp__file_ops *ops, const mcmp_allocator *allocator, const char *path,
                    uint64_t max, char **out, size_t *out_len, mcmp_error *err);

/* Make path hold these pieces, or leave it as it is: see mcmp_cluster_save(). MCMP_OK, MCMP_ERR_OS,
 * MCMP_ERR_STATE (another saver), MCMP_ERR_LIMIT */
int mcmp__file_replace(const mcmp__file_ops *ops, const char *path, const mcmp_span *pieces,
                       size_t count, mcmp_error *err);

#endif
