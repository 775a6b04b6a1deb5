/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session counters, see demo_sessions.h. Each id belongs to one set of WAYS places, by hash; a new
 * id takes the place of its set that was not used for longest.
 */
#include "demo_sessions.h"

#include <stdlib.h>
#include <string.h>

#define SETS 4096
#define WAYS 4

typedef struct session {
    char id[DEMO_SESSION_ID_MAX];
    size_t id_len; /* 0: free */
    uint64_t count;
    uint64_t used_at; /* demo_sessions.clock of the last request */
} session;

struct demo_sessions {
    uint64_t clock;
    session places[SETS][WAYS];
};

demo_sessions *demo_sessions_new(void)
{
    return calloc(1, sizeof(demo_sessions));
}

void demo_sessions_free(demo_sessions *sessions)
{
    free(sessions);
}

int demo_session_id_is_valid(mcmp_span id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = node_lower(id.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return 0;
    }
    return id.len > 0 && id.len <= DEMO_SESSION_ID_MAX;
}

static session *places_of(demo_sessions *sessions, mcmp_span id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.ptr[i]) * 1099511628211u;
    return sessions->places[(hash ^ hash >> 32) % SETS];
}

uint64_t demo_sessions_count(demo_sessions *sessions, mcmp_span id)
{
    session *set = places_of(sessions, id);
    session *place = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id_len == id.len && memcmp(set[i].id, id.ptr, id.len) == 0) {
            set[i].used_at = ++sessions->clock;
            return ++set[i].count;
        }
        if (set[i].used_at < place->used_at)
            place = &set[i];
    }
    memcpy(place->id, id.ptr, id.len);
    place->id_len = id.len;
    place->used_at = ++sessions->clock;
    place->count = 1;
    return 1;
}
