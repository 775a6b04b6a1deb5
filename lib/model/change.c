/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of changes: writing and repair (docs/store.md 6).
 *
 * Concurrency. Only the holder of the writer lock writes here, always behind the end that is
 * published; the end and the number of the last entry are words of the copies, so one commit
 * publishes a message and its entries at once, and a death before it leaves nothing. Order promised
 * to readers: MCMP__C_FROM is moved past an entry before its words are overwritten (release fence),
 * and the words of an entry come before the publication (its release store). So what a reader found
 * between C_FROM and the published end is whole if C_FROM has not passed it afterwards.
 * Health words are changed in place. With a ring each change of a node's state is made under the
 * lock: it is announced in the control words, made, written to the ring and committed. If the
 * writer dies in between, the next one finds the announcement and finishes the last two steps.
 */
#include "model/change.h"

#include "base/health.h"
#include "model/tx.h"

#include <stdio.h>

#define TEXT_ROOM 96u
#define ROUTE_ROOM 256u

/* Where bytes go, eight to a word. */
typedef struct ring_out {
    mcmp__word *ring;
    uint64_t mask;
    uint64_t at;
    uint64_t word;
    uint32_t bytes; /* of word */
} ring_out;

static void put_word(ring_out *out, uint64_t word)
{
    mcmp__data_set(out->ring + (out->at & out->mask), word);
    out->at++;
}

static int put_bytes(void *ctx, const void *data, size_t len)
{
    ring_out *out = ctx;
    const char *from = data;

    while (len > 0) {
        size_t n = MCMP__MIN(len, sizeof(out->word) - out->bytes);

        memcpy((char *)&out->word + out->bytes, from, n);
        out->bytes += (uint32_t)n;
        from += n;
        len -= n;
        if (out->bytes < sizeof(out->word))
            return 0;
        put_word(out, out->word);
        out->word = 0;
        out->bytes = 0;
    }
    return 0;
}

static mcmp__word *ring_of(const mcmp_cluster *cluster)
{
    return mcmp__change_control(cluster) + MCMP__C_WORDS;
}

/* Words of the entry at this position; 0 when that can't be. */
static uint64_t size_at(const mcmp_cluster *cluster, uint64_t at, uint64_t end)
{
    uint64_t mask = cluster->layout.ring_words - 1;
    uint64_t size = mcmp__lo(mcmp__word_get(ring_of(cluster) + (at & mask)));

    return size >= MCMP__E_WORDS && size <= end - at ? size : 0;
}

/* Let go of the oldest entries until so many words fit behind the end. */
static void make_room(mcmp_cluster *cluster, uint64_t end, uint64_t words)
{
    mcmp__word *control = mcmp__change_control(cluster);
    uint64_t from = mcmp__word_get(control + MCMP__C_FROM);

    while (end + words - from > cluster->layout.ring_words) {
        uint64_t size = size_at(cluster, from, end);

        if (size == 0 || end - from > cluster->layout.ring_words) {
            from = end; /* damaged by others; never follow it */
            break;
        }
        from += size;
    }
    if (from == mcmp__word_get(control + MCMP__C_FROM))
        return;
    mcmp__data_set(control + MCMP__C_FROM, from);
    mcmp__fence_write();
}

typedef struct entry {
    uint32_t kind;
    uint32_t flags;
    uint32_t states; /* before | after << 8 */
    mcmp_handle node;
    mcmp_span route;
    mcmp_span text;
    const mcmp_message *message;
    size_t size; /* of the message */
} entry;

static uint64_t words_of(const entry *e)
{
    size_t bytes = e->route.len + e->text.len;

    if ((e->flags & MCMP_CHANGE_OMITTED) == 0)
        bytes += e->size;
    return MCMP__E_WORDS + (bytes + sizeof(mcmp__word) - 1) / sizeof(mcmp__word);
}

static void write_entry(mcmp__tx *tx, const entry *e, uint64_t end, uint64_t words,
                        uint64_t sequence)
{
    mcmp_cluster *cluster = tx->cluster;
    uint64_t kinds = (uint64_t)e->states << 16 | e->flags << 8 | e->kind;
    ring_out out = { ring_of(cluster), cluster->layout.ring_words - 1, end, 0, 0 };

    put_word(&out, kinds << 32 | words);
    put_word(&out, sequence);
    put_word(&out, (mcmp__word_get(cluster->region + MCMP__R_PUB) >> 1) + 1);
    put_word(&out, (uint64_t)tx->now);
    put_word(&out, e->node);
    put_word(&out, (uint64_t)e->text.len << 48 | (uint64_t)e->route.len << 32 | (uint32_t)e->size);
    (void)put_bytes(&out, e->route.ptr, e->route.len);
    (void)put_bytes(&out, e->text.ptr, e->text.len);
    if (e->message != NULL && (e->flags & MCMP_CHANGE_OMITTED) == 0)
        (void)mcmp_message_write(e->message, put_bytes, &out, NULL);
    if (out.bytes != 0)
        put_word(&out, out.word);
    MCMP__ASSERT(out.at == end + words);
}

/* Entries of one message that do not fit all together lose their bytes first; at last only their
 * numbers count. */
static void add_entry(mcmp__tx *tx, entry *e)
{
    uint64_t ring = tx->cluster->layout.ring_words;
    uint64_t end = mcmp__head_get(&tx->rd, MCMP__H_CHANGES);
    uint64_t sequence = mcmp__head_get(&tx->rd, MCMP__H_SEQUENCE) + 1;
    uint64_t words = words_of(e);

    if (tx->changes++ == 0)
        tx->change_start = end;
    if (end - tx->change_start + words > ring && e->size != 0) {
        e->flags |= MCMP_CHANGE_OMITTED;
        words = words_of(e);
    }
    mcmp__head_put(tx, MCMP__H_SEQUENCE, sequence);
    if (end - tx->change_start + words > ring)
        return;
    make_room(tx->cluster, end, words);
    write_entry(tx, e, end, words, sequence);
    mcmp__head_put(tx, MCMP__H_CHANGES, end + words);
}

static void add_of_node(mcmp__tx *tx, uint32_t node, const char *text, entry *e)
{
    char route[ROUTE_ROOM];

    e->route = mcmp__span(route, 0);
    if (node != 0) {
        e->route.len = mcmp__text(&tx->rd, MCMP__NODE_ROUTE, node, route, sizeof(route));
        e->node = mcmp__node_handle(&tx->rd, node);
    }
    e->text = mcmp__span_str(text);
    e->text.len = MCMP__MIN(e->text.len, TEXT_ROOM);
    if (e->message != NULL)
        (void)mcmp_message_encode(e->message, NULL, 0, &e->size, NULL);
    add_entry(tx, e);
}

void mcmp__change_event(mcmp__tx *tx, uint32_t kind, uint32_t node, const char *text)
{
    entry e = { 0 };

    if (!mcmp__changes_on(tx->cluster))
        return;
    e.kind = kind;
    add_of_node(tx, node, text, &e);
}

void mcmp__change_message(mcmp__tx *tx, uint32_t kind, uint32_t node, const char *text,
                          const mcmp_message *message)
{
    entry e = { 0 };

    e.kind = kind;
    e.message = message;
    add_of_node(tx, node, text, &e);
}

/* JVMRoute and nothing else yet. */
static void start_message(mcmp_message *message, uint32_t command, mcmp_span route)
{
    mcmp_message_init(message);
    message->command = command;
    message->flags = MCMP_MESSAGE_BARE;
    message->given = MCMP_FIELD_JVMROUTE;
    message->jvm_route = route;
}

void mcmp__change_removal(mcmp__tx *tx, uint32_t kind, uint32_t node, const char *text)
{
    char route[ROUTE_ROOM];
    mcmp_message message;
    size_t len;

    if (!mcmp__changes_on(tx->cluster))
        return;
    len = mcmp__text(&tx->rd, MCMP__NODE_ROUTE, node, route, sizeof(route));
    start_message(&message, MCMP_COMMAND_REMOVE_APP, mcmp__span(route, len));
    message.flags |= MCMP_COMMAND_WHOLE_NODE;
    mcmp__change_message(tx, kind, node, text, &message);
}

void mcmp__change_health(mcmp__tx *tx, uint32_t node, uint32_t event, uint32_t before,
                         uint32_t after)
{
    uint32_t was = mcmp__health_state(before);
    uint32_t is = mcmp__health_state(after);
    char text[TEXT_ROOM];
    entry e = { 0 };

    if (was == is || !mcmp__changes_on(tx->cluster))
        return;
    (void)snprintf(text, sizeof(text), "%s, was %s, is %s",
                   mcmp__health_event_name((mcmp__health_event)event), mcmp_node_state_name(was),
                   mcmp_node_state_name(is));
    e.kind = MCMP_CHANGE_HEALTH;
    e.states = is << 8 | was;
    add_of_node(tx, node, text, &e);
}

/* STATUS as it took effect. */
static void add_status(mcmp__tx *tx, uint32_t node, uint32_t event, int load)
{
    char route[ROUTE_ROOM];
    size_t len = mcmp__text(&tx->rd, MCMP__NODE_ROUTE, node, route, sizeof(route));
    mcmp_message message;

    start_message(&message, MCMP_COMMAND_STATUS, mcmp__span(route, len));
    if (event == MCMP__HEALTH_STATUS_LOAD) {
        message.given |= MCMP_FIELD_LOAD;
        message.load = load;
    }
    mcmp__change_message(tx, MCMP_CHANGE_MESSAGE, node, NULL, &message);
}

/* What the change of a health word means to observers. */
static void add_live(mcmp__tx *tx, uint32_t node, uint32_t event, int is_status, uint32_t before,
                     uint32_t after)
{
    if (is_status)
        add_status(tx, node, event, mcmp__health_load(after));
    mcmp__change_health(tx, node, event, before, after);
}

static void announce(mcmp__tx *tx, mcmp_handle node, uint32_t event, int is_status)
{
    mcmp__word *control = mcmp__change_control(tx->cluster);
    const mcmp__live *live = mcmp__live_of(tx->cluster, mcmp__handle_index(node));
    uint32_t before = mcmp__lo(mcmp__word_get(&live->health));

    mcmp__data_set(control + MCMP__C_BEFORE, mcmp__pack(before, event));
    mcmp__data_set(control + MCMP__C_MESSAGE, is_status != 0);
    mcmp__data_set(control + MCMP__C_SEQUENCE, mcmp__head_get(&tx->rd, MCMP__H_SEQUENCE));
    mcmp__data_set(control + MCMP__C_TIME, (uint64_t)tx->now);
    mcmp__fence_write();
    mcmp__data_set(control + MCMP__C_HANDLE, node);
    mcmp__fence_write();
}

int mcmp__change_live(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, int load,
                      mcmp_time now, int is_status, uint32_t *before, uint32_t *after)
{
    mcmp__tx tx;
    uint32_t row;
    uint32_t was, is;

    if (mcmp__tx_begin(&tx, cluster, now, NULL) != MCMP_OK)
        return mcmp__live_swap(cluster, node, event, load, now, 1, before, after);
    row = mcmp__node_by_handle(&tx.rd, node);
    if (row == 0) {
        mcmp__tx_abort(&tx);
        return -1;
    }
    announce(&tx, node, event, is_status);
    if (mcmp__live_swap(cluster, node, event, load, now, 1, &was, &is) == 0) {
        add_live(&tx, row, event, is_status, was, is);
        *before = was;
        *after = is;
        row = 0;
    }
    mcmp__tx_commit(&tx);
    return row == 0 ? 0 : -1;
}

int mcmp__change_recover(mcmp__tx *tx)
{
    const mcmp__word *control;
    mcmp_handle handle;
    uint64_t announced, word;
    uint32_t node, was, is;

    if (!mcmp__changes_on(tx->cluster))
        return 0;
    control = mcmp__change_control(tx->cluster);
    handle = mcmp__data_get(control + MCMP__C_HANDLE);
    if (handle == 0)
        return 0;
    if (mcmp__head_get(&tx->rd, MCMP__H_SEQUENCE) != mcmp__data_get(control + MCMP__C_SEQUENCE))
        return 1; /* it came to its commit */
    node = mcmp__node_by_handle(&tx->rd, handle);
    announced = mcmp__data_get(control + MCMP__C_BEFORE);
    word = mcmp__word_get(&mcmp__live_of(tx->cluster, mcmp__handle_index(handle))->health);
    was = mcmp__lo(announced);
    is = mcmp__lo(word);
    if (node == 0 || mcmp__hi(word) != mcmp__handle_generation(handle) ||
        (mcmp__health_state(was) == mcmp__health_state(is) &&
         mcmp__health_load(was) == mcmp__health_load(is)))
        return 1; /* nothing that is seen was changed yet */
    tx->now = (mcmp_time)mcmp__data_get(control + MCMP__C_TIME);
    add_live(tx, node, mcmp__hi(announced), mcmp__data_get(control + MCMP__C_MESSAGE) != 0, was,
             is);
    return 1;
}

void mcmp__change_settle(mcmp_cluster *cluster)
{
    if (mcmp__changes_on(cluster) &&
        mcmp__data_get(mcmp__change_control(cluster) + MCMP__C_HANDLE) != 0)
        mcmp__data_set(mcmp__change_control(cluster) + MCMP__C_HANDLE, 0);
}

const char *mcmp__change_check(mcmp__read *rd)
{
    mcmp_cluster *cluster = rd->cluster;
    uint64_t end = mcmp__head_get(rd, MCMP__H_CHANGES);
    uint64_t last = mcmp__head_get(rd, MCMP__H_SEQUENCE);
    uint64_t mask = cluster->layout.ring_words - 1;
    uint64_t at, sequence = 0;

    if (!mcmp__changes_on(cluster))
        return end == 0 && last == 0 ? NULL : "there are changes without a ring";
    at = mcmp__word_get(mcmp__change_control(cluster) + MCMP__C_FROM);
    if (end - at > cluster->layout.ring_words)
        return "the ring of changes holds more than itself";
    for (int first = 1; at != end; first = 0) {
        uint64_t own = mcmp__word_get(ring_of(cluster) + ((at + MCMP__E_SEQUENCE) & mask));
        uint64_t size = size_at(cluster, at, end);

        if (size == 0)
            return "a change has an impossible size";
        if (last - own > INT64_MAX || (!first && own - sequence - 1 > INT64_MAX))
            return "changes are out of order";
        sequence = own;
        at += size;
    }
    return NULL;
}
