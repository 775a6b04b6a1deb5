/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health of a node as one 32-bit word, and the one table of what changes it: messages, results
 * of probes, forwards that failed, a state loaded from a file (DESIGN 5). The word lives in the
 * node's live words and is changed by compare-and-swap, so that no lock is needed and a killed
 * process leaves either the old or the new word. A word of all zero bits is a node just registered:
 * Load 0, not proven, usable as hot standby.
 */
#ifndef MCMP__HEALTH_H
#define MCMP__HEALTH_H

#include <stdint.h>

#define MCMP__HEALTH_LOAD 0xffu      /* Load as a signed byte, -1 .. 100 */
#define MCMP__HEALTH_ERROR 0x100u    /* a probe or a forward failed; nothing is sent there */
#define MCMP__HEALTH_PROVEN 0x200u   /* a STATUS was accepted */
#define MCMP__HEALTH_FRESH 0x400u    /* became active; the next choice sets its start value */
#define MCMP__HEALTH_RESTORED 0x800u /* loaded from a file and not probed yet */

typedef enum mcmp__health_event {
    MCMP__HEALTH_REGISTER,       /* CONFIG of a new node */
    MCMP__HEALTH_REPLACE,        /* CONFIG that gives a live node another endpoint (MCMP 4.1) */
    MCMP__HEALTH_RESTORE,        /* loaded with this Load */
    MCMP__HEALTH_STATUS,         /* STATUS accepted without Load */
    MCMP__HEALTH_STATUS_LOAD,    /* STATUS accepted with this Load, -1 included */
    MCMP__HEALTH_STATUS_FAILED,  /* the probe of a STATUS failed: its Load is not taken */
    MCMP__HEALTH_PROBE_OK,       /* idle probe answered */
    MCMP__HEALTH_PROBE_FAILED,   /* idle probe failed */
    MCMP__HEALTH_FORWARD_FAILED, /* no connection, or broke before the answer */
    MCMP__HEALTH_FRESH_DONE,     /* the start value was set */
    MCMP__HEALTH_EVENTS
} mcmp__health_event;

/* The word after the event. load counts for RESTORE and STATUS_LOAD only. */
uint32_t mcmp__health_next(uint32_t word, mcmp__health_event event, int load);

/* "status", "probe failed", ...: for the log */
const char *mcmp__health_event_name(mcmp__health_event event);

/* One of MCMP_NODE_UNPROVEN .. MCMP_NODE_ERROR of view.h */
uint32_t mcmp__health_state(uint32_t word);

/* The Load last accepted, as INFO shows it. */
static inline int mcmp__health_load(uint32_t word)
{
    return (int8_t)(word & MCMP__HEALTH_LOAD);
}

/* May requests be sent there at all, be it as hot standby or for its own sessions? */
static inline int mcmp__health_usable(uint32_t word)
{
    return (word & MCMP__HEALTH_ERROR) == 0 && mcmp__health_load(word) >= 0;
}

/* The Load that choices go by: 0 while a restored node has not been probed. */
static inline int mcmp__health_weight(uint32_t word)
{
    return (word & MCMP__HEALTH_RESTORED) != 0 ? 0 : mcmp__health_load(word);
}

#endif
