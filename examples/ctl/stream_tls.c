/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS by OpenSSL. The proxy's certificate is checked against its name unless --insecure says
 * otherwise; with --cert the client shows one of its own.
 */
#include "stream.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>

static int fail_tls(ctl_stream *s, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    long verdict = s->ssl != NULL ? SSL_get_verify_result(s->ssl) : X509_V_OK;

    if (verdict != X509_V_OK && !s->options->insecure)
        reason = X509_verify_cert_error_string(verdict);
    (void)snprintf(s->why, sizeof(s->why), "%s%s%s", what, reason != NULL ? ": " : "",
                   reason != NULL ? reason : "");
    ERR_clear_error();
    return -1;
}

static int fail_file(ctl_stream *s, const char *flag, const char *file)
{
    char what[200];

    (void)snprintf(what, sizeof(what), "%s %s", flag, file);
    return fail_tls(s, what);
}

/* What is not there: a file to trust means the system's own. */
static int load(ctl_stream *s, SSL_CTX *ctx)
{
    const ctl_options *o = s->options;

    if (o->ca != NULL ? SSL_CTX_load_verify_locations(ctx, o->ca, NULL) != 1
                      : SSL_CTX_set_default_verify_paths(ctx) != 1)
        return fail_file(s, "--ca", o->ca != NULL ? o->ca : "(the system's)");
    if (o->cert != NULL && SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1)
        return fail_file(s, "--cert", o->cert);
    if (o->cert != NULL &&
        SSL_CTX_use_PrivateKey_file(ctx, o->key != NULL ? o->key : o->cert, SSL_FILETYPE_PEM) != 1)
        return fail_file(s, "--key", o->key != NULL ? o->key : o->cert);
    return 0;
}

static int make_context(ctl_stream *s)
{
    if (s->ctx != NULL)
        return 0;
    s->ctx = SSL_CTX_new(TLS_client_method());
    if (s->ctx == NULL)
        return fail_tls(s, "no TLS context");
    (void)SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(s->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(s->ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_verify(s->ctx, s->options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (load(s, s->ctx) == 0)
        return 0;
    SSL_CTX_free(s->ctx);
    s->ctx = NULL;
    return -1;
}

static int set_name(ctl_stream *s)
{
    char name[256];
    unsigned char literal[sizeof(struct in6_addr)];

    (void)snprintf(name, sizeof(name), "%.*s", (int)s->options->host.len, s->options->host.ptr);
    if (inet_pton(AF_INET, name, literal) == 1 || inet_pton(AF_INET6, name, literal) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), name) == 1 ? 0 : -1;
    if (SSL_set_tlsext_host_name(s->ssl, name) != 1)
        return -1;
    return SSL_set1_host(s->ssl, name) == 1 ? 0 : -1;
}

/* After a call that returned rc: 1 = try it again, 0 = the stream has ended, -1 = failed. */
static int settle(ctl_stream *s, int rc, mcmp_time deadline, const char *what)
{
    int error = SSL_get_error(s->ssl, rc);

    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (error == SSL_ERROR_WANT_READ)
        return ctl_stream_wait(s, POLLIN, deadline, what) == 0 ? 1 : -1;
    if (error == SSL_ERROR_WANT_WRITE)
        return ctl_stream_wait(s, POLLOUT, deadline, what) == 0 ? 1 : -1;
    return fail_tls(s, "TLS");
}

int ctl_tls_start(ctl_stream *s, mcmp_time deadline)
{
    int rc;
    int turn;

    if (make_context(s) != 0)
        return -1;
    s->ssl = SSL_new(s->ctx);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1 || set_name(s) != 0)
        return fail_tls(s, "no TLS connection object");
    while ((rc = SSL_connect(s->ssl)) != 1) {
        turn = settle(s, rc, deadline, "TLS handshake");
        if (turn == 0)
            return ctl_stream_fail(s, "TLS: the proxy ended the handshake");
        if (turn < 0)
            return -1;
    }
    return 0;
}

int ctl_tls_write(ctl_stream *s, const char *data, size_t len, mcmp_time deadline)
{
    size_t written;

    for (;;) {
        int rc = SSL_write_ex(s->ssl, data, len, &written);
        int turn;

        if (rc == 1)
            return 0;
        turn = settle(s, rc, deadline, "room for the message");
        if (turn == 0)
            return ctl_stream_fail(s, "TLS: the proxy has ended the connection");
        if (turn < 0)
            return -1;
    }
}

int ctl_tls_read(ctl_stream *s, char *data, size_t size, size_t *out_len, mcmp_time deadline)
{
    for (;;) {
        int rc = SSL_read_ex(s->ssl, data, size, out_len);
        int turn;

        if (rc == 1)
            return 0;
        turn = settle(s, rc, deadline, "answer");
        if (turn == 0) {
            *out_len = 0;
            return 0;
        }
        if (turn < 0)
            return -1;
    }
}

void ctl_tls_close(ctl_stream *s)
{
    if (s->ssl == NULL)
        return;
    (void)SSL_shutdown(s->ssl);
    ERR_clear_error();
    SSL_free(s->ssl);
    s->ssl = NULL;
}

void ctl_tls_clear(ctl_stream *s)
{
    SSL_CTX_free(s->ctx);
    s->ctx = NULL;
}
