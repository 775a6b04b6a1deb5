/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent of a node, from the inside: per proxy one plan (what to say next, plan.c), one wire
 * (the connection as a row of steps and events, wire.c) and one inventory (what INFO shows of an
 * earlier life, inventory.c). Nothing here does I/O or reads a clock.
 */
#ifndef MCMP__CLIENT_AGENT_H
#define MCMP__CLIENT_AGENT_H

#include "base/base.h"

#include <libmcmp/agent.h>

#define MCMP__AGENT_REASON 160

/* What a proxy is told next. The order matters: from DISABLE on the node is being drained. */
typedef enum mcmp__plan_state {
    MCMP__PLAN_INFO,
    MCMP__PLAN_PURGE, /* REMOVE-APP for what INFO shows and the node does not have */
    MCMP__PLAN_CONFIG,
    MCMP__PLAN_APPS, /* contexts whose status the proxy was not told */
    MCMP__PLAN_STATUS,
    MCMP__PLAN_LEAVE, /* REMOVE-APP of the whole node, which is not well */
    MCMP__PLAN_DISABLE,
    MCMP__PLAN_SESSIONS, /* says nothing, waits for sessions */
    MCMP__PLAN_STOP,
    MCMP__PLAN_REMOVE,
    MCMP__PLAN_REMOVE_NODE,
    MCMP__PLAN_OVER
} mcmp__plan_state;

/* What a context's status was told as: MCMP_STATUS_*, 0 = nothing, or that requests run on it. */
#define MCMP__TOLD_BUSY 4

typedef enum mcmp__wire_state {
    MCMP__WIRE_NONE,       /* no connection */
    MCMP__WIRE_WANTED,     /* CONNECT is the next step */
    MCMP__WIRE_CONNECTING, /* CONNECT was given */
    MCMP__WIRE_IDLE,       /* connected, nothing is asked */
    MCMP__WIRE_ASKING,     /* connected, SEND is the next step */
    MCMP__WIRE_WAITING     /* SEND was given */
} mcmp__wire_state;

typedef struct mcmp__peer {
    struct mcmp_agent *agent;
    mcmp_handle handle;
    /* what was given */
    char *text; /* of all spans here */
    size_t text_size;
    mcmp_span host;
    mcmp_span path;
    mcmp_span name;
    mcmp_span authority; /* value of Host */
    uint32_t port;
    uint32_t flags;
    /* the plan */
    mcmp__plan_state state;
    size_t index;            /* of the context or stale pair that the state is about */
    uint8_t *told;           /* per context */
    mcmp_time hold_until;    /* the state's request is not sent before */
    mcmp_time status_due;    /* the next STATUS; 0 = at once */
    mcmp_time said_at;       /* of the last request */
    mcmp_time wait_until;    /* for sessions */
    mcmp_time stop_by;       /* draining is over then */
    mcmp_time failed_at;     /* the last time */
    mcmp_time failing_since; /* the first of the failures in a row */
    mcmp__buf stale;         /* pairs to be purged, see inventory.c */
    size_t stale_count;      /* of them */
    uint64_t id;             /* of the proxy's state */
    uint64_t running;        /* requests told by STOP-APP in this round */
    uint64_t running_shown;  /* in the last whole round */
    uint64_t registrations;  /* see mcmp_agent_info */
    uint64_t statuses;       /* see mcmp_agent_info */
    uint32_t failures;       /* in a row */
    uint32_t end;            /* MCMP_AGENT_STATE_* of a plan that is over */
    uint32_t said_health;    /* of the agent when STATUS was said */
    uint8_t sent_status;     /* of the context that is being told */
    uint8_t has_id;          /* id is known */
    uint8_t registered;      /* CONFIG was taken and is not known to be lost */
    uint8_t in_service;      /* the last STATUS was answered with 200 */
    uint8_t was_ok;          /* a STATUS was answered with OK once */
    uint8_t notok;           /* the last STATUS was answered with NOTOK */
    uint8_t again;           /* registers again at once; no STATUS was good since */
    uint8_t resumes;         /* was registered, and only STATUS and INFO failed since */
    uint8_t drain;           /* draining is wanted */
    uint8_t cut_off;         /* something was not told or not finished */
    uint8_t gone;            /* to be forgotten */
    char reason[MCMP__AGENT_REASON];
    /* the wire */
    mcmp__wire_state wire;
    uint64_t connection; /* number of the open one */
    uint64_t closing;    /* of one to be closed; 0 = none */
    mcmp_time deadline;  /* CONNECTING, ASKING, WAITING */
    mcmp_answer *answer;
    mcmp__buf request;
    uint8_t used;     /* the connection has carried an answer */
    uint8_t repeated; /* the request was asked on a connection that broke */
    uint8_t ready;    /* an answer is complete and not yet understood, for want of memory */
    uint8_t spoilt;   /* the connection is not used again after this answer */
} mcmp__peer;

typedef struct mcmp__peer_slot {
    mcmp__peer *peer;
    uint32_t generation;
} mcmp__peer_slot;

struct mcmp_agent {
    mcmp_agent_options options; /* no zero but where zero means something */
    mcmp_allocator allocator;
    mcmp_logger logger;
    mcmp_message node; /* texts are in text */
    char *text;
    size_t text_size;
    mcmp_span *lists; /* aliases, then contexts, then room for the lists of a message */
    size_t lists_size;
    mcmp_pair *extra;
    uint8_t *wanted; /* per context: MCMP_STATUS_* */
    mcmp__peer_slot *slots;
    size_t slot_count; /* in use so far; the room is max_proxies */
    size_t next_slot;  /* whose turn it is */
    uint64_t connections;
    uint64_t random;
    uint32_t health; /* MCMP_AGENT_UP, BROKEN, AWAY */
    uint8_t drain;   /* the whole agent drains */
};

/* agent.c */
mcmp__peer *mcmp__agent_peer(const mcmp_agent *agent, mcmp_handle handle); /* NULL: stale */
void mcmp__agent_drop(mcmp__peer *peer);                                   /* frees it */

/* self.c: the copy of what CONFIG says. */
int mcmp__self_copy(mcmp_agent *agent, const mcmp_message *from, mcmp_error *err);
void mcmp__self_clear(mcmp_agent *agent);
mcmp_span mcmp__self_host(const mcmp_agent *agent); /* with the defaults of the protocol */
uint32_t mcmp__self_port(const mcmp_agent *agent);
uint32_t mcmp__self_scheme(const mcmp_agent *agent);

/* inventory.c. MCMP_OK: *whole is 1 when INFO shows just what is to be registered, and peer->stale
 * has what is to be purged. MCMP_ERR_NOMEM: nothing has changed. */
int mcmp__inventory_take(mcmp__peer *peer, mcmp_span body, int *whole);
void mcmp__inventory_drop(mcmp__peer *peer);
/* The stale pair of that number. */
void mcmp__inventory_pair(const mcmp__peer *peer, size_t index, mcmp_span *alias,
                          mcmp_span *context);

/* plan.c */
/* The time before which nothing is to be said; 0 = say it now, INT64_MAX = nothing ever comes. */
mcmp_time mcmp__plan_due(mcmp__peer *peer, mcmp_time now);
/* MCMP_OK, or MCMP_ERR_NOMEM: nothing has changed. */
int mcmp__plan_answer(mcmp__peer *peer, mcmp_time now, const mcmp_answer_info *answer);
/* No answer: out of reach, broke off, or code (else 0) says what is wrong with its bytes. */
void mcmp__plan_failed(mcmp__peer *peer, mcmp_time now, int code, const char *why);
void mcmp__plan_drain(mcmp__peer *peer, mcmp_time now);
/* Something changed from outside (health, contexts) while nothing was asked. */
void mcmp__plan_settle(mcmp__peer *peer, mcmp_time now);
void mcmp__plan_restart(mcmp__peer *peer); /* from the beginning, at once */
void mcmp__peer_log(const mcmp__peer *peer, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* say.c: the request of the plan's state as bytes in peer->request. */
int mcmp__say(mcmp__peer *peer, mcmp_time now, mcmp_error *err);
uint32_t mcmp__say_command(const mcmp__peer *peer); /* MCMP_COMMAND_* */

/* wire.c */
int mcmp__wire_is_asking(const mcmp__peer *peer);       /* a request is under way */
void mcmp__wire_drop(mcmp__peer *peer);                 /* the connection is to be closed */
void mcmp__wire_hurry(mcmp__peer *peer, mcmp_time now); /* draining has begun */

#endif
