/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read sections and plain accessors.
 *
 * Concurrency. A reader of version v reads copy v & 1, which is written again only for version v
 * + 2, after the mark 2 (v + 1) + 1 was set in the publication word. So what was read is whole
 * when the word has not reached 2 v + 3 at the end. The acquire load at the start orders the
 * reads after the publication; the acquire fence at the end orders them before the second look. A
 * reader is disturbed only by two messages in one section; after a bounded number of such
 * sections it takes the writer lock, so that it comes through. A cluster attached for reading
 * can't, and gives up after many more.
 */
#include "base/compiler.h"
#include "model/rows.h"

#define LOCK_AFTER 24u
#define GIVE_UP_AFTER 10000u /* sections without the lock */

const mcmp__config *mcmp__config_of(const mcmp_cluster *cluster)
{
    return &cluster->config;
}

mcmp__local *mcmp__local_of(mcmp_cluster *cluster)
{
    return &cluster->local;
}

mcmp__word *mcmp__shared_words(mcmp_cluster *cluster)
{
    return cluster->region + MCMP__R_SHARED;
}

void mcmp__read_init(mcmp__read *rd, mcmp_cluster *cluster)
{
    memset(rd, 0, sizeof(*rd));
    rd->cluster = cluster;
    rd->layout = &cluster->layout;
}

static MCMP__COLD void lock(mcmp__read *rd)
{
    mcmp__lock *of = &rd->cluster->lock;

    rd->locked = !rd->cluster->local.read_only && of->ops->acquire(of->memory) == 0;
}

static MCMP__COLD void unlock(mcmp__read *rd)
{
    mcmp__lock *of = &rd->cluster->lock;

    of->ops->release(of->memory);
    rd->locked = 0;
}

/* With the lock nobody can overtake but one who writes without it. */
static MCMP__COLD int done_locked(mcmp__read *rd, uint64_t now)
{
    unlock(rd);
    rd->damaged = rd->torn || now - (rd->seen & ~UINT64_C(1)) > 2;
    return 1;
}

/* Overtaken. 1: too often, where there is no lock to take. */
static MCMP__COLD int give_up(mcmp__read *rd)
{
    if (rd->tries < GIVE_UP_AFTER)
        return 0;
    rd->damaged = 2;
    return 1;
}

int mcmp__read_result(const mcmp__read *rd)
{
    if (rd->damaged == 0)
        return MCMP_OK;
    return rd->damaged == 1 ? MCMP_ERR_DAMAGED : MCMP_ERR_OVERTAKEN;
}

void mcmp__read_begin(mcmp__read *rd)
{
    const mcmp_cluster *cluster = rd->cluster;

    if (++rd->tries > LOCK_AFTER)
        lock(rd);
    rd->torn = 0;
    rd->seen = atomic_load_explicit(cluster->region + MCMP__R_PUB, memory_order_acquire);
    rd->base = cluster->region + cluster->layout.copy_base[(rd->seen >> 1) & 1];
}

int mcmp__read_done(mcmp__read *rd)
{
    uint64_t now;

    mcmp__fence_read();
    now = mcmp__word_get(rd->cluster->region + MCMP__R_PUB);
    if (rd->locked)
        return done_locked(rd, now);
    if (now - (rd->seen & ~UINT64_C(1)) > 2)
        return give_up(rd);
    rd->damaged = rd->torn;
    return 1;
}

uint64_t mcmp__version(const mcmp_cluster *cluster)
{
    return atomic_load_explicit(cluster->region + MCMP__R_PUB, memory_order_acquire) >> 1;
}

/* Accessors */

uint32_t mcmp__node_slots(const mcmp__read *rd)
{
    return mcmp__hi(mcmp__head_get(rd, MCMP__H_TABLE + MCMP__T_NODE));
}

int mcmp__node_get(mcmp__read *rd, uint32_t node, mcmp__node *out)
{
    const mcmp__word *words = mcmp__row(rd, MCMP__T_NODE, node);
    uint64_t gen = mcmp__data_get(words + MCMP__N_GEN);
    uint64_t bal = mcmp__data_get(words + MCMP__N_BAL);
    uint64_t port = mcmp__data_get(words + MCMP__N_PORT);

    out->handle = mcmp__pack(node, mcmp__hi(gen));
    out->id = mcmp__data_get(words + MCMP__N_ID);
    out->balancer = mcmp__lo(bal);
    out->domain = mcmp__hi(bal);
    out->port = (uint32_t)port & 0xffff;
    out->scheme = (uint32_t)(port >> 16) & 0xff;
    out->flushpackets = (uint32_t)(port >> 24) & 0xff;
    out->smax = (int32_t)mcmp__hi(port);
    out->reversed = mcmp__hi(mcmp__data_get(words + MCMP__N_VHOST_HINT));
    out->leaving = mcmp__lo(gen) == MCMP__N_LEAVING;
    out->flushwait = (mcmp_time)mcmp__data_get(words + MCMP__N_FLUSHWAIT);
    out->ping = (mcmp_time)mcmp__data_get(words + MCMP__N_PING);
    out->ttl = (mcmp_time)mcmp__data_get(words + MCMP__N_TTL);
    out->timeout = (mcmp_time)mcmp__data_get(words + MCMP__N_TIMEOUT);
    out->removed_at = (mcmp_time)mcmp__data_get(words + MCMP__N_REMOVED_AT);
    return mcmp__lo(gen) != MCMP__N_FREE;
}

uint32_t mcmp__node_balancer(mcmp__read *rd, uint32_t node)
{
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_BAL));
}

uint32_t mcmp__node_domain(mcmp__read *rd, uint32_t node)
{
    return mcmp__hi(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_BAL));
}

mcmp_handle mcmp__node_handle(mcmp__read *rd, uint32_t node)
{
    return mcmp__pack(node, mcmp__hi(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_GEN)));
}

uint64_t mcmp__node_id(mcmp__read *rd, uint32_t node)
{
    return mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_ID);
}

void mcmp__node_owner(mcmp__read *rd, uint32_t node, uint64_t out[3])
{
    for (uint32_t i = 0; i < 3; i++)
        out[i] = mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_OWNER + i);
}

uint64_t mcmp__node_removed_connection(mcmp__read *rd, uint32_t node)
{
    return mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_REMOVED_CONNECTION);
}

uint32_t mcmp__node_next(mcmp__read *rd, uint32_t node)
{
    if (node == 0)
        return mcmp__lo(mcmp__head_get(rd, MCMP__H_NODES));
    return mcmp__lo(mcmp__row_get(rd, MCMP__T_NODE, node, MCMP__N_LIST));
}

uint32_t mcmp__node_count(mcmp__read *rd)
{
    return mcmp__lo(mcmp__head_get(rd, MCMP__H_COUNTS));
}

int mcmp__leaving_stage(const mcmp_cluster *cluster, mcmp_time removed_at, mcmp_time now)
{
    mcmp_time grace = cluster->config.opts.grace;

    if (grace == MCMP_NEVER || now - removed_at >= 2 * grace)
        return -1;
    return now - removed_at >= grace ? MCMP_NODE_REMOVED : MCMP_NODE_LEAVING;
}

/* NULL, and torn, when the index or the length is out of range. */
static inline const mcmp__word *text_at(mcmp__read *rd, enum mcmp__text_kind kind, uint32_t index,
                                        size_t *out_len)
{
    const mcmp__text_place *place = &rd->layout->text[kind];
    const mcmp__word *words = rd->base + place->base;

    if (index <= place->cap) {
        words += index * place->stride;
        *out_len = (size_t)(mcmp__data_get(words + place->len_word) >> place->len_shift) & 0xffff;
        if (*out_len <= place->max)
            return words + place->word;
    }
    rd->torn = 1;
    *out_len = 0;
    return NULL;
}

/* Whole words, at least one: there is room behind the text. */
static inline void copy_whole(const mcmp__word *from, size_t len, char *out)
{
    const char *end = out + len;

    do {
        uint64_t word = mcmp__data_get(from);

        memcpy(out, &word, sizeof(word));
        from++;
        out += sizeof(word);
    } while (out < end);
}

size_t mcmp__text(mcmp__read *rd, enum mcmp__text_kind kind, uint32_t index, char *out, size_t room)
{
    size_t len;
    const mcmp__word *words = text_at(rd, kind, index, &len);

    if (words == NULL)
        return 0;
    if (room < len + 8) { /* no room behind the text for whole words */
        if (room < len) {
            rd->torn = 1;
            return 0;
        }
        mcmp__words_copy(words, len, out);
        return len;
    }
    copy_whole(words, len, out);
    return len;
}

/* One of the texts of a row whose length is the lowest part of lens. Returns its end. */
static inline char *copy_text(mcmp__read *rd, enum mcmp__text_kind kind, const mcmp__word *words,
                              uint64_t lens, char *out, mcmp_span *span)
{
    const mcmp__text_place *place = &rd->layout->text[kind];
    size_t len = lens & 0xffff;

    if (len > place->max) {
        rd->torn = 1;
        len = 0;
    }
    copy_whole(words + place->word, len, out);
    *span = mcmp__span(out, len);
    return out + len;
}

int mcmp__node_take(mcmp__read *rd, uint32_t node, uint32_t seat, char *text, mcmp_selection *out,
                    mcmp__running *running)
{
    const mcmp__word *words = mcmp__row(rd, MCMP__T_NODE, node);
    uint64_t gen = mcmp__data_get(words + MCMP__N_GEN);
    uint64_t port = mcmp__data_get(words + MCMP__N_PORT);
    uint64_t lens = mcmp__data_get(words + MCMP__N_LENS);

    out->node = mcmp__pack(node, mcmp__hi(gen));
    out->port = (uint32_t)port & 0xffff;
    out->scheme = (uint32_t)(port >> 16) & 0xff;
    out->flushpackets = (uint32_t)(port >> 24) & 0xff;
    out->smax = (int32_t)mcmp__hi(port);
    out->flushwait = (mcmp_time)mcmp__data_get(words + MCMP__N_FLUSHWAIT);
    out->ping = (mcmp_time)mcmp__data_get(words + MCMP__N_PING);
    out->ttl = (mcmp_time)mcmp__data_get(words + MCMP__N_TTL);
    out->timeout = (mcmp_time)mcmp__data_get(words + MCMP__N_TIMEOUT);
    text = copy_text(rd, MCMP__NODE_ROUTE, words, lens, text, &out->route);
    copy_text(rd, MCMP__NODE_HOST, words, lens >> 16, text, &out->host);
    running->node = mcmp__pack(node, mcmp__hi(lens));
    running->seat = mcmp__pack(seat, mcmp__hi(mcmp__row_get(rd, MCMP__T_SEAT, seat, MCMP__S_GEN)));
    out->context = running->seat;
    return mcmp__lo(gen) != MCMP__N_FREE;
}

static inline int balancer_fields(const mcmp__word *words, mcmp__balancer *out)
{
    uint64_t nodes = mcmp__data_get(words + MCMP__B_NODES);
    uint64_t flags = mcmp__data_get(words + MCMP__B_FLAGS);

    out->order = mcmp__data_get(words + MCMP__B_ORDER);
    out->wait_worker = (mcmp_time)mcmp__data_get(words + MCMP__B_WAIT);
    out->flags = mcmp__lo(flags);
    out->max_attempts = mcmp__hi(flags);
    out->nodes = mcmp__lo(nodes);
    out->leaving = mcmp__hi(nodes);
    return out->order != 0;
}

int mcmp__balancer_get(mcmp__read *rd, uint32_t balancer, mcmp__balancer *out)
{
    return balancer_fields(mcmp__row(rd, MCMP__T_BALANCER, balancer), out);
}

int mcmp__balancer_all(mcmp__read *rd, uint32_t balancer, char *text, mcmp_span spans[3],
                       mcmp__balancer *out)
{
    const mcmp__word *words = mcmp__row(rd, MCMP__T_BALANCER, balancer);
    uint64_t lens = mcmp__data_get(words + MCMP__B_LENS);

    text = copy_text(rd, MCMP__BALANCER_NAME, words, lens, text, &spans[0]);
    text = copy_text(rd, MCMP__BALANCER_COOKIE, words, lens >> 16, text, &spans[1]);
    copy_text(rd, MCMP__BALANCER_PATH, words, lens >> 32, text, &spans[2]);
    return balancer_fields(words, out);
}

mcmp_span mcmp__text_in_place(mcmp__read *rd, enum mcmp__text_kind kind, uint32_t index)
{
    size_t len;
    const mcmp__word *words = text_at(rd, kind, index, &len);

    return mcmp__span((const char *)words, len);
}

uint64_t mcmp__gone_now(mcmp__read *rd)
{
    return mcmp__head_get(rd, MCMP__H_GONE);
}

int mcmp__gone_next(mcmp__read *rd, uint64_t *cursor, mcmp_handle *out)
{
    uint64_t gone = mcmp__head_get(rd, MCMP__H_GONE);

    if (*cursor == gone)
        return 0;
    if (gone - *cursor > MCMP__GONE_RING) {
        *cursor = gone;
        return -1;
    }
    *out = mcmp__head_get(rd, (uint32_t)(MCMP__H_RING + *cursor % MCMP__GONE_RING));
    *cursor += 1;
    return 1;
}

mcmp_handle mcmp__seat_handle(mcmp__read *rd, uint32_t seat)
{
    uint64_t gen = mcmp__row_get(rd, MCMP__T_SEAT, seat, MCMP__S_GEN);

    return mcmp__seat_status(gen) != 0 ? mcmp__pack(seat, mcmp__hi(gen)) : 0;
}
