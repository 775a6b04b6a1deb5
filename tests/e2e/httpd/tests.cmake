# SPDX-License-Identifier: Apache-2.0
# e2e.httpd.*: mod_mcmp inside the system's apache2.
# mcmp_httpd_test(NAME [TIMEOUT s] [LABELS ...] [ARGS ...]): tests/e2e/httpd/test_NAME.py
function(mcmp_httpd_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;FILE" "LABELS;ARGS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_FILE)
    set(ARG_FILE test_${name})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME e2e.httpd.${name}
    COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider ${ARG_ARGS}
      ${PROJECT_SOURCE_DIR}/tests/e2e/httpd/${ARG_FILE}.py)
  set_tests_properties(e2e.httpd.${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "e2e;${ARG_LABELS}"
    ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1;${ARG_ENVIRONMENT}")
endfunction()

if(TARGET mod_mcmp AND EXISTS /usr/sbin/apache2)
  mcmp_httpd_test(wire)
  mcmp_httpd_test(receive)
  mcmp_httpd_test(config)
  mcmp_httpd_test(state)
  mcmp_httpd_test(certificates)
  mcmp_httpd_test(valgrind_manage LABELS long)
  # what depends on the MPM runs with both
  foreach(mpm IN ITEMS event prefork)
    mcmp_httpd_test(traffic_${mpm} FILE test_traffic ENVIRONMENT MCMP_MPM=${mpm})
    mcmp_httpd_test(failover_${mpm} FILE test_failover ENVIRONMENT MCMP_MPM=${mpm})
    mcmp_httpd_test(advertise_${mpm} FILE test_advertise ENVIRONMENT MCMP_MPM=${mpm})
    mcmp_httpd_test(children_${mpm} FILE test_children LABELS slow ENVIRONMENT MCMP_MPM=${mpm})
  endforeach()
  mcmp_httpd_test(traffic_worker FILE test_traffic ENVIRONMENT MCMP_MPM=worker)
  mcmp_httpd_test(rules)
  mcmp_httpd_test(schemes LABELS slow)
  mcmp_httpd_test(valgrind LABELS slow)
endif()
