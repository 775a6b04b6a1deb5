/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error catalogue (MCMP 2). SYNTAX makes the Java client give a proxy up for good, so it
 * stands only where a retry can never cure it.
 */
#include "refusal.h"

#include <libmcmp/response.h>

#define SYNTAX(text)                           \
    {                                          \
        MCMP_WIRE_SYNTAX, 500, "SYNTAX: " text \
    }
#define MEM(text)                        \
    {                                    \
        MCMP_WIRE_MEM, 500, "MEM: " text \
    }

static const mcmp__refusal rows[] = {
    [MCMP_REFUSAL_PARSE] = SYNTAX(
        "Can't parse MCMP message. It might have contained illegal symbols or unknown elements."),
    [MCMP_REFUSAL_NO_ROUTE] = SYNTAX("JVMRoute can't be empty"),
    [MCMP_REFUSAL_BIG_ROUTE] = SYNTAX("JVMRoute field too big"),
    [MCMP_REFUSAL_BIG_BALANCER] = SYNTAX("Balancer field too big"),
    [MCMP_REFUSAL_BIG_DOMAIN] = SYNTAX("LBGroup field too big"),
    [MCMP_REFUSAL_BIG_HOST] = SYNTAX("Host field too big"),
    [MCMP_REFUSAL_BIG_PORT] = SYNTAX("Port field too big"),
    [MCMP_REFUSAL_BIG_TYPE] = SYNTAX("Type field too big"),
    [MCMP_REFUSAL_BIG_ALIAS] = SYNTAX("Alias field too big"),
    [MCMP_REFUSAL_BIG_CONTEXT] = SYNTAX("Context field too big"),
    [MCMP_REFUSAL_BIG_FIELD] = SYNTAX("A field is too big"),
    [MCMP_REFUSAL_BAD_FLUSHWAIT] = SYNTAX("Flushwait field has bad value"),
    [MCMP_REFUSAL_BAD_PING] = SYNTAX("Ping field has bad value"),
    [MCMP_REFUSAL_BAD_TTL] = SYNTAX("TTL field has bad value"),
    [MCMP_REFUSAL_BAD_TIMEOUT] = SYNTAX("Timeout field has bad value"),
    [MCMP_REFUSAL_BAD_HOST] = SYNTAX("Host field has bad value"),
    [MCMP_REFUSAL_BAD_PORT] = SYNTAX("Port field has bad value"),
    [MCMP_REFUSAL_BAD_TYPE] = SYNTAX("Type field has bad value"),
    [MCMP_REFUSAL_BAD_LOAD] = SYNTAX("Load field has bad value"),
    [MCMP_REFUSAL_NO_CONTEXT] = SYNTAX("Alias without Context"),
    [MCMP_REFUSAL_NO_ALIAS] = SYNTAX("Context without Alias"),
    [MCMP_REFUSAL_NO_APP] = SYNTAX("No Context and Alias in APP command"),
    [MCMP_REFUSAL_BAD_FIELD] = SYNTAX("Invalid field \"#\" in message"),
    [MCMP_REFUSAL_MISSING_FIELD] = SYNTAX("Mandatory field(s) missing in message"),
    [MCMP_REFUSAL_BAD_SCHEME] = SYNTAX("Scheme \"#\" is not supported"),
    [MCMP_REFUSAL_BAD_COMMAND] = SYNTAX("Command is not supported"),
    [MCMP_REFUSAL_MESSAGE_SIZE] = MEM("Message of $ bytes exceeds the limit of $"),
    [MCMP_REFUSAL_UNKNOWN_NODE] = MEM("Can't read node with \"$\" JVMRoute"),
    [MCMP_REFUSAL_NODE_EXISTS] = MEM("Node with \"$\" JVMRoute already exists"),
    [MCMP_REFUSAL_WORKER_EXISTS] = MEM("Another for the same worker already exist"),
    [MCMP_REFUSAL_NODE_TABLE] = MEM("Can't update or insert node with \"$\" JVMRoute"),
    [MCMP_REFUSAL_BALANCER_TABLE] =
        MEM("Can't update or insert balancer for node with \"$\" JVMRoute"),
    [MCMP_REFUSAL_TABLES] = MEM("$"),
    [MCMP_REFUSAL_DENIED] = { MCMP_WIRE_GENERAL, 403, "GENERAL: Not authorised" },
};

const mcmp__refusal *mcmp__refusal_row(uint32_t refusal)
{
    if (refusal >= MCMP__COUNT(rows) || rows[refusal].text == NULL)
        return NULL;
    return &rows[refusal];
}

const char *mcmp__wire_name(uint32_t wire_class)
{
    static const char *const names[] = {
        [MCMP_WIRE_NONE] = "?",
        [MCMP_WIRE_SYNTAX] = "SYNTAX",
        [MCMP_WIRE_MEM] = "MEM",
        [MCMP_WIRE_GENERAL] = "GENERAL",
    };

    return wire_class < MCMP__COUNT(names) ? names[wire_class] : "?";
}

size_t mcmp__mess_add(char *out, size_t len, size_t max, mcmp_span text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];

        if (c >= 0x20 && c <= 0x7e) {
            if (len + 1 > max)
                break;
            out[len++] = (char)c;
            continue;
        }
        if (len + 3 > max)
            break;
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    return len;
}

size_t mcmp__refusal_mess(const mcmp__refusal *row, const mcmp_span *args, size_t count, char *out)
{
    size_t len = 0;
    size_t arg = 0;

    for (const char *text = row->text; *text != '\0'; text++) {
        size_t max = MCMP__MESS_MAX;

        if (*text != '$' && *text != '#') {
            len = mcmp__mess_add(out, len, max, mcmp__span(text, 1));
            continue;
        }
        if (*text == '#')
            max = MCMP__MIN(max, len + MCMP__KEY_MAX);
        if (arg < count)
            len = mcmp__mess_add(out, len, max, args[arg++]);
    }
    return len;
}
