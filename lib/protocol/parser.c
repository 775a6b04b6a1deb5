/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the management port (MCMP 1): what the HTTP frame leaves open, that is the request
 * line, Host and Accept, and the mcmp_request that comes out, its body decoded if that is wanted.
 * Whoever is at the other end, a request is complete or it is an error; nothing is guessed.
 */
#include "decoder.h"
#include "frame.h"

#include <libmcmp/parser.h>

#define DEFAULT_MAX_BODY 65536
#define DEFAULT_MAX_DROP (16u << 20)
#define DEFAULT_MAX_HEAD 16384
#define DEFAULT_MAX_HEADERS 100
#define MAX_DECODE 16384 /* bytes of a body that is decoded for whoever sends it */

struct mcmp_parser {
    mcmp_allocator allocator;
    mcmp__frame frame;
    mcmp_request request;
    mcmp__range method;
    mcmp__range target;
    mcmp__range host;
    uint32_t wants; /* MCMP_REQUEST_WANT_* of all Accept lines */
    int has_host;
    int ready;             /* the request is complete */
    mcmp_decoder *decoder; /* NULL: bodies are not decoded */
    uint64_t max_decode;   /* bytes */
};

static const struct {
    mcmp_span name;
    uint32_t command;
} methods[] = {
    { MCMP__SPAN("STATUS"), MCMP_COMMAND_STATUS },
    { MCMP__SPAN("CONFIG"), MCMP_COMMAND_CONFIG },
    { MCMP__SPAN("ENABLE-APP"), MCMP_COMMAND_ENABLE_APP },
    { MCMP__SPAN("DISABLE-APP"), MCMP_COMMAND_DISABLE_APP },
    { MCMP__SPAN("STOP-APP"), MCMP_COMMAND_STOP_APP },
    { MCMP__SPAN("REMOVE-APP"), MCMP_COMMAND_REMOVE_APP },
    { MCMP__SPAN("PING"), MCMP_COMMAND_PING },
    { MCMP__SPAN("INFO"), MCMP_COMMAND_INFO },
    { MCMP__SPAN("DUMP"), MCMP_COMMAND_DUMP },
    { MCMP__SPAN("VERSION"), MCMP_COMMAND_VERSION },
    { MCMP__SPAN("GET"), MCMP_COMMAND_PAGE },
    { MCMP__SPAN("HEAD"), MCMP_COMMAND_PAGE },
};

void mcmp_peer_init_sized(mcmp_peer *peer, size_t size)
{
    mcmp__sized_init(peer, size);
}

void mcmp_request_init_sized(mcmp_request *request, size_t size)
{
    mcmp__sized_init(request, size);
}

void mcmp_parser_options_init_sized(mcmp_parser_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

uint32_t mcmp_command_of_method(mcmp_span method)
{
    for (size_t i = 0; i < MCMP__COUNT(methods); i++)
        if (methods[i].name.len == method.len && mcmp__span_eq_nocase(methods[i].name, method))
            return methods[i].command;
    return MCMP_COMMAND_UNKNOWN;
}

const char *mcmp_command_name(uint32_t command)
{
    for (size_t i = 0; i < MCMP__COUNT(methods); i++)
        if (methods[i].command == command)
            return methods[i].name.ptr;
    return "?";
}

/* A weight of zero means "not this one" (RFC 9110, 12.4.2). */
static int is_refused(mcmp_span parameters)
{
    mcmp_span rest = parameters;

    for (size_t i = 0; i < rest.len; i++) {
        mcmp_span q = mcmp__trim(mcmp__span(rest.ptr + i + 1, rest.len - i - 1));
        size_t at = 3;

        if (rest.ptr[i] != ';' || q.len < 3 || mcmp__lower(q.ptr[0]) != 'q' || q.ptr[1] != '=')
            continue;
        if (q.ptr[2] != '0')
            return 0;
        while (at < q.len && (q.ptr[at] == '.' || q.ptr[at] == '0'))
            at++;
        return at == q.len || !mcmp__is_digit(q.ptr[at]);
    }
    return 0;
}

static uint32_t accept_flags(mcmp_span accept)
{
    uint32_t flags = 0;
    mcmp_span range;

    while (mcmp__list_next(&accept, &range)) {
        const char *semicolon = range.len > 0 ? memchr(range.ptr, ';', range.len) : NULL;
        size_t len = semicolon != NULL ? (size_t)(semicolon - range.ptr) : range.len;
        mcmp_span type = mcmp__trim(mcmp__span(range.ptr, len));

        if (is_refused(mcmp__span(range.ptr + len, range.len - len)))
            continue;
        if (mcmp__span_is_nocase(type, "text/xml"))
            flags |= MCMP_REQUEST_WANT_XML;
        else if (mcmp__span_is_nocase(type, "application/json"))
            flags |= MCMP_REQUEST_WANT_JSON;
    }
    return flags;
}

/* MCMP 4.8: both named means XML */
static uint32_t settle_wants(uint32_t flags)
{
    return (flags & MCMP_REQUEST_WANT_XML) != 0 ? flags & ~MCMP_REQUEST_WANT_JSON : flags;
}

static uint32_t target_flags(mcmp_span target)
{
    if (mcmp__span_is(target, "*"))
        return MCMP_REQUEST_WHOLE_NODE;
    if (target.len >= 2 && memcmp(target.ptr + target.len - 2, "/*", 2) == 0)
        return MCMP_REQUEST_WHOLE_NODE;
    return 0;
}

uint32_t mcmp_request_flags(mcmp_span target, mcmp_span accept)
{
    return target_flags(target) | settle_wants(accept_flags(accept));
}

static const char *on_request_line(void *owner, mcmp__frame *frame, mcmp_span line)
{
    mcmp_parser *parser = owner;
    size_t method = mcmp__token_len(line.ptr); /* CRLF is behind the line */
    size_t target;

    parser->wants = 0;
    parser->has_host = 0;
    parser->host = mcmp__frame_range(frame, mcmp__span(NULL, 0));
    if (method == 0 || method == line.len || line.ptr[method] != ' ')
        return "request line without a method";
    target = method + 1;
    while (target < line.len && line.ptr[target] > 0x20 && line.ptr[target] < 0x7f)
        target++;
    if (target == method + 1 || target == line.len || line.ptr[target] != ' ')
        return "request line without a valid target";
    if (!mcmp__frame_version(frame, mcmp__span(line.ptr + target + 1, line.len - target - 1)))
        return "request line without HTTP/1.0 or HTTP/1.1";
    parser->method = mcmp__frame_range(frame, mcmp__span(line.ptr, method));
    parser->target =
        mcmp__frame_range(frame, mcmp__span(line.ptr + method + 1, target - method - 1));
    return NULL;
}

static const char *on_request_header(void *owner, mcmp__frame *frame, mcmp_span name,
                                     mcmp_span value)
{
    mcmp_parser *parser = owner;

    if (mcmp__span_is_nocase(name, "Host")) {
        if (parser->has_host)
            return "Host occurs twice";
        parser->has_host = 1;
        parser->host = mcmp__frame_range(frame, value);
    } else if (mcmp__span_is_nocase(name, "Accept")) {
        parser->wants |= accept_flags(value);
    }
    return NULL;
}

static int on_request_head(void *owner)
{
    (void)owner;
    return MCMP__BODY_FRAMED;
}

static const mcmp__frame_ops request_ops = { on_request_line, on_request_header, on_request_head };

/*
 * The sender's right to the command and the size are judged before the body (MCMP 1), but by
 * mcmp_apply(). So what it may never look at costs little here, and a body that is left alone, for
 * want of memory too, is decoded by it.
 */
static void decode_body(mcmp_parser *parser)
{
    mcmp_request *request = &parser->request;

    if (parser->decoder == NULL || request->command == MCMP_COMMAND_UNKNOWN ||
        request->command > MCMP_COMMAND_PING || (request->flags & MCMP_REQUEST_OVERSIZE) != 0 ||
        request->body.len > parser->max_decode)
        return;
    if (mcmp__decoder_run(parser->decoder, request) == MCMP_OK)
        request->decoded = parser->decoder;
}

static void fill_request(mcmp_parser *parser)
{
    const mcmp__frame *frame = &parser->frame;
    mcmp_request *request = &parser->request;

    memset(request, 0, sizeof(*request));
    request->struct_size = sizeof(*request);
    request->method = mcmp__frame_span(frame, parser->method);
    request->target = mcmp__frame_span(frame, parser->target);
    request->host = mcmp__frame_span(frame, parser->host);
    request->body = mcmp__frame_body(frame);
    request->body_size = frame->total;
    request->command = mcmp_command_of_method(request->method);
    request->flags = target_flags(request->target) | settle_wants(parser->wants);
    if (request->command == MCMP_COMMAND_PAGE && mcmp__lower(request->method.ptr[0]) == 'h')
        request->flags |= MCMP_REQUEST_HEAD;
    if (frame->http10 || frame->close || frame->linger)
        request->flags |= MCMP_REQUEST_CLOSE;
    if (frame->oversize)
        request->flags |= MCMP_REQUEST_OVERSIZE;
    if (frame->linger)
        request->flags |= MCMP_REQUEST_LINGER;
    decode_body(parser);
    parser->ready = 1;
}

/* Older callers have a shorter struct: everything up to max_body must be there. */
static int take_options(mcmp_parser_options *own, const mcmp_parser_options *opts, mcmp_error *err)
{
    int rc = mcmp__sized_in(own, sizeof(*own), opts, sizeof(own->struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_parser_options", "options are not initialised or too new");
    own->max_body = own->max_body != 0 ? own->max_body : DEFAULT_MAX_BODY;
    own->max_drop = own->max_drop != 0 ? own->max_drop : DEFAULT_MAX_DROP;
    own->max_drop = MCMP__MAX(own->max_drop, own->max_body);
    own->max_head = own->max_head != 0 ? own->max_head : DEFAULT_MAX_HEAD;
    own->max_headers = own->max_headers != 0 ? own->max_headers : DEFAULT_MAX_HEADERS;
    return MCMP_OK;
}

static int add_decoder(mcmp_parser *parser, const mcmp_command_limits *limits, mcmp_error *err)
{
    uint64_t max_message;
    int rc;

    if (limits == NULL)
        return MCMP_OK;
    rc = mcmp_decoder_new(&parser->decoder, limits, &parser->allocator, err);
    if (rc != MCMP_OK)
        return rc;
    max_message = parser->decoder->limits.max_message;
    parser->max_decode = max_message != 0 ? MCMP__MIN(max_message, MAX_DECODE) : MAX_DECODE;
    return MCMP_OK;
}

int mcmp_parser_new(mcmp_parser **out, const mcmp_parser_options *opts, mcmp_error *err)
{
    mcmp_parser_options own;
    mcmp_allocator allocator;
    mcmp_parser *parser;
    int rc = take_options(&own, opts, err);

    if (rc != MCMP_OK)
        return rc;
    if ((rc = mcmp__allocator_take(&allocator, own.allocator)) != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    if ((parser = mcmp__calloc(&allocator, 1, sizeof(*parser))) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a parser");
    parser->allocator = allocator;
    if ((rc = add_decoder(parser, own.limits, err)) != MCMP_OK) {
        mcmp__free(&allocator, parser, sizeof(*parser));
        return rc;
    }
    parser->frame.ops = &request_ops;
    parser->frame.owner = parser;
    parser->frame.max_body = own.max_body;
    parser->frame.max_drop = own.max_drop;
    parser->frame.max_head = own.max_head;
    parser->frame.max_headers = own.max_headers;
    parser->frame.bad_code = MCMP_ERR_HTTP;
    mcmp__frame_init(&parser->frame, &parser->allocator);
    *out = parser;
    return MCMP_OK;
}

void mcmp_parser_free(mcmp_parser *parser)
{
    mcmp_allocator allocator;

    if (parser == NULL)
        return;
    allocator = parser->allocator;
    mcmp__frame_clear(&parser->frame);
    mcmp_decoder_free(parser->decoder);
    mcmp__free(&allocator, parser, sizeof(*parser));
}

int mcmp_parser_feed(mcmp_parser *parser, const void *data, size_t len, size_t *used,
                     mcmp_error *err)
{
    int rc;

    parser->ready = 0;
    rc = mcmp__frame_feed(&parser->frame, data, len, used, err);
    if (rc == MCMP_OK)
        fill_request(parser);
    return rc;
}

int mcmp_parser_end(mcmp_parser *parser, mcmp_error *err)
{
    int rc = mcmp__frame_end(&parser->frame, err);

    return rc == MCMP_DONE ? MCMP_OK : rc;
}

mcmp_request *mcmp_parser_request(mcmp_parser *parser)
{
    return parser->ready ? &parser->request : NULL;
}
