/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request target in its forms (RFC 9112 3.2) to host, canonical path and query. Ordinary targets
 * are canonical already and come out as views of the request; others are rewritten into the
 * caller's room.
 */
#include "http.h"

static const char root[] = "/";
static const char asterisk[] = "*";

void mcmp_http_target_init_sized(mcmp_http_target *target, size_t size)
{
    mcmp__sized_init(target, size);
}

static int fail_target(mcmp_error *err, uint64_t offset, const char *text)
{
    return mcmp__http_fail_at(err, MCMP_ERR_HTTP_LINE, "target", offset, text);
}

static int begins_nocase(mcmp_span text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && mcmp__span_is_nocase(mcmp__span(text.ptr, len), prefix);
}

/* RFC 9112 3.2.2: the authority replaces Host. rest becomes what follows it. */
static int take_authority(mcmp_span raw, mcmp_span *rest, mcmp_http_target *out, mcmp_error *err)
{
    size_t from = begins_nocase(raw, "http://") ? 7 : begins_nocase(raw, "https://") ? 8 : 0;
    size_t end = from;

    if (from == 0)
        return fail_target(err, 0, "the target is neither a path nor an http or https URI");
    while (end < raw.len && raw.ptr[end] != '/' && raw.ptr[end] != '?' && raw.ptr[end] != '#')
        end++;
    out->host = mcmp__span(raw.ptr + from, end - from);
    if (!mcmp__http_host_is_valid(out->host))
        return mcmp__http_fail_at(err, MCMP_ERR_HTTP_HOST, "target", from,
                                  "the authority of the target is not a host and a port");
    out->form = MCMP_HTTP_FORM_ABSOLUTE;
    *rest = mcmp__span(raw.ptr + end, raw.len - end);
    return MCMP_OK;
}

static void split_query(mcmp_span rest, mcmp_span *path, mcmp_span *query, int *has_query)
{
    const char *mark = rest.len != 0 ? memchr(rest.ptr, '?', rest.len) : NULL;

    *path = rest;
    *query = mcmp__span(NULL, 0);
    *has_query = mark != NULL;
    if (mark == NULL)
        return;
    path->len = (size_t)(mark - rest.ptr);
    *query = mcmp__span(mark + 1, rest.len - path->len - 1);
}

static void set_asterisk(mcmp_http_target *out)
{
    out->path = out->forward = out->target = mcmp__span(asterisk, 1);
}

/* Path and query go to buf as one text, and the path for matching behind it when it differs. */
static int rewrite(mcmp__path *path, mcmp_span query, int has_query, size_t offset, char *buf,
                   mcmp_http_target *out, mcmp_error *err)
{
    size_t len;

    if (mcmp__http_path_canonical(path) != 0)
        return fail_target(err, offset + path->bad_at, path->reason);
    len = path->fwd_len;
    out->forward = mcmp__span(buf, len);
    if (has_query) {
        buf[len++] = '?';
        out->query = mcmp__span(buf + len, mcmp__http_encode_high(query.ptr, query.len, buf + len));
        len += out->query.len;
    }
    out->target = mcmp__span(buf, len);
    out->path = out->forward;
    if (memchr(buf, '%', path->fwd_len) != NULL) {
        out->path.ptr = buf + len;
        out->path.len = mcmp__http_path_decode(buf, path->fwd_len, buf + len);
        len += out->path.len;
    }
    out->needed = len;
    return MCMP_OK;
}

/* Encoding makes three bytes of one. The path for matching is never longer than the raw one. */
static size_t room_for(mcmp_span path, mcmp_span query)
{
    size_t odd = 0;

    for (size_t i = 0; i < path.len; i++)
        odd += path.ptr[i] != '/' && path.ptr[i] != '%' &&
               !mcmp__http_char_is(path.ptr[i], MCMP__CHAR_PATH);
    for (size_t i = 0; i < query.len; i++)
        odd += (uint8_t)query.ptr[i] > 0x7f;
    return 2 * path.len + 1 + query.len + 2 * odd;
}

static int take_path(const mcmp_http_info *request, mcmp_span rest, uint32_t flags, char *buf,
                     size_t size, mcmp_http_target *out, mcmp_error *err)
{
    mcmp__path path = { .flags = flags, .fwd = buf };
    mcmp_span query;
    size_t offset = (size_t)(rest.ptr - request->target.ptr);
    int has_query;

    split_query(rest, &path.raw, &query, &has_query);
    if (query.len != 0 && memchr(query.ptr, '#', query.len) != NULL)
        return fail_target(err, (uint64_t)(query.ptr - request->target.ptr), "`#` in the query");
    if (path.raw.len != 0 && mcmp__http_path_is_canonical(path.raw) &&
        !mcmp__http_has_high(query.ptr, query.len)) {
        out->path = out->forward = path.raw;
        out->query = query;
        out->target = rest;
        return MCMP_OK;
    }
    if (path.raw.len == 0)
        path.raw = mcmp__span(root, 1);
    out->needed = room_for(path.raw, query);
    if (size < out->needed)
        return mcmp__fail(err, MCMP_ERR_SPACE, "buf", "the room for the target is too small");
    return rewrite(&path, query, has_query, offset, buf, out, err);
}

static int take_target(const mcmp_http_info *request, uint32_t flags, char *buf, size_t size,
                       mcmp_http_target *out, mcmp_error *err)
{
    mcmp_span rest = request->target;
    int rc;

    out->host = request->host;
    out->form = MCMP_HTTP_FORM_ORIGIN;
    if (rest.len == 0)
        return fail_target(err, 0, "the target is empty");
    if (rest.ptr[0] == '*') {
        if (rest.len != 1 || request->method != MCMP_HTTP_OPTIONS)
            return fail_target(err, 0, "`*` is a target of OPTIONS only");
        out->form = MCMP_HTTP_FORM_ASTERISK;
        set_asterisk(out);
        return MCMP_OK;
    }
    if (rest.ptr[0] != '/') {
        rc = take_authority(request->target, &rest, out, err);
        if (rc != MCMP_OK)
            return rc;
        /* RFC 9112 3.2.4: OPTIONS without a path asks about the server */
        if (rest.len == 0 && request->method == MCMP_HTTP_OPTIONS) {
            set_asterisk(out);
            return MCMP_OK;
        }
    }
    return take_path(request, rest, flags, buf, size, out, err);
}

int mcmp_http_target_parse(const mcmp_http_info *request, uint32_t flags, char *buf, size_t size,
                           mcmp_http_target *out, mcmp_error *err)
{
    const uint32_t known = MCMP_HTTP_PATH_ENCODED_SLASH | MCMP_HTTP_PATH_KEEP_SLASHES;
    mcmp_http_target local;
    int rc;

    if (request == NULL || out == NULL || out->struct_size < sizeof(local.struct_size) ||
        (flags & ~known) != 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "flags", "no request, or unknown flags");
    memset(&local, 0, sizeof(local));
    rc = take_target(request, flags, buf, size, &local, err);
    if (rc == MCMP_ERR_SPACE && out->struct_size >= offsetof(mcmp_http_target, form))
        out->needed = local.needed;
    if (rc != MCMP_OK)
        return rc;
    return mcmp__sized_out(out, &local, sizeof(local));
}
