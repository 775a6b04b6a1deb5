/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session counters of the demonstration application: a table of fixed size that forgets what
 * was not used for longest, so that memory stays bounded whatever clients send.
 */
#ifndef NODE_DEMO_SESSIONS_H
#define NODE_DEMO_SESSIONS_H

#include "text.h"

#define DEMO_SESSION_ID_MAX 48

typedef struct demo_sessions demo_sessions;

demo_sessions *demo_sessions_new(void); /* NULL: no memory */
void demo_sessions_free(demo_sessions *sessions);

/* An id that a client may bring along: letters, digits, `-`, `_`, not too long. */
int demo_session_id_is_valid(mcmp_span id);

/* Count one more request of the session; tells how many there were, this one included. */
uint64_t demo_sessions_count(demo_sessions *sessions, mcmp_span id);

#endif
