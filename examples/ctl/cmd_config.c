/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: a CONFIG message by hand. Proxies pass over keys that they don't know (MCMP 3.4), so a
 * mistyped one is caught here.
 */
#include "conn.h"

#include <string.h>
#include <strings.h>

static const char *const keys[] = {
    "Alias",
    "Balancer",
    "Context",
    "Domain",
    "Host",
    "Maxattempts",
    "Port",
    "Reversed",
    "StickySession",
    "StickySessionCookie",
    "StickySessionForce",
    "StickySessionPath",
    "StickySessionRemove",
    "Timeout",
    "Type",
    "WaitWorker",
    "flushpackets",
    "flushwait",
    "ping",
    "smax",
    "ttl",
};

static int take_pair(mcmp_pair *out, const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || equals[1] == '\0')
        return ctl_fail(CTL_USAGE, "\"%s\" is no KEY=VALUE", text);
    out->name = (mcmp_span){ text, (size_t)(equals - text) };
    out->value = ctl_span(equals + 1);
    for (size_t i = 0; i < CTL_COUNT(keys); i++)
        if (strlen(keys[i]) == out->name.len && strncasecmp(keys[i], text, out->name.len) == 0)
            return CTL_OK;
    return ctl_fail(CTL_USAGE, "\"%.*s\" is no key of CONFIG; see mcmpctl(1)", (int)out->name.len,
                    text);
}

int ctl_run_config(ctl *c)
{
    mcmp_pair pairs[64];
    const mcmp_answer_info *answer;
    mcmp_message message;
    int rc = CTL_OK;

    mcmp_message_init(&message);
    message.command = MCMP_COMMAND_CONFIG;
    message.given = MCMP_FIELD_JVMROUTE;
    message.jvm_route = ctl_span(c->options.args[0]);
    message.extra = pairs;
    for (int i = 1; i < c->options.arg_count && rc == CTL_OK; i++)
        rc = take_pair(&pairs[message.extra_count++], c->options.args[i]);
    if (rc == CTL_OK)
        rc = ctl_must(c, &message, &answer);
    if (rc == CTL_OK)
        (void)printf("%s: registered\n", c->options.args[0]);
    return rc;
}
