# SPDX-License-Identifier: Apache-2.0
if(TARGET mcmp_node_parts)
  foreach(name test_demo_http test_demo_ws test_options test_load)
    mcmp_unit(node ${name} PUBLIC)
    target_link_libraries(node_${name} PRIVATE mcmp_node_parts)
  endforeach()
endif()
