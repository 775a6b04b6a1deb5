/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_ADVERTISE_H
#define LIBMCMP_ADVERTISE_H

#include <libmcmp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_advertise Advertise
 * @brief How a proxy makes itself known by multicast (MCMP 8): a datagram as bytes, an advertiser
 * that says when which datagram is to be sent, and a finder that tells from received ones which
 * proxies there are. No sockets and no clock here; see multicast.h for sockets. A `date` is wall
 * clock time in seconds since 1970-01-01 UTC, a `now` the host's monotonic clock.
 * @{
 */

#define MCMP_ADVERT_MAX 512      /**< most bytes of a datagram: Java clients read no more */
#define MCMP_ADVERT_UUID 37      /**< room for the text of a UUID with its NUL */
#define MCMP_ADVERT_NO_DATE (-1) /**< the Date of a datagram can't be understood */

/** @name Flags of a datagram */
/** @{ */
/** It has, or gets, the header `X-Manager-Digest: hmac-sha256`, an extension of this library: the
 * digest of the protocol is a plain MD5 and leaves the address out. Needs a key. */
#define MCMP_ADVERT_HMAC 0x1u
/** @} */

/** One datagram. Sized; texts of a decoded one are views into its bytes. */
typedef struct mcmp_advert {
    size_t struct_size;   /**< set by mcmp_advert_init() */
    uint32_t status;      /**< 100 .. 999; other than 200: the proxy goes, or is not ready */
    uint32_t flags;       /**< MCMP_ADVERT_HMAC */
    uint64_t sequence;    /**< from 1, more with each datagram of a server */
    int64_t date;         /**< Date; decoded: MCMP_ADVERT_NO_DATE when not an RFC 822 date in GMT */
    mcmp_span reason;     /**< reason phrase; empty in encode: that of the status */
    mcmp_span server;     /**< Server: which start of which proxy, 1 to 64 of `A-Za-z0-9._:-` */
    mcmp_span address;    /**< X-Manager-Address: address literal and port, IPv6 in brackets */
    mcmp_span url;        /**< X-Manager-Url; empty in encode: a slash and the server */
    mcmp_span protocol;   /**< X-Manager-Protocol: "http" or "https"; empty in encode: "http" */
    mcmp_span host;       /**< X-Manager-Host: the server's name; empty: no such header */
    mcmp_span date_text;  /**< decoded only: Date as it stands there */
    mcmp_span digest;     /**< decoded only: Digest */
    mcmp_span hmac;       /**< decoded only: hex digits of X-Manager-Digest, or empty */
    mcmp_span hmac_front; /**< decoded only: bytes before the line of X-Manager-Digest */
    mcmp_span hmac_back;  /**< decoded only: bytes after it */
    mcmp_span sequence_text; /**< decoded only: Sequence as it stands there */
} mcmp_advert;

/**
 * @brief Clear the struct and set its size.
 * @param[out] advert the struct
 * @param[in]  size   its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_advert_init_sized(mcmp_advert *advert, size_t size);
/** Initialise with this header's size. */
#define mcmp_advert_init(a) mcmp_advert_init_sized((a), sizeof(*(a)))

/**
 * @brief Write 16 random bytes as a UUID of version 4, for the Server of one start of a proxy.
 * @param[in]  random 16 bytes from the host's source of randomness; @borrowed for the call
 * @param[out] out    the text, NUL-terminated; room for MCMP_ADVERT_UUID bytes
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_advert_uuid(const uint8_t *random, char *out);

/**
 * @brief Write a datagram.
 * @param[in]  advert  what it says; @borrowed for the call
 * @param[in]  key     security key, empty = none; @borrowed for the call
 * @param[out] buf     where to; MCMP_ADVERT_MAX bytes are enough for every datagram
 * @param[in]  size    room in buf
 * @param[out] out_len bytes written; with MCMP_ERR_SPACE the bytes needed
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_SPACE (buf is unchanged), MCMP_ERR_ADVERT_SIZE (it would be over
 * MCMP_ADVERT_MAX), MCMP_ERR_ADVERT_ADDRESS (a wildcard, multicast or malformed address, or port
 * 0), MCMP_ERR_INVALID (another value that can't stand there, or MCMP_ADVERT_HMAC without key),
 * MCMP_ERR_UNSUPPORTED, MCMP_ERR_OS (the system's policy allows no MD5)
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_advert_encode(const mcmp_advert *advert, mcmp_span key, void *buf, size_t size,
                                size_t *out_len, mcmp_error *err);

/**
 * @brief Read a datagram; its digests are not looked at.
 * @param[in]  data   the datagram; @borrowed as long as out is used
 * @param[in]  len    its length
 * @param[out] out    initialised; filled
 * @param[out] err    detail with the offset in data; may be NULL
 * @return MCMP_OK, MCMP_ERR_ADVERT_SIZE (over MCMP_ADVERT_MAX), MCMP_ERR_ADVERT_SYNTAX (malformed,
 * cut short, a field missing, repeated or not a number), MCMP_ERR_ADVERT_ADDRESS, MCMP_ERR_INVALID
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_advert_decode(const void *data, size_t len, mcmp_advert *out, mcmp_error *err);

/**
 * @brief Check the digests of a decoded datagram, in constant time: Digest always, X-Manager-Digest
 * when there is one and a key.
 * @param[in]  advert as mcmp_advert_decode() gave it; @borrowed for the call
 * @param[in]  key    security key, empty = none; @borrowed for the call
 * @param[out] err    detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_ADVERT_DIGEST, MCMP_ERR_INVALID, MCMP_ERR_OS (the system's policy
 * allows no MD5)
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_advert_verify(const mcmp_advert *advert, mcmp_span key, mcmp_error *err);

/** @name Flags of an advertiser */
/** @{ */
#define MCMP_ADVERTISER_HMAC 0x1u /**< send X-Manager-Digest too; needs a key */
/** Another advertiser of the same server has sent a status of 200 already: for a host whose
 * processes take turns. */
#define MCMP_ADVERTISER_ANNOUNCED 0x2u
/** @} */

/** Options of an advertiser. Sized; zero means default; texts are copied. */
typedef struct mcmp_advertiser_options {
    size_t struct_size;  /**< set by mcmp_advertiser_options_init() */
    mcmp_span server;    /**< needed; see mcmp_advert_uuid() and mcmp_advert::server */
    mcmp_span address;   /**< needed; see mcmp_advert::address */
    mcmp_span url;       /**< see mcmp_advert::url */
    mcmp_span protocol;  /**< see mcmp_advert::protocol */
    mcmp_span host;      /**< see mcmp_advert::host */
    mcmp_span key;       /**< security key; empty: none */
    mcmp_time frequency; /**< time between two datagrams; 0 = 10 s, else 1 ms to 1 day */
    uint64_t sequence;   /**< the last one used for this server; 0 = none */
    uint32_t flags;      /**< MCMP_ADVERTISER_* */
    uint32_t status;     /**< 0 = 200; see mcmp_advertiser_set_status() */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
} mcmp_advertiser_options;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_advertiser_options_init_sized(mcmp_advertiser_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_advertiser_options_init(o) mcmp_advertiser_options_init_sized((o), sizeof(*(o)))

/** Says when which datagram of one server is to be sent. */
typedef struct mcmp_advertiser mcmp_advertiser;

/**
 * @brief Create an advertiser. That every datagram will fit is checked here.
 * @param[out] out  the advertiser; @owned, free with mcmp_advertiser_free()
 * @param[in]  opts the options; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, and the errors of mcmp_advert_encode()
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_advertiser_new(mcmp_advertiser **out, const mcmp_advertiser_options *opts,
                                 mcmp_error *err);

/**
 * @brief Free an advertiser; its key is overwritten.
 * @param[in] advertiser the advertiser; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_advertiser_free(mcmp_advertiser *advertiser);

/**
 * @brief What is to be done now: the first datagram is due at once, then one every frequency, at a
 * change of the status, and at the stop.
 * @param[in]  advertiser the advertiser; @borrowed
 * @param[in]  now        monotonic time
 * @param[in]  date       wall clock time for Date, 0 to 9999-12-31
 * @param[out] out        MCMP_OK: the datagram; view, valid until the next call
 * @param[out] out_at     MCMP_OK, MCMP_WAIT: when to call again; MCMP_NEVER: after the status was
 * set or the advertiser was stopped
 * @param[out] err        detail; may be NULL
 * @return MCMP_OK (send out now), MCMP_WAIT (nothing now), MCMP_DONE (stopped, nothing is left to
 * be said), MCMP_ERR_INVALID (date), MCMP_ERR_OS (the system's policy allows no MD5)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_advertiser_next(mcmp_advertiser *advertiser, mcmp_time now, int64_t date,
                                  mcmp_span *out, mcmp_time *out_at, mcmp_error *err);

/**
 * @brief The datagram of the last call could not be sent: it does not count as announced, and the
 * next one follows at its usual time.
 * @param[in] advertiser the advertiser; @borrowed
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_advertiser_unsent(mcmp_advertiser *advertiser);

/**
 * @brief Say something else from now on. A change makes a datagram due at once; another status than
 * 200 is only ever sent after a 200 of the same server, since clients would add the proxy for it.
 * @param[in] advertiser the advertiser; @borrowed
 * @param[in] status     100 .. 999; 200 = here and ready, 503 = not now, 410 = going
 * @return MCMP_OK, MCMP_ERR_INVALID (status), MCMP_ERR_STATE (stopped)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_advertiser_set_status(mcmp_advertiser *advertiser, uint32_t status);

/**
 * @brief The proxy goes away: one last datagram is due at once, then nothing more is sent.
 * @param[in] advertiser the advertiser; @borrowed
 * @param[in] status     of the last datagram, 0 = 410 Gone; none is sent when no 200 was
 * @return MCMP_OK, MCMP_ERR_INVALID (status 200, or no status)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_advertiser_stop(mcmp_advertiser *advertiser, uint32_t status);

/**
 * @brief The last Sequence that was used.
 * @param[in] advertiser the advertiser; @borrowed
 * @return the number, 0 = none
 * @mt_handle @reentrant yes
 * @since 0.1
 */
MCMP_API uint64_t mcmp_advertiser_sequence(const mcmp_advertiser *advertiser);

/**
 * @brief Was a status of 200 sent?
 * @param[in] advertiser the advertiser; @borrowed
 * @return 1 or 0
 * @mt_handle @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_advertiser_is_announced(const mcmp_advertiser *advertiser);

/** @name Flags of a finder */
/** @{ */
#define MCMP_FINDER_HMAC 0x1u /**< refuse datagrams without X-Manager-Digest; needs a key */
/** @} */

/** Options of a finder. Sized; zero means default. */
typedef struct mcmp_finder_options {
    size_t struct_size;   /**< set by mcmp_finder_options_init() */
    mcmp_span key;        /**< security key; empty: none; copied */
    mcmp_time window;     /**< with a key: most that Date may differ from the date given; 0 = 300 s,
                               MCMP_NEVER = it is not looked at */
    mcmp_time lost_after; /**< a proxy that was silent for so long is lost; 0 = never */
    uint32_t max_proxies; /**< servers that are remembered; 0 = 64, at most 4096 */
    uint32_t flags;       /**< MCMP_FINDER_* */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
} mcmp_finder_options;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_finder_options_init_sized(mcmp_finder_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_finder_options_init(o) mcmp_finder_options_init_sized((o), sizeof(*(o)))

/** @name What a datagram changed */
/** @{ */
#define MCMP_FOUND_SAME \
    0                     /**< nothing: heard again, or a status other than 200 of a server that is
                               not known or is gone already */
#define MCMP_FOUND_NEW 1  /**< a proxy that was not known */
#define MCMP_FOUND_BACK 2 /**< one that had left or was lost is there again */
#define MCMP_FOUND_LEFT 3 /**< it says another status than 200 */
#define MCMP_FOUND_LOST 4 /**< it was silent for too long; from mcmp_finder_expire() */
/** @} */

/** A proxy as a finder knows it. Sized; texts are views into the finder, valid until the next
 * feed. */
typedef struct mcmp_found {
    size_t struct_size; /**< set by mcmp_found_init() */
    uint32_t change;    /**< MCMP_FOUND_*; of mcmp_finder_get(): NEW = there, LEFT or LOST */
    uint32_t status;    /**< of the last datagram */
    uint64_t sequence;  /**< of the last datagram */
    int64_t date;       /**< of the last datagram, or MCMP_ADVERT_NO_DATE */
    mcmp_time heard;    /**< when that came */
    mcmp_span server;   /**< which start of which proxy */
    mcmp_span address;  /**< address literal and port, IPv6 in brackets */
    mcmp_span host;     /**< the address alone, without brackets */
    mcmp_span url;      /**< X-Manager-Url, or empty */
    mcmp_span protocol; /**< "http" or "https" */
    mcmp_span name;     /**< X-Manager-Host, or empty */
    uint32_t port;      /**< of the address */
    uint32_t flags;     /**< MCMP_ADVERT_HMAC: the last datagram had a valid one */
} mcmp_found;

/**
 * @brief Clear the struct and set its size.
 * @param[out] found the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_found_init_sized(mcmp_found *found, size_t size);
/** Initialise with this header's size. */
#define mcmp_found_init(f) mcmp_found_init_sized((f), sizeof(*(f)))

/** Tells from datagrams which proxies there are. */
typedef struct mcmp_finder mcmp_finder;

/**
 * @brief Create a finder.
 * @param[out] out  the finder; @owned, free with mcmp_finder_free()
 * @param[in]  opts NULL = defaults; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_finder_new(mcmp_finder **out, const mcmp_finder_options *opts, mcmp_error *err);

/**
 * @brief Free a finder; its key is overwritten.
 * @param[in] finder the finder; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_finder_free(mcmp_finder *finder);

/**
 * @brief A datagram came. One that is refused changes nothing. Without a key everybody in the
 * network can name any address: then the host decides whom it may connect to.
 * @param[in]  finder the finder; @borrowed
 * @param[in]  data   the datagram; @borrowed for the call
 * @param[in]  len    its length
 * @param[in]  now    monotonic time
 * @param[in]  date   wall clock time, for the window
 * @param[out] out    initialised; filled on MCMP_OK. With MCMP_FOUND_SAME of a server that is not
 * known all else is empty
 * @param[out] err    detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_ADVERT_SIZE, MCMP_ERR_ADVERT_SYNTAX, MCMP_ERR_ADVERT_ADDRESS (also
 * another one than before), MCMP_ERR_ADVERT_DIGEST, MCMP_ERR_ADVERT_DATE (outside of the window),
 * MCMP_ERR_ADVERT_REPLAY (not newer than the last of the server), MCMP_ERR_LIMIT (max_proxies are
 * there), MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_OS (the system's policy allows no MD5)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_finder_feed(mcmp_finder *finder, const void *data, size_t len, mcmp_time now,
                              int64_t date, mcmp_found *out, mcmp_error *err);

/**
 * @brief Is a proxy silent for longer than lost_after? Call until MCMP_DONE.
 * @param[in]  finder the finder; @borrowed
 * @param[in]  now    monotonic time
 * @param[out] out    initialised; filled on MCMP_OK
 * @param[out] out_at MCMP_DONE: when the next could be; MCMP_NEVER
 * @return MCMP_OK (this one is lost), MCMP_DONE (no more of them), MCMP_ERR_INVALID
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_finder_expire(mcmp_finder *finder, mcmp_time now, mcmp_found *out,
                                mcmp_time *out_at);

/**
 * @brief How many servers are remembered.
 * @param[in] finder the finder; @borrowed
 * @return their number
 * @mt_handle @reentrant yes
 * @since 0.1
 */
MCMP_API size_t mcmp_finder_count(const mcmp_finder *finder);

/**
 * @brief One of them, in the order in which they were found.
 * @param[in]  finder the finder; @borrowed
 * @param[in]  index  from 0
 * @param[out] out    initialised; filled
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND, MCMP_ERR_INVALID
 * @mt_handle @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_finder_get(const mcmp_finder *finder, size_t index, mcmp_found *out);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
