/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random damage to a named segment, from a seed: readers that are attached survive everything, and
 * who attaches for writing is refused or can work. After each round the bytes are put back.
 * Rounds are multiplied by MCMP_DAMAGE in the environment.
 */
#include "segments.h"

#include "model/region.h"
#include "model/rows.h"

#include <libmcmp/view.h>

typedef struct damage {
    segment s;
    bytes b;
    uint64_t *whole; /* as it was */
    uint32_t *used;  /* words that are not zero */
    size_t used_count;
    uint64_t random;
    char story[512]; /* of the round, for the report */
} damage;

/* few: where each allocation fails alone */
static long rounds(long n, long few)
{
    const char *factor = getenv("MCMP_DAMAGE");

#ifdef __SANITIZE_THREAD__ /* slow, and there are no threads here */
    n /= 10;
#endif
    n = as_often(n, few);

    return factor != NULL ? n * strtol(factor, NULL, 10) : n;
}

static void damage_begin(damage *d, const char *name, uint32_t flags, uint64_t seed)
{
    mcmp_cluster_options opts;
    farm f;

    memset(d, 0, sizeof(*d));
    d->s = segment_name(name);
    d->random = seed;
    segment_options(&opts, &d->s, MCMP_ATTACH_CREATE);
    opts.flags = flags;
    farm_open(&f, &opts);
    farm_script(&f, segment_farm);
    for (int i = 0; i < 7; i++) { /* a group with chunks: more members than stand in its row */
        farm_sayf(&f, "CONFIG JVMRoute=g%d&Host=g%d&Port=80&Domain=d1", i, i);
        farm_sayf(&f, "ENABLE-APP JVMRoute=g%d&Alias=localhost&Context=/x", i);
        farm_sayf(&f, "STATUS JVMRoute=g%d&Load=%d", i, i * 15);
    }
    farm_script(&f, ON("g1", "/y")); /* the log names what the copies differ in */
    farm_close(&f);
    d->b = segment_map(&d->s);
    d->whole = malloc(d->b.size);
    d->used = malloc(d->b.size);
    ck_assert(d->whole != NULL && d->used != NULL);
    memcpy(d->whole, d->b.words, d->b.size);
    for (size_t i = 0; i < d->b.size / 8; i++)
        if (d->whole[i] != 0)
            d->used[d->used_count++] = (uint32_t)i;
}

static void damage_end(damage *d)
{
    free(d->whole);
    free(d->used);
    segment_unmap(&d->b);
    ck_assert_int_eq(mcmp_segment_unlink(d->s.name, 0, NULL), MCMP_OK);
}

static uint64_t random64(damage *d)
{
    return (uint64_t)test_random(&d->random) << 32 | test_random(&d->random);
}

/* What a word may become: a bit flipped, anything, a small number, another word, all ones. */
static uint64_t other_value(damage *d, uint64_t old)
{
    switch (test_random(&d->random) % 7) {
    case 0:
        return random64(d);
    case 1:
        return test_random(&d->random) % 70;
    case 2:
        return d->whole[d->used[test_random(&d->random) % d->used_count]];
    case 3:
        return UINT64_MAX >> test_random(&d->random) % 64;
    case 4:
        return old ^ (uint64_t)(1 + test_random(&d->random) % 31) << 32;
    case 5:
        return old + 1 - 2 * (test_random(&d->random) % 2);
    default:
        return old ^ UINT64_C(1) << test_random(&d->random) % 64;
    }
}

static int is_of_lock(size_t word)
{
    return word >= MCMP__R_LOCK && word < MCMP__R_LOCK + MCMP__LOCK_SIZE / 8;
}

/* One word mostly, now and then many. keep_lock: others hold it, it is not ours to judge. */
static void harm(damage *d, int keep_lock)
{
    uint32_t count = test_random(&d->random) % 8 == 0 ? 1 + test_random(&d->random) % 40 : 1;
    size_t len = 0;

    for (uint32_t i = 0; i < count; i++) {
        size_t word = d->used[test_random(&d->random) % d->used_count];
        uint64_t old;

        if (test_random(&d->random) % 8 == 0)
            word = (size_t)(random64(d) % (d->b.size / 8));
        if (keep_lock && is_of_lock(word))
            continue;
        old = d->b.words[word];
        d->b.words[word] = other_value(d, old);
        if (len < sizeof(d->story) - 64)
            len += (size_t)snprintf(d->story + len, 64, "%zu:%llx>%llx ", word,
                                    (unsigned long long)old, (unsigned long long)d->b.words[word]);
    }
}

static void heal(damage *d)
{
    memcpy(d->b.words, d->whole, d->b.size);
}

static int drop(void *ctx, const void *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return 0;
}

/* Everything a reader can ask. Results do not matter: it comes back, and within its memory. */
static void read_all(mcmp_cluster *cluster, mcmp_response *response, damage *d)
{
    static const char *const paths[] = { "/x", "/", "/x/y/z", "/shop/1;jsessionid=q.a", "/z" };
    static const char *const commands[] = { "INFO", "DUMP", "VERSION", "GET" };
    mcmp_peer peer;
    mcmp_view *view;
    char text[8192];
    size_t len;

    mcmp_peer_init(&peer);
    peer.has_address = 1;
    peer.address[15] = 1;
    if (mcmp_view_new(&view, cluster, START_TIME, NULL) == MCMP_OK) {
        for (uint32_t form = MCMP_RENDER_INFO_TEXT; form <= MCMP_RENDER_METRICS; form++)
            (void)mcmp_view_render(view, form, drop, NULL, NULL);
        mcmp_view_free(view);
    }
    (void)mcmp_cluster_encode(cluster, START_TIME, drop, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        mcmp_selection selection;
        mcmp_query query;

        mcmp_query_init(&query);
        mcmp_selection_init(&selection);
        query.path = span_of(paths[i]);
        query.host = span_of(i % 2 == 0 ? "w.example" : "y.example:80");
        query.now = START_TIME;
        query.flags = MCMP_QUERY_DRY_RUN;
        (void)mcmp_select_node(cluster, &query, &selection, NULL);
        query.flags = 0;
        (void)mcmp_explain(cluster, &query, text, sizeof(text), &len, NULL);
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        mcmp_request request;

        mcmp_request_init(&request);
        request.method = span_of(commands[i]);
        request.command = mcmp_command_of_method(request.method);
        request.target = span_of(i == 3 ? "/metrics" : "/");
        request.now = START_TIME;
        request.peer = &peer;
        (void)mcmp_apply(cluster, &request, response, NULL);
    }
    for (int i = 0; i < 8; i++)
        (void)mcmp_node_is_current(cluster, random64(d) % 40 | UINT64_C(1) << 32);
    (void)mcmp_cluster_id(cluster);
}

static void say_what(const damage *d, long round)
{
    (void)fprintf(stderr, "round %ld: %s\n", round, d->story);
}

static void read_rounds(uint32_t flags, uint64_t seed, long n)
{
    mcmp_cluster_options opts;
    mcmp_response *response;
    mcmp_cluster *cluster;
    long refused = 0;
    damage d;

    damage_begin(&d, "reader", flags, seed);
    segment_adopt(&opts, &d.s, MCMP_ATTACH_READ);
    cluster = segment_open(&opts);
    ck_assert_int_eq(mcmp_response_new(&response, NULL, NULL), MCMP_OK);
    for (long i = 0; i < n; i++) {
        harm(&d, 0);
        end_after(20);
        if (getenv("MCMP_DAMAGE_TELL") != NULL)
            say_what(&d, i);
        read_all(cluster, response, &d);
        refused += mcmp_cluster_check(cluster, NULL, NULL) == MCMP_ERR_DAMAGED;
        heal(&d);
    }
    end_after(0);
    ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
    ck_assert_int_gt(refused, n / 8); /* the damage was real */
    mcmp_response_free(response);
    mcmp_cluster_close(cluster);
    damage_end(&d);
}

START_TEST(a_reader_survives_any_damage)
{
    read_rounds(0, 1, rounds(3000, 12));
}
END_TEST

START_TEST(a_reader_survives_any_damage_with_aliases)
{
    read_rounds(MCMP_CLUSTER_USE_ALIAS, 2, rounds(3000, 12));
}
END_TEST

/* Rows of one hash that lead to themselves, and none is the one that is looked for: of both copies
 * and every table with an index. Each step alone is bounded. */
START_TEST(a_reader_leaves_a_circle_of_one_hash)
{
    mcmp_cluster_options opts;
    mcmp_response *response;
    mcmp_cluster *cluster;
    damage d;

    damage_begin(&d, "circle", MCMP_CLUSTER_USE_ALIAS, 6);
    segment_adopt(&opts, &d.s, MCMP_ATTACH_READ);
    cluster = segment_open(&opts);
    ck_assert_int_eq(mcmp_response_new(&response, NULL, NULL), MCMP_OK);
    for (uint32_t i = 0; i < MCMP__INDEXES; i += (uint32_t)as_often(1, 4)) {
        const mcmp__layout *layout = &cluster->layout;
        const mcmp__index *ix = &layout->index[i];
        const mcmp__table *table = &layout->table[ix->table];

        for (int copy = 0; copy < 2; copy++) {
            for (uint32_t row = 1; row <= table->cap; row++) {
                uint64_t *words =
                    d.b.words + layout->copy_base[copy] + table->base + row * table->words;

                words[ix->link] = (words[ix->link] & ~UINT64_C(0xffffffff)) | row;
                for (uint32_t w = 0; w < table->words; w++)
                    if (w != ix->link && w >= 2)
                        words[w] ^= 1;
            }
        }
        end_after(20);
        read_all(cluster, response, &d);
        (void)mcmp_cluster_check(cluster, NULL, NULL);
        end_after(0);
        heal(&d);
    }
    mcmp_response_free(response);
    mcmp_cluster_close(cluster);
    damage_end(&d);
}
END_TEST

/* The row's successor in a list is the row itself, in both copies; state: a word that says why such
 * a row is not saved. */
static void lead_to_itself(damage *d, const mcmp__layout *layout, uint32_t table, uint32_t list,
                           uint32_t state, uint64_t value)
{
    const mcmp__table *rows = &layout->table[table];

    for (int copy = 0; copy < 2; copy++) {
        for (uint32_t row = 1; row <= rows->cap; row++) {
            uint64_t *words = d->b.words + layout->copy_base[copy] + rows->base + row * rows->words;

            words[list] = (words[list] & ~UINT64_C(0xffffffff)) | row;
            words[state] = (words[state] & ~UINT64_C(0xffffffff)) | value;
        }
    }
}

START_TEST(saving_leaves_a_circle_of_what_is_not_saved)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_error err;
    damage d;

    damage_begin(&d, "saving", 0, 7);
    segment_adopt(&opts, &d.s, MCMP_ATTACH_READ);
    cluster = segment_open(&opts);
    mcmp_error_init(&err);
    end_after(20);
    lead_to_itself(&d, &cluster->layout, MCMP__T_NODE, MCMP__N_LIST, MCMP__N_GEN, MCMP__N_LEAVING);
    ck_assert_int_eq(mcmp_cluster_encode(cluster, START_TIME, drop, NULL, &err), MCMP_ERR_DAMAGED);
    heal(&d);
    lead_to_itself(&d, &cluster->layout, MCMP__T_BALANCER, MCMP__B_LIST, MCMP__B_NODES, 0);
    ck_assert_int_eq(mcmp_cluster_encode(cluster, START_TIME, drop, NULL, &err), MCMP_ERR_DAMAGED);
    heal(&d);
    end_after(0);
    ck_assert_int_eq(mcmp_cluster_encode(cluster, START_TIME, drop, NULL, &err), MCMP_OK);
    mcmp_cluster_close(cluster);
    damage_end(&d);
}
END_TEST

/* Of a process that selects, counts and gives back, which are readers of the tables too. */
START_TEST(a_process_that_selects_survives_any_damage)
{
    mcmp_cluster_options opts;
    mcmp_response *response;
    mcmp_cluster *cluster;
    long n = rounds(3000, 12);
    damage d;

    damage_begin(&d, "selects", 0, 3);
    segment_adopt(&opts, &d.s, MCMP_ATTACH_EXISTING);
    cluster = segment_open(&opts);
    memcpy(d.whole, d.b.words, d.b.size); /* with its slot */
    ck_assert_int_eq(mcmp_response_new(&response, NULL, NULL), MCMP_OK);
    for (long i = 0; i < n; i++) {
        mcmp_selection selection;
        mcmp_outcome outcome;
        mcmp_query query;

        harm(&d, 1);
        end_after(20);
        if (getenv("MCMP_DAMAGE_TELL") != NULL)
            say_what(&d, i);
        mcmp_query_init(&query);
        mcmp_selection_init(&selection);
        mcmp_outcome_init(&outcome);
        query.path = span_of("/x");
        query.now = START_TIME;
        outcome.now = START_TIME;
        outcome.result = i % 3 == 0 ? MCMP_OUTCOME_CONNECT : MCMP_OUTCOME_OK;
        if (mcmp_select_node(cluster, &query, &selection, NULL) == MCMP_OK)
            (void)mcmp_selection_release(cluster, &selection, &outcome);
        read_all(cluster, response, &d);
        (void)mcmp_cluster_check(cluster, NULL, NULL);
        heal(&d);
    }
    end_after(0);
    ck_assert_int_eq(mcmp_cluster_check(cluster, NULL, NULL), MCMP_OK);
    mcmp_response_free(response);
    mcmp_cluster_close(cluster);
    damage_end(&d);
}
END_TEST

/* Damage, then somebody attaches for writing: he is refused, or all he can do works and leaves a
 * state that is whole. */
static void work(mcmp_cluster *cluster)
{
    static const char *const script[] = {
        "CONFIG JVMRoute=new&Host=new&Domain=d9",
        "ENABLE-APP JVMRoute=new&Alias=localhost,w.example&Context=/x,/new",
        "ENABLE-APP JVMRoute=a&Alias=localhost&Context=/more",
        "CONFIG JVMRoute=b&Host=b&Port=8009&Domain=d7&Balancer=one",
        "DISABLE-APP JVMRoute=c&Alias=localhost&Context=/x",
        "REMOVE-APP JVMRoute=a&Alias=localhost&Context=/x",
        "REMOVE-APP * JVMRoute=b",
        "STATUS JVMRoute=d&Load=7",
        "REMOVE-APP * JVMRoute=c",
        "CONFIG JVMRoute=c&Host=c&Port=8009&Balancer=three",
        "ENABLE-APP JVMRoute=c&Alias=w.example&Context=/x",
        "REMOVE-APP * JVMRoute=g0",
        "REMOVE-APP * JVMRoute=g1",
        "REMOVE-APP * JVMRoute=g2",
        "REMOVE-APP * JVMRoute=a",
        "REMOVE-APP * JVMRoute=d",
        "REMOVE-APP * JVMRoute=e",
    };
    farm f;

    memset(&f, 0, sizeof(f));
    f.cluster = cluster;
    f.now = START_TIME + MCMP_SEC;
    mcmp_peer_init(&f.peer);
    f.peer.has_address = 1;
    f.peer.address[15] = 1;
    ck_assert_int_eq(mcmp_response_new(&f.response, NULL, NULL), MCMP_OK);
    for (size_t i = 0; i < COUNT_OF(script); i++) {
        const char *blank = strchr(script[i], ' ');
        const char *target = "/";
        const char *body = blank + 1;

        if (body[0] == '*') {
            target = "/*";
            body += 2;
        }
        (void)farm_apply(&f, (mcmp_span){ script[i], (size_t)(blank - script[i]) }, span_of(target),
                         span_of(body), 1);
        f.now += 3 * MCMP_SEC;
    }
    mcmp_response_free(f.response);
}

static void attach_rounds(uint32_t flags, uint64_t seed, long n)
{
    mcmp_cluster_options opts;
    long taken = 0;
    damage d;

    damage_begin(&d, "writer", flags, seed);
    segment_adopt(&opts, &d.s, MCMP_ATTACH_EXISTING);
    for (long i = 0; i < n; i++) {
        mcmp_cluster *cluster = NULL;
        mcmp_error err;

        harm(&d, 0);
        end_after(20);
        if (getenv("MCMP_DAMAGE_TELL") != NULL)
            say_what(&d, i);
        mcmp_error_init(&err);
        if (mcmp_cluster_open(&cluster, &opts, &err) == MCMP_OK) {
            taken++;
            work(cluster);
            ck_assert_msg(mcmp_cluster_check(cluster, NULL, &err) == MCMP_OK,
                          "round %ld: %s: damage %s", i, err.message, d.story);
            mcmp_cluster_close(cluster);
        } else {
            ck_assert_msg(err.code != 0 && err.field[0] != '\0' && err.message[0] != '\0',
                          "round %ld: refused without a reason: %s", i, d.story);
        }
        heal(&d);
    }
    end_after(0);
    ck_assert_int_gt(taken, n / 20); /* words that mean little */
    ck_assert_int_lt(taken, n - n / 8);
    damage_end(&d);
}

START_TEST(a_damaged_segment_is_refused_or_works)
{
    attach_rounds(0, 4, rounds(3000, 60));
}
END_TEST

START_TEST(a_damaged_segment_is_refused_or_works_with_aliases)
{
    attach_rounds(MCMP_CLUSTER_USE_ALIAS, 5, rounds(3000, 60));
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        a_reader_survives_any_damage,
        a_reader_survives_any_damage_with_aliases,
        a_reader_leaves_a_circle_of_one_hash,
        saving_leaves_a_circle_of_what_is_not_saved,
        a_process_that_selects_survives_any_damage,
        a_damaged_segment_is_refused_or_works,
        a_damaged_segment_is_refused_or_works_with_aliases,
    };

    return run_tests("model segment damage", tests, COUNT_OF(tests));
}
