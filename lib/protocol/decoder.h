/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walker (decoder.c), the field table (fields.c) and the element lists (elements.c) share.
 */
#ifndef MCMP__DECODER_H
#define MCMP__DECODER_H

#include "base/base.h"

#include <libmcmp/command.h>

#define MCMP__HOST_ROOM 258 /* longest Host allowed by any limit, and two brackets */

/* Elements of Alias or Context; views into the decoder's text. */
typedef struct mcmp__elements {
    mcmp_span *items;
    size_t count;
    size_t cap;
} mcmp__elements;

struct mcmp_decoder {
    mcmp_allocator allocator;
    mcmp_command_limits limits;
    mcmp_command command;
    mcmp__buf text;       /* the decoded pairs: key NUL value NUL, again and again */
    const char *ends[16]; /* of the first keys and values in it */
    size_t parts;         /* how many keys and values there are */
    mcmp__elements aliases;
    mcmp__elements contexts;
    size_t *order; /* scratch of mcmp__elements_unique() */
    size_t order_cap;
    /* what came of the body that was decoded last */
    mcmp_span body;
    uint32_t refusal; /* MCMP_REFUSAL_*, or MCMP__NO_MEMORY */
    const char *key;  /* of the pair that was refused */
    uint64_t offset;  /* of what was refused */
    mcmp_span culprit;
    char host[MCMP__HOST_ROOM];
};

typedef struct mcmp__field mcmp__field;

/* Decode the body of a request of this library's size. MCMP_OK or MCMP_ERR_NOMEM; a refusal is
 * kept for mcmp_decoder_decode(). */
int mcmp__decoder_run(mcmp_decoder *decoder, const mcmp_request *request);

#define MCMP__NO_MEMORY UINT32_MAX /* no MCMP_REFUSAL_* */

/* Reads a value into the command; returns MCMP_REFUSAL_*, or MCMP__NO_MEMORY. */
typedef uint32_t (*mcmp__field_fn)(mcmp_decoder *decoder, const mcmp__field *field,
                                   mcmp_span value);

struct mcmp__field {
    mcmp_span key;
    uint64_t bit;      /* MCMP_FIELD_* */
    uint32_t commands; /* 1 << MCMP_COMMAND_* where the key is legal */
    uint32_t limit;    /* offset of its longest length in mcmp_command_limits; 0 = none */
    uint32_t too_big;  /* refusal when it is longer */
    uint32_t bad;      /* refusal of a bad form; NONE: the default stays and a notice is due */
    uint32_t place;    /* offset in mcmp_command */
    uint32_t size;     /* of the member there */
    uint32_t flag;     /* MCMP_COMMAND_* of a boolean */
    uint32_t no_blank; /* blanks are refused too, besides comma and brackets */
    mcmp_time unit;    /* of a duration */
    mcmp__field_fn read;
};

extern const mcmp_command mcmp__command_defaults;
const mcmp__field *mcmp__field_find(mcmp_span key);
/* The field's value becomes its default again. */
void mcmp__field_reset(mcmp_decoder *decoder, const mcmp__field *field);

int mcmp__elements_grow(mcmp__elements *list, const mcmp_allocator *allocator);
static inline int mcmp__elements_add(mcmp__elements *list, const mcmp_allocator *allocator,
                                     mcmp_span element)
{
    if (list->count == list->cap && mcmp__elements_grow(list, allocator) != MCMP_OK)
        return MCMP_ERR_NOMEM;
    list->items[list->count++] = element;
    return MCMP_OK;
}

void mcmp__elements_clear(mcmp__elements *list, const mcmp_allocator *allocator);
/* Keep the first of equal elements; n log n at worst. MCMP_OK or MCMP_ERR_NOMEM */
int mcmp__elements_unique(mcmp_decoder *decoder, mcmp__elements *list);

#endif
