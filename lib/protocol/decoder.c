/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies into typed commands. The walker goes over the whole body first and decodes it; then each
 * pair is judged in the order sent, then what is missing, then the pairing of Alias and Context
 * (MCMP 1, order of judgement). Decoded text can hold no NUL, so NUL separates its parts.
 */
#include "decoder.h"
#include "refusal.h"
#include "request.h"

#include "base/compiler.h"

#include <libmcmp/command.h>
#include <libmcmp/response.h>

#define MAX_NAME 255
#define MAX_CONTEXT 1023
#define SMALL_BODY 16384 /* after a greater one memory is given back, */
#define KEEP_TEXT 65536  /* when there is more than this */
#define KEEP_ELEMENTS 4096
#define BLOCK 32 /* bytes looked at in one go; the text has so much room behind it */

/* What a byte of a form body is. */
enum { PLAIN, PERCENT, PLUS, AMPERSAND, EQUALS, FORBIDDEN, HIGH };

/* MCMP 1: control characters, `<`, `>`, `"` and `'` are refused, also when they come as %XX. */
static const uint8_t byte_kinds[256] = {
    /* 00 */ 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    /* 10 */ 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    /* 20 */ 0, 0, 5, 0, 0, 1, 3, 5, 0, 0, 0, 2, 0, 0, 0, 0,
    /* 30 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 4, 5, 0,
    /* 40 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 50 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 60 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 70 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5,
    /* 80 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    /* 90 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    /* a0 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    /* b0 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    /* c0 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    /* d0 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    /* e0 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    /* f0 */ 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
};

static const struct {
    uint32_t place;
    uint32_t standard;
    uint32_t max;
} name_limits[] = {
    { offsetof(mcmp_command_limits, jvm_route), 63, MAX_NAME },
    { offsetof(mcmp_command_limits, domain), 19, MAX_NAME },
    { offsetof(mcmp_command_limits, host), 63, MAX_NAME },
    { offsetof(mcmp_command_limits, port), 6, MAX_NAME },
    { offsetof(mcmp_command_limits, type), 15, MAX_NAME },
    { offsetof(mcmp_command_limits, balancer), 39, MAX_NAME },
    { offsetof(mcmp_command_limits, cookie), 29, MAX_NAME },
    { offsetof(mcmp_command_limits, alias), 254, MAX_NAME },
    { offsetof(mcmp_command_limits, context), 79, MAX_CONTEXT },
};

void mcmp_command_limits_init_sized(mcmp_command_limits *limits, size_t size)
{
    mcmp__sized_init(limits, size);
}

uint64_t mcmp_message_limit(uint32_t max_aliases, uint32_t max_contexts)
{
    uint64_t bytes = 9 + 64 + (uint64_t)max_aliases * 255 + 7 + (uint64_t)max_contexts * 80 + 8;

    return MCMP__MIN(MCMP__MAX(bytes, 1024), (uint64_t)1 << 20);
}

static int take_limits(mcmp_command_limits *own, const mcmp_command_limits *limits, mcmp_error *err)
{
    int rc = mcmp__sized_in(own, sizeof(*own), limits, sizeof(own->struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_command_limits", "limits are not initialised or too new");
    own->struct_size = sizeof(*own);
    for (size_t i = 0; i < MCMP__COUNT(name_limits); i++) {
        char *place = (char *)own + name_limits[i].place;
        uint32_t limit;

        memcpy(&limit, place, sizeof(limit));
        if (limit > name_limits[i].max)
            return mcmp__fail(err, MCMP_ERR_INVALID, "mcmp_command_limits",
                              "a name limit is over %u", (unsigned)name_limits[i].max);
        if (limit == 0)
            memcpy(place, &name_limits[i].standard, sizeof(limit));
    }
    return MCMP_OK;
}

int mcmp_decoder_new(mcmp_decoder **out, const mcmp_command_limits *limits,
                     const mcmp_allocator *allocator, mcmp_error *err)
{
    mcmp_command_limits own;
    mcmp_allocator taken;
    mcmp_decoder *decoder;
    int rc = take_limits(&own, limits, err);

    if (rc != MCMP_OK)
        return rc;
    if ((rc = mcmp__allocator_take(&taken, allocator)) != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    if ((decoder = mcmp__calloc(&taken, 1, sizeof(*decoder))) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a decoder");
    decoder->allocator = taken;
    decoder->limits = own;
    decoder->culprit = mcmp__span("", 0);
    mcmp__buf_init(&decoder->text, &decoder->allocator, 0);
    *out = decoder;
    return MCMP_OK;
}

MCMP__COLD static void give_back(mcmp_decoder *d)
{
    mcmp__buf_clear(&d->text);
    mcmp__elements_clear(&d->aliases, &d->allocator);
    mcmp__elements_clear(&d->contexts, &d->allocator);
    mcmp__free(&d->allocator, d->order, d->order_cap * sizeof(*d->order));
    d->order = NULL;
    d->order_cap = 0;
}

void mcmp_decoder_free(mcmp_decoder *decoder)
{
    mcmp_allocator allocator;

    if (decoder == NULL)
        return;
    allocator = decoder->allocator;
    give_back(decoder);
    mcmp__free(&allocator, decoder, sizeof(*decoder));
}

mcmp_span mcmp_decoder_culprit(const mcmp_decoder *decoder)
{
    return decoder->culprit;
}

/* The byte that %XX at ptr stands for; -1 when it is none or a forbidden one. */
static int escaped_byte(const char *ptr, const char *end)
{
    int high = end - ptr >= 3 ? mcmp__hex_value(ptr[1]) : -1;
    int low = high >= 0 ? mcmp__hex_value(ptr[2]) : -1;

    if (low < 0 || byte_kinds[high * 16 + low] == FORBIDDEN)
        return -1;
    return high * 16 + low;
}

/* One bit per byte of half a block: those that are not PLAIN. */
static inline uint32_t marks_of_half(const char *text)
{
#ifdef MCMP__FORM16
    return MCMP__FORM16(text);
#else
    uint32_t mask = 0;

    for (unsigned i = 0; i < BLOCK / 2; i++)
        mask |= (uint32_t)(byte_kinds[(uint8_t)text[i]] != PLAIN) << i;
    return mask;
#endif
}

/* The same of a block of which the first len bytes count; what is behind them is PLAIN. */
static inline uint32_t marks_of(const char *text, size_t len)
{
    uint32_t marks = marks_of_half(text);

    return len > BLOCK / 2 ? marks | marks_of_half(text + BLOCK / 2) << BLOCK / 2 : marks;
}

/*
 * A form body being decoded in place. Text only moves to the left, by gap bytes, once something in
 * front of it got shorter; so most bodies are not moved at all.
 */
typedef struct walk {
    char *text;
    size_t len;
    size_t from;  /* what is not decoded begins here */
    size_t gap;   /* and what is decoded ends so much before it */
    size_t pair;  /* where the pair begins, undecoded */
    size_t parts; /* keys and values that are complete; odd: a value is next */
} walk;

/* The plain bytes before `at` are decoded; returns where what is decoded ends now. */
static inline char *settle(walk *w, size_t at)
{
    char *from = w->text + w->from;

    if (w->gap != 0)
        memmove(from - w->gap, from, at - w->from);
    return w->text + at - w->gap;
}

/* A key or value ends before `at`. */
static inline void end_part(mcmp_decoder *d, walk *w, size_t at)
{
    char *end = settle(w, at);

    *end = '\0';
    if (w->parts < MCMP__COUNT(d->ends))
        d->ends[w->parts] = end;
    w->parts++;
    w->from = at + 1;
}

/* What a byte within a key or value stands for; -1 when it must not be here. */
static int inner_byte(const char *at, const char *end)
{
    switch (byte_kinds[(uint8_t)*at]) {
    case FORBIDDEN:
        return -1;
    case PERCENT:
        return escaped_byte(at, end);
    default:
        return *at == '+' ? ' ' : (uint8_t)*at;
    }
}

/* A byte that means something; -1: what must not be here, and *bad is where that is noticed. */
static inline int walk_mark(mcmp_decoder *d, walk *w, size_t at, uint64_t *bad)
{
    char mark = w->text[at];
    int byte;

    if (mark == '=' && w->parts % 2 == 0 && at != w->pair) {
        end_part(d, w, at);
        return 0;
    }
    if (mark == '&') {
        *bad = w->pair;
        if (w->parts % 2 == 0) {
            if (at != w->pair)
                return -1;
            w->gap++; /* an empty pair leaves nothing */
            w->from++;
        } else {
            end_part(d, w, at);
        }
        w->pair = at + 1;
        return 0;
    }
    *bad = at;
    if (mark == '=' && at == w->pair)
        return -1;
    if ((byte = inner_byte(w->text + at, w->text + w->len)) < 0)
        return -1;
    if (byte > 0x7f)
        d->command.flags |= MCMP_COMMAND_NOT_ASCII;
    *settle(w, at) = (char)byte;
    w->from = at + 1;
    if (mark == '%') {
        w->gap += 2;
        w->from += 2;
    }
    return 0;
}

/* The walker over the whole body; -1 with the offset of what is wrong. */
static int walk_body(mcmp_decoder *d, mcmp_span body, uint64_t *bad_at)
{
    walk w = { .text = d->text.data, .len = body.len };

    if (body.len > 0) /* an empty body may have no address */
        memcpy(w.text, body.ptr, body.len);
    memset(w.text + w.len, ' ', BLOCK / 2); /* no mark is seen behind the end */
    for (size_t base = 0; base < w.len; base += BLOCK) {
        uint32_t marks = marks_of(w.text + base, w.len - base);

        for (; marks != 0; marks &= marks - 1)
            if (walk_mark(d, &w, base + mcmp__lowest_bit(marks), bad_at) != 0)
                return -1;
    }
    if (w.parts % 2 != 0) {
        end_part(d, &w, w.len);
    } else if (w.len != w.pair) {
        *bad_at = w.pair;
        return -1;
    }
    d->parts = w.parts;
    return 0;
}

/* MCMP 1: outside CONFIG an empty value of these counts as missing. */
static const uint64_t missing_when_empty =
    MCMP_FIELD_JVMROUTE | MCMP_FIELD_SCHEME | MCMP_FIELD_HOST | MCMP_FIELD_PORT;

/* A key that means nothing to this command. */
static uint32_t judge_unknown(mcmp_decoder *d, mcmp_span key, mcmp_span value)
{
    uint32_t kind = d->command.kind;

    if (kind == MCMP_COMMAND_STATUS || kind == MCMP_COMMAND_PING) {
        d->culprit = key;
        return MCMP_REFUSAL_BAD_FIELD;
    }
    return value.len == 0 && kind == MCMP_COMMAND_CONFIG ? MCMP_REFUSAL_PARSE : MCMP_REFUSAL_NONE;
}

static inline uint32_t read_value(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    mcmp_command *command = &d->command;

    if ((command->flags & MCMP_COMMAND_WHOLE_NODE) != 0 &&
        (field->bit & (MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT)) != 0)
        return MCMP_REFUSAL_NONE;
    command->given |= field->bit;
    command->defaulted &= ~field->bit;
    return field->read(d, field, value);
}

static uint32_t judge_empty(mcmp_decoder *d, const mcmp__field *field, mcmp_span value)
{
    mcmp_command *command = &d->command;

    if (command->kind == MCMP_COMMAND_CONFIG)
        return MCMP_REFUSAL_PARSE;
    if ((field->bit & missing_when_empty) == 0)
        return read_value(d, field, value);
    command->given &= ~field->bit;
    command->defaulted &= ~field->bit;
    mcmp__field_reset(d, field);
    return MCMP_REFUSAL_NONE;
}

static inline uint32_t judge_pair(mcmp_decoder *d, mcmp_span key, mcmp_span value)
{
    const mcmp__field *field = mcmp__field_find(key);

    if (field == NULL || (field->commands >> d->command.kind & 1) == 0)
        return judge_unknown(d, key, value);
    return value.len == 0 ? judge_empty(d, field, value) : read_value(d, field, value);
}

/* Where part number n ends that begins at ptr; most bodies have few, and their ends are known. */
static inline const char *part_end(const mcmp_decoder *d, const char *ptr, size_t n)
{
    return n < MCMP__COUNT(d->ends) ? d->ends[n] : ptr + strlen(ptr);
}

/* Judge the pairs in the order sent; *count is the number of those that were right. */
static uint32_t judge_pairs(mcmp_decoder *d, size_t *count, const char **bad_key)
{
    const char *ptr = d->text.data;
    size_t part = 0;

    for (; part < d->parts; part += 2) {
        const char *key_end = part_end(d, ptr, part);
        const char *value = key_end + 1;
        const char *end = part_end(d, value, part + 1);
        uint32_t refusal = judge_pair(d, mcmp__span(ptr, (size_t)(key_end - ptr)),
                                      mcmp__span(value, (size_t)(end - value)));

        if (refusal != MCMP_REFUSAL_NONE) {
            *count = part / 2;
            *bad_key = ptr;
            return refusal;
        }
        ptr = end + 1;
    }
    *count = part / 2;
    return MCMP_REFUSAL_NONE;
}

static uint32_t judge_ping(const mcmp_command *command)
{
    const uint64_t endpoint = MCMP_FIELD_SCHEME | MCMP_FIELD_HOST | MCMP_FIELD_PORT;
    uint64_t given = command->given & endpoint;

    if ((command->given & MCMP_FIELD_JVMROUTE) != 0 || given == 0 || given == endpoint)
        return MCMP_REFUSAL_NONE;
    return MCMP_REFUSAL_MISSING_FIELD;
}

/* What is judged when all pairs are known: what is missing, then Alias and Context. */
static uint32_t judge_whole(const mcmp_command *command, size_t pairs)
{
    const uint64_t both = MCMP_FIELD_ALIAS | MCMP_FIELD_CONTEXT;
    uint64_t given = command->given & both;

    if (command->kind == MCMP_COMMAND_PING)
        return judge_ping(command);
    if (pairs == 0 && command->kind == MCMP_COMMAND_CONFIG)
        return MCMP_REFUSAL_PARSE;
    if (pairs == 0 && command->kind == MCMP_COMMAND_STATUS)
        return MCMP_REFUSAL_BAD_FIELD;
    if ((command->given & MCMP_FIELD_JVMROUTE) == 0)
        return MCMP_REFUSAL_NO_ROUTE;
    if (given == both)
        return MCMP_REFUSAL_NONE;
    if (given != 0)
        return given == MCMP_FIELD_ALIAS ? MCMP_REFUSAL_NO_CONTEXT : MCMP_REFUSAL_NO_ALIAS;
    if (command->kind == MCMP_COMMAND_CONFIG || command->kind == MCMP_COMMAND_STATUS ||
        (command->flags & MCMP_COMMAND_WHOLE_NODE) != 0)
        return MCMP_REFUSAL_NONE;
    return MCMP_REFUSAL_NO_APP;
}

/* Where pair number n begins in the body; only needed to tell about a refusal. */
static uint64_t pair_offset(mcmp_span body, size_t n)
{
    size_t i = 0;

    for (;;) {
        while (i < body.len && body.ptr[i] == '&')
            i++;
        if (n == 0 || i == body.len)
            return i;
        n--;
        while (i < body.len && body.ptr[i] != '&')
            i++;
    }
}

MCMP__COLD static int refuse(const mcmp_decoder *d, uint32_t *refusal, mcmp_error *err)
{
    const mcmp__refusal *row = mcmp__refusal_row(d->refusal);
    char mess[MCMP__MESS_MAX];
    char field[sizeof(err->field)];
    size_t len = mcmp__refusal_mess(row, &d->culprit, 1, mess);

    mcmp__printable(field, sizeof(field), mcmp__span_str(d->key));
    mcmp__fail(err, MCMP_ERR_SYNTAX, field, "%.*s", (int)len, mess);
    mcmp__error_wire(err, row->wire_class);
    mcmp__error_at(err, d->offset);
    if (refusal != NULL)
        *refusal = d->refusal;
    return MCMP_ERR_SYNTAX;
}

MCMP__COLD static int no_memory(mcmp_error *err)
{
    return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for the decoded message");
}

/* MCMP_COMMAND_WHOLE_NODE, if that is what the request asks for. */
static uint32_t whole_node(const mcmp_request *request)
{
    if (request->command >= MCMP_COMMAND_ENABLE_APP &&
        request->command <= MCMP_COMMAND_REMOVE_APP &&
        (request->flags & MCMP_REQUEST_WHOLE_NODE) != 0)
        return MCMP_COMMAND_WHOLE_NODE;
    return 0;
}

/* Back to an empty command with room for the text of this body. */
static int prepare(mcmp_decoder *d, const mcmp_request *request)
{
    if (request->body.len < SMALL_BODY &&
        (d->text.cap > KEEP_TEXT || d->aliases.cap + d->contexts.cap > KEEP_ELEMENTS))
        give_back(d);
    mcmp__buf_reset(&d->text);
    d->command = mcmp__command_defaults;
    d->command.kind = request->command;
    d->command.flags |= whole_node(request);
    d->aliases.count = d->contexts.count = 0;
    d->body = request->body;
    d->key = "";
    d->offset = 0;
    d->culprit = mcmp__span("", 0);
    if (d->text.cap >= BLOCK && request->body.len <= d->text.cap - BLOCK)
        return MCMP_OK;
    if (request->body.len > SIZE_MAX - BLOCK)
        return MCMP_ERR_NOMEM;
    return mcmp__buf_reserve(&d->text, request->body.len + BLOCK);
}

static int publish_lists(mcmp_decoder *d)
{
    if (d->aliases.count == 0 && d->contexts.count == 0)
        return MCMP_OK;
    if (d->aliases.count > 1 && mcmp__elements_unique(d, &d->aliases) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    if (d->contexts.count > 1 && mcmp__elements_unique(d, &d->contexts) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    d->command.aliases = d->aliases.items;
    d->command.alias_count = d->aliases.count;
    d->command.contexts = d->contexts.items;
    d->command.context_count = d->contexts.count;
    return MCMP_OK;
}

/* The order of judgement; MCMP_REFUSAL_*, or MCMP__NO_MEMORY. */
static uint32_t judge(mcmp_decoder *d, const mcmp_request *request)
{
    size_t pairs;
    uint32_t code;

    if (prepare(d, request) != MCMP_OK)
        return MCMP__NO_MEMORY;
    if (request->command == MCMP_COMMAND_UNKNOWN || request->command > MCMP_COMMAND_PAGE)
        return MCMP_REFUSAL_BAD_COMMAND;
    if (request->command > MCMP_COMMAND_PING) /* INFO and the like ignore any body */
        return MCMP_REFUSAL_NONE;
    if (walk_body(d, request->body, &d->offset) != 0)
        return MCMP_REFUSAL_PARSE;
    code = judge_pairs(d, &pairs, &d->key);
    if (code != MCMP_REFUSAL_NONE) {
        d->offset = pair_offset(request->body, pairs);
        return code;
    }
    code = judge_whole(&d->command, pairs);
    d->offset = request->body.len;
    if (code == MCMP_REFUSAL_NONE && publish_lists(d) != MCMP_OK)
        return MCMP__NO_MEMORY;
    return code;
}

int mcmp__decoder_run(mcmp_decoder *decoder, const mcmp_request *request)
{
    decoder->refusal = judge(decoder, request);
    return decoder->refusal == MCMP__NO_MEMORY ? MCMP_ERR_NOMEM : MCMP_OK;
}

/* Has the decoder decoded this very body, and would it come out the same under these limits? */
static inline int is_made(const mcmp_decoder *d, const mcmp_request *request,
                          const mcmp_command_limits *limits)
{
    const size_t names = offsetof(mcmp_command_limits, jvm_route);

    return d->body.ptr == request->body.ptr && d->body.len == request->body.len &&
           d->command.kind == request->command &&
           (d->command.flags & MCMP_COMMAND_WHOLE_NODE) == whole_node(request) &&
           memcmp((const char *)&d->limits + names, (const char *)limits + names,
                  sizeof(*limits) - names) == 0;
}

const mcmp_command *mcmp_request_command(const mcmp_request *request,
                                         const mcmp_command_limits *limits)
{
    const mcmp_decoder *made;

    if (request->struct_size < sizeof(*request))
        return NULL;
    made = request->decoded;
    if (made == NULL || made->refusal != MCMP_REFUSAL_NONE)
        return NULL;
    if (limits == NULL)
        limits = &made->limits;
    return limits->struct_size >= sizeof(*limits) && is_made(made, request, limits) ? &made->command
                                                                                    : NULL;
}

int mcmp_decoder_decode(mcmp_decoder *decoder, const mcmp_request *request,
                        const mcmp_command **out, uint32_t *refusal, mcmp_error *err)
{
    const mcmp_decoder *made;
    mcmp_request room;
    int rc = mcmp__request_take(&request, &room);

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_request", "the request is not initialised or too new");
    made = request->decoded;
    if (made == NULL || !is_made(made, request, &decoder->limits)) {
        (void)mcmp__decoder_run(decoder, request);
        made = decoder;
    }
    if (made->refusal == MCMP__NO_MEMORY)
        return no_memory(err);
    if (made->refusal != MCMP_REFUSAL_NONE) {
        decoder->culprit = made->culprit;
        return refuse(made, refusal, err);
    }
    *out = &made->command;
    return MCMP_OK;
}
