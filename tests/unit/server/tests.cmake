# SPDX-License-Identifier: Apache-2.0
# Parts of mcmp-server that need no process: compiled in from examples/server.
if(TARGET mcmp-server)
  pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
  set(server_dir ${PROJECT_SOURCE_DIR}/examples/server)
  mcmp_unit(server test_values PUBLIC SOURCES ${server_dir}/values.c ${server_dir}/acl.c)
  mcmp_unit(server test_timer PUBLIC SOURCES ${server_dir}/timer.c)
  mcmp_unit(server test_out PUBLIC SOURCES ${server_dir}/out.c ${server_dir}/buffers.c)
  mcmp_unit(server test_log PUBLIC SOURCES ${server_dir}/log.c)
  mcmp_unit(server test_node_settings PUBLIC SOURCES ${server_dir}/node_settings.c
    ${server_dir}/ini.c ${server_dir}/values.c)
  foreach(test values timer out log node_settings)
    target_include_directories(server_test_${test} PRIVATE ${server_dir})
    target_link_libraries(server_test_${test} PRIVATE PkgConfig::UV)
  endforeach()
  target_compile_definitions(server_test_timer PRIVATE TICK_MS=1u) # the wheel's range is then 1 s
endif()
