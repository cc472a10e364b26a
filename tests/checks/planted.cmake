# Tests the checks: plants one offender after the other in a copy of the tree in SOURCE, and fails unless the check
# fails too, naming the file and what is wrong with it.
cmake_minimum_required(VERSION 3.21)

# Adds `text` at the end of `file`, or makes a new file of it.
function(plant check file text words)
    file(REMOVE_RECURSE ${WORK})
    file(COPY ${SOURCE}/include ${SOURCE}/tests DESTINATION ${WORK})
    file(APPEND ${WORK}/${file} "${text}")
    execute_process(COMMAND ${CMAKE_COMMAND} -D SOURCE=${WORK} -P ${SOURCE}/cmake/check_${check}.cmake
        RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE errors)
    get_filename_component(name ${file} NAME)
    if(result EQUAL 0 OR NOT errors MATCHES "[ /]${name}[: ][^\n]*${words}")
        message(SEND_ERROR " ${check} does not find in ${file}: ${text}\n${errors}")
    endif()
endfunction()

set(headers include/sockboot)
plant(floors ${headers}/error.hpp "#include \"socket.hpp\"\n" "\\(floor [0-9]+\\) includes socket.hpp")
plant(floors ${headers}/log.hpp "# include \"length_prefix.hpp\"\n" "includes length_prefix.hpp")  # a neighbour
plant(floors ${headers}/log.hpp "#include <sockboot/log.hpp>\n" "includes sockboot/log.hpp")
plant(floors ${headers}/socket.hpp "#include \"detail/os_posix.hpp\"\n" "includes detail/os_posix.hpp")
plant(floors ${headers}/detail/os_posix_call.hpp "#include \"../endpoint.hpp\"\n" "includes endpoint.hpp")
plant(floors ${headers}/unlisted.hpp "\n" "is not on the list")
plant(floors ${headers}/sockboot.hpp "#include \"absent.hpp\"\n" "lists absent.hpp")

plant(text ${headers}/log.hpp "#ifdef _WIN32\n" "tells systems apart")
plant(text ${headers}/log.hpp "bool again = errno == 4;\n" "errno is read")
plant(text ${headers}/log.hpp "int handle = ::socket(1, 2, 3);\n" "the system is called")
plant(text ${headers}/log.hpp "#include <sys/socket.h>\n" "system headers")
plant(text ${headers}/log.hpp "#define SOCKET_LIMIT 3\n" "macro without the prefix")
plant(text ${headers}/log.hpp "int less = std::min(1, 2);\n" "breaks it")
plant(text ${headers}/log.hpp "int tab =\t1;\n" "a tab")
plant(text ${headers}/log.hpp "// space \n" "white space")
plant(text ${headers}/log.hpp "// no end" "no newline")
string(REPEAT "=" 121 line)
plant(text ${headers}/log.hpp "${line}\n" "over 120")
plant(text ${headers}/log.hpp "// FIX${nothing}ME\n" "to be done")
plant(text ${headers}/bare.hpp "#pragma once\n" "SPDX")
plant(text ${headers}/bare.hpp "// SPDX-License-Identifier: MIT\nint i;\n#pragma once\n" "no #pragma once")
plant(text ${headers}/untested.hpp "// SPDX-License-Identifier: MIT\n#pragma once\n" "no tests/untested_test.cpp")
plant(text tests/stray_test.cpp "// SPDX-License-Identifier: MIT\n" "not in tests/CMakeLists.txt")
plant(text tests/log_test.cpp "void nap() { usleep(1); }\n" "does not sleep")
