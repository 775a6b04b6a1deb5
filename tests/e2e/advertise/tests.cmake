# SPDX-License-Identifier: Apache-2.0
# e2e.advertise.*: what makes itself known by multicast, each in a network namespace of its own.
function(mcmp_advertise_test name file)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS" ${ARGN})
  add_test(NAME e2e.advertise.${name} COMMAND ${MCMP_PYTHON} -m pytest -q -rs -p no:cacheprovider
    ${PROJECT_SOURCE_DIR}/tests/e2e/advertise/${file}.py)
  set_tests_properties(e2e.advertise.${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
    LABELS "${ARG_LABELS}"
    ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
endfunction()

if(TARGET mcmp-server)
  mcmp_advertise_test(server test_server TIMEOUT 120)
endif()
if(TARGET mcmpctl)
  mcmp_advertise_test(listen test_listen TIMEOUT 120)
endif()
if(TARGET mcmp-server AND TARGET mcmp-node)
  mcmp_advertise_test(node test_node TIMEOUT 120)
endif()
