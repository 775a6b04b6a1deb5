/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner itself, on a box of numbers that has one fault at a time: each is found, and a box
 * without a fault passes with every one of its allocations.
 */
#include "run.h"

#include <sys/wait.h>

/* Faults of box_put() and box_new() when an allocation fails. */
enum { NONE, LEAK, LOSS, HALF, LATE, OUTPUT, ABSENT, FAULTS };

typedef struct box {
    const mcmp_allocator *allocator;
    int *numbers;
    size_t count;
} box;

static int fault;

static int make(box **out)
{
    const mcmp_allocator *a = oom_instead(NULL);
    box *b = a->alloc(a->ctx, sizeof(*b));

    if (b == NULL) {
        if (fault == OUTPUT)
            *out = NULL;
        return MCMP_ERR_NOMEM;
    }
    *b = (box){ a, NULL, 0 };
    *out = b;
    return MCMP_OK;
}

/* Three allocations: a draft, the numbers, a note. */
static int put(box *b, int number)
{
    const mcmp_allocator *a = b->allocator;
    size_t size = b->count * sizeof(int);
    void *draft = a->alloc(a->ctx, 10);
    int *numbers, *note;

    if (draft == NULL)
        return MCMP_ERR_NOMEM;
    numbers = a->alloc(a->ctx, size + sizeof(int));
    if (numbers == NULL) {
        if (fault != LEAK)
            a->free(a->ctx, draft, 10);
        if (fault == LOSS && b->count > 1)
            b->count--;
        return MCMP_ERR_NOMEM;
    }
    if (b->count != 0)
        memcpy(numbers, b->numbers, size);
    numbers[b->count] = number;
    note = a->alloc(a->ctx, 20);
    if (note != NULL || fault == HALF) {
        if (b->numbers != NULL)
            a->free(a->ctx, b->numbers, size);
        b->numbers = numbers;
        b->count++;
    } else {
        a->free(a->ctx, numbers, size + sizeof(int));
    }
    a->free(a->ctx, draft, 10);
    if (note == NULL)
        return fault == LATE ? MCMP_ERR_LIMIT : MCMP_ERR_NOMEM;
    a->free(a->ctx, note, 20);
    return MCMP_OK;
}

/* The wrappers, as in oom.c */

static int box_new(box **out)
{
    box *before = *out;

    for (;;) {
        oom_call call = oom_enter(__func__);
        int rc = make(out);

        if (!oom_leave(call, rc))
            return rc;
        ck_assert_ptr_eq(*out, before);
    }
}

static int box_put(box *b, int number)
{
    for (;;) {
        oom_call call = oom_enter(__func__);
        int rc = put(b, number);

        if (!oom_leave(call, rc))
            return rc;
    }
}

static void box_free(box *b)
{
    if (b->numbers != NULL)
        b->allocator->free(b->allocator->ctx, b->numbers, b->count * sizeof(int));
    b->allocator->free(b->allocator->ctx, b, sizeof(*b));
}

pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
    return __real_fork();
}

/* Scenarios of the box */

static void fill(int count)
{
    static box none;
    box *b = &none;

    ck_assert_int_eq(box_new(&b), MCMP_OK);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(box_put(b, i), MCMP_OK);
    ck_assert_uint_eq(b->count, (size_t)count);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(b->numbers[i], i);
    box_free(b);
}

START_TEST(a_box_is_filled)
{
    fill((int)as_often(20, 7));
}
END_TEST

START_TEST(a_box_is_filled_anew)
{
    oom_shared();
    fill(fault == ABSENT && oom_own.mode == OOM_FAIL ? 6 : 7);
}
END_TEST

START_TEST(a_box_is_filled_by_chance)
{
    static _Atomic int turn;

    fails_in_line_only("it is never the same");
    fill(3 + (getpid() + atomic_fetch_add(&turn, 1)) % 4);
}
END_TEST

/* The verdict on the tests in a process of its own: 0 they passed; and what failed. */
static int judge(int with, const TTest *test, const char *most, oom_results *out)
{
    oom_results *seen =
        mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    pid_t pid;

    ck_assert(seen != MAP_FAILED);
    (void)fflush(stdout);
    pid = __real_fork();
    if (pid == 0) {
        int bad;

        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
        fault = with;
        bad = oom_run_tests("box", &test, 1, most);
        *seen = *oom_result;
        _exit(bad);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    *out = *seen;
    (void)munmap(seen, sizeof(*seen));
    return WEXITSTATUS(status);
}

START_TEST(test_each_allocation_of_a_sound_box_fails_both_ways)
{
    const TTest *const tests[] = { a_box_is_filled, a_box_is_filled_anew };
    oom_results seen;

    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        size_t whole = i == 0 ? 61 : 22; /* one box, three for each number */

        ck_assert_int_eq(judge(NONE, tests[i], "all", &seen), 0);
        ck_assert_uint_eq(seen.calls, 22);
        ck_assert_uint_eq(seen.alone, 22);
        ck_assert_uint_eq(seen.in_line, whole);
        ck_assert_uint_eq(seen.refused, 22 + whole);
        ck_assert_uint_eq(seen.borne, 0);
    }
}
END_TEST

START_TEST(test_a_sample_fails_all_in_line_and_some_alone)
{
    oom_results seen;

    ck_assert_int_eq(judge(NONE, a_box_is_filled, "5", &seen), 0);
    ck_assert_uint_eq(seen.in_line, 22);
    ck_assert_uint_ge(seen.alone, 1); /* as many as there is time for */
    ck_assert_uint_le(seen.alone, 5);
}
END_TEST

START_TEST(test_each_fault_is_found)
{
    oom_results seen;

    for (int i = NONE + 1; i < FAULTS; i++) {
        ck_assert_msg(
            judge(i, i == ABSENT ? a_box_is_filled_anew : a_box_is_filled, "all", &seen) == 1,
            "fault %d is not found", i);
        ck_assert_msg(i == ABSENT || judge(i, a_box_is_filled, "1", &seen) == 1,
                      "fault %d is not found by a sample", i);
    }
}
END_TEST

START_TEST(test_a_scenario_that_is_never_the_same_says_why)
{
    oom_results seen;

    ck_assert_int_eq(judge(NONE, a_box_is_filled_by_chance, "all", &seen), 0);
    ck_assert_str_eq(seen.reason, "it is never the same");
    ck_assert_uint_eq(seen.alone, 0);
    ck_assert_uint_ge(seen.in_line, 10);
    ck_assert_int_eq(judge(LOSS, a_box_is_filled_by_chance, "all", &seen), 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_each_allocation_of_a_sound_box_fails_both_ways,
        test_a_sample_fails_all_in_line_and_some_alone,
        test_each_fault_is_found,
        test_a_scenario_that_is_never_the_same_says_why,
    };

    return run_tests("oom", tests, COUNT_OF(tests));
}
