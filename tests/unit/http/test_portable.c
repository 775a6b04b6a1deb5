/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scans as processors without a wide compare run them: the same tests, over the source built
 * with MCMP__PORTABLE.
 */
#define MCMP__PORTABLE
#include "http/chars.c"

#include "test_chars.c"
