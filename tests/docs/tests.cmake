# SPDX-License-Identifier: Apache-2.0
# The manual pages against --help of the programs.
foreach(pair mcmp-server:8 mcmp-node:1 mcmpctl:1)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 chapter)
  if(TARGET ${name} AND NOT MCMP_SANITIZE)
    add_test(NAME docs.manual_${name} COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/manuals.py
      $<TARGET_FILE:${name}> ${PROJECT_SOURCE_DIR}/docs/man/${name}.${chapter})
    set_tests_properties(docs.manual_${name} PROPERTIES LABELS gate)
  endif()
endforeach()
