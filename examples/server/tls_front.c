/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of clients. TLS 1.2 and 1.3, HTTP/1.1 by ALPN, no renegotiation, tickets of each worker's own
 * keys. Certificates of clients are asked for only when tls-client-ca is given, and one that nobody
 * vouches for ends the handshake.
 */
#include "tls_front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "log.h"
#include "worker.h"

/* Only HTTP/1.1 is spoken; a client that offers nothing of ours goes on without ALPN. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *ctx)
{
    static const unsigned char ours[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };
    unsigned char *chosen;

    (void)ssl;
    (void)ctx;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours), in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int complain(struct complaint *why, const char *option, const char *path)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(why->text, sizeof(why->text), "can't use %.300s for %s: %s", path, option,
             reason != NULL ? reason : "no reason is known");
    return -1;
}

static int load_files(SSL_CTX *ctx, const struct config *config, struct complaint *why)
{
    const char *key = config->tls_key[0] != '\0' ? config->tls_key : config->tls_certificate;
    const char *ca = config->tls_client_ca;

    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, config->tls_certificate) != 1)
        return complain(why, "tls-certificate", config->tls_certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return complain(why, "tls-key", key);
    if (ca[0] == '\0')
        return 0;
    if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
        return complain(why, "tls-client-ca", ca);
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return 0;
}

static SSL_CTX *front_new(const struct config *config, struct complaint *why)
{
    static const unsigned char context_id[] = "mcmp-server";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    snprintf(why->text, sizeof(why->text), "no memory for TLS");
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_id_context(ctx, context_id, sizeof(context_id) - 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    if (load_files(ctx, config, why) == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

int tls_front_check(const struct config *config, struct complaint *why)
{
    SSL_CTX *ctx;

    if (config->tls_listen.count == 0)
        return 0;
    ctx = front_new(config, why);
    SSL_CTX_free(ctx);
    return ctx != NULL ? 0 : -1;
}

int tls_front_start(struct stream *s, struct worker *w)
{
    struct complaint why;

    if (w->tls_front == NULL) {
        w->tls_front = front_new(w->config, &why);
        if (w->tls_front == NULL) {
            log_write(MCMP_LOG_ERROR, "tls", "%s", why.text);
            return -1;
        }
    }
    s->ssl = SSL_new(w->tls_front);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1)
        return -1;
    SSL_set_accept_state(s->ssl);
    return 0;
}

static char *certificate_text(const SSL *ssl)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);
    BIO *bio = cert != NULL ? BIO_new(BIO_s_mem()) : NULL;
    char *text = NULL;
    char *data;
    long len;

    if (bio == NULL)
        return NULL;
    if (PEM_write_bio_X509(bio, cert) == 1) {
        len = BIO_get_mem_data(bio, &data);
        text = len > 0 ? strndup(data, (size_t)len) : NULL;
    }
    BIO_free(bio);
    return text;
}

struct tls_facts *tls_front_facts(const struct stream *s)
{
    struct tls_facts *facts = calloc(1, sizeof(*facts));
    const unsigned char *id;
    unsigned len = 0;

    if (facts == NULL)
        return NULL;
    facts->cipher = SSL_get_cipher_name(s->ssl);
    facts->protocol = SSL_get_version(s->ssl);
    facts->key_size = (unsigned)SSL_get_cipher_bits(s->ssl, NULL);
    facts->certificate = certificate_text(s->ssl);
    id = SSL_SESSION_get_id(SSL_get_session(s->ssl), &len);
    for (unsigned i = 0; i < len && i < 32; i++)
        snprintf(facts->session + (size_t)2 * i, 3, "%02x", id[i]);
    return facts;
}

void tls_facts_free(struct tls_facts *facts)
{
    if (facts == NULL)
        return;
    free(facts->certificate);
    free(facts);
}

void tls_front_free(struct worker *w)
{
    SSL_CTX_free(w->tls_front);
    w->tls_front = NULL;
}
