# SPDX-License-Identifier: Apache-2.0
# Benchmarks with the public interface. Instruction counts are compared with their goals by ctest in
# optimised builds; times are only printed, by hand: build/release/bench/bench_select.
find_path(MCMP_VALGRIND_INCLUDE valgrind/callgrind.h)
if(MCMP_VALGRIND_INCLUDE)
  add_library(mcmp_bench OBJECT ${CMAKE_CURRENT_LIST_DIR}/bench.c)
  target_include_directories(mcmp_bench PRIVATE ${PROJECT_SOURCE_DIR}/include
    ${MCMP_VALGRIND_INCLUDE})
  target_link_libraries(mcmp_bench PRIVATE mcmp_flags)
  foreach(bench select apply parse http ajp)
    add_executable(bench_${bench} ${CMAKE_CURRENT_LIST_DIR}/bench_${bench}.c
      $<TARGET_OBJECTS:mcmp_bench>)
    target_link_libraries(bench_${bench} PRIVATE mcmp_flags mcmp)
    set_target_properties(bench_${bench} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  endforeach()
  if(NOT MCMP_SANITIZE AND CMAKE_BUILD_TYPE MATCHES "^Rel")
    add_test(NAME bench.figures COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/figures.py
      --bin ${PROJECT_BINARY_DIR}/bench --gate)
    set_tests_properties(bench.figures PROPERTIES LABELS bench-gate TIMEOUT 600)
  endif()
endif()
