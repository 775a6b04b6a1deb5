/* SPDX-License-Identifier: Apache-2.0 */
/* ping: the proxy itself, one of its nodes, or an endpoint as the proxy sees it. */
#include "conn.h"
#include "out.h"

#include <string.h>

/* SCHEME://HOST:PORT. 0, or -1 when it is no endpoint. */
static int take_endpoint(mcmp_message *message, const char *text)
{
    const char *host = strstr(text, "://");
    const char *colon = strrchr(text, ':');
    const char *end;
    int64_t port;

    if (host == NULL || colon <= host + 3)
        return -1;
    if (ctl_parse_digits(colon + 1, 65535, &port, &end) != 0 || *end != '\0' || port == 0)
        return -1;
    message->scheme = UINT32_MAX;
    for (uint32_t scheme = MCMP_SCHEME_AJP; scheme <= MCMP_SCHEME_WSS; scheme++)
        if (ctl_span_is((mcmp_span){ text, (size_t)(host - text) }, mcmp_scheme_name(scheme)))
            message->scheme = scheme;
    message->host = (mcmp_span){ host + 3, (size_t)(colon - host - 3) };
    message->port = (uint32_t)port;
    message->given = MCMP_FIELD_SCHEME | MCMP_FIELD_HOST | MCMP_FIELD_PORT;
    return message->scheme == UINT32_MAX ? -1 : 0;
}

static int take_target(ctl *c, mcmp_message *message)
{
    const char *text = c->options.arg_count == 1 ? c->options.args[0] : NULL;

    if (text == NULL)
        return CTL_OK;
    if (strstr(text, "://") != NULL) {
        if (take_endpoint(message, text) != 0)
            return ctl_fail(CTL_USAGE,
                            "\"%s\" is no endpoint; expected SCHEME://HOST:PORT with scheme ajp, "
                            "http, https, ws or wss",
                            text);
        return CTL_OK;
    }
    message->given = MCMP_FIELD_JVMROUTE;
    message->jvm_route = ctl_span(text);
    return CTL_OK;
}

int ctl_run_ping(ctl *c)
{
    const mcmp_answer_info *answer;
    const char *name = c->options.arg_count == 1 ? c->options.args[0] : c->options.proxy;
    mcmp_time start = ctl_now();
    mcmp_message message;
    mcmp_span state;
    uint64_t id = 0;
    int is_ok;
    int rc;

    mcmp_message_init(&message);
    message.command = MCMP_COMMAND_PING;
    rc = take_target(c, &message);
    if (rc == CTL_OK)
        rc = ctl_must(c, &message, &answer);
    if (rc != CTL_OK)
        return rc;
    if (mcmp_answer_field(answer->body, "State", &state) != MCMP_OK)
        return ctl_fail(CTL_UNREACHABLE, "%s: the answer to PING has no State", c->options.proxy);
    is_ok = ctl_span_is(state, "OK");
    (void)mcmp_answer_number(answer->body, "id", &id);
    if (c->options.form == CTL_JSON) {
        ctl_json_open(NULL, '{');
        ctl_json_str("target", name);
        ctl_json_text("state", state);
        ctl_json_int("id", (int64_t)id);
        ctl_json_int("us", ctl_now() - start);
        ctl_json_close('}');
        ctl_json_end();
    } else {
        (void)printf("%s: %s in %.1f ms\n", name, is_ok ? "OK" : "NOTOK",
                     (double)(ctl_now() - start) / MCMP_MSEC);
    }
    return is_ok ? CTL_OK : CTL_NOT_OK;
}
