/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the reference model share; see oracle.h. */
#ifndef MCMP_TEST_ORACLE_PARTS_H
#define MCMP_TEST_ORACLE_PARTS_H

#include "oracle.h"

/* What became of the pairs of a message. */
typedef struct oracle_pairs {
    int done[O_LIST][O_LIST];
    int left_aliases, left_contexts;
} oracle_pairs;

void oracle_refuse(oracle_answer *out, int code, const char *before, const char *route,
                   const char *after);
void oracle_refuse_denied(oracle_answer *out);
int oracle_is_owner(const oracle *o, const oracle_message *m, const oracle_row *r);
void oracle_ask_probe(oracle_answer *out, const oracle_row *r);
/* 1: the message was resumed with a probe of just this node and endpoint. */
int oracle_came_back(const oracle_hint *hint, const oracle_row *r);
void oracle_apply_config(oracle *o, const oracle_message *m, const oracle_hint *hint,
                         oracle_answer *out);

/* What does not fit is listed in out->mess. */
void oracle_register(oracle *o, oracle_row *r, const oracle_message *m, uint32_t status,
                     int set_existing, oracle_pairs *p, oracle_answer *out);
void oracle_remove_pair(oracle *o, oracle_row *r, int alias, int context);

#endif
