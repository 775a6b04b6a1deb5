/* SPDX-License-Identifier: Apache-2.0 */
/* The directives: what each takes and where it may stand. */
#ifndef MCMP_HTTPD_DIRECTIVES_H
#define MCMP_HTTPD_DIRECTIVES_H

#include "module.h"

extern const command_rec directive_table[];

/* One value of one directive, for the setters of values.c. */
struct directive {
    int host;      /* member of struct mcmp_httpd_host, else of the settings */
    int global;    /* not inside of <VirtualHost> */
    size_t offset; /* of the member */
    int64_t min;   /* numbers */
    int64_t max;
    const char *const *words; /* words: NULL-terminated, the index is the value */
};

/* Each returns NULL, or what is wrong: the directive's name and what is allowed. */
const char *set_switch(cmd_parms *cmd, void *unused, const char *arg);
const char *set_optional_switch(cmd_parms *cmd, void *unused, int argc, char *const argv[]);
const char *set_number(cmd_parms *cmd, void *unused, const char *arg);
const char *set_word(cmd_parms *cmd, void *unused, const char *arg);
const char *set_text(cmd_parms *cmd, void *unused, const char *arg);
const char *set_token(cmd_parms *cmd, void *unused, const char *arg);
const char *set_probe_method(cmd_parms *cmd, void *unused, const char *arg);
const char *set_probe_path(cmd_parms *cmd, void *unused, const char *arg);

/* Those that are more than one value (special.c). */
const char *set_receive(cmd_parms *cmd, void *unused, int argc, char *const argv[]);
const char *set_authorize(cmd_parms *cmd, void *unused, int argc, char *const argv[]);
const char *set_advertise(cmd_parms *cmd, void *unused, const char *state, const char *url);
const char *set_advertise_address(cmd_parms *cmd, void *unused, const char *arg);
const char *set_advertise_frequency(cmd_parms *cmd, void *unused, const char *arg);

/* ModProxyClusterHCTemplate (hc_template.c). */
const char *set_hc_template(cmd_parms *cmd, void *unused, int argc, char *const argv[]);

/* Where a directive writes to. */
void *directive_target(cmd_parms *cmd);
/* "NAME must be WHAT, not "ARG"" */
const char *directive_refuse(cmd_parms *cmd, const char *what, const char *arg);

#endif
