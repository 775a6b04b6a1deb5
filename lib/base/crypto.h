/* SPDX-License-Identifier: Apache-2.0 */
/* Cryptography as the core sees it, behind one file per provider (STYLE L3). */
#ifndef MCMP__CRYPTO_H
#define MCMP__CRYPTO_H

#include <stddef.h>

/* 0, or -1 when the provider has no entropy */
int mcmp__random_bytes(void *out, size_t len);

#endif
