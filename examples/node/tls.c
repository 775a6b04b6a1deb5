/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards management ports, see tls.h. TLS 1.2 at least; certificates are checked against the
 * host that was asked for unless the options say otherwise.
 */
#include "tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct node_tls {
    SSL_CTX *ctx;
    int verify;
};

struct node_tls_conn {
    SSL *ssl;
    BIO *in;
    BIO *out;
};

static int load_files(SSL_CTX *ctx, const node_tls_options *options, const char **why)
{
    const char *key = options->key != NULL ? options->key : options->cert;

    *why = "the file of --tls-ca can't be read";
    if (options->ca != NULL ? SSL_CTX_load_verify_locations(ctx, options->ca, NULL) != 1
                            : SSL_CTX_set_default_verify_paths(ctx) != 1)
        return -1;
    if (options->cert == NULL)
        return 0;
    *why = "the file of --tls-cert can't be read";
    if (SSL_CTX_use_certificate_chain_file(ctx, options->cert) != 1)
        return -1;
    *why = "the file of --tls-key can't be read, or does not belong to --tls-cert";
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return -1;
    return 0;
}

node_tls *node_tls_new(const node_tls_options *options, const char **why)
{
    node_tls *tls = calloc(1, sizeof(*tls));

    *why = "no memory for TLS";
    if (tls == NULL)
        return NULL;
    tls->verify = options->verify;
    tls->ctx = SSL_CTX_new(TLS_client_method());
    if (tls->ctx == NULL || load_files(tls->ctx, options, why) != 0) {
        node_tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(tls->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (options->verify)
        SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    return tls;
}

void node_tls_free(node_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

static int is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

static int set_host(SSL *ssl, const char *host, int verify)
{
    if (is_address(host))
        return verify ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) : 1;
    if (SSL_set_tlsext_host_name(ssl, host) != 1)
        return 0;
    return verify ? SSL_set1_host(ssl, host) : 1;
}

node_tls_conn *node_tls_open(node_tls *tls, const char *host)
{
    node_tls_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        return NULL;
    conn->ssl = SSL_new(tls->ctx);
    conn->in = BIO_new(BIO_s_mem());
    conn->out = BIO_new(BIO_s_mem());
    if (conn->ssl == NULL || conn->in == NULL || conn->out == NULL ||
        set_host(conn->ssl, host, tls->verify) != 1) {
        BIO_free(conn->in);
        BIO_free(conn->out);
        SSL_free(conn->ssl);
        free(conn);
        return NULL;
    }
    SSL_set_bio(conn->ssl, conn->in, conn->out); /* they belong to it now */
    SSL_set_connect_state(conn->ssl);
    return conn;
}

void node_tls_close(node_tls_conn *conn)
{
    if (conn == NULL)
        return;
    SSL_free(conn->ssl);
    free(conn);
}

int node_tls_put(node_tls_conn *conn, const void *data, size_t len)
{
    return BIO_write(conn->in, data, (int)len) == (int)len ? 0 : -1;
}

static const char *reason_of(SSL *ssl, const char *standard)
{
    long verified = SSL_get_verify_result(ssl);

    return verified != X509_V_OK ? X509_verify_cert_error_string(verified) : standard;
}

int node_tls_handshake(node_tls_conn *conn, const char **why)
{
    int rc;

    if (SSL_is_init_finished(conn->ssl))
        return 1;
    ERR_clear_error();
    rc = SSL_do_handshake(conn->ssl);
    if (rc == 1)
        return 1;
    if (SSL_get_error(conn->ssl, rc) == SSL_ERROR_WANT_READ)
        return 0;
    *why = reason_of(conn->ssl, "the TLS handshake failed");
    return -1;
}

int node_tls_read(node_tls_conn *conn, void *data, size_t size, const char **why)
{
    int error;
    int rc;

    ERR_clear_error();
    rc = SSL_read(conn->ssl, data, (int)size);
    if (rc > 0)
        return rc;
    error = SSL_get_error(conn->ssl, rc);
    if (error == SSL_ERROR_WANT_READ)
        return 0;
    *why = error == SSL_ERROR_ZERO_RETURN ? NULL : "the TLS connection broke";
    return -1;
}

int node_tls_write(node_tls_conn *conn, const void *data, size_t len)
{
    ERR_clear_error();
    return SSL_write(conn->ssl, data, (int)len) == (int)len ? 0 : -1;
}

size_t node_tls_take(node_tls_conn *conn, void *data, size_t size)
{
    int rc = BIO_read(conn->out, data, (int)size);

    return rc > 0 ? (size_t)rc : 0;
}
