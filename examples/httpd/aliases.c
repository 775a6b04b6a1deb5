/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the modules that this one replaces. LoadModule may load each of them from this file,
 * so that sections like <IfModule manager_module> of a configuration go on being read; they have
 * nothing of their own.
 */
#include "module.h"

#define ALIAS(file)                                                                       \
    {                                                                                     \
        .version = MODULE_MAGIC_NUMBER_MAJOR, .minor_version = MODULE_MAGIC_NUMBER_MINOR, \
        .module_index = -1, .name = file, .magic = MODULE_MAGIC_COOKIE,                   \
    }

extern module AP_MODULE_DECLARE_DATA manager_module;
extern module AP_MODULE_DECLARE_DATA proxy_cluster_module;
extern module AP_MODULE_DECLARE_DATA advertise_module;
extern module AP_MODULE_DECLARE_DATA cluster_slotmem_module;

MCMP_API module AP_MODULE_DECLARE_DATA manager_module = ALIAS("mod_manager.c");
MCMP_API module AP_MODULE_DECLARE_DATA proxy_cluster_module = ALIAS("mod_proxy_cluster.c");
MCMP_API module AP_MODULE_DECLARE_DATA advertise_module = ALIAS("mod_advertise.c");
MCMP_API module AP_MODULE_DECLARE_DATA cluster_slotmem_module = ALIAS("mod_cluster_slotmem.c");

/* One of them that is not ours: both would take the same directives and messages. */
const char *mcmp_httpd_rival(void)
{
    static const module *const ours[] = { &manager_module, &proxy_cluster_module,
                                          &advertise_module };

    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
        const module *found = ap_find_linked_module(ours[i]->name);

        if (found != NULL && found != ours[i])
            return ours[i]->name;
    }
    return NULL;
}
