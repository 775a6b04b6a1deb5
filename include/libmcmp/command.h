/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_COMMAND_H
#define LIBMCMP_COMMAND_H

#include <libmcmp/base.h>
#include <libmcmp/parser.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_command Typed commands
 * @brief The form body of a request as typed fields, checked by the rules of MCMP 1 and 3.
 * @{
 */

/** @name Fields, as bits of mcmp_command.given */
/** @{ */
#define MCMP_FIELD_JVMROUTE 0x1u          /**< JVMRoute */
#define MCMP_FIELD_DOMAIN 0x2u            /**< Domain */
#define MCMP_FIELD_HOST 0x4u              /**< Host */
#define MCMP_FIELD_PORT 0x8u              /**< Port */
#define MCMP_FIELD_TYPE 0x10u             /**< Type */
#define MCMP_FIELD_REVERSED 0x20u         /**< Reversed */
#define MCMP_FIELD_FLUSHPACKETS 0x40u     /**< flushpackets */
#define MCMP_FIELD_FLUSHWAIT 0x80u        /**< flushwait */
#define MCMP_FIELD_PING 0x100u            /**< ping */
#define MCMP_FIELD_SMAX 0x200u            /**< smax */
#define MCMP_FIELD_TTL 0x400u             /**< ttl */
#define MCMP_FIELD_TIMEOUT 0x800u         /**< Timeout */
#define MCMP_FIELD_BALANCER 0x1000u       /**< Balancer */
#define MCMP_FIELD_STICKY 0x2000u         /**< StickySession */
#define MCMP_FIELD_STICKY_FORCE 0x4000u   /**< StickySessionForce */
#define MCMP_FIELD_STICKY_REMOVE 0x8000u  /**< StickySessionRemove */
#define MCMP_FIELD_STICKY_COOKIE 0x10000u /**< StickySessionCookie */
#define MCMP_FIELD_STICKY_PATH 0x20000u   /**< StickySessionPath */
#define MCMP_FIELD_WAIT_WORKER 0x40000u   /**< WaitWorker */
#define MCMP_FIELD_MAX_ATTEMPTS 0x80000u  /**< Maxattempts */
#define MCMP_FIELD_ALIAS 0x100000u        /**< Alias */
#define MCMP_FIELD_CONTEXT 0x200000u      /**< Context */
#define MCMP_FIELD_LOAD 0x400000u         /**< Load */
#define MCMP_FIELD_SCHEME 0x800000u       /**< Scheme (PING) */
/** @} */

/** @name Node types and schemes */
/** @{ */
#define MCMP_SCHEME_AJP 0   /**< ajp */
#define MCMP_SCHEME_HTTP 1  /**< http */
#define MCMP_SCHEME_HTTPS 2 /**< https */
#define MCMP_SCHEME_WS 3    /**< ws */
#define MCMP_SCHEME_WSS 4   /**< wss */
/** @} */

/** @name flushpackets */
/** @{ */
#define MCMP_FLUSH_OFF 0  /**< Off */
#define MCMP_FLUSH_ON 1   /**< On */
#define MCMP_FLUSH_AUTO 2 /**< Auto */
/** @} */

/** @name Flags of a command */
/** @{ */
#define MCMP_COMMAND_REVERSED 0x1u          /**< Reversed is true */
#define MCMP_COMMAND_STICKY 0x2u            /**< StickySession */
#define MCMP_COMMAND_STICKY_FORCE 0x4u      /**< StickySessionForce */
#define MCMP_COMMAND_STICKY_REMOVE 0x8u     /**< StickySessionRemove */
#define MCMP_COMMAND_BALANCER_LOWERED 0x10u /**< Balancer was lower-cased: log a notice */
#define MCMP_COMMAND_WHOLE_NODE 0x20u       /**< an *-APP command for the whole node */
#define MCMP_COMMAND_NOT_ASCII 0x40u        /**< some value has bytes outside 0x20..0x7e */
/** @} */

/**
 * Longest names, in bytes. Sized; zero means the default of MCMP 3, which the comments give; the
 * greatest value allowed is 255, for context 1023.
 */
typedef struct mcmp_command_limits {
    size_t struct_size;   /**< set by mcmp_command_limits_init() */
    uint64_t max_message; /**< body; 0 = computed by MCMP 3.4 from max_aliases and max_contexts */
    uint32_t jvm_route;   /**< 63 */
    uint32_t domain;      /**< 19 */
    uint32_t host;        /**< 63 */
    uint32_t port;        /**< 6 */
    uint32_t type;        /**< 15 */
    uint32_t balancer;    /**< 39 */
    uint32_t cookie;      /**< 29, also for StickySessionPath */
    uint32_t alias;       /**< 254 */
    uint32_t context;     /**< 79 */
    uint32_t reserved;    /**< 0 */
} mcmp_command_limits;

/**
 * One decoded command. Every field holds its value or its default, given tells which were sent.
 * Names are decoded and in canonical form: balancer and aliases lower-cased, host in brackets when
 * it is IPv6, contexts without a trailing slash, lists without repeats. Sized; only read by the
 * host.
 */
typedef struct mcmp_command {
    size_t struct_size;        /**< of the library that made it */
    uint32_t kind;             /**< MCMP_COMMAND_* */
    uint32_t flags;            /**< MCMP_COMMAND_REVERSED and those after it */
    uint64_t given;            /**< MCMP_FIELD_* that occurred */
    uint64_t defaulted;        /**< MCMP_FIELD_* whose value was bad and kept the default: notice */
    mcmp_span jvm_route;       /**< empty when missing */
    mcmp_span domain;          /**< empty */
    mcmp_span host;            /**< "localhost" */
    mcmp_span balancer;        /**< empty: the cluster's default applies */
    mcmp_span sticky_cookie;   /**< "JSESSIONID" */
    mcmp_span sticky_path;     /**< "jsessionid" */
    const mcmp_span *aliases;  /**< alias_count of them, in order of appearance */
    const mcmp_span *contexts; /**< context_count of them */
    size_t alias_count;        /**< 0 when Alias did not occur */
    size_t context_count;      /**< 0 when Context did not occur */
    uint32_t port;             /**< 8009 */
    uint32_t scheme;           /**< MCMP_SCHEME_*, of Type (CONFIG: ajp) or Scheme (PING) */
    uint32_t flushpackets;     /**< MCMP_FLUSH_OFF */
    int32_t smax;              /**< -1 */
    mcmp_time flushwait;       /**< 10 ms */
    mcmp_time ping;            /**< 10 s */
    mcmp_time ttl;             /**< 60 s */
    mcmp_time timeout;         /**< 0 = the host's own default */
    mcmp_time wait_worker;     /**< 0; saturated at 2^62 */
    uint32_t max_attempts;     /**< 1 */
    int32_t load;              /**< STATUS; meaningful when given has MCMP_FIELD_LOAD */
} mcmp_command;

/** Decodes bodies; its memory is reused from message to message. */
typedef struct mcmp_decoder mcmp_decoder;

/**
 * @brief Clear the struct and set its size.
 * @param[out] limits the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_command_limits_init_sized(mcmp_command_limits *limits, size_t size);
/** Initialise with this header's size. */
#define mcmp_command_limits_init(l) mcmp_command_limits_init_sized((l), sizeof(*(l)))

/**
 * @brief Create a decoder.
 * @param[out] out       the decoder; @owned, free with mcmp_decoder_free()
 * @param[in]  limits    NULL = defaults; copied
 * @param[in]  allocator NULL = libc; copied
 * @param[out] err       detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_decoder_new(mcmp_decoder **out, const mcmp_command_limits *limits,
                              const mcmp_allocator *allocator, mcmp_error *err);

/**
 * @brief Free a decoder; NULL is allowed.
 * @param[in] decoder the decoder; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_decoder_free(mcmp_decoder *decoder);

/**
 * @brief Decode and check the body of a request by the order of judgement of MCMP 1, from the
 * walker over the whole body up to the Alias/Context pairing.
 *
 * What request->decoded has made of this very body, under the same limits of names, is handed out
 * as it is. The parser sets it (mcmp_parser_options.limits); a host with a parser of its own may
 * set it to a decoder that has just decoded the request. It is overlooked when command, whole-node
 * flag or place of the body are others than at that time.
 * @param[in]  decoder the decoder; @borrowed
 * @param[in]  request the request; @borrowed for the call
 * @param[out] out     the command; view into the decoder and the request, valid until the next
 * decode of the decoder, or of request->decoded
 * @param[out] refusal MCMP_REFUSAL_* of response.h when the result is MCMP_ERR_SYNTAX; may be NULL
 * @param[out] err     code, wire class, field and the Mess text of the catalogue in message (longer
 * texts are cut there, the refusal code is not); may be NULL
 * @return MCMP_OK, MCMP_ERR_SYNTAX, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_decoder_decode(mcmp_decoder *decoder, const mcmp_request *request,
                                 const mcmp_command **out, uint32_t *refusal, mcmp_error *err);

/**
 * @brief The command that request->decoded has made of the body, without decoding anything.
 *
 * A parser with mcmp_parser_options.limits gives typed commands this way: ask for the command of
 * mcmp_parser_request().
 * @param[in] request the request; @borrowed for the call
 * @param[in] limits  those that must have been followed, as mcmp_cluster_limits() gives them; NULL
 * = any; @borrowed for the call
 * @return view into request->decoded, valid as long as the request; NULL when it has decoded
 * nothing or something else (see mcmp_decoder_decode()), or has refused the body
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const mcmp_command *mcmp_request_command(const mcmp_request *request,
                                                  const mcmp_command_limits *limits);

/**
 * @brief The key that the last refused decode was about (`Invalid field "<key>"`, scheme).
 * @param[in] decoder the decoder; @borrowed
 * @return view into the decoder, decoded, not escaped; empty when there is none
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API mcmp_span mcmp_decoder_culprit(const mcmp_decoder *decoder);

/**
 * @brief The default message limit of MCMP 3.4: max(1024, 9 + 64 + aliases * 255 + 7 + contexts *
 * 80 + 8), at most 1 MiB.
 * @param[in] max_aliases  as in mcmp_cluster_options
 * @param[in] max_contexts as in mcmp_cluster_options
 * @return bytes
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API uint64_t mcmp_message_limit(uint32_t max_aliases, uint32_t max_contexts);

/**
 * @brief "ajp", "http", ... of MCMP_SCHEME_*; "?" for others.
 * @param[in] scheme MCMP_SCHEME_*
 * @return static text, never NULL
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const char *mcmp_scheme_name(uint32_t scheme);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
