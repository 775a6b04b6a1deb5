/* SPDX-License-Identifier: Apache-2.0 */
/* Where the stores of the hooked library are announced. In the other build nobody calls it. */
#include "torture.h"

_Thread_local torture_hook_fn torture_hook;

#ifdef TORTURE_HOOKED
void mcmp_torture_store(const volatile void *at)
{
    if (torture_hook != NULL)
        torture_hook(at);
}

int torture_has_hooks(void)
{
    return 1;
}
#else
int torture_has_hooks(void)
{
    return 0;
}
#endif
