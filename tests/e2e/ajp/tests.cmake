# SPDX-License-Identifier: Apache-2.0
# e2e.ajp.*: mcmp-server and nodes of type ajp.
if(TARGET mcmp-server)
  function(mcmp_ajp_test name file)
    cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS" ${ARGN})
    add_test(NAME e2e.ajp.${name}
      COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider
        ${PROJECT_SOURCE_DIR}/tests/e2e/ajp/${file}.py)
    set_tests_properties(e2e.ajp.${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
      ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
  endfunction()

  mcmp_ajp_test(server test_ajp_server TIMEOUT 240 LABELS slow)
  mcmp_ajp_test(node test_ajp_node TIMEOUT 120)
  mcmp_ajp_test(safety test_ajp_safety TIMEOUT 120)
endif()
