/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_PROBE_H
#define LIBMCMP_PROBE_H

#include <libmcmp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_probe Probes of nodes
 * @brief What to ask a node, and what its answer says (MCMP 6): CPing for ajp, by default
 * `OPTIONS *` for all others. The host finds the addresses, connects, does the TLS of https and wss
 * and keeps the deadline; the bytes are made and judged here. Nothing is allocated and no clock is
 * read.
 *
 * For each address anew: mcmp_probe_exchange_start(), send what mcmp_probe_encode() wrote, give
 * what comes to mcmp_probe_exchange_feed() and the end of the connection to
 * mcmp_probe_exchange_end(), until there is a verdict. What the host itself runs into (no
 * connection, no answer until the deadline) is a failed probe, too.
 * @{
 */

/** One probe of a node or endpoint to be made by the host (MCMP 6). Sized. */
typedef struct mcmp_probe {
    size_t struct_size;  /**< set by the library or mcmp_probe_init() */
    mcmp_handle node;    /**< 0: a free endpoint */
    uint64_t ticket;     /**< given back with the result, tells this probe from an older one */
    mcmp_time deadline;  /**< connect and read together end here */
    mcmp_span host;      /**< name or address, IPv6 in brackets; view, valid as long as the owner */
    mcmp_span method;    /**< http: "OPTIONS" unless an option says otherwise */
    mcmp_span path;      /**< http: "*" */
    mcmp_span authority; /**< http: value for Host */
    uint32_t port;       /**< 1..65535 */
    uint32_t scheme;     /**< MCMP_SCHEME_* */
    uint32_t good_below; /**< http: a final status below this is up; 500 */
    uint32_t flags;      /**< MCMP_PROBE_RESOLVE */
} mcmp_probe;

#define MCMP_PROBE_RESOLVE 0x1u /**< host may be resolved by name service */

/**
 * @brief Clear the struct and set its size.
 * @param[out] probe the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_probe_init_sized(mcmp_probe *probe, size_t size);
/** Initialise with this header's size. */
#define mcmp_probe_init(p) mcmp_probe_init_sized((p), sizeof(*(p)))

/**
 * @brief Write what a probe sends: a CPing, or a request with Host and `Connection: close`.
 * @param[in]  probe   what mcmp_tick() or a pending answer gave; @borrowed for the call
 * @param[in]  agent   http: value of User-Agent; empty = no such line
 * @param[out] out     room for the bytes; MCMP_PROBE_PING_LEN for ajp
 * @param[in]  size    its size
 * @param[out] out_len bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_INVALID (not initialised, no such scheme, or a text
 * that is no part of a request; err names it), MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_probe_encode(const mcmp_probe *probe, mcmp_span agent, char *out, size_t size,
                               size_t *out_len, mcmp_error *err);

#define MCMP_PROBE_PING_LEN 5 /**< bytes of a CPing, and of a CPong */

/** @name Verdicts */
/** @{ */
#define MCMP_PROBE_OPEN 0       /**< none yet */
#define MCMP_PROBE_GOOD 1       /**< the node is there: a good status, or exactly one CPong */
#define MCMP_PROBE_BAD_STATUS 2 /**< http: a final status of good_below or more */
#define MCMP_PROBE_NOT_HTTP 3   /**< http: what came is no status line of HTTP/1 */
#define MCMP_PROBE_NOT_PONG 4   /**< ajp: what came is not exactly one CPong */
#define MCMP_PROBE_TOO_LONG 5   /**< no verdict in max_answer bytes */
#define MCMP_PROBE_CLOSED 6     /**< the node closed the connection before there was a verdict */
/** @} */

/** Flag of an exchange, http: no verdict before the final head has come whole, for hosts that look
 * at its headers, too. */
#define MCMP_PROBE_WHOLE_HEAD 0x1u

/**
 * The answer to a probe; the caller's storage. Sized. Flags and limit may be set after init and
 * stay.
 */
typedef struct mcmp_probe_exchange {
    size_t struct_size;  /**< set by mcmp_probe_exchange_init() */
    uint32_t flags;      /**< MCMP_PROBE_WHOLE_HEAD or 0 */
    uint32_t max_answer; /**< most bytes until the verdict, heads with 1xx included; 0 = 4 KiB */
    uint32_t verdict;    /**< MCMP_PROBE_*: what the bytes so far say */
    uint32_t status;     /**< http: the final status; 0 = it has not come */
    uint32_t head_at;    /**< http: where the final head begins, in bytes behind heads with 1xx */
    uint32_t taken;      /**< bytes of the answer up to the verdict; http with
                              MCMP_PROBE_WHOLE_HEAD: the final head ends there */
    uint32_t good_below; /**< private */
    uint32_t state;      /**< private */
    uint32_t count;      /**< private */
    uint32_t number;     /**< private */
} mcmp_probe_exchange;

/**
 * @brief Clear the struct and set its size.
 * @param[out] exchange the struct
 * @param[in]  size     its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_probe_exchange_init_sized(mcmp_probe_exchange *exchange, size_t size);
/** Initialise with this header's size. */
#define mcmp_probe_exchange_init(e) mcmp_probe_exchange_init_sized((e), sizeof(*(e)))

/**
 * @brief Begin on a fresh connection; what an earlier one said is forgotten.
 * @param[in,out] exchange initialised; @borrowed
 * @param[in]     probe    scheme and good_below are taken; @borrowed for the call; NULL = as at the
 * start before, for a further address
 * @param[out]    err      detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_INVALID (not initialised, or no such scheme), MCMP_ERR_UNSUPPORTED,
 * MCMP_ERR_STATE (NULL, but there was no start)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_probe_exchange_start(mcmp_probe_exchange *exchange, const mcmp_probe *probe,
                                       mcmp_error *err);

/**
 * @brief Bytes came from the node. The verdict does not depend on how they were cut.
 *
 * More may be given after a verdict: behind a final status that changes nothing, but a byte behind
 * a CPong takes MCMP_PROBE_GOOD back.
 * @param[in,out] exchange started; @borrowed
 * @param[in]     data     bytes; @borrowed for the call
 * @param[in]     len      their number, may be 0
 * @param[out]    err      detail; may be NULL
 * @return MCMP_NEED_MORE (no verdict yet), MCMP_DONE (there is one), MCMP_ERR_STATE (not started)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_probe_exchange_feed(mcmp_probe_exchange *exchange, const void *data, size_t len,
                                      mcmp_error *err);

/**
 * @brief The node closed the connection.
 * @param[in,out] exchange started; @borrowed
 * @param[out]    err      detail; may be NULL
 * @return MCMP_DONE (a verdict that there was stays, else it is MCMP_PROBE_CLOSED), MCMP_ERR_STATE
 * (not started)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_probe_exchange_end(mcmp_probe_exchange *exchange, mcmp_error *err);

/**
 * @brief The verdict in words, for a log.
 * @param[in] exchange the exchange; @borrowed
 * @return static text; of a good verdict what it leaves open (CPing says nothing of the secret), or
 * NULL; NULL while there is none
 * @mt_handle @reentrant yes
 * @since 0.1
 */
MCMP_API const char *mcmp_probe_exchange_text(const mcmp_probe_exchange *exchange);

/**
 * @brief 1 when the connection may be kept for requests: after exactly one CPong. After http it
 * never may be, since the probe said `Connection: close`.
 * @param[in] exchange the exchange; @borrowed
 * @return 1 or 0
 * @mt_handle @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_probe_exchange_can_reuse(const mcmp_probe_exchange *exchange);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
