# SPDX-License-Identifier: Apache-2.0
# The store beside a reference model. A sanitizer makes each step several times as dear.
add_executable(oracle oracle/main.c oracle/oracle.c oracle/oracle_apply.c oracle/oracle_config.c
  oracle/oracle_pairs.c oracle/oracle_select.c oracle/oracle_text.c oracle/walk.c oracle/walk_choice.c
  oracle/walk_groups.c oracle/walk_message.c oracle/walk_setups.c oracle/walk_wrap.c)
target_link_libraries(oracle PRIVATE mcmp_flags mcmp_static PkgConfig::APR OpenSSL::Crypto
  Threads::Threads)
target_include_directories(oracle PRIVATE ${PROJECT_SOURCE_DIR}/lib)
set_target_properties(oracle PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
if(MCMP_SANITIZE)
  set(oracle_quick 40000)
  set(oracle_many 8000)
else()
  set(oracle_quick 200000)
  set(oracle_many 48000)
endif()
add_test(NAME unit.oracle.quick COMMAND oracle ${oracle_quick})
add_test(NAME unit.oracle.many COMMAND oracle --many ${oracle_many})
add_test(NAME long.oracle COMMAND oracle 6000000 20261120)
add_test(NAME long.oracle_many COMMAND oracle --many 5000000 20261120)
set_tests_properties(unit.oracle.quick unit.oracle.many PROPERTIES TIMEOUT 120)
set_tests_properties(long.oracle long.oracle_many PROPERTIES TIMEOUT 3600 LABELS long)
mcmp_memcheck(oracle oracle.small 40000) # an episode of each set of options
mcmp_memcheck(oracle oracle.many --many 24000)
