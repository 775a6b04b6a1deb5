/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one table of commands, one of flags. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include "ctl.h"

typedef struct ctl_command {
    const char *name;
    const char *args; /* as help shows them */
    const char *help;
    ctl_run_fn run;
    int least; /* arguments after the name */
    int most;
    unsigned group; /* bit of the flags that go with it */
    int offline;    /* needs no proxy */
} ctl_command;

/* The command to run, or NULL when everything is done: *out_code is then the exit code. */
const ctl_command *ctl_options_take(ctl_options *options, int argc, const char *const *argv,
                                    int *out_code);

#endif
