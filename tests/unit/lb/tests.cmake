# SPDX-License-Identifier: Apache-2.0
mcmp_unit(lb test_session)
mcmp_unit(lb test_share)
mcmp_unit(lb test_routing PUBLIC)
mcmp_unit(lb test_choice PUBLIC)
mcmp_unit(lb test_plain PUBLIC)
mcmp_unit(lb test_release PUBLIC)
mcmp_unit(lb test_tick PUBLIC)
mcmp_unit(lb test_explain PUBLIC)
