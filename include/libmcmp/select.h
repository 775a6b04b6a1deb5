/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_SELECT_H
#define LIBMCMP_SELECT_H

#include <libmcmp/base.h>
#include <libmcmp/cluster.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_select Choice of a node
 * @brief From a request's host, path and cookies to the node that serves it (MCMP 5). No lock, no
 * allocation, cost independent of the size of the cluster.
 * @{
 */

/** What is known of a request. Sized. */
typedef struct mcmp_query {
    size_t struct_size; /**< set by mcmp_query_init() */
    mcmp_time now;      /**< monotonic time */
    mcmp_span host;     /**< Host or :authority, port allowed; may be empty */
    /** decoded, dot-free path; cut at `?` and `;` here, session parameters are found in it */
    mcmp_span path;
    const mcmp_span *cookies; /**< values of the Cookie header lines */
    size_t cookie_count;      /**< number of lines */
    mcmp_span session;  /**< a session id the host already knows; empty: look in cookies and path */
    mcmp_span affinity; /**< value of a separate affinity cookie: a route by itself; else empty */
    mcmp_span balancer; /**< only this balancer; empty = any */
    mcmp_span key;      /**< for MCMP_POLICY_HASH */
    const mcmp_handle
        *tried; /**< nodes that failed for this request; after MCMP_WAIT leave out those in error */
    size_t tried_count;      /**< their number, at most 64 */
    mcmp_time waiting_since; /**< when the first MCMP_WAIT for this request came; 0 = not yet */
    uint32_t flags;          /**< MCMP_QUERY_* */
    uint32_t reserved;       /**< 0 */
} mcmp_query;

#define MCMP_QUERY_DRY_RUN 0x1u /**< choose, but count nothing; must not be released */

/** @name Why a node was chosen, or none */
/** @{ */
#define MCMP_REASON_NONE 0         /**< nothing was decided */
#define MCMP_REASON_STICKY 1       /**< the session's own node */
#define MCMP_REASON_DOMAIN 2       /**< another node of the session's domain */
#define MCMP_REASON_BALANCED 3     /**< by the policy */
#define MCMP_REASON_STANDBY 4      /**< a node with Load 0, no other is usable */
#define MCMP_REASON_REDIRECTED 5   /**< the session's node is not usable, chosen anywhere */
#define MCMP_REASON_DISABLED 6     /**< a DISABLED node, no ENABLED candidate is usable */
#define MCMP_REASON_HASHED 7       /**< deterministic failover, or the hash policy */
#define MCMP_REASON_NOT_OURS 16    /**< no context matches */
#define MCMP_REASON_STATUS 17      /**< a context matches, none may serve by status */
#define MCMP_REASON_NONE_USABLE 18 /**< error, Load -1, or all tried */
#define MCMP_REASON_FORCED \
    19 /**< StickySessionForce, and the session's node or domain is not usable */
/** @} */

/** @name Flags of a selection */
/** @{ */
#define MCMP_SELECTION_REMOVE_SESSION \
    0x1u /**< take the session id out of cookie and path (MCMP 5.5) */
#define MCMP_SELECTION_HAS_SESSION 0x2u /**< the request carried a session id */
#define MCMP_SELECTION_HELD 0x4u        /**< counted; to be released once */
/** @} */

/**
 * A chosen node. Sized; the caller owns it and its texts point into it, into the query or to static
 * text, so it must not be copied or moved while in use.
 */
typedef struct mcmp_selection {
    size_t struct_size;      /**< set by mcmp_selection_init() */
    mcmp_handle node;        /**< the node */
    mcmp_handle context;     /**< its context, for the count of running requests */
    uint32_t reason;         /**< MCMP_REASON_* */
    uint32_t flags;          /**< MCMP_SELECTION_* */
    uint32_t status;         /**< HTTP status to answer when there is no node; else 0 */
    uint32_t port;           /**< 1..65535 */
    uint32_t scheme;         /**< MCMP_SCHEME_* */
    uint32_t max_retries;    /**< further tries on other nodes (Maxattempts) */
    uint32_t flushpackets;   /**< MCMP_FLUSH_* */
    int32_t smax;            /**< idle connections kept by the host; -1 = its default */
    mcmp_time flushwait;     /**< for MCMP_FLUSH_AUTO */
    mcmp_time ping;          /**< connect and CPing timeout */
    mcmp_time ttl;           /**< life of idle connections above smax */
    mcmp_time timeout;       /**< read and write; 0 = the host's default */
    mcmp_time retry_at;      /**< MCMP_WAIT: ask again then; MCMP_NO_NODE: hint for Retry-After */
    mcmp_time selected_at;   /**< query.now */
    mcmp_span host;          /**< address or name, IPv6 in brackets */
    mcmp_span route;         /**< JVMRoute */
    mcmp_span balancer;      /**< its balancer */
    mcmp_span path_context;  /**< the matching context, a part of query.path */
    mcmp_span session;       /**< session id of the request, a part of the query; with route */
    mcmp_span session_route; /**< route inside the session id */
    mcmp_span cookie_name;   /**< StickySessionCookie of the balancer */
    mcmp_span path_name;     /**< StickySessionPath of the balancer */
    uint64_t reserved[4];    /**< used by the library */
    char text[1296];         /**< room of the texts */
} mcmp_selection;

/** @name How a forward ended */
/** @{ */
#define MCMP_OUTCOME_OK 0        /**< the node answered */
#define MCMP_OUTCOME_CONNECT 1   /**< no connection: the node goes into error */
#define MCMP_OUTCOME_NO_ANSWER 2 /**< broke before the answer began: the node goes into error */
#define MCMP_OUTCOME_BROKEN 3    /**< broke after the answer began: counted, no error state */
#define MCMP_OUTCOME_TIMEOUT 4   /**< no answer in time: counted, no error state */
#define MCMP_OUTCOME_CLIENT 5    /**< the client's own fault or wish: never held against the node */
#define MCMP_OUTCOME_UNUSED 6    /**< not forwarded after all */
/** @} */

/** What came of a selection. Sized. */
typedef struct mcmp_outcome {
    size_t struct_size;  /**< set by mcmp_outcome_init() */
    uint32_t result;     /**< MCMP_OUTCOME_* */
    uint32_t reserved;   /**< 0 */
    uint64_t bytes_read; /**< received from the node */
    uint64_t bytes_sent; /**< sent to the node */
    mcmp_time now;       /**< monotonic time */
} mcmp_outcome;

/**
 * @brief Clear the struct and set its size.
 * @param[out] query the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_query_init_sized(mcmp_query *query, size_t size);
/** Initialise with this header's size. */
#define mcmp_query_init(q) mcmp_query_init_sized((q), sizeof(*(q)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] selection the struct
 * @param[in]  size      its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_selection_init_sized(mcmp_selection *selection, size_t size);
/** Initialise with this header's size. */
#define mcmp_selection_init(s) mcmp_selection_init_sized((s), sizeof(*(s)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] outcome the struct
 * @param[in]  size    its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_outcome_init_sized(mcmp_outcome *outcome, size_t size);
/** Initialise with this header's size. */
#define mcmp_outcome_init(o) mcmp_outcome_init_sized((o), sizeof(*(o)))

/**
 * @brief Choose the node for a request.
 * @param[in]     cluster   the cluster; @borrowed
 * @param[in]     query     the request; @borrowed, its texts must live as long as the selection
 * @param[in,out] selection initialised; filled. On MCMP_OK it must be released exactly once.
 * @param[out]    err       detail; may be NULL
 * @return MCMP_OK, MCMP_NOT_OURS (go on with the host's own content), MCMP_NO_CONTEXT (404, or
 * selection.status), MCMP_NO_NODE (503), MCMP_WAIT (ask again at selection.retry_at),
 * MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED, MCMP_ERR_DAMAGED; attached for reading only also
 * MCMP_ERR_STATE (no dry run) and MCMP_ERR_OVERTAKEN (writers were always faster)
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_select_node(mcmp_cluster *cluster, const mcmp_query *query,
                              mcmp_selection *selection, mcmp_error *err);

/**
 * @brief Give a selection back with what came of it.
 * @param[in]     cluster   the cluster; @borrowed
 * @param[in,out] selection of MCMP_OK; its MCMP_SELECTION_HELD is cleared
 * @param[in]     outcome   NULL = MCMP_OUTCOME_UNUSED
 * @return MCMP_OK, MCMP_ERR_RELEASED (was released before, or never held)
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_selection_release(mcmp_cluster *cluster, mcmp_selection *selection,
                                    const mcmp_outcome *outcome);

/**
 * @brief Count bytes of a request that still runs; now and then, for long ones. The node
 * then does not look idle (MCMP 6) and INFO shows what flows. The outcome of the release names only
 * bytes that were not counted here.
 * @param[in] cluster    the cluster; @borrowed
 * @param[in] selection  held
 * @param[in] bytes_read received from the node since it was selected or last counted
 * @param[in] bytes_sent sent to it likewise
 * @return MCMP_OK, MCMP_ERR_RELEASED, MCMP_ERR_INVALID
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_selection_progress(mcmp_cluster *cluster, const mcmp_selection *selection,
                                     uint64_t bytes_read, uint64_t bytes_sent);

/**
 * @brief The same choice as a dry run, told in words for operators: which context matched, each
 * candidate with its status, state and load, the session and its route, and the result.
 * @param[in]  cluster the cluster; @borrowed
 * @param[in]  query   the request
 * @param[out] out     text, NUL-terminated, lines end in `\n`
 * @param[in]  size    room
 * @param[out] out_len length without NUL; the length needed when the room is too small
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE (filled up to the room), MCMP_ERR_INVALID, MCMP_ERR_DAMAGED,
 * MCMP_ERR_OVERTAKEN (attached for reading only, and writers were always faster)
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_explain(mcmp_cluster *cluster, const mcmp_query *query, char *out, size_t size,
                          size_t *out_len, mcmp_error *err);

/**
 * @brief "sticky", "balanced", ... of MCMP_REASON_*; "?" for others.
 * @param[in] reason MCMP_REASON_*
 * @return static text, never NULL
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const char *mcmp_reason_name(uint32_t reason);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
