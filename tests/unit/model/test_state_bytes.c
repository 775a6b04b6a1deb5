/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are no saved state, or not any more: flipped, cut, longer, of another version, and
 * such that somebody made with fitting checksums. All of them are refused by name, or load into a
 * cluster that is sound.
 */
#include "saved.h"

static saved image, changed;
static mcmp_error err;

static void save(station *s, int more_nodes)
{
    mcmp_cluster_options opts;
    char body[200];

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&opts);
    station_open(s, &opts);
    saved_fill(s);
    for (int i = 0; i < more_nodes; i++) {
        (void)snprintf(body, sizeof(body),
                       "JVMRoute=node-%d&Host=10.1.0.%d&Port=8080&Type=http&Balancer=b%d"
                       "&Alias=www%d.example.com,localhost&Context=/app%d,/shop/%d,/",
                       i, i + 1, i % 3, i % 5, i % 4, i);
        row_code(body, say(s, "CONFIG /", body), MCMP_OK);
    }
    saved_encode(&image, s->cluster, s->now);
    changed = image;
}

/* A new cluster for each, of which nothing is touched unless the bytes are good. */
static int try_load(const saved *bytes, int *out_sound)
{
    mcmp_cluster_options opts;
    station s;
    int rc;

    saved_small(&opts);
    opts.random_seed = 7;
    station_open(&s, &opts);
    mcmp_error_init(&err);
    rc = saved_decode(bytes, s.cluster, s.now, NULL, &err);
    *out_sound = mcmp_cluster_check(s.cluster, NULL, NULL) == MCMP_OK &&
                 (rc == MCMP_OK || mcmp__version(s.cluster) == 0);
    if (rc == MCMP_OK) {
        mcmp_span info = info_text(&s);

        for (size_t i = 0; i < info.len; i++)
            *out_sound &= info.ptr[i] == '\n' || (info.ptr[i] >= 0x20 && info.ptr[i] <= 0x7e);
    }
    station_close(&s);
    return rc;
}

/* The part of the file that a byte is in. */
static const char *part_of(size_t at)
{
    for (uint32_t s = MCMP__SECTIONS; s-- > 0;)
        if (at >= saved_section(&image, s))
            return mcmp__section_kinds[s].name;
    return "header";
}

START_TEST(each_flipped_bit_is_refused_by_the_name_of_its_section)
{
    station s;
    mcmp_cluster *cluster;

    save(&s, 25);
    ck_assert_uint_gt(image.len, 4000);
    ck_assert_int_eq(mcmp_cluster_open(&cluster, NULL, NULL), MCMP_OK);
    for (size_t bit = 0; bit < 8 * image.len; bit += (size_t)as_often(1, 401)) {
        int rc;

        changed.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        mcmp_error_init(&err);
        rc = mcmp_cluster_decode(cluster, changed.data, changed.len, NULL, NULL, &err);
        ck_assert_msg(rc == MCMP_ERR_FILE, "bit %zu: %s", bit, mcmp_error_name(rc));
        ck_assert_msg(strcmp(err.field, part_of(bit / 8)) == 0, "bit %zu of %s: %s", bit,
                      part_of(bit / 8), err.message);
        changed.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ck_assert_int_eq(mcmp_cluster_decode(cluster, changed.data, changed.len, NULL, NULL, &err),
                     MCMP_OK);
    mcmp_cluster_close(cluster);
    station_close(&s);
}
END_TEST

START_TEST(each_length_but_the_right_one_is_refused)
{
    station s;
    int sound;

    save(&s, 0);
    for (size_t len = 0; len < image.len; len += (size_t)as_often(1, 23)) {
        changed.len = len;
        ck_assert_int_eq(try_load(&changed, &sound), MCMP_ERR_FILE);
        ck_assert_msg(sound && strcmp(err.field, len < MCMP__STATE_HEADER ? "header" : "file") == 0,
                      "%zu bytes: %s", len, err.message);
    }
    changed.len = image.len + 1;
    ck_assert_int_eq(try_load(&changed, &sound), MCMP_ERR_FILE);
    ck_assert_str_eq(err.field, "file");
    ck_assert_uint_eq(err.offset, image.len);
    station_close(&s);
}
END_TEST

START_TEST(other_files_are_told_apart)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t len;
    } rows[] = {
        { "nothing", "", 0 },
        { "text", "[server]\nworkers = 2\n# a configuration file is no saved state\n", 62 },
        { "zeros",
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
          41 },
        { "after a change of line ends", "\x89mcmp\n\n\x1a", 8 },
    };
    int sound;

    mcmp_error_init(&err);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memcpy(changed.data, rows[i].bytes, rows[i].len);
        changed.len = rows[i].len;
        row_code(rows[i].name, try_load(&changed, &sound), MCMP_ERR_FILE);
        ck_assert_str_eq(err.field, "header");
        ck_assert(strstr(err.message, "no saved state") != NULL);
        row_true(rows[i].name, sound);
    }
}
END_TEST

START_TEST(newer_version_is_told_apart_from_damage)
{
    station s;
    int sound;

    save(&s, 0);
    changed.data[8] = 2;
    saved_seal(&changed);
    row_code("version 2", try_load(&changed, &sound), MCMP_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.field, "version");
    ck_assert(sound);
    station_close(&s);
}
END_TEST

/* Changes of equal length inside a section, with checksums that fit. */
typedef struct forgery {
    const char *name;
    uint32_t section;
    const char *find;
    const char *put;
    size_t len;
    const char *message;
} forgery;

#define FORGERY(name, SECTION, find, put, message)                         \
    {                                                                      \
        name, MCMP__SECTION_##SECTION, find, put, sizeof(put) - 1, message \
    }

static const forgery forgeries[] = {
    FORGERY("balancer in capitals", BALANCERS, "zeta", "Zeta", "record 0: its name is none"),
    FORGERY("balancer with a bracket", BALANCERS, "zeta", "ze[a", "record 0: its name is none"),
    FORGERY("cookie with a blank", BALANCERS, "SID", "S D", "cookie or path parameter"),
    FORGERY("route twice", NODES, "n2", "n1", "record 1: its route occurs twice"),
    FORGERY("route with a comma", NODES, "n2", "n,", "its route is none"),
    FORGERY("route with a line end", NODES, "n2", "n\n", "its route is none"),
    FORGERY("domain with markup", NODES, "east", "<st>", "its domain is none"),
    FORGERY("all addresses", NODES, "10.0.0.1", "0.0.0.00", "its host is none"),
    FORGERY("all IPv6 addresses", NODES, "[2001:db8::2]", "[0000:0:0::0]", "its host is none"),
    FORGERY("host with a zone", NODES, "[2001:db8::2]", "[2001:db8%:2]", "its host is none"),
    FORGERY("host with a path", NODES, "backend.example", "backend/example", "its host is none"),
    FORGERY("alias in capitals", ALIASES, "four", "Four", "its name is none"),
    FORGERY("alias twice", ALIASES, "two", "one", "it occurs twice at its node"),
    FORGERY("context with a quote", CONTEXTS, "/d/e/f", "/d/\"/f", "its path is none"),
    FORGERY("context with a slash at its end", CONTEXTS, "/d/e/f", "/d/e//", "its path is none"),
    FORGERY("context twice", CONTEXTS, "/b", "/a", "it occurs twice at its alias"),
    FORGERY("domain of a live node", DOMAINS, "old", "n\0\0", "its route is none"),
    FORGERY("no domain", DOMAINS, "west", "we,t", "its domain is none"),
};

START_TEST(forged_names_are_refused_by_record)
{
    station s;
    int sound;

    save(&s, 0);
    for (size_t i = 0; i < COUNT_OF(forgeries); i++) {
        const forgery *f = &forgeries[i];
        size_t start = saved_section(&image, f->section);
        uint8_t *at = memmem(image.data + start, image.len - start, f->find, f->len);

        row_true(f->name, at != NULL);
        changed = image;
        memcpy(changed.data + (at - image.data), f->put, f->len);
        saved_seal(&changed);
        row_code(f->name, try_load(&changed, &sound), MCMP_ERR_FILE);
        ck_assert_msg(strstr(err.message, f->message) != NULL &&
                          strcmp(err.field, mcmp__section_kinds[f->section].name) == 0,
                      "row '%s': %s: %s", f->name, err.field, err.message);
        row_true(f->name, sound);
    }
    station_close(&s);
}
END_TEST

/* Numbers of records, little endian, at an offset of a section's payload. */
typedef struct number {
    const char *name;
    uint32_t section;
    size_t at;
    unsigned bytes;
    uint64_t value;
    const char *message;
} number;

#define NUMBER(name, SECTION, at, bytes, value, message)         \
    {                                                            \
        name, MCMP__SECTION_##SECTION, at, bytes, value, message \
    }

static const number numbers[] = {
    NUMBER("id 0", CLUSTER, 0, 8, 0, "an id is out of range"),
    NUMBER("id over 31 bits", CLUSTER, 0, 8, 0x80000000, "an id is out of range"),
    NUMBER("last node id is lower", CLUSTER, 8, 8, 1, "its id is not in order"),
    NUMBER("long product", CLUSTER, 16, 2, 0xffff, "longer than the section"),
    NUMBER("unknown flag of a balancer", BALANCERS, 0, 1, 8, "a flag is unknown"),
    NUMBER("attempts", BALANCERS, 1, 4, 0x80000000, "attempts is out of range"),
    NUMBER("wait", BALANCERS, 5, 8, ~UINT64_C(0), "time to wait is none"),
    NUMBER("node id 0", NODES, 0, 8, 0, "its id is not in order"),
    NUMBER("balancer of no record", NODES, 8, 4, 2, "its balancer is not in the file"),
    NUMBER("port 0", NODES, 12, 2, 0, "its port is none"),
    NUMBER("scheme", NODES, 14, 1, 5, "a kind is unknown"),
    NUMBER("flush", NODES, 15, 1, 3, "a kind is unknown"),
    NUMBER("unknown flag of a node", NODES, 20, 1, 2, "a flag is unknown"),
    NUMBER("load 101", NODES, 21, 1, 101, "its load is out of range"),
    NUMBER("load -2", NODES, 21, 1, 0xfe, "its load is out of range"),
    NUMBER("negative time", NODES, 30, 8, ~UINT64_C(0), "a time is out of range"),
    NUMBER("long time", NODES, 30, 8, (UINT64_C(1) << 60) + 1, "a time is out of range"),
    NUMBER("age", NODES, 54, 8, ~UINT64_C(1), "the age of its STATUS is none"),
    NUMBER("kind of owner", NODES, 86, 1, 3, "a kind is unknown"),
    NUMBER("node of no record", ALIASES, 0, 4, 3, "its node is not in the file"),
    NUMBER("nodes not in order", ALIASES, 0, 4, 1, "aliases: record 1: its node"),
    NUMBER("virtual host 0", ALIASES, 4, 4, 0, "its number is out of range"),
    NUMBER("alias of no record", CONTEXTS, 0, 4, 4, "its alias is not in the file"),
    NUMBER("contexts not in order", CONTEXTS, 0, 4, 3, "contexts: record 1: its alias"),
    NUMBER("status 0", CONTEXTS, 4, 1, 0, "its status is unknown"),
    NUMBER("status 4", CONTEXTS, 4, 1, 4, "its status is unknown"),
    NUMBER("negative age", DOMAINS, 0, 8, ~UINT64_C(0), "its age is none"),
};

START_TEST(forged_numbers_are_refused_by_record)
{
    station s;
    int sound;

    save(&s, 0);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const number *n = &numbers[i];
        size_t at = saved_section(&image, n->section) + MCMP__STATE_SECTION + n->at;

        changed = image;
        memcpy(changed.data + at, &n->value, n->bytes);
        saved_seal(&changed);
        row_code(n->name, try_load(&changed, &sound), MCMP_ERR_FILE);
        ck_assert_msg(strstr(err.message, n->message) != NULL, "row '%s': %s", n->name,
                      err.message);
        row_true(n->name, sound);
    }
    station_close(&s);
}
END_TEST

/* What occurs once is made to occur twice: names of equal length. */
static const forgery repeats[] = {
    FORGERY("balancer", BALANCERS, "b2", "b1", "record 1: its name occurs twice"),
    FORGERY("route", NODES, "r2", "r1", "record 1: its route occurs twice"),
    FORGERY("endpoint", NODES, "h2", "h1", "record 1: its endpoint occurs twice"),
    FORGERY("endpoint in another case", NODES, "h2", "H1", "record 1: its endpoint occurs twice"),
    FORGERY("alias", ALIASES, "a2", "a1", "record 1: it occurs twice at its node"),
    FORGERY("context", CONTEXTS, "/2", "/1", "record 1: it occurs twice at its alias"),
    FORGERY("domain", DOMAINS, "r4", "r3", "record 1: its route occurs twice"),
    FORGERY("domain of a live node", DOMAINS, "r4", "r2", "record 1: its route occurs twice"),
};

START_TEST(forged_repeats_are_refused_by_record)
{
    static const char *const messages[][2] = {
        { "CONFIG /", "JVMRoute=r3&Host=h3&Port=7&Balancer=b3&Domain=d" },
        { "CONFIG /", "JVMRoute=r4&Host=h4&Port=7&Balancer=b3&Domain=d" },
        { "REMOVE-APP /*", "JVMRoute=r3" },
        { "REMOVE-APP /*", "JVMRoute=r4" },
        { "CONFIG /", "JVMRoute=r1&Host=h1&Port=7&Balancer=b1&Alias=a1,a2&Context=/1,/2" },
        { "CONFIG /", "JVMRoute=r2&Host=h2&Port=7&Balancer=b2" },
    };
    station s;
    int sound;

    mcmp_error_init(&err);
    station_open(&s, NULL);
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        row_code(messages[i][1], say(&s, messages[i][0], messages[i][1]), MCMP_OK);
    saved_encode(&image, s.cluster, s.now);
    for (size_t i = 0; i < COUNT_OF(repeats); i++) {
        const forgery *f = &repeats[i];
        size_t start = saved_section(&image, f->section) + MCMP__STATE_SECTION;
        uint8_t *at = memmem(image.data + start, image.len - start, f->find, f->len);

        row_true(f->name, at != NULL);
        changed = image;
        memcpy(changed.data + (at - image.data), f->put, f->len);
        saved_seal(&changed);
        row_code(f->name, try_load(&changed, &sound), MCMP_ERR_FILE);
        ck_assert_msg(strstr(err.message, f->message) != NULL, "row '%s': %s", f->name,
                      err.message);
        row_true(f->name, sound);
    }
    station_close(&s);
}
END_TEST

START_TEST(forged_counts_and_orders_of_sections_are_refused)
{
    station s;
    size_t first, second;
    uint64_t value = 3;
    uint8_t head[8];
    int sound;

    save(&s, 0);
    first = saved_section(&image, MCMP__SECTION_CLUSTER);
    memcpy(changed.data + first + 4, &value, 4);
    saved_seal(&changed);
    row_code("three clusters", try_load(&changed, &sound), MCMP_ERR_FILE);
    ck_assert(strstr(err.message, "too short for its records") != NULL);
    changed = image;
    second = saved_section(&image, MCMP__SECTION_CONTEXTS);
    value = 0xffffffff;
    memcpy(changed.data + second + 4, &value, 4);
    saved_seal(&changed);
    row_code("too many records", try_load(&changed, &sound), MCMP_ERR_FILE);
    changed = image;
    value = 4;
    memcpy(changed.data + second + 4, &value, 4);
    saved_seal(&changed);
    row_code("a record too few", try_load(&changed, &sound), MCMP_ERR_FILE);
    ck_assert(strstr(err.message, "follows the last record") != NULL);
    changed = image;
    memcpy(head, changed.data + second, 4);
    memcpy(changed.data + second, "DOMA", 4);
    saved_seal(&changed);
    row_code("another section", try_load(&changed, &sound), MCMP_ERR_FILE);
    ck_assert(strstr(err.message, "another section stands in its place") != NULL);
    changed = image;
    changed.data[12] = 5;
    saved_seal(&changed);
    row_code("five sections", try_load(&changed, &sound), MCMP_ERR_FILE);
    ck_assert_str_eq(err.field, "header");
    station_close(&s);
}
END_TEST

START_TEST(sections_of_two_files_do_not_make_one)
{
    station s;
    size_t at;
    int sound;

    save(&s, 0);
    row_code("other load", say(&s, "STATUS /", "JVMRoute=n1&Load=41"), MCMP_OK);
    saved_encode(&changed, s.cluster, s.now);
    ck_assert_uint_eq(changed.len, image.len);
    at = saved_section(&image, MCMP__SECTION_NODES);
    memcpy(changed.data + at, image.data + at, image.len - at);
    row_code("mixed", try_load(&changed, &sound), MCMP_ERR_FILE);
    ck_assert_str_eq(err.field, "header");
    ck_assert(strstr(err.message, "those of another file") != NULL);
    station_close(&s);
}
END_TEST

START_TEST(any_byte_forged_is_refused_or_loads_into_a_sound_cluster)
{
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, '\n', ',' };
    station s;
    size_t stride = (size_t)as_often(1, 293);
    size_t loaded = 0, refused = 0;

    save(&s, 0);
    for (size_t at = 0; at < image.len; at += stride)
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            int sound, rc;

            changed.data[at] = values[i];
            saved_seal(&changed);
            rc = try_load(&changed, &sound);
            ck_assert_msg(sound &&
                              (rc == MCMP_OK || rc == MCMP_ERR_FILE || rc == MCMP_ERR_UNSUPPORTED),
                          "byte %zu, value %u: %s", at, values[i], mcmp_error_name(rc));
            loaded += rc == MCMP_OK;
            refused += rc != MCMP_OK;
            memcpy(changed.data, image.data, image.len);
        }
    ck_assert(loaded > 500 / stride && refused > 500 / stride);
    station_close(&s);
}
END_TEST

/* The file that tests/golden/state/make.py writes from docs/state-file.md. */
START_TEST(file_of_the_description_means_what_it_says)
{
    static const char *const forms[][2] = { { "INFO /", "golden/state/v1.info.txt" },
                                            { "DUMP /", "golden/state/v1.dump.txt" } };
    char *bytes = read_test_file("golden/state/v1.state", &image.len);
    mcmp_load_options opts;
    mcmp_load_report report;
    station s;

    ck_assert_uint_lt(image.len, sizeof(image.data));
    memcpy(image.data, bytes, image.len);
    free(bytes);
    mcmp_error_init(&err);
    station_open(&s, NULL);
    s.now = 100000 * MCMP_SEC;
    mcmp_load_options_init(&opts);
    opts.now = s.now;
    mcmp_load_report_init(&report);
    ck_assert_msg(mcmp_cluster_decode(s.cluster, image.data, image.len, &opts, &report, &err) ==
                      MCMP_OK,
                  "%s", err.message);
    ck_assert_str_eq(report.product, "golden/1.0.0.Final");
    ck_assert_uint_eq(report.id, 1234567890);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        size_t len;
        char *want = read_test_file(forms[i][1], &len);
        char *got = saved_text(&s, forms[i][0], NULL);

        row_true(forms[i][0], len == strlen(got) && memcmp(want, got, len) == 0);
        free(want);
        free(got);
    }
    station_close(&s);
}
END_TEST

START_TEST(file_of_the_description_is_written_so_again)
{
    char *bytes = read_test_file("golden/state/v1.state", &image.len);
    mcmp_cluster_options cluster_opts;
    mcmp_load_options opts;
    station s;

    ck_assert_uint_lt(image.len, sizeof(image.data));
    memcpy(image.data, bytes, image.len);
    free(bytes);
    mcmp_cluster_options_init(&cluster_opts);
    cluster_opts.product = "golden/1.0.0.Final";
    station_open(&s, &cluster_opts);
    mcmp_load_options_init(&opts);
    opts.now = 100000 * MCMP_SEC;
    ck_assert_int_eq(mcmp_cluster_decode(s.cluster, image.data, image.len, &opts, NULL, NULL),
                     MCMP_OK);
    saved_encode(&changed, s.cluster, opts.now);
    ck_assert_uint_eq(changed.len, image.len);
    ck_assert(memcmp(changed.data, image.data, image.len) == 0);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_flipped_bit_is_refused_by_the_name_of_its_section,
        each_length_but_the_right_one_is_refused,
        other_files_are_told_apart,
        newer_version_is_told_apart_from_damage,
        forged_names_are_refused_by_record,
        forged_numbers_are_refused_by_record,
        forged_repeats_are_refused_by_record,
        forged_counts_and_orders_of_sections_are_refused,
        sections_of_two_files_do_not_make_one,
        any_byte_forged_is_refused_or_loads_into_a_sound_cluster,
        file_of_the_description_means_what_it_says,
        file_of_the_description_is_written_so_again,
    };

    return run_tests("model state bytes", tests, COUNT_OF(tests));
}
