/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies. The first byte chooses command and target, the rest is the body. Properties: a refusal
 * makes a well-formed answer; a command that was accepted, encoded by the client side and decoded
 * again, is the same command.
 */
#include "protocol_fuzz.h"

#include <libmcmp/client.h>
#include <libmcmp/response.h>

/* What is told about the body, also about a part of it that the command leaves out. */
static const uint32_t notices = MCMP_COMMAND_BALANCER_LOWERED | MCMP_COMMAND_NOT_ASCII;

static mcmp_decoder *new_decoder(void)
{
    mcmp_command_limits limits;
    mcmp_decoder *decoder = NULL;

    mcmp_command_limits_init(&limits);
    limits.alias = 20;
    MUST(mcmp_decoder_new(&decoder, &limits, NULL, NULL) == MCMP_OK);
    return decoder;
}

static void check_refusal(const mcmp_request *request, uint32_t refusal, mcmp_span culprit)
{
    mcmp_response *response = NULL;
    mcmp_pair pair;
    size_t headers = 0;

    MUST(refusal > MCMP_REFUSAL_NONE && refusal <= MCMP_REFUSAL_BAD_COMMAND);
    MUST(mcmp_response_new(&response, NULL, NULL) == MCMP_OK);
    MUST(mcmp_response_refuse(response, request, refusal, &culprit, 1) == MCMP_OK);
    for (; mcmp_response_header(response, headers, &pair) == MCMP_OK; headers++) {
        MUST(pair.name.len > 0 && pair.value.len > 0 && pair.value.len <= 4096);
        for (size_t i = 0; i < pair.value.len; i++)
            MUST(pair.value.ptr[i] >= 0x20 && pair.value.ptr[i] <= 0x7e);
    }
    MUST(headers == 5 && mcmp_response_body(response).len > 0);
    mcmp_response_free(response);
}

static mcmp_message message_of(const mcmp_command *command)
{
    mcmp_message message;

    mcmp_message_init(&message);
    message.command = command->kind;
    message.flags = command->flags & ~notices;
    message.given = command->given;
    message.jvm_route = command->jvm_route;
    message.domain = command->domain;
    message.host = command->host;
    message.balancer = command->balancer;
    message.sticky_cookie = command->sticky_cookie;
    message.sticky_path = command->sticky_path;
    message.aliases = command->aliases;
    message.contexts = command->contexts;
    message.alias_count = command->alias_count;
    message.context_count = command->context_count;
    message.port = command->port;
    message.scheme = command->scheme;
    message.flushpackets = command->flushpackets;
    message.smax = command->smax;
    message.flushwait = command->flushwait;
    message.ping = command->ping;
    message.ttl = command->ttl;
    message.timeout = command->timeout;
    message.wait_worker = command->wait_worker;
    message.max_attempts = command->max_attempts;
    message.load = command->load;
    return message;
}

static void same_lists(const mcmp_span *a, size_t a_count, const mcmp_span *b, size_t b_count)
{
    MUST(a_count == b_count);
    for (size_t i = 0; i < a_count; i++)
        MUST(fuzz_same(a[i], b[i]) && a[i].len > 0);
}

static void same_command(const mcmp_command *a, const mcmp_command *b)
{
    MUST((b->flags & ~a->flags & notices) == 0);
    MUST(a->kind == b->kind && (a->flags & ~notices) == (b->flags & ~notices));
    MUST(a->given == b->given && b->defaulted == 0);
    MUST(fuzz_same(a->jvm_route, b->jvm_route) && fuzz_same(a->domain, b->domain));
    MUST(fuzz_same(a->host, b->host) && fuzz_same(a->balancer, b->balancer));
    MUST(fuzz_same(a->sticky_cookie, b->sticky_cookie));
    MUST(fuzz_same(a->sticky_path, b->sticky_path));
    same_lists(a->aliases, a->alias_count, b->aliases, b->alias_count);
    same_lists(a->contexts, a->context_count, b->contexts, b->context_count);
    MUST(a->port == b->port && a->port > 0 && a->port < 65536 && a->scheme == b->scheme);
    MUST(a->flushpackets == b->flushpackets && a->smax == b->smax);
    MUST(a->flushwait == b->flushwait && a->ping == b->ping && a->ttl == b->ttl);
    MUST(a->timeout == b->timeout && a->wait_worker == b->wait_worker);
    MUST(a->max_attempts == b->max_attempts && a->load == b->load);
}

/* Encode, parse and decode again. */
static void check_round_trip(const mcmp_command *command)
{
    mcmp_message message = message_of(command);
    mcmp_decoder *decoder = new_decoder();
    mcmp_parser *parser = NULL;
    const mcmp_command *again = NULL;
    size_t need = 0;
    size_t used = 0;
    char *bytes;

    MUST(mcmp_message_encode(&message, NULL, 0, &need, NULL) == MCMP_ERR_SPACE);
    bytes = malloc(need);
    MUST(bytes != NULL);
    MUST(mcmp_message_encode(&message, bytes, need, &need, NULL) == MCMP_OK);
    MUST(mcmp_parser_new(&parser, NULL, NULL) == MCMP_OK);
    MUST(mcmp_parser_feed(parser, bytes, need, &used, NULL) == MCMP_OK && used == need);
    MUST((mcmp_parser_request(parser)->flags & MCMP_REQUEST_OVERSIZE) == 0);
    MUST(mcmp_decoder_decode(decoder, mcmp_parser_request(parser), &again, NULL, NULL) == MCMP_OK);
    same_command(command, again);
    free(bytes);
    mcmp_parser_free(parser);
    mcmp_decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcmp_request request;
    mcmp_decoder *decoder;
    const mcmp_command *command = NULL;
    uint32_t refusal = 0;
    char *body;
    int rc;

    if (size < 1 || size > 8192) /* longer ones would not fit the parser's default when escaped */
        return 0;
    decoder = new_decoder();
    body = fuzz_copy(data + 1, size - 1);
    mcmp_request_init(&request);
    request.command = data[0] % 13;
    request.flags = (data[0] & 0x80) != 0 ? MCMP_REQUEST_WHOLE_NODE : 0;
    request.body.ptr = body;
    request.body.len = size - 1;
    rc = mcmp_decoder_decode(decoder, &request, &command, &refusal, NULL);
    MUST(rc == MCMP_OK || (rc == MCMP_ERR_SYNTAX && command == NULL));
    if (rc == MCMP_ERR_SYNTAX)
        check_refusal(&request, refusal, mcmp_decoder_culprit(decoder));
    else
        check_round_trip(command);
    free(body);
    mcmp_decoder_free(decoder);
    return 0;
}
