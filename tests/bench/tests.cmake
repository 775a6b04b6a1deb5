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
  # Everything at four sizes, beside LMDB where it is installed: scale/scale.py --bin build/release/bench
  find_library(MCMP_LMDB lmdb)
  find_path(MCMP_LMDB_INCLUDE lmdb.h)
  add_executable(bench_scale ${CMAKE_CURRENT_LIST_DIR}/scale/scale.c
    ${CMAKE_CURRENT_LIST_DIR}/scale/cluster.c ${CMAKE_CURRENT_LIST_DIR}/scale/lmdb.c)
  target_link_libraries(bench_scale PRIVATE mcmp_flags mcmp Threads::Threads)
  target_include_directories(bench_scale PRIVATE ${MCMP_VALGRIND_INCLUDE})
  set_target_properties(bench_scale PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  if(MCMP_LMDB AND MCMP_LMDB_INCLUDE)
    target_compile_definitions(bench_scale PRIVATE MCMP_SCALE_LMDB)
    target_include_directories(bench_scale PRIVATE ${MCMP_LMDB_INCLUDE})
    target_link_libraries(bench_scale PRIVATE ${MCMP_LMDB})
  endif()
  if(NOT MCMP_SANITIZE AND CMAKE_BUILD_TYPE MATCHES "^Rel")
    add_test(NAME bench.figures COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/figures.py
      --bin ${PROJECT_BINARY_DIR}/bench --gate)
    set_tests_properties(bench.figures PROPERTIES LABELS bench-gate TIMEOUT 600)
    add_test(NAME bench.scale COMMAND ${MCMP_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/scale/scale.py
      --bin ${PROJECT_BINARY_DIR}/bench --short)
    set_tests_properties(bench.scale PROPERTIES LABELS bench TIMEOUT 300)
  endif()
endif()
