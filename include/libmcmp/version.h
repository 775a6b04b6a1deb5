/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_VERSION_H
#define LIBMCMP_VERSION_H

#include <libmcmp/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_version Version
 * @brief The version compiled against and the one linked.
 * @{
 */

#define MCMP_VERSION_MAJOR 0          /**< incompatible changes */
#define MCMP_VERSION_MINOR 1          /**< additions */
#define MCMP_VERSION_PATCH 0          /**< repairs */
#define MCMP_VERSION "0.1.0"          /**< the same as text */
#define MCMP_VERSION_NUM 0x000100     /**< 0xMMmmpp, to compare */
#define MCMP_PROTOCOL_VERSION "0.2.1" /**< version of the management protocol */

/** The linked library. Sized. */
typedef struct mcmp_version_info {
    size_t struct_size;   /**< set by mcmp_version_info_init() */
    uint32_t number;      /**< MCMP_VERSION_NUM of the library */
    uint32_t reserved;    /**< 0 */
    const char *text;     /**< "0.1.0"; static */
    const char *protocol; /**< "0.2.1"; static */
} mcmp_version_info;

/**
 * @brief Clear the struct and set its size.
 * @param[out] info the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_version_info_init_sized(mcmp_version_info *info, size_t size);
/** Initialise with this header's size. */
#define mcmp_version_info_init(i) mcmp_version_info_init_sized((i), sizeof(*(i)))

/**
 * @brief Tell the version of the linked library.
 * @param[in,out] info initialised by the caller; filled; @borrowed
 * @return MCMP_OK, MCMP_ERR_INVALID (info is NULL or not initialised)
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_version(mcmp_version_info *info);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
