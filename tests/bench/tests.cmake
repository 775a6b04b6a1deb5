# SPDX-License-Identifier: Apache-2.0
# Benchmarks with the public interface. Instruction counts are compared with their goals by ctest in
# optimised builds; times are only printed, by hand: build/release/bench/bench_select.
find_path(MCMP_VALGRIND_INCLUDE valgrind/callgrind.h)
if(MCMP_VALGRIND_INCLUDE)
  add_library(mcmp_bench OBJECT ${CMAKE_CURRENT_LIST_DIR}/bench.c)
  target_include_directories(mcmp_bench PRIVATE ${PROJECT_SOURCE_DIR}/include
    ${MCMP_VALGRIND_INCLUDE})
  target_link_libraries(mcmp_bench PRIVATE mcmp_flags)
  foreach(bench select apply parse)
    add_executable(bench_${bench} EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_${bench}.c
      $<TARGET_OBJECTS:mcmp_bench>)
    target_link_libraries(bench_${bench} PRIVATE mcmp_flags mcmp_static)
    set_target_properties(bench_${bench} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  endforeach()
endif()
