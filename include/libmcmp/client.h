/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_CLIENT_H
#define LIBMCMP_CLIENT_H

#include <libmcmp/base.h>
#include <libmcmp/command.h>
#include <libmcmp/parser.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_client Client side
 * @brief What a node or a tool needs to talk to a balancer: requests as bytes, answers parsed, INFO
 * read line by line. No sockets here: bytes in, bytes out.
 * @{
 */

/** Flag of a message besides those of a command: ask for `Connection: close`. */
#define MCMP_MESSAGE_CLOSE 0x10000u
/** Flag of a message: no header but Content-Length, so that equal messages are equal bytes. */
#define MCMP_MESSAGE_BARE 0x20000u

/**
 * One request to be sent. Zero and empty mean default; only the fields named in given are sent.
 * Order and encoding are those of the Java client: JVMRoute first, the rest by byte order of the
 * key, form-encoded (blank as `+`). Sized; all texts @borrowed for the call.
 */
typedef struct mcmp_message {
    size_t struct_size; /**< set by mcmp_message_init() */
    uint32_t command;   /**< MCMP_COMMAND_*; PAGE sends GET */
    /** MCMP_COMMAND_WHOLE_NODE: the target ends in a slash and `*`; MCMP_COMMAND_REVERSED, STICKY,
     * STICKY_FORCE, STICKY_REMOVE: values of the boolean fields; MCMP_MESSAGE_* */
    uint32_t flags;
    uint64_t given;            /**< MCMP_FIELD_* to be sent */
    mcmp_span path;            /**< prefix of the target, e.g. "/mcmp"; empty: the target is "/" */
    mcmp_span host_header;     /**< value of Host, e.g. "127.0.0.1:6666"; empty: "localhost" */
    mcmp_span user_agent;      /**< empty: "libmcmp/<version>" */
    mcmp_span accept;          /**< value of Accept; empty: no such header */
    mcmp_span jvm_route;       /**< JVMRoute */
    mcmp_span domain;          /**< Domain */
    mcmp_span host;            /**< Host of the node or endpoint */
    mcmp_span balancer;        /**< Balancer */
    mcmp_span sticky_cookie;   /**< StickySessionCookie */
    mcmp_span sticky_path;     /**< StickySessionPath */
    const mcmp_span *aliases;  /**< Alias: alias_count elements, sent as one comma list */
    const mcmp_span *contexts; /**< Context: context_count elements, sent as one comma list */
    const mcmp_pair *extra;    /**< further pairs, appended in this order whatever given says */
    size_t alias_count;        /**< elements of aliases */
    size_t context_count;      /**< elements of contexts */
    size_t extra_count;        /**< elements of extra */
    uint32_t port;             /**< Port */
    uint32_t scheme;           /**< Type, and Scheme: MCMP_SCHEME_* */
    uint32_t flushpackets;     /**< flushpackets: MCMP_FLUSH_* */
    int32_t smax;              /**< smax */
    mcmp_time flushwait;       /**< flushwait; sent as ms */
    mcmp_time ping;            /**< ping; whole seconds are sent plain, others with the unit ms */
    mcmp_time ttl;             /**< ttl; likewise */
    mcmp_time timeout;         /**< Timeout; likewise */
    mcmp_time wait_worker;     /**< WaitWorker; sent as seconds, rounded up */
    uint32_t max_attempts;     /**< Maxattempts */
    int32_t load;              /**< Load */
} mcmp_message;

/**
 * @brief Clear the struct and set its size.
 * @param[out] message the struct
 * @param[in]  size    its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_message_init_sized(mcmp_message *message, size_t size);
/** Initialise with this header's size. */
#define mcmp_message_init(m) mcmp_message_init_sized((m), sizeof(*(m)))

/**
 * @brief Write a request as bytes.
 * @param[in]  message the request; @borrowed for the call
 * @param[out] buf     where to; NULL with size 0 asks for the size
 * @param[in]  size    room in buf
 * @param[out] out_len bytes written; with MCMP_ERR_SPACE the bytes needed
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE (buf is unchanged), MCMP_ERR_INVALID (no such command, a negative
 * time, or a header value with a control character), MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_message_encode(const mcmp_message *message, void *buf, size_t size,
                                 size_t *out_len, mcmp_error *err);

/**
 * @brief The same in pieces, without a buffer for the whole.
 * @param[in]  message the request; @borrowed for the call
 * @param[in]  write   called with the bytes in order, in this thread
 * @param[in]  ctx     first argument of write
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_CALLBACK (write stopped it), MCMP_ERR_INVALID and MCMP_ERR_UNSUPPORTED
 * as mcmp_message_encode(), before anything was written
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_message_write(const mcmp_message *message, mcmp_write_fn write, void *ctx,
                                mcmp_error *err);

/** @name Flags of an answer */
/** @{ */
#define MCMP_ANSWER_CLOSE 0x1u /**< the connection can't be used again */
/** @} */

/** One complete answer. Sized; only read by the host; texts are views into the mcmp_answer. */
typedef struct mcmp_answer_info {
    size_t struct_size;     /**< of the library that made it */
    uint32_t status;        /**< 200 .. 999; 1xx answers are passed over */
    uint32_t flags;         /**< MCMP_ANSWER_* */
    uint32_t wire_class;    /**< of the header Type; MCMP_WIRE_NONE when absent or unknown */
    uint32_t reserved;      /**< 0 */
    mcmp_span reason;       /**< reason phrase, may be empty */
    mcmp_span version;      /**< header Version, or empty */
    mcmp_span type;         /**< header Type, or empty */
    mcmp_span mess;         /**< header Mess, or empty */
    mcmp_span content_type; /**< header Content-Type, or empty */
    mcmp_span body;         /**< decoded from its transfer coding */
} mcmp_answer_info;

/** Options of an answer parser. Sized; zero means default. */
typedef struct mcmp_answer_options {
    size_t struct_size;              /**< set by mcmp_answer_options_init() */
    uint64_t max_body;               /**< bytes; 0 = 64 MiB */
    uint32_t max_head;               /**< bytes of line and headers; 0 = 16 KiB */
    uint32_t max_headers;            /**< number of header lines; 0 = 100 */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
} mcmp_answer_options;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_answer_options_init_sized(mcmp_answer_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_answer_options_init(o) mcmp_answer_options_init_sized((o), sizeof(*(o)))

/** Parser of the answers of one connection. */
typedef struct mcmp_answer mcmp_answer;

/**
 * @brief Create the answer parser of a connection.
 * @param[out] out  the parser; @owned, free with mcmp_answer_free()
 * @param[in]  opts NULL = defaults; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_answer_new(mcmp_answer **out, const mcmp_answer_options *opts, mcmp_error *err);

/**
 * @brief Free an answer parser; NULL is allowed.
 * @param[in] answer the parser; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_answer_free(mcmp_answer *answer);

/**
 * @brief Forget everything, for a new connection; memory is kept.
 * @param[in] answer the parser; @borrowed
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_answer_reset(mcmp_answer *answer);

/**
 * @brief Give the parser bytes of the connection.
 * @param[in]  answer the parser; @borrowed
 * @param[in]  data   bytes; @borrowed for the call
 * @param[in]  len    their number
 * @param[out] used   how many were taken
 * @param[out] err    detail with the offset in the connection's stream; may be NULL
 * @return MCMP_OK (an answer is complete), MCMP_NEED_MORE, MCMP_ERR_ANSWER, MCMP_ERR_HEAD_SIZE,
 * MCMP_ERR_BODY_SIZE, MCMP_ERR_STATE (after one of these): the connection is to be closed;
 * MCMP_ERR_NOMEM: the bytes before *used are taken, the others can be given again
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_answer_feed(mcmp_answer *answer, const void *data, size_t len, size_t *used,
                              mcmp_error *err);

/**
 * @brief Tell the parser that the balancer closed the connection.
 * @param[in]  answer the parser; @borrowed
 * @param[out] err    detail; may be NULL
 * @return MCMP_OK (that completed an answer), MCMP_DONE (no answer had begun), MCMP_ERR_TRUNCATED
 * (inside one), MCMP_ERR_STATE (after an error)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_answer_end(mcmp_answer *answer, mcmp_error *err);

/**
 * @brief The answer that the last feed or end completed.
 * @param[in] answer the parser; @borrowed
 * @return view into the parser, valid until the next feed, end or reset; NULL when none is complete
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API const mcmp_answer_info *mcmp_answer_get(const mcmp_answer *answer);

/**
 * @brief A field of an answer whose first line is joined by `&` (STATUS, PING, STOP-APP).
 * @param[in]  body the body; @borrowed
 * @param[in]  name e.g. "State", "id", "Requests"; case matters
 * @param[out] out  the value as it stands there; view into body. See mcmp_answer_unescape().
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_answer_field(mcmp_span body, const char *name, mcmp_span *out);

/**
 * @brief The same for a decimal number.
 * @param[in]  body the body; @borrowed
 * @param[in]  name name of the field; case matters
 * @param[out] out  the number
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND, MCMP_ERR_ANSWER (no number, or over 2^64 - 1)
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_answer_number(mcmp_span body, const char *name, uint64_t *out);

/**
 * @brief Turn %XX of an answer's text back into bytes; a `%` without two hex digits stays.
 * @param[in]  text    the text; @borrowed
 * @param[out] buf     where to; never more than text.len bytes are needed
 * @param[in]  size    room in buf
 * @param[out] out_len bytes written; with MCMP_ERR_SPACE the bytes needed
 * @return MCMP_OK, MCMP_ERR_SPACE (buf is unchanged)
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_answer_unescape(mcmp_span text, char *buf, size_t size, size_t *out_len);

/** @name Lines of INFO */
/** @{ */
#define MCMP_INFO_NODE 1    /**< Node */
#define MCMP_INFO_VHOST 2   /**< Vhost */
#define MCMP_INFO_CONTEXT 3 /**< Context */
/** @} */

/** One line of INFO in text form (MCMP 4.7). Sized; texts are views into the body. */
typedef struct mcmp_info_line {
    size_t struct_size; /**< set by mcmp_info_line_init() */
    uint32_t kind;      /**< MCMP_INFO_* */
    uint32_t status; /**< CONTEXT: 1 ENABLED, 2 DISABLED, 3 STOPPED, as MCMP_STATUS_* of view.h */
    uint64_t node;   /**< node id */
    uint64_t vhost;  /**< VHOST, CONTEXT: virtual-host number in the node */
    uint64_t id;     /**< VHOST, CONTEXT: the third id */
    mcmp_span name;  /**< NODE: route, VHOST: alias, CONTEXT: path; as it stands there */
    mcmp_span balancer;    /**< NODE, and so are all below */
    mcmp_span domain;      /**< LBGroup */
    mcmp_span host;        /**< Host */
    mcmp_span port;        /**< Port */
    mcmp_span type;        /**< Type */
    mcmp_span rest;        /**< everything from Flushpackets on, as it stands there */
    mcmp_time flushwait;   /**< Flushwait; 0 when absent, as below */
    mcmp_time ping;        /**< Ping */
    mcmp_time ttl;         /**< Ttl */
    uint64_t elected;      /**< Elected */
    uint64_t bytes_read;   /**< Read */
    uint64_t transferred;  /**< Transfered */
    uint64_t connected;    /**< Connected */
    uint32_t flushpackets; /**< MCMP_FLUSH_* */
    int32_t smax;          /**< Smax */
    int32_t load;          /**< Load */
    uint32_t reserved;     /**< 0 */
} mcmp_info_line;

/** Where a reader of INFO stands. Sized. */
typedef struct mcmp_info_reader {
    size_t struct_size; /**< set by mcmp_info_reader_init() */
    size_t offset;      /**< start of the next line */
    mcmp_span text;     /**< the body; set it after the init, @borrowed while reading */
} mcmp_info_reader;

/**
 * @brief Clear the struct and set its size.
 * @param[out] line the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_info_line_init_sized(mcmp_info_line *line, size_t size);
/** Initialise with this header's size. */
#define mcmp_info_line_init(l) mcmp_info_line_init_sized((l), sizeof(*(l)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] reader the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_info_reader_init_sized(mcmp_info_reader *reader, size_t size);
/** Initialise with this header's size. */
#define mcmp_info_reader_init(r) mcmp_info_reader_init_sized((r), sizeof(*(r)))

/**
 * @brief Read the next Node, Vhost or Context line; other lines and further fields are passed over.
 * @param[in,out] reader initialised, text set; moves on
 * @param[in,out] line   initialised; filled
 * @param[out]    err    detail with the offset in text; may be NULL
 * @return MCMP_OK, MCMP_DONE, MCMP_ERR_ANSWER (the line can't be understood; the next call goes on
 * after it), MCMP_ERR_INVALID
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_info_next(mcmp_info_reader *reader, mcmp_info_line *line, mcmp_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
