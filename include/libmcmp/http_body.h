/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_HTTP_BODY_H
#define LIBMCMP_HTTP_BODY_H

#include <libmcmp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_http_body HTTP/1.1 bodies
 * @brief Where the body of a message ends, taking content out of what was received, and the framing
 * of content that is sent. Without copying: content is a part of the host's bytes.
 * @{
 */

/** @name Where a body ends */
/** @{ */
#define MCMP_HTTP_FRAMING_AUTO 0    /**< for encoders: as the parsed head has it */
#define MCMP_HTTP_FRAMING_NONE 1    /**< there is no body */
#define MCMP_HTTP_FRAMING_LENGTH 2  /**< after a known number of bytes */
#define MCMP_HTTP_FRAMING_CHUNKED 3 /**< chunked transfer coding */
#define MCMP_HTTP_FRAMING_CLOSE 4   /**< at the end of the connection; responses only */
/** @} */

/**
 * The state of a body that is being received; the caller's storage. Sized. Limits may be set after
 * init; zero means default.
 */
typedef struct mcmp_http_body {
    size_t struct_size;     /**< set by mcmp_http_body_init() */
    uint64_t max_body;      /**< bytes of content; 0 = no limit */
    uint32_t max_extension; /**< bytes of the extensions of one chunk; 0 = 256 */
    uint32_t
        max_trailer; /**< bytes of the trailer section, which is checked and dropped; 0 = 8 KiB */
    uint32_t max_overhead; /**< bytes of framing that are tolerated when framing is more than four
                                 times the content; 0 = 64 KiB */
    uint32_t framing;      /**< filled by start */
    uint64_t received;     /**< bytes of content so far */
    uint64_t overhead;     /**< bytes of framing so far */
    uint64_t left;         /**< private: bytes left of the body or of the chunk */
    uint32_t state;        /**< private */
    uint32_t count;        /**< private */
    uint64_t reserved;     /**< 0 */
} mcmp_http_body;

/**
 * @brief Clear the struct and set its size.
 * @param[out] body the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API void mcmp_http_body_init_sized(mcmp_http_body *body, size_t size);
/** Initialise with this header's size. */
#define mcmp_http_body_init(b) mcmp_http_body_init_sized((b), sizeof(*(b)))

/**
 * @brief Begin a body; its limits stay.
 * @param[in,out] body    initialised
 * @param[in]     framing MCMP_HTTP_FRAMING_NONE, LENGTH, CHUNKED or CLOSE
 * @param[in]     length  for LENGTH
 * @param[out]    err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_INVALID, MCMP_ERR_HTTP_BODY_SIZE (length is over max_body)
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_body_start(mcmp_http_body *body, uint32_t framing, uint64_t length,
                                  mcmp_error *err);

/**
 * @brief Take content out of received bytes, without copying.
 * @param[in,out] body the body, started
 * @param[in]     data bytes; @borrowed
 * @param[in]     len  their number, may be 0
 * @param[out]    used how many were taken, also on MCMP_DONE; the rest belongs to what follows
 * @param[out]    out  content: a part of data, empty unless MCMP_OK
 * @param[out]    err  detail with the offset in data; may be NULL
 * @return MCMP_OK (content in out, call again with the rest), MCMP_NEED_MORE (all bytes used),
 * MCMP_DONE (the body has ended), MCMP_ERR_HTTP_CHUNK, MCMP_ERR_HTTP_BODY_SIZE; after an error each
 * further call gives MCMP_ERR_STATE
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_body_feed(mcmp_http_body *body, const void *data, size_t len, size_t *used,
                                 mcmp_span *out, mcmp_error *err);

/**
 * @brief The sender closed its side.
 * @param[in,out] body the body; @borrowed
 * @param[out]    err  detail; may be NULL
 * @return MCMP_DONE (the body is complete), MCMP_ERR_TRUNCATED
 * @mt_handle @reentrant no @since 0.1
 */
MCMP_API int mcmp_http_body_end(mcmp_http_body *body, mcmp_error *err);

/**
 * @brief 1 when the whole body was taken, without feeding.
 * @param[in] body the body; @borrowed
 * @return 1 or 0
 * @mt_handle @reentrant yes @since 0.1
 */
MCMP_API int mcmp_http_body_is_done(const mcmp_http_body *body);

/** @name Sending a chunked body: chunk head, content, chunk end, and so on, then the last chunk */
/** @{ */
#define MCMP_HTTP_CHUNK_HEAD_MAX 18      /**< most bytes of a chunk head */
#define MCMP_HTTP_CHUNK_END "\r\n"       /**< after the content of each chunk */
#define MCMP_HTTP_CHUNK_LAST "0\r\n\r\n" /**< ends the body, after the last chunk's end */
/** @} */

/**
 * @brief Write the head of a chunk.
 * @param[out] out    room for MCMP_HTTP_CHUNK_HEAD_MAX bytes
 * @param[in]  length of the content that follows; not 0, which would end the body
 * @return bytes written, 0 for length 0
 * @mt_any @reentrant yes @since 0.1
 */
MCMP_API size_t mcmp_http_chunk_head(char *out, uint64_t length);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
