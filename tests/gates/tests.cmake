# SPDX-License-Identifier: Apache-2.0
# Gates that need no build of their own; scripts/check.sh runs these and the dear ones.
foreach(gate format banned layers sizes marks docs)
  add_test(NAME gate.${gate} COMMAND ${MCMP_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/gates/${gate}.py
    --root ${PROJECT_SOURCE_DIR} --build ${PROJECT_BINARY_DIR})
  set_tests_properties(gate.${gate} PROPERTIES TIMEOUT 300)
endforeach()
# These look at the built library; instrumented builds are another matter.
if(NOT MCMP_SANITIZE)
  foreach(gate symbols objects)
    add_test(NAME gate.${gate} COMMAND ${MCMP_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/gates/${gate}.py
      --root ${PROJECT_SOURCE_DIR} --build ${PROJECT_BINARY_DIR})
    set_tests_properties(gate.${gate} PROPERTIES TIMEOUT 120)
  endforeach()
endif()
add_test(NAME gate.self_test COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/test_gates.py)
