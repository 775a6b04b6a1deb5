/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_OBSERVER_H
#define LIBMCMP_OBSERVER_H

#include <libmcmp/base.h>
#include <libmcmp/cluster.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_observer Observers
 * @brief What was changed in a cluster, in the order in which it was committed, from any process of
 * its group (DESIGN 3 and 5).
 *
 * A cluster that was opened with mcmp_cluster_options.change_ring keeps its latest changes in a
 * ring inside its memory. An observer is a place in that ring: it asks for the next change whenever
 * the host likes, on a timer or after mcmp_apply(); the library has no threads and calls nobody by
 * itself. Any number of observers in any process see the same changes under the same numbers. None
 * of them takes a lock or holds up a writer: an observer that is too slow is told how many changes
 * it missed. The ring has a price for those who change something: with it, each accepted STATUS and
 * each change of a node's state, also by mcmp_selection_release() after a failed forward, takes the
 * writers' lock, and so waits for a writer that is stopped inside a message.
 *
 * Most changes carry a complete MCMP request in canonical form, as mcmp_message_encode() writes it
 * with MCMP_MESSAGE_BARE: names decoded and lower-cased, every field of CONFIG given, fields in one
 * order. Given to mcmp_parser_feed() and mcmp_apply() of another cluster in the same order, these
 * requests lead it to the same state. That cluster should use MCMP_REPLACE_LAST_WRITER, since the
 * judgement whether a node may be replaced was made here; requests get the connection number 0; and
 * MCMP_PENDING is resumed with probe_ok = 1, as the probe was made here too.
 * @{
 */

/** @name Kinds of changes */
/** @{ */
#define MCMP_CHANGE_MESSAGE 1   /**< a message was applied; STATUS only when it was accepted */
#define MCMP_CHANGE_HEALTH 2    /**< the state of a node changed, by whatever cause; no bytes */
#define MCMP_CHANGE_EXPIRED 3   /**< a node was removed after failed probes; bytes: REMOVE-APP */
#define MCMP_CHANGE_EVICTED 4   /**< a silent node lost its endpoint to another one; REMOVE-APP */
#define MCMP_CHANGE_FORGOTTEN 5 /**< the last trace of a removed node went; no bytes */
#define MCMP_CHANGE_LOADED 6    /**< a saved state was loaded: look at a view */
#define MCMP_CHANGE_MISSED 7    /**< nothing is there but changes were missed */
/** @} */

/** @name Flags of a change */
/** @{ */
#define MCMP_CHANGE_OMITTED 0x1u /**< the message did not fit into the ring: size without bytes */
/** @} */

/**
 * One change. Sized; filled by mcmp_observer_next(). Texts are views into the observer, valid until
 * its next call.
 */
typedef struct mcmp_change {
    size_t struct_size;    /**< set by mcmp_change_init() */
    uint64_t sequence;     /**< its number: 1, 2, ...; MISSED: of the last one that was missed */
    uint64_t commit;       /**< equal for changes that became visible at once */
    uint64_t missed;       /**< changes that this observer lost right before this one;
                                MISSED: up to this number */
    mcmp_time time;        /**< `now` of the call that made it */
    mcmp_handle node;      /**< the node's handle after the change; 0 = of no node */
    uint32_t kind;         /**< MCMP_CHANGE_* */
    uint32_t flags;        /**< MCMP_CHANGE_OMITTED */
    uint32_t state_before; /**< HEALTH: MCMP_NODE_* of view.h */
    uint32_t state_after;  /**< HEALTH: MCMP_NODE_* of view.h */
    mcmp_span route;       /**< JVMRoute of the node */
    mcmp_span text;        /**< the event in words, for logs; empty for messages */
    mcmp_span bytes;       /**< the request, or empty */
    size_t size;           /**< bytes of the request, also when they were omitted */
} mcmp_change;

/** @name Where an observer begins */
/** @{ */
#define MCMP_OBSERVE_NOW 0    /**< with what is changed from now on */
#define MCMP_OBSERVE_OLDEST 1 /**< with the oldest change that is still there */
#define MCMP_OBSERVE_AFTER 2  /**< after the change options.after, e.g. that of an earlier run */
/** @} */

/** Options of an observer. Sized; zero means default. */
typedef struct mcmp_observer_options {
    size_t struct_size;              /**< set by mcmp_observer_options_init() */
    uint32_t from;                   /**< MCMP_OBSERVE_* */
    uint32_t reserved;               /**< 0 */
    uint64_t after;                  /**< OBSERVE_AFTER: mcmp_change.sequence; 0 = before all */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
} mcmp_observer_options;

/** A place in the changes of a cluster. */
typedef struct mcmp_observer mcmp_observer;

/**
 * @brief Clear the struct and set its size.
 * @param[out] change the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_change_init_sized(mcmp_change *change, size_t size);
/** Initialise with this header's size. */
#define mcmp_change_init(c) mcmp_change_init_sized((c), sizeof(*(c)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_observer_options_init_sized(mcmp_observer_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_observer_options_init(o) mcmp_observer_options_init_sized((o), sizeof(*(o)))

/**
 * @brief Begin to observe.
 *
 * To start from a known state, make the observer first and look at a view afterwards: changes in
 * between are seen twice, and requests may be applied twice.
 * @param[out] out     the observer; @owned, free with mcmp_observer_free()
 * @param[in]  cluster the cluster; kept: must outlive the observer. After a fork the child makes
 * observers of its own, or goes on with a copy of this one.
 * @param[in]  opts    NULL = defaults; copied
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_STATE (the cluster has no change_ring),
 * MCMP_ERR_NOT_FOUND (options.after was not yet made here), MCMP_ERR_OVERTAKEN, MCMP_ERR_INVALID,
 * MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_observer_new(mcmp_observer **out, mcmp_cluster *cluster,
                               const mcmp_observer_options *opts, mcmp_error *err);

/**
 * @brief Free an observer; NULL is allowed.
 * @param[in] observer the observer; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_observer_free(mcmp_observer *observer);

/**
 * @brief The next change.
 * @param[in]     observer the observer; @borrowed
 * @param[in,out] out      initialised; filled on MCMP_OK
 * @param[out]    err      detail; may be NULL
 * @return MCMP_OK, MCMP_DONE (nothing new), MCMP_ERR_OVERTAKEN (writers were faster again and
 * again; nothing was passed over, ask again), MCMP_ERR_NOMEM (likewise), MCMP_ERR_DAMAGED,
 * MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_observer_next(mcmp_observer *observer, mcmp_change *out, mcmp_error *err);

/**
 * Takes one change; 0 = go on, anything else stops mcmp_observer_run(). change and its texts are
 * @borrowed for the call.
 */
typedef int (*mcmp_change_fn)(void *ctx, const mcmp_change *change);

/**
 * @brief Hand what is new to a callback.
 *
 * A change for which the callback did not return 0 counts as not taken: it is the first of the next
 * run, unless it has been overwritten by then.
 * @param[in]  observer the observer; @borrowed
 * @param[in]  callback called for each change in order, in this thread, without a lock
 * @param[in]  ctx      first argument of callback
 * @param[in]  max      so many changes at most; 0 = until there is nothing new
 * @param[out] err      detail; may be NULL
 * @return MCMP_DONE (nothing new is left), MCMP_OK (max was reached), MCMP_ERR_CALLBACK, and as
 * mcmp_observer_next()
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_observer_run(mcmp_observer *observer, mcmp_change_fn callback, void *ctx,
                               size_t max, mcmp_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
