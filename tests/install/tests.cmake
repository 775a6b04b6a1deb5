# SPDX-License-Identifier: Apache-2.0
if(NOT MCMP_SANITIZE)
  add_test(NAME install.consumer COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/consume.sh
    ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/tests/consumer)
  set_tests_properties(install.consumer PROPERTIES LABELS gate TIMEOUT 300)
  add_test(NAME install.readme COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/readme.py
    ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/tests/readme
    ${CMAKE_C_COMPILER})
  set_tests_properties(install.readme PROPERTIES LABELS gate TIMEOUT 60)
endif()
