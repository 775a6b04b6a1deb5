# SPDX-License-Identifier: Apache-2.0
# Many agents of the library in one process, against a real server.
add_executable(many_agents ${CMAKE_CURRENT_LIST_DIR}/many_agents.c)
target_link_libraries(many_agents PRIVATE mcmp_flags mcmp)
set_target_properties(many_agents PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)

if(TARGET mcmp-node)
  set(node_tests agent demo)
  if(TARGET mcmp-server)
    list(APPEND node_tests with_server quickstart restart settings drain many)
    if(EXISTS /usr/share/tomcat10/bin/catalina.sh AND EXISTS /usr/bin/php AND EXISTS /usr/bin/node)
      list(APPEND node_tests languages)
    else()
      message(STATUS "e2e.node.languages: left out without tomcat10, php-cli and nodejs")
    endif()
  endif()
  foreach(name IN LISTS node_tests)
    add_test(NAME e2e.node.${name}
      COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider ${CMAKE_CURRENT_LIST_DIR}/test_${name}.py)
    set_tests_properties(e2e.node.${name} PROPERTIES TIMEOUT 240
      ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endif()
