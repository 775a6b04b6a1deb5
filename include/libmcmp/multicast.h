/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_MULTICAST_H
#define LIBMCMP_MULTICAST_H

#include <libmcmp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_multicast Multicast sockets
 * @brief Sockets for the datagrams of advertise.h, for hosts that have none of their own. They
 * never block: the host's loop waits on the descriptor.
 * @{
 */

#define MCMP_MULTICAST_GROUP "224.0.1.105:23364" /**< the default group */
#define MCMP_MULTICAST_TEXT 80 /**< room for an address with port as text and its NUL */

/** @name Flags of a multicast socket */
/** @{ */
#define MCMP_MULTICAST_RECEIVE 0x1u /**< join the group and receive; without: send only */
#define MCMP_MULTICAST_NO_LOOP 0x2u /**< what is sent is not heard by this host */
#define MCMP_MULTICAST_TTL_0 0x4u   /**< what is sent does not leave this host */
/** @} */

/** Options of a multicast socket. Sized; zero means default; texts are @borrowed for the call. */
typedef struct mcmp_multicast_options {
    size_t struct_size;              /**< set by mcmp_multicast_options_init() */
    mcmp_span group;                 /**< address and port, IPv6 in brackets, both may be left out:
                                          ":9999", "[ff05::1:5]"; empty: MCMP_MULTICAST_GROUP */
    mcmp_span interface_name;        /**< name or address of the interface; empty: the system's
                                          choice for the group */
    uint32_t flags;                  /**< MCMP_MULTICAST_* */
    uint32_t ttl;                    /**< of what is sent, 1 .. 255; 0 = 10 */
    const mcmp_allocator *allocator; /**< copied; NULL = libc */
} mcmp_multicast_options;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_multicast_options_init_sized(mcmp_multicast_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_multicast_options_init(o) mcmp_multicast_options_init_sized((o), sizeof(*(o)))

/** A socket of a multicast group. */
typedef struct mcmp_multicast mcmp_multicast;

/**
 * @brief Open a socket; several on one group, also of other processes, hear the same.
 * @param[out] out  the socket; @owned, close with mcmp_multicast_close()
 * @param[in]  opts NULL = defaults
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID (no multicast group, no such interface, or
 * the TTL), MCMP_ERR_UNSUPPORTED, MCMP_ERR_OS
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_multicast_open(mcmp_multicast **out, const mcmp_multicast_options *opts,
                                 mcmp_error *err);

/**
 * @brief Close a socket.
 * @param[in] socket the socket; taken; may be NULL
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_multicast_close(mcmp_multicast *socket);

/**
 * @brief The descriptor, to wait for input; non-blocking and closed on exec.
 * @param[in] socket the socket; @borrowed
 * @return the descriptor; it stays the socket's
 * @mt_handle @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_multicast_fd(const mcmp_multicast *socket);

/**
 * @brief Send a datagram to the group.
 * @param[in]  socket the socket; @borrowed
 * @param[in]  data   the datagram; @borrowed for the call
 * @param[in]  len    its length
 * @param[out] err    detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_OS
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_multicast_send(mcmp_multicast *socket, const void *data, size_t len,
                                 mcmp_error *err);

/**
 * @brief Take a datagram that has come.
 * @param[in]  socket  the socket, opened with MCMP_MULTICAST_RECEIVE; @borrowed
 * @param[out] buf     where to
 * @param[in]  size    room in buf; MCMP_ADVERT_MAX + 1 tells too long ones from others
 * @param[out] out_len bytes in buf; what did not fit is lost
 * @param[out] peer    the sender's address and port, NUL-terminated; room for
 * MCMP_MULTICAST_TEXT bytes; may be NULL
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_WAIT (none is there), MCMP_ERR_OS
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_multicast_receive(mcmp_multicast *socket, void *buf, size_t size, size_t *out_len,
                                    char *peer, mcmp_error *err);

/**
 * @brief What X-Manager-Address should say: the address that a listener is bound to, or for a
 * wildcard that of the interface which the group's datagrams leave by.
 * @param[in]  socket   the socket; @borrowed
 * @param[in]  listener address literal and port that the listener is bound to, IPv6 in brackets;
 * "[::]:PORT" gives an IPv6 address where there is one, "*:PORT", for listeners of both families, one
 * of the group's
 * @param[out] out      the address and port, NUL-terminated; room for MCMP_MULTICAST_TEXT bytes
 * @param[out] err      detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_ADVERT_ADDRESS (malformed, port 0, or the interface has no address
 * that can be announced: the host must give one), MCMP_ERR_OS
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_multicast_announce(mcmp_multicast *socket, mcmp_span listener, char *out,
                                     mcmp_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
