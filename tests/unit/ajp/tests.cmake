# SPDX-License-Identifier: Apache-2.0
mcmp_unit(ajp test_answer PUBLIC)
mcmp_unit(ajp test_container PUBLIC)
mcmp_unit(ajp test_cve PUBLIC)
mcmp_unit(ajp test_forward PUBLIC)
mcmp_unit(ajp test_golden PUBLIC)
mcmp_unit(ajp test_names)
mcmp_unit(ajp test_proxy PUBLIC)
mcmp_unit(ajp test_upload PUBLIC)

# Streams over 4000 bytes are cut at some places in the normal run, here at every one.
add_test(NAME long.ajp.every_cut COMMAND ajp_test_golden)
set_tests_properties(long.ajp.every_cut PROPERTIES LABELS long TIMEOUT 3600
  ENVIRONMENT "MCMP_EVERY_CUT=1;CK_DEFAULT_TIMEOUT=0;CK_FORK=no")
