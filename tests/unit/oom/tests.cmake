# SPDX-License-Identifier: Apache-2.0
# The runner itself. Check is linked statically and forks.
mcmp_unit(oom test_oom SOURCES unit/oom/oom_fail.c unit/oom/oom_run.c)
target_link_options(oom_test_oom PRIVATE -Wl,--wrap=fork)
add_test(NAME gate.oom.suites COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/suites.py
  ${PROJECT_BINARY_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/unit ${mcmp_oom_folders})
# It finds what is missing: the suite of the runner has no such test.
add_test(NAME gate.oom.suites.finds COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/suites.py
  ${PROJECT_BINARY_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/unit oom)
set_tests_properties(gate.oom.suites.finds PROPERTIES PASS_REGULAR_EXPRESSION
  "long.oom.oom.test_oom with MCMP_OOM=all is missing")
