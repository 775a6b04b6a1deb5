/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's head between the proxy module and a node. For AJP it is parsed here; for HTTP it is
 * written anew where mcmp_pass promises more than the proxy module does by itself (the client's own
 * Host, kept connections, upgrades, the target that was matched), or the session has to go.
 */
#include "traffic.h"

#define MAX_LINE (1024 * 1024) /* nginx has limits of its own, for the client's lines */
#define MAX_LINES 2000

static mcmp_http_head *parser(void)
{
    static mcmp_http_head *head; /* of this worker */
    mcmp_http_options opts;

    if (head != NULL)
        return head;
    mcmp_http_options_init(&opts);
    opts.max_line = MAX_LINE;
    opts.max_head = 2 * MAX_LINE;
    opts.max_headers = MAX_LINES;
    return mcmp_http_head_new(&head, &opts, NULL) == MCMP_OK ? head : NULL;
}

static size_t text_len(const ngx_buf_t *b)
{
    return (size_t)(b->last - b->start);
}

/* The proxy module speaks HTTP/1.0 unless it is told otherwise; to a container the client's own
 * version is what counts. */
static void set_version(ngx_http_request_t *r, ngx_buf_t *b)
{
    u_char *end = ngx_strlchr(b->start, b->last, CR);

    if (end != NULL && end > b->start && r->http_version >= NGX_HTTP_VERSION_11)
        end[-1] = '1';
}

static int parse_target(ngx_http_request_t *r, const mcmp_http_info *info, mcmp_http_target *target,
                        mcmp_error *err)
{
    char *room;
    int rc;

    mcmp_http_target_init(target);
    rc = mcmp_http_target_parse(info, 0, NULL, 0, target, err);
    if (rc != MCMP_ERR_SPACE)
        return rc;
    room = ngx_pnalloc(r->pool, target->needed);
    if (room == NULL)
        return MCMP_ERR_NOMEM;
    return mcmp_http_target_parse(info, 0, room, target->needed, target, err);
}

static mcmp_http_head *parse(ngx_http_request_t *r, const ngx_buf_t *b, mcmp_http_target *target,
                             mcmp_error *err)
{
    mcmp_http_head *head = parser();
    int rc = MCMP_ERR_NOMEM;

    if (head != NULL)
        rc = mcmp_http_head_parse_request(head, b->start, text_len(b), err);
    if (rc == MCMP_OK)
        rc = parse_target(r, mcmp_http_head_info(head), target, err);
    if (rc == MCMP_OK)
        return head;
    err->code = rc;
    return NULL;
}

mcmp_http_head *ngx_mcmp_head_parse(ngx_mcmp_traffic_t *t, mcmp_http_target *target,
                                    mcmp_error *err)
{
    set_version(t->request, t->http.head);
    return parse(t->request, t->http.head, target, err);
}

static ngx_uint_t is_pass_name(mcmp_span host)
{
    return host.len == sizeof(NGX_MCMP_PASS_NAME) - 1 &&
           ngx_strncmp(host.ptr, NGX_MCMP_PASS_NAME, host.len) == 0;
}

/* What the client asked, else the node's own name. */
static mcmp_span client_host(ngx_mcmp_traffic_t *t)
{
    ngx_table_elt_t *host = t->request->headers_in.host;

    return ngx_mcmp_span(host != NULL && host->value.len > 0 ? &host->value : &t->node->name);
}

mcmp_span ngx_mcmp_head_host(ngx_mcmp_traffic_t *t, const mcmp_http_head *head)
{
    mcmp_span none = { NULL, 0 };

    return is_pass_name(mcmp_http_head_info(head)->host) ? client_host(t) : none;
}

/* A line of the head that was written, and what becomes of it. */
static ngx_uint_t is_line(const u_char *at, const u_char *end, const char *name)
{
    size_t len = ngx_strlen(name);

    return (size_t)(end - at) > len && at[len] == ':' &&
           ngx_strncasecmp((u_char *)at, (u_char *)name, len) == 0;
}

static u_char *put_line(u_char *p, const char *name, mcmp_span value)
{
    p = ngx_cpymem(p, name, ngx_strlen(name));
    *p++ = ':';
    *p++ = ' ';
    p = ngx_mcmp_put(p, value);
    *p++ = CR;
    *p++ = LF;
    return p;
}

static u_char *take_line(ngx_mcmp_traffic_t *t, u_char *p, const u_char *at, const u_char *end)
{
    static const size_t skip = sizeof("Host: ") - 1;

    if (is_line(at, end, "Connection") || (t->upgrades && is_line(at, end, "Upgrade")))
        return p;
    if (is_line(at, end, "Host") && (size_t)(end - at) >= skip) {
        mcmp_span host = { (const char *)at + skip, (size_t)(end - at) - skip };

        if (is_pass_name(host))
            return put_line(p, "Host", client_host(t));
    }
    p = ngx_cpymem(p, at, (size_t)(end - at));
    *p++ = CR;
    *p++ = LF;
    return p;
}

/* The request line: the canonical target, and HTTP/1.1. */
static u_char *put_start(ngx_mcmp_traffic_t *t, u_char *p, const u_char *at, const u_char *end)
{
    const u_char *space = ngx_strlchr((u_char *)at, (u_char *)end, ' ');

    if (space == NULL)
        return NULL;
    p = ngx_cpymem(p, at, (size_t)(space - at) + 1);
    p = ngx_mcmp_put(p, t->target.target);
    return ngx_cpymem(p, " HTTP/1.1\r\n", sizeof(" HTTP/1.1\r\n") - 1);
}

static u_char *rewrite(ngx_mcmp_traffic_t *t, u_char *p, const ngx_buf_t *from)
{
    u_char *at = from->start;
    u_char *end = ngx_strlchr(at, from->last, CR);
    mcmp_span upgrade = { "upgrade", 7 };

    if (end == NULL)
        return NULL;
    p = put_start(t, p, at, end);
    for (at = end + 2; p != NULL; at = end + 2) {
        end = ngx_strlchr(at, from->last, CR);
        if (end == NULL)
            return NULL;
        if (end == at)
            break;
        p = take_line(t, p, at, end);
    }
    if (p == NULL)
        return NULL;
    if (t->upgrades) {
        p = put_line(p, "Connection", upgrade);
        p = put_line(p, "Upgrade", ngx_mcmp_span(&t->request->headers_in.upgrade->value));
    }
    return ngx_cpymem(p, at, (size_t)(from->last - at)); /* the empty line, and what follows */
}

static ngx_buf_t *for_pass(ngx_mcmp_traffic_t *t, const ngx_buf_t *from)
{
    size_t room = text_len(from) + t->target.target.len + client_host(t).len + 64;
    ngx_buf_t *b;

    if (t->upgrades)
        room += t->request->headers_in.upgrade->value.len;
    b = ngx_create_temp_buf(t->request->pool, room);
    if (b == NULL)
        return NULL;
    b->last = rewrite(t, b->last, from);
    return b->last != NULL ? b : NULL;
}

/* Without the session, by the library, which knows what a cookie and a parameter are. */
static ngx_buf_t *without_session(ngx_mcmp_traffic_t *t, const ngx_buf_t *from)
{
    ngx_http_request_t *r = t->request;
    mcmp_http_forward forward;
    mcmp_http_target target;
    mcmp_http_head *head;
    size_t len = 0;
    size_t room = text_len(from) + 256;
    mcmp_error err;
    ngx_buf_t *b;

    mcmp_error_init(&err);
    head = parse(r, from, &target, &err);
    if (head == NULL)
        return NULL;
    room += target.target.len;
    mcmp_http_forward_init(&forward);
    forward.target = &target;
    forward.remove_cookie = t->selection.cookie_name;
    forward.remove_path = t->selection.path_name;
    if (t->conf->protocols != NULL) {
        forward.upgrades = t->conf->protocols->elts;
        forward.upgrade_count = t->conf->protocols->nelts;
    }
    if ((mcmp_http_head_info(head)->flags & MCMP_HTTP_KEEP_ALIVE) == 0)
        forward.flags |= MCMP_HTTP_FORWARD_CLOSE;
    b = ngx_create_temp_buf(r->pool, room);
    if (b == NULL ||
        mcmp_http_encode_request(head, &forward, (char *)b->start, room, &len, &err) != MCMP_OK)
        return NULL;
    b->last = b->start + len;
    len = mcmp_http_head_info(head)->head_size;
    if (room - (size_t)(b->last - b->start) < text_len(from) - len)
        return NULL;
    b->last = ngx_cpymem(b->last, from->start + len, text_len(from) - len);
    return b;
}

ngx_int_t ngx_mcmp_head_for_http(ngx_mcmp_traffic_t *t)
{
    ngx_buf_t *b = t->http.head;

    if (t->passed)
        b = for_pass(t, b);
    if (b != NULL && (t->selection.flags & MCMP_SELECTION_REMOVE_SESSION) != 0)
        b = without_session(t, b);
    if (b == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    b->flush = t->http.head->flush;
    t->request->upstream->request_bufs->buf = b;
    return NGX_OK;
}
