/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file: loaded before anything listens, saved when something changed and at the end. The
 * master does it, by a process of its own for each save: so exactly one saves at a time, no loop
 * that serves waits for the disk, and a disk that hangs holds up nobody.
 */
#ifndef SERVER_SAVER_H
#define SERVER_SAVER_H

#include <sys/types.h>

#include <libmcmp/libmcmp.h>

#include "config.h"

struct saver {
    const char *path; /* "" = off */
    mcmp_cluster *cluster;
    pid_t pid;                   /* saves just now; 0 = none does */
    uint64_t saving;             /* version that it saves */
    uint64_t saved;              /* version of the file */
    mcmp_time next;              /* not before this time */
    int failing;                 /* the last save failed: told already */
    void (*in_child)(void *ctx); /* lets go what the master holds */
    void *ctx;
};

/* What the file says comes into the cluster. A file that is no saved state is put aside and said
 * so. 0, or -1 with the complaint: then nothing may start. */
int saver_load(struct saver *saver, struct complaint *why);
/* The first save, which shows whether the file can be written at all. 0, or -1. */
int saver_begin(struct saver *saver, struct complaint *why);
/* Starts a save when one is due. Returns when to call again. */
mcmp_time saver_run(struct saver *saver, mcmp_time now);
/* The process that saved has ended. */
void saver_ended(struct saver *saver, int status, mcmp_time now);
/* The last save, when nobody changes anything any more. 0, or -1: logged */
int saver_finish(struct saver *saver);

#endif
