/* SPDX-License-Identifier: Apache-2.0 */
/* What an error means for the other side: the status to answer, and who is to blame (AJP13 5). */
#include "ajp.h"

typedef struct meaning {
    int code;
    uint32_t proxy_status;
    uint32_t fault;
    uint32_t container_status; /* 0: close without an answer */
} meaning;

static const meaning meanings[] = {
    { MCMP_ERR_AJP_PACKET, 502, MCMP_AJP_FAULT_NODE, 0 },
    { MCMP_ERR_AJP_STRING, 502, MCMP_AJP_FAULT_NODE, 0 },
    { MCMP_ERR_AJP_HEADER, 502, MCMP_AJP_FAULT_NODE, 400 },
    { MCMP_ERR_AJP_STATUS, 502, MCMP_AJP_FAULT_NODE, 0 },
    { MCMP_ERR_AJP_ORDER, 502, MCMP_AJP_FAULT_NODE, 0 },
    { MCMP_ERR_AJP_SIZE, 502, MCMP_AJP_FAULT_NODE, 431 },
    { MCMP_ERR_AJP_LENGTH, 502, MCMP_AJP_FAULT_NODE, 400 },
    { MCMP_ERR_AJP_REQUEST_SIZE, 431, MCMP_AJP_FAULT_CLIENT, 0 },
    { MCMP_ERR_AJP_BODY_SHORT, 400, MCMP_AJP_FAULT_CLIENT, 0 },
    { MCMP_ERR_AJP_METHOD, 500, MCMP_AJP_FAULT_NONE, 400 },
    { MCMP_ERR_AJP_ATTRIBUTE, 500, MCMP_AJP_FAULT_NONE, 403 },
    { MCMP_ERR_AJP_SECRET, 500, MCMP_AJP_FAULT_NONE, 403 },
    { MCMP_ERR_AJP_TARGET, 500, MCMP_AJP_FAULT_NONE, 400 },
    { MCMP_ERR_AJP_FRAMING, 500, MCMP_AJP_FAULT_NONE, 400 },
    { MCMP_ERR_TRUNCATED, 502, MCMP_AJP_FAULT_NODE, 0 },
};

static const meaning *find(int code)
{
    for (size_t i = 0; i < MCMP__COUNT(meanings); i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return NULL;
}

uint32_t mcmp_ajp_proxy_status_of(int code)
{
    const meaning *row = find(code);

    return row != NULL ? row->proxy_status : mcmp_http_status_of(code);
}

uint32_t mcmp_ajp_proxy_fault_of(int code)
{
    const meaning *row = find(code);

    if (row != NULL)
        return row->fault;
    return code < 0 && mcmp_http_status_of(code) != 500 ? MCMP_AJP_FAULT_CLIENT
                                                        : MCMP_AJP_FAULT_NONE;
}

uint32_t mcmp_ajp_container_status_of(int code)
{
    const meaning *row = find(code);

    return row != NULL ? row->container_status : 0;
}
