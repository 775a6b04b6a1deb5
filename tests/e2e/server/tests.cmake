# SPDX-License-Identifier: Apache-2.0
# e2e.server.*: real mcmp-server processes on free loopback ports.
if(TARGET mcmp-server)
  function(mcmp_server_test name file)
    cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;ENVIRONMENT;ARGS" ${ARGN})
    add_test(NAME e2e.server.${name}
      COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider ${ARG_ARGS}
        ${PROJECT_SOURCE_DIR}/tests/e2e/server/${file}.py)
    set_tests_properties(e2e.server.${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
      ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1;${ARG_ENVIRONMENT}")
  endfunction()

  mcmp_server_test(forward test_forward TIMEOUT 120)
  mcmp_server_test(failover test_failover TIMEOUT 120 LABELS slow)
  mcmp_server_test(input test_input TIMEOUT 120)
  mcmp_server_test(smuggling test_smuggling TIMEOUT 120)
  mcmp_server_test(operations test_operations TIMEOUT 180 LABELS slow)
  mcmp_server_test(segment test_segment TIMEOUT 180)
  mcmp_server_test(tls test_tls TIMEOUT 120)
  mcmp_server_test(tls_front test_tls_front TIMEOUT 120)
  mcmp_server_test(tls_management test_tls_management TIMEOUT 120)
  mcmp_server_test(stream test_stream TIMEOUT 240 LABELS slow)
  mcmp_server_test(idle test_idle TIMEOUT 180 LABELS slow)
  mcmp_server_test(load test_load TIMEOUT 180 LABELS slow)
  # The sizes and times of the project's promises; the tests above do the same on less.
  mcmp_server_test(stream_2gib test_stream TIMEOUT 900 LABELS slow full ARGS -k big
    ENVIRONMENT MCMP_BYTES=2147483648)
  mcmp_server_test(load_30s test_load TIMEOUT 240 LABELS slow ARGS -k idle
    ENVIRONMENT MCMP_SECONDS=30)
endif()
