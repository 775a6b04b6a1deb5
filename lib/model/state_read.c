/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to records (docs/state-file.md). Whatever the bytes are, nothing is followed before it
 * was checked: the header, then each section's header before its length, each payload's checksum
 * before its records, each record's form before its reference. Integers are read byte by byte, so
 * the order and alignment of the machine do not matter.
 */
#include "model/state.h"

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

const uint8_t mcmp__state_magic[8] = { 0x89, 'm', 'c', 'm', 'p', '\r', '\n', 0x1a };

const mcmp__section_kind mcmp__section_kinds[MCMP__SECTIONS] = {
    [MCMP__SECTION_CLUSTER] = { { 'C', 'L', 'U', 'S' }, "cluster", 18 },
    [MCMP__SECTION_BALANCERS] = { { 'B', 'A', 'L', 'A' }, "balancers", 19 },
    [MCMP__SECTION_NODES] = { { 'N', 'O', 'D', 'E' }, "nodes", 109 },
    [MCMP__SECTION_ALIASES] = { { 'A', 'L', 'I', 'A' }, "aliases", 10 },
    [MCMP__SECTION_CONTEXTS] = { { 'C', 'T', 'X', 'T' }, "contexts", 7 },
    [MCMP__SECTION_DOMAINS] = { { 'D', 'O', 'M', 'A' }, "domains", 12 },
};

/* Reads on from a place; past the end it reads zeros and remembers. */
typedef struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    int over;
} cursor;

static uint64_t get(cursor *c, unsigned bytes)
{
    uint64_t value = 0;

    if ((size_t)(c->end - c->at) < bytes) {
        c->over = 1;
        c->at = c->end;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)c->at[i] << (8 * i);
    c->at += bytes;
    return value;
}

static mcmp_span get_text(cursor *c)
{
    size_t len = (size_t)get(c, 2);
    mcmp_span text = { (const char *)c->at, len };

    if ((size_t)(c->end - c->at) < len) {
        c->over = 1;
        c->at = c->end;
        return mcmp__span("", 0);
    }
    c->at += len;
    return text;
}

static int bad(mcmp_error *err, const char *where, uint64_t offset, const char *what)
{
    int rc = mcmp__fail(err, MCMP_ERR_FILE, where, "%s: %s, at byte %llu", where, what,
                        (unsigned long long)offset);

    mcmp__error_at(err, offset);
    return rc;
}

int mcmp__state_bad(mcmp_error *err, enum mcmp__state_section section, uint32_t record,
                    const char *what)
{
    const char *name = mcmp__section_kinds[section].name;

    return mcmp__fail(err, MCMP_ERR_FILE, name, "%s: record %u: %s", name, record, what);
}

/* The header. out_heads: the checksum over all headers of sections. */
static int read_header(const uint8_t *data, size_t len, uint64_t *out_heads, mcmp_error *err)
{
    cursor c = { data + sizeof(mcmp__state_magic), data + MCMP__STATE_HEADER, 0 };
    uint64_t version, sections, size, sum;

    if (len < sizeof(mcmp__state_magic) ||
        memcmp(data, mcmp__state_magic, sizeof(mcmp__state_magic)) != 0)
        return bad(err, "header", 0, "this is no saved state");
    if (len < MCMP__STATE_HEADER)
        return bad(err, "header", len, "the file is cut short");
    version = get(&c, 4);
    sections = get(&c, 4);
    size = get(&c, 8);
    *out_heads = get(&c, 8);
    sum = get(&c, 8);
    if (sum != XXH64(data, MCMP__STATE_HEADER - 8, 0))
        return bad(err, "header", 0, "the checksum is wrong");
    if (version != MCMP__STATE_VERSION)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "version",
                          "format version %llu, this library knows version %u",
                          (unsigned long long)version, MCMP__STATE_VERSION);
    if (sections != MCMP__SECTIONS)
        return bad(err, "header", 12, "the number of sections is wrong");
    if (size > len)
        return bad(err, "file", len, "it is cut short");
    if (size < len)
        return bad(err, "file", size, "something follows the end");
    return MCMP_OK;
}

/* One section's header and checksum; *at moves behind it. */
static int read_section(mcmp__state *state, uint32_t section, const uint8_t *data, size_t len,
                        size_t *at, cursor *out, mcmp_error *err)
{
    const mcmp__section_kind *kind = &mcmp__section_kinds[section];
    const uint8_t *head = data + *at;
    cursor c = { head + 4, head + MCMP__STATE_SECTION, 0 };
    uint64_t count, size, sum, head_sum;

    if (len - *at < MCMP__STATE_SECTION)
        return bad(err, kind->name, *at, "the section is missing");
    count = get(&c, 4);
    size = get(&c, 8);
    sum = get(&c, 8);
    head_sum = get(&c, 8);
    if (head_sum != XXH64(head, MCMP__STATE_SECTION - 8, 0))
        return bad(err, kind->name, *at, "the checksum of the section's header is wrong");
    if (memcmp(head, kind->tag, sizeof(kind->tag)) != 0)
        return bad(err, kind->name, *at, "another section stands in its place");
    *at += MCMP__STATE_SECTION;
    if (size > len - *at)
        return bad(err, kind->name, *at, "the section is longer than the file");
    if (count > size / kind->min_record)
        return bad(err, kind->name, *at, "the section is too short for its records");
    if (sum != XXH64(data + *at, (size_t)size, 0))
        return bad(err, kind->name, *at, "the checksum of the section is wrong");
    state->count[section] = (uint32_t)count;
    state->offset[section] = *at;
    out->at = data + *at;
    out->end = out->at + (size_t)size;
    out->over = 0;
    *at += (size_t)size;
    return MCMP_OK;
}

static int read_sections(mcmp__state *state, const uint8_t *data, size_t len, uint64_t heads,
                         cursor *out, mcmp_error *err)
{
    uint8_t all[MCMP__SECTIONS * MCMP__STATE_SECTION];
    size_t at = MCMP__STATE_HEADER;

    for (uint32_t s = 0; s < MCMP__SECTIONS; s++) {
        size_t head = at;
        int rc = read_section(state, s, data, len, &at, &out[s], err);

        if (rc != MCMP_OK)
            return rc;
        memcpy(all + s * (size_t)MCMP__STATE_SECTION, data + head, MCMP__STATE_SECTION);
    }
    if (at != len)
        return bad(err, "file", at, "something follows the last section");
    if (heads != XXH64(all, sizeof(all), 0))
        return bad(err, "header", 24, "the sections are those of another file");
    return MCMP_OK;
}

/* Records */

static const char *read_cluster(mcmp__state *state, uint32_t i, cursor *c)
{
    (void)i;
    state->id = get(c, 8);
    state->node_seq = get(c, 8);
    state->product = get_text(c);
    if (state->id == 0 || state->id > INT32_MAX || state->node_seq > MCMP__STATE_MAX_ID)
        return "an id is out of range";
    return state->product.len <= MCMP__STATE_PRODUCT ? NULL : "the product is too long";
}

static const char *read_balancer(mcmp__state *state, uint32_t i, cursor *c)
{
    mcmp__state_balancer *b = &state->balancers[i];
    uint64_t flags = get(c, 1);

    b->data.max_attempts = (uint32_t)get(c, 4);
    b->data.wait_worker = (mcmp_time)get(c, 8);
    b->data.name = get_text(c);
    b->data.cookie = get_text(c);
    b->data.path = get_text(c);
    b->data.flags = (flags & MCMP__STATE_STICKY ? MCMP_COMMAND_STICKY : 0) |
                    (flags & MCMP__STATE_FORCE ? MCMP_COMMAND_STICKY_FORCE : 0) |
                    (flags & MCMP__STATE_REMOVE ? MCMP_COMMAND_STICKY_REMOVE : 0);
    if (flags > (MCMP__STATE_STICKY | MCMP__STATE_FORCE | MCMP__STATE_REMOVE))
        return "a flag is unknown";
    return mcmp__form_balancer(b);
}

static const char *read_node(mcmp__state *state, uint32_t i, cursor *c)
{
    mcmp__state_node *n = &state->nodes[i];
    uint64_t flags;

    n->id = get(c, 8);
    n->balancer = (uint32_t)get(c, 4);
    n->data.port = (uint32_t)get(c, 2);
    n->data.scheme = (uint32_t)get(c, 1);
    n->data.flushpackets = (uint32_t)get(c, 1);
    n->data.smax = (int32_t)(uint32_t)get(c, 4);
    flags = get(c, 1);
    n->load = (int8_t)(uint8_t)get(c, 1);
    n->data.reversed = (flags & MCMP__STATE_REVERSED) != 0;
    n->data.flushwait = (mcmp_time)get(c, 8);
    n->data.ping = (mcmp_time)get(c, 8);
    n->data.ttl = (mcmp_time)get(c, 8);
    n->data.timeout = (mcmp_time)get(c, 8);
    n->status_age = (mcmp_time)get(c, 8);
    n->elected = get(c, 8);
    n->bytes_read = get(c, 8);
    n->bytes_sent = get(c, 8);
    n->data.owner[0] = get(c, 1);
    if (c->end - c->at >= 16) /* bytes of an address or digest, whatever the machine's order */
        memcpy(&n->data.owner[1], c->at, 16);
    (void)get(c, 8);
    (void)get(c, 8);
    n->data.route = get_text(c);
    n->data.host = get_text(c);
    n->data.domain = get_text(c);
    if (flags > MCMP__STATE_REVERSED)
        return "a flag is unknown";
    if (n->balancer >= state->count[MCMP__SECTION_BALANCERS])
        return "its balancer is not in the file";
    if (n->id <= (i > 0 ? n[-1].id : 0) || n->id > state->node_seq)
        return "its id is not in order";
    state->balancers[n->balancer].nodes++;
    return mcmp__form_node(n);
}

static const char *read_alias(mcmp__state *state, uint32_t i, cursor *c)
{
    mcmp__state_alias *a = &state->aliases[i];

    a->node = (uint32_t)get(c, 4);
    a->vhost = (uint32_t)get(c, 4);
    a->name = get_text(c);
    if (a->node >= state->count[MCMP__SECTION_NODES] || (i > 0 && a->node < a[-1].node))
        return "its node is not in the file, or not in order";
    return mcmp__form_alias(a);
}

static const char *read_context(mcmp__state *state, uint32_t i, cursor *c)
{
    mcmp__state_context *x = &state->contexts[i];
    mcmp_span path;

    x->alias = (uint32_t)get(c, 4);
    x->status = (uint8_t)get(c, 1);
    path = get_text(c);
    x->path = path.ptr;
    x->len = (uint16_t)path.len;
    if (x->alias >= state->count[MCMP__SECTION_ALIASES] ||
        (i > 0 && state->aliases[x->alias].node < state->aliases[x[-1].alias].node))
        return "its alias is not in the file, or not in order";
    return mcmp__form_context(x);
}

static const char *read_domain(mcmp__state *state, uint32_t i, cursor *c)
{
    mcmp__state_domain *d = &state->domains[i];

    d->age = (mcmp_time)get(c, 8);
    d->route = get_text(c);
    d->domain = get_text(c);
    return mcmp__form_domain(d);
}

typedef const char *(*read_record_fn)(mcmp__state *state, uint32_t i, cursor *c);

/* Every record of a section, which must end where the last one does. */
static int read_records(mcmp__state *state, enum mcmp__state_section section,
                        read_record_fn read_record, cursor *c, mcmp_error *err)
{
    const uint8_t *start = c->at;

    for (uint32_t i = 0; i < state->count[section]; i++) {
        const char *wrong = read_record(state, i, c);

        if (c->over)
            wrong = "it is longer than the section";
        if (wrong != NULL) {
            int rc = mcmp__state_bad(err, section, i, wrong);

            mcmp__error_at(err, state->offset[section] + (uint64_t)(c->at - start));
            return rc;
        }
    }
    if (c->at != c->end)
        return bad(err, mcmp__section_kinds[section].name,
                   state->offset[section] + (uint64_t)(c->at - start),
                   "something follows the last record");
    return MCMP_OK;
}

/* An array for the records; nothing for none. 0, or -1: no memory */
static int take_array(mcmp__state *state, uint32_t count, size_t size, void *out)
{
    void *array = NULL;

    if (count != 0 && (array = mcmp__calloc(&state->allocator, count, size)) == NULL)
        return -1;
    memcpy(out, &array, sizeof(array)); /* out is the address of a pointer of any type */
    return 0;
}

static int take_arrays(mcmp__state *state, mcmp_error *err)
{
    const uint32_t *count = state->count;

    if (take_array(state, count[MCMP__SECTION_BALANCERS], sizeof(*state->balancers),
                   &state->balancers) != 0 ||
        take_array(state, count[MCMP__SECTION_NODES], sizeof(*state->nodes), &state->nodes) != 0 ||
        take_array(state, count[MCMP__SECTION_ALIASES], sizeof(*state->aliases), &state->aliases) !=
            0 ||
        take_array(state, count[MCMP__SECTION_CONTEXTS], sizeof(*state->contexts),
                   &state->contexts) != 0 ||
        take_array(state, count[MCMP__SECTION_DOMAINS], sizeof(*state->domains), &state->domains) !=
            0)
        return mcmp__fail(err, MCMP_ERR_NOMEM, "file", "no memory for the records of the file");
    return MCMP_OK;
}

static int check_whole(const mcmp__state *state, mcmp_error *err)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_BALANCERS]; i++)
        if (state->balancers[i].nodes == 0)
            return mcmp__state_bad(err, MCMP__SECTION_BALANCERS, i, "it has no node");
    return MCMP_OK;
}

int mcmp__state_read(mcmp__state *state, const mcmp_allocator *allocator, const uint8_t *data,
                     size_t len, mcmp_error *err)
{
    static const read_record_fn readers[MCMP__SECTIONS] = {
        [MCMP__SECTION_CLUSTER] = read_cluster,  [MCMP__SECTION_BALANCERS] = read_balancer,
        [MCMP__SECTION_NODES] = read_node,       [MCMP__SECTION_ALIASES] = read_alias,
        [MCMP__SECTION_CONTEXTS] = read_context, [MCMP__SECTION_DOMAINS] = read_domain,
    };
    cursor cursors[MCMP__SECTIONS];
    uint64_t heads = 0;
    int rc;

    memset(state, 0, sizeof(*state));
    state->allocator = *allocator;
    rc = read_header(data, len, &heads, err);
    if (rc == MCMP_OK)
        rc = read_sections(state, data, len, heads, cursors, err);
    if (rc == MCMP_OK && state->count[MCMP__SECTION_CLUSTER] != 1)
        rc = bad(err, "cluster", state->offset[0], "there is not just one record");
    if (rc == MCMP_OK)
        rc = take_arrays(state, err);
    for (uint32_t s = 0; s < MCMP__SECTIONS && rc == MCMP_OK; s++)
        rc = read_records(state, (enum mcmp__state_section)s, readers[s], &cursors[s], err);
    if (rc == MCMP_OK)
        rc = check_whole(state, err);
    if (rc != MCMP_OK)
        mcmp__state_clear(state);
    return rc;
}

void mcmp__state_clear(mcmp__state *state)
{
    const mcmp_allocator *a = &state->allocator;
    const uint32_t *count = state->count;

    mcmp__free(a, state->balancers, count[MCMP__SECTION_BALANCERS] * sizeof(*state->balancers));
    mcmp__free(a, state->nodes, count[MCMP__SECTION_NODES] * sizeof(*state->nodes));
    mcmp__free(a, state->aliases, count[MCMP__SECTION_ALIASES] * sizeof(*state->aliases));
    mcmp__free(a, state->contexts, count[MCMP__SECTION_CONTEXTS] * sizeof(*state->contexts));
    mcmp__free(a, state->domains, count[MCMP__SECTION_DOMAINS] * sizeof(*state->domains));
    state->balancers = NULL;
    state->nodes = NULL;
    state->aliases = NULL;
    state->contexts = NULL;
    state->domains = NULL;
}
