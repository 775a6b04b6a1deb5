# SPDX-License-Identifier: Apache-2.0
mcmp_unit(base test_edit)
mcmp_unit(base test_error)
mcmp_unit(base test_health)
mcmp_unit(base test_log)
mcmp_unit(base test_lock)
mcmp_unit(base test_memory)
mcmp_unit(base test_sized)
mcmp_unit(base test_text)
