/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and JSON on standard output, see out.h. */
#include "out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ctl_out_text(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        (void)putchar(c >= 0x20 && c < 0x7f ? c : '?');
    }
}

void ctl_table_init(ctl_table *table, const char *const *heads, size_t columns)
{
    memset(table, 0, sizeof(*table));
    table->heads = heads;
    table->columns = columns;
}

void ctl_table_span(ctl_table *table, mcmp_span text)
{
    char **cells = table->cells;
    char *cell = malloc(text.len + 1);

    if ((table->count & (table->count + 1)) == 0) /* 0, 1, 3, 7: the list is full */
        cells = realloc(cells, (table->count * 2 + 1) * sizeof(*cells));
    if (cell == NULL || cells == NULL) {
        (void)ctl_fail(CTL_UNREACHABLE, "no memory for the table");
        exit(CTL_UNREACHABLE);
    }
    if (text.len != 0)
        memcpy(cell, text.ptr, text.len);
    cell[text.len] = '\0';
    table->cells = cells;
    table->cells[table->count++] = cell;
}

void ctl_table_str(ctl_table *table, const char *text)
{
    ctl_table_span(table, ctl_span(text));
}

void ctl_table_uint(ctl_table *table, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    ctl_table_str(table, text);
}

void ctl_table_bytes(ctl_table *table, uint64_t value)
{
    static const char units[] = "kMGTPE";
    char text[32];
    double scaled = (double)value;
    int unit = -1;

    for (; scaled >= 1000 && unit < 5; unit++)
        scaled /= 1000;
    if (unit < 0)
        (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    else
        (void)snprintf(text, sizeof(text), "%.1f%c", scaled, units[unit]);
    ctl_table_str(table, text);
}

static int is_right(const char *head)
{
    return head[0] == '>';
}

static void print_cell(const ctl_table *table, size_t column, const char *text, const int *widths)
{
    int width = widths[column];
    int blanks = width - (int)strlen(text);
    int is_last = column + 1 == table->columns;

    if (is_right(table->heads[column]))
        (void)printf("%*s", blanks, "");
    ctl_out_text(ctl_span(text));
    if (!is_right(table->heads[column]) && !is_last)
        (void)printf("%*s", blanks, "");
    (void)fputs(is_last ? "\n" : "  ", stdout);
}

void ctl_table_print(ctl_table *table)
{
    int widths[CTL_COLUMNS];

    for (size_t i = 0; i < table->columns; i++)
        widths[i] = (int)strlen(table->heads[i]) - is_right(table->heads[i]);
    for (size_t i = 0; i < table->count; i++) {
        int len = (int)strlen(table->cells[i]);

        if (len > widths[i % table->columns])
            widths[i % table->columns] = len;
    }
    for (size_t i = 0; i < table->columns; i++)
        print_cell(table, i, table->heads[i] + is_right(table->heads[i]), widths);
    for (size_t i = 0; i < table->count; i++) {
        print_cell(table, i % table->columns, table->cells[i], widths);
        free(table->cells[i]);
    }
    free(table->cells);
    table->cells = NULL;
    table->count = 0;
}

static int json_is_first = 1; /* of its list or object */

/* Bytes of the UTF-8 character at text[i] and its number; 1 byte by itself where it is none. */
static size_t character(mcmp_span text, size_t i, uint32_t *out)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char c = (unsigned char)text.ptr[i];
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    uint32_t number = c & (0xffu >> (len + 1));

    *out = c;
    if (c < 0xc2 || c > 0xf4 || text.len - i < len)
        return 1;
    for (size_t k = 1; k < len; k++) {
        c = (unsigned char)text.ptr[i + k];
        if ((c & 0xc0) != 0x80)
            return 1;
        number = number << 6 | (c & 0x3f);
    }
    if (number < least[len] || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
        return 1;
    *out = number;
    return len;
}

/* Names are UTF-8 mostly; the protocol knows no character set, and what is none stays bytes. */
static void json_quoted(mcmp_span text)
{
    uint32_t c;

    (void)putchar('"');
    for (size_t i = 0; i < text.len;) {
        i += character(text, i, &c);
        if (c == '"' || c == '\\')
            (void)printf("\\%c", (int)c);
        else if (c >= 0x10000)
            (void)printf("\\u%04x\\u%04x", (unsigned)(0xd7c0 + (c >> 10)),
                         (unsigned)(0xdc00 + (c & 0x3ff)));
        else if (c < 0x20 || c >= 0x7f)
            (void)printf("\\u%04x", (unsigned)c);
        else
            (void)putchar((int)c);
    }
    (void)putchar('"');
}

static void json_key(const char *key)
{
    if (!json_is_first)
        (void)putchar(',');
    json_is_first = 0;
    if (key != NULL)
        (void)printf("\"%s\":", key);
}

void ctl_json_open(const char *key, char bracket)
{
    json_key(key);
    (void)putchar(bracket);
    json_is_first = 1;
}

void ctl_json_close(char bracket)
{
    (void)putchar(bracket);
    json_is_first = 0;
}

void ctl_json_text(const char *key, mcmp_span escaped)
{
    char room[4096];
    size_t len = 0;

    json_key(key);
    if (ctl_unescape(escaped, room, sizeof(room), &len) == 0)
        json_quoted((mcmp_span){ room, len });
    else
        json_quoted(escaped);
}

void ctl_json_str(const char *key, const char *text)
{
    json_key(key);
    json_quoted(ctl_span(text));
}

void ctl_json_int(const char *key, int64_t value)
{
    json_key(key);
    (void)printf("%" PRId64, value);
}

void ctl_json_end(void)
{
    (void)putchar('\n');
    json_is_first = 1;
}
