/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram as the Java client reads it: the first 512 bytes, lines that end in CRLF, names with
 * their case, headers before Server lost. What would end its listener's thread, or make it ignore
 * the datagram, is told in words; NULL when the proxy would be taken in. The digest is left to
 * mcmp_advert_verify() and to the golden datagram.
 */
#ifndef MCMP_TEST_JAVA_READER_H
#define MCMP_TEST_JAVA_READER_H

#include "../support.h"

typedef struct java_proxy {
    char server[128];
    char address[128];
    char digest[128];
    char date[128];
    char sequence[32];
    int status;
} java_proxy;

/* Copies the line at *at and moves on; 0 when there is no CRLF any more. */
static inline int java_line(const char **at, const char *end, char *line, size_t size)
{
    const char *stop = *at;

    while (stop + 1 < end && !(stop[0] == '\r' && stop[1] == '\n'))
        stop++;
    if (stop + 1 >= end || (size_t)(stop - *at) >= size)
        return 0;
    memcpy(line, *at, (size_t)(stop - *at));
    line[stop - *at] = '\0';
    *at = stop + 2;
    return 1;
}

static inline void java_keep(char *dst, size_t size, const char *value)
{
    (void)snprintf(dst, size, "%s", value);
}

static inline void java_header(java_proxy *p, const char *line)
{
    const char *value = strstr(line, ": ");
    size_t len;

    if (value == NULL)
        return;
    len = (size_t)(value - line);
    value += 2;
    if (len == 4 && memcmp(line, "Date", 4) == 0)
        java_keep(p->date, sizeof(p->date), value);
    else if (len == 8 && memcmp(line, "Sequence", 8) == 0)
        java_keep(p->sequence, sizeof(p->sequence), value);
    else if (len == 6 && memcmp(line, "Digest", 6) == 0)
        java_keep(p->digest, sizeof(p->digest), value);
    else if (len == 6 && memcmp(line, "Server", 6) == 0)
        java_keep(p->server, sizeof(p->server), value);
    else if (len == 17 && memcmp(line, "X-Manager-Address", 17) == 0 && p->server[0] != '\0')
        java_keep(p->address, sizeof(p->address), value);
}

static inline const char *java_status_line(java_proxy *p, const char *line)
{
    const char *status = strchr(line, ' ');
    const char *text = status != NULL ? strchr(status + 1, ' ') : NULL;

    if (strncmp(line, "HTTP/1.", 7) != 0 || text == NULL || text[1] == '\0')
        return "no first line of three parts";
    for (const char *c = status + 1; c < text; c++) {
        if (*c < '0' || *c > '9')
            return "the status is no number: the listener ends";
        p->status = p->status * 10 + (*c - '0');
    }
    return p->status >= 100 ? NULL : "a status below 100";
}

static inline const char *java_port(const char *address)
{
    const char *port = strrchr(address, ':');
    long value = 0;

    if (port == NULL)
        return "no port: the listener ends";
    for (port++; *port != '\0'; port++) {
        if (*port < '0' || *port > '9')
            return "the port is no number: the listener ends";
        value = value * 10 + (*port - '0');
    }
    return value >= 1 && value <= 65535 ? NULL : "a port that nobody can connect to";
}

static inline const char *java_read(mcmp_span datagram, java_proxy *p)
{
    const char *at = datagram.ptr;
    const char *end = at + (datagram.len < 512 ? datagram.len : 512);
    char line[600];
    const char *wrong;

    memset(p, 0, sizeof(*p));
    if (!java_line(&at, end, line, sizeof(line)))
        return "no line";
    if ((wrong = java_status_line(p, line)) != NULL)
        return wrong;
    while (java_line(&at, end, line, sizeof(line)) && line[0] != '\0')
        java_header(p, line);
    if (p->digest[0] == '\0' || p->date[0] == '\0' || p->sequence[0] == '\0')
        return "Digest, Date or Sequence is missing: the listener ends";
    if (p->server[0] == '\0' || p->address[0] == '\0')
        return "no Server, or no address behind it";
    return java_port(p->address);
}

#endif
