# SPDX-License-Identifier: Apache-2.0
mcmp_unit(client test_agent PUBLIC)
mcmp_unit(client test_drain PUBLIC)
mcmp_unit(client test_long_life PUBLIC)
mcmp_unit(client test_wire PUBLIC)
