/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_PARSER_H
#define LIBMCMP_PARSER_H

#include <libmcmp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_parser Requests of the management port
 * @brief Strict incremental HTTP/1.0 and 1.1 parser for MCMP (MCMP 1). Bytes in, requests out; the
 * result does not depend on how the bytes were cut.
 * @{
 */

/** @name Commands (MCMP 1) */
/** @{ */
#define MCMP_COMMAND_UNKNOWN 0     /**< any other method */
#define MCMP_COMMAND_CONFIG 1      /**< CONFIG */
#define MCMP_COMMAND_ENABLE_APP 2  /**< ENABLE-APP */
#define MCMP_COMMAND_DISABLE_APP 3 /**< DISABLE-APP */
#define MCMP_COMMAND_STOP_APP 4    /**< STOP-APP */
#define MCMP_COMMAND_REMOVE_APP 5  /**< REMOVE-APP */
#define MCMP_COMMAND_STATUS 6      /**< STATUS */
#define MCMP_COMMAND_PING 7        /**< PING */
#define MCMP_COMMAND_INFO 8        /**< INFO */
#define MCMP_COMMAND_DUMP 9        /**< DUMP */
#define MCMP_COMMAND_VERSION 10    /**< VERSION */
#define MCMP_COMMAND_PAGE 11       /**< GET: the page for people (MCMP 4.12) */
/** @} */

/** @name Flags of a request */
/** @{ */
#define MCMP_REQUEST_WHOLE_NODE 0x1u /**< the target is `*` or ends in a slash and `*` */
#define MCMP_REQUEST_CLOSE 0x2u      /**< HTTP/1.0 or `Connection: close`: answer, then close */
#define MCMP_REQUEST_OVERSIZE 0x4u   /**< the body was over the limit and was dropped */
#define MCMP_REQUEST_LINGER 0x8u     /**< more than the drop limit came: answer, lingering close */
#define MCMP_REQUEST_WANT_XML 0x10u  /**< Accept names text/xml */
#define MCMP_REQUEST_WANT_JSON 0x20u /**< Accept names application/json (and not text/xml) */
#define MCMP_REQUEST_HEAD 0x40u      /**< method HEAD: the head of the page only */
/** @} */

struct mcmp_command_limits;
struct mcmp_decoder;

/** Who sent a request. Sized. */
typedef struct mcmp_peer {
    size_t struct_size;   /**< set by mcmp_peer_init() */
    uint8_t address[16];  /**< IPv6, or IPv4 mapped into it (::ffff:a.b.c.d) */
    uint32_t has_address; /**< 0: unknown, for example a local socket */
    uint32_t port;        /**< 0: unknown */
    mcmp_span identity;   /**< verified TLS subject or SAN; empty without TLS */
} mcmp_peer;

/**
 * One complete request. The parser fills it; a host with a parser of its own may fill it too.
 * Before mcmp_apply() the host sets now, connection and peer. Sized.
 */
typedef struct mcmp_request {
    size_t struct_size;    /**< set by mcmp_request_init() */
    uint32_t command;      /**< MCMP_COMMAND_* */
    uint32_t flags;        /**< MCMP_REQUEST_* */
    mcmp_span method;      /**< as sent */
    mcmp_span target;      /**< as sent */
    mcmp_span body;        /**< decoded from its transfer coding; empty when OVERSIZE */
    uint64_t body_size;    /**< bytes of the body as announced, or as counted when chunked */
    mcmp_span host;        /**< Host header, or empty */
    mcmp_time now;         /**< time of arrival */
    uint64_t connection;   /**< number of the connection, unique while the host runs; 0 = unknown */
    const mcmp_peer *peer; /**< @borrowed; NULL = nothing known about the sender */
    /** Has decoded this body, see mcmp_decoder_decode(); NULL = nobody has. @borrowed: a copy of
     * the request that outlives the parser's own has to set it to NULL. */
    const struct mcmp_decoder *decoded;
} mcmp_request;

/** Options of a parser. Sized; zero means default. */
typedef struct mcmp_parser_options {
    size_t struct_size;   /**< set by mcmp_parser_options_init() */
    uint64_t max_body;    /**< bytes kept; 0 = 64 KiB. Use mcmp_cluster_max_message() */
    uint64_t max_drop;    /**< bytes of an oversize body that are read and dropped; 0 = 16 MiB */
    uint32_t max_head;    /**< bytes of line and headers; 0 = 16 KiB */
    uint32_t max_headers; /**< number of header lines; 0 = 100 */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
    /** Decode bodies too, under these limits, see mcmp_request.decoded; NULL = leave them to
     * mcmp_apply(). Use mcmp_cluster_limits(); copied. Bodies over 16 KiB stay undecoded until the
     * sender's right is known. */
    const struct mcmp_command_limits *limits;
} mcmp_parser_options;

/** The parser of one connection. */
typedef struct mcmp_parser mcmp_parser;

/**
 * @brief Clear the struct and set its size.
 * @param[out] peer the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_peer_init_sized(mcmp_peer *peer, size_t size);
/** Initialise with this header's size. */
#define mcmp_peer_init(p) mcmp_peer_init_sized((p), sizeof(*(p)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] request the struct
 * @param[in]  size    its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_request_init_sized(mcmp_request *request, size_t size);
/** Initialise with this header's size. */
#define mcmp_request_init(r) mcmp_request_init_sized((r), sizeof(*(r)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_parser_options_init_sized(mcmp_parser_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_parser_options_init(o) mcmp_parser_options_init_sized((o), sizeof(*(o)))

/**
 * @brief Create the parser of a connection.
 * @param[out] out  the parser; @owned, free with mcmp_parser_free()
 * @param[in]  opts NULL = defaults; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID (also of limits), MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_parser_new(mcmp_parser **out, const mcmp_parser_options *opts, mcmp_error *err);

/**
 * @brief Free a parser; NULL is allowed.
 * @param[in] parser the parser; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_parser_free(mcmp_parser *parser);

/**
 * @brief Give the parser bytes of the connection.
 * @param[in]  parser the parser; @borrowed
 * @param[in]  data   bytes; @borrowed for the call
 * @param[in]  len    their number
 * @param[out] used   how many were taken; the rest is given again after the request was handled
 * @param[out] err    detail with the offset in the connection's stream; may be NULL
 * @return MCMP_OK (a request is ready), MCMP_NEED_MORE, MCMP_ERR_HTTP, MCMP_ERR_HEAD_SIZE (answer
 * by mcmp_response_bad_http(), then close), MCMP_ERR_STATE (after one of these), MCMP_ERR_NOMEM:
 * the bytes before *used are taken, the others can be given again
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_parser_feed(mcmp_parser *parser, const void *data, size_t len, size_t *used,
                              mcmp_error *err);

/**
 * @brief Tell the parser that the peer will send nothing more.
 * @param[in]  parser the parser; @borrowed
 * @param[out] err    detail; may be NULL
 * @return MCMP_OK (between requests), MCMP_ERR_TRUNCATED (inside one)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_parser_end(mcmp_parser *parser, mcmp_error *err);

/**
 * @brief The request that the last feed completed.
 * @param[in] parser the parser; @borrowed
 * @return view into the parser, valid until the next feed; NULL when none is complete. The host may
 * set now, connection and peer in it.
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API mcmp_request *mcmp_parser_request(mcmp_parser *parser);

/**
 * @brief The command of a method name: whole token, any case (MCMP 1).
 * @param[in] method the method as sent; @borrowed for the call
 * @return MCMP_COMMAND_*
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API uint32_t mcmp_command_of_method(mcmp_span method);

/**
 * @brief The method name of a command; "?" for unknown ones.
 * @param[in] command MCMP_COMMAND_*
 * @return static text, never NULL
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const char *mcmp_command_name(uint32_t command);

/**
 * @brief The request flags that a target and an Accept header stand for, for hosts that parse HTTP
 * by themselves: MCMP_REQUEST_WHOLE_NODE, WANT_XML, WANT_JSON.
 * @param[in] target the request target; @borrowed for the call
 * @param[in] accept value of the Accept header, or empty; @borrowed for the call
 * @return MCMP_REQUEST_*
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API uint32_t mcmp_request_flags(mcmp_span target, mcmp_span accept);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
