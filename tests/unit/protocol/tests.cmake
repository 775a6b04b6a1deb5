# SPDX-License-Identifier: Apache-2.0
mcmp_unit(protocol test_decoder PUBLIC)
mcmp_unit(protocol test_parser PUBLIC)
mcmp_unit(protocol test_response PUBLIC)
