/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of Alias and Context elements. A repeated element counts once (MCMP 1); a message may bring
 * hundreds of thousands, so repeats are found by sorting: its bound holds against chosen input
 * without a random seed, which a codec does not have.
 */
#include "decoder.h"

#define SMALL 16 /* up to here every pair is compared */

int mcmp__elements_grow(mcmp__elements *list, const mcmp_allocator *allocator)
{
    size_t cap = list->cap != 0 ? list->cap * 2 : 8;
    mcmp_span *items;
    size_t bytes;

    if (mcmp__mul_size(cap, sizeof(*items), &bytes) != 0)
        return MCMP_ERR_NOMEM;
    items = mcmp__realloc(allocator, list->items, list->cap * sizeof(*items), bytes);
    if (items == NULL)
        return MCMP_ERR_NOMEM;
    list->items = items;
    list->cap = cap;
    return MCMP_OK;
}

void mcmp__elements_clear(mcmp__elements *list, const mcmp_allocator *allocator)
{
    mcmp__free(allocator, list->items, list->cap * sizeof(*list->items));
    memset(list, 0, sizeof(*list));
}

static void unique_small(mcmp__elements *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        size_t k = 0;

        while (k < kept && !mcmp__span_eq(list->items[k], list->items[i]))
            k++;
        if (k == kept)
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

/* By length, then bytes, then place in the list; never 0 for two different places. */
static int compare(const mcmp_span *items, size_t a, size_t b)
{
    int order;

    if (items[a].len != items[b].len)
        return items[a].len < items[b].len ? -1 : 1;
    order = memcmp(items[a].ptr, items[b].ptr, items[a].len);
    if (order != 0)
        return order;
    return a < b ? -1 : 1;
}

static void sift_down(const mcmp_span *items, size_t *order, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        size_t moved = order[root];

        if (child + 1 < count && compare(items, order[child], order[child + 1]) < 0)
            child++;
        if (compare(items, moved, order[child]) >= 0)
            return;
        order[root] = order[child];
        order[child] = moved;
    }
}

/* Heapsort: in place, and no input makes it slow. */
static void sort_places(const mcmp_span *items, size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count / 2; i-- > 0;)
        sift_down(items, order, i, count);
    for (size_t end = count; end-- > 1;) {
        size_t last = order[end];

        order[end] = order[0];
        order[0] = last;
        sift_down(items, order, 0, end);
    }
}

static int reserve_order(mcmp_decoder *decoder, size_t count)
{
    size_t *order;
    size_t bytes;

    if (decoder->order_cap >= count)
        return MCMP_OK;
    if (mcmp__mul_size(count, sizeof(*order), &bytes) != 0)
        return MCMP_ERR_NOMEM;
    order = mcmp__realloc(&decoder->allocator, decoder->order, decoder->order_cap * sizeof(*order),
                          bytes);
    if (order == NULL)
        return MCMP_ERR_NOMEM;
    decoder->order = order;
    decoder->order_cap = count;
    return MCMP_OK;
}

int mcmp__elements_unique(mcmp_decoder *decoder, mcmp__elements *list)
{
    mcmp_span *items = list->items;
    size_t kept = 0;

    if (list->count <= SMALL) {
        unique_small(list);
        return MCMP_OK;
    }
    if (reserve_order(decoder, list->count) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    sort_places(items, decoder->order, list->count);
    for (size_t i = list->count; i-- > 1;)
        if (mcmp__span_eq(items[decoder->order[i]], items[decoder->order[i - 1]]))
            items[decoder->order[i]].ptr = NULL; /* no element is empty, so NULL marks it */
    for (size_t i = 0; i < list->count; i++)
        if (items[i].ptr != NULL)
            items[kept++] = items[i];
    list->count = kept;
    return MCMP_OK;
}
