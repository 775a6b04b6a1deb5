/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request against one state of the cluster: context, balancer, session, and the verdict of
 * MCMP 5. Works inside a read section and fills a struct; selecting and explaining both start here.
 */
#ifndef MCMP__LB_LOOKUP_H
#define MCMP__LB_LOOKUP_H

#include "lb/choice.h"

#include <libmcmp/select.h>

/* Where a session id or route was found. */
enum mcmp__session_source {
    MCMP__SESSION_NONE,
    MCMP__SESSION_GIVEN, /* the host knew it */
    MCMP__SESSION_COOKIE,
    MCMP__SESSION_PATH,
    MCMP__SESSION_SOURCES
};

/* Texts of a balancer. */
enum mcmp__name { MCMP__NAME_BALANCER, MCMP__NAME_COOKIE, MCMP__NAME_PATH };

/* What a route text leads to. */
typedef struct mcmp__home {
    uint32_t known;  /* a live node of the balancer has it, or the domain memory */
    uint32_t node;   /* the live node; 0 = remembered only */
    uint32_t domain; /* its domain, or the remembered one; 0 = none */
    mcmp_span route; /* the one of a ranked list that this is about */
} mcmp__home;

typedef struct mcmp__lookup {
    /* set by the caller */
    const mcmp_query *query;
    char *text; /* MCMP__BALANCER_TEXTS_ROOM for the names of the balancer */

    /* found */
    mcmp__match match;
    uint32_t balancer;
    uint32_t balancers; /* how many hold the context */
    mcmp__balancer row;
    mcmp_span names[3]; /* in text, see enum mcmp__name */
    mcmp__set set;
    uint32_t source;     /* of the session id */
    mcmp_span session;   /* id, with route; empty = no session */
    mcmp_span route;     /* text after its first dot, or the affinity value when that counts */
    uint32_t affine;     /* the affinity value counts */
    uint32_t own_status; /* of the own node's member; 0 = none */
    mcmp__home home;

    /* the verdict */
    int rc; /* MCMP_OK, MCMP_NOT_OURS, MCMP_NO_CONTEXT or MCMP_NO_NODE */
    uint32_t reason;
    uint32_t remove_session;
    mcmp__runner chosen;
} mcmp__lookup;

/* Does one section's work. choice->rd is the section; policy and key are set here. */
void mcmp__lookup_run(mcmp__lookup *look, mcmp__choice *choice);

#endif
