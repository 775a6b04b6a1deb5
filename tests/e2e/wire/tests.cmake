# SPDX-License-Identifier: Apache-2.0
# e2e.wire: the management port of a real mcmp-server, as a foreign client sees it.
if(TARGET mcmp-server)
  add_test(NAME e2e.wire.contract
    COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider
      ${PROJECT_SOURCE_DIR}/tests/e2e/wire/test_wire_contract.py)
  set_tests_properties(e2e.wire.contract PROPERTIES TIMEOUT 240
    ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
endif()
