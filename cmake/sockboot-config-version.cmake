# Before 1.0 a new minor version may break its users: one version that is asked for means that minor version. A range
# means what it says.
if(PACKAGE_FIND_VERSION_RANGE)
    include(${CMAKE_CURRENT_LIST_DIR}/sockboot-config-any-version.cmake)
else()
    include(${CMAKE_CURRENT_LIST_DIR}/sockboot-config-minor-version.cmake)
endif()
