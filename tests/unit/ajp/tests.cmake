# SPDX-License-Identifier: Apache-2.0
mcmp_unit(ajp test_answer PUBLIC)
mcmp_unit(ajp test_container PUBLIC)
mcmp_unit(ajp test_cve PUBLIC)
mcmp_unit(ajp test_forward PUBLIC)
mcmp_unit(ajp test_golden PUBLIC)
mcmp_unit(ajp test_names)
mcmp_unit(ajp test_proxy PUBLIC)
mcmp_unit(ajp test_upload PUBLIC)
