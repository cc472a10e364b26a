# Tests the checks: plants one offender after the other in a copy of the tree in SOURCE, and fails unless the check
# fails too, naming the file and what is wrong with it.
cmake_minimum_required(VERSION 3.21)

# Adds `text` at the end of `file`, or makes a new file of it; a second pair of file and text may follow.
function(plant check file text words)
    file(REMOVE_RECURSE ${WORK})
    file(COPY ${SOURCE}/include ${SOURCE}/tests DESTINATION ${WORK})
    file(APPEND ${WORK}/${file} "${text}")
    if(ARGC EQUAL 6)
        file(APPEND ${WORK}/${ARGV4} "${ARGV5}")
    endif()
    set(command ${CMAKE_COMMAND} -D SOURCE=${WORK} -P ${SOURCE}/cmake/check_${check}.cmake)
    if(check STREQUAL "sizes")
        set(command ${PYTHON} ${SOURCE}/tests/checks/sizes.py --root ${WORK})
    endif()
    execute_process(COMMAND ${command} RESULT_VARIABLE result OUTPUT_VARIABLE errors ERROR_VARIABLE errors)
    get_filename_component(name ${file} NAME)
    if(result EQUAL 0 OR NOT errors MATCHES "[ /]${name}[: ][^\n]*${words}")
        message(SEND_ERROR " ${check} does not find in ${file}: ${text}\n${errors}")
    endif()
endfunction()

set(headers include/sockboot)
plant(layers ${headers}/log.hpp "#include \"socket.hpp\"\n"
    "\\(layer base\\) includes socket.hpp \\(layer socket\\)")
plant(layers ${headers}/log.hpp "# include \"byte_view.hpp\"\n" "a circle of includes in layer base"
    ${headers}/byte_view.hpp "#include \"log.hpp\"\n")
plant(layers ${headers}/log.hpp "#include <sockboot/log.hpp>\n" "includes <sockboot/log.hpp>")
plant(layers ${headers}/socket.hpp "#include \"detail/os/posix_call.hpp\"\n"
    "includes detail/os/posix_call.hpp, which detail/os.hpp alone")
plant(layers ${headers}/detail/os/posix_call.hpp "#include \"../../endpoint.hpp\"\n"
    "\\(layer os\\) includes endpoint.hpp \\(layer net\\)")
plant(layers ${headers}/socket.hpp "#include \"stop_token.hpp\"\n" "includes stop_token.hpp \\(layer opt-in\\)")
plant(layers ${headers}/unlisted.hpp "\n" "is not on the list")
plant(layers ${headers}/sockboot.hpp "#include \"absent.hpp\"\n" "lists absent.hpp, which is not there")

plant(text ${headers}/log.hpp "#ifdef _WIN32\n" "tells systems apart")
plant(text ${headers}/log.hpp "bool again = errno == 4;\n" "errno is read")
plant(text ${headers}/detail/os/posix_wait.hpp "bool again = errno == 4;\n"
    "errno is read in detail/os/posix_call.hpp alone")
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
plant(text ${headers}/bare.hpp "// SPDX-License-Identifier: MIT\n#pragma once\n" "not in the inline namespace")
plant(text ${headers}/log.hpp "namespace sockboot {}\n" "not in the inline namespace")
plant(text ${headers}/detail/os.hpp "namespace sockboot::detail::os {}\n" "not in the inline namespace")
plant(text ${headers}/log.hpp "namespace sockboot::inline v999_0 {}\n" "not in the inline namespace")
plant(text ${headers}/log.hpp "int nobody = 1;  // there\n" "nobody: the field has another word")
plant(text ${headers}/log.hpp "int less = most_of_it(1);\n" "a name with [^\n]*most_: the field has another word")
plant(text tests/stray_test.cpp "// SPDX-License-Identifier: MIT\n" "not in tests/CMakeLists.txt")
plant(text tests/log_test.cpp "void nap() { usleep(1); }\n" "does not sleep")

string(REPEAT "    log_error();\n" 39 lines)
plant(sizes ${headers}/log.hpp "inline void long_one() {\n${lines}}\n" "long_one has 41 lines")
plant(sizes ${headers}/log.hpp "struct Long {\n    Long(int a, Log b = {}) : a_{a}, b_(b) {\n${lines}    }\n};\n"
    "Long has 41 lines")
string(REPEAT "\n" 301 lines)
plant(sizes ${headers}/long.hpp "${lines}" "the file has 301 lines")
