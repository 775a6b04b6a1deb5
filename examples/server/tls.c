/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams, and TLS by OpenSSL on the same non-blocking descriptor: to https and wss nodes here,
 * from clients in tls_front.c. Certificates of nodes are checked against their Host unless the
 * configuration says otherwise.
 */
#include "tls.h"

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "config.h"
#include "io.h"
#include "log.h"
#include "resolve.h"
#include "worker.h"

int stream_connect(const void *addr, unsigned len)
{
    const struct sockaddr *sa = addr;
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, sa, (socklen_t)len) != 0 && errno != EINPROGRESS) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static SSL_CTX *context(struct worker *w, const char **why)
{
    SSL_CTX *ctx;

    if (w->tls != NULL)
        return w->tls;
    *why = "no TLS context";
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (w->config->tls_ca[0] != '\0'
            ? SSL_CTX_load_verify_locations(ctx, w->config->tls_ca, NULL) != 1
            : SSL_CTX_set_default_verify_paths(ctx) != 1) {
        *why = "tls-ca can't be read";
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (w->config->tls_verify)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    w->tls = ctx;
    return ctx;
}

static int set_name(SSL *ssl, mcmp_span host, int verify)
{
    struct address literal;
    char name[256];
    size_t cut = host.len > 0 && host.ptr[0] == '[' ? 1 : 0;

    if (host.len < 2 * cut + 1 || host.len >= sizeof(name))
        return -1;
    memcpy(name, host.ptr + cut, host.len - 2 * cut);
    name[host.len - 2 * cut] = '\0';
    if (resolve_literal(host, 1, &literal))
        return verify && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1 ? -1 : 0;
    if (SSL_set_tlsext_host_name(ssl, name) != 1)
        return -1;
    return verify && SSL_set1_host(ssl, name) != 1 ? -1 : 0;
}

int stream_start_tls(struct stream *s, struct worker *w, mcmp_span host, const char **why)
{
    SSL_CTX *ctx = context(w, why);
    SSL *ssl;

    if (ctx == NULL)
        return -1;
    *why = "no TLS connection object";
    ssl = SSL_new(ctx);
    if (ssl == NULL)
        return -1;
    if (SSL_set_fd(ssl, s->fd) != 1 || set_name(ssl, host, w->config->tls_verify != 0) != 0) {
        SSL_free(ssl);
        return -1;
    }
    SSL_set_connect_state(ssl);
    s->ssl = ssl;
    return 0;
}

/* Translate an OpenSSL result into errno. */
static ssize_t failed(struct stream *s, int rc)
{
    int error = SSL_get_error(s->ssl, rc);

    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        s->need = error == SSL_ERROR_WANT_READ ? IO_READ : IO_WRITE;
        errno = EAGAIN;
        return -1;
    }
    if (error != SSL_ERROR_SYSCALL || errno == 0)
        errno = EPROTO;
    return -1;
}

int stream_handshake(struct stream *s, const char **why)
{
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(s->ssl);
    if (rc == 1)
        return 1;
    if (failed(s, rc) < 0 && errno == EAGAIN)
        return 0;
    if (SSL_get_verify_result(s->ssl) != X509_V_OK)
        *why = X509_verify_cert_error_string(SSL_get_verify_result(s->ssl));
    else
        *why = "TLS handshake failed";
    return -1;
}

ssize_t stream_read(struct stream *s, void *data, size_t len)
{
    int rc;

    if (s->ssl == NULL)
        return recv(s->fd, data, len, 0);
    ERR_clear_error();
    errno = 0;
    rc = SSL_read(s->ssl, data, len > 1 << 20 ? 1 << 20 : (int)len);
    if (rc <= 0)
        return failed(s, rc);
    s->need = 0;
    return rc;
}

ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count)
{
    ssize_t total = 0;

    if (s->ssl == NULL)
        return writev(s->fd, iov, count);
    for (int i = 0; i < count; i++) {
        size_t done = 0;

        while (done < iov[i].iov_len) {
            int rc;

            ERR_clear_error();
            errno = 0;
            rc = SSL_write(s->ssl, (const char *)iov[i].iov_base + done,
                           (int)(iov[i].iov_len - done));
            if (rc <= 0)
                return total > 0 ? total : failed(s, rc) < 0 ? -1 : (errno = EPIPE, -1);
            s->need = 0; /* or the loop would go on waiting for it */
            done += (size_t)rc;
            total += rc;
        }
    }
    return total;
}

int stream_has_more(const struct stream *s)
{
    return s->ssl != NULL && SSL_pending(s->ssl) > 0;
}

void stream_end(struct stream *s)
{
    if (s->ssl != NULL)
        (void)SSL_shutdown(s->ssl);
    shutdown(s->fd, SHUT_WR);
}

void stream_clear(struct stream *s)
{
    if (s->ssl == NULL)
        return;
    SSL_set_quiet_shutdown(s->ssl, 1);
    SSL_free(s->ssl);
    s->ssl = NULL;
}

void tls_free(struct worker *w)
{
    SSL_CTX_free(w->tls);
    w->tls = NULL;
}
