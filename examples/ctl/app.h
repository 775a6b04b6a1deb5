/* SPDX-License-Identifier: Apache-2.0 */
/* ROUTE or ROUTE/CONTEXT as a person types it, and messages about it. */
#ifndef CTL_APP_H
#define CTL_APP_H

#include "state.h"

typedef struct ctl_target {
    mcmp_span route;
    mcmp_span context;  /* empty: the whole node */
    mcmp_span *aliases; /* that have the context */
    size_t alias_count;
} ctl_target;

/* Take it apart and look it up at the proxy. An exit code, told. */
int ctl_target_take(ctl *c, ctl_target *target, const char *text);
void ctl_target_clear(ctl_target *target);
/* Send an *-APP command for it; the answer is a success. An exit code, told. */
int ctl_target_send(ctl *c, const ctl_target *target, uint32_t command,
                    const mcmp_answer_info **out);

#endif
