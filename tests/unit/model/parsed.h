/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages whose bodies come decoded, as from a parser with limits: say_parsed() instead of say().
 */
#ifndef MCMP_TEST_PARSED_H
#define MCMP_TEST_PARSED_H

#include "station.h"

static inline int say_parsed(station *s, const char *line, const char *body)
{
    mcmp_decoder *decoder = NULL;
    const mcmp_command *command;
    mcmp_request request;
    int rc;

    station_request(s, line, span_of(body), &request);
    ck_assert_int_eq(mcmp_decoder_new(&decoder, mcmp_cluster_limits(s->cluster), NULL, NULL),
                     MCMP_OK);
    (void)mcmp_decoder_decode(decoder, &request, &command, NULL, NULL);
    request.decoded = decoder;
    rc = mcmp_apply(s->cluster, &request, s->response, &s->err);
    rc = station_settle(s, &request, rc);
    mcmp_decoder_free(decoder);
    return rc;
}

#endif
