# SPDX-License-Identifier: Apache-2.0
# Every tests/fuzz/fuzz_X.c becomes replay_X, which ctest runs over corpus/X in each build, and in
# the fuzz preset also fuzz_X, a libFuzzer program in <build>/fuzz.
file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/fuzz_*.c)
add_library(mcmp_replay OBJECT ${CMAKE_CURRENT_LIST_DIR}/replay.c)
target_link_libraries(mcmp_replay PRIVATE mcmp_flags)
target_include_directories(mcmp_replay PRIVATE ${PROJECT_SOURCE_DIR}/include)

function(mcmp_fuzz_program target source folder)
  add_executable(${target} ${source} ${ARGN})
  target_link_libraries(${target} PRIVATE mcmp_flags mcmp_static PkgConfig::APR OpenSSL::Crypto
    Threads::Threads)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/lib)
  target_compile_options(${target} PRIVATE -UNDEBUG
    -include ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz.h)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
endfunction()

foreach(source IN LISTS fuzz_sources)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" name ${name})
  mcmp_fuzz_program(replay_${name} ${source} tests $<TARGET_OBJECTS:mcmp_replay>)
  set(corpus)
  if(IS_DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/corpus/${name})
    set(corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/${name})
  endif()
  add_test(NAME fuzz.${name} COMMAND replay_${name} ${corpus})
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 300)
  if(MCMP_FUZZ)
    mcmp_fuzz_program(fuzz_${name} ${source} fuzz)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endif()
endforeach()
