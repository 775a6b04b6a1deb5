/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads tests/golden/java-client-lifecycle.txt: the requests that a real Java node sent from its
 * start to its end, as the bytes that were on the wire. Each recorded size is checked.
 */
#ifndef MCMP_TEST_GOLDEN_H
#define MCMP_TEST_GOLDEN_H

#include "support.h"

typedef struct golden_request {
    const char *bytes; /* into golden_session.bytes */
    size_t len;
    size_t head_len;
    int connection; /* 1, 2 */
} golden_request;

typedef struct golden_session {
    char *bytes;
    size_t len;
    golden_request requests[64];
    size_t count;
} golden_session;

/* The text of a line "      | text", or NULL. */
static const char *golden_text(const char *line, size_t len, size_t *text_len)
{
    static const char mark[] = "      |";

    if (len < sizeof(mark) - 1 || memcmp(line, mark, sizeof(mark) - 1) != 0)
        return NULL;
    line += sizeof(mark) - 1;
    len -= sizeof(mark) - 1;
    if (len > 0 && *line == ' ') {
        line++;
        len--;
    }
    *text_len = len;
    return line;
}

SUPPORT_UNUSED static void golden_load(golden_session *session)
{
    size_t len;
    char *text = read_test_file("golden/java-client-lifecycle.txt", &len);
    size_t body = 0;
    golden_request *now = NULL;

    memset(session, 0, sizeof(*session));
    session->bytes = malloc(len);
    ck_assert(session->bytes != NULL);
    for (char *line = text, *end; line < text + len; line = end + 1) {
        char *out = session->bytes + session->len;
        size_t head;
        size_t part_len;
        const char *part;
        char *mark;

        end = memchr(line, '\n', len - (size_t)(line - text));
        ck_assert(end != NULL);
        *end = '\0';
        if (*line == '#')
            continue;
        mark = strstr(line, ">>> REQUEST (");
        part = golden_text(line, (size_t)(end - line), &part_len);
        if (mark != NULL) {
            ck_assert(session->count < COUNT_OF(session->requests));
            now = &session->requests[session->count++];
            ck_assert_int_eq(sscanf(mark, ">>> REQUEST (%zu+%zu bytes)", &head, &body), 2);
            now->bytes = out;
            now->head_len = head;
            now->connection = strstr(line, "[c2]") != NULL ? 2 : 1;
        } else if (part == NULL) {
            now = NULL; /* something else was recorded */
        } else if (now != NULL) {
            memcpy(out, part, part_len);
            now->len += part_len;
            session->len += part_len;
            if (now->len < now->head_len) {
                memcpy(session->bytes + session->len, "\r\n", 2);
                now->len += 2;
                session->len += 2;
            } else {
                ck_assert_uint_eq(now->len, now->head_len + body);
            }
        }
    }
    free(text);
    ck_assert_uint_eq(session->count, 29);
}

SUPPORT_UNUSED static void golden_free(golden_session *session)
{
    free(session->bytes);
}

#endif
