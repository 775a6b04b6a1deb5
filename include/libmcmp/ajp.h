/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_AJP_H
#define LIBMCMP_AJP_H

#include <libmcmp/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_ajp AJP13 forwarding
 * @brief AJP/1.3 for a proxy and for a container: bytes in, events out, bytes out into the host's
 * buffer. The proxy role takes the same request as the HTTP codec (mcmp_http_head,
 * mcmp_http_forward) and gives the answer's head as an mcmp_http_head, so that one path of a host
 * serves both kinds of node. Content is never copied: what arrived is a view into the host's bytes,
 * what goes out is a small head to send before (and a tail after) the host's own bytes. Nothing is
 * allocated after creation. What may follow what, what is owed and whether a connection may be used
 * again is kept here.
 * @{
 */

/** @name Sizes */
/** @{ */
#define MCMP_AJP_PACKET_MIN 8192  /**< smallest max_packet, and the default */
#define MCMP_AJP_PACKET_MAX 65536 /**< largest max_packet */
#define MCMP_AJP_ACCEPT_MAX 65539 /**< longest packet there can be */
#define MCMP_AJP_FRAME_MAX 8      /**< most bytes of mcmp_ajp_frame.head */
/** @} */

/** @name Events */
/** @{ */
#define MCMP_AJP_EVENT_HEAD 1     /**< proxy: the final head; container: a request */
#define MCMP_AJP_EVENT_BODY 2     /**< content in data, never empty */
#define MCMP_AJP_EVENT_FLUSH 3    /**< proxy: send the client what there is, the head at least */
#define MCMP_AJP_EVENT_GET_BODY 4 /**< proxy: send one more body packet, see size */
#define MCMP_AJP_EVENT_END 5      /**< proxy: the answer is complete; container: the body is */
#define MCMP_AJP_EVENT_PONG 6     /**< proxy: the container is alive */
#define MCMP_AJP_EVENT_PING 7     /**< container: answer it by mcmp_ajp_container_encode_pong() */
/** @} */

/** What was decoded. Sized. */
typedef struct mcmp_ajp_event {
    size_t struct_size; /**< set by mcmp_ajp_event_init() */
    uint32_t type;      /**< MCMP_AJP_EVENT_*; 0 unless the feed returned MCMP_OK */
    uint32_t size;      /**< GET_BODY: most bytes the container wants */
    mcmp_span data;     /**< BODY: content, a part of the bytes that were fed */
} mcmp_ajp_event;

/**
 * @brief Clear the struct and set its size.
 * @param[out] event the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_ajp_event_init_sized(mcmp_ajp_event *event, size_t size);
/** Initialise with this header's size. */
#define mcmp_ajp_event_init(e) mcmp_ajp_event_init_sized((e), sizeof(*(e)))

/**
 * One packet that carries content. Sized. Send, in this order: head_len bytes of head, take bytes
 * of the host's own content, tail_len bytes of NUL (head and tail are a few bytes, content is not
 * copied).
 */
typedef struct mcmp_ajp_frame {
    size_t struct_size;            /**< set by mcmp_ajp_frame_init() */
    size_t take;                   /**< bytes of the content given that this packet carries */
    uint32_t head_len;             /**< bytes of head */
    uint32_t tail_len;             /**< 0 or 1 byte 0x00 behind the content */
    char head[MCMP_AJP_FRAME_MAX]; /**< to send first */
} mcmp_ajp_frame;

/**
 * @brief Clear the struct and set its size.
 * @param[out] frame the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_ajp_frame_init_sized(mcmp_ajp_frame *frame, size_t size);
/** Initialise with this header's size. */
#define mcmp_ajp_frame_init(f) mcmp_ajp_frame_init_sized((f), sizeof(*(f)))

/** Options of both roles. Sized; zero means default. */
typedef struct mcmp_ajp_options {
    size_t struct_size;   /**< set by mcmp_ajp_options_init() */
    uint32_t max_packet;  /**< bytes of a packet sent, 8192..65536; 0 = 8192. The peer must accept
                               as much: there is no negotiation */
    uint32_t max_accept;  /**< bytes of a Send Headers (proxy) or of any packet (container) that is
                               accepted, 8192..65539; 0 = 65539 */
    uint32_t max_headers; /**< header lines of a request or an answer, up to 10000; 0 = 100, which
                               is what containers accept by default */
    uint32_t max_head;    /**< proxy: bytes of an answer's head written as HTTP/1.1, up to 16 MiB;
                               0 = 80 KiB */
    uint32_t flags;       /**< must be 0 */
    uint32_t reserved;    /**< must be 0 */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
    mcmp_span secret;       /**< container: wanted of every request; copied; empty = none */
    const mcmp_span *allow; /**< container: further named attributes to accept; copied */
    size_t allow_count;     /**< their number, up to 64 */
} mcmp_ajp_options;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_ajp_options_init_sized(mcmp_ajp_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_ajp_options_init(o) mcmp_ajp_options_init_sized((o), sizeof(*(o)))

/** @name Whose fault an error is */
/** @{ */
#define MCMP_AJP_FAULT_NONE 0   /**< no error, or one of the host's use */
#define MCMP_AJP_FAULT_CLIENT 1 /**< the client's request: the node is as good as before */
#define MCMP_AJP_FAULT_NODE 2   /**< the node's answer */
/** @} */

/**
 * @brief The status to answer the client when a call of the proxy role failed: 400, 431, 502; 500
 * for codes that are no fault of client or node. An answer that began is aborted instead.
 * @param[in] code what the call returned
 * @return HTTP status
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API uint32_t mcmp_ajp_proxy_status_of(int code);

/**
 * @brief Whose fault it is when a call of the proxy role failed. A client's fault never counts
 * against the node.
 * @param[in] code what the call returned
 * @return MCMP_AJP_FAULT_*
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API uint32_t mcmp_ajp_proxy_fault_of(int code);

/** @name The proxy role: one object for each connection to a container */
/** @{ */

/** What a proxy knows of one connection to a container. */
typedef struct mcmp_ajp_proxy mcmp_ajp_proxy;

/**
 * What a Forward Request says beside the HTTP head. Sized; texts are borrowed for the call and come
 * from the host alone, never from the client's request. An empty text is left out.
 */
typedef struct mcmp_ajp_facts {
    size_t struct_size;          /**< set by mcmp_ajp_facts_init() */
    mcmp_span remote_addr;       /**< address of the client, IPv6 without brackets */
    mcmp_span remote_host;       /**< name of the client; empty = null */
    mcmp_span local_addr;        /**< own address of the client's connection: AJP_LOCAL_ADDR */
    mcmp_span server_name;       /**< name the client asked for; empty = that of Host */
    mcmp_span secret;            /**< of the node */
    mcmp_span remote_user;       /**< only of the host's own authentication */
    mcmp_span auth_type;         /**< likewise */
    mcmp_span jvm_route;         /**< route of the node */
    mcmp_span activation;        /**< JK_LB_ACTIVATION: `ACT`, `DIS` or `STP` */
    mcmp_span ssl_cert;          /**< the client's certificate, PEM */
    mcmp_span ssl_cipher;        /**< name of the cipher suite */
    mcmp_span ssl_session;       /**< id of the TLS session */
    mcmp_span ssl_protocol;      /**< AJP_SSL_PROTOCOL, such as `TLSv1.3` */
    const mcmp_pair *attributes; /**< further named attributes; containers refuse unknown names */
    size_t attribute_count;      /**< their number */
    uint32_t server_port;        /**< port the client asked; 0 = that of Host, else 80 or 443 */
    uint32_t remote_port;        /**< of the client: AJP_REMOTE_PORT; 0 = not known */
    uint32_t ssl_key_size;       /**< bits of the cipher's key, up to 65535; 0 = not known */
    uint32_t is_ssl;             /**< 1: the client's connection is TLS */
} mcmp_ajp_facts;

/**
 * @brief Clear the struct and set its size.
 * @param[out] facts the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_ajp_facts_init_sized(mcmp_ajp_facts *facts, size_t size);
/** Initialise with this header's size. */
#define mcmp_ajp_facts_init(f) mcmp_ajp_facts_init_sized((f), sizeof(*(f)))

/** What became of an exchange. Sized. */
typedef struct mcmp_ajp_progress {
    size_t struct_size;   /**< set by mcmp_ajp_progress_init() */
    uint64_t body_sent;   /**< content of the request that was put into packets */
    uint64_t body_taken;  /**< content of the answer that came out as events */
    uint64_t unsent;      /**< encoded bytes that mcmp_ajp_proxy_sent() did not report yet */
    uint32_t has_reply;   /**< 1: a byte of the answer was seen: never send the request again */
    uint32_t has_head;    /**< 1: the final head was seen */
    uint32_t has_ended;   /**< 1: End Response was seen */
    uint32_t packets_due; /**< body packets that the container waits for, 0..2 */
} mcmp_ajp_progress;

/**
 * @brief Clear the struct and set its size.
 * @param[out] progress the struct
 * @param[in]  size     its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_ajp_progress_init_sized(mcmp_ajp_progress *progress, size_t size);
/** Initialise with this header's size. */
#define mcmp_ajp_progress_init(p) mcmp_ajp_progress_init_sized((p), sizeof(*(p)))

/**
 * @brief Create the proxy's side of a connection. About 160 KiB of address space by default, of
 * which only what heads need is touched.
 * @param[out] out  the object; @owned, free with mcmp_ajp_proxy_free()
 * @param[in]  opts NULL = defaults; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_new(mcmp_ajp_proxy **out, const mcmp_ajp_options *opts,
                                mcmp_error *err);

/**
 * @brief Free it; NULL is allowed.
 * @param[in] proxy the object; taken; may be NULL
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API void mcmp_ajp_proxy_free(mcmp_ajp_proxy *proxy);

/**
 * @brief Forget everything: the object now stands for a fresh connection.
 * @param[in,out] proxy the object; @borrowed
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API void mcmp_ajp_proxy_reset(mcmp_ajp_proxy *proxy);

/**
 * @brief Begin an exchange: write the Forward Request.
 *
 * Headers go as for HTTP nodes (drop, add, remove_cookie, remove_path, X-Forwarded-*, Forwarded and
 * Via of forward), but Expect and Upgrade never do, and Cookie lines are joined. Exactly one of our
 * own `content-length`, `transfer-encoding: chunked` or neither goes out. On any error nothing is
 * begun, and the connection is as before.
 * @param[in,out] proxy   a fresh object, or one that mcmp_ajp_proxy_can_reuse(); @borrowed
 * @param[in]     request a complete head; @borrowed
 * @param[in,out] forward how; sent_framing and sent_upgrade (0) are filled; of its flags
 * CLOSE, NO_EXPECT and NO_UPGRADE mean nothing here
 * @param[in]     facts   what else the container is told; NULL = nothing
 * @param[out]    out     room for the packet: max_packet bytes suffice
 * @param[in]     size    its size
 * @param[out]    out_len bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err     detail; may be NULL; the secret is never in it
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_AJP_REQUEST_SIZE (over max_packet or max_headers, or a
 * header name over 255 bytes: 431), MCMP_ERR_STATE (the connection can't be used, or request is not
 * complete), MCMP_ERR_INVALID (a text can't be sent), MCMP_ERR_AJP_ATTRIBUTE (a name of attributes
 * that is never sent), MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_encode_request(mcmp_ajp_proxy *proxy, const mcmp_http_head *request,
                                           mcmp_http_forward *forward, const mcmp_ajp_facts *facts,
                                           char *out, size_t size, size_t *out_len,
                                           mcmp_error *err);

/** Flag of mcmp_ajp_proxy_encode_body(): what is given is the end of the client's body. */
#define MCMP_AJP_BODY_LAST 0x1u

/**
 * @brief The next body packet, when one is due.
 *
 * One is due at once after a Forward Request whose body has a known length above 0, and after each
 * GET_BODY event. Call it after both, and when more of the client's body came, until it no longer
 * returns MCMP_OK. A body that ends early (the client left) is never ended here: close the
 * connection to the container.
 * @param[in,out] proxy the object; @borrowed
 * @param[in]     len   bytes of content that the host has ready, in one or more places
 * @param[in]     flags MCMP_AJP_BODY_LAST or 0
 * @param[out]    frame initialised; filled on MCMP_OK: take of the content goes with this packet
 * @param[out]    err   detail; may be NULL
 * @return MCMP_OK, MCMP_NEED_MORE (due, but there is no content yet), MCMP_DONE (none is due now),
 * MCMP_ERR_AJP_BODY_SHORT (LAST, but less than Content-Length: the client's fault, close the
 * connection), MCMP_ERR_STATE (no exchange, or it failed), MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_encode_body(mcmp_ajp_proxy *proxy, size_t len, uint32_t flags,
                                        mcmp_ajp_frame *frame, mcmp_error *err);

/**
 * @brief A CPing, on a connection that is between exchanges. It shows that the container reads, not
 * that it takes our secret: a wrong one shows as 403 of the first request only.
 * @param[in,out] proxy   a fresh object, or one that mcmp_ajp_proxy_can_reuse(); @borrowed
 * @param[out]    out     room for 5 bytes
 * @param[in]     size    its size
 * @param[out]    out_len bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_STATE
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_encode_ping(mcmp_ajp_proxy *proxy, char *out, size_t size,
                                        size_t *out_len, mcmp_error *err);

/**
 * @brief Bytes that were encoded have left: were taken by the system in full. A connection with
 * bytes that did not leave is not used again.
 * @param[in,out] proxy the object; @borrowed
 * @param[in]     len   number of bytes, content included
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API void mcmp_ajp_proxy_sent(mcmp_ajp_proxy *proxy, uint64_t len);

/**
 * @brief Decode what the container sent, up to one event.
 *
 * Interim heads, content for HEAD, 204 and 304, and flushes before the head come out as nothing.
 * After an error the connection is to be closed; each further call gives MCMP_ERR_STATE.
 * @param[in,out] proxy the object; @borrowed
 * @param[in]     data  bytes; @borrowed, but content is a view into them
 * @param[in]     len   their number
 * @param[out]    used  how many were taken; on END what is behind it is left, and the connection is
 * not used again when there is anything
 * @param[out]    event initialised; filled on MCMP_OK
 * @param[out]    err   detail; may be NULL
 * @return MCMP_OK (one event, call again with the rest), MCMP_NEED_MORE (all bytes used),
 * MCMP_ERR_AJP_PACKET, MCMP_ERR_AJP_STRING, MCMP_ERR_AJP_HEADER, MCMP_ERR_AJP_STATUS,
 * MCMP_ERR_AJP_ORDER, MCMP_ERR_AJP_SIZE, MCMP_ERR_AJP_LENGTH, MCMP_ERR_STATE, MCMP_ERR_INVALID
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_feed(mcmp_ajp_proxy *proxy, const void *data, size_t len, size_t *used,
                                 mcmp_ajp_event *event, mcmp_error *err);

/**
 * @brief The container closed its side.
 * @param[in,out] proxy the object; @borrowed
 * @param[out]    err   detail; may be NULL
 * @return MCMP_DONE (no exchange is open), MCMP_ERR_TRUNCATED (the answer did not begin or did not
 * end: abort the client's answer, never end it cleanly; see mcmp_ajp_progress.has_reply)
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_end(mcmp_ajp_proxy *proxy, mcmp_error *err);

/**
 * @brief The answer's head, from the HEAD event to the next exchange or reset, for
 * mcmp_http_head_info() and mcmp_http_encode_response(). Its framing is NONE, LENGTH or CLOSE, the
 * latter for a body that ends by the END event. A reason that says nothing (empty, or digits as
 * Tomcat sends) is replaced by that of the status. MCMP_HTTP_KEEP_ALIVE of its info means nothing.
 * @param[in] proxy the object; @borrowed
 * @return view into the object; NULL before the HEAD event
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API const mcmp_http_head *mcmp_ajp_proxy_head(const mcmp_ajp_proxy *proxy);

/**
 * @brief 1 when the connection may serve another exchange or a CPing: it is fresh, or End Response
 * said reuse, all that was owed has left, nothing is behind it, no error. Ask at the END event,
 * then reuse or close at once.
 * @param[in] proxy the object; @borrowed
 * @return 1 or 0
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_can_reuse(const mcmp_ajp_proxy *proxy);

/**
 * @brief Where the exchange stands.
 * @param[in]  proxy the object; @borrowed
 * @param[out] out   initialised; filled
 * @return MCMP_OK, MCMP_ERR_INVALID
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_ajp_proxy_progress(const mcmp_ajp_proxy *proxy, mcmp_ajp_progress *out);
/** @} */

/** @name The container role: one object for each connection from a proxy */
/** @{ */

/** What a container knows of one connection from a proxy. */
typedef struct mcmp_ajp_container mcmp_ajp_container;

/** Method code for a method that has none: see method_name. */
#define MCMP_AJP_METHOD_STORED 255

/** A request. Sized; texts are views into the container object, valid until the exchange ends. */
typedef struct mcmp_ajp_request {
    size_t struct_size;       /**< size of this struct */
    uint64_t length;          /**< of the body for MCMP_HTTP_FRAMING_LENGTH */
    uint32_t framing;         /**< MCMP_HTTP_FRAMING_NONE, LENGTH or CHUNKED (length not known) */
    uint32_t method;          /**< MCMP_HTTP_GET .. PATCH or MCMP_HTTP_OTHER */
    uint32_t method_code;     /**< as sent: 1..27 or MCMP_AJP_METHOD_STORED */
    uint32_t is_ssl;          /**< 0 or 1 */
    uint32_t server_port;     /**< port the client asked */
    uint32_t remote_port;     /**< of the client (AJP_REMOTE_PORT); 0 = not told */
    uint32_t ssl_key_size;    /**< 0 = not told */
    uint32_t has_query;       /**< 1: there is a query string, maybe an empty one */
    uint32_t header_count;    /**< see mcmp_ajp_container_header() */
    uint32_t attribute_count; /**< named attributes, see mcmp_ajp_container_attribute() */
    mcmp_span method_name;    /**< its name */
    mcmp_span protocol;       /**< such as `HTTP/1.1`; empty = not told */
    mcmp_span uri;            /**< path, percent-encoded, or `*` */
    mcmp_span query;          /**< query string without `?` */
    mcmp_span remote_addr;    /**< address of the client; empty = not told, as below */
    mcmp_span remote_host;    /**< name of the client */
    mcmp_span server_name;    /**< name the client asked for */
    mcmp_span host;           /**< value of the Host header */
    mcmp_span content_type;   /**< value of the Content-Type header */
    mcmp_span local_addr;     /**< AJP_LOCAL_ADDR */
    mcmp_span remote_user;    /**< the proxy authenticated this user */
    mcmp_span auth_type;      /**< how */
    mcmp_span jvm_route;      /**< route of this container, as the proxy has it */
    mcmp_span activation;     /**< JK_LB_ACTIVATION: `ACT`, `DIS` or `STP` */
    mcmp_span ssl_cert;       /**< the client's certificate, PEM */
    mcmp_span ssl_cipher;     /**< name of the cipher suite */
    mcmp_span ssl_session;    /**< id of the TLS session */
    mcmp_span ssl_protocol;   /**< AJP_SSL_PROTOCOL */
} mcmp_ajp_request;

/**
 * @brief Create the container's side of a connection.
 * @param[out] out  the object; @owned, free with mcmp_ajp_container_free()
 * @param[in]  opts NULL = defaults; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API int mcmp_ajp_container_new(mcmp_ajp_container **out, const mcmp_ajp_options *opts,
                                    mcmp_error *err);

/**
 * @brief Free it; NULL is allowed.
 * @param[in] container the object; taken; may be NULL
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API void mcmp_ajp_container_free(mcmp_ajp_container *container);

/**
 * @brief Forget everything: the object now stands for a fresh connection.
 * @param[in,out] container the object; @borrowed
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API void mcmp_ajp_container_reset(mcmp_ajp_container *container);

/**
 * @brief Decode what the proxy sent, up to one event.
 *
 * HEAD: a request, see mcmp_ajp_container_request(). BODY: content. END: the body is complete (also
 * right after HEAD when there is none). Call it until it no longer returns MCMP_OK, at the end with
 * len 0: END needs no bytes. After END, and while the body waits for
 * mcmp_ajp_container_encode_get_body(), bytes that belong to later requests are not taken.
 * @param[in,out] container the object; @borrowed
 * @param[in]     data      bytes; @borrowed, but content is a view into them
 * @param[in]     len       their number
 * @param[out]    used      how many were taken
 * @param[out]    event     initialised; filled on MCMP_OK
 * @param[out]    err       detail; may be NULL; never holds a secret
 * @return MCMP_OK (one event), MCMP_NEED_MORE (all bytes used), MCMP_PENDING (nothing is taken
 * until the host asked for more of the body or ended its answer), or an error, see
 * mcmp_ajp_container_status_of(): MCMP_ERR_AJP_PACKET, MCMP_ERR_AJP_STRING, MCMP_ERR_AJP_SIZE,
 * MCMP_ERR_AJP_HEADER, MCMP_ERR_AJP_METHOD, MCMP_ERR_AJP_TARGET, MCMP_ERR_AJP_ATTRIBUTE,
 * MCMP_ERR_AJP_SECRET, MCMP_ERR_AJP_FRAMING, MCMP_ERR_AJP_LENGTH, MCMP_ERR_STATE, MCMP_ERR_INVALID
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_container_feed(mcmp_ajp_container *container, const void *data, size_t len,
                                     size_t *used, mcmp_ajp_event *event, mcmp_error *err);

/**
 * @brief The status to answer when a feed failed: 400, 403, 413 or 431, then End Response without
 * reuse; 0: close without an answer.
 * @param[in] code what the feed returned
 * @return HTTP status or 0
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API uint32_t mcmp_ajp_container_status_of(int code);

/**
 * @brief The request, from its HEAD event to the end of the exchange.
 * @param[in] container the object; @borrowed
 * @return view into the object; NULL when there is none
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API const mcmp_ajp_request *mcmp_ajp_container_request(const mcmp_ajp_container *container);

/**
 * @brief The i-th header line; names that were sent as codes are in lower case.
 * @param[in]  container the object; @borrowed
 * @param[in]  index     0 .. header_count - 1
 * @param[out] out       name and value; views as the request
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_ajp_container_header(const mcmp_ajp_container *container, uint32_t index,
                                       mcmp_pair *out);

/**
 * @brief The i-th named attribute, those with a member of their own in the request included.
 * @param[in]  container the object; @borrowed
 * @param[in]  index     0 .. attribute_count - 1
 * @param[out] out       name and value; views as the request
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_ajp_container_attribute(const mcmp_ajp_container *container, uint32_t index,
                                          mcmp_pair *out);

/**
 * @brief 1 when the request's body is not complete and nothing of it is on its way: ask for more by
 * mcmp_ajp_container_encode_get_body(), or answer without it.
 * @param[in] container the object; @borrowed
 * @return 1 or 0
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_ajp_container_wants_body(const mcmp_ajp_container *container);

/**
 * @brief Get Body Chunk: ask for one more body packet, in any state of the answer. Also allowed
 * when the body is complete: the proxy then sends an empty packet, which comes out as no event.
 * @param[in,out] container the object; @borrowed
 * @param[in]     most      bytes wanted at most, up to 65533; 0 = max_packet - 6
 * @param[out]    out       room for 7 bytes
 * @param[in]     size      its size
 * @param[out]    out_len   bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err       detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_STATE (no exchange, or a packet is on its way already),
 * MCMP_ERR_INVALID
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_container_encode_get_body(mcmp_ajp_container *container, uint32_t most,
                                                char *out, size_t size, size_t *out_len,
                                                mcmp_error *err);

/**
 * @brief Send Headers. After a feed that failed with a status to answer it is allowed, too.
 * @param[in,out] container the object; @borrowed
 * @param[in]     status    200..599
 * @param[in]     lines     headers, Content-Length among them where it is known; @borrowed
 * @param[in]     count     their number
 * @param[out]    out       room
 * @param[in]     size      its size
 * @param[out]    out_len   bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err       detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_AJP_SIZE (over max_packet or max_headers),
 * MCMP_ERR_STATE (no exchange, or the head was sent), MCMP_ERR_INVALID (status, a name, a value, a
 * hop-by-hop header, or Content-Length is no number or repeated)
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_container_encode_head(mcmp_ajp_container *container, uint32_t status,
                                            const mcmp_pair *lines, size_t count, char *out,
                                            size_t size, size_t *out_len, mcmp_error *err);

/**
 * @brief Send Body Chunk.
 * @param[in,out] container the object; @borrowed
 * @param[in]     len       bytes of content ready; 0 = flush
 * @param[out]    frame     initialised; filled: take of the content goes with this packet
 * @param[out]    err       detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_STATE (no head was sent, or this answer has no body),
 * MCMP_ERR_AJP_LENGTH (more than Content-Length), MCMP_ERR_INVALID
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_container_encode_body(mcmp_ajp_container *container, size_t len,
                                            mcmp_ajp_frame *frame, mcmp_error *err);

/**
 * @brief End Response. A body packet that is still on its way is taken from the input and dropped.
 * @param[in,out] container the object; @borrowed
 * @param[in]     reuse     1: further requests are served on this connection; 0: close it after
 * sending this. Always 0 after a feed that failed
 * @param[out]    out       room for 6 bytes
 * @param[in]     size      its size
 * @param[out]    out_len   bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err       detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_STATE (no head was sent), MCMP_ERR_AJP_LENGTH (less
 * than Content-Length was sent: close the connection instead)
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_container_encode_end(mcmp_ajp_container *container, uint32_t reuse, char *out,
                                           size_t size, size_t *out_len, mcmp_error *err);

/**
 * @brief CPong, the answer to a PING event.
 * @param[in,out] container the object; @borrowed
 * @param[out]    out       room for 5 bytes
 * @param[in]     size      its size
 * @param[out]    out_len   bytes written; with MCMP_ERR_SPACE: bytes needed
 * @param[out]    err       detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE, MCMP_ERR_STATE (nobody asked)
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_ajp_container_encode_pong(mcmp_ajp_container *container, char *out, size_t size,
                                            size_t *out_len, mcmp_error *err);
/** @} */

/** @} */

#ifdef __cplusplus
}
#endif
#endif
