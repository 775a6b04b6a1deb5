/* SPDX-License-Identifier: Apache-2.0 */
/* Reads files of sections and pairs, line by line. */
#include "ini.h"

#include <string.h>

#define SECTION_MAX 300u

static char *trim(char *text)
{
    size_t len;

    while (*text == ' ' || *text == '\t')
        text++;
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        len--;
    text[len] = '\0';
    return text;
}

/* One line that is not empty and no comment. */
static int take_line(char *line, char *section, ini_fn fn, void *ctx, struct complaint *why)
{
    char *end = strchr(line, ']');
    char *equals = strchr(line, '=');

    if (line[0] == '[') {
        if (end == NULL || end[1] != '\0' || end - line > (int)SECTION_MAX)
            return snprintf(why->text, sizeof(why->text), "a section is written [name]"), -1;
        *end = '\0';
        snprintf(section, SECTION_MAX, "%s", trim(line + 1));
        return fn(ctx, section, NULL, NULL, why);
    }
    if (equals == NULL || section[0] == '\0') {
        snprintf(why->text, sizeof(why->text), "%s",
                 equals == NULL ? "expected [section] or key = value"
                                : "a key before the first [section]");
        return -1;
    }
    *equals = '\0';
    return fn(ctx, section, trim(line), trim(equals + 1), why);
}

int ini_read(FILE *file, const char *path, ini_fn fn, void *ctx, struct complaint *why)
{
    char section[SECTION_MAX] = "";
    char line[4096];
    unsigned number = 0;
    int rc = 0;

    while (rc == 0 && fgets(line, sizeof(line), file) != NULL) {
        struct complaint inner = { "" };
        char *text;

        number++;
        text = trim(line);
        if (strlen(line) == sizeof(line) - 1) {
            snprintf(inner.text, sizeof(inner.text), "the line is too long");
            rc = -1;
        } else if (*text != '\0' && *text != '#' && *text != ';') {
            rc = take_line(text, section, fn, ctx, &inner);
        }
        if (rc != 0)
            snprintf(why->text, sizeof(why->text), "%.100s:%u: %.380s", path, number, inner.text);
    }
    return rc;
}
