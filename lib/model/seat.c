/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seats and places. A seat is one node's hold on one place; a place is (alias text, context text)
 * with use_alias and (none, context text) without it. A seat counts its pairs by status; its own
 * status is the most serving of them. It leads to one of its pairs, mostly the only one; others are
 * in an index.
 *
 * Few nodes hold a usual place, so its seats are found by a look at each member of its groups. When
 * there are more than MCMP__PLACE_SCAN all of them are put into an index, and taken out again at
 * half of that: neither happens often, and each costs the same however large the cluster is.
 *
 * Concurrency: writers inside a transaction; *_find also serve readers that may be overtaken.
 */
#include "model/index.h"
#include "model/tx.h"

static uint32_t seat_hash(const mcmp__layout *layout, uint32_t node, uint32_t place)
{
    return mcmp__hash_ints(layout, mcmp__pack(node, place), 0);
}

static uint32_t first_group(mcmp__read *rd, uint32_t place)
{
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_PLACE, place, MCMP__L_GROUPS));
}

/* The seats of a place that has few, each once, in no order. */
typedef struct few_seats {
    uint32_t count;
    uint64_t member[MCMP__PLACE_SCAN]; /* seat << 32 | node */
} few_seats;

static void take_few(mcmp__read *rd, uint32_t place, few_seats *out)
{
    uint32_t group = first_group(rd, place);

    out->count = 0;
    while (group != 0) {
        const mcmp__word *row = mcmp__row(rd, MCMP__T_GROUP, group);
        uint32_t n = mcmp__tally_all(mcmp__data_get(row + MCMP__G_COUNTS));

        if (n == 0 || n > MCMP__PLACE_SCAN - out->count) {
            rd->torn = 1;
            return;
        }
        for (uint32_t i = 0; i < n; i++)
            out->member[out->count++] = mcmp__data_get(mcmp__group_run(rd, row, i, n).at);
        group = mcmp__lo(mcmp__data_get(row + MCMP__G_LIST));
    }
}

/* From the place's first group on. */
static uint32_t find_few(mcmp__read *rd, uint32_t node, uint32_t group)
{
    uint32_t left = MCMP__PLACE_SCAN;

    while (group != 0) {
        const mcmp__word *row = mcmp__row(rd, MCMP__T_GROUP, group);
        uint32_t n = mcmp__tally_all(mcmp__data_get(row + MCMP__G_COUNTS));
        uint32_t seat;

        if (n == 0 || n > left) {
            rd->torn = 1;
            return 0;
        }
        seat = mcmp__seat_in(rd, row, n, node);
        if (seat != 0)
            return seat;
        left -= n;
        group = mcmp__lo(mcmp__data_get(row + MCMP__G_LIST));
    }
    return 0;
}

static uint32_t find_indexed(mcmp__read *rd, uint32_t node, uint32_t place)
{
    uint64_t key = mcmp__pack(node, place);
    uint32_t hash = seat_hash(rd->layout, node, place);
    uint32_t row = mcmp__index_start(rd, MCMP__I_SEAT, hash);

    while (row != 0 && mcmp__row_get(rd, MCMP__T_SEAT, row, MCMP__S_NODE) != key)
        row = mcmp__index_next(rd, MCMP__I_SEAT, row, hash);
    return row;
}

uint32_t mcmp__seat_find(mcmp__read *rd, uint32_t node, uint32_t place)
{
    const mcmp__word *row = mcmp__row(rd, MCMP__T_PLACE, place);

    if (mcmp__hi(mcmp__data_get(row + MCMP__L_SEATS)) != 0)
        return find_indexed(rd, node, place);
    return find_few(rd, node, mcmp__lo(mcmp__data_get(row + MCMP__L_GROUPS)));
}

uint32_t mcmp__context_seat(mcmp__read *rd, uint32_t node, mcmp_span context)
{
    uint32_t text = mcmp__context_find(rd, context);
    uint32_t place = text != 0 ? mcmp__place_find(rd, 0, text) : 0;

    return place != 0 ? mcmp__seat_find(rd, node, place) : 0;
}

/* Places */

uint32_t mcmp__place_new(mcmp__tx *tx, uint32_t alias_text, uint32_t context_text)
{
    uint64_t key = mcmp__pack(alias_text, context_text);
    uint32_t place = mcmp__row_alloc(tx, MCMP__T_PLACE);

    MCMP__ASSERT(place != 0);
    mcmp__row_put(tx, MCMP__T_PLACE, place, MCMP__L_KEY, key);
    mcmp__row_put(tx, MCMP__T_PLACE, place, MCMP__L_GROUPS, 0);
    mcmp__row_put(tx, MCMP__T_PLACE, place, MCMP__L_SEATS, 0);
    if (tx->rd.layout->use_alias)
        mcmp__index_add(tx, MCMP__I_PLACE, place, mcmp__hash_ints(tx->rd.layout, key, 0));
    else
        mcmp__row_put(tx, MCMP__T_CTEXT, context_text, MCMP__X_PLACE, place);
    return place;
}

static void place_drop(mcmp__tx *tx, uint32_t place)
{
    uint32_t context = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_PLACE, place, MCMP__L_KEY));

    if (tx->rd.layout->use_alias)
        mcmp__index_remove(tx, MCMP__I_PLACE, place);
    else
        mcmp__row_put(tx, MCMP__T_CTEXT, context, MCMP__X_PLACE, 0);
    mcmp__row_put(tx, MCMP__T_PLACE, place, MCMP__L_KEY, 0);
    mcmp__row_free(tx, MCMP__T_PLACE, place);
}

static void put_seats(mcmp__tx *tx, uint32_t place, uint32_t seats, int indexed)
{
    mcmp__row_put(tx, MCMP__T_PLACE, place, MCMP__L_SEATS, mcmp__pack(seats, (uint32_t)indexed));
}

/* A seat more, which is in no group yet. */
static void seat_in_place(mcmp__tx *tx, uint32_t node, uint32_t place, uint32_t seat)
{
    uint64_t seats = mcmp__row_get(&tx->rd, MCMP__T_PLACE, place, MCMP__L_SEATS);
    uint32_t count = mcmp__lo(seats) + 1;
    int indexed = count > MCMP__PLACE_SCAN || mcmp__hi(seats) != 0;
    few_seats few;

    if (indexed && mcmp__hi(seats) == 0) {
        take_few(&tx->rd, place, &few);
        for (uint32_t i = 0; i < few.count; i++)
            mcmp__index_add(tx, MCMP__I_SEAT, mcmp__hi(few.member[i]),
                            seat_hash(tx->rd.layout, mcmp__lo(few.member[i]), place));
    }
    if (indexed)
        mcmp__index_add(tx, MCMP__I_SEAT, seat, seat_hash(tx->rd.layout, node, place));
    put_seats(tx, place, count, indexed);
}

/* One less, which has left its groups. 0: it was the last. */
static uint32_t seat_out_of_place(mcmp__tx *tx, uint32_t place, uint32_t seat)
{
    uint64_t seats = mcmp__row_get(&tx->rd, MCMP__T_PLACE, place, MCMP__L_SEATS);
    uint32_t count = mcmp__lo(seats) - 1;
    int indexed = mcmp__hi(seats) != 0;
    few_seats few;

    if (indexed)
        mcmp__index_remove(tx, MCMP__I_SEAT, seat);
    if (indexed && count <= MCMP__PLACE_SCAN / 2) {
        take_few(&tx->rd, place, &few);
        for (uint32_t i = 0; i < few.count; i++)
            mcmp__index_remove(tx, MCMP__I_SEAT, mcmp__hi(few.member[i]));
        indexed = 0;
    }
    put_seats(tx, place, count, indexed);
    return count;
}

/* Seats */

uint32_t mcmp__seat_new(mcmp__tx *tx, uint32_t node, uint32_t place)
{
    uint32_t seat = mcmp__row_alloc(tx, MCMP__T_SEAT);
    uint64_t gen = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_GEN);
    uint32_t next = mcmp__hi(gen) + 1;

    MCMP__ASSERT(seat != 0);
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_GEN, mcmp__pack(0, next != 0 ? next : 1));
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_NODE, mcmp__pack(node, place));
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_MAIN, 0);
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_DOMAIN, 0);
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_PAIRS, 0);
    seat_in_place(tx, node, place, seat);
    return seat;
}

static void seat_drop(mcmp__tx *tx, uint32_t seat)
{
    uint32_t place = mcmp__hi(mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_NODE));

    mcmp__seat_leave(tx, seat);
    if (seat_out_of_place(tx, place, seat) == 0)
        place_drop(tx, place);
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_NODE, 0);
    mcmp__row_put_lo(tx, MCMP__T_SEAT, seat, MCMP__S_GEN, 0);
    mcmp__row_free(tx, MCMP__T_SEAT, seat);
}

static uint32_t best_status(uint64_t pairs)
{
    for (uint32_t s = MCMP_STATUS_ENABLED; s <= MCMP_STATUS_STOPPED; s++)
        if (mcmp__tally(pairs, s) != 0)
            return s;
    return 0;
}

static void set_status(mcmp__tx *tx, uint32_t seat, uint32_t status)
{
    uint64_t gen = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_GEN);

    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_GEN,
                  mcmp__seat_word(status, mcmp__seat_pair(gen), mcmp__hi(gen)));
}

uint32_t mcmp__seat_change(mcmp__tx *tx, uint32_t seat, uint32_t old_status, uint32_t new_status)
{
    uint64_t pairs = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_PAIRS);
    uint32_t before = best_status(pairs);
    uint32_t after;

    pairs += new_status != 0 ? mcmp__tally_one(new_status) : 0;
    pairs -= old_status != 0 ? mcmp__tally_one(old_status) : 0;
    after = best_status(pairs);
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_PAIRS, pairs);
    if (after == before)
        return seat;
    if (after == 0) {
        seat_drop(tx, seat);
        return 0;
    }
    if (before != 0)
        mcmp__seat_leave(tx, seat);
    set_status(tx, seat, after);
    mcmp__seat_join(tx, seat);
    return seat;
}

static void set_pair(mcmp__tx *tx, uint32_t seat, uint64_t gen, uint32_t pair)
{
    mcmp__row_put(tx, MCMP__T_SEAT, seat, MCMP__S_GEN,
                  mcmp__seat_word(mcmp__seat_status(gen), pair, mcmp__hi(gen)));
}

int mcmp__seat_take_pair(mcmp__tx *tx, uint32_t seat, uint32_t pair)
{
    uint64_t gen = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_GEN);

    if (mcmp__seat_pair(gen) != 0)
        return 0;
    set_pair(tx, seat, gen, pair);
    return 1;
}

int mcmp__seat_drop_pair(mcmp__tx *tx, uint32_t seat, uint32_t pair)
{
    uint64_t gen = mcmp__row_get(&tx->rd, MCMP__T_SEAT, seat, MCMP__S_GEN);

    if (mcmp__seat_pair(gen) != pair)
        return 0;
    set_pair(tx, seat, gen, 0);
    return 1;
}
