# SPDX-License-Identifier: Apache-2.0
add_executable(stress_store stress/stress_store.c)
target_link_libraries(stress_store PRIVATE mcmp_flags mcmp_static PkgConfig::APR OpenSSL::Crypto
  Threads::Threads)
target_include_directories(stress_store PRIVATE ${PROJECT_SOURCE_DIR}/lib)
set_target_properties(stress_store PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
foreach(mode fork threads)
  add_test(NAME stress.store.${mode} COMMAND stress_store ${mode} 4)
  set_tests_properties(stress.store.${mode} PROPERTIES TIMEOUT 60)
endforeach()
