/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_RESPONSE_H
#define LIBMCMP_RESPONSE_H

#include <libmcmp/base.h>
#include <libmcmp/command.h>
#include <libmcmp/parser.h>
#include <libmcmp/probe.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_response Answers of the management port
 * @brief What goes back to the sender, as one HTTP message (MCMP 2). Memory is reused; keep one per
 * connection.
 * @{
 */

/** @name Refusals: rows of the error catalogue of MCMP 2 */
/** @{ */
#define MCMP_REFUSAL_NONE 0            /**< not refused */
#define MCMP_REFUSAL_PARSE 1           /**< SYNTAX, Can't parse MCMP message */
#define MCMP_REFUSAL_NO_ROUTE 2        /**< SYNTAX, JVMRoute can't be empty */
#define MCMP_REFUSAL_BIG_ROUTE 3       /**< SYNTAX, JVMRoute field too big */
#define MCMP_REFUSAL_BIG_BALANCER 4    /**< SYNTAX, Balancer field too big */
#define MCMP_REFUSAL_BIG_DOMAIN 5      /**< SYNTAX, LBGroup field too big */
#define MCMP_REFUSAL_BIG_HOST 6        /**< SYNTAX, Host field too big */
#define MCMP_REFUSAL_BIG_PORT 7        /**< SYNTAX, Port field too big */
#define MCMP_REFUSAL_BIG_TYPE 8        /**< SYNTAX, Type field too big */
#define MCMP_REFUSAL_BIG_ALIAS 9       /**< SYNTAX, Alias field too big */
#define MCMP_REFUSAL_BIG_CONTEXT 10    /**< SYNTAX, Context field too big */
#define MCMP_REFUSAL_BIG_FIELD 11      /**< SYNTAX, A field is too big */
#define MCMP_REFUSAL_BAD_FLUSHWAIT 12  /**< SYNTAX, Flushwait field has bad value */
#define MCMP_REFUSAL_BAD_PING 13       /**< SYNTAX, Ping field has bad value */
#define MCMP_REFUSAL_BAD_TTL 14        /**< SYNTAX, TTL field has bad value */
#define MCMP_REFUSAL_BAD_TIMEOUT 15    /**< SYNTAX, Timeout field has bad value */
#define MCMP_REFUSAL_BAD_HOST 16       /**< SYNTAX, Host field has bad value */
#define MCMP_REFUSAL_BAD_PORT 17       /**< SYNTAX, Port field has bad value */
#define MCMP_REFUSAL_BAD_TYPE 18       /**< SYNTAX, Type field has bad value */
#define MCMP_REFUSAL_BAD_LOAD 19       /**< SYNTAX, Load field has bad value */
#define MCMP_REFUSAL_NO_CONTEXT 20     /**< SYNTAX, Alias without Context */
#define MCMP_REFUSAL_NO_ALIAS 21       /**< SYNTAX, Context without Alias */
#define MCMP_REFUSAL_NO_APP 22         /**< SYNTAX, No Context and Alias in APP command */
#define MCMP_REFUSAL_BAD_FIELD 23      /**< SYNTAX, Invalid field; arg 0: key */
#define MCMP_REFUSAL_MISSING_FIELD 24  /**< SYNTAX, Mandatory field(s) missing in message */
#define MCMP_REFUSAL_BAD_SCHEME 25     /**< SYNTAX, Scheme is not supported; arg 0: scheme */
#define MCMP_REFUSAL_BAD_COMMAND 26    /**< SYNTAX, Command is not supported */
#define MCMP_REFUSAL_MESSAGE_SIZE 27   /**< MEM; arg 0: size, arg 1: limit, both decimal */
#define MCMP_REFUSAL_UNKNOWN_NODE 28   /**< MEM, Can't read node; arg 0: route */
#define MCMP_REFUSAL_NODE_EXISTS 29    /**< MEM, Node already exists; arg 0: route */
#define MCMP_REFUSAL_WORKER_EXISTS 30  /**< MEM, Another for the same worker already exist */
#define MCMP_REFUSAL_NODE_TABLE 31     /**< MEM, node table full; arg 0: route */
#define MCMP_REFUSAL_BALANCER_TABLE 32 /**< MEM, balancer table full; arg 0: route */
#define MCMP_REFUSAL_TABLES \
    33 /**< MEM, alias or context tables full: see mcmp_response_leftover() */
#define MCMP_REFUSAL_DENIED 34 /**< GENERAL, status 403, Not authorised */
/** @} */

/** @name What a pending answer waits for */
/** @{ */
#define MCMP_PENDING_PROBE 1 /**< make the probe, then mcmp_apply_resume() with its result */
#define MCMP_PENDING_DELAY 2 /**< mcmp_apply_resume() at resume_at (STOP-APP held back, MCMP 4.2) */
/** @} */

/** What an answer waits for. Sized. */
typedef struct mcmp_pending {
    size_t struct_size;      /**< set by the library */
    uint32_t kind;           /**< MCMP_PENDING_* */
    uint32_t reserved;       /**< 0 */
    mcmp_time resume_at;     /**< DELAY: when; PROBE: the deadline */
    const mcmp_probe *probe; /**< PROBE: what to do; NULL otherwise */
} mcmp_pending;

/** An answer. */
typedef struct mcmp_response mcmp_response;

/**
 * @brief Create an answer object.
 * @param[out] out       the answer; @owned, free with mcmp_response_free()
 * @param[in]  allocator NULL = libc; copied
 * @param[out] err       detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_response_new(mcmp_response **out, const mcmp_allocator *allocator,
                               mcmp_error *err);

/**
 * @brief Free an answer; NULL is allowed.
 * @param[in] response the answer; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_response_free(mcmp_response *response);

/**
 * @brief The HTTP status; 0 while nothing was answered.
 * @param[in] response the answer; @borrowed
 * @return status code or 0
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API uint32_t mcmp_response_status(const mcmp_response *response);

/**
 * @brief The reason phrase.
 * @param[in] response the answer; @borrowed
 * @return view, valid until the next apply
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API mcmp_span mcmp_response_reason(const mcmp_response *response);

/**
 * @brief The i-th header (Content-Length and Connection included), for hosts that write heads by
 * themselves.
 * @param[in]  response the answer; @borrowed
 * @param[in]  i        index from 0
 * @param[out] out      name and value; views, valid until the next apply
 * @return MCMP_OK, MCMP_DONE (no further header)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_header(const mcmp_response *response, size_t i, mcmp_pair *out);

/**
 * @brief Status line and headers as bytes.
 * @param[in] response the answer; @borrowed
 * @return view, valid until the next apply
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API mcmp_span mcmp_response_head(const mcmp_response *response);

/**
 * @brief The body; empty for HEAD.
 * @param[in] response the answer; @borrowed
 * @return view, valid until the next apply
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API mcmp_span mcmp_response_body(const mcmp_response *response);

/**
 * @brief 1 when the connection is to be closed at once after the answer.
 * @param[in] response the answer; @borrowed
 * @return 1 or 0
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_must_close(const mcmp_response *response);

/**
 * @brief MCMP_REFUSAL_* of the answer; NONE for success.
 * @param[in] response the answer; @borrowed
 * @return MCMP_REFUSAL_*
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API uint32_t mcmp_response_refusal(const mcmp_response *response);

/**
 * @brief What a MCMP_PENDING answer waits for; NULL when it does not wait.
 * @param[in] response the answer; @borrowed
 * @return view, valid until the next apply
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API const mcmp_pending *mcmp_response_pending(const mcmp_response *response);

/**
 * @brief Fill the answer to bytes that are no HTTP: 400 without MCMP headers, then close (MCMP 1).
 * @param[in,out] response the answer; @borrowed
 * @param[in]     code     what mcmp_parser_feed() returned
 * @return MCMP_OK, MCMP_ERR_NOMEM
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_bad_http(mcmp_response *response, int code);

/**
 * @name Writing an answer
 * For mcmp_apply() and for hosts that answer something of their own on the management port.
 */
/** @{ */

/**
 * @brief Start a 200 answer to a request: drops what was there, takes over HEAD and close.
 * @param[in,out] response     the answer; @borrowed
 * @param[in]     request      the request that is answered; @borrowed for the call
 * @param[in]     content_type static text; NULL = no Content-Type
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_begin(mcmp_response *response, const mcmp_request *request,
                                 const char *content_type);

/**
 * @brief Start an answer of another status to a request, without the headers of a refusal.
 * @param[in,out] response     the answer; @borrowed
 * @param[in]     request      the request that is answered; @borrowed for the call
 * @param[in]     status       200, 400, 403, 404, 405, 413 or 500
 * @param[in]     content_type static text; NULL = no Content-Type
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID (also of the status), MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_begin_status(mcmp_response *response, const mcmp_request *request,
                                        uint32_t status, const char *content_type);

/**
 * @brief Make room, so that what follows can't fail for want of memory: an answer of begin, write
 * and end, or one of refuse. What the answer holds stays.
 * @param[in,out] response the answer; @borrowed
 * @param[in]     body     bytes of its body, with a Content-Type of at most 64 bytes and no header
 * of add_header
 * @param[in]     mess     bytes of the args of its refusal when they are escaped, or of the entries
 * of leftover, up to 4096; 0 = it is none
 * @return MCMP_OK, MCMP_ERR_NOMEM
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_reserve(mcmp_response *response, size_t body, size_t mess);

/**
 * @brief Add a header; both texts must be safe for a header.
 * @param[in,out] response the answer; @borrowed
 * @param[in]     name     name of the header; copied
 * @param[in]     value    its value; copied
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_LIMIT
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_add_header(mcmp_response *response, const char *name, mcmp_span value);

/**
 * @brief Append bytes to the body.
 * @param[in,out] response the answer; @borrowed
 * @param[in]     data     bytes; copied
 * @param[in]     len      their number
 * @return MCMP_OK, MCMP_ERR_NOMEM (kept until the next begin)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_write(mcmp_response *response, const void *data, size_t len);

/**
 * @brief Complete the head.
 * @param[in,out] response the answer; @borrowed
 * @return MCMP_OK, MCMP_ERR_NOMEM (also of an earlier write)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_end(mcmp_response *response);

/**
 * @brief Answer by a row of the error catalogue: status, Version, Type, Mess and the short body.
 * @param[in,out] response the answer; @borrowed
 * @param[in]     request  the request that is answered; @borrowed for the call
 * @param[in]     refusal  MCMP_REFUSAL_*
 * @param[in]     args     what the row's text quotes; escaped here, a key or scheme cut to 64 bytes
 * @param[in]     count    number of args
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_refuse(mcmp_response *response, const mcmp_request *request,
                                  uint32_t refusal, const mcmp_span *args, size_t count);

/**
 * @brief Collect one entry that found no place, for MCMP_REFUSAL_TABLES: call begin_leftover, then
 * this per entry in registration order, then mcmp_response_refuse() with the route.
 * @param[in,out] response the answer; @borrowed
 * @param[in]     route    JVMRoute of the node; copied
 * @param[in]     alias    the alias; copied
 * @param[in]     context  empty: the alias table was full; else the context table
 * @return MCMP_OK, MCMP_ERR_NOMEM
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_leftover(mcmp_response *response, mcmp_span route, mcmp_span alias,
                                    mcmp_span context);

/**
 * @brief Start collecting leftovers.
 * @param[in,out] response the answer; @borrowed
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_response_begin_leftover(mcmp_response *response);

/**
 * @brief Count entries that were not tried one by one (`, and <n> more`).
 * @param[in,out] response the answer; @borrowed
 * @param[in]     count    their number
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_response_count_leftover(mcmp_response *response, uint64_t count);

/**
 * @brief The decoder that belongs to the answer: mcmp_apply() decodes by it, hosts may look at the
 * command afterwards.
 * @param[in,out] response the answer; @borrowed
 * @param[in]     limits   used when the decoder is made; NULL = defaults
 * @param[out]    out      the decoder; view into the answer
 * @param[out]    err      detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_decoder(mcmp_response *response, const mcmp_command_limits *limits,
                                   mcmp_decoder **out, mcmp_error *err);

/**
 * @brief Mark the answer as waiting; what was written so far is dropped.
 * @param[in,out] response the answer; @borrowed
 * @param[in]     pending  copied with its texts; NULL = no longer. What the answer waited for last
 * can be given back to it: that needs no memory
 * @return MCMP_OK, MCMP_ERR_NOMEM
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_response_set_pending(mcmp_response *response, const mcmp_pending *pending);
/** @} */

/** @} */

#ifdef __cplusplus
}
#endif
#endif
