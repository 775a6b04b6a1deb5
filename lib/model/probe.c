/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of one probe (MCMP 6) from an endpoint and the options of the cluster; the host
 * makes it. Used for STATUS, PING and CONFIG here and for idle probes in lib/lb.
 */
#include "read.h"

#include "base/base.h"

#include <libmcmp/response.h>

/* Without any limit a mute node would hold its client for ever. */
#define LAST_LIMIT (10 * MCMP_SEC)

static int is_default_port(uint32_t scheme, uint32_t port)
{
    if (scheme == MCMP_SCHEME_HTTPS || scheme == MCMP_SCHEME_WSS)
        return port == 443;
    return port == 80;
}

static mcmp_span host_and_port(mcmp_span host, uint32_t port, char *room)
{
    size_t len = MCMP__MIN(host.len, (size_t)MCMP__AUTHORITY_MAX - 21);

    if (len != 0)
        memcpy(room, host.ptr, len);
    room[len++] = ':';
    len += mcmp__format_uint(room + len, port);
    return mcmp__span(room, len);
}

void mcmp__probe_fill(const mcmp__config *config, mcmp_span host, uint32_t port, uint32_t scheme,
                      mcmp_time ping, mcmp_time now, char *authority, mcmp_probe *out)
{
    const mcmp_cluster_options *opts = &config->opts;
    mcmp_time limit = opts->probe_deadline == MCMP_NEVER ? LAST_LIMIT : opts->probe_deadline;

    if (ping > 0 && (ping < limit || opts->probe_deadline == MCMP_NEVER))
        limit = ping;
    mcmp_probe_init(out);
    out->deadline = now + limit;
    out->host = host;
    out->port = port;
    out->scheme = scheme;
    out->method = mcmp__span_str(opts->probe_method);
    out->path = mcmp__span_str(opts->probe_path);
    out->good_below = opts->probe_good_below;
    out->flags = MCMP_PROBE_RESOLVE;
    if (opts->probe_host != NULL)
        out->authority = mcmp__span_str(opts->probe_host);
    else if (is_default_port(scheme, port))
        out->authority = host;
    else
        out->authority = host_and_port(host, port, authority);
}
