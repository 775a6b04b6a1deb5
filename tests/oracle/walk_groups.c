/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a walk went over the sizes at which the store keeps the candidates of a context in
 * another way (docs/store.md, section 3). The model says it, so these figures prove that the walk
 * was there even if the store did not do what it should.
 */
#include "model/rows.h"
#include "walk.h"

enum { LEAF = 8, DIRECTORY = 16 * LEAF }; /* members of a tree without and with one level above */

typedef struct group_sizes {
    uint32_t seats[O_ALIASES][O_CONTEXTS];
    uint32_t members[O_ALIASES][O_CONTEXTS][O_BALANCERS];
} group_sizes;

/* Without use_alias the places of a context are one. */
static void count_row(const oracle *o, const oracle_row *r, group_sizes *out)
{
    for (uint32_t c = 0; c < o->opts.names.contexts; c++)
        for (uint32_t a = 0; a < o->opts.names.aliases; a++) {
            uint32_t at = o->opts.use_alias ? a : 0;

            if (r->status[a][c] == 0)
                continue;
            out->seats[at][c]++;
            out->members[at][c][r->config.balancer]++;
            if (!o->opts.use_alias)
                break;
        }
}

static void note_place(walk *w, const group_sizes *sizes, uint32_t a, uint32_t c)
{
    uint32_t seats = sizes->seats[a][c];
    uint8_t *indexed = &w->indexed[a][c];

    if (!*indexed && seats > MCMP__PLACE_SCAN) {
        *indexed = 1;
        w->counts.indexed++;
    } else if (*indexed && seats <= MCMP__PLACE_SCAN / 2) {
        *indexed = 0;
        w->counts.unindexed++;
    }
}

static void note_group(walk *w, uint32_t members, uint8_t *level)
{
    uint32_t in_tree = members > MCMP__INLINE_MEMBERS ? members - MCMP__INLINE_MEMBERS : 0;
    uint8_t now = (uint8_t)((in_tree > LEAF) + (in_tree > DIRECTORY));

    for (; *level < now; ++*level)
        w->counts.raised[*level]++;
    for (; *level > now; --*level)
        w->counts.lowered[*level - 1]++;
    if (members > w->counts.most)
        w->counts.most = members;
}

void walk_note_groups(walk *w)
{
    const oracle_names *names = &w->o.opts.names;
    group_sizes sizes = { 0 };

    if (!w->setup.tide)
        return;
    for (int i = 0; i < w->o.rows; i++)
        if (w->o.row[i].live)
            count_row(&w->o, &w->o.row[i], &sizes);
    for (uint32_t a = 0; a < names->aliases; a++)
        for (uint32_t c = 0; c < names->contexts; c++) {
            note_place(w, &sizes, a, c);
            for (uint32_t b = 0; b < names->balancers; b++)
                note_group(w, sizes.members[a][c][b], &w->level[a][c][b]);
        }
}
