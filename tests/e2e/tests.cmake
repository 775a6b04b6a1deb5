# SPDX-License-Identifier: Apache-2.0
# Each folder lists its own tests; lib/ holds what they share.
file(GLOB e2e_lists CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*/tests.cmake)
foreach(e2e_list IN LISTS e2e_lists)
  include(${e2e_list})
endforeach()
