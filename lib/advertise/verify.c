/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests of a decoded datagram. The hex digits are compared in constant time, after turning
 * those of the peer into lower case.
 */
#include "values.h"

#include "base/digest.h"

static int is_same_hex(mcmp_span got, const char *want, size_t len)
{
    char low[64];

    if (got.len != len)
        return 0;
    memcpy(low, got.ptr, len);
    (void)mcmp__lower_in_place(low, len);
    return mcmp__secret_eq(low, want, len);
}

int mcmp_advert_verify(const mcmp_advert *advert, mcmp_span key, mcmp_error *err)
{
    mcmp_advert own;
    char digest[32];
    char hmac[64];

    if (advert == NULL || mcmp__sized_in(&own, sizeof(own), advert, sizeof(own)) != MCMP_OK)
        return mcmp__fail(err, MCMP_ERR_INVALID, "mcmp_advert", "not a decoded datagram");
    if (mcmp__advert_digest(own.date_text, own.sequence_text, own.server, key, digest) != 0)
        return mcmp__fail(err, MCMP_ERR_OS, "Digest", "the cryptographic provider refuses MD5");
    if (!is_same_hex(own.digest, digest, sizeof(digest)))
        return mcmp__fail(err, MCMP_ERR_ADVERT_DIGEST, "Digest", "Digest is wrong%s",
                          key.len != 0 ? " for the security key" : ": the sender may have a key");
    if (key.len == 0 || own.hmac.len == 0)
        return MCMP_OK;
    if (mcmp__advert_hmac(own.hmac_front, own.hmac_back, key, hmac) != 0)
        return mcmp__fail(err, MCMP_ERR_OS, "X-Manager-Digest",
                          "the cryptographic provider refuses HMAC-SHA256");
    if (!is_same_hex(own.hmac, hmac, sizeof(hmac)))
        return mcmp__fail(err, MCMP_ERR_ADVERT_DIGEST, "X-Manager-Digest",
                          "X-Manager-Digest is wrong for the security key");
    return MCMP_OK;
}
