/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe: resolve, then for each address connect, TLS for https and wss, send, read the first
 * answer. http: any final status below the limit is good; without EnableOptions a connection is
 * enough. ajp: CPing must be answered by CPong, exactly. Connect and read share the deadline; an
 * address gets its share of what is left, so that a mute first one does not use all of it.
 *
 * Nothing here waits but probe_run(): a step goes as far as it can. TLS verifies nobody: the probe
 * says nothing worth hiding and asks for a sign of life only; forwarding verifies as mod_ssl is
 * told to.
 */
#include "probe.h"

#include <libmcmp/ajp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hc_expr.h"
#include "resolve.h"

#define LOOK_AGAIN (5 * MCMP_MSEC) /* at a name that is being looked up */

enum phase { PHASE_RESOLVE, PHASE_NEXT, PHASE_CONNECT, PHASE_TLS, PHASE_SEND, PHASE_READ, PHASES };

/* What became of a phase. */
enum step { STEP_ON, STEP_WAIT, STEP_GOOD, STEP_FAILED };

struct probe {
    enum phase phase;
    int result;
    int status;
    int fd;
    short events;
    uint32_t scheme;
    uint32_t port;
    uint32_t flags;
    uint32_t good_below;
    int connect_only;
    mcmp_time deadline;
    mcmp_time until; /* of this address */
    const char *why;
    struct resolve *resolve;
    struct addrinfo *literal;
    const struct addrinfo *next;
    SSL_CTX *ctx;
    SSL *ssl;
    mcmp_ajp_proxy *ajp;
    char host[256];
    char request[1024];
    size_t request_len;
    size_t sent;
    char answer[4096];
    size_t answer_len;
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

/* Each address is asked anew. */
static int write_cping(struct probe *p)
{
    mcmp_ajp_options opts;

    if (p->scheme != MCMP_SCHEME_AJP)
        return 0;
    mcmp_ajp_options_init(&opts);
    opts.max_accept = MCMP_AJP_PACKET_MIN;
    opts.max_head = MCMP_AJP_PACKET_MIN;
    if (p->ajp != NULL)
        mcmp_ajp_proxy_reset(p->ajp);
    else if (mcmp_ajp_proxy_new(&p->ajp, &opts, NULL) != MCMP_OK)
        return -1;
    return mcmp_ajp_proxy_encode_ping(p->ajp, p->request, sizeof(p->request), &p->request_len,
                                      NULL) == MCMP_OK
               ? 0
               : -1;
}

static int count_left(const struct probe *p)
{
    int count = 0;

    for (const struct addrinfo *at = p->next; at != NULL; at = at->ai_next)
        count++;
    return count;
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
    p->next = address->ai_next;
    p->sent = 0;
    p->answer_len = 0;
    if (write_cping(p) != 0)
        return lost(p, "no memory for a CPing");
    p->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return errno == EAFNOSUPPORT ? failed(p, "no such protocol here") : lost(p, "no socket");
    if (connect(p->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        return failed(p, "the endpoint can't be reached");
    p->phase = PHASE_CONNECT;
    return wait_for(p, POLLOUT);
}

static int is_tls(const struct probe *p)
{
    return p->scheme == MCMP_SCHEME_HTTPS || p->scheme == MCMP_SCHEME_WSS;
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

static enum step step_connect(struct probe *p, mcmp_time now)
{
    struct pollfd look = { p->fd, POLLOUT, 0 };
    int error = 0;
    socklen_t len = sizeof(error);

    (void)now;
    if (poll(&look, 1, 0) == 0)
        return wait_for(p, POLLOUT);
    getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0)
        return failed(p, error == ECONNREFUSED ? "connection refused" : "no connection");
    if (p->connect_only)
        return STEP_GOOD;
    p->phase = PHASE_SEND;
    if (!is_tls(p))
        return STEP_ON;
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
            return failed(p, "the connection broke");
        p->sent += (size_t)n;
    }
    p->phase = PHASE_READ;
    return STEP_ON;
}

/* The number of a status line; 0: more is needed; -1: no HTTP. */
static int status_number(const char *at, size_t len)
{
    int status = 0;

    if (len < 12)
        return memcmp(at, "HTTP/1.", len < 7 ? len : 7) == 0 ? 0 : -1;
    if (memcmp(at, "HTTP/1.", 7) != 0 || at[8] != ' ')
        return -1;
    for (int i = 9; i < 12; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        status = status * 10 + (at[i] - '0');
    }
    return status >= 100 ? status : -1;
}

/* The status of the first final head in the answer; 0: more is needed; -1: no HTTP. */
static int final_status(const struct probe *p)
{
    const char *at = p->answer;
    size_t len = p->answer_len;

    for (;;) {
        int status = status_number(at, len);
        const char *end;

        if (status <= 0 || status >= 200)
            return status;
        end = memmem(at, len, "\r\n\r\n", 4);
        if (end == NULL)
            return 0;
        len -= (size_t)(end + 4 - at);
        at = end + 4;
    }
}

/* An expression looks at the headers, too. */
static int is_whole_head(const struct probe *p)
{
    return memmem(p->answer, p->answer_len, "\r\n\r\n", 4) != NULL;
}

static enum step judge_http(struct probe *p)
{
    int status = final_status(p);
    int good;

    if (status == 0)
        return STEP_ON;
    if (status < 0)
        return failed(p, "the answer is no HTTP");
    if (hc_expr_has() && !is_whole_head(p) && p->answer_len < sizeof(p->answer))
        return STEP_ON;
    p->status = status;
    good = hc_expr_judge(status, p->answer, p->answer_len);
    if (good >= 0)
        return good ? STEP_GOOD : failed(p, "the expression says no");
    return (uint32_t)status < p->good_below ? STEP_GOOD : failed(p, "bad status");
}

/* AJP13 5: the secret is no part of CPing, so a good answer says nothing of it. */
static enum step judge_ajp(struct probe *p, size_t from)
{
    mcmp_ajp_event event;
    size_t used = 0;
    int rc;

    mcmp_ajp_event_init(&event);
    rc = mcmp_ajp_proxy_feed(p->ajp, p->answer + from, p->answer_len - from, &used, &event, NULL);
    if (rc == MCMP_NEED_MORE)
        return STEP_ON;
    if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_PONG && from + used == p->answer_len)
        return STEP_GOOD;
    return failed(p, "the answer to CPing is no CPong");
}

static enum step step_read(struct probe *p, mcmp_time now)
{
    enum step step = STEP_ON;

    (void)now;
    while (step == STEP_ON) {
        size_t from = p->answer_len;
        size_t room = sizeof(p->answer) - from;
        ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, p->answer + from, (int)room)
                                   : recv(p->fd, p->answer + from, room, 0);

        if (n <= 0 && p->ssl != NULL)
            return tls_wants(p, (int)n, "closed without an answer");
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return wait_for(p, POLLIN);
        if (n <= 0)
            return failed(p, "closed without an answer");
        p->answer_len += (size_t)n;
        step = p->scheme == MCMP_SCHEME_AJP ? judge_ajp(p, from) : judge_http(p);
        if (step == STEP_ON && p->answer_len == sizeof(p->answer))
            return failed(p, "the answer is too long");
    }
    return step;
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

int probe_status(const struct probe *p)
{
    return p->status;
}

static void forget_addresses(struct probe *p)
{
    resolve_free(p->resolve);
    if (p->literal != NULL)
        freeaddrinfo(p->literal);
    p->resolve = NULL;
    p->literal = NULL;
    p->next = NULL;
}

void probe_free(struct probe *p)
{
    if (p == NULL)
        return;
    drop(p);
    SSL_CTX_free(p->ctx);
    mcmp_ajp_proxy_free(p->ajp);
    forget_addresses(p);
    free(p);
}

/* Addresses are taken as they are; a name is looked up only where that is allowed. */
static void find(struct probe *p)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
    int is_local = strcasecmp(p->host, "localhost") == 0;
    char port[8];

    (void)snprintf(port, sizeof(port), "%u", p->port & 0xffff);
    if (getaddrinfo(p->host, port, &hints, &p->literal) == 0) {
        p->next = p->literal;
        return;
    }
    p->literal = NULL;
    p->why = "names are not looked up here";
    if ((p->flags & MCMP_PROBE_RESOLVE) != 0 || is_local) {
        p->why = "the name can't be looked up";
        p->resolve = resolve_start(p->host, port);
    }
}

static void write_request(struct probe *p, const mcmp_probe *what)
{
    int len;

    if (p->scheme == MCMP_SCHEME_AJP)
        return; /* written when an address is tried */
    len = snprintf(p->request, sizeof(p->request),
                   "%.*s %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: mod_mcmp\r\n"
                   "Connection: close\r\n\r\n",
                   (int)what->method.len, what->method.ptr, (int)what->path.len, what->path.ptr,
                   (int)what->authority.len, what->authority.ptr);
    p->request_len = len > 0 && (size_t)len < sizeof(p->request) ? (size_t)len : 0;
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
    p->good_below = what->good_below;
    p->deadline = what->deadline;
    p->connect_only = what->scheme != MCMP_SCHEME_AJP && mcmp_httpd_settings()->hc_connect != 0;
    copy_host(p, what->host);
    write_request(p, what);
    find(p);
    return p;
}

void probe_again(struct probe *p, mcmp_time deadline)
{
    drop(p);
    forget_addresses(p);
    p->phase = PHASE_RESOLVE;
    p->result = PROBE_RUNS;
    p->status = 0;
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
