# SPDX-License-Identifier: Apache-2.0
mcmp_unit(protocol test_parser PUBLIC)
