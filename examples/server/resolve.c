/* SPDX-License-Identifier: Apache-2.0 */
/* Name lookups by libuv's threads; a cancelled one is forgotten when it comes back. */
#include "resolve.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <uv.h>

#include "values.h"
#include "worker.h"

struct resolve {
    uv_getaddrinfo_t req;
    resolve_fn fn;
    void *ctx;
};

int resolve_literal(mcmp_span host, uint32_t port, struct address *out)
{
    char text[72];

    if (host.len == 0 || host.len > 60 || memchr(host.ptr, '*', host.len) != NULL ||
        resolve_is_localhost(host))
        return 0;
    memcpy(text, host.ptr, host.len);
    snprintf(text + host.len, sizeof(text) - host.len, ":%u", (unsigned)(port & 0xffff));
    return value_address(text, out) == 0;
}

int resolve_is_localhost(mcmp_span host)
{
    return host.len == 9 && strncasecmp(host.ptr, "localhost", 9) == 0;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct resolve *resolve = req->data;
    struct address list[RESOLVE_MAX];
    unsigned count = 0;

    for (const struct addrinfo *at = res; at != NULL && count < RESOLVE_MAX; at = at->ai_next) {
        if (at->ai_addrlen > sizeof(list[count].addr))
            continue;
        memset(&list[count], 0, sizeof(list[count]));
        memcpy(&list[count].addr, at->ai_addr, at->ai_addrlen);
        list[count].len = at->ai_addrlen;
        count++;
    }
    uv_freeaddrinfo(res);
    if (resolve->fn != NULL)
        resolve->fn(resolve->ctx, list, count, status != 0 ? uv_strerror(status) : "no address");
    free(resolve);
}

struct resolve *resolve_start(struct worker *w, mcmp_span host, uint32_t port, resolve_fn fn,
                              void *ctx)
{
    struct resolve *resolve;
    struct addrinfo hints;
    char name[256];
    char service[16];

    if (host.len == 0 || host.len >= sizeof(name))
        return NULL;
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    resolve = calloc(1, sizeof(*resolve));
    if (resolve == NULL)
        return NULL;
    resolve->fn = fn;
    resolve->ctx = ctx;
    resolve->req.data = resolve;
    if (uv_getaddrinfo(&w->loop, &resolve->req, on_resolved, name, service, &hints) != 0) {
        free(resolve);
        return NULL;
    }
    return resolve;
}

void resolve_cancel(struct resolve *resolve)
{
    if (resolve == NULL)
        return;
    resolve->fn = NULL;
    uv_cancel((uv_req_t *)&resolve->req);
}
