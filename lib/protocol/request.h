/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests cross the library's border (STYLE A3): hosts that parse HTTP by themselves fill them,
 * and they may be older or newer than the library.
 */
#ifndef MCMP__REQUEST_H
#define MCMP__REQUEST_H

#include "base/base.h"

#include <libmcmp/parser.h>

/* Let *request be of this library's size; room is used when it is of another one. */
static inline int mcmp__request_take(const mcmp_request **request, mcmp_request *room)
{
    int rc;

    if ((*request)->struct_size == sizeof(*room))
        return MCMP_OK;
    rc = mcmp__sized_in(room, sizeof(*room), *request, sizeof(room->struct_size));
    room->struct_size = sizeof(*room);
    *request = room;
    return rc;
}

#endif
