/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing heads into the host's buffer. Neighbouring header lines that go on are copied as one
 * block, as the parser let only well-formed lines in. When the room is used up only the length
 * goes on, so that the size needed is known at the end.
 */
#include "http.h"

void mcmp__http_put_uint(mcmp__out *out, uint64_t value)
{
    char digits[20];

    mcmp__http_put(out, digits, mcmp__format_uint(digits, value));
}

void mcmp__http_put_line(mcmp__out *out, mcmp_span name, mcmp_span value)
{
    mcmp__http_put_span(out, name);
    MCMP__PUT(out, ": ");
    mcmp__http_put_span(out, value);
    MCMP__PUT(out, "\r\n");
}

static int is_dropped(const mcmp__copy *copy, const mcmp__http_row *row)
{
    for (size_t i = 0; i < copy->drop_count; i++)
        if (copy->drop[i].len == row->name_len &&
            mcmp__span_eq_nocase(copy->drop[i], mcmp__row_name(copy->head, row)))
            return 1;
    return 0;
}

/* Where the next line begins: the lines stand one behind the other. */
static uint32_t line_end(const mcmp_http_head *head, uint32_t index)
{
    if (index + 1 < head->info.header_count)
        return head->rows[index + 1].name;
    return (uint32_t)head->info.head_size - 2;
}

void mcmp__http_put_fields(mcmp__out *out, const mcmp__copy *copy)
{
    const mcmp_http_head *head = copy->head;
    const uint32_t count = head->info.header_count;
    const uint64_t skip = copy->skip | MCMP__HTTP_HOP_FIELDS | head->listed;
    uint32_t from = count != 0 ? head->rows[0].name : 0;
    uint32_t to = from;

    for (uint32_t i = 0; i < count; i++) {
        const mcmp__http_row *row = &head->rows[i];
        int cookie = row->id == MCMP_HTTP_FIELD_COOKIE && copy->remove_cookie.len != 0;

        if (((skip >> row->id) & 1) == 0 && !row->hop && !cookie &&
            (copy->drop_count == 0 || !is_dropped(copy, row))) {
            to = line_end(head, i);
            continue;
        }
        mcmp__http_put(out, head->base + from, to - from);
        from = to = line_end(head, i);
        if (cookie && ((skip >> row->id) & 1) == 0 && !is_dropped(copy, row))
            mcmp__http_put_cookie(out, mcmp__row_name(head, row), mcmp__row_value(head, row),
                                  copy->remove_cookie);
    }
    mcmp__http_put(out, head->base + from, to - from);
}

/*
 * MCMP 5.5: takes all pairs of the name out, with one separator each; the other bytes stay. A line
 * that had nothing else goes away.
 */
void mcmp__http_put_cookie(mcmp__out *out, mcmp_span name, mcmp_span value, mcmp_span cookie)
{
    size_t from = 0;
    mcmp_span pair;
    int some = 0;

    while (mcmp__cookie_rest(value, cookie, &from, &pair)) {
        if (some) {
            MCMP__PUT(out, ";");
        } else {
            mcmp__http_put_span(out, name);
            MCMP__PUT(out, ": ");
            pair = mcmp__trimmed(pair);
        }
        some = 1;
        mcmp__http_put_span(out, pair);
    }
    if (some)
        MCMP__PUT(out, "\r\n");
}

void mcmp__http_put_target(mcmp__out *out, const mcmp_http_target *target, mcmp_span remove)
{
    mcmp_span path = target->forward;
    mcmp_span piece;
    size_t from = 0;

    if (remove.len == 0 || memchr(path.ptr, ';', path.len) == NULL) {
        mcmp__http_put_span(out, target->target);
        return;
    }
    while (mcmp__path_rest(path, remove, &from, &piece))
        mcmp__http_put_span(out, piece);
    mcmp__http_put(out, target->target.ptr + path.len, target->target.len - path.len);
}

int mcmp__http_check_texts(const mcmp_span *texts, size_t count, mcmp_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (mcmp__http_text_bad(texts[i].ptr, texts[i].len) != texts[i].len)
            return mcmp__fail(err, MCMP_ERR_INVALID, "text",
                              "a text for the head holds a control byte");
    return MCMP_OK;
}

int mcmp__http_check_lines(const mcmp_pair *lines, size_t count, mcmp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!mcmp__http_is_token(lines[i].name))
            return mcmp__fail(err, MCMP_ERR_INVALID, "add", "the name of a header is no token");
        if (mcmp__http_text_bad(lines[i].value.ptr, lines[i].value.len) != lines[i].value.len)
            return mcmp__fail(err, MCMP_ERR_INVALID, "add",
                              "the value of a header holds a control byte");
    }
    return MCMP_OK;
}

int mcmp__http_put_done(const mcmp__out *out, size_t *out_len, mcmp_error *err)
{
    *out_len = out->len;
    if (out->len <= out->size)
        return MCMP_OK;
    return mcmp__fail(err, MCMP_ERR_SPACE, "out", "the head needs %zu bytes of room", out->len);
}
