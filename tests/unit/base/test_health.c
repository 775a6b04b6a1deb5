/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of health: every event from every kind of word, and the three questions asked of it.
 */
#include "base/health.h"

#include "support.h"

#include <libmcmp/view.h>

#define LOAD(n) ((uint32_t)(n)&MCMP__HEALTH_LOAD)
#define E MCMP__HEALTH_ERROR
#define P MCMP__HEALTH_PROVEN
#define F MCMP__HEALTH_FRESH
#define R MCMP__HEALTH_RESTORED

typedef struct row {
    const char *name;
    uint32_t before;
    mcmp__health_event event;
    int load;
    uint32_t after;
} row;

static const row rows[] = {
    { "a new node has Load 0 and no flag", LOAD(7) | E | P | F | R, MCMP__HEALTH_REGISTER, 0, 0 },
    { "another endpoint keeps the Load", LOAD(7) | P, MCMP__HEALTH_REPLACE, 0, LOAD(7) | P },
    { "another endpoint ends the error", LOAD(7) | P | E, MCMP__HEALTH_REPLACE, 0,
      LOAD(7) | P | F },
    { "a restored node waits for its probe", 0, MCMP__HEALTH_RESTORE, 80, LOAD(80) | R },
    { "a restored node is active after its probe", LOAD(80) | R, MCMP__HEALTH_PROBE_OK, 0,
      LOAD(80) | F },
    { "a restored node whose probe fails is in error", LOAD(80) | R, MCMP__HEALTH_PROBE_FAILED, 0,
      LOAD(80) | R | E },
    { "the first STATUS with Load activates", 0, MCMP__HEALTH_STATUS_LOAD, 50, LOAD(50) | P | F },
    { "a further STATUS is no fresh start", LOAD(50) | P, MCMP__HEALTH_STATUS_LOAD, 60,
      LOAD(60) | P },
    { "STATUS with Load 0 makes a standby", LOAD(50) | P, MCMP__HEALTH_STATUS_LOAD, 0, P },
    { "back from standby is a fresh start", P, MCMP__HEALTH_STATUS_LOAD, 1, LOAD(1) | P | F },
    { "STATUS without Load proves and keeps it", LOAD(9) | E, MCMP__HEALTH_STATUS, 0,
      LOAD(9) | P | F },
    { "STATUS without Load leaves a broken node broken", LOAD(-1) | P, MCMP__HEALTH_STATUS, 0,
      LOAD(-1) | P },
    { "Load -1 says nothing of the error", LOAD(9) | P | E, MCMP__HEALTH_STATUS_LOAD, -1,
      LOAD(-1) | P | E },
    { "Load 0 ends Load -1 and error", LOAD(-1) | P | E, MCMP__HEALTH_STATUS_LOAD, 0, P },
    { "a failed STATUS keeps the Load", LOAD(9) | P, MCMP__HEALTH_STATUS_FAILED, 70,
      LOAD(9) | P | E },
    { "a good probe ends the error", LOAD(9) | P | E, MCMP__HEALTH_PROBE_OK, 0, LOAD(9) | P | F },
    { "a good probe does not mend Load -1", LOAD(-1) | P | E, MCMP__HEALTH_PROBE_OK, 0,
      LOAD(-1) | P },
    { "a good probe changes nothing on a good node", LOAD(9) | P, MCMP__HEALTH_PROBE_OK, 0,
      LOAD(9) | P },
    { "a good probe does not touch the Load", 0, MCMP__HEALTH_PROBE_OK, 5, 0 },
    { "a failed probe sets the error", LOAD(9) | P, MCMP__HEALTH_PROBE_FAILED, 0, LOAD(9) | P | E },
    { "a failed forward sets the error", LOAD(9) | P, MCMP__HEALTH_FORWARD_FAILED, 0,
      LOAD(9) | P | E },
    { "the start value is set once", LOAD(9) | P | F, MCMP__HEALTH_FRESH_DONE, 0, LOAD(9) | P },
};

START_TEST(test_health_follows_its_table)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t got = mcmp__health_next(rows[i].before, rows[i].event, rows[i].load);

        ck_assert_msg(got == rows[i].after, "%s: %#x, expected %#x", rows[i].name, got,
                      rows[i].after);
    }
}
END_TEST

START_TEST(test_health_tells_state_use_and_weight)
{
    static const struct {
        const char *name;
        uint32_t word;
        uint32_t state;
        int usable;
        int weight;
    } words[] = {
        { "registered", 0, MCMP_NODE_UNPROVEN, 1, 0 },
        { "standby", P, MCMP_NODE_STANDBY, 1, 0 },
        { "active", P | LOAD(100), MCMP_NODE_ACTIVE, 1, 100 },
        { "broken", P | LOAD(-1), MCMP_NODE_BROKEN, 0, -1 },
        { "error", P | E | LOAD(3), MCMP_NODE_ERROR, 0, 3 },
        { "restored", R | LOAD(3), MCMP_NODE_UNPROVEN, 1, 0 },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        ck_assert_msg(mcmp__health_state(words[i].word) == words[i].state, "%s", words[i].name);
        ck_assert_msg(mcmp__health_usable(words[i].word) == words[i].usable, "%s", words[i].name);
        ck_assert_msg(mcmp__health_weight(words[i].word) == words[i].weight, "%s", words[i].name);
    }
}
END_TEST

START_TEST(test_health_names_every_event)
{
    for (int i = 0; i < MCMP__HEALTH_EVENTS; i++)
        ck_assert_str_ne(mcmp__health_event_name((mcmp__health_event)i), "?");
    ck_assert_str_eq(mcmp__health_event_name(MCMP__HEALTH_EVENTS), "?");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_health_follows_its_table,
        test_health_tells_state_use_and_weight,
        test_health_names_every_event,
    };

    return run_tests("health", tests, COUNT_OF(tests));
}
