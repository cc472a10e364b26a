# Tests the checks: plants one offender after the other in a copy of files in SOURCE, and fails unless the check, which
# finds nothing in the copy itself, fails too, naming the file and what is wrong with it.
cmake_minimum_required(VERSION 3.21)

# The layers are those of all headers. The other checks take a second for the whole tree and run some thirty times: of
# the tree they get the files that offenders are planted in, and what the rules want beside them.
set(headers include/sockboot)
set(files_for_layers include)
set(files_for_text ${headers}/detail/os.hpp ${headers}/detail/os/posix_wait.hpp ${headers}/log.hpp
    ${headers}/version.hpp tests/CMakeLists.txt tests/log_test.cpp tests/version_test.cpp)
set(files_for_sizes ${headers}/log.hpp)

# Runs a check over a fresh copy, in which each of the pairs of file and text that follow has been planted.
function(run_check check)
    file(REMOVE_RECURSE ${WORK})
    foreach(file IN LISTS files_for_${check})
        get_filename_component(folder ${WORK}/${file} DIRECTORY)
        file(COPY ${SOURCE}/${file} DESTINATION ${folder})
    endforeach()
    foreach(i RANGE 1 ${ARGC} 2)
        math(EXPR next "${i} + 1")
        if(next LESS ARGC)
            file(APPEND ${WORK}/${ARGV${i}} "${ARGV${next}}")
        endif()
    endforeach()
    set(command ${CMAKE_COMMAND} -D SOURCE=${WORK} -P ${SOURCE}/cmake/check_${check}.cmake)
    if(check STREQUAL "sizes")
        set(command ${PYTHON} ${SOURCE}/tests/checks/sizes.py --root ${WORK})
    endif()
    execute_process(COMMAND ${command} RESULT_VARIABLE result OUTPUT_VARIABLE errors ERROR_VARIABLE errors)
    set(result "${result}" PARENT_SCOPE)
    set(errors "${errors}" PARENT_SCOPE)
endfunction()

# Adds `text` at the end of `file`, or makes a new file of it; a second pair of file and text may follow.
function(plant check file text words)
    run_check(${check} ${file} "${text}" ${ARGN})
    get_filename_component(name ${file} NAME)
    if(result EQUAL 0 OR NOT errors MATCHES "[ /]${name}[: ][^\n]*${words}")
        message(SEND_ERROR " ${check} does not find in ${file}: ${text}\n${errors}")
    endif()
endfunction()

foreach(check IN ITEMS layers text sizes)
    run_check(${check})
    if(NOT result EQUAL 0)
        message(SEND_ERROR " ${check} finds something where nothing is planted:\n${errors}")
    endif()
endforeach()

plant(layers ${headers}/log.hpp "#include \"socket.hpp\"\n"
    "\\(layer net\\) includes socket.hpp \\(layer socket\\)")
plant(layers ${headers}/log.hpp "# include \"canceller.hpp\"\n" "a circle of includes in layer net"
    ${headers}/canceller.hpp "#include \"log.hpp\"\n")
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
plant(text tests/other/CMakeLists.txt "catch_discover_tests(other)\n" "discover_cases")

string(REPEAT "    log_error();\n" 39 lines)
plant(sizes ${headers}/log.hpp "inline void long_one() {\n${lines}}\n" "long_one has 41 lines")
plant(sizes ${headers}/log.hpp "struct Long {\n    Long(int a, Log b = {}) : a_{a}, b_(b) {\n${lines}    }\n};\n"
    "Long has 41 lines")
string(REPEAT "\n" 301 lines)
plant(sizes ${headers}/long.hpp "${lines}" "the file has 301 lines")
