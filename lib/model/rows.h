/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the rows of each table: internal to the store's files. A word is `low half | high half
 * << 32` unless said otherwise. Index 0 is "none" and reads row 0, which stays zero; one over the
 * table's end marks the section as torn and reads row 0 too: who was overtaken may follow anything.
 */
#ifndef MCMP__ROWS_H
#define MCMP__ROWS_H

#include "model/region.h"

enum mcmp__node_word {
    /* One block with all that a selection takes over, but for the texts: rows are whole blocks. */
    MCMP__N_GEN, /* MCMP__N_FREE.. | generation */
    MCMP__N_LINK_ROUTE,
    MCMP__N_LENS, /* route 16, host 16 | generation at registration */
    MCMP__N_PORT, /* port 16, scheme 8, flush 8 | smax */
    MCMP__N_FLUSHWAIT,
    MCMP__N_PING,
    MCMP__N_TTL,
    MCMP__N_TIMEOUT,
    MCMP__N_BAL, /* balancer | domain */
    MCMP__N_ID,
    MCMP__N_LINK_ENDPOINT,
    MCMP__N_LIST,       /* older | newer */
    MCMP__N_ALIASES,    /* first | last */
    MCMP__N_PAIRS,      /* first | last */
    MCMP__N_VHOSTS,     /* bits: numbers 1..64 in use */
    MCMP__N_VHOST_HINT, /* all of 65 .. 65 + hint - 1 are in use | reversed */
    MCMP__N_LEAVE,      /* newer | older */
    MCMP__N_REMOVED_AT,
    MCMP__N_REMOVED_CONNECTION,
    MCMP__N_OWNER,
    MCMP__N_HEAL_UNTIL = MCMP__N_OWNER + 3, /* of live.heal_connection */
    MCMP__N_TEXT                            /* route, host */
};
enum mcmp__node_state { MCMP__N_FREE, MCMP__N_LIVE, MCMP__N_LEAVING };

enum mcmp__balancer_word {
    MCMP__B_NODES, /* live | leaving */
    MCMP__B_LINK,
    MCMP__B_LIST,  /* next | previous */
    MCMP__B_ORDER, /* never 0: 0 = free row */
    MCMP__B_FLAGS, /* flags | max_attempts */
    MCMP__B_WAIT,
    MCMP__B_LENS, /* name 16, cookie 16, path 16 */
    MCMP__B_TEXT
};

enum mcmp__alias_word {
    MCMP__A_TEXT, /* text | pairs */
    MCMP__A_LINK,
    MCMP__A_NODE,  /* node | vhost row */
    MCMP__A_LIST,  /* next | previous of the node */
    MCMP__A_VNEXT, /* next of the vhost */
    MCMP__A_ID,
    MCMP__A_WORDS
};

enum mcmp__vhost_word {
    MCMP__V_NODE, /* node | number */
    MCMP__V_LINK,
    MCMP__V_ALIAS, /* first | pairs of all its aliases */
    MCMP__V_WORDS
};

enum mcmp__pair_word {
    MCMP__P_ALIAS, /* alias row | context text */
    MCMP__P_LINK,
    MCMP__P_NODE,  /* node | seat */
    MCMP__P_LIST,  /* next | previous of the node */
    MCMP__P_ORDER, /* registration << 2 | status */
    MCMP__P_WORDS
};

enum mcmp__seat_word {
    MCMP__S_GEN, /* most serving status 2, 0 = free; first pair or 0, 30 | generation */
    MCMP__S_LINK,
    MCMP__S_NODE,   /* node | place */
    MCMP__S_MAIN,   /* group | position */
    MCMP__S_DOMAIN, /* group | position */
    MCMP__S_PAIRS,  /* by status, 21 bits each */
    MCMP__S_WORDS
};

enum mcmp__place_word {
    MCMP__L_KEY, /* alias text or 0 | context text */
    MCMP__L_LINK,
    MCMP__L_GROUPS, /* first | last, by order of the balancers; without those of domains */
    MCMP__L_SEATS,  /* seats | 1: they are in the index */
    MCMP__L_WORDS
};

enum mcmp__group_word {
    MCMP__G_KEY, /* place | balancer */
    MCMP__G_LINK,
    MCMP__G_DOMAIN, /* domain or 0 | root chunk */
    MCMP__G_LIST,   /* next | previous of the place */
    MCMP__G_COUNTS, /* by status, 21 bits each */
    MCMP__G_MEMBERS,
    MCMP__G_WORDS = MCMP__G_MEMBERS + MCMP__INLINE_MEMBERS
};

#define MCMP__NOT_INDEXED (~UINT64_C(0)) /* as G_LINK: a place's first group */

/* Seats of a place are found by looking at each, and are in the index while there are more. */
#define MCMP__PLACE_SCAN 8u

enum mcmp__text_word {
    MCMP__X_REFS, /* references 40, depth 8, length 16 */
    MCMP__X_LINK,
    MCMP__X_PLACE, /* of a context without use_alias: its place | the place's first group */
    MCMP__X_TEXT
};

enum mcmp__memory_word {
    MCMP__M_DOMAIN, /* domain | length of the route */
    MCMP__M_LINK,
    MCMP__M_LIST, /* newer | older */
    MCMP__M_AT,
    MCMP__M_TEXT
};

static inline uint32_t mcmp__lo(uint64_t w)
{
    return (uint32_t)w;
}

static inline uint32_t mcmp__hi(uint64_t w)
{
    return (uint32_t)(w >> 32);
}

static inline uint64_t mcmp__pack(uint32_t lo, uint32_t hi)
{
    return (uint64_t)hi << 32 | lo;
}

/* Parts of S_GEN's low half and of P_ORDER. */
static inline uint32_t mcmp__seat_status(uint64_t gen)
{
    return (uint32_t)gen & 3;
}

static inline uint32_t mcmp__seat_pair(uint64_t gen)
{
    return mcmp__lo(gen) >> 2;
}

static inline uint64_t mcmp__seat_word(uint32_t status, uint32_t pair, uint32_t gen)
{
    return mcmp__pack(pair << 2 | status, gen);
}

/* Counts by status, MCMP_STATUS_ENABLED .. MCMP_STATUS_STOPPED, in one word. */
#define MCMP__TALLY_BITS 21u

static inline uint32_t mcmp__tally(uint64_t w, uint32_t status)
{
    return (uint32_t)(w >> (MCMP__TALLY_BITS * (status - 1))) & ((1u << MCMP__TALLY_BITS) - 1);
}

static inline uint64_t mcmp__tally_one(uint32_t status)
{
    return UINT64_C(1) << (MCMP__TALLY_BITS * (status - 1));
}

static inline uint32_t mcmp__tally_all(uint64_t w)
{
    return mcmp__tally(w, 1) + mcmp__tally(w, 2) + mcmp__tally(w, 3);
}

/* The row's first word; always readable. */
static inline const mcmp__word *mcmp__row(mcmp__read *rd, uint32_t table, uint32_t row)
{
    const mcmp__table *t = &rd->layout->table[table];

    if (row > t->cap) {
        rd->torn = 1;
        row = 0;
    }
    return rd->base + t->base + (size_t)row * t->words;
}

static inline uint64_t mcmp__row_get(mcmp__read *rd, uint32_t table, uint32_t row, uint32_t word)
{
    return mcmp__data_get(mcmp__row(rd, table, row) + word);
}

static inline uint64_t mcmp__head_get(const mcmp__read *rd, uint32_t word)
{
    return mcmp__data_get(rd->base + word);
}

/* Texts (text.c) */
uint32_t mcmp__hash_text(const mcmp__layout *layout, mcmp_span text);
uint32_t mcmp__hash_ints(const mcmp__layout *layout, uint64_t a, uint64_t b);
void mcmp__words_copy(const mcmp__word *words, size_t len, char *out);

/* Context texts are hashed segment by segment, so that one pass over a path gives the hash of each
 * of its prefixes: start with mcmp__hash_start(), feed what stands between slashes. */
static inline uint64_t mcmp__hash_start(const mcmp__layout *layout)
{
    return layout->seed;
}

/* Hash of an interned text in its index; the depth of a context, else 0. */
uint32_t mcmp__text_hash(const mcmp__layout *layout, uint32_t index, mcmp_span text,
                         uint32_t *out_depth);
/* A host as endpoints are compared; its length. */
#define MCMP__HOST_NORMAL 264u
size_t mcmp__host_normal(mcmp_span host, char out[MCMP__HOST_NORMAL]);

uint32_t mcmp__context_hash(const mcmp__layout *layout, mcmp_span text); /* of any stored one */
uint32_t mcmp__context_find(mcmp__read *rd, mcmp_span text);

/* Text of read.h where it stands: only in a snapshot, which nobody writes (reader.c). */
mcmp_span mcmp__text_in_place(mcmp__read *rd, enum mcmp__text_kind kind, uint32_t index);

/* Texts of the aliases that a host name stands for, with use_alias (host.c). */
typedef struct mcmp__aliases {
    uint32_t text[MCMP__MATCH_MAX];
    uint32_t count;
} mcmp__aliases;

void mcmp__host_aliases(mcmp__read *rd, mcmp_span host, mcmp__aliases *out);

/* Hash indexes (table.c): rows of one hash, in no order; 0 ends */
uint32_t mcmp__index_first(mcmp__read *rd, uint32_t index, uint32_t hash);
uint32_t mcmp__index_next(mcmp__read *rd, uint32_t index, uint32_t row, uint32_t hash);

/* Groups and seats (group.c, seat.c) */
uint32_t mcmp__group_find(mcmp__read *rd, uint32_t place, uint32_t balancer, uint32_t domain);
uint32_t mcmp__seat_find(mcmp__read *rd, uint32_t node, uint32_t place);
uint64_t mcmp__group_member(mcmp__read *rd, uint32_t group, uint32_t i); /* seat << 32 | node */
mcmp__run mcmp__group_leaf(mcmp__read *rd, const mcmp__word *group, uint32_t j, uint32_t m);

/* Where member i of the n members of the group with this row stands, and how many from it on stand
 * side by side (some of them may be unused). */
static inline mcmp__run mcmp__group_run(mcmp__read *rd, const mcmp__word *group, uint32_t i,
                                        uint32_t n)
{
    mcmp__run run = { group + MCMP__G_MEMBERS + i, MCMP__INLINE_MEMBERS - i };

    if (i < MCMP__INLINE_MEMBERS)
        return run;
    return mcmp__group_leaf(rd, group, i - MCMP__INLINE_MEMBERS, n - MCMP__INLINE_MEMBERS);
}

#endif
