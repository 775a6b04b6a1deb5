/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS as the server. TLS 1.2 and 1.3, HTTP/1.1 by ALPN, no renegotiation, tickets of each worker's
 * own keys. Certificates of clients are asked for only when tls-client-ca is given, and one that
 * nobody vouches for ends the handshake; those of nodes likewise, but they must show one.
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

/* What a kind of listener asks of its clients. */
struct demand {
    const char *option; /* names the file of authorities */
    const char *ca;     /* empty: no certificate is asked for */
    int verify;         /* SSL_VERIFY_* */
};

static struct demand demand_of(const struct config *config, enum listening_kind kind)
{
    struct demand client = { "tls-client-ca", config->tls_client_ca, SSL_VERIFY_PEER };
    struct demand manage = { "management-client-ca", config->management_client_ca,
                             SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT };

    return listening_is_management(kind) ? manage : client;
}

static int load_files(SSL_CTX *ctx, const struct config *config, enum listening_kind kind,
                      struct complaint *why)
{
    const char *key = config->tls_key[0] != '\0' ? config->tls_key : config->tls_certificate;
    struct demand demand = demand_of(config, kind);

    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, config->tls_certificate) != 1)
        return complain(why, "tls-certificate", config->tls_certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return complain(why, "tls-key", key);
    if (demand.ca[0] == '\0')
        return 0;
    if (SSL_CTX_load_verify_locations(ctx, demand.ca, NULL) != 1)
        return complain(why, demand.option, demand.ca);
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(demand.ca));
    SSL_CTX_set_verify(ctx, demand.verify, NULL);
    return 0;
}

static SSL_CTX *front_new(const struct config *config, enum listening_kind kind,
                          struct complaint *why)
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
    if (load_files(ctx, config, kind, why) == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static int check(const struct config *config, enum listening_kind kind,
                 const struct address_list *list, struct complaint *why)
{
    SSL_CTX *ctx;

    if (list->count == 0)
        return 0;
    ctx = front_new(config, kind, why);
    SSL_CTX_free(ctx);
    return ctx != NULL ? 0 : -1;
}

int tls_front_check(const struct config *config, struct complaint *why)
{
    if (check(config, LISTENING_TLS, &config->tls_listen, why) != 0)
        return -1;
    return check(config, LISTENING_TLS_MANAGEMENT, &config->tls_management, why);
}

int tls_front_start(struct stream *s, struct worker *w, enum listening_kind kind)
{
    SSL_CTX **ctx = listening_is_management(kind) ? &w->tls_manage : &w->tls_front;
    struct complaint why;

    if (*ctx == NULL) {
        *ctx = front_new(w->config, kind, &why);
        if (*ctx == NULL) {
            log_write(MCMP_LOG_ERROR, "tls", "%s", why.text);
            return -1;
        }
    }
    s->ssl = SSL_new(*ctx);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1)
        return -1;
    SSL_set_accept_state(s->ssl);
    return 0;
}

size_t tls_front_subject(const struct stream *s, char *out, size_t size)
{
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    BIO *bio = cert != NULL ? BIO_new(BIO_s_mem()) : NULL;
    char *data;
    long len = 0;

    if (bio == NULL)
        return 0;
    if (X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) > 0)
        len = BIO_get_mem_data(bio, &data);
    if (len < 0 || (size_t)len > size)
        len = 0;
    if (len > 0)
        memcpy(out, data, (size_t)len);
    BIO_free(bio);
    return (size_t)len;
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
    SSL_CTX_free(w->tls_manage);
    w->tls_front = NULL;
    w->tls_manage = NULL;
}
