/* SPDX-License-Identifier: Apache-2.0 */
/* The store against a model of plain arrays, over many random messages (churn.h). */
#include "churn.h"

#include "support.h"

START_TEST(random_messages_leave_what_a_plain_model_says)
{
    churn c;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        churn_open(&c, (int)(seed % 2), seed);
        churn_run(&c, (int)as_often(6000, 2000), 32);
        mcmp_cluster_close(c.cluster);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { random_messages_leave_what_a_plain_model_says };

    return run_tests("model churn", tests, COUNT_OF(tests));
}
