# SPDX-License-Identifier: Apache-2.0
# e2e.wire: both ports of a real mcmp-server, as foreign clients and nodes see them.
if(TARGET mcmp-server)
  foreach(name IN ITEMS wire traffic forwarding)
    set(test e2e.wire.${name})
    if(name STREQUAL wire)
      set(test e2e.wire.contract)
    endif()
    add_test(NAME ${test}
      COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider
        ${PROJECT_SOURCE_DIR}/tests/e2e/wire/test_${name}_contract.py)
    set_tests_properties(${test} PROPERTIES TIMEOUT 240
      ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endif()
