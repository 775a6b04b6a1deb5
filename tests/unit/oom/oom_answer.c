/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrappers of what builds answers; see oom.h. An answer that found no memory fails until the next
 * begin, so what was called since then is kept here and called again: the host's part.
 */
#include "oom.h"

typedef enum step_kind {
    STEP_BEGIN,
    STEP_BEGIN_STATUS,
    STEP_HEADER,
    STEP_WRITE,
    STEP_BEGIN_LEFTOVER,
    STEP_LEFTOVER,
    STEP_COUNT_LEFTOVER
} step_kind;

/* A call and its arguments; texts are copies, requests and content types outlive the answer. */
typedef struct step {
    step_kind kind;
    const mcmp_request *request;
    const char *type;
    uint64_t number;
    char *text[3];
    size_t len[3];
} step;

enum { STEPS = 4096 };

typedef struct journal {
    step steps[STEPS];
    size_t count;
} journal;

static journal answer_steps, leftover_steps;

int __real_mcmp_response_begin(mcmp_response *response, const mcmp_request *request,
                               const char *content_type);
int __real_mcmp_response_begin_status(mcmp_response *response, const mcmp_request *request,
                                      uint32_t status, const char *content_type);
int __real_mcmp_response_add_header(mcmp_response *response, const char *name, mcmp_span value);
int __real_mcmp_response_write(mcmp_response *response, const void *data, size_t len);
int __real_mcmp_response_end(mcmp_response *response);
int __real_mcmp_response_leftover(mcmp_response *response, mcmp_span route, mcmp_span alias,
                                  mcmp_span context);
void __real_mcmp_response_begin_leftover(mcmp_response *response);
void __real_mcmp_response_count_leftover(mcmp_response *response, uint64_t count);

static void forget(journal *j)
{
    for (size_t i = 0; i < j->count; i++)
        for (size_t t = 0; t < COUNT_OF(j->steps[i].text); t++)
            free(j->steps[i].text[t]);
    memset(j->steps, 0, j->count * sizeof(j->steps[0]));
    j->count = 0;
}

static step *note(journal *j, step_kind kind)
{
    ck_assert_msg(j->count < STEPS, "an answer of more than %d calls", STEPS);
    j->steps[j->count].kind = kind;
    return &j->steps[j->count++];
}

static void keep(step *s, size_t at, const void *data, size_t len)
{
    s->text[at] = malloc(len + 1);
    ck_assert_ptr_nonnull(s->text[at]);
    if (len != 0)
        memcpy(s->text[at], data, len);
    s->text[at][len] = '\0';
    s->len[at] = len;
}

static mcmp_span kept(const step *s, size_t at)
{
    return (mcmp_span){ s->text[at], s->len[at] };
}

static int again(mcmp_response *response, const step *s)
{
    switch (s->kind) {
    case STEP_BEGIN:
        return __real_mcmp_response_begin(response, s->request, s->type);
    case STEP_BEGIN_STATUS:
        return __real_mcmp_response_begin_status(response, s->request, (uint32_t)s->number,
                                                 s->type);
    case STEP_HEADER:
        return __real_mcmp_response_add_header(response, s->text[0], kept(s, 1));
    case STEP_WRITE:
        return __real_mcmp_response_write(response, s->text[0], s->len[0]);
    case STEP_BEGIN_LEFTOVER:
        __real_mcmp_response_begin_leftover(response);
        return MCMP_OK;
    case STEP_LEFTOVER:
        return __real_mcmp_response_leftover(response, kept(s, 0), kept(s, 1), kept(s, 2));
    default:
        __real_mcmp_response_count_leftover(response, s->number);
        return MCMP_OK;
    }
}

/* All calls since the begin once more; the last one's result, or that there is no memory again. */
static int replay(mcmp_response *response, const journal *j)
{
    int rc = MCMP_OK;

    for (size_t i = 0; i < j->count && rc != MCMP_ERR_NOMEM; i++) {
        ck_assert_int_eq(rc, MCMP_OK);
        rc = again(response, &j->steps[i]);
    }
    return rc;
}

/* The call, and the other one as long as there is no memory for it. */
#define UNTIL(call, retry)                \
    oom_call call_ = oom_enter(__func__); \
    int rc_ = (call);                     \
                                          \
    while (oom_leave(call_, rc_)) {       \
        call_ = oom_enter(__func__);      \
        rc_ = (retry);                    \
    }

/* All since the begin again when it was refused memory. Calls that were refused for another reason
 * are not part of the answer. */
#define STEP(call, j)                               \
    UNTIL(call, replay(response, (j)));             \
    if (rc_ != MCMP_OK && !call_.inner && oom_on()) \
        (j)->count--;                               \
    return rc_

/* Is this call the host's own? Those that mcmp_apply() makes are part of that. */
static int is_noted(void)
{
    return oom_on() && !oom_is_inside();
}

WRAP(mcmp_response_begin, mcmp_response *response, const mcmp_request *request,
     const char *content_type)
{
    if (is_noted()) {
        step *s;

        forget(&answer_steps);
        s = note(&answer_steps, STEP_BEGIN);
        s->request = request;
        s->type = content_type;
    }
    STEP(__real_mcmp_response_begin(response, request, content_type), &answer_steps);
}

WRAP(mcmp_response_begin_status, mcmp_response *response, const mcmp_request *request,
     uint32_t status, const char *content_type)
{
    if (is_noted()) {
        step *s;

        forget(&answer_steps);
        s = note(&answer_steps, STEP_BEGIN_STATUS);
        s->request = request;
        s->number = status;
        s->type = content_type;
    }
    STEP(__real_mcmp_response_begin_status(response, request, status, content_type), &answer_steps);
}

WRAP(mcmp_response_add_header, mcmp_response *response, const char *name, mcmp_span value)
{
    if (is_noted()) {
        step *s = note(&answer_steps, STEP_HEADER);

        keep(s, 0, name, strlen(name));
        keep(s, 1, value.ptr, value.len);
    }
    STEP(__real_mcmp_response_add_header(response, name, value), &answer_steps);
}

WRAP(mcmp_response_write, mcmp_response *response, const void *data, size_t len)
{
    if (is_noted())
        keep(note(&answer_steps, STEP_WRITE), 0, data, len);
    STEP(__real_mcmp_response_write(response, data, len), &answer_steps);
}

WRAP(mcmp_response_leftover, mcmp_response *response, mcmp_span route, mcmp_span alias,
     mcmp_span context)
{
    if (is_noted()) {
        step *s = note(&leftover_steps, STEP_LEFTOVER);

        keep(s, 0, route.ptr, route.len);
        keep(s, 1, alias.ptr, alias.len);
        keep(s, 2, context.ptr, context.len);
    }
    STEP(__real_mcmp_response_leftover(response, route, alias, context), &leftover_steps);
}

void __wrap_mcmp_response_begin_leftover(mcmp_response *response);
void __wrap_mcmp_response_begin_leftover(mcmp_response *response)
{
    if (is_noted()) {
        forget(&leftover_steps);
        (void)note(&leftover_steps, STEP_BEGIN_LEFTOVER);
    }
    __real_mcmp_response_begin_leftover(response);
}

void __wrap_mcmp_response_count_leftover(mcmp_response *response, uint64_t count);
void __wrap_mcmp_response_count_leftover(mcmp_response *response, uint64_t count)
{
    if (is_noted())
        note(&leftover_steps, STEP_COUNT_LEFTOVER)->number = count;
    __real_mcmp_response_count_leftover(response, count);
}

/* The end of an answer: with all before it. */
static int end_again(mcmp_response *response)
{
    int rc = replay(response, &answer_steps);

    return rc == MCMP_OK ? __real_mcmp_response_end(response) : rc;
}

WRAP(mcmp_response_end, mcmp_response *response)
{
    UNTIL(__real_mcmp_response_end(response), end_again(response));
    return rc_;
}

WRAP(mcmp_response_refuse, mcmp_response *response, const mcmp_request *request, uint32_t refusal,
     const mcmp_span *args, size_t count)
{
    UNTIL(__real_mcmp_response_refuse(response, request, refusal, args, count),
          replay(response, &leftover_steps) == MCMP_OK
              ? __real_mcmp_response_refuse(response, request, refusal, args, count)
              : MCMP_ERR_NOMEM);
    return rc_;
}

/* Complete by themselves */

WRAP(mcmp_response_bad_http, mcmp_response *response, int code)
{
    UNTIL(__real_mcmp_response_bad_http(response, code),
          __real_mcmp_response_bad_http(response, code));
    return rc_;
}

WRAP(mcmp_response_reserve, mcmp_response *response, size_t body, size_t mess)
{
    UNTIL(__real_mcmp_response_reserve(response, body, mess),
          __real_mcmp_response_reserve(response, body, mess));
    return rc_;
}

WRAP(mcmp_response_set_pending, mcmp_response *response, const mcmp_pending *pending)
{
    UNTIL(__real_mcmp_response_set_pending(response, pending),
          __real_mcmp_response_set_pending(response, pending));
    return rc_;
}
