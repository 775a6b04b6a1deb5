/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INFO in text form, line by line (MCMP 4.7). Reads what this library and the existing servers
 * write: unknown lines and fields are passed over, missing numbers are 0.
 */
#include "values.h"

#include <libmcmp/client.h>

#include <stddef.h>

static const struct {
    mcmp_span mark;
    uint32_t kind;
    int ids; /* numbers in the brackets */
} line_kinds[] = {
    { MCMP__SPAN("Node: ["), MCMP_INFO_NODE, 1 },
    { MCMP__SPAN("Vhost: ["), MCMP_INFO_VHOST, 3 },
    { MCMP__SPAN("Context: ["), MCMP_INFO_CONTEXT, 3 },
};

/* Each returns 0, or -1 when the value has not the form. */
static int read_text(void *place, mcmp_span value)
{
    memcpy(place, &value, sizeof(value));
    return 0;
}

static int read_number(void *place, mcmp_span value)
{
    uint64_t number;

    if (mcmp__parse_uint(value, UINT64_MAX, &number) != 0)
        return -1;
    memcpy(place, &number, sizeof(number));
    return 0;
}

static int read_int(void *place, mcmp_span value)
{
    int64_t number;
    int32_t small;

    if (mcmp__value_int(value, INT32_MIN, INT32_MAX, &number) != 0)
        return -1;
    small = (int32_t)number;
    memcpy(place, &small, sizeof(small));
    return 0;
}

static int read_time(void *place, mcmp_span value, mcmp_time unit)
{
    mcmp_time time;

    if (mcmp__value_duration(value, unit, &time) != 0)
        return -1;
    memcpy(place, &time, sizeof(time));
    return 0;
}

static int read_millis(void *place, mcmp_span value)
{
    return read_time(place, value, MCMP_MSEC);
}

static int read_seconds(void *place, mcmp_span value)
{
    return read_time(place, value, MCMP_SEC);
}

static int read_flush(void *place, mcmp_span value)
{
    uint32_t flush;

    if (mcmp__value_flush(value, &flush) != 0)
        return -1;
    memcpy(place, &flush, sizeof(flush));
    return 0;
}

static int read_status(void *place, mcmp_span value)
{
    static const char *const names[] = { "ENABLED", "DISABLED", "STOPPED" };

    for (uint32_t i = 0; i < MCMP__COUNT(names); i++)
        if (mcmp__span_is(value, names[i])) {
            uint32_t status = i + 1;

            memcpy(place, &status, sizeof(status));
            return 0;
        }
    return -1;
}

/* clang-format off */
#define ROW(KIND, key, member, read) \
    { MCMP_INFO_##KIND, MCMP__SPAN(key), offsetof(mcmp_info_line, member), read }

static const struct {
    uint32_t kind;
    mcmp_span key;
    size_t place;
    int (*read)(void *place, mcmp_span value);
} line_fields[] = {
    ROW(NODE, "Name", name, read_text),
    ROW(NODE, "Balancer", balancer, read_text),
    ROW(NODE, "LBGroup", domain, read_text),
    ROW(NODE, "Host", host, read_text),
    ROW(NODE, "Port", port, read_text),
    ROW(NODE, "Type", type, read_text),
    ROW(NODE, "Flushpackets", flushpackets, read_flush),
    ROW(NODE, "Flushwait", flushwait, read_millis),
    ROW(NODE, "Ping", ping, read_seconds),
    ROW(NODE, "Smax", smax, read_int),
    ROW(NODE, "Ttl", ttl, read_seconds),
    ROW(NODE, "Elected", elected, read_number),
    ROW(NODE, "Read", bytes_read, read_number),
    ROW(NODE, "Transfered", transferred, read_number),
    ROW(NODE, "Connected", connected, read_number),
    ROW(NODE, "Load", load, read_int),
    ROW(VHOST, "Alias", name, read_text),
    ROW(CONTEXT, "Context", name, read_text),
    ROW(CONTEXT, "Status", status, read_status),
};
/* clang-format on */

void mcmp_info_line_init_sized(mcmp_info_line *line, size_t size)
{
    mcmp__sized_init(line, size);
}

void mcmp_info_reader_init_sized(mcmp_info_reader *reader, size_t size)
{
    mcmp__sized_init(reader, size);
}

/* Cut the front of *rest off up to mark, which is dropped; all of it when mark is not there. */
static mcmp_span cut(mcmp_span *rest, char mark)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    mcmp_span front = mcmp__span(rest->ptr, at != NULL ? (size_t)(at - rest->ptr) : rest->len);
    size_t taken = front.len + (at != NULL);

    if (taken > 0)
        *rest = mcmp__span(rest->ptr + taken, rest->len - taken);
    return front;
}

static int read_ids(mcmp_info_line *line, mcmp_span ids, int count)
{
    uint64_t *const places[] = { &line->node, &line->vhost, &line->id };

    for (int i = 0; i < count; i++)
        if (read_number(places[i], cut(&ids, ':')) != 0)
            return -1;
    return ids.len == 0 ? 0 : -1;
}

/* `Key: value`, a blank before the key allowed */
static const char *read_field(mcmp_info_line *line, mcmp_span field)
{
    mcmp_span key;

    while (field.len > 0 && field.ptr[0] == ' ')
        field = mcmp__span(field.ptr + 1, field.len - 1);
    key = cut(&field, ':');
    if (field.len > 0 && field.ptr[0] == ' ')
        field = mcmp__span(field.ptr + 1, field.len - 1);
    for (size_t i = 0; i < MCMP__COUNT(line_fields); i++)
        if (line_fields[i].kind == line->kind && mcmp__span_eq(line_fields[i].key, key))
            return line_fields[i].read((char *)line + line_fields[i].place, field) == 0
                       ? NULL
                       : line_fields[i].key.ptr;
    return NULL;
}

/* NULL, or the name of what is wrong. */
static const char *read_line(mcmp_info_line *line, mcmp_span text, int ids)
{
    mcmp_span numbers = cut(&text, ']');
    const char *wrong = NULL;

    if (read_ids(line, numbers, ids) != 0)
        return "id";
    (void)cut(&text, ',');
    while (text.len > 0 && wrong == NULL) {
        if (line->kind == MCMP_INFO_NODE && line->rest.len == 0 && text.len > 12 &&
            memcmp(text.ptr, "Flushpackets", 12) == 0)
            line->rest = text;
        wrong = read_field(line, cut(&text, ','));
    }
    if (wrong != NULL)
        return wrong;
    if (line->name.len == 0)
        return "Name";
    return line->kind == MCMP_INFO_CONTEXT && line->status == 0 ? "Status" : NULL;
}

/* The index of the line's kind; -1 for a line that is passed over. */
static int kind_of(mcmp_span text)
{
    for (int i = 0; i < (int)MCMP__COUNT(line_kinds); i++)
        if (text.len >= line_kinds[i].mark.len &&
            memcmp(text.ptr, line_kinds[i].mark.ptr, line_kinds[i].mark.len) == 0)
            return i;
    return -1;
}

static mcmp_span next_line(mcmp_info_reader *reader)
{
    mcmp_span rest =
        mcmp__span(reader->text.ptr + reader->offset, reader->text.len - reader->offset);
    size_t before = rest.len;
    mcmp_span line = cut(&rest, '\n');

    reader->offset += before - rest.len;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

int mcmp_info_next(mcmp_info_reader *reader, mcmp_info_line *line, mcmp_error *err)
{
    mcmp_info_line own;

    if (reader == NULL || reader->struct_size < sizeof(*reader) ||
        reader->offset > reader->text.len)
        return mcmp__fail(err, MCMP_ERR_INVALID, "mcmp_info_reader", "the reader is not valid");
    while (reader->offset < reader->text.len) {
        size_t at = reader->offset;
        mcmp_span text = next_line(reader);
        int kind = kind_of(text);
        const char *wrong;

        if (kind < 0)
            continue;
        memset(&own, 0, sizeof(own));
        own.kind = line_kinds[kind].kind;
        text =
            mcmp__span(text.ptr + line_kinds[kind].mark.len, text.len - line_kinds[kind].mark.len);
        wrong = read_line(&own, text, line_kinds[kind].ids);
        if (wrong != NULL) {
            mcmp__fail(err, MCMP_ERR_ANSWER, wrong, "a line of INFO can't be understood");
            mcmp__error_at(err, at);
            return MCMP_ERR_ANSWER;
        }
        return mcmp__sized_out(line, &own, sizeof(own));
    }
    return MCMP_DONE;
}
