/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Load that `--load auto` makes of a system's load average.
 */
#include "support.h"

#include "agent.h"

START_TEST(test_the_load_falls_as_the_processors_fill)
{
    static const struct {
        const char *name;
        double average;
        unsigned processors;
        int32_t load;
    } rows[] = {
        { "idle", 0.0, 4, 100 },         { "a quarter", 1.0, 4, 75 },
        { "half", 2.0, 4, 50 },          { "nearly full", 3.9, 4, 3 },
        { "full", 4.0, 4, 1 },           { "beyond", 40.0, 4, 1 },
        { "one processor", 0.5, 1, 50 }, { "unknown processors", 0.5, 0, 50 },
        { "a trace", 0.001, 64, 100 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i].name, node_load_of(rows[i].average, rows[i].processors), rows[i].load);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_the_load_falls_as_the_processors_fill };

    return run_tests("load", tests, COUNT_OF(tests));
}
