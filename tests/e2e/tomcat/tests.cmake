# SPDX-License-Identifier: Apache-2.0
# e2e.tomcat.*: Debian's Tomcat as a node, other people's AJP proxies beside ours.
set(tomcat_needs /usr/share/tomcat10/bin/catalina.sh /usr/lib/jvm/default-java/bin/javac)
set(tomcat_missing)
foreach(file IN LISTS tomcat_needs)
  if(NOT EXISTS ${file})
    list(APPEND tomcat_missing ${file})
  endif()
endforeach()
if(tomcat_missing)
  message(STATUS "e2e.tomcat: left out, missing ${tomcat_missing}; see scripts/install-deps.sh")
elseif(TARGET mcmp-server AND TARGET mcmp-node)
  foreach(name IN ITEMS content cluster)
    add_test(NAME e2e.tomcat.${name}
      COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider ${CMAKE_CURRENT_LIST_DIR}/test_${name}.py)
    set_tests_properties(e2e.tomcat.${name} PROPERTIES TIMEOUT 240 LABELS slow
      ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endif()
