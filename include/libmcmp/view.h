/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_VIEW_H
#define LIBMCMP_VIEW_H

#include <libmcmp/base.h>
#include <libmcmp/cluster.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_view Views
 * @brief One consistent state of the cluster copied out, to be iterated or rendered (MCMP
 * 4.7-4.13).
 * @{
 */

/** @name States of a node */
/** @{ */
#define MCMP_NODE_UNPROVEN 0 /**< Load 0 and no STATUS yet: hot standby */
#define MCMP_NODE_ACTIVE 1   /**< usable, Load 1..100 */
#define MCMP_NODE_STANDBY 2  /**< usable, Load 0 */
#define MCMP_NODE_BROKEN 3   /**< Load -1 */
#define MCMP_NODE_ERROR 4    /**< not usable until a probe or STATUS succeeds */
#define MCMP_NODE_LEAVING 5  /**< removed, first grace period: shown under its name */
#define MCMP_NODE_REMOVED 6  /**< removed, second grace period: shown as REMOVED */
/** @} */

/** @name Status of a context, as on the wire */
/** @{ */
#define MCMP_STATUS_ENABLED 1  /**< serves everything */
#define MCMP_STATUS_DISABLED 2 /**< serves requests with a session */
#define MCMP_STATUS_STOPPED 3  /**< serves nothing new */
/** @} */

/** @name Forms of rendering */
/** @{ */
#define MCMP_RENDER_INFO_TEXT 1 /**< MCMP 4.7 */
#define MCMP_RENDER_INFO_XML 2  /**< MCMP 4.8 */
#define MCMP_RENDER_DUMP_TEXT 3 /**< MCMP 4.9 */
#define MCMP_RENDER_DUMP_XML 4  /**< MCMP 4.10 */
#define MCMP_RENDER_JSON 5      /**< MCMP 4.13 */
#define MCMP_RENDER_PAGE 6      /**< MCMP 4.12, HTML */
#define MCMP_RENDER_METRICS 7   /**< text format of Prometheus */
/** @} */

/** A copied state. */
typedef struct mcmp_view mcmp_view;

/** A node of a view. Sized; texts are views into the mcmp_view. */
typedef struct mcmp_node_info {
    size_t struct_size;     /**< set by mcmp_node_info_init() */
    mcmp_handle handle;     /**< for mcmp_node_is_current() */
    uint64_t id;            /**< `<n>` of the wire */
    mcmp_span route;        /**< JVMRoute */
    mcmp_span balancer;     /**< its balancer */
    mcmp_span domain;       /**< LBGroup */
    mcmp_span host;         /**< as sent */
    uint32_t port;          /**< 1..65535 */
    uint32_t scheme;        /**< MCMP_SCHEME_* */
    uint32_t state;         /**< MCMP_NODE_* */
    int32_t load;           /**< last accepted Load */
    uint32_t flushpackets;  /**< MCMP_FLUSH_* */
    int32_t smax;           /**< -1 = default */
    mcmp_time flushwait;    /**< us */
    mcmp_time ping;         /**< us */
    mcmp_time ttl;          /**< us */
    mcmp_time timeout;      /**< us */
    mcmp_time last_status;  /**< when STATUS last came; 0 = never */
    uint64_t elected;       /**< picks */
    uint64_t bytes_read;    /**< from the node */
    uint64_t bytes_sent;    /**< to the node */
    uint32_t connected;     /**< selections not yet released */
    uint32_t failed_probes; /**< in a row */
    uint32_t reversed;      /**< Reversed, without effect */
    uint32_t reserved;      /**< 0 */
} mcmp_node_info;

/** One pair (alias, context) of a node. Sized; texts are views into the mcmp_view. */
typedef struct mcmp_context_info {
    size_t struct_size; /**< set by mcmp_context_info_init() */
    uint64_t node_id;   /**< `<n>` */
    uint64_t id;        /**< running id of its alias line */
    mcmp_span alias;    /**< lower-cased */
    mcmp_span path;     /**< the context */
    uint32_t vhost;     /**< virtual-host number */
    uint32_t status;    /**< MCMP_STATUS_* */
    uint32_t requests;  /**< running */
    uint32_t reserved;  /**< 0 */
} mcmp_context_info;

/**
 * @brief Clear the struct and set its size.
 * @param[out] info the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_node_info_init_sized(mcmp_node_info *info, size_t size);
/** Initialise with this header's size. */
#define mcmp_node_info_init(i) mcmp_node_info_init_sized((i), sizeof(*(i)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] info the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_context_info_init_sized(mcmp_context_info *info, size_t size);
/** Initialise with this header's size. */
#define mcmp_context_info_init(i) mcmp_context_info_init_sized((i), sizeof(*(i)))

/**
 * @brief Copy the state of one moment.
 * @param[out] out     the view; @owned, free with mcmp_view_free()
 * @param[in]  cluster the cluster; @borrowed
 * @param[in]  now     monotonic time, decides the stage of removed nodes
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_OVERTAKEN (writers were faster again and again)
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_view_new(mcmp_view **out, mcmp_cluster *cluster, mcmp_time now, mcmp_error *err);

/**
 * @brief Free a view; NULL is allowed.
 * @param[in] view the view; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_view_free(mcmp_view *view);

/**
 * @brief Number of node rows, in INFO's order (newest first, grace rows included).
 * @param[in] view the view; @borrowed
 * @return their number
 * @mt_immutable @reentrant yes
 * @since 0.1
 */
MCMP_API size_t mcmp_view_node_count(const mcmp_view *view);

/**
 * @brief The i-th node.
 * @param[in]     view the view; @borrowed
 * @param[in]     i    index from 0
 * @param[in,out] out  initialised; filled
 * @return MCMP_OK, MCMP_DONE, MCMP_ERR_INVALID
 * @mt_immutable @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_view_node(const mcmp_view *view, size_t i, mcmp_node_info *out);

/**
 * @brief Number of pairs, in the order of INFO's Context lines.
 * @param[in] view the view; @borrowed
 * @return their number
 * @mt_immutable @reentrant yes
 * @since 0.1
 */
MCMP_API size_t mcmp_view_context_count(const mcmp_view *view);

/**
 * @brief The i-th pair.
 * @param[in]     view the view; @borrowed
 * @param[in]     i    index from 0
 * @param[in,out] out  initialised; filled
 * @return MCMP_OK, MCMP_DONE, MCMP_ERR_INVALID
 * @mt_immutable @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_view_context(const mcmp_view *view, size_t i, mcmp_context_info *out);

/**
 * @brief Render a view.
 * @param[in]  view  the view; @borrowed
 * @param[in]  form  MCMP_RENDER_*
 * @param[in]  write called with pieces, in this thread
 * @param[in]  ctx   first argument of write
 * @param[out] err   detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_INVALID (unknown form), MCMP_ERR_CALLBACK
 * @mt_immutable @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_view_render(const mcmp_view *view, uint32_t form, mcmp_write_fn write, void *ctx,
                              mcmp_error *err);

/**
 * @brief "active", "standby", ... of MCMP_NODE_*; "?" for others.
 * @param[in] state MCMP_NODE_*
 * @return static text, never NULL
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const char *mcmp_node_state_name(uint32_t state);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
