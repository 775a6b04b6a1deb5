/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's parts: each looks at one kind of rule and reports the first that is broken. Nothing
 * is trusted: an index is checked before it is used as one, and every loop is bounded by a number
 * that was checked before.
 */
#ifndef MCMP__CHECK_H
#define MCMP__CHECK_H

#include "model/tx.h"

typedef struct mcmp__checker {
    mcmp__read *rd;
    mcmp_error *err;
    int rc;
    uint64_t *tally; /* a word per row of any table, for counting */
    mcmp_check figures;
} mcmp__checker;

/* Returns `holds`, also 0 when an index left its table; the first time the error is filled. */
int mcmp__expect(mcmp__checker *c, int holds, uint32_t table, uint64_t row, const char *rule);

uint32_t mcmp__check_high(const mcmp__checker *c, uint32_t table);
int mcmp__check_in_use(mcmp__checker *c, uint32_t table, uint32_t row);
/* The next row in use after `row`, 0 = none. */
uint32_t mcmp__check_next(mcmp__checker *c, uint32_t table, uint32_t row);
/* 1: target is a row in use of its table; else reported for (table, row). */
int mcmp__check_link(mcmp__checker *c, uint32_t table, uint32_t row, uint32_t to, uint32_t target);
void mcmp__tally_clear(mcmp__checker *c, uint32_t table);

/* A doubly linked list of table's rows through `word`, from its anchor (first | last). Returns the
 * number of rows; visit gets each. */
typedef void mcmp__visit(mcmp__checker *c, uint32_t row, void *ctx);
uint32_t mcmp__check_list(mcmp__checker *c, uint32_t table, uint32_t word, uint64_t anchor,
                          mcmp__visit *visit, void *ctx);

void mcmp__check_indexes(mcmp__checker *c);
void mcmp__check_rows(mcmp__checker *c);   /* nodes, balancers, aliases, numbers, pairs, texts */
void mcmp__check_groups(mcmp__checker *c); /* places, seats, groups, chunks */

/* The content of a segment that was found: MCMP_OK, MCMP_ERR_DAMAGED, MCMP_ERR_OS (its lock has
 * been held for too long), MCMP_ERR_NOMEM */
int mcmp__check_attached(mcmp_cluster *cluster, mcmp_error *err);

#endif
