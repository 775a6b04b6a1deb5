# SPDX-License-Identifier: Apache-2.0
mcmp_unit(http test_body PUBLIC)
mcmp_unit(http test_chars)
mcmp_unit(http test_framing PUBLIC)
mcmp_unit(http test_head PUBLIC)
mcmp_unit(http test_portable)
mcmp_unit(http test_reply PUBLIC)
mcmp_unit(http test_request PUBLIC)
mcmp_unit(http test_target PUBLIC)
