/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output for people (tables) and for scripts (JSON). Nothing that a proxy sent reaches a terminal
 * with control characters in it.
 */
#ifndef CTL_OUT_H
#define CTL_OUT_H

#include "ctl.h"

/* Bytes outside 0x20..0x7e become `?`. */
void ctl_out_text(mcmp_span text);

/* A table: the headline, then a row of cells per call; widths are those of the whole. */
enum { CTL_COLUMNS = 10 };

typedef struct ctl_table {
    const char *const *heads; /* a headline that starts with `>` is right-aligned */
    size_t columns;
    char **cells;
    size_t count;
} ctl_table;

void ctl_table_init(ctl_table *table, const char *const *heads, size_t columns);
/* Append a cell; a failure of memory ends the program's output with a message at the end. */
void ctl_table_span(ctl_table *table, mcmp_span text);
void ctl_table_str(ctl_table *table, const char *text);
void ctl_table_uint(ctl_table *table, uint64_t value);
void ctl_table_bytes(ctl_table *table, uint64_t value); /* 12.3M */
void ctl_table_print(ctl_table *table);                 /* and clear it */

/* JSON, written as it comes. A key of NULL stands for an element of a list. */
void ctl_json_open(const char *key, char bracket);
void ctl_json_close(char bracket);
void ctl_json_text(const char *key, mcmp_span escaped); /* %XX of the protocol is undone */
void ctl_json_str(const char *key, const char *text);
void ctl_json_int(const char *key, int64_t value);
void ctl_json_end(void); /* of the document */

#endif
