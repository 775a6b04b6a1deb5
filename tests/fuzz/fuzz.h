/* SPDX-License-Identifier: Apache-2.0 */
/* The one entry of every fuzz target, called by libFuzzer or by replay.c. */
#ifndef MCMP_FUZZ_H
#define MCMP_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
