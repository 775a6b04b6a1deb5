/* SPDX-License-Identifier: Apache-2.0 */
/* From options to the places of everything in the region; pure computing. */
#ifndef MCMP__LAYOUT_H
#define MCMP__LAYOUT_H

#include "model/region.h"

/* config: every option filled in. MCMP_OK, MCMP_ERR_LIMIT (names the option) */
int mcmp__layout_make(mcmp__layout *layout, const mcmp__config *config, mcmp_error *err);

/* Give the texts the places of their tables. */
void mcmp__layout_texts(mcmp__layout *layout);

/* The header of a region against the layout that these options need; names what differs. */
void mcmp__header_write(mcmp__word *region, const mcmp__layout *layout, const mcmp__config *config);
int mcmp__header_check(const mcmp__word *region, const mcmp__layout *layout,
                       const mcmp__config *config, mcmp_error *err);

/* Once the seed is there too: the sum over all that never changes. */
void mcmp__header_seal(mcmp__word *region);
/* Magic and version alone: the other words mean what this library thinks. */
int mcmp__header_known(const mcmp__word *region, mcmp_error *err);
/* Like config_take(), but limits that opts leave open are those of the header, which is not checked
 * yet. */
int mcmp__header_adopt(mcmp__config *config, const mcmp_cluster_options *opts,
                       const mcmp__word *region, mcmp_error *err);

/* Options of the caller to a config with every default; texts still point to the caller's. */
int mcmp__config_take(mcmp__config *config, const mcmp_cluster_options *opts, mcmp_error *err);

#endif
