# SPDX-License-Identifier: Apache-2.0
mcmp_unit(protocol test_answer PUBLIC)
mcmp_unit(protocol test_decoder PUBLIC)
mcmp_unit(protocol test_fields PUBLIC)
mcmp_unit(protocol test_info PUBLIC)
mcmp_unit(protocol test_message PUBLIC)
mcmp_unit(protocol test_parser PUBLIC)
mcmp_unit(protocol test_response PUBLIC)
