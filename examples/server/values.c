/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of the configuration to values: numbers, sizes, times, words, addresses. Strict: blanks,
 * signs and anything behind the value are refused, overflow too.
 */
#include "values.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Digits from *text on; moves it behind them. */
static int take_digits(const char **text, int64_t *out)
{
    const char *p = *text;
    int64_t value = 0;

    if (*p < '0' || *p > '9')
        return -1;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (value > (INT64_MAX - 9) / 10)
            return -1;
        value = value * 10 + (*p - '0');
    }
    *text = p;
    *out = value;
    return 0;
}

int value_int(const char *text, int64_t *out)
{
    int negative = *text == '-';
    int64_t value;

    text += negative;
    if (take_digits(&text, &value) != 0 || *text != '\0')
        return -1;
    *out = negative ? -value : value;
    return 0;
}

/* A number with one of the units; the first unit is that of a bare number. */
static int value_unit(const char *text, const char *const *units, const int64_t *factors,
                      int64_t *out)
{
    int64_t value;
    size_t i;

    if (take_digits(&text, &value) != 0)
        return -1;
    if (*text == '\0') {
        i = 0;
    } else {
        for (i = 0; units[i] != NULL && strcasecmp(units[i], text) != 0; i++)
            ;
        if (units[i] == NULL)
            return -1;
    }
    if (value > INT64_MAX / factors[i])
        return -1;
    *out = value * factors[i];
    return 0;
}

int value_size(const char *text, int64_t *out)
{
    static const char *const units[] = { "b", "k", "m", "g", NULL };
    static const int64_t factors[] = { 1, 1024, 1048576, 1073741824 };

    return value_unit(text, units, factors, out);
}

int value_time(const char *text, int64_t *out)
{
    static const char *const units[] = { "s", "us", "ms", "mi", "min", "h", "d", NULL };
    static const int64_t factors[] = {
        1000000, 1, 1000, 60000000, 60000000, 3600000000, 86400000000
    };

    return value_unit(text, units, factors, out);
}

int value_bool(const char *text, int64_t *out)
{
    static const char *const words[] = {
        "no", "yes", "off", "on", "false", "true", "0", "1", NULL
    };
    int64_t index;

    if (value_word(text, words, &index) != 0)
        return -1;
    *out = index & 1;
    return 0;
}

int value_word(const char *text, const char *const *words, int64_t *out)
{
    for (int64_t i = 0; words[i] != NULL; i++)
        if (strcasecmp(words[i], text) == 0) {
            *out = i;
            return 0;
        }
    return -1;
}

static int set_v4(const char *host, uint16_t port, struct address *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&out->addr;

    if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
        return -1;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    out->len = sizeof(*in);
    return 0;
}

static int set_v6(const char *host, uint16_t port, struct address *out)
{
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&out->addr;

    if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
        return -1;
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    out->len = sizeof(*in);
    return 0;
}

int value_address(const char *text, struct address *out)
{
    const char *colon = strrchr(text, ':');
    struct address made;
    char host[64];
    int64_t port;
    size_t len;

    if (colon == NULL || value_int(colon + 1, &port) != 0 || port < 0 || port > 65535)
        return -1;
    len = (size_t)(colon - text);
    if (len == 0 || len >= sizeof(host))
        return -1;
    memcpy(host, text, len);
    host[len] = '\0';
    memset(&made, 0, sizeof(made));
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        if (set_v6(host + 1, (uint16_t)port, &made) != 0)
            return -1;
    } else if (set_v4(strcmp(host, "*") == 0           ? "0.0.0.0"
                      : strcmp(host, "localhost") == 0 ? "127.0.0.1"
                                                       : host,
                      (uint16_t)port, &made) != 0) {
        return -1;
    }
    *out = made;
    return 0;
}

void value_address_text(const struct sockaddr *addr, char *out)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, 64, "%s:%u", host, ntohs(in->sin_port));
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)addr;

        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
        snprintf(out, 64, "[%s]:%u", host, ntohs(in->sin6_port));
    } else {
        snprintf(out, 64, "unknown");
    }
}
