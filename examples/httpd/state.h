/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's memory over the life of the server, and its handle in each process. */
#ifndef MCMP_HTTPD_STATE_H
#define MCMP_HTTPD_STATE_H

#include "module.h"

/* May the cluster be made by these settings? 0, or -1: it was logged. */
int state_check(server_rec *s);
/* In the parent: create the memory, or take over that of the last generation. 0, or -1: logged. */
int state_open(apr_pool_t *pconf, server_rec *s);
/* In a child, before its threads start. */
void state_enter_child(apr_pool_t *pchild, server_rec *s);

/* In the parent: a child has ended, however. */
void state_child_gone(pid_t pid);

#endif
