/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up a name beside what the thread does, by the C library's own threads. A look-up that
 * can't be called off is left alone and freed when it is over.
 */
#include "resolve.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
    struct resolve *next; /* of those that nobody waits for any more */
    struct gaicb request;
    struct addrinfo hints;
    char host[256];
    char port[8];
};

static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static struct resolve *left; /* guarded by: left_lock */

static void release(struct resolve *resolve)
{
    if (resolve->request.ar_result != NULL)
        freeaddrinfo(resolve->request.ar_result);
    free(resolve);
}

static void sweep(void)
{
    struct resolve **at = &left;

    pthread_mutex_lock(&left_lock);
    while (*at != NULL) {
        struct resolve *resolve = *at;

        if (gai_error(&resolve->request) == EAI_INPROGRESS) {
            at = &resolve->next;
            continue;
        }
        *at = resolve->next;
        release(resolve);
    }
    pthread_mutex_unlock(&left_lock);
}

struct resolve *resolve_start(const char *host, const char *port)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));
    struct gaicb *list[1];

    sweep();
    if (resolve == NULL)
        return NULL;
    (void)snprintf(resolve->host, sizeof(resolve->host), "%s", host);
    (void)snprintf(resolve->port, sizeof(resolve->port), "%s", port);
    resolve->hints.ai_socktype = SOCK_STREAM;
    resolve->request.ar_name = resolve->host;
    resolve->request.ar_service = resolve->port;
    resolve->request.ar_request = &resolve->hints;
    list[0] = &resolve->request;
    if (getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) != 0) {
        free(resolve);
        return NULL;
    }
    return resolve;
}

int resolve_poll(struct resolve *resolve, const struct addrinfo **out)
{
    int rc = gai_error(&resolve->request);

    if (rc == EAI_INPROGRESS)
        return 0;
    *out = resolve->request.ar_result;
    return rc == 0 && *out != NULL ? 1 : -1;
}

void resolve_free(struct resolve *resolve)
{
    if (resolve == NULL)
        return;
    (void)gai_cancel(&resolve->request);
    if (gai_error(&resolve->request) != EAI_INPROGRESS) {
        release(resolve);
        return;
    }
    pthread_mutex_lock(&left_lock);
    resolve->next = left;
    left = resolve;
    pthread_mutex_unlock(&left_lock);
}
