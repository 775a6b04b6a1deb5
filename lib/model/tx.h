/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the writing files of the store share: words, rows, indexes, texts, seats. Everything here
 * runs under the writer lock inside a transaction and cannot fail, except where a limit is
 * checked first.
 */
#ifndef MCMP__TX_H
#define MCMP__TX_H

#include "model/rows.h"

/* Make the copies agree now: at the latest before the first write. */
void mcmp__tx_repair(mcmp__tx *tx);
/* Notes a block in the dirty log, before it is written. */
void mcmp__put_first(mcmp__tx *tx, uint64_t block);

/* A word of the working copy. Nothing happens when it has that value already. */
static inline void mcmp__put(mcmp__tx *tx, size_t offset, uint64_t value)
{
    uint64_t block = offset / MCMP__BLOCK_WORDS;

    MCMP__ASSERT(offset < tx->rd.layout->copy_words);
    if (mcmp__data_get(tx->rd.base + offset) == value)
        return;
    if (!tx->open)
        mcmp__tx_repair(tx);
    if ((mcmp__word_get(tx->bitmap + block / 64) >> (block % 64) & 1) == 0)
        mcmp__put_first(tx, block);
    mcmp__data_set(tx->work + offset, value);
}

static inline void mcmp__head_put(mcmp__tx *tx, uint32_t word, uint64_t value)
{
    mcmp__put(tx, word, value);
}

static inline void mcmp__row_put(mcmp__tx *tx, uint32_t table, uint32_t row, uint32_t word,
                                 uint64_t value)
{
    const mcmp__table *t = &tx->rd.layout->table[table];

    MCMP__ASSERT(row != 0 && row <= t->cap);
    mcmp__put(tx, t->base + (size_t)row * t->words + word, value);
}

/* Halves of words */
static inline void mcmp__row_put_lo(mcmp__tx *tx, uint32_t table, uint32_t row, uint32_t word,
                                    uint32_t lo)
{
    uint64_t w = mcmp__row_get(&tx->rd, table, row, word);

    mcmp__row_put(tx, table, row, word, mcmp__pack(lo, mcmp__hi(w)));
}

static inline void mcmp__row_put_hi(mcmp__tx *tx, uint32_t table, uint32_t row, uint32_t word,
                                    uint32_t hi)
{
    uint64_t w = mcmp__row_get(&tx->rd, table, row, word);

    mcmp__row_put(tx, table, row, word, mcmp__pack(mcmp__lo(w), hi));
}

void mcmp__put_text(mcmp__tx *tx, uint32_t table, uint32_t row, uint32_t word, mcmp_span text);

/* Slots (table.c). A freed row is taken next. */
uint32_t mcmp__row_alloc(mcmp__tx *tx, uint32_t table); /* 0: full */
void mcmp__row_free(mcmp__tx *tx, uint32_t table, uint32_t row);
uint32_t mcmp__row_room(mcmp__read *rd, uint32_t table); /* rows still free */

/* Indexes (table.c): linear hashing, one bucket more or less per step */
void mcmp__index_add(mcmp__tx *tx, uint32_t index, uint32_t row, uint32_t hash);
void mcmp__index_remove(mcmp__tx *tx, uint32_t index, uint32_t row);

/* Doubly linked lists (table.c). Rows: word `list` = after | before; the anchor = first | last. */
typedef struct mcmp__list {
    uint32_t table;
    uint32_t list;
    uint32_t anchor_table; /* MCMP__TABLES: a word of the copy's header */
    uint32_t anchor_row;
    uint32_t anchor_word;
} mcmp__list;

/* Puts the row after `after`; 0 = at the front. */
void mcmp__list_insert(mcmp__tx *tx, const mcmp__list *list, uint32_t after, uint32_t row);
void mcmp__list_append(mcmp__tx *tx, const mcmp__list *list, uint32_t row);
void mcmp__list_remove(mcmp__tx *tx, const mcmp__list *list, uint32_t row);

/* Interned texts (text.c): find or make, with one reference more; give one back */
uint32_t mcmp__text_ref(mcmp__tx *tx, uint32_t index, mcmp_span text);
/* The same of a text that was looked up: row 0 = it is not there. */
uint32_t mcmp__text_ref_at(mcmp__tx *tx, uint32_t index, mcmp_span text, uint32_t hash,
                           uint32_t depth, uint32_t row);
void mcmp__text_unref(mcmp__tx *tx, uint32_t index, uint32_t row);

/* Seats (seat.c, group.c) */
/* The place of a context without one, and the node's seat there without one. */
uint32_t mcmp__place_new(mcmp__tx *tx, uint32_t alias_text, uint32_t context_text);
uint32_t mcmp__seat_new(mcmp__tx *tx, uint32_t node, uint32_t place);
/* One pair more (old = 0), one less (new = 0) or of another status at the seat. Returns the seat; 0
 * when it went with its last pair. */
uint32_t mcmp__seat_change(mcmp__tx *tx, uint32_t seat, uint32_t old_status, uint32_t new_status);
/* Of the pairs of a seat one, mostly the only, is found by the seat: 1 when this one is now. */
int mcmp__seat_take_pair(mcmp__tx *tx, uint32_t seat, uint32_t pair);
/* 1 when it was this one, which goes. */
int mcmp__seat_drop_pair(mcmp__tx *tx, uint32_t seat, uint32_t pair);
/* The node's balancer or domain is about to be / was changed. */
void mcmp__seat_leave(mcmp__tx *tx, uint32_t seat);
void mcmp__seat_join(mcmp__tx *tx, uint32_t seat);
void mcmp__seat_leave_domain(mcmp__tx *tx, uint32_t seat);
void mcmp__seat_join_domain(mcmp__tx *tx, uint32_t seat);

/* Pairs, aliases and numbers of a node all go (alias.c). */
void mcmp__node_clear(mcmp__tx *tx, uint32_t node);

/* Balancers (balancer.c): a node comes (+1) or goes; the row goes with its last, but the one that
 * the message has put stays until the commit unpins it. */
void mcmp__balancer_count(mcmp__tx *tx, uint32_t balancer, int live, int leaving);
void mcmp__balancer_unpin(mcmp__tx *tx);

/* Domain memory (memory.c) */
void mcmp__memory_put(mcmp__tx *tx, mcmp_span route, uint32_t domain);
void mcmp__memory_drop(mcmp__tx *tx, mcmp_span route);

/* Live rows (live.c) */
void mcmp__live_start(mcmp__tx *tx);  /* of the node that was added */
void mcmp__live_repair(mcmp__tx *tx); /* the word that H_FIX names */

#endif
