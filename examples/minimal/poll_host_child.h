/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child of poll_host.c: registers as a node by the client side of the library, asks the lookup
 * port, and checks what comes back.
 */
#ifndef MCMP_POLL_HOST_CHILD_H
#define MCMP_POLL_HOST_CHILD_H

#include "example.h"

/* Send one message and wait for its answer; the answer's body must hold want. */
static void tell(int fd, mcmp_message *message, mcmp_answer *answer, const char *want)
{
    char bytes[1024];
    size_t len = 0;
    int rc = MCMP_NEED_MORE;

    check(mcmp_message_encode(message, bytes, sizeof(bytes), &len, NULL) == MCMP_OK, "encode");
    send_whole(fd, (mcmp_span){ bytes, len });
    while (rc == MCMP_NEED_MORE) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        size_t used;

        check(got > 0, "the host closed the connection");
        rc = mcmp_answer_feed(answer, bytes, (size_t)got, &used, NULL);
    }
    check(rc == MCMP_OK && mcmp_answer_get(answer)->status == 200, "refused");
    (void)printf("%.*s", (int)mcmp_answer_get(answer)->body.len, mcmp_answer_get(answer)->body.ptr);
    check(want == NULL || memmem(mcmp_answer_get(answer)->body.ptr,
                                 mcmp_answer_get(answer)->body.len, want, strlen(want)) != NULL,
          want);
}

static void look_up(int fd, const char *url, const char *want)
{
    char text[64];
    ssize_t len;

    send_whole(fd, text_of(url));
    len = recv(fd, text, sizeof(text) - 1, 0);
    check(len > 0, "no answer to the lookup");
    text[len] = '\0';
    (void)printf("%s -> %s\n", url, text);
    check(strcmp(text, want) == 0, want);
}

static int play_node(uint32_t management, uint32_t lookups)
{
    mcmp_span alias = text_of("localhost");
    mcmp_span context = text_of("/app");
    int fd = loopback_socket(SOCK_STREAM, &management);
    int lookup = loopback_socket(SOCK_DGRAM, &lookups);
    mcmp_message message;
    mcmp_answer *answer;

    mcmp_message_init(&message);
    message.jvm_route = text_of("n1");
    message.host = text_of("127.0.0.1");
    message.scheme = MCMP_SCHEME_HTTP;
    message.aliases = &alias;
    message.contexts = &context;
    message.alias_count = message.context_count = 1;
    message.load = 100;
    check(fd >= 0 && lookup >= 0, "the host is not there");
    check(loopback_socket(SOCK_STREAM, &message.port) >= 0, "no application to be probed");
    check(mcmp_answer_new(&answer, NULL, NULL) == MCMP_OK, "no memory");

    look_up(lookup, "localhost /app/page", "MCMP_NOT_OURS");
    message.command = MCMP_COMMAND_CONFIG;
    message.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_HOST | MCMP_FIELD_PORT | MCMP_FIELD_TYPE;
    tell(fd, &message, answer, NULL);
    message.command = MCMP_COMMAND_ENABLE_APP;
    message.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT;
    tell(fd, &message, answer, "Alias=localhost Contexts=/app\n");
    message.command = MCMP_COMMAND_STATUS;
    message.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_LOAD;
    tell(fd, &message, answer, "State=OK");
    look_up(lookup, "localhost /app/page", "n1");
    look_up(lookup, "localhost /other", "MCMP_NOT_OURS");
    message.command = MCMP_COMMAND_REMOVE_APP;
    message.flags = MCMP_COMMAND_WHOLE_NODE;
    message.given = MCMP_FIELD_JVMROUTE;
    tell(fd, &message, answer, NULL);
    look_up(lookup, "localhost /app/page", "MCMP_NOT_OURS");

    mcmp_answer_free(answer);
    close(lookup);
    close(fd);
    return 0;
}

#endif
