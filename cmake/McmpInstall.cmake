# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where: headers, both libraries, libmcmp.pc and the package for CMake.
# The programs install themselves in examples/. DESTDIR works, as every path is below the prefix.
include(CMakePackageConfigHelpers)

set(MCMP_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/libmcmp)
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(MCMP_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
else()
  set(MCMP_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(MCMP_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
else()
  set(MCMP_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()

install(TARGETS mcmp mcmp_static EXPORT libmcmpTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/libmcmp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(EXPORT libmcmpTargets NAMESPACE mcmp:: DESTINATION ${MCMP_PACKAGE_DIR})

configure_package_config_file(cmake/libmcmpConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/libmcmpConfig.cmake INSTALL_DESTINATION ${MCMP_PACKAGE_DIR})
# Before 1.0 a minor release may break what the last one promised.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/libmcmpConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/libmcmpConfig.cmake
  ${PROJECT_BINARY_DIR}/package/libmcmpConfigVersion.cmake DESTINATION ${MCMP_PACKAGE_DIR})

configure_file(libmcmp.pc.in ${PROJECT_BINARY_DIR}/package/libmcmp.pc @ONLY)
# `cmake --install --prefix` may name another prefix than the one configured.
install(CODE "
  file(READ \"${PROJECT_BINARY_DIR}/package/libmcmp.pc\" text)
  string(REGEX REPLACE \"^prefix=[^\n]*\" \"prefix=\${CMAKE_INSTALL_PREFIX}\" text \"\${text}\")
  file(WRITE \"${PROJECT_BINARY_DIR}/package/libmcmp.pc\" \"\${text}\")")
install(FILES ${PROJECT_BINARY_DIR}/package/libmcmp.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

file(GLOB guides CONFIGURE_DEPENDS docs/*.md)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}
  OPTIONAL)
install(FILES ${guides} DESTINATION ${CMAKE_INSTALL_DOCDIR}/guides)
file(GLOB manuals1 CONFIGURE_DEPENDS docs/man/*.1)
file(GLOB manuals8 CONFIGURE_DEPENDS docs/man/*.8)
install(FILES ${manuals1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${manuals8} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
