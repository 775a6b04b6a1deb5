# SPDX-License-Identifier: Apache-2.0
# Torture of the store (docs/store.md). Two programs of the same parts: torture_plain with the
# library as it is released, and torture with a build of its store that announces each store into
# shared memory before it happens. The hook is a header in hooked/ that comes before the one in lib/;
# no source of the library knows of it.
set(stress_dir ${CMAKE_CURRENT_LIST_DIR})
set(torture_sources)
foreach(part main world told image writes readers worker random threads step)
  list(APPEND torture_sources ${stress_dir}/${part}.c)
endforeach()

# torture_flags(TARGET [HOOKED] [LIB]): the headers of the library, LIB's before those of lib/.
function(torture_flags target)
  cmake_parse_arguments(ARG "HOOKED" "LIB" "" ${ARGN})
  if(ARG_HOOKED)
    target_include_directories(${target} PRIVATE ${stress_dir}/hooked)
    target_compile_definitions(${target} PRIVATE
      MCMP_HOOKED_REAL="${PROJECT_SOURCE_DIR}/lib/base/atomic.h")
  endif()
  target_include_directories(${target} PRIVATE ${ARG_LIB} ${PROJECT_SOURCE_DIR}/lib
    ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${target} PRIVATE mcmp_flags PkgConfig::APR OpenSSL::Crypto
    Threads::Threads)
endfunction()

# torture_program(TARGET OBJECTS...): the parts with these objects of base and model.
function(torture_program target)
  add_executable(${target} ${stress_dir}/hook.c ${ARGN} $<TARGET_OBJECTS:torture_parts>
    $<TARGET_OBJECTS:torture_lb> $<TARGET_OBJECTS:mcmp_protocol> $<TARGET_OBJECTS:mcmp_http>)
  torture_flags(${target})
  target_compile_definitions(${target} PRIVATE TORTURE_HOOKED)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()

foreach(folder base model lb)
  get_target_property(${folder}_sources mcmp_${folder} SOURCES)
  add_library(torture_${folder} OBJECT ${${folder}_sources})
  torture_flags(torture_${folder} HOOKED)
endforeach()
add_library(torture_parts OBJECT ${torture_sources})
torture_flags(torture_parts)
torture_program(torture $<TARGET_OBJECTS:torture_base> $<TARGET_OBJECTS:torture_model>)

add_executable(torture_plain ${stress_dir}/hook.c $<TARGET_OBJECTS:torture_parts>)
torture_flags(torture_plain)
target_link_libraries(torture_plain PRIVATE mcmp_static)
set_target_properties(torture_plain PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)

# torture_test(NAME PROGRAM ARGUMENTS...)
function(torture_test name program)
  add_test(NAME stress.torture.${name} COMMAND ${program} ${ARGN})
  set_tests_properties(stress.torture.${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
endfunction()
# Seconds each. What runs in one thread tells ThreadSanitizer nothing; the instructions of a sanitizer
# are not those that are released.
torture_test(random torture --quick random)
torture_test(random_plain torture_plain --quick random)
torture_test(random_no_ring torture --no-ring --seconds 3 random)
torture_test(threads torture_plain --quick threads)
torture_test(threads_no_ring torture_plain --no-ring --seconds 3 threads)
if(NOT MCMP_SANITIZE)
  torture_test(writes torture --quick writes)
  torture_test(readers torture --quick readers)
  torture_test(step torture_plain --quick step)
elseif(NOT MCMP_SANITIZE MATCHES thread)
  torture_test(writes torture --messages 2 writes)
  torture_test(readers torture --messages 150 readers)
endif()
add_test(NAME stress.torture.full COMMAND torture --full)
add_test(NAME stress.torture.full_plain COMMAND torture_plain --full)
set_tests_properties(stress.torture.full stress.torture.full_plain PROPERTIES
  LABELS "stress;long" TIMEOUT 3600 SKIP_RETURN_CODE 77)
if(MCMP_SANITIZE MATCHES thread) # whatever the caller's environment says: no report is suppressed
  set_tests_properties(stress.torture.threads stress.torture.threads_no_ring PROPERTIES
    ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1:exitcode=66")
endif()

# Observers: processes killed while they write or read changes, and threads.
add_executable(stress_observer ${stress_dir}/stress_observer.c)
torture_flags(stress_observer)
target_link_libraries(stress_observer PRIVATE mcmp_static)
set_target_properties(stress_observer PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
foreach(mode fork threads)
  add_test(NAME stress.observer.${mode} COMMAND stress_observer ${mode} 4)
  set_tests_properties(stress.observer.${mode} PROPERTIES TIMEOUT 60)
endforeach()

# Mutants: copies of lib/base and lib/model with one fault each, which the torture must find. A patch
# that does not apply any more ends the build: the fault has to be put into the new code. Only what
# a patch changes is compiled, everything when it changes a header.
function(torture_mutant patch)
  get_filename_component(name ${patch} NAME_WE)
  set(copy ${PROJECT_BINARY_DIR}/mutants/${name})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${patch})
  file(STRINGS ${patch} changed REGEX "^[+][+][+] b/")
  list(TRANSFORM changed REPLACE "^[+][+][+] b/([^ \t]+).*" "\\1")
  set(others $<TARGET_OBJECTS:torture_base> $<TARGET_OBJECTS:torture_model>)
  if(changed MATCHES "[.]h(;|$)")
    set(changed)
    foreach(source IN LISTS base_sources model_sources)
      file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR}/lib ${source})
      list(APPEND changed ${path})
    endforeach()
    set(others)
  endif()
  foreach(path IN LISTS changed)
    string(REPLACE "." "[.]" pattern ${path})
    list(TRANSFORM others REPLACE "^(.+)$" "$<FILTER:\\1,EXCLUDE,/${pattern}[.]o>")
  endforeach()
  list(TRANSFORM changed PREPEND ${copy}/)
  file(GLOB originals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/base/*.[ch]
    ${PROJECT_SOURCE_DIR}/lib/model/*.[ch])
  add_custom_command(OUTPUT ${changed} DEPENDS ${patch} ${originals}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${copy}
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${PROJECT_SOURCE_DIR}/lib/base ${copy}/base
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${PROJECT_SOURCE_DIR}/lib/model ${copy}/model
    COMMAND ${MCMP_PATCH} -s -p1 --fuzz=0 -d ${copy} -i ${patch}
    COMMENT "Mutant ${name}" VERBATIM)
  add_library(mutant_${name} OBJECT ${changed})
  torture_flags(mutant_${name} HOOKED LIB ${copy})
  torture_program(torture_${name} $<TARGET_OBJECTS:mutant_${name}> ${others})
  add_test(NAME stress.mutant.${name} COMMAND ${MCMP_PYTHON} ${stress_dir}/mutant.py
    --program $<TARGET_FILE:torture_${name}>)
  set_tests_properties(stress.mutant.${name} PROPERTIES TIMEOUT 400)
endfunction()

if(NOT MCMP_SANITIZE)
  find_program(MCMP_PATCH patch REQUIRED)
  file(GLOB patches CONFIGURE_DEPENDS ${stress_dir}/mutants/*.patch)
  foreach(patch IN LISTS patches)
    torture_mutant(${patch})
  endforeach()
endif()

# Constant memory over a long life.
add_executable(long_life stress/long_life.c)
target_link_libraries(long_life PRIVATE mcmp_flags mcmp_static PkgConfig::APR OpenSSL::Crypto
  Threads::Threads)
target_include_directories(long_life PRIVATE ${PROJECT_SOURCE_DIR}/lib)
set_target_properties(long_life PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_test(NAME unit.long_life.quick COMMAND long_life 20000 200000)
add_test(NAME long.long_life COMMAND long_life 1000000 10000000)
set_tests_properties(unit.long_life.quick PROPERTIES TIMEOUT 120)
set_tests_properties(long.long_life PROPERTIES TIMEOUT 3600 LABELS long)

# The model of docs/store-model.md, with each fence left out in turn.
find_program(MCMP_SPIN spin)
if(MCMP_SPIN)
  add_test(NAME long.store_model COMMAND sh ${PROJECT_SOURCE_DIR}/docs/model/check.sh)
  set_tests_properties(long.store_model PROPERTIES TIMEOUT 600 LABELS long)
  add_test(NAME long.store_model_more COMMAND sh ${PROJECT_SOURCE_DIR}/docs/model/check.sh --more)
  set_tests_properties(long.store_model_more PROPERTIES TIMEOUT 7200 LABELS long)
endif()
