/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of health: what each event does to a node's word. Pure; the caller swaps the word in
 * and logs the change. Rules: MCMP 4.5 (STATUS), 6 (probes), DESIGN 5 (passive health).
 */
#include "health.h"

#include "base.h"

typedef struct health_rule {
    const char *name;
    uint32_t set;
    uint32_t clear;
    int takes_load;
} health_rule;

#define ALL_FLAGS \
    (MCMP__HEALTH_ERROR | MCMP__HEALTH_PROVEN | MCMP__HEALTH_FRESH | MCMP__HEALTH_RESTORED)

/*
 * STATUS without Load leaves Load -1 as it is: only a STATUS with Load >= 0 ends that. A STATUS
 * with Load -1 makes no probe, so it proves nothing about `error` (see the clear mask in the
 * function).
 */
static const health_rule rules[MCMP__HEALTH_EVENTS] = {
    [MCMP__HEALTH_REGISTER] = { "registered", 0, ALL_FLAGS | MCMP__HEALTH_LOAD, 0 },
    [MCMP__HEALTH_REPLACE] = { "endpoint replaced", 0, MCMP__HEALTH_ERROR, 0 },
    [MCMP__HEALTH_RESTORE] = { "restored", MCMP__HEALTH_RESTORED, ALL_FLAGS, 1 },
    [MCMP__HEALTH_STATUS] = { "status", MCMP__HEALTH_PROVEN,
                              MCMP__HEALTH_ERROR | MCMP__HEALTH_RESTORED, 0 },
    [MCMP__HEALTH_STATUS_LOAD] = { "status", MCMP__HEALTH_PROVEN,
                                   MCMP__HEALTH_ERROR | MCMP__HEALTH_RESTORED, 1 },
    [MCMP__HEALTH_STATUS_FAILED] = { "status failed", MCMP__HEALTH_ERROR, 0, 0 },
    [MCMP__HEALTH_PROBE_OK] = { "probe answered", 0, MCMP__HEALTH_ERROR | MCMP__HEALTH_RESTORED,
                                0 },
    [MCMP__HEALTH_PROBE_FAILED] = { "probe failed", MCMP__HEALTH_ERROR, 0, 0 },
    [MCMP__HEALTH_FORWARD_FAILED] = { "forward failed", MCMP__HEALTH_ERROR, 0, 0 },
    [MCMP__HEALTH_FRESH_DONE] = { "joined", 0, MCMP__HEALTH_FRESH, 0 },
};

static int is_active(uint32_t word)
{
    return mcmp__health_usable(word) && mcmp__health_weight(word) > 0;
}

uint32_t mcmp__health_next(uint32_t word, mcmp__health_event event, int load)
{
    const health_rule *rule = &rules[event];
    uint32_t clear = rule->clear;
    uint32_t next;

    if (event == MCMP__HEALTH_STATUS_LOAD && load < 0)
        clear &= ~MCMP__HEALTH_ERROR;
    next = (word & ~clear) | rule->set;
    if (rule->takes_load)
        next = (next & ~MCMP__HEALTH_LOAD) | ((uint32_t)load & MCMP__HEALTH_LOAD);
    if (is_active(next) && !is_active(word))
        next |= MCMP__HEALTH_FRESH;
    return next;
}

const char *mcmp__health_event_name(mcmp__health_event event)
{
    return event < MCMP__HEALTH_EVENTS ? rules[event].name : "?";
}

uint32_t mcmp__health_state(uint32_t word)
{
    enum { UNPROVEN, ACTIVE, STANDBY, BROKEN, ERROR }; /* values of view.h */

    if (mcmp__health_load(word) < 0)
        return BROKEN;
    if ((word & MCMP__HEALTH_ERROR) != 0)
        return ERROR;
    if ((word & MCMP__HEALTH_RESTORED) != 0)
        return UNPROVEN;
    if (mcmp__health_load(word) > 0)
        return ACTIVE;
    return (word & MCMP__HEALTH_PROVEN) != 0 ? STANDBY : UNPROVEN;
}
