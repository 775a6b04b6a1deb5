/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager page as a service for hosts: what a request wants, what it may, and the answer. All
 * changes go through mcmp_apply(), one message per node, so the page can do nothing that the
 * protocol can't, and is judged by the same rules.
 */
#include "page.h"

#include "apply.h"
#include "base/crypto.h"

enum {
    MAX_FORM = 16384,
    MAX_NAME = 1024, /* a field of a form, decoded */
    TOKEN_MIN = 16,
    TOKEN_MAX = 128,
    REFRESH_MAX = 3600
};

typedef struct serving {
    mcmp_cluster *cluster;
    mcmp_request request;
    mcmp_peer peer;
    mcmp_page_options opts;
    mcmp_response *response;
    mcmp_error *err; /* the caller's */
    mcmp_error told; /* what is wrong, for the caller and the notice */
    mcmp__page page;
    mcmp_span query;
    char refresh[8]; /* seconds, or empty */
    char notice[256];
} serving;

/* What a form is about. */
typedef struct change {
    uint32_t command;
    const struct range *range;
    mcmp_span route;
    mcmp_span domain;
    mcmp_span alias;
    mcmp_span context;
    char names[4][MAX_NAME];
} change;

typedef struct range {
    const char *name;
    uint32_t fields; /* bits of the fields that it needs, in the order of `fields` below */
} range;

#define FIELD_ROUTE 0x1u
#define FIELD_DOMAIN 0x2u
#define FIELD_ALIAS 0x4u
#define FIELD_CONTEXT 0x8u

static const range ranges[] = {
    { "NODE", FIELD_ROUTE },
    { "DOMAIN", FIELD_DOMAIN },
    { "CONTEXT", FIELD_ROUTE | FIELD_ALIAS | FIELD_CONTEXT },
};

static int write_piece(void *ctx, const void *data, size_t len)
{
    return mcmp_response_write(ctx, data, len) == MCMP_OK ? 0 : -1;
}

static int add_headers(serving *s, uint32_t status)
{
    const char *policy =
        mcmp__page_has_forms(&s->page) ? mcmp__page_policy_forms : mcmp__page_policy;
    int rc = mcmp__page_headers(s->response, policy);

    if (rc == MCMP_OK && s->refresh[0] != '\0')
        rc = mcmp_response_add_header(s->response, "Refresh", mcmp__span_str(s->refresh));
    if (rc == MCMP_OK && status == 405)
        rc = mcmp_response_add_header(s->response, "Allow", mcmp__span_str("GET, HEAD, POST"));
    return rc;
}

/* The page with this status. MCMP_OK, or why there is no answer. */
static int answer(serving *s, uint32_t status)
{
    mcmp_view *view;
    mcmp__out out;
    int rc = mcmp__view_take(&view, s->cluster, s->request.now, 1, s->err);

    if (rc != MCMP_OK)
        return rc;
    rc = mcmp_response_begin_status(s->response, &s->request, status, "text/html; charset=utf-8");
    if (rc == MCMP_OK)
        rc = add_headers(s, status);
    if (rc == MCMP_OK) {
        mcmp__out_init(&out, write_piece, s->response);
        mcmp__page_write(view, &s->page, &out);
        if (mcmp__out_end(&out) != MCMP_OK || mcmp_response_end(s->response) != MCMP_OK)
            rc = MCMP_ERR_NOMEM;
    }
    mcmp_view_free(view);
    return rc == MCMP_OK ? MCMP_OK : mcmp__fail(s->err, rc, NULL, "no memory for the page");
}

/* s->told says what is wrong; the answer says it too. */
static int refuse(serving *s, uint32_t status)
{
    int code = s->told.code;
    int rc;

    s->page.notice = mcmp__span_str(s->told.message);
    s->page.is_refusal = 1;
    rc = answer(s, status);
    if (rc != MCMP_OK)
        return rc;
    return mcmp__fail(s->err, code, s->told.field, "%s", s->told.message);
}

static int is_token_char(char c)
{
    char low = mcmp__lower(c);

    return mcmp__is_digit(c) || (low >= 'a' && low <= 'z') || c == '-' || c == '_';
}

static int check_token(const mcmp_page_options *opts, mcmp_error *err)
{
    if (!(opts->flags & MCMP_PAGE_COMMANDS) || opts->flags & MCMP_PAGE_NO_TOKEN)
        return MCMP_OK;
    if (opts->token.len < TOKEN_MIN || opts->token.len > TOKEN_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "token", "the token has not 16..128 characters");
    for (size_t i = 0; i < opts->token.len; i++)
        if (!is_token_char(opts->token.ptr[i]))
            return mcmp__fail(err, MCMP_ERR_INVALID, "token",
                              "the token has others than letters, digits, - and _");
    return MCMP_OK;
}

static int take_options(serving *s, const mcmp_page_options *opts, mcmp_error *err)
{
    const uint32_t known = MCMP_PAGE_COMMANDS | MCMP_PAGE_REDUCED | MCMP_PAGE_NO_TOKEN;
    int rc = mcmp__sized_in(&s->opts, sizeof(s->opts), opts, sizeof(s->opts.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "opts", "the options are not initialised");
    if (s->opts.flags & ~known)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "there are flags that are not known");
    if (s->opts.max_form == 0)
        s->opts.max_form = MAX_FORM;
    return check_token(&s->opts, err);
}

static int take_request(serving *s, const mcmp_request *request, mcmp_error *err)
{
    int rc = mcmp__sized_in(&s->request, sizeof(s->request), request, sizeof(request->struct_size));

    if (rc == MCMP_OK && s->request.peer != NULL) {
        rc =
            mcmp__sized_in(&s->peer, sizeof(s->peer), s->request.peer, sizeof(s->peer.struct_size));
        s->peer.struct_size = sizeof(s->peer);
        s->request.peer = &s->peer;
    }
    s->request.struct_size = sizeof(s->request);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "request", "the request or its peer is not initialised");
    return MCMP_OK;
}

/* Where forms go, and what stands behind the question mark. */
static void take_target(serving *s)
{
    mcmp_span target = s->request.target;
    const char *query = target.len != 0 ? memchr(target.ptr, '?', target.len) : NULL;

    if (query != NULL) {
        size_t len = (size_t)(query - target.ptr);

        s->query = mcmp__span(query + 1, target.len - len - 1);
        target.len = len;
    }
    s->page.flags = s->opts.flags;
    s->page.path = s->opts.path.len != 0 ? s->opts.path : target;
    if (!(s->opts.flags & MCMP_PAGE_NO_TOKEN))
        s->page.token = s->opts.token;
}

/* A field of the form into its room; *out stays empty when it is absent. */
static int field(serving *s, mcmp_span form, const char *name, char *room, mcmp_span *out)
{
    int rc = mcmp__form_field(form, name, room, MAX_NAME, out);

    if (rc == MCMP_OK || rc == MCMP_ERR_NOT_FOUND)
        return MCMP_OK;
    return mcmp__fail(&s->told, MCMP_ERR_SYNTAX, name, "%s %s", name,
                      rc == MCMP_ERR_SPACE ? "is too long" : "has a bad % escape");
}

static int serve_report(serving *s, mcmp_span name)
{
    uint32_t command = mcmp_command_of_method(name);

    if (command >= MCMP_COMMAND_INFO && command <= MCMP_COMMAND_VERSION) {
        s->request.command = command;
        s->request.method = mcmp__span_str(mcmp_command_name(command));
        return mcmp_apply(s->cluster, &s->request, s->response, s->err);
    }
    if (command >= MCMP_COMMAND_ENABLE_APP && command <= MCMP_COMMAND_STOP_APP) {
        (void)mcmp__fail(&s->told, MCMP_ERR_SYNTAX, "Cmd",
                         "%s changes the cluster: send it by POST", mcmp_command_name(command));
        return refuse(s, 405);
    }
    (void)mcmp__fail(&s->told, MCMP_ERR_SYNTAX, "Cmd", "Cmd by GET is INFO, DUMP or VERSION");
    return refuse(s, 400);
}

static int serve_get(serving *s)
{
    char room[MAX_NAME];
    mcmp_span name = { NULL, 0 };
    mcmp_span seconds = { NULL, 0 };
    uint64_t period = 0;

    if (field(s, s->query, "Cmd", room, &name) != MCMP_OK)
        return refuse(s, 400);
    if (name.len != 0)
        return serve_report(s, name);
    if (field(s, s->query, "refresh", room, &seconds) != MCMP_OK)
        return refuse(s, 400);
    if (seconds.len != 0 && (mcmp__parse_uint(seconds, REFRESH_MAX, &period) != 0 || period == 0)) {
        (void)mcmp__fail(&s->told, MCMP_ERR_SYNTAX, "refresh", "refresh is 1..3600 seconds");
        return refuse(s, 400);
    }
    if (period != 0)
        s->refresh[mcmp__format_uint(s->refresh, period)] = '\0';
    return answer(s, 200);
}

/* 0, or the status of the refusal that s->told names. */
static uint32_t judge_form(serving *s)
{
    char room[MAX_NAME];
    mcmp_span token = { NULL, 0 };

    if (!(s->opts.flags & MCMP_PAGE_COMMANDS)) {
        (void)mcmp__fail(&s->told, MCMP_ERR_DENIED, NULL, "commands are switched off on this page");
        return 403;
    }
    if (s->request.flags & MCMP_REQUEST_OVERSIZE || s->request.body.len > s->opts.max_form) {
        (void)mcmp__fail(&s->told, MCMP_ERR_BODY_SIZE, "max_form",
                         "the form is over its limit of %u bytes", s->opts.max_form);
        return 413;
    }
    if (s->opts.flags & MCMP_PAGE_NO_TOKEN)
        return 0;
    if (field(s, s->request.body, "nonce", room, &token) != MCMP_OK)
        return 400;
    if (token.len != s->opts.token.len ||
        !mcmp__secret_eq(token.ptr, s->opts.token.ptr, token.len)) {
        (void)mcmp__fail(&s->told, MCMP_ERR_DENIED, "nonce",
                         "the form is out of date, or not from this page; load the page anew");
        return 403;
    }
    return 0;
}

static int take_range(serving *s, change *c, mcmp_span name)
{
    for (size_t i = 0; i < MCMP__COUNT(ranges); i++)
        if (mcmp__span_is_nocase(name, ranges[i].name))
            c->range = &ranges[i];
    if (c->range == NULL)
        return mcmp__fail(&s->told, MCMP_ERR_SYNTAX, "Range", "Range is NODE, DOMAIN or CONTEXT");
    return MCMP_OK;
}

static int take_change(serving *s, change *c)
{
    struct {
        const char *name;
        mcmp_span *value;
    } fields[] = {
        { "JVMRoute", &c->route },
        { "Domain", &c->domain },
        { "Alias", &c->alias },
        { "Context", &c->context },
    };
    mcmp_span form = s->request.body;
    mcmp_span name = { NULL, 0 };
    int rc = field(s, form, "Cmd", c->names[0], &name);

    c->command = mcmp_command_of_method(name);
    if (rc == MCMP_OK &&
        (c->command < MCMP_COMMAND_ENABLE_APP || c->command > MCMP_COMMAND_STOP_APP))
        rc = mcmp__fail(&s->told, MCMP_ERR_SYNTAX, "Cmd",
                        "Cmd is ENABLE-APP, DISABLE-APP or STOP-APP");
    name = mcmp__span("", 0);
    if (rc == MCMP_OK)
        rc = field(s, form, "Range", c->names[0], &name);
    if (rc == MCMP_OK)
        rc = take_range(s, c, name);
    for (size_t i = 0; rc == MCMP_OK && i < MCMP__COUNT(fields); i++) {
        rc = field(s, form, fields[i].name, c->names[i], fields[i].value);
        if (rc == MCMP_OK && c->range->fields >> i & 1 && fields[i].value->len == 0)
            rc = mcmp__fail(&s->told, MCMP_ERR_SYNTAX, fields[i].name, "%s is missing for Range %s",
                            fields[i].name, c->range->name);
    }
    return rc;
}

static int has_pair(const mcmp_view *view, const mcmp__view_node *node, const change *c)
{
    for (size_t i = 0; i < node->pair_count; i++) {
        const mcmp__view_pair *pair = &view->pairs[node->first_pair + i];

        if (mcmp__span_eq(pair->path, c->context) &&
            mcmp__span_eq_nocase(view->aliases[pair->alias].name, c->alias))
            return 1;
    }
    return 0;
}

static int is_target(const mcmp_view *view, const mcmp__view_node *node, const change *c)
{
    if (node->info.state >= MCMP_NODE_LEAVING)
        return 0;
    if (c->range->fields & FIELD_DOMAIN)
        return mcmp__span_eq(node->info.domain, c->domain);
    return mcmp__span_eq(node->info.route, c->route) &&
           (!(c->range->fields & FIELD_CONTEXT) || has_pair(view, node, c));
}

static void add_pair(mcmp__buf *body, const char *key, mcmp_span value)
{
    static const char digits[] = "0123456789ABCDEF";

    mcmp__buf_add_str(body, key);
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = (uint8_t)value.ptr[i];

        mcmp__buf_add_char(body, '%');
        mcmp__buf_add_char(body, digits[byte >> 4]);
        mcmp__buf_add_char(body, digits[byte & 15]);
    }
}

/* One message for one node; its answer stays in s->response. */
static int apply_to(serving *s, const change *c, mcmp_span route)
{
    mcmp_request request = s->request;
    mcmp__buf body;
    int rc;

    mcmp__buf_init(&body, &mcmp__config_of(s->cluster)->allocator, 0);
    add_pair(&body, "JVMRoute=", route);
    if (c->range->fields & FIELD_CONTEXT) {
        add_pair(&body, "&Alias=", c->alias);
        add_pair(&body, "&Context=", c->context);
    }
    request.command = c->command;
    request.flags = c->range->fields & FIELD_CONTEXT ? 0 : MCMP_REQUEST_WHOLE_NODE;
    request.method = mcmp__span_str(mcmp_command_name(c->command));
    request.body = mcmp__span(body.data, body.len);
    request.body_size = body.len;
    request.decoded = NULL;
    if (body.failed != 0)
        rc = mcmp__fail(&s->told, body.failed, NULL, "no memory for the message");
    else
        rc = mcmp_apply(s->cluster, &request, s->response, &s->told);
    mcmp__buf_clear(&body);
    return rc == MCMP_PENDING ? MCMP_OK : rc; /* a held STOP-APP has been applied */
}

/* MCMP_OK with the number of nodes changed, or the first refusal. */
static int apply_change(serving *s, const change *c, size_t *out_count)
{
    mcmp_view *view;
    int rc = mcmp__view_take(&view, s->cluster, s->request.now, 1, &s->told);

    *out_count = 0;
    if (rc != MCMP_OK)
        return rc;
    for (size_t i = 0; rc == MCMP_OK && i < view->node_count; i++) {
        if (!is_target(view, &view->nodes[i], c))
            continue;
        rc = apply_to(s, c, view->nodes[i].info.route);
        *out_count += rc == MCMP_OK;
    }
    mcmp_view_free(view);
    return rc;
}

/* What became of the change, as one line. */
static void tell(serving *s, const change *c, size_t count)
{
    mcmp_error line;
    mcmp_span name = c->range->fields & FIELD_DOMAIN ? c->domain : c->route;

    mcmp_error_init(&line);
    (void)mcmp__fail(&line, MCMP_OK, NULL, "%s: %.*s%s%.*s, members changed: %u",
                     mcmp_command_name(c->command), (int)MCMP__MIN(name.len, 64u), name.ptr,
                     c->context.len != 0 && c->range->fields & FIELD_CONTEXT ? " " : "",
                     c->range->fields & FIELD_CONTEXT ? (int)MCMP__MIN(c->context.len, 80u) : 0,
                     c->context.len != 0 ? c->context.ptr : "", (unsigned)count);
    memcpy(s->notice, line.message, MCMP__MIN(sizeof(line.message), sizeof(s->notice)));
    s->notice[sizeof(s->notice) - 1] = '\0';
    s->page.notice = mcmp__span_str(s->notice);
}

static int serve_change(serving *s, change *c)
{
    size_t count;
    uint32_t status;
    int rc;

    if (take_change(s, c) != MCMP_OK)
        return refuse(s, 400);
    rc = apply_change(s, c, &count);
    if (rc == MCMP_OK && count == 0) {
        (void)mcmp__fail(&s->told, MCMP_ERR_UNKNOWN_NODE, c->range->name,
                         c->range->fields & FIELD_DOMAIN ? "no member has this domain"
                         : c->range->fields & FIELD_CONTEXT
                             ? "no member has this route, alias and context"
                             : "no member has this route");
        return refuse(s, 404);
    }
    if (rc == MCMP_OK) {
        tell(s, c, count);
        return answer(s, 200);
    }
    status = mcmp_response_status(s->response);
    if (status == 0) /* not answered: no memory, or the store is damaged */
        return mcmp__fail(s->err, rc, s->told.field, "%s", s->told.message);
    return refuse(s, status);
}

static int serve_post(serving *s)
{
    uint32_t status = judge_form(s);
    change *c;
    int rc;

    if (status != 0)
        return refuse(s, status);
    c = mcmp__calloc(&mcmp__config_of(s->cluster)->allocator, 1, sizeof(*c));
    if (c == NULL)
        return mcmp__fail(s->err, MCMP_ERR_NOMEM, NULL, "no memory for the form");
    rc = serve_change(s, c);
    mcmp__free(&mcmp__config_of(s->cluster)->allocator, c, sizeof(*c));
    return rc;
}

static int serve(serving *s)
{
    mcmp_span method = s->request.method;
    int is_head = mcmp__span_is(method, "HEAD");

    if (!mcmp__access_command(*mcmp__access_of(s->cluster), s->request.peer, MCMP_COMMAND_PAGE)) {
        int rc = mcmp_response_refuse(s->response, &s->request, MCMP_REFUSAL_DENIED, &method, 1);

        return mcmp__fail(s->err, rc == MCMP_OK ? MCMP_ERR_DENIED : rc, NULL,
                          rc == MCMP_OK ? "the sender is not allowed to see the page"
                                        : "no memory for the answer");
    }
    if (is_head)
        s->request.flags |= MCMP_REQUEST_HEAD;
    if (is_head || mcmp__span_is(method, "GET"))
        return serve_get(s);
    if (mcmp__span_is(method, "POST"))
        return serve_post(s);
    (void)mcmp__fail(&s->told, MCMP_ERR_SYNTAX, "method", "the page takes GET, HEAD and POST");
    return refuse(s, 405);
}

void mcmp_page_options_init_sized(mcmp_page_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

int mcmp_page_serve(mcmp_cluster *cluster, const mcmp_page_options *opts,
                    const mcmp_request *request, mcmp_response *response, mcmp_error *err)
{
    serving s;
    int rc;

    if (cluster == NULL || request == NULL || response == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, NULL, "an argument is missing");
    memset(&s, 0, sizeof(s));
    s.cluster = cluster;
    s.response = response;
    s.err = err;
    mcmp_error_init(&s.told);
    rc = take_options(&s, opts, err);
    if (rc == MCMP_OK)
        rc = take_request(&s, request, err);
    if (rc != MCMP_OK)
        return rc;
    take_target(&s);
    return serve(&s);
}
