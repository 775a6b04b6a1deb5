# SPDX-License-Identifier: Apache-2.0
mcmp_unit(base test_health)
