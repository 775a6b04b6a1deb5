# SPDX-License-Identifier: Apache-2.0
# e2e.ctl.*: mcmpctl against a real mcmp-server.
if(TARGET mcmpctl AND TARGET mcmp-server)
  foreach(name commands tls)
    add_test(NAME e2e.ctl.${name} COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider
      ${CMAKE_CURRENT_LIST_DIR}/test_${name}.py)
    set_tests_properties(e2e.ctl.${name} PROPERTIES TIMEOUT 180
      ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endif()
