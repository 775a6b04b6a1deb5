/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_STATE_H
#define LIBMCMP_STATE_H

#include <libmcmp/base.h>
#include <libmcmp/cluster.h>
#include <libmcmp/view.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_state Saving and loading
 * @brief The state of a cluster as one file that outlives the process (DESIGN 3). Nodes need not
 * register again after a restart: the `id` of STATUS stays.
 *
 * Saved are balancers, nodes with their Load, counters and owners, aliases with their numbers,
 * contexts with their status, each in its order, and the domain memory. Not saved are secrets
 * (the state holds none), selections in flight, errors, and rows of removed nodes. Times are saved
 * as ages, since a monotonic clock means nothing after a reboot; the time between saving and
 * loading does not count. The format is described byte by byte in docs/state-file.md.
 *
 * Loaded nodes are unproven: they get no request, not even of their own sessions, until a probe of
 * mcmp_tick() or a STATUS answered; requests that could go nowhere else get MCMP_WAIT meanwhile.
 * A host that makes no probes has them as hot standby after probe_deadline and a second.
 * @{
 */

/** @name Kinds of entries */
/** @{ */
#define MCMP_STATE_BALANCER 1 /**< a balancer */
#define MCMP_STATE_NODE 2     /**< a node */
#define MCMP_STATE_ALIAS 3    /**< an alias of a node */
#define MCMP_STATE_CONTEXT 4  /**< a pair (alias, context) of a node */
#define MCMP_STATE_DOMAIN 5   /**< the remembered domain of a removed node */
/** @} */

/** An entry that found no place. Sized; texts are views, valid during the callback. */
typedef struct mcmp_load_skip {
    size_t struct_size; /**< set by the library */
    uint32_t kind;      /**< MCMP_STATE_* */
    uint32_t reserved;  /**< 0 */
    mcmp_span balancer; /**< BALANCER; NODE: its balancer */
    mcmp_span route;    /**< all but BALANCER: the node's route */
    mcmp_span alias;    /**< ALIAS, CONTEXT */
    mcmp_span context;  /**< CONTEXT */
    mcmp_span domain;   /**< DOMAIN */
    const char *limit;  /**< option that was met: "max_nodes", "jvm_route", ...; static text */
} mcmp_load_skip;

/** Called once for each entry that found no place, after the others were loaded; no lock is held.
 */
typedef void (*mcmp_load_skip_fn)(void *ctx, const mcmp_load_skip *skip);

/** Options of loading. Sized; zero means default. */
typedef struct mcmp_load_options {
    size_t struct_size;     /**< set by mcmp_load_options_init() */
    mcmp_time now;          /**< the host's monotonic clock */
    mcmp_load_skip_fn skip; /**< NULL = counts are enough */
    void *skip_ctx;         /**< first argument of skip */
    uint64_t max_file;      /**< bytes of a file; 1 GiB */
} mcmp_load_options;

/** What was loaded. Sized; filled on MCMP_OK. */
typedef struct mcmp_load_report {
    size_t struct_size;         /**< set by mcmp_load_report_init() */
    uint64_t id;                /**< `id` of STATUS that the cluster has from now on */
    uint32_t version;           /**< of the format: 1 */
    uint32_t balancers;         /**< entries loaded */
    uint32_t nodes;             /**< entries loaded */
    uint32_t aliases;           /**< entries loaded */
    uint32_t contexts;          /**< entries loaded */
    uint32_t domains;           /**< entries loaded */
    uint32_t skipped_balancers; /**< entries that found no place */
    uint32_t skipped_nodes;     /**< entries that found no place */
    uint32_t skipped_aliases;   /**< entries that found no place */
    uint32_t skipped_contexts;  /**< entries that found no place */
    uint32_t skipped_domains;   /**< entries that found no place */
    uint32_t reserved;          /**< 0 */
    char product[128];          /**< release of VERSION when it was saved; NUL-terminated */
} mcmp_load_report;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_load_options_init_sized(mcmp_load_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_load_options_init(o) mcmp_load_options_init_sized((o), sizeof(*(o)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] report the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_load_report_init_sized(mcmp_load_report *report, size_t size);
/** Initialise with this header's size. */
#define mcmp_load_report_init(r) mcmp_load_report_init_sized((r), sizeof(*(r)))

/**
 * @brief Save the state of one moment in a file.
 *
 * It is written aside, as `PATH.new` in the same folder with mode 0600, synchronised, and renamed:
 * at any time, also after a crash, PATH is the old file or the new one. What an interrupted save
 * left behind is removed by the next one. The state is copied first, so no message waits for the
 * disk; the calling thread does. Of several savers of one path one goes on, the others are refused.
 * @param[in]  cluster the cluster; @borrowed
 * @param[in]  path    the file; a symbolic link there is replaced; @borrowed for the call
 * @param[in]  now     monotonic time, for the ages
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_OS (os_status; the old file is as it was, but for a
 * failed synchronisation of the folder after the rename), MCMP_ERR_STATE (somebody else saves
 * there now), MCMP_ERR_LIMIT (the path is too long), MCMP_ERR_INVALID, MCMP_ERR_DAMAGED
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_cluster_save(mcmp_cluster *cluster, const char *path, mcmp_time now,
                               mcmp_error *err);

/**
 * @brief The bytes that mcmp_cluster_save() would write, for hosts that keep them elsewhere.
 * @param[in]  cluster the cluster; @borrowed
 * @param[in]  now     monotonic time, for the ages
 * @param[in]  write   called with pieces, in this thread
 * @param[in]  ctx     first argument of write
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_CALLBACK, MCMP_ERR_INVALID, MCMP_ERR_DAMAGED
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_cluster_encode(mcmp_cluster *cluster, mcmp_time now, mcmp_write_fn write,
                                 void *ctx, mcmp_error *err);

/**
 * @brief Load a saved state into an empty cluster, as one message: readers see all of it or
 * nothing.
 *
 * The whole file is checked before anything of it is used. The tables and name lengths may differ
 * from those it was saved with: what does not fit is left out and reported, oldest nodes first come
 * in. After any error the cluster is as it was.
 * @param[in]  cluster the cluster; without a node, also without one removed lately; @borrowed
 * @param[in]  path    the file; @borrowed for the call
 * @param[in]  opts    NULL = defaults with now 0
 * @param[in,out] out  what was loaded; initialised, or NULL
 * @param[out] err     detail; field is the section of the file that is refused, offset its byte;
 * may be NULL
 * @return MCMP_OK, MCMP_ERR_FILE (damaged, truncated or no such file at all), MCMP_ERR_UNSUPPORTED
 * (a newer format), MCMP_ERR_NOT_FOUND (no file), MCMP_ERR_OS, MCMP_ERR_LIMIT (max_file),
 * MCMP_ERR_STATE (the cluster is not empty), MCMP_ERR_NOMEM, MCMP_ERR_INVALID
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_cluster_load(mcmp_cluster *cluster, const char *path,
                               const mcmp_load_options *opts, mcmp_load_report *out,
                               mcmp_error *err);

/**
 * @brief As mcmp_cluster_load(), from bytes.
 * @param[in]  cluster the cluster; without a node; @borrowed
 * @param[in]  data    the bytes; @borrowed for the call
 * @param[in]  len     their number
 * @param[in]  opts    NULL = defaults with now 0
 * @param[in,out] out  what was loaded; initialised, or NULL
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_FILE, MCMP_ERR_UNSUPPORTED, MCMP_ERR_STATE, MCMP_ERR_NOMEM,
 * MCMP_ERR_OS (the lock), MCMP_ERR_INVALID
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_cluster_decode(mcmp_cluster *cluster, const void *data, size_t len,
                                 const mcmp_load_options *opts, mcmp_load_report *out,
                                 mcmp_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
