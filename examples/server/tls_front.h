/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as the server: tls-listen and tls-management. */
#ifndef SERVER_TLS_FRONT_H
#define SERVER_TLS_FRONT_H

#include "config.h"
#include "sockets.h"
#include "tls.h"

/* What ajp nodes are told of a client's connection. */
struct tls_facts {
    const char *cipher;
    const char *protocol;
    char *certificate; /* PEM; NULL = the client showed none */
    unsigned key_size;
    char session[65]; /* id as hex digits */
};

/* Can the files of the configuration be used? 0, or -1 with the complaint. */
int tls_front_check(const struct config *config, struct complaint *why);
/* Begin TLS as the server on an accepted connection of this kind. 0, or -1; then
 * stream_handshake(). */
int tls_front_start(struct stream *s, struct worker *w, enum listening_kind kind);
/* The subject of the certificate that the peer has shown, as RFC 2253 writes it; empty without one,
 * or when it does not fit. Its length. */
size_t tls_front_subject(const struct stream *s, char *out, size_t size);
/* What the finished handshake agreed on; NULL without memory. */
struct tls_facts *tls_front_facts(const struct stream *s);
void tls_facts_free(struct tls_facts *facts);
void tls_front_free(struct worker *w);

#endif
