/* SPDX-License-Identifier: Apache-2.0 */
/* Cryptography as the core sees it, behind one file per provider (STYLE L3). */
#ifndef MCMP__CRYPTO_H
#define MCMP__CRYPTO_H

#include "base/digest.h"

/* 0, or -1 when the provider has no entropy */
int mcmp__random_bytes(void *out, size_t len);
/* 0, or -1 when the provider refuses */
int mcmp__sha256(const void *data, size_t len, uint8_t out[32]);

#endif
