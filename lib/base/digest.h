/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests: computing like everything else, so that folders without I/O may use them, but from the
 * provider behind crypto_openssl.c. 0, or -1 when the provider refuses.
 */
#ifndef MCMP__DIGEST_H
#define MCMP__DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* For formats that ask for it; it proves nothing against an attacker with means. A provider in
 * FIPS mode refuses it. */
int mcmp__md5(const void *data, size_t len, uint8_t out[16]);
int mcmp__hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                      uint8_t out[32]);
/* 1: the bytes are equal; takes the same time wherever they differ. */
int mcmp__secret_eq(const void *a, const void *b, size_t len);
/* Overwrites a secret, and is not optimised away. */
void mcmp__wipe(void *data, size_t len);

#endif
