# SPDX-License-Identifier: Apache-2.0
# Layout of every struct against the committed list, and every init function called by older and
# newer callers. The list is that of 64-bit systems; released layouts never change.
set(layout ${CMAKE_CURRENT_LIST_DIR}/layout.py)
set(listing ${CMAKE_CURRENT_LIST_DIR}/layout-lp64.txt)
file(GLOB abi_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/libmcmp/*.h)
add_custom_command(OUTPUT abi/layout.c
  COMMAND ${CMAKE_COMMAND} -E make_directory abi
  COMMAND ${MCMP_PYTHON} ${layout} --generate abi/layout.c
  DEPENDS ${layout} ${abi_headers} VERBATIM)
add_executable(abi_layout ${CMAKE_CURRENT_BINARY_DIR}/abi/layout.c ${CMAKE_CURRENT_LIST_DIR}/init.c)
target_link_libraries(abi_layout PRIVATE mcmp mcmp_flags)
set_target_properties(abi_layout PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
if(CMAKE_SIZEOF_VOID_P EQUAL 8)
  add_test(NAME abi.layout COMMAND sh -c
    "out=$($<TARGET_FILE:abi_layout>) && printf '%s\\n' \"$out\" | ${MCMP_PYTHON} ${layout} --compare ${listing}")
  add_custom_target(abi-update COMMAND sh -c
    "$<TARGET_FILE:abi_layout> | ${MCMP_PYTHON} ${layout} --update ${listing}" VERBATIM)
endif()

add_executable(abi_test_callers ${CMAKE_CURRENT_LIST_DIR}/test_callers.c)
target_link_libraries(abi_test_callers PRIVATE mcmp mcmp_flags PkgConfig::CHECK Threads::Threads)
target_include_directories(abi_test_callers PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/unit)
target_compile_definitions(abi_test_callers PRIVATE MCMP_TEST_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
target_compile_options(abi_test_callers PRIVATE -UNDEBUG)
set_target_properties(abi_test_callers PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_test(NAME abi.callers COMMAND abi_test_callers)
if(MCMP_SANITIZE)
  set_tests_properties(abi.callers PROPERTIES ENVIRONMENT CK_FORK=no)
endif()
