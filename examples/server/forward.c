/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request's head becomes on its way to a node, whatever the node speaks: forwarded headers,
 * the session that is taken out, upgrades, Max-Forwards.
 */
#include "forward.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "exchange.h"
#include "values.h"

static const mcmp_span hops_name = { "Max-Forwards", 12 };

/* What of the configuration has to be taken apart; one worker per process. */
static struct {
    mcmp_span upgrade[16];
    size_t upgrade_count;
} setup;

void forward_init(const struct config *config)
{
    const char *at = config->upgrade;

    setup.upgrade_count = 0;
    while (*at != '\0' && setup.upgrade_count < 16) {
        size_t len;

        at += strspn(at, ", \t");
        len = strcspn(at, ", \t");
        if (len > 0) {
            setup.upgrade[setup.upgrade_count].ptr = at;
            setup.upgrade[setup.upgrade_count++].len = len;
        }
        at += len;
    }
}

int64_t forward_hops(const struct exchange *x)
{
    mcmp_span value;
    char text[20];
    int64_t count;

    if (x->info->method != MCMP_HTTP_OPTIONS && x->info->method != MCMP_HTTP_TRACE)
        return -1;
    if (mcmp_http_head_find_name(x->head, hops_name, &value) != MCMP_OK ||
        value.len >= sizeof(text))
        return -1;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return value_int(text, &count) == 0 && count >= 0 ? count : -1;
}

void forward_fill(struct exchange *x, struct forward_texts *texts, mcmp_http_forward *f)
{
    const struct config *config = x->client->worker->config;
    const mcmp_selection *sel = &x->selection;
    int64_t hops = forward_hops(x);

    mcmp_http_forward_init(f);
    f->target = &x->target;
    f->client.ptr = x->client->peer;
    f->client.len = strlen(x->client->peer);
    if (x->client->tls != NULL) {
        f->scheme.ptr = "https";
        f->scheme.len = 5;
    }
    if (config->host_header == HOST_NODE || x->target.host.len == 0) {
        f->host.ptr = texts->host;
        f->host.len = (size_t)snprintf(texts->host, sizeof(texts->host), "%.*s:%u",
                                       (int)sel->host.len, sel->host.ptr, (unsigned)sel->port);
    }
    if (config->via) {
        f->via.ptr = config->via_name;
        f->via.len = strlen(config->via_name);
    }
    if ((sel->flags & MCMP_SELECTION_REMOVE_SESSION) != 0) {
        f->remove_cookie = sel->cookie_name;
        f->remove_path = sel->path_name;
    }
    f->upgrades = setup.upgrade;
    f->upgrade_count = setup.upgrade_count;
    f->flags |= config->x_forwarded != FORWARDED_OFF ? MCMP_HTTP_FORWARD_X : 0;
    f->flags |= config->x_forwarded == FORWARDED_APPEND ? MCMP_HTTP_FORWARD_TRUSTED : 0;
    f->flags |= config->forwarded ? MCMP_HTTP_FORWARD_RFC7239 : 0;
    f->flags |= x->continued ? MCMP_HTTP_FORWARD_NO_EXPECT : 0;
    if (hops > 0) {
        texts->hops_line.name = hops_name;
        texts->hops_line.value.ptr = texts->hops;
        texts->hops_line.value.len =
            (size_t)snprintf(texts->hops, sizeof(texts->hops), "%lld", (long long)(hops - 1));
        f->drop = &hops_name;
        f->drop_count = 1;
        f->add = &texts->hops_line;
        f->add_count = 1;
    }
}

/* The Upgrade header names a protocol of the list. */
static int names_upgrade(mcmp_span value)
{
    size_t at = 0;

    while (at < value.len) {
        size_t end = at;

        while (end < value.len && value.ptr[end] != ',')
            end++;
        while (at < end && (value.ptr[at] == ' ' || value.ptr[at] == '\t'))
            at++;
        for (size_t i = 0; i < setup.upgrade_count; i++) {
            size_t len = setup.upgrade[i].len;

            if (len <= end - at && strncasecmp(value.ptr + at, setup.upgrade[i].ptr, len) == 0 &&
                (at + len == end || strchr(" \t/", value.ptr[at + len]) != NULL))
                return 1;
        }
        at = end + 1;
    }
    return 0;
}

int forward_is_upgrade(const struct exchange *x)
{
    return (x->info->flags & MCMP_HTTP_UPGRADE) != 0 && names_upgrade(x->info->upgrade);
}
