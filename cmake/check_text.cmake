# What a search can hold of the rules: runs over the files of the tree in SOURCE and names each one that breaks a rule.
cmake_minimum_required(VERSION 3.21)

# The files that git knows or would add; without git, all but those of build folders.
set(failed 1)
if(EXISTS ${SOURCE}/.git)
    execute_process(COMMAND git -C ${SOURCE} ls-files --cached --others --exclude-standard
        RESULT_VARIABLE failed OUTPUT_VARIABLE files ERROR_QUIET)
    string(REPLACE "\n" ";" files "${files}")
endif()
if(NOT failed EQUAL 0)
    file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/*)
    list(FILTER files EXCLUDE REGEX "^[^/]*build|/build")
endif()
list(FILTER files INCLUDE REGEX "\\.(hpp|cpp|cmake|txt|md|json|py|sh|ya?ml)$|(^|/)(LICENSE|\\.clang[^/]*|\\.git[^/]*)$")

# text_<file> starts with a newline, so that every line has one before it, and has one byte for each letter;
# code_<file> is the same without comments and without the start of the definitions of our own macros.
foreach(file IN LISTS files)
    if(NOT EXISTS ${SOURCE}/${file})
        list(REMOVE_ITEM files ${file})  # deleted, and not yet committed so
        continue()
    endif()
    file(READ ${SOURCE}/${file} text)
    string(REGEX REPLACE "[^\t\r\n -~]+" "?" text_${file} "\n${text}")
    string(REGEX REPLACE "//[^\n]*|# *define +SOCKBOOT_" "" code_${file} "${text_${file}}")
endforeach()

# Each file whose name matches `where` and not `except`: its text (or code) must not match `pattern`.
function(forbid kind pattern where except why)
    foreach(file IN LISTS files)
        if(file MATCHES "${where}" AND NOT file MATCHES "${except}" AND ${kind}_${file} MATCHES "${pattern}")
            string(FIND "${${kind}_${file}}" "${CMAKE_MATCH_0}" begin)
            string(SUBSTRING "${${kind}_${file}}" 0 ${begin} before)
            string(REGEX REPLACE "\n$" "" before "${before}${CMAKE_MATCH_0}")
            string(REGEX REPLACE "[^\n]" "" newlines "${before}")
            string(LENGTH "${newlines}" line)
            message(SEND_ERROR " ${file}:${line}: ${why}")
        endif()
    endforeach()
endfunction()

# The same, but what must match.
function(demand kind pattern where why)
    foreach(file IN LISTS files)
        if(file MATCHES "${where}" AND NOT ${kind}_${file} MATCHES "${pattern}")
            message(SEND_ERROR " ${file}: ${why}")
        endif()
    endforeach()
endfunction()

set(cpp "\\.[hc]pp$")
set(system "^include/sockboot/detail/os_")
forbid(code "_WIN32|__linux__|__APPLE__" ${cpp} "/detail/os\\.hpp$" "detail/os.hpp alone tells systems apart")
forbid(code "[^A-Za-z0-9_]errno[^A-Za-z0-9_]" "^include/" ${system} "errno is read in detail/os_* alone")
forbid(code "[^A-Za-z0-9_>):]::[a-z0-9_]+\\(" "^include/" ${system} "the system is called in detail/os_* alone")
forbid(code "# *include +<[a-z0-9_/]+\\.h>" "^include/" ${system} "system headers are included in detail/os_* alone")
forbid(code "# *define" "^include/" "^$" "a macro without the prefix SOCKBOOT_")
forbid(code "[^A-Za-z0-9_](min|max)\\([^)]" "^include/" "^$" "a macro min or max breaks it: write (std::min)(a, b)")
forbid(code "sleep_for|sleep_until|[^A-Za-z0-9_]u?sleep *\\(" "_test\\.cpp$" "^$" "a test does not sleep")
forbid(text "[^A-Za-z](TO[D]O|FIX[M]E|XX[X])[^A-Za-z]" "${cpp}|\\.(cmake|txt)$" "^$" "to be done, now or in an issue")
forbid(text "\t" "." "^$" "a tab")
forbid(text "[^\n]*[ \r]\n" "." "^$" "white space at the end of a line")
forbid(text "[^\n]+$" "." "^$" "no newline at the end of the file")
string(REPEAT "[^\n]" 121 too_long)
forbid(text "${too_long}" "^include/" "^$" "over 120 columns")
demand(text "^\n// SPDX-License-Identifier: MIT\n" ${cpp} "the first line is not the SPDX line")
demand(code "^\n+#pragma once\n" "\\.hpp$" "no #pragma once ahead of the code")

foreach(file IN LISTS files)
    get_filename_component(stem ${file} NAME_WE)
    if(file MATCHES "^include/sockboot/[a-z_]+\\.hpp$" AND NOT tests/${stem}_test.cpp IN_LIST files
            AND NOT stem STREQUAL "sockboot")
        message(SEND_ERROR " ${file}: no tests/${stem}_test.cpp")
    elseif(file MATCHES "^tests/[a-z_]+_test\\.cpp$"
            AND NOT text_tests/CMakeLists.txt MATCHES "[ \n]${stem}\\.cpp[ )\n]")
        message(SEND_ERROR " ${file}: not in tests/CMakeLists.txt")
    endif()
endforeach()
