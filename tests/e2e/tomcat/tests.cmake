# SPDX-License-Identifier: Apache-2.0
# e2e.tomcat.*: Debian's Tomcat as a node, other people's AJP proxies and decoder beside ours.
function(mcmp_tomcat_test name)
  cmake_parse_arguments(ARG "" "FILE;TIMEOUT" "NEEDS;LABELS;ARGS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_FILE)
    set(ARG_FILE test_${name})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 240)
  endif()
  set(missing)
  foreach(file IN LISTS ARG_NEEDS)
    if(NOT EXISTS ${file})
      list(APPEND missing ${file})
    endif()
  endforeach()
  if(missing)
    message(STATUS "e2e.tomcat.${name}: left out without ${missing}; see scripts/install-deps.sh")
    return()
  endif()
  add_test(NAME e2e.tomcat.${name}
    COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider ${ARG_ARGS}
      ${PROJECT_SOURCE_DIR}/tests/e2e/tomcat/${ARG_FILE}.py)
  set_tests_properties(e2e.tomcat.${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "slow;${ARG_LABELS}"
    ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1;${ARG_ENVIRONMENT}")
endfunction()

if(TARGET mcmp-server AND TARGET mcmp-node)
  set(tomcat /usr/share/tomcat10/bin/catalina.sh /usr/lib/jvm/default-java/bin/javac)
  set(httpd /usr/sbin/apache2 /usr/lib/apache2/modules/mod_proxy_ajp.so)
  mcmp_tomcat_test(content NEEDS ${tomcat})
  mcmp_tomcat_test(limits NEEDS ${tomcat})
  mcmp_tomcat_test(cluster NEEDS ${tomcat})
  mcmp_tomcat_test(tls NEEDS ${tomcat} ${httpd})
  mcmp_tomcat_test(differential NEEDS ${tomcat} ${httpd})
  mcmp_tomcat_test(wire NEEDS ${tomcat} /usr/bin/tshark)
  mcmp_tomcat_test(peers NEEDS ${httpd} /usr/lib/apache2/modules/mod_jk.so
    /usr/lib/lighttpd/mod_ajp13.so /usr/sbin/lighttpd)
  # Lengths that 32 bits do not hold; the test above does the same on 100 MiB.
  mcmp_tomcat_test(content_over_4gib NEEDS ${tomcat} FILE test_content ARGS -k "big and ajp"
    LABELS long TIMEOUT 1200 ENVIRONMENT MCMP_BYTES=4294967303)
endif()
