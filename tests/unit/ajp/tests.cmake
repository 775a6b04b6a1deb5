# SPDX-License-Identifier: Apache-2.0
mcmp_unit(ajp test_container PUBLIC)
mcmp_unit(ajp test_forward PUBLIC)
mcmp_unit(ajp test_proxy PUBLIC)
mcmp_unit(ajp test_upload PUBLIC)
