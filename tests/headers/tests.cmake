# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, and twice, as C11 and as C++11 with pedantic warnings (H1).
file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/libmcmp/*.h)
set(units)
foreach(header IN LISTS headers)
  get_filename_component(name ${header} NAME_WE)
  foreach(language c cpp)
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.${language})
    file(CONFIGURE OUTPUT ${unit} CONTENT
      "#include <libmcmp/${name}.h>\n#include <libmcmp/${name}.h>\n")
    list(APPEND units ${unit})
  endforeach()
endforeach()
add_library(mcmp_headers OBJECT ${units})
target_include_directories(mcmp_headers PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(mcmp_headers PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror
  $<$<COMPILE_LANGUAGE:CXX>:-Wzero-as-null-pointer-constant -Wold-style-cast>)
set_target_properties(mcmp_headers PROPERTIES CXX_STANDARD 11 CXX_STANDARD_REQUIRED ON
  CXX_EXTENSIONS OFF)
