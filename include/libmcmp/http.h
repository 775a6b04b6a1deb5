/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_HTTP_H
#define LIBMCMP_HTTP_H

#include <libmcmp/base.h>
#include <libmcmp/http_body.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_http HTTP/1.1 forwarding
 * @brief Heads, bodies and targets of HTTP/1.0 and 1.1 for a proxy: strict parsing of what arrived,
 * encoding of what goes out. Nothing is copied or allocated while a connection lives: parsed texts
 * are views into the host's buffer, and encoders write into the host's buffer.
 * @{
 */

/** @name Methods that have a number; others are tokens all the same */
/** @{ */
#define MCMP_HTTP_OTHER 0   /**< any other method */
#define MCMP_HTTP_GET 1     /**< GET */
#define MCMP_HTTP_HEAD 2    /**< HEAD */
#define MCMP_HTTP_POST 3    /**< POST */
#define MCMP_HTTP_PUT 4     /**< PUT */
#define MCMP_HTTP_DELETE 5  /**< DELETE */
#define MCMP_HTTP_OPTIONS 6 /**< OPTIONS */
#define MCMP_HTTP_TRACE 7   /**< TRACE */
#define MCMP_HTTP_PATCH 8   /**< PATCH */
/** @} */

/** @name Known headers; index for mcmp_http_head_find() */
/** @{ */
#define MCMP_HTTP_FIELD_OTHER 0               /**< any other name */
#define MCMP_HTTP_FIELD_HOST 1                /**< Host */
#define MCMP_HTTP_FIELD_CONTENT_LENGTH 2      /**< Content-Length */
#define MCMP_HTTP_FIELD_TRANSFER_ENCODING 3   /**< Transfer-Encoding */
#define MCMP_HTTP_FIELD_CONNECTION 4          /**< Connection */
#define MCMP_HTTP_FIELD_KEEP_ALIVE 5          /**< Keep-Alive */
#define MCMP_HTTP_FIELD_PROXY_CONNECTION 6    /**< Proxy-Connection */
#define MCMP_HTTP_FIELD_PROXY_AUTHENTICATE 7  /**< Proxy-Authenticate */
#define MCMP_HTTP_FIELD_PROXY_AUTHORIZATION 8 /**< Proxy-Authorization */
#define MCMP_HTTP_FIELD_TE 9                  /**< TE */
#define MCMP_HTTP_FIELD_TRAILER 10            /**< Trailer */
#define MCMP_HTTP_FIELD_UPGRADE 11            /**< Upgrade */
#define MCMP_HTTP_FIELD_EXPECT 12             /**< Expect */
#define MCMP_HTTP_FIELD_COOKIE 13             /**< Cookie */
#define MCMP_HTTP_FIELD_SET_COOKIE 14         /**< Set-Cookie */
#define MCMP_HTTP_FIELD_X_FORWARDED_FOR 15    /**< X-Forwarded-For */
#define MCMP_HTTP_FIELD_X_FORWARDED_HOST 16   /**< X-Forwarded-Host */
#define MCMP_HTTP_FIELD_X_FORWARDED_PROTO 17  /**< X-Forwarded-Proto */
#define MCMP_HTTP_FIELD_FORWARDED 18          /**< Forwarded */
#define MCMP_HTTP_FIELD_VIA 19                /**< Via */
#define MCMP_HTTP_FIELD_PROXY 20         /**< Proxy: no real header, but one that CGI nodes trust */
#define MCMP_HTTP_FIELD_USER_AGENT 21    /**< User-Agent */
#define MCMP_HTTP_FIELD_REFERER 22       /**< Referer */
#define MCMP_HTTP_FIELD_CONTENT_TYPE 23  /**< Content-Type */
#define MCMP_HTTP_FIELD_ACCEPT 24        /**< Accept */
#define MCMP_HTTP_FIELD_AUTHORIZATION 25 /**< Authorization */
#define MCMP_HTTP_FIELD_RETRY_AFTER 26   /**< Retry-After */
#define MCMP_HTTP_FIELD_LOCATION 27      /**< Location */
#define MCMP_HTTP_FIELD_DATE 28          /**< Date */
#define MCMP_HTTP_FIELD_SERVER 29        /**< Server */
/** @} */

/** @name Flags of mcmp_http_info, mcmp_http_reply and mcmp_http_answer */
/** @{ */
#define MCMP_HTTP_KEEP_ALIVE 0x1u      /**< the connection may be used again after this message */
#define MCMP_HTTP_EXPECT_CONTINUE 0x2u /**< the client waits for 100 before it sends the body */
#define MCMP_HTTP_UPGRADE 0x4u         /**< an upgrade is asked for (request) or was taken (101) */
#define MCMP_HTTP_NO_BODY 0x8u         /**< answer to HEAD: the head only, with the body's length */
#define MCMP_HTTP_HAS_LENGTH \
    0x10u /**< length is that of a Content-Length, also when there is no body */
/** @} */

/** Flag of a header line: it ends at this hop, by its name or by being listed in Connection. */
#define MCMP_HTTP_FIELD_HOP 0x1u

/** Options of a head parser. Sized; zero means default. */
typedef struct mcmp_http_options {
    size_t struct_size;              /**< set by mcmp_http_options_init() */
    uint32_t max_line;               /**< bytes of a line without CRLF, up to max_head; 0 = 8 KiB */
    uint32_t max_headers;            /**< number of header lines, up to 10000; 0 = 100 */
    uint32_t max_head;               /**< bytes of line and headers, up to 16 MiB; 0 = 64 KiB */
    uint32_t flags;                  /**< must be 0 */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
} mcmp_http_options;

/** What a parsed head says. Sized; texts are views into the bytes that were parsed. */
typedef struct mcmp_http_info {
    size_t struct_size;    /**< set by mcmp_http_info_init() */
    size_t head_size;      /**< bytes of the head with its empty line; the body begins there */
    uint64_t length;       /**< of the body for FRAMING_LENGTH, or see MCMP_HTTP_HAS_LENGTH */
    uint32_t method;       /**< of the request; for a response: of the request it answers */
    uint32_t status;       /**< 100..599 for a response, 0 for a request */
    uint32_t minor;        /**< 0 or 1: HTTP/1.0 or 1.1 */
    uint32_t framing;      /**< MCMP_HTTP_FRAMING_NONE, LENGTH, CHUNKED or CLOSE */
    uint32_t flags;        /**< MCMP_HTTP_KEEP_ALIVE, EXPECT_CONTINUE, UPGRADE, HAS_LENGTH */
    uint32_t header_count; /**< number of header lines */
    mcmp_span method_name; /**< as sent; empty for a response */
    mcmp_span target;      /**< as sent; empty for a response */
    mcmp_span reason;      /**< as sent, may be empty; never an input for decisions */
    mcmp_span host;        /**< value of Host, valid by grammar; empty only for HTTP/1.0 */
    mcmp_span upgrade;     /**< value of Upgrade when MCMP_HTTP_UPGRADE is set, else empty */
} mcmp_http_info;

/** The head parser of one direction of a connection. */
typedef struct mcmp_http_head mcmp_http_head;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_http_options_init_sized(mcmp_http_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_http_options_init(o) mcmp_http_options_init_sized((o), sizeof(*(o)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] info the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_http_info_init_sized(mcmp_http_info *info, size_t size);
/** Initialise with this header's size. */
#define mcmp_http_info_init(i) mcmp_http_info_init_sized((i), sizeof(*(i)))

/**
 * @brief Create a head parser; it serves any number of heads, requests or responses, in turn.
 * @param[out] out  the parser; @owned, free with mcmp_http_head_free()
 * @param[in]  opts NULL = defaults; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_head_new(mcmp_http_head **out, const mcmp_http_options *opts,
                                mcmp_error *err);

/**
 * @brief Free a head parser; NULL is allowed.
 * @param[in] head the parser; taken; may be NULL
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API void mcmp_http_head_free(mcmp_http_head *head);

/**
 * @brief Forget a head that is parsed in full or in part.
 * @param[in,out] head the parser; @borrowed
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API void mcmp_http_head_reset(mcmp_http_head *head);

/**
 * @brief Parse the head of a request.
 *
 * data is always the head from its first byte; after MCMP_NEED_MORE call again with the same bytes
 * (at the same place or moved) and more behind them: scanning goes on where it stopped. After
 * MCMP_OK or an error the next call begins a new head. Up to 8 empty lines before it are skipped.
 * @param[in]  head the parser; @borrowed
 * @param[in]  data bytes; @kept as views in the info until the next parse, reset or rebase
 * @param[in]  len  their number; what follows the head is left alone
 * @param[out] err  detail with the offset in data; may be NULL
 * @return MCMP_OK (see mcmp_http_head_info()), MCMP_NEED_MORE, MCMP_ERR_HTTP_LINE,
 * MCMP_ERR_HTTP_METHOD (CONNECT), MCMP_ERR_HTTP_VERSION, MCMP_ERR_HTTP_HEADER,
 * MCMP_ERR_HTTP_FRAMING, MCMP_ERR_HTTP_CODING, MCMP_ERR_HTTP_HOST, MCMP_ERR_HTTP_SIZE,
 * MCMP_ERR_HTTP_TARGET_SIZE: answer mcmp_http_status_of() it, then close
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_head_parse_request(mcmp_http_head *head, const void *data, size_t len,
                                          mcmp_error *err);

/**
 * @brief Parse the head of a response; otherwise as mcmp_http_head_parse_request(). Interim heads
 * (1xx) come out as heads of their own without a body.
 * @param[in]  head           the parser; @borrowed
 * @param[in]  request_method MCMP_HTTP_* of the request it answers
 * @param[in]  data           bytes; @kept as views in the info until the next parse, reset, rebase
 * @param[in]  len            their number
 * @param[out] err            detail with the offset in data; may be NULL
 * @return as above without METHOD, HOST and TARGET_SIZE: answer 502 and close the node's connection
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_head_parse_response(mcmp_http_head *head, uint32_t request_method,
                                           const void *data, size_t len, mcmp_error *err);

/**
 * @brief Make a response head of parts that came by another protocol, for mcmp_http_head_info() and
 * mcmp_http_encode_response(). It is checked as a parsed one is. Transfer-Encoding lines are left
 * out, as there the protocol itself says where the body ends: LENGTH, CLOSE or NONE.
 * @param[in]  head           the object; @borrowed
 * @param[in]  request_method MCMP_HTTP_* of the request it answers
 * @param[in]  status         100..599
 * @param[in]  reason         may be empty; @borrowed for the call
 * @param[in]  lines          header names and values; @borrowed for the call
 * @param[in]  count          their number
 * @param[out] out            room for the head's text; @kept as the parse's data
 * @param[in]  size           its size
 * @param[out] out_len        bytes used; with MCMP_ERR_SPACE: bytes needed
 * @param[out] err            detail, offset = index of the line; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_HTTP_LINE, MCMP_ERR_HTTP_HEADER, MCMP_ERR_HTTP_FRAMING,
 * MCMP_ERR_HTTP_SIZE
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_head_build_response(mcmp_http_head *head, uint32_t request_method,
                                           uint32_t status, mcmp_span reason,
                                           const mcmp_pair *lines, size_t count, char *out,
                                           size_t size, size_t *out_len, mcmp_error *err);

/**
 * @brief What the head says, after the parse returned MCMP_OK.
 * @param[in] head the parser; @borrowed
 * @return view into the parser, valid until its next parse, reset or free; NULL when no head is
 * complete
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API const mcmp_http_info *mcmp_http_head_info(const mcmp_http_head *head);

/**
 * @brief The host moved the bytes of a complete head: let all views point to the new place.
 * @param[in] head the parser; @borrowed
 * @param[in] data the head's bytes from the first one; @kept as the parse's
 * @return MCMP_OK, MCMP_ERR_STATE (no complete head)
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_head_rebase(mcmp_http_head *head, const void *data);

/**
 * @brief The i-th header line.
 * @param[in]  head      a complete head; @borrowed
 * @param[in]  index     0 .. header_count - 1
 * @param[out] out       name and value as sent, value without surrounding blanks; views as the info
 * @param[out] out_id    MCMP_HTTP_FIELD_*; may be NULL
 * @param[out] out_flags MCMP_HTTP_FIELD_HOP or 0; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND (index too large or no complete head)
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_head_header(const mcmp_http_head *head, uint32_t index, mcmp_pair *out,
                                   uint32_t *out_id, uint32_t *out_flags);

/**
 * @brief The first value of a known header.
 * @param[in]  head a complete head; @borrowed
 * @param[in]  id   MCMP_HTTP_FIELD_*, not OTHER
 * @param[out] out  the value
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_head_find(const mcmp_http_head *head, uint32_t id, mcmp_span *out);

/**
 * @brief The first value of a header by its name, in any case.
 * @param[in]  head a complete head; @borrowed
 * @param[in]  name the name; @borrowed for the call
 * @param[out] out  the value
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_head_find_name(const mcmp_http_head *head, mcmp_span name, mcmp_span *out);

/**
 * @brief All values of a known header, for example the Cookie lines for mcmp_query.
 * @param[in]  head a complete head; @borrowed
 * @param[in]  id   MCMP_HTTP_FIELD_*, not OTHER
 * @param[out] out  values in order, the first size of them
 * @param[in]  size room of out
 * @return how many there are, which may be more than size
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API size_t mcmp_http_head_values(const mcmp_http_head *head, uint32_t id, mcmp_span *out,
                                      size_t size);

/**
 * @brief The status to answer when a parse of the client's bytes failed: 400, 413, 414, 431, 501,
 * 505; 500 for codes that are no fault of the client.
 * @param[in] code what the parse returned
 * @return HTTP status
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API uint32_t mcmp_http_status_of(int code);

/**
 * @brief 1 for GET, HEAD, PUT, DELETE, OPTIONS and TRACE, else 0.
 * @param[in] method MCMP_HTTP_*
 * @return 1 or 0
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_is_idempotent(uint32_t method);

/** @name Forms of a request target */
/** @{ */
#define MCMP_HTTP_FORM_ORIGIN 1   /**< `/path?query` */
#define MCMP_HTTP_FORM_ABSOLUTE 2 /**< `http://host/path?query` */
#define MCMP_HTTP_FORM_ASTERISK 3 /**< `*`, for OPTIONS only */
/** @} */

/** @name Flags of mcmp_http_target_parse() */
/** @{ */
#define MCMP_HTTP_PATH_ENCODED_SLASH 0x1u /**< `%2F` and `%5C` pass, encoded; else refused */
#define MCMP_HTTP_PATH_KEEP_SLASHES 0x2u  /**< `//` stays; else it becomes `/` */
/** @} */

/**
 * A canonical target. Sized. What is matched and what is forwarded come from the same canonical
 * text: dot segments resolved, unreserved characters decoded, parameters (`;x=y`) kept.
 */
typedef struct mcmp_http_target {
    size_t struct_size; /**< set by mcmp_http_target_init() */
    size_t needed;      /**< after MCMP_ERR_SPACE: a size that suffices; else bytes used */
    uint32_t form;      /**< MCMP_HTTP_FORM_* */
    uint32_t reserved;  /**< 0 */
    mcmp_span host; /**< of the absolute form, else the Host header: for choice and forwarding */
    /** decoded and dot-free, for matching: give it to mcmp_query. What could be mistaken for a
     * delimiter (`/ ; ? % \`) and control bytes stay encoded */
    mcmp_span path;
    mcmp_span forward; /**< path to forward, percent-encoded ASCII, or `*` */
    mcmp_span query;   /**< behind the `?`, non-ASCII bytes percent-encoded, otherwise as sent */
    mcmp_span target;  /**< to forward: forward, and `?` with query when there was a `?` */
} mcmp_http_target;

/**
 * @brief Clear the struct and set its size.
 * @param[out] target the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_http_target_init_sized(mcmp_http_target *target, size_t size);
/** Initialise with this header's size. */
#define mcmp_http_target_init(t) mcmp_http_target_init_sized((t), sizeof(*(t)))

/**
 * @brief Make a request's target canonical, or refuse what nodes could read in more than one way.
 *
 * Refused: malformed percent codes, NUL, `\`, `#`, dot segments with parameters (`..;x`) or beside
 * encoded slashes, paths that climb above the root, overlong UTF-8, user names in the authority.
 * @param[in]  request method, target and host of a request; @borrowed
 * @param[in]  flags   MCMP_HTTP_PATH_*
 * @param[in]  buf     room for what must be rewritten; 4 * target.len + 8 bytes always suffice.
 * Untouched when the target is canonical already
 * @param[in]  size    its size
 * @param[out] out     initialised; filled. Views into the request's bytes and buf
 * @param[out] err     detail with the offset in the target; may be NULL
 * @return MCMP_OK, MCMP_ERR_HTTP_LINE (refused: 400), MCMP_ERR_HTTP_HOST, MCMP_ERR_SPACE,
 * MCMP_ERR_INVALID
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_target_parse(const mcmp_http_info *request, uint32_t flags, char *buf,
                                    size_t size, mcmp_http_target *out, mcmp_error *err);

/** @name Flags of mcmp_http_forward */
/** @{ */
#define MCMP_HTTP_FORWARD_X 0x1u       /**< X-Forwarded-For, -Host and -Proto */
#define MCMP_HTTP_FORWARD_RFC7239 0x2u /**< Forwarded */
/** Append to what the client sent of these. Without it what the client sent of X-Forwarded-For,
 * -Host, -Proto and Forwarded is left out as soon as one of the two flags above is set. */
#define MCMP_HTTP_FORWARD_TRUSTED 0x4u
#define MCMP_HTTP_FORWARD_CLOSE 0x8u /**< `Connection: close`: the node's connection is not kept */
#define MCMP_HTTP_FORWARD_NO_EXPECT \
    0x10u /**< leave Expect: 100-continue out: the host answered it by MCMP_HTTP_CONTINUE */
#define MCMP_HTTP_FORWARD_NO_UPGRADE 0x20u /**< the node can't upgrade (AJP): leave it out */
/** Write only the lines that the proxy adds: forwarded headers, Via and add, for the encoders of
 * other protocols. */
#define MCMP_HTTP_FORWARD_OWN_LINES 0x40u
/** @} */

/** How a request goes to the node. Sized; texts are borrowed for the call. */
typedef struct mcmp_http_forward {
    size_t struct_size;             /**< set by mcmp_http_forward_init() */
    const mcmp_http_target *target; /**< canonical target of the request */
    mcmp_span host;                 /**< Host to send; empty = preserve the client's */
    mcmp_span client;          /**< address of the client without port, IPv6 without brackets */
    mcmp_span scheme;          /**< of the client's side, `http` or `https`; empty = `http` */
    mcmp_span by;              /**< `by` of Forwarded: address or `_name`; empty = none */
    mcmp_span via;             /**< own name in Via; empty = no Via */
    mcmp_span remove_cookie;   /**< StickySessionRemove: name of the session cookie; else empty */
    mcmp_span remove_path;     /**< StickySessionRemove: name of the path parameter; else empty */
    const mcmp_span *upgrades; /**< protocols that may be upgraded to; NULL = `websocket` */
    size_t upgrade_count;      /**< their number; 0 with a pointer = none */
    const mcmp_pair *add;      /**< header lines to add at the end */
    size_t add_count;          /**< their number */
    const mcmp_span *drop;     /**< names of the client's headers to leave out */
    size_t drop_count;         /**< their number */
    uint64_t length;           /**< for MCMP_HTTP_FRAMING_LENGTH */
    uint32_t framing;          /**< of the body sent: AUTO, NONE, LENGTH or CHUNKED */
    uint32_t flags;            /**< MCMP_HTTP_FORWARD_* */
    uint32_t sent_framing;     /**< filled: how the body goes to the node */
    uint32_t sent_upgrade;     /**< filled: 1 when an upgrade was asked of the node */
} mcmp_http_forward;

/**
 * @brief Clear the struct and set its size.
 * @param[out] forward the struct
 * @param[in]  size    its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_http_forward_init_sized(mcmp_http_forward *forward, size_t size);
/** Initialise with this header's size. */
#define mcmp_http_forward_init(f) mcmp_http_forward_init_sized((f), sizeof(*(f)))

/**
 * @brief Write the head of a request for an HTTP/1.1 node.
 *
 * Host first, then the client's end-to-end headers in their order, then our own: forwarded headers,
 * Via, add, Connection, and exactly one or none of Content-Length and Transfer-Encoding.
 * @param[in]     request a complete head; @borrowed
 * @param[in,out] forward how; sent_* are filled
 * @param[out]    out     room for the head
 * @param[in]     size    its size
 * @param[out]    out_len bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE (nothing else changed), MCMP_ERR_INVALID (a text of forward can't
 * be sent: CR, LF, NUL, bad name), MCMP_ERR_STATE (no complete request head), MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_encode_request(const mcmp_http_head *request, mcmp_http_forward *forward,
                                      char *out, size_t size, size_t *out_len, mcmp_error *err);

/** How a response goes to the client. Sized; texts are borrowed for the call. */
typedef struct mcmp_http_reply {
    size_t struct_size;    /**< set by mcmp_http_reply_init() */
    mcmp_span via;         /**< own name in Via; empty = no Via */
    const mcmp_pair *add;  /**< header lines to add at the end, such as Set-Cookie */
    size_t add_count;      /**< their number */
    const mcmp_span *drop; /**< names of the node's headers to leave out */
    size_t drop_count;     /**< their number */
    uint32_t minor;        /**< of the client's request */
    uint32_t flags; /**< MCMP_HTTP_KEEP_ALIVE as the request has it (take it out to close after this
                         response), MCMP_HTTP_UPGRADE when one was asked of the node */
    uint32_t sent_framing; /**< filled: how the body goes to the client */
    uint32_t sent_flags;   /**< filled: MCMP_HTTP_KEEP_ALIVE: the client's connection goes on;
                                MCMP_HTTP_UPGRADE: both directions are raw from here */
} mcmp_http_reply;

/**
 * @brief Clear the struct and set its size.
 * @param[out] reply the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_http_reply_init_sized(mcmp_http_reply *reply, size_t size);
/** Initialise with this header's size. */
#define mcmp_http_reply_init(r) mcmp_http_reply_init_sized((r), sizeof(*(r)))

/**
 * @brief Write the head of a response for the client.
 *
 * An interim head for an HTTP/1.0 client comes out with length 0. 101 goes on only when it was
 * asked for.
 * @param[in]     response a complete head of the node; @borrowed
 * @param[in,out] reply    how; sent_* are filled
 * @param[out]    out      room for the head
 * @param[in]     size     its size
 * @param[out]    out_len  bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err      detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE (nothing else changed), MCMP_ERR_INVALID, MCMP_ERR_STATE (no
 * complete response head), MCMP_ERR_HTTP_UPGRADE (101 that nobody asked for: 502),
 * MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_encode_response(const mcmp_http_head *response, mcmp_http_reply *reply,
                                       char *out, size_t size, size_t *out_len, mcmp_error *err);

/** An answer of the host's own. Sized; texts are borrowed for the call. */
typedef struct mcmp_http_answer {
    size_t struct_size;   /**< set by mcmp_http_answer_init() */
    mcmp_span body;       /**< empty = a line with status and reason */
    mcmp_span type;       /**< Content-Type; empty = text/plain */
    const mcmp_pair *add; /**< header lines to add */
    size_t add_count;     /**< their number */
    uint32_t status;      /**< 200..599 */
    uint32_t minor;       /**< of the client's request, 1 when it is not known */
    uint32_t flags; /**< MCMP_HTTP_KEEP_ALIVE: go on after it; MCMP_HTTP_NO_BODY: answers HEAD */
    uint32_t retry_after; /**< seconds for Retry-After; 0 = none */
} mcmp_http_answer;

/**
 * @brief Clear the struct and set its size.
 * @param[out] answer the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_http_answer_init_sized(mcmp_http_answer *answer, size_t size);
/** Initialise with this header's size. */
#define mcmp_http_answer_init(a) mcmp_http_answer_init_sized((a), sizeof(*(a)))

/**
 * @brief Write a whole small answer, head and body. 512 bytes suffice for those without own texts.
 * @param[in]  answer  what; @borrowed
 * @param[out] out     room
 * @param[in]  size    its size
 * @param[out] out_len bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_encode_answer(const mcmp_http_answer *answer, char *out, size_t size,
                                     size_t *out_len, mcmp_error *err);

/**
 * @brief The reason phrase of a status, "" for unknown ones.
 * @param[in] status HTTP status
 * @return static text, never NULL
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API const char *mcmp_http_reason(uint32_t status);

/** The interim answer to Expect: 100-continue. */
#define MCMP_HTTP_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/** @} */

#ifdef __cplusplus
}
#endif
#endif
