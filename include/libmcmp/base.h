/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_BASE_H
#define LIBMCMP_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_base Common types
 * @brief Spans, time, errors, the allocator and the logger that all other headers use.
 * @{
 */

/** @def MCMP_API
 * Marks what the shared library exports. */
/** @def MCMP_DEPRECATED
 * Marks what will go: the version that said so, and what to use. */
#if defined(__GNUC__)
#define MCMP_API __attribute__((visibility("default")))
#define MCMP_DEPRECATED(since, use) __attribute__((deprecated("since " since ", use " use)))
#else
#define MCMP_API
#define MCMP_DEPRECATED(since, use)
#endif

/** Bytes of text, not NUL-terminated. Frozen: its layout never changes. */
typedef struct mcmp_span {
    const char *ptr; /**< first byte; may be NULL when len is 0 */
    size_t len;      /**< number of bytes */
} mcmp_span;

/** A name with its value. Frozen. */
typedef struct mcmp_pair {
    mcmp_span name;  /**< the name */
    mcmp_span value; /**< the value */
} mcmp_pair;

/** Time in microseconds, of the host's monotonic clock unless a parameter says otherwise. */
typedef int64_t mcmp_time;

#define MCMP_MSEC ((mcmp_time)1000)   /**< one millisecond */
#define MCMP_SEC ((mcmp_time)1000000) /**< one second */
#define MCMP_NEVER ((mcmp_time)-1)    /**< in an option: this never happens */

/**
 * A node, context or other row of a cluster: slot index in the low 32 bits, generation in the high
 * 32. A generation is never 0, so 0 is no handle. A handle whose row is gone is recognised.
 */
typedef uint64_t mcmp_handle;

/** Takes bytes that are produced in pieces; 0 = go on, anything else stops the call with
 * MCMP_ERR_CALLBACK. */
typedef int (*mcmp_write_fn)(void *ctx, const void *data, size_t len);

/** @name Results that are no errors */
/** @{ */
#define MCMP_OK 0         /**< done */
#define MCMP_NEED_MORE 1  /**< all bytes used, more are needed */
#define MCMP_DONE 2       /**< nothing further will come */
#define MCMP_PENDING 3    /**< the host has to do something first, then resume */
#define MCMP_NO_CONTEXT 4 /**< a context matches, but none may serve this request by its status */
#define MCMP_NO_NODE 5    /**< candidates exist, none is usable */
#define MCMP_WAIT 6       /**< none is usable now; ask again at the time given */
#define MCMP_NOT_OURS 7   /**< no context matches: the request is not for the cluster */
/** @} */

/** @name Errors: general (-1 .. -99) */
/** @{ */
#define MCMP_ERR_NOMEM (-1)       /**< no memory */
#define MCMP_ERR_INVALID (-2)     /**< an argument is not valid */
#define MCMP_ERR_UNSUPPORTED (-3) /**< a newer caller asks for what this version does not know */
#define MCMP_ERR_LIMIT (-4)       /**< a limit of the options was met; the message names it */
#define MCMP_ERR_CALLBACK (-5)    /**< a callback of the host stopped the call */
#define MCMP_ERR_SPACE (-6)       /**< the buffer is too small; the size needed is reported */
#define MCMP_ERR_STATE (-7)       /**< the call does not fit the object's state */
#define MCMP_ERR_OS (-8)          /**< the operating system refused; see os_status */
#define MCMP_ERR_STALE (-9)       /**< the handle's row is gone */
#define MCMP_ERR_NOT_FOUND (-10)  /**< no such thing */
/** @} */
/** @name Errors: MCMP requests and answers (-101 .. -199) */
/** @{ */
#define MCMP_ERR_HTTP (-101)      /**< not HTTP/1.x, or ambiguous */
#define MCMP_ERR_HEAD_SIZE (-102) /**< the head is over its limit */
#define MCMP_ERR_BODY_SIZE (-103) /**< the body is over its limit */
#define MCMP_ERR_SYNTAX (-104)    /**< the message breaks the protocol's rules (Type SYNTAX) */
#define MCMP_ERR_TRUNCATED (-105) /**< the stream ended inside a message */
#define MCMP_ERR_ANSWER (-106)    /**< an answer of a proxy can't be understood */
/** @} */
/** @name Errors: the store (-201 .. -299) */
/** @{ */
#define MCMP_ERR_FULL (-201)         /**< a table is full; the message names it */
#define MCMP_ERR_UNKNOWN_NODE (-202) /**< no node of this JVMRoute (Type MEM) */
#define MCMP_ERR_CONFLICT (-203) /**< CONFIG against another live node or its own past (Type MEM) */
#define MCMP_ERR_DENIED (-204)   /**< the sender may not do this (Type GENERAL) */
#define MCMP_ERR_OVERTAKEN (-205) /**< a writer was faster; ask again */
#define MCMP_ERR_REGION (-206)    /**< memory given is no region, or of other layout or limits */
#define MCMP_ERR_DAMAGED (-207)   /**< an index of the region points outside its table */
#define MCMP_ERR_FILE (-208)      /**< a saved state is damaged, cut short, or is none at all */
/** @} */
/** @name Errors: the balancer (-301 .. -399) */
/** @{ */
#define MCMP_ERR_POLICY (-301) /**< the policy is not known, or a custom one gave no valid choice */
#define MCMP_ERR_RELEASED (-302) /**< the selection was released before */
/** @} */
/** @name Errors: AJP forwarding (-401 .. -499) */
/** @{ */
#define MCMP_ERR_AJP_PACKET (-401) /**< no packet of this protocol, or not where it came */
#define MCMP_ERR_AJP_STRING (-402) /**< a string or number leaves its packet, or is malformed */
#define MCMP_ERR_AJP_HEADER (-403) /**< bad header name, value or code */
#define MCMP_ERR_AJP_STATUS (-404) /**< the status is not 100..599, or is 101 */
#define MCMP_ERR_AJP_ORDER (-405)  /**< a packet that the exchange does not allow now */
#define MCMP_ERR_AJP_SIZE (-406)   /**< a packet or head is over its limit */
#define MCMP_ERR_AJP_LENGTH (-407) /**< the body is not as long as its Content-Length */
#define MCMP_ERR_AJP_REQUEST_SIZE \
    (-408) /**< the client's head does not fit into a packet, or has too many or too long names */
#define MCMP_ERR_AJP_BODY_SHORT (-409) /**< the client's body ended before its Content-Length */
#define MCMP_ERR_AJP_METHOD (-410)     /**< the method is not known, or named in two ways */
#define MCMP_ERR_AJP_ATTRIBUTE (-411) /**< an attribute that is not known, allowed or well-formed */
#define MCMP_ERR_AJP_SECRET (-412)    /**< the secret is wrong or missing */
#define MCMP_ERR_AJP_TARGET (-413)    /**< the path or query is not one of a request */
#define MCMP_ERR_AJP_FRAMING (-414)   /**< the length of the body is ambiguous or not valid */
/** @} */
/** @name Errors: HTTP forwarding (-501 .. -599) */
/** @{ */
#define MCMP_ERR_HTTP_LINE (-501)    /**< bad request or status line */
#define MCMP_ERR_HTTP_HEADER (-502)  /**< bad header line */
#define MCMP_ERR_HTTP_FRAMING (-503) /**< the length of the body is ambiguous or not valid */
#define MCMP_ERR_HTTP_SIZE \
    (-504) /**< a line, the head or the number of headers is over its limit */
#define MCMP_ERR_HTTP_CHUNK (-505)       /**< bad chunk */
#define MCMP_ERR_HTTP_VERSION (-506)     /**< not HTTP/1.0 or 1.1 */
#define MCMP_ERR_HTTP_HOST (-507)        /**< Host missing, repeated or malformed */
#define MCMP_ERR_HTTP_TARGET_SIZE (-508) /**< the request target is over its limit */
#define MCMP_ERR_HTTP_CODING (-509)      /**< a transfer coding other than chunked */
#define MCMP_ERR_HTTP_METHOD (-510)      /**< a method that is not forwarded: CONNECT */
#define MCMP_ERR_HTTP_UPGRADE (-511)     /**< a change of protocol that nobody asked for */
#define MCMP_ERR_HTTP_BODY_SIZE (-512)   /**< the body is over its limit */
/** @} */
/** @name Errors: advertise (-601 .. -699) */
/** @{ */
#define MCMP_ERR_ADVERT_SYNTAX (-601)  /**< a datagram that is malformed or cut short */
#define MCMP_ERR_ADVERT_SIZE (-602)    /**< a datagram of more than MCMP_ADVERT_MAX bytes */
#define MCMP_ERR_ADVERT_DIGEST (-603)  /**< a digest is wrong, or missing where it is needed */
#define MCMP_ERR_ADVERT_REPLAY (-604)  /**< the Sequence is not newer than the last */
#define MCMP_ERR_ADVERT_DATE (-605)    /**< the Date is too far from now, or none */
#define MCMP_ERR_ADVERT_ADDRESS (-606) /**< an address that nobody can connect to, or another */
/** @} */

/** @name Wire classes, the values of the Type header (MCMP 2) */
/** @{ */
#define MCMP_WIRE_NONE 0    /**< not an error of the wire */
#define MCMP_WIRE_SYNTAX 1  /**< `Type: SYNTAX`: a retry can't cure it */
#define MCMP_WIRE_MEM 2     /**< `Type: MEM`: the client configures itself anew */
#define MCMP_WIRE_GENERAL 3 /**< `Type: GENERAL`: refused by policy */
/** @} */

/** Detail of a failure. The caller owns it; a pointer to it may be NULL everywhere. Sized. */
typedef struct mcmp_error {
    size_t struct_size;  /**< set by mcmp_error_init() */
    int32_t code;        /**< MCMP_ERR_*, or 0 */
    uint32_t wire_class; /**< MCMP_WIRE_* */
    uint64_t offset;     /**< byte of the input where it was noticed, where there is one */
    int32_t os_status;   /**< errno or APR status, or 0 */
    uint32_t line;       /**< line of a file, or 0 */
    char field[40];      /**< field, option or limit concerned; NUL-terminated */
    char message[256];   /**< a sentence for people; NUL-terminated, printable */
} mcmp_error;

/** Memory functions of the host. Sized; NULL entries mean libc. @see mcmp_allocator_init */
typedef struct mcmp_allocator {
    size_t struct_size;                     /**< set by mcmp_allocator_init() */
    void *ctx;                              /**< first argument of each call */
    void *(*alloc)(void *ctx, size_t size); /**< NULL when there is no memory */
    void *(*realloc)(void *ctx, void *ptr, size_t old_size, size_t new_size); /**< may move */
    void (*free)(void *ctx, void *ptr, size_t size); /**< ptr is never NULL */
} mcmp_allocator;

/** @name Log levels */
/** @{ */
#define MCMP_LOG_ERROR 1  /**< something of the host's is broken */
#define MCMP_LOG_WARN 2   /**< something was left out or looks wrong */
#define MCMP_LOG_NOTICE 3 /**< a value was replaced by its default */
#define MCMP_LOG_INFO 4   /**< membership changed */
#define MCMP_LOG_DEBUG 5  /**< everything else */
/** @} */

/** Finished text of one event; peer bytes in it are escaped. msg is NUL-terminated, len without. */
typedef void (*mcmp_log_fn)(void *ctx, int level, const char *module, const char *msg, size_t len);

/** Where events go. Sized; fn NULL = nowhere. */
typedef struct mcmp_logger {
    size_t struct_size; /**< set by mcmp_logger_init() */
    void *ctx;          /**< first argument of fn */
    mcmp_log_fn fn;     /**< called in the thread that caused the event, never under a lock */
    int32_t level;      /**< highest level wanted; 0 = MCMP_LOG_INFO */
    uint32_t flags;     /**< must be 0 */
} mcmp_logger;

/**
 * @brief Clear an error object and set its size.
 * @param[out] err  the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_error_init_sized(mcmp_error *err, size_t size);
/** Initialise with this header's size. */
#define mcmp_error_init(err) mcmp_error_init_sized((err), sizeof(*(err)))

/**
 * @brief Clear an allocator (libc) and set its size.
 * @param[out] allocator the struct
 * @param[in]  size      its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_allocator_init_sized(mcmp_allocator *allocator, size_t size);
/** Initialise with this header's size. */
#define mcmp_allocator_init(a) mcmp_allocator_init_sized((a), sizeof(*(a)))

/**
 * @brief Clear a logger (silent) and set its size.
 * @param[out] logger the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_logger_init_sized(mcmp_logger *logger, size_t size);
/** Initialise with this header's size. */
#define mcmp_logger_init(l) mcmp_logger_init_sized((l), sizeof(*(l)))

/**
 * @brief A sentence for a result or error code.
 * @param[in] code any int
 * @return static text, never NULL, also for codes this version does not know
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const char *mcmp_strerror(int code);

/**
 * @brief The symbol of a result or error code, e.g. "MCMP_ERR_FULL".
 * @param[in] code any int
 * @return static text, never NULL; "MCMP_?" for unknown codes
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const char *mcmp_error_name(int code);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
