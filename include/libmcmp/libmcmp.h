/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_LIBMCMP_H
#define LIBMCMP_LIBMCMP_H

/**
 * @file
 * @brief Umbrella: everything of libmcmp except the optional bridge to APR.
 */
#include <libmcmp/advertise.h>
#include <libmcmp/agent.h>
#include <libmcmp/ajp.h>
#include <libmcmp/base.h>
#include <libmcmp/client.h>
#include <libmcmp/cluster.h>
#include <libmcmp/command.h>
#include <libmcmp/http.h>
#include <libmcmp/http_body.h>
#include <libmcmp/multicast.h>
#include <libmcmp/observer.h>
#include <libmcmp/page.h>
#include <libmcmp/parser.h>
#include <libmcmp/probe.h>
#include <libmcmp/response.h>
#include <libmcmp/select.h>
#include <libmcmp/state.h>
#include <libmcmp/version.h>
#include <libmcmp/view.h>

#endif
