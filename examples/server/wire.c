/* SPDX-License-Identifier: Apache-2.0 */
/* The table of wires. */
#include "wire.h"

const struct wire *wire_of(uint32_t scheme)
{
    static const struct wire *const wires[] = {
        [MCMP_SCHEME_AJP] = &wire_ajp,    [MCMP_SCHEME_HTTP] = &wire_http,
        [MCMP_SCHEME_HTTPS] = &wire_http, [MCMP_SCHEME_WS] = &wire_http,
        [MCMP_SCHEME_WSS] = &wire_http,
    };

    return scheme < sizeof(wires) / sizeof(wires[0]) ? wires[scheme] : NULL;
}
