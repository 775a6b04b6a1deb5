/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe: resolve, then for each address connect, TLS for https and wss, send, read until the
 * library has a verdict; without EnableOptions a connection is enough. Connect and read share the
 * deadline; an address gets its share of what is left, so that a mute first one does not use all of
 * it.
 *
 * Nothing here waits but probe_run(): a step goes as far as it can. There may be thousands of nodes
 * to ask, so it makes no system call whose answer poll() gives as well. TLS verifies nobody: the
 * probe says nothing worth hiding and asks for a sign of life only; forwarding verifies as mod_ssl
 * is told to.
 */
#include "probe.h"

#include <libmcmp/probe.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hc_expr.h"
#include "resolve.h"

#define LOOK_AGAIN (5 * MCMP_MSEC) /* at a name that is being looked up */
#define MOST_HEAD 4096

enum phase { PHASE_RESOLVE, PHASE_NEXT, PHASE_CONNECT, PHASE_TLS, PHASE_SEND, PHASE_READ, PHASES };

/* What became of a phase. */
enum step { STEP_ON, STEP_WAIT, STEP_GOOD, STEP_FAILED };

struct probe {
    enum phase phase;
    int result;
    int fd;
    short events;
    uint32_t scheme;
    uint32_t port;
    uint32_t flags;
    int connect_only;
    mcmp_time deadline;
    mcmp_time until; /* of this address */
    const char *why;
    struct resolve *resolve;
    struct addrinfo literal;
    struct sockaddr_storage literal_at;
    const struct addrinfo *address;
    const struct addrinfo *next;
    SSL_CTX *ctx;
    SSL *ssl;
    mcmp_probe_exchange exchange;
    char *head; /* NULL, or room for what an expression looks at */
    char host[256];
    char request[1024];
    size_t request_len;
    size_t sent;
};

static enum step failed(struct probe *p, const char *why)
{
    p->why = why;
    return STEP_FAILED;
}

static enum step lost(struct probe *p, const char *why)
{
    p->why = why;
    p->result = PROBE_LOST;
    return STEP_WAIT;
}

static enum step wait_for(struct probe *p, short events)
{
    p->events = events;
    return STEP_WAIT;
}

static enum step step_resolve(struct probe *p, mcmp_time now)
{
    int rc = p->resolve != NULL ? resolve_poll(p->resolve, &p->next) : 1;

    (void)now;
    if (rc == 0)
        return wait_for(p, 0);
    if (rc < 0) {
        p->why = "the name can't be looked up";
        p->next = NULL;
    }
    p->phase = PHASE_NEXT;
    return STEP_ON;
}

static void drop(struct probe *p)
{
    SSL_free(p->ssl);
    p->ssl = NULL;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static int count_left(const struct probe *p)
{
    int count = 0;

    for (const struct addrinfo *at = p->next; at != NULL; at = at->ai_next)
        count++;
    return count;
}

static int is_tls(const struct probe *p)
{
    return p->scheme == MCMP_SCHEME_HTTPS || p->scheme == MCMP_SCHEME_WSS;
}

static enum step no_connection(struct probe *p, int error)
{
    return failed(p, error == ECONNREFUSED ? "connection refused" : "no connection");
}

static enum step step_next(struct probe *p, mcmp_time now)
{
    const struct addrinfo *address = p->next;

    drop(p);
    if (address == NULL) {
        p->result = PROBE_BAD;
        return STEP_WAIT;
    }
    p->until = now + (p->deadline - now) / count_left(p);
    p->address = address;
    p->next = address->ai_next;
    p->sent = 0;
    (void)mcmp_probe_exchange_start(&p->exchange, NULL, NULL); /* each is asked anew */
    /* Sending tells as well whether there is a connection; near by there often is one already. */
    p->phase = p->connect_only || is_tls(p) ? PHASE_CONNECT : PHASE_SEND;
    p->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return errno == EAFNOSUPPORT ? failed(p, "no such protocol here") : lost(p, "no socket");
    if (connect(p->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        return failed(p, "the endpoint can't be reached");
    return STEP_ON;
}

static int start_tls(struct probe *p)
{
    struct in6_addr literal;

    if (p->ctx == NULL)
        p->ctx = SSL_CTX_new(TLS_client_method());
    p->ssl = p->ctx != NULL ? SSL_new(p->ctx) : NULL;
    if (p->ssl == NULL || SSL_set_fd(p->ssl, p->fd) != 1)
        return -1;
    if (inet_pton(AF_INET, p->host, &literal) != 1 && inet_pton(AF_INET6, p->host, &literal) != 1)
        (void)SSL_set_tlsext_host_name(p->ssl, p->host);
    SSL_set_connect_state(p->ssl);
    return 0;
}

/* Asking a second time tells what became of the first one. */
static enum step step_connect(struct probe *p, mcmp_time now)
{
    (void)now;
    if (connect(p->fd, p->address->ai_addr, p->address->ai_addrlen) != 0 && errno != EISCONN)
        return errno == EALREADY || errno == EINPROGRESS || errno == EINTR
                   ? wait_for(p, POLLOUT)
                   : no_connection(p, errno);
    if (p->connect_only)
        return STEP_GOOD;
    p->phase = PHASE_TLS;
    return start_tls(p) == 0 ? STEP_ON : failed(p, "TLS can't be started");
}

/* What an unfinished call of OpenSSL waits for, or its end. */
static enum step tls_wants(struct probe *p, int rc, const char *why)
{
    int error = SSL_get_error(p->ssl, rc);

    if (error == SSL_ERROR_WANT_READ)
        return wait_for(p, POLLIN);
    if (error == SSL_ERROR_WANT_WRITE)
        return wait_for(p, POLLOUT);
    return failed(p, why);
}

static enum step step_tls(struct probe *p, mcmp_time now)
{
    int rc = SSL_do_handshake(p->ssl);

    (void)now;
    if (rc != 1)
        return tls_wants(p, rc, "the TLS handshake failed");
    p->phase = PHASE_SEND;
    return STEP_ON;
}

static enum step step_send(struct probe *p, mcmp_time now)
{
    (void)now;
    while (p->sent < p->request_len) {
        size_t left = p->request_len - p->sent;
        ssize_t n = p->ssl != NULL ? SSL_write(p->ssl, p->request + p->sent, (int)left)
                                   : send(p->fd, p->request + p->sent, left, MSG_NOSIGNAL);

        if (n <= 0 && p->ssl != NULL)
            return tls_wants(p, (int)n, "the connection broke");
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return wait_for(p, POLLOUT);
        if (n < 0)
            return p->sent == 0 ? no_connection(p, errno) : failed(p, "the connection broke");
        p->sent += (size_t)n;
    }
    p->phase = PHASE_READ;
    return p->ssl != NULL ? STEP_ON : wait_for(p, POLLIN);
}

/* What an expression says counts, whatever is good without one. */
static enum step judge(struct probe *p)
{
    const mcmp_probe_exchange *exchange = &p->exchange;
    int good = exchange->verdict == MCMP_PROBE_GOOD;

    if (p->head != NULL && (good || exchange->verdict == MCMP_PROBE_BAD_STATUS)) {
        good = hc_expr_judge((int)exchange->status, p->head + exchange->head_at,
                             exchange->taken - exchange->head_at);
        return good ? STEP_GOOD : failed(p, "the expression says no");
    }
    return good ? STEP_GOOD : failed(p, mcmp_probe_exchange_text(exchange));
}

static enum step step_read(struct probe *p, mcmp_time now)
{
    char data[MOST_HEAD];
    int rc = MCMP_NEED_MORE;

    (void)now;
    while (rc == MCMP_NEED_MORE) {
        size_t room = sizeof(data) - p->exchange.taken;
        ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, data, (int)room) : recv(p->fd, data, room, 0);

        if (n <= 0 && p->ssl != NULL)
            return tls_wants(p, (int)n, "closed without an answer");
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return wait_for(p, POLLIN);
        if (n < 0)
            return failed(p, "the connection broke");
        if (p->head != NULL)
            memcpy(p->head + p->exchange.taken, data, (size_t)n);
        rc = n > 0 ? mcmp_probe_exchange_feed(&p->exchange, data, (size_t)n, NULL)
                   : mcmp_probe_exchange_end(&p->exchange, NULL);
    }
    return judge(p);
}

static enum step (*const phases[PHASES])(struct probe *p, mcmp_time now) = {
    step_resolve, step_next, step_connect, step_tls, step_send, step_read,
};

int probe_step(struct probe *p, mcmp_time now)
{
    enum step step = STEP_ON;

    while (p->result == PROBE_RUNS && step != STEP_WAIT) {
        if (now >= p->deadline) {
            p->why = "no answer in time";
            p->result = PROBE_BAD;
            break;
        }
        step = p->phase > PHASE_NEXT && now >= p->until ? failed(p, "no answer in time")
                                                        : phases[p->phase](p, now);
        if (step == STEP_FAILED)
            p->phase = PHASE_NEXT;
        if (step == STEP_GOOD)
            p->result = PROBE_GOOD;
    }
    if (p->result != PROBE_RUNS)
        drop(p);
    return p->result;
}

mcmp_time probe_wants(const struct probe *p, struct pollfd *out)
{
    out->fd = p->fd;
    out->events = p->events;
    out->revents = 0;
    if (p->phase == PHASE_RESOLVE)
        return mcmp_httpd_now() + LOOK_AGAIN;
    return p->until < p->deadline ? p->until : p->deadline;
}

const char *probe_why(const struct probe *p)
{
    return p->why;
}

static void forget_addresses(struct probe *p)
{
    resolve_free(p->resolve);
    p->resolve = NULL;
    p->next = NULL;
}

void probe_free(struct probe *p)
{
    if (p == NULL)
        return;
    drop(p);
    SSL_CTX_free(p->ctx);
    free(p->head);
    forget_addresses(p);
    free(p);
}

/* 1 when the host is an address. */
static int find_literal(struct probe *p)
{
    struct sockaddr_in *v4 = (void *)&p->literal_at;
    struct sockaddr_in6 *v6 = (void *)&p->literal_at;

    memset(&p->literal, 0, sizeof(p->literal));
    memset(&p->literal_at, 0, sizeof(p->literal_at));
    if (inet_pton(AF_INET, p->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)p->port);
        p->literal.ai_addrlen = sizeof(*v4);
    } else if (inet_pton(AF_INET6, p->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)p->port);
        p->literal.ai_addrlen = sizeof(*v6);
    } else {
        return 0;
    }
    p->literal.ai_family = p->literal_at.ss_family;
    p->literal.ai_addr = (struct sockaddr *)&p->literal_at;
    p->next = &p->literal;
    return 1;
}

/* Addresses are taken as they are; a name is looked up only where that is allowed. */
static void find(struct probe *p)
{
    char port[8];

    if (p->request_len == 0) {
        p->why = "the request can't be written";
    } else if (find_literal(p)) {
        p->why = NULL;
    } else if ((p->flags & MCMP_PROBE_RESOLVE) == 0 && strcasecmp(p->host, "localhost") != 0) {
        p->why = "names are not looked up here";
    } else {
        (void)snprintf(port, sizeof(port), "%u", p->port & 0xffff);
        p->why = "the name can't be looked up";
        p->resolve = resolve_start(p->host, port);
    }
}

/* The question and who may judge its answer. 0, or -1 without memory. */
static int prepare(struct probe *p, const mcmp_probe *what)
{
    static const mcmp_span agent = { "mod_mcmp", sizeof("mod_mcmp") - 1 };

    mcmp_probe_exchange_init(&p->exchange);
    p->exchange.max_answer = MOST_HEAD;
    if (hc_expr_has() && what->scheme != MCMP_SCHEME_AJP) {
        p->exchange.flags = MCMP_PROBE_WHOLE_HEAD;
        p->head = malloc(MOST_HEAD);
        if (p->head == NULL)
            return -1;
    }
    if (mcmp_probe_exchange_start(&p->exchange, what, NULL) != MCMP_OK ||
        mcmp_probe_encode(what, agent, p->request, sizeof(p->request), &p->request_len, NULL) !=
            MCMP_OK)
        p->request_len = 0;
    return 0;
}

/* Without the brackets of an IPv6 address. */
static void copy_host(struct probe *p, mcmp_span host)
{
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host.ptr++;
        host.len -= 2;
    }
    if (host.len < sizeof(p->host))
        memcpy(p->host, host.ptr, host.len);
}

struct probe *probe_start(const mcmp_probe *what)
{
    struct probe *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->fd = -1;
    p->scheme = what->scheme;
    p->port = what->port;
    p->flags = what->flags;
    p->deadline = what->deadline;
    p->connect_only = what->scheme != MCMP_SCHEME_AJP && mcmp_httpd_settings()->hc_connect != 0;
    copy_host(p, what->host);
    if (prepare(p, what) != 0) {
        probe_free(p);
        return NULL;
    }
    find(p);
    return p;
}

void probe_again(struct probe *p, mcmp_time deadline)
{
    drop(p);
    forget_addresses(p);
    p->phase = PHASE_RESOLVE;
    p->result = PROBE_RUNS;
    p->deadline = deadline;
    find(p);
}

int probe_run(const mcmp_probe *what, const char **why)
{
    struct probe *p = probe_start(what);
    mcmp_time now = mcmp_httpd_now();
    int result;

    if (p == NULL) {
        *why = "no memory";
        return 0;
    }
    while ((result = probe_step(p, now)) == PROBE_RUNS) {
        struct pollfd fd;
        mcmp_time until = probe_wants(p, &fd);

        (void)poll(&fd, 1, until > now ? (int)((until - now) / 1000 + 1) : 0);
        now = mcmp_httpd_now();
    }
    *why = p->why;
    probe_free(p);
    return result == PROBE_GOOD;
}
