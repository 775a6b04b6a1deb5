/* SPDX-License-Identifier: Apache-2.0 */
/* Options of both roles: defaults and limits. */
#include "ajp.h"

#define DEFAULT_HEADERS 100u
#define MOST_HEADERS 10000u
#define DEFAULT_HEAD (80u << 10) /* 65535 bytes of payload, written out, with room to spare */
#define MOST_HEAD (16u << 20)
#define MOST_ALLOWED 64u

void mcmp_ajp_options_init_sized(mcmp_ajp_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

static int check(const mcmp_ajp_options *opts, mcmp_error *err)
{
    if (opts->flags != 0 || opts->reserved != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    if (opts->max_packet < MCMP_AJP_PACKET_MIN || opts->max_packet > MCMP_AJP_PACKET_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_packet", "max_packet is not 8192..65536");
    if (opts->max_accept < MCMP_AJP_PACKET_MIN || opts->max_accept > MCMP_AJP_ACCEPT_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_accept", "max_accept is not 8192..65539");
    if (opts->max_headers > MOST_HEADERS)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_headers", "max_headers is over 10000");
    if (opts->max_head > MOST_HEAD)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_head", "max_head is over 16 MiB");
    if (opts->allow_count > MOST_ALLOWED || (opts->allow_count != 0 && opts->allow == NULL))
        return mcmp__fail(err, MCMP_ERR_INVALID, "allow", "allow is NULL or has over 64 names");
    if (opts->secret.len > MCMP__AJP_NULL - 1)
        return mcmp__fail(err, MCMP_ERR_INVALID, "secret", "the secret is too long");
    return MCMP_OK;
}

int mcmp__ajp_options_take(mcmp_ajp_options *dst, const mcmp_ajp_options *src,
                           mcmp_allocator *allocator, mcmp_error *err)
{
    int rc = mcmp__sized_in(dst, sizeof(*dst), src, sizeof(dst->struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "options", "options of a size or version that is not known");
    if (dst->max_packet == 0)
        dst->max_packet = MCMP_AJP_PACKET_MIN;
    if (dst->max_accept == 0)
        dst->max_accept = MCMP_AJP_ACCEPT_MAX;
    if (dst->max_headers == 0)
        dst->max_headers = DEFAULT_HEADERS;
    if (dst->max_head == 0)
        dst->max_head = DEFAULT_HEAD;
    rc = check(dst, err);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp__allocator_take(allocator, dst->allocator);
    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    return MCMP_OK;
}
