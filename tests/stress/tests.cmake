# SPDX-License-Identifier: Apache-2.0
foreach(stress store observer)
  add_executable(stress_${stress} stress/stress_${stress}.c)
  target_link_libraries(stress_${stress} PRIVATE mcmp_flags mcmp_static PkgConfig::APR
    OpenSSL::Crypto Threads::Threads)
  target_include_directories(stress_${stress} PRIVATE ${PROJECT_SOURCE_DIR}/lib)
  set_target_properties(stress_${stress} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  foreach(mode fork threads)
    add_test(NAME stress.${stress}.${mode} COMMAND stress_${stress} ${mode} 4)
    set_tests_properties(stress.${stress}.${mode} PROPERTIES TIMEOUT 60)
  endforeach()
endforeach()
