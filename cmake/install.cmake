# What `cmake --install` puts where: the headers, and what find_package reads, under share/ since it fits every machine.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/sockboot)

install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(TARGETS sockboot EXPORT sockboot-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT sockboot-targets NAMESPACE sockboot:: DESTINATION ${package_dir})

write_basic_package_version_file(${PROJECT_BINARY_DIR}/sockboot-config-minor-version.cmake
    VERSION ${sockboot_version} COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sockboot-config-any-version.cmake
    VERSION ${sockboot_version} COMPATIBILITY AnyNewerVersion ARCH_INDEPENDENT)
install(FILES cmake/sockboot-config.cmake cmake/sockboot-config-version.cmake
    ${PROJECT_BINARY_DIR}/sockboot-config-minor-version.cmake ${PROJECT_BINARY_DIR}/sockboot-config-any-version.cmake
    DESTINATION ${package_dir})
