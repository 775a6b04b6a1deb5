/* SPDX-License-Identifier: Apache-2.0 */
/* The state file: PersistSlots and MCMPStateFile. */
#ifndef MCMP_HTTPD_SAVE_H
#define MCMP_HTTPD_SAVE_H

#include "module.h"

/* At the first start: load the file, if one is configured and there. 0, or -1: logged. */
int save_load(mcmp_cluster *cluster, server_rec *s);
/* As mcmp_cluster_decode(); entries without a place are logged. */
int save_decode(mcmp_cluster *cluster, const void *data, size_t len, server_rec *s,
                mcmp_error *err);
/* From now on the parent saves what changes. */
void save_begin(server_rec *s);
/* Save when something has changed since the last time. */
void save_now_and_then(server_rec *s);
/* The last time of this generation. */
void save_last(server_rec *s);

#endif
