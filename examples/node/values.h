/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of mcmp-node, one by one: how each value is checked and kept.
 */
#ifndef NODE_VALUES_H
#define NODE_VALUES_H

#include "options.h"

#include <stddef.h>

typedef struct node_flag node_flag;

/* 0, or -1 for a value that is not valid. */
typedef int (*node_flag_fn)(const node_flag *flag, void *field, const char *value);

struct node_flag {
    const char *name;
    const char *value; /* shown in --help; NULL: the flag takes none */
    const char *help;
    node_flag_fn set; /* NULL: a headline */
    size_t offset;
    int64_t min; /* of a number, or the flags of a name */
    int64_t max; /* of a number, or the greatest length */
};

#define NAME_STRICT 1 /* no `,`, brackets or blanks (MCMP 3.3) */
#define NAME_BLANKS 2 /* the same, blanks allowed */

int node_set_name(const node_flag *flag, void *field, const char *value);
int node_set_bool(const node_flag *flag, void *field, const char *value);
int node_set_true(const node_flag *flag, void *field, const char *value);
int node_set_number(const node_flag *flag, void *field, const char *value);
int node_set_duration(const node_flag *flag, void *field, const char *value);
int node_set_word(const node_flag *flag, void *field, const char *value);
int node_set_load(const node_flag *flag, void *field, const char *value);
int node_set_backend(const node_flag *flag, void *field, const char *value);
int node_add_proxy(const node_flag *flag, void *field, const char *value);
int node_add_contexts(const node_flag *flag, void *field, const char *value);
int node_add_metric(const node_flag *flag, void *field, const char *value);
int node_set_factor(const node_flag *flag, void *field, const char *value);
int node_set_check(const node_flag *flag, void *field, const char *value);
int node_add_aliases(const node_flag *flag, void *field, const char *value);

#endif
