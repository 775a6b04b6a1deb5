/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes and digests from OpenSSL: the one file of the core that includes its headers. */
#include "base/crypto.h"

#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <limits.h>

int mcmp__random_bytes(void *out, size_t len)
{
    if (len > INT_MAX)
        return -1;
    return RAND_bytes(out, (int)len) == 1 ? 0 : -1;
}

int mcmp__sha256(const void *data, size_t len, uint8_t out[32])
{
    return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

int mcmp__secret_eq(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

int mcmp__md5(const void *data, size_t len, uint8_t out[16])
{
    return EVP_Digest(data, len, out, NULL, EVP_md5(), NULL) == 1 ? 0 : -1;
}

int mcmp__hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                      uint8_t out[32])
{
    unsigned int out_len = 32;

    if (key_len > INT_MAX)
        return -1;
    return HMAC(EVP_sha256(), key, (int)key_len, data, len, out, &out_len) != NULL ? 0 : -1;
}

void mcmp__wipe(void *data, size_t len)
{
    OPENSSL_cleanse(data, len);
}
