/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved states for tests: a cluster with something of everything, its bytes, and how to change
 * them.
 */
#ifndef MCMP_TEST_SAVED_H
#define MCMP_TEST_SAVED_H

#include "seal.h"
#include "station.h"

typedef struct saved {
    uint8_t data[1 << 16];
    size_t len;
} saved;

static inline int saved_take(void *ctx, const void *data, size_t len)
{
    saved *image = ctx;

    if (len > sizeof(image->data) - image->len)
        return 1;
    memcpy(image->data + image->len, data, len);
    image->len += len;
    return 0;
}

static inline void saved_encode(saved *image, mcmp_cluster *cluster, mcmp_time now)
{
    mcmp_error err;

    mcmp_error_init(&err);
    image->len = 0;
    ck_assert_msg(mcmp_cluster_encode(cluster, now, saved_take, image, &err) == MCMP_OK, "%s",
                  err.message);
}

static inline int saved_decode(const saved *image, mcmp_cluster *cluster, mcmp_time now,
                               mcmp_load_report *report, mcmp_error *err)
{
    guard bytes = guard_copy(image->data, image->len);
    mcmp_load_options opts;
    int rc;

    mcmp_load_options_init(&opts);
    opts.now = now;
    rc = mcmp_cluster_decode(cluster, bytes.ptr, bytes.len, &opts, report, err);
    guard_free(&bytes);
    return rc;
}

/* Where a section's header starts. */
static inline size_t saved_section(const saved *image, uint32_t section)
{
    size_t at = MCMP__STATE_HEADER;

    for (uint32_t s = 0; s < section; s++)
        at += MCMP__STATE_SECTION + (size_t)seal_get(image->data + at + 8);
    return at;
}

static inline void saved_seal(saved *image)
{
    seal(image->data, image->len);
}

/* Something of everything: balancers in another order than their nodes, a number that is missing in
 * the middle, an alias without contexts of its own, a node that went and is remembered. */
static inline void saved_fill(station *s)
{
    static const char *const messages[][2] = {
        { "CONFIG /", "JVMRoute=old&Host=10.0.0.9&Port=8009&Balancer=zeta&Domain=west" },
        { "CONFIG /", "JVMRoute=n1&Host=10.0.0.1&Port=8009&Balancer=alpha&Domain=east"
                      "&Alias=one,two&Context=/a,/b" },
        { "CONFIG /",
          "JVMRoute=n2&Host=[2001:db8::2]&Port=8443&Type=https&Balancer=zeta&Reversed=yes"
          "&flushpackets=Auto&flushwait=20&ping=5&smax=7&ttl=90&Timeout=12&StickySession=No" },
        { "ENABLE-APP /", "JVMRoute=n1&Alias=one,two&Context=/a" },
        { "ENABLE-APP /", "JVMRoute=n1&Alias=three&Context=/c" },
        { "ENABLE-APP /", "JVMRoute=n1&Alias=four&Context=/d/e/f" },
        { "DISABLE-APP /", "JVMRoute=n1&Alias=one&Context=/b" },
        { "REMOVE-APP /", "JVMRoute=n1&Alias=three&Context=/c" },
        { "REMOVE-APP /", "JVMRoute=n1&Alias=two&Context=/a,/b" },
        { "ENABLE-APP /", "JVMRoute=n2&Alias=one&Context=/a,/" },
        { "STOP-APP /", "JVMRoute=n2&Alias=one&Context=/" },
        { "CONFIG /",
          "JVMRoute=n3&Host=backend.example&Port=80&Type=ws&Balancer=alpha&StickySessionCookie=SID"
          "&StickySessionPath=sid&StickySessionRemove=Yes&WaitWorker=3&Maxattempts=2" },
        { "STATUS /", "JVMRoute=n1&Load=40" },
        { "STATUS /", "JVMRoute=n2&Load=-1" },
        { "REMOVE-APP /*", "JVMRoute=old" },
    };

    for (size_t i = 0; i < COUNT_OF(messages); i++)
        row_code(messages[i][1], say(s, messages[i][0], messages[i][1]), MCMP_OK);
    s->now += 60 * MCMP_SEC; /* the row of the removed node is over */
    row_code("status", say(s, "STATUS /", "JVMRoute=n3&Load=100"), MCMP_OK);
    s->now += 2 * MCMP_SEC;
}

static inline void saved_small(mcmp_cluster_options *opts)
{
    mcmp_cluster_options_init(opts);
    opts->max_nodes = 8;
    opts->max_aliases = 32;
    opts->max_contexts = 64;
}

/* A document of this cluster; free() it. */
static inline char *saved_text(station *s, const char *line, const char *accept)
{
    mcmp_span body;
    char *copy;

    s->accept = accept;
    row_code(line, say(s, line, ""), MCMP_OK);
    s->accept = NULL;
    body = answer_body(s);
    copy = strndup(body.len != 0 ? body.ptr : "", body.len);
    ck_assert(copy != NULL);
    return copy;
}

static inline void saved_check(station *s)
{
    mcmp_error err;

    mcmp_error_init(&err);
    ck_assert_msg(mcmp_cluster_check(s->cluster, NULL, &err) == MCMP_OK, "%s", err.message);
}

#endif
