/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_AGENT_H
#define LIBMCMP_AGENT_H

#include <libmcmp/base.h>
#include <libmcmp/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_agent Agent of a node
 * @brief Keeps one node registered with any number of proxies, and drains it at the end. The
 * codecs it speaks with are in client.h; that header and this one together would be over the size
 * limit of a header, and tools need the codecs only.
 *
 * No I/O: mcmp_agent_next() says what to do (connect, send, close) and when to ask again, the host
 * does it and tells what happened (connected, received, closed). Each proxy has its own
 * connection, deadlines and back-off, so a slow or dead one delays no other. Every deadline is the
 * agent's: the host needs one timer, for the time that mcmp_agent_next() gives.
 *
 * To each proxy it says INFO, REMOVE-APP for what INFO shows of an earlier life, CONFIG, the
 * contexts, STATUS, and STATUS again at each interval. It begins anew when a STATUS is not answered
 * with 200, or its `id` changes. A request that breaks on a connection that had carried an answer
 * is repeated once on a new one, as the proxy may have closed it for being idle.
 * @{
 */

/** An agent: one node, its contexts, and the proxies it is registered with. */
typedef struct mcmp_agent mcmp_agent;

/** Options of an agent. Sized; zero means default. */
typedef struct mcmp_agent_options {
    size_t struct_size; /**< set by mcmp_agent_options_init() */
    /** The node: JVMRoute, Host, Port, Type and whatever CONFIG shall carry, as named in given;
     * user_agent; aliases and contexts, all pairs of which are registered (none: `localhost` and
     * `/`). With MCMP_FIELD_LOAD given, load is what STATUS tells when there is no callback, else
     * 100. command, path, host_header and flags but those of fields do not count. Copied. */
    const mcmp_message *node;
    mcmp_time interval;        /**< between two STATUS; 0 = 10 s */
    mcmp_time connect_timeout; /**< for a connection to be there; 0 = 5 s */
    mcmp_time answer_timeout;  /**< for an answer to be complete; 0 = 20 s */
    mcmp_time backoff_first;   /**< after a first failure; 0 = 250 ms */
    mcmp_time backoff_most;    /**< between two tries; 0 = the interval, but at most 30 s */
    mcmp_time drain_wait;      /**< for sessions, after DISABLE-APP; 0 = 10 s, MCMP_NEVER = none */
    mcmp_time drain_timeout;   /**< of the whole draining; 0 = 10 s; MCMP_NEVER = no end */
    mcmp_time stop_poll;       /**< between two rounds of STOP-APP; 0 = 100 ms */
    mcmp_time forget_after;    /**< a proxy that was found and is out of reach; 0 = 300 s */
    uint64_t seed;             /**< entropy for the jitter of the back-off */
    uint64_t max_answer;       /**< bytes of an answer's body; 0 = 8 MiB */
    uint32_t max_proxies;      /**< 0 = 64 */
    uint32_t reserved;         /**< must be 0 */
    void *ctx;                 /**< first argument of the callbacks */
    /** Load of the next STATUS, -1 .. 100; asked right before each. NULL: see node. */
    int32_t (*load)(void *ctx, mcmp_time now);
    /** Sessions that live at the node: at 0 the wait for sessions ends early. NULL: unknown. */
    uint64_t (*sessions)(void *ctx, mcmp_time now);
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
    const mcmp_logger *logger;       /**< copied; NULL = silent */
} mcmp_agent_options;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_agent_options_init_sized(mcmp_agent_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_agent_options_init(o) mcmp_agent_options_init_sized((o), sizeof(*(o)))

/**
 * @brief Create an agent; it has no proxies yet.
 * @param[out] out  the agent; @owned, free with mcmp_agent_free()
 * @param[in]  opts its node is required; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID (err names the field), MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_agent_new(mcmp_agent **out, const mcmp_agent_options *opts, mcmp_error *err);

/**
 * @brief Free an agent; NULL is allowed. Nothing is told to the proxies, see mcmp_agent_drain().
 * @param[in] agent the agent; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_agent_free(mcmp_agent *agent);

/** @name Flags of a proxy */
/** @{ */
#define MCMP_AGENT_TLS 0x1u   /**< its management port speaks TLS; the host's business */
#define MCMP_AGENT_FOUND 0x2u /**< found by advertise: forgotten when out of reach for long */
/** @} */

/** A proxy to register with. Sized; texts are copied. */
typedef struct mcmp_agent_proxy {
    size_t struct_size; /**< set by mcmp_agent_proxy_init() */
    mcmp_span host;     /**< name or address, IPv6 without brackets; 1 .. 255 bytes */
    mcmp_span path;     /**< prefix of the targets, e.g. "/mcmp"; may be empty */
    mcmp_span name;     /**< for the log; empty: host and port */
    uint32_t port;      /**< 1 .. 65535 */
    uint32_t flags;     /**< MCMP_AGENT_TLS, MCMP_AGENT_FOUND */
} mcmp_agent_proxy;

/**
 * @brief Clear the struct and set its size.
 * @param[out] proxy the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_agent_proxy_init_sized(mcmp_agent_proxy *proxy, size_t size);
/** Initialise with this header's size. */
#define mcmp_agent_proxy_init(p) mcmp_agent_proxy_init_sized((p), sizeof(*(p)))

/**
 * @brief Register with a proxy from now on. One that is known by host and port is not added again;
 * when it was out of reach it is tried at once, so this can be called for each datagram.
 * @param[in]  agent the agent; @borrowed
 * @param[in]  proxy where it is; copied
 * @param[in]  now   the time
 * @param[out] out   the proxy; may be NULL
 * @param[out] err   detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED, MCMP_ERR_LIMIT
 * (max_proxies), MCMP_ERR_STATE (the agent drains)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_add(mcmp_agent *agent, const mcmp_agent_proxy *proxy, mcmp_time now,
                            mcmp_handle *out, mcmp_error *err);

/**
 * @brief Try a proxy at once, whatever it waits for; also one that had refused the node for good.
 * @param[in] agent the agent; @borrowed
 * @param[in] proxy the proxy
 * @param[in] now   the time
 * @return MCMP_OK, MCMP_ERR_STALE
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_retry(mcmp_agent *agent, mcmp_handle proxy, mcmp_time now);

/**
 * @brief Forget a proxy, e.g. when it said that it goes away; it is told nothing.
 * @param[in] agent the agent; @borrowed
 * @param[in] proxy the proxy
 * @return MCMP_OK, MCMP_ERR_STALE
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_forget(mcmp_agent *agent, mcmp_handle proxy);

/** @name What to do */
/** @{ */
#define MCMP_AGENT_CONNECT 1u /**< open a connection, then mcmp_agent_connected() or _closed() */
#define MCMP_AGENT_SEND 2u    /**< write bytes, then mcmp_agent_received() with what comes */
#define MCMP_AGENT_CLOSE 3u   /**< close the connection; no event of it is needed any more */
/** @} */

/** A step for the host. Sized; only read by the host. */
typedef struct mcmp_agent_step {
    size_t struct_size;  /**< set by mcmp_agent_step_init() */
    uint32_t action;     /**< MCMP_AGENT_CONNECT, SEND, CLOSE; 0 with MCMP_WAIT and MCMP_DONE */
    uint32_t flags;      /**< CONNECT: those of the proxy */
    mcmp_handle proxy;   /**< the proxy it is about */
    uint64_t connection; /**< number of the connection; never used again, never 0 */
    mcmp_span host;      /**< CONNECT: as it was given; view, valid as long as the proxy */
    mcmp_span bytes;     /**< SEND: view, valid until the next step of this connection */
    mcmp_time until;     /**< MCMP_WAIT: ask again then, or after an event; INT64_MAX: no time */
    uint32_t port;       /**< CONNECT: the port */
    uint32_t reserved;   /**< 0 */
} mcmp_agent_step;

/**
 * @brief Clear the struct and set its size.
 * @param[out] step the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_agent_step_init_sized(mcmp_agent_step *step, size_t size);
/** Initialise with this header's size. */
#define mcmp_agent_step_init(s) mcmp_agent_step_init_sized((s), sizeof(*(s)))

/**
 * @brief What to do now. To be called again until it says MCMP_WAIT or MCMP_DONE, after each event
 * and at the time given.
 * @param[in]     agent the agent; @borrowed
 * @param[in]     now   the time; never less than before
 * @param[in,out] step  initialised; filled
 * @param[out]    err   detail; may be NULL
 * @return MCMP_OK (do it), MCMP_WAIT (nothing before step->until), MCMP_DONE (drained: nothing will
 * ever come), MCMP_ERR_NOMEM (nothing is lost; ask again), MCMP_ERR_INVALID
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_next(mcmp_agent *agent, mcmp_time now, mcmp_agent_step *step,
                             mcmp_error *err);

/**
 * @brief The connection is there.
 * @param[in] agent      the agent; @borrowed
 * @param[in] proxy      the proxy
 * @param[in] connection number that CONNECT gave
 * @param[in] now        the time
 * @return MCMP_OK, MCMP_ERR_STALE (it was given up meanwhile: close it)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_connected(mcmp_agent *agent, mcmp_handle proxy, uint64_t connection,
                                  mcmp_time now);

/**
 * @brief Bytes came. How they are cut makes no difference.
 * @param[in]  agent      the agent; @borrowed
 * @param[in]  proxy      the proxy
 * @param[in]  connection number of the connection
 * @param[in]  now        the time
 * @param[in]  data       bytes; @borrowed for the call
 * @param[in]  len        their number
 * @param[out] used       how many were taken: all, but for MCMP_ERR_NOMEM
 * @param[out] err        detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_STALE, MCMP_ERR_NOMEM (the bytes before *used are taken, the others,
 * even if there are none, are to be given again). An answer that can't be understood is no error
 * of this call: a CLOSE follows.
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_received(mcmp_agent *agent, mcmp_handle proxy, uint64_t connection,
                                 mcmp_time now, const void *data, size_t len, size_t *used,
                                 mcmp_error *err);

/**
 * @brief The connection can't be made, broke, or was closed by the proxy. No CLOSE follows.
 * @param[in]  agent      the agent; @borrowed
 * @param[in]  proxy      the proxy
 * @param[in]  connection number of the connection
 * @param[in]  now        the time
 * @param[in]  why        for the log, e.g. "connection refused"; NULL: the proxy ended the stream,
 * which may complete an answer; @borrowed for the call
 * @param[out] err        detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_STALE, MCMP_ERR_NOMEM (call again)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_closed(mcmp_agent *agent, mcmp_handle proxy, uint64_t connection,
                               mcmp_time now, const char *why, mcmp_error *err);

/** @name Whether the node is well */
/** @{ */
#define MCMP_AGENT_UP 0u     /**< it is to be registered; the default */
#define MCMP_AGENT_BROKEN 1u /**< where it is registered STATUS says Load -1; nowhere else it is */
#define MCMP_AGENT_AWAY 2u   /**< it is taken out (REMOVE-APP of the whole node) until it is up */
/** @} */

/**
 * @brief Say whether the node is well; each proxy is told at once.
 * @param[in] agent  the agent; @borrowed
 * @param[in] health MCMP_AGENT_UP, BROKEN, AWAY
 * @param[in] now    the time
 * @return MCMP_OK, MCMP_ERR_INVALID
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_set_health(mcmp_agent *agent, uint32_t health, mcmp_time now);

/**
 * @brief Give a context another status; each proxy is told at once.
 * @param[in] agent   the agent; @borrowed
 * @param[in] context one of those of the node
 * @param[in] status  MCMP_STATUS_ENABLED, DISABLED, STOPPED of view.h
 * @param[in] now     the time
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND (no such context), MCMP_ERR_INVALID
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_set_context(mcmp_agent *agent, mcmp_span context, uint32_t status,
                                    mcmp_time now);

/**
 * @brief Drain the node and take it out: DISABLE-APP, a wait for sessions, STOP-APP until no
 * request runs or the time is over, REMOVE-APP. A repeated call changes nothing.
 * @param[in] agent the agent; @borrowed
 * @param[in] proxy at this proxy, which is forgotten then; 0 = at all, which ends the agent
 * @param[in] now   the time
 * @return MCMP_OK, MCMP_ERR_STALE
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_drain(mcmp_agent *agent, mcmp_handle proxy, mcmp_time now);

/** @name States of a proxy */
/** @{ */
#define MCMP_AGENT_STATE_REGISTERING 1u /**< between INFO and the first STATUS, or out of reach */
#define MCMP_AGENT_STATE_REGISTERED 2u  /**< the last STATUS was answered with 200 */
#define MCMP_AGENT_STATE_HELD 3u        /**< not registered, as the node is not well */
#define MCMP_AGENT_STATE_DRAINING 4u    /**< between DISABLE-APP and the last REMOVE-APP */
#define MCMP_AGENT_STATE_REMOVED 5u     /**< drained, or there was nothing to drain */
#define MCMP_AGENT_STATE_REFUSED 6u     /**< refused for good: an answer of Type SYNTAX */
#define MCMP_AGENT_STATE_INCOMPLETE 7u  /**< left with requests running, or it was not told all */
/** @} */

/** What is known of a proxy. Sized; texts are views, valid until the next call. */
typedef struct mcmp_agent_info {
    size_t struct_size;     /**< set by mcmp_agent_info_init() */
    mcmp_span name;         /**< as in the log */
    mcmp_span host;         /**< as it was given */
    mcmp_span reason;       /**< of the last failure or refusal; empty: none since a good STATUS */
    uint32_t port;          /**< as it was given */
    uint32_t flags;         /**< as they were given */
    uint32_t state;         /**< MCMP_AGENT_STATE_* */
    uint32_t failures;      /**< in a row */
    uint64_t id;            /**< of the proxy's state, by its last STATUS answer */
    uint64_t registrations; /**< how often everything was told */
    uint64_t statuses;      /**< STATUS that were answered with 200 */
    uint64_t running;       /**< while draining: requests, by the last round of STOP-APP */
    mcmp_time due;          /**< of the next request or deadline; INT64_MAX: none */
} mcmp_agent_info;

/**
 * @brief Clear the struct and set its size.
 * @param[out] info the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_agent_info_init_sized(mcmp_agent_info *info, size_t size);
/** Initialise with this header's size. */
#define mcmp_agent_info_init(i) mcmp_agent_info_init_sized((i), sizeof(*(i)))

/**
 * @brief The proxies, one after the other, in no particular order.
 * @param[in] agent the agent; @borrowed
 * @param[in] after 0 = the first one, else one of the agent's, which may be gone meanwhile
 * @return the next one, 0 = none
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API mcmp_handle mcmp_agent_each(const mcmp_agent *agent, mcmp_handle after);

/**
 * @brief What is known of a proxy.
 * @param[in]     agent the agent; @borrowed
 * @param[in]     proxy the proxy
 * @param[in,out] info  initialised; filled
 * @return MCMP_OK, MCMP_ERR_STALE, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_agent_get(const mcmp_agent *agent, mcmp_handle proxy, mcmp_agent_info *info);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
