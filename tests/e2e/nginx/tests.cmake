# SPDX-License-Identifier: Apache-2.0
# e2e.nginx.*: stock nginx processes with the module on free loopback ports. A module with sanitizers
# needs their runtime in front of nginx's own libraries.
if(TARGET ngx_http_mcmp_module)
  set(nginx_preload "")
  if(MCMP_SANITIZE MATCHES address)
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=libasan.so
      OUTPUT_VARIABLE nginx_preload OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  function(mcmp_nginx_test name file)
    cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;ENVIRONMENT;ARGS" ${ARGN})
    add_test(NAME e2e.nginx.${name}
      COMMAND ${MCMP_PYTHON} -m pytest -q -p no:cacheprovider ${ARG_ARGS}
        ${PROJECT_SOURCE_DIR}/tests/e2e/nginx/${file}.py)
    set_tests_properties(e2e.nginx.${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
      ENVIRONMENT "MCMP_BIN=${PROJECT_BINARY_DIR}/bin;MCMP_NGINX_PRELOAD=${nginx_preload};PYTHONDONTWRITEBYTECODE=1;${ARG_ENVIRONMENT}")
  endfunction()

  mcmp_nginx_test(contract test_contract TIMEOUT 180)
  mcmp_nginx_test(config test_config TIMEOUT 120)
  mcmp_nginx_test(manage test_manage TIMEOUT 180)
  mcmp_nginx_test(advertise test_advertise TIMEOUT 120)
  mcmp_nginx_test(inflight test_inflight TIMEOUT 180 ENVIRONMENT MCMP_RELOADS=20)
  mcmp_nginx_test(zone test_zone TIMEOUT 240 LABELS slow ENVIRONMENT MCMP_RELOADS=30)
  mcmp_nginx_test(zone_100 test_zone TIMEOUT 240 LABELS long ARGS -k reloads)
  mcmp_nginx_test(inflight_100 test_inflight TIMEOUT 300 LABELS long ARGS -k "reloads or killed_under")
  mcmp_nginx_test(traffic test_traffic TIMEOUT 240)
  mcmp_nginx_test(ajp test_ajp TIMEOUT 300)
  mcmp_nginx_test(ajp_buffered test_ajp TIMEOUT 300 LABELS slow
    ENVIRONMENT MCMP_BUFFERING=1 MCMP_BYTES=16777216)
  mcmp_nginx_test(forward test_forward TIMEOUT 180)
  mcmp_nginx_test(stream test_stream TIMEOUT 300 LABELS slow)
  if(TARGET mcmp-node AND EXISTS /usr/share/tomcat10/bin/catalina.sh AND
     EXISTS /usr/lib/jvm/default-java/bin/javac)
    mcmp_nginx_test(tomcat test_tomcat TIMEOUT 400 LABELS slow)
  endif()
  if(NOT MCMP_SANITIZE)
    mcmp_nginx_test(build test_build TIMEOUT 600 LABELS slow)
  endif()
  mcmp_nginx_test(stream_2gib test_stream TIMEOUT 1500 LABELS long ARGS -k big
    ENVIRONMENT MCMP_BYTES=2147483648)
  mcmp_nginx_test(reloads_60s test_stream TIMEOUT 300 LABELS long ARGS -k reloads
    ENVIRONMENT MCMP_SECONDS=60)

  # All of nginx with sanitizers, from its source: what the module hands to nginx is looked at too.
  if(MCMP_SANITIZE MATCHES address)
    set(nginx_asan ${PROJECT_BINARY_DIR}/nginx-asan)
    add_test(NAME e2e.nginx.asan_build
      COMMAND sh ${PROJECT_SOURCE_DIR}/scripts/nginx-asan.sh ${nginx_asan} $<TARGET_FILE:mcmp_static>)
    set_tests_properties(e2e.nginx.asan_build PROPERTIES TIMEOUT 1800 LABELS long SKIP_RETURN_CODE 77
      FIXTURES_SETUP nginx_asan)
    foreach(name IN ITEMS contract config manage advertise zone inflight traffic ajp forward stream)
      mcmp_nginx_test(asan_${name} test_${name} TIMEOUT 600 LABELS long ENVIRONMENT
        "MCMP_NGINX=${nginx_asan}/nginx;MCMP_NGINX_MODULE=${nginx_asan}/ngx_http_mcmp_module.so;MCMP_NGINX_PRELOAD=;MCMP_RELOADS=20")
      set_tests_properties(e2e.nginx.asan_${name} PROPERTIES FIXTURES_REQUIRED nginx_asan)
    endforeach()
  endif()
endif()
