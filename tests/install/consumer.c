/* SPDX-License-Identifier: Apache-2.0 */
/* A program outside the tree that uses the installed library, by CMake and by pkg-config. */
#include <libmcmp/libmcmp.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    mcmp_version_info info;

    mcmp_version_info_init(&info);
    if (mcmp_version(&info) != MCMP_OK || info.number != MCMP_VERSION_NUM)
        return 1;
    if (strcmp(info.text, MCMP_VERSION) != 0)
        return 1;
    printf("libmcmp %s, protocol %s\n", info.text, info.protocol);
    return 0;
}
