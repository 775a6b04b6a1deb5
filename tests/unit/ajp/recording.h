/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads tests/golden/ajp/<name>.txt: packets in the order in which a relay between proxy and
 * container had them. Lines: "> hex" and "< hex" are bytes to the container and back, a packet is the run of
 * lines up to the next comment; "@ D pat OFFSET LENGTH" and "@ D rep XX LENGTH" stand for long runs;
 * "! connection N" begins another connection, "! close" ends one side.
 */
#ifndef MCMP_TEST_AJP_RECORDING_H
#define MCMP_TEST_AJP_RECORDING_H

#include "support.h"

typedef struct recorded {
    char direction; /* '>' or '<', 'n': a new connection */
    size_t at;      /* in recording.bytes */
    size_t len;
} recorded;

typedef struct recording {
    char *bytes;
    size_t len;
    recorded packets[1024];
    size_t count;
    int open; /* the run of lines goes on */
} recording;

static void recording_room(recording *r, size_t more)
{
    r->bytes = realloc(r->bytes, r->len + more + 1);
    ck_assert(r->bytes != NULL);
}

static void recording_packet(recording *r, char direction)
{
    if (r->open && r->packets[r->count - 1].direction == direction)
        return;
    ck_assert(r->count < COUNT_OF(r->packets));
    r->packets[r->count++] = (recorded){ direction, r->len, 0 };
    r->open = direction != 'n';
}

static void recording_hex(recording *r, const char *hex)
{
    recording_room(r, strlen(hex) / 2);
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        const char pair[3] = { hex[0], hex[1], '\0' };

        r->bytes[r->len++] = (char)strtoul(pair, NULL, 16);
    }
}

/* "@ D pat OFFSET LENGTH" or "@ D rep XX LENGTH" */
static void recording_run(recording *r, char kind, const char *first, size_t len)
{
    size_t from = strtoul(first, NULL, kind == 'p' ? 10 : 16);

    recording_room(r, len);
    for (size_t i = from; i < from + len; i++)
        r->bytes[r->len++] = (char)(kind == 'p' ? (i * 31 + (i >> 8)) & 255 : from);
}

static void recording_line(recording *r, const char *line)
{
    char kind[16];
    char first[80];
    char direction;
    size_t len;

    if (line[0] == '#' || line[0] == '\0') {
        r->open = 0;
        return;
    }
    if (sscanf(line, "! connection %zu", &len) == 1) {
        recording_packet(r, 'n');
        return;
    }
    if (line[0] == '!')
        return;
    if (sscanf(line, "@ %c %15s %79s %zu", &direction, kind, first, &len) == 4) {
        recording_packet(r, direction);
        recording_run(r, kind[0], first, len);
    } else {
        recording_packet(r, line[0]);
        recording_hex(r, line + 2);
    }
    r->packets[r->count - 1].len = r->len - r->packets[r->count - 1].at;
}

SUPPORT_UNUSED static void recording_load(recording *r, const char *name)
{
    char path[128];
    char *text;
    size_t len;

    memset(r, 0, sizeof(*r));
    (void)snprintf(path, sizeof(path), "golden/ajp/%s.txt", name);
    text = read_test_file(path, &len);
    for (char *line = text, *end; line < text + len; line = end + 1) {
        end = memchr(line, '\n', len - (size_t)(line - text));
        ck_assert(end != NULL);
        *end = '\0';
        recording_line(r, line);
    }
    free(text);
}

#endif
