# Copies the headers to `folder` as another version would have them: in a namespace of its own, with a class laid out
# otherwise, so that a program that mixed the two up would not get far.
function(write_other_version folder)
    set(include ${PROJECT_SOURCE_DIR}/include)
    string(REGEX REPLACE "^([0-9]+)\\.([0-9]+).*" "v\\1_\\2" this ${sockboot_version})
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${include} ${include}/*.hpp)
    list(TRANSFORM headers PREPEND ${include}/ OUTPUT_VARIABLE originals)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${originals})

    set(timeout "class Timeout {")
    foreach(header IN LISTS headers)
        file(READ ${include}/${header} text)
        string(REPLACE "\nnamespace sockboot::inline ${this}" "\n" unversioned "${text}")
        if(unversioned MATCHES "\nnamespace sockboot")
            message(FATAL_ERROR "${header}: a namespace sockboot that is not sockboot::inline ${this}")
        endif()
        string(REPLACE "\nnamespace sockboot::inline ${this}" "\nnamespace sockboot::inline v0_99" text "${text}")
        if(header STREQUAL "sockboot/timeout.hpp" AND NOT text MATCHES "${timeout}")
            message(FATAL_ERROR "${header}: no \"${timeout}\" to lay out otherwise")
        endif()
        string(REPLACE "${timeout}" "${timeout}\npublic:\n    long long other_layout = 0;\n" text "${text}")
        string(REPLACE "sizeof(Socket) <= 88" "sizeof(Socket) <= 104" text "${text}")  # which has two of them
        file(GENERATE OUTPUT ${folder}/${header} CONTENT "${text}")  # writes what is new alone
    endforeach()
endfunction()
