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

# How every header opens the namespace of this version.
file(STRINGS ${SOURCE}/include/sockboot/version.hpp version REGEX "_(MAJOR|MINOR) [0-9]")
string(REGEX REPLACE "[^0-9]+([0-9]+);[^0-9]+([0-9]+).*" "v\\1_\\2" version "${version}")
set(space "namespace sockboot::inline ${version}( {|::)")

# text_<file> starts with a newline, so that every line has one before it, and has one byte for each letter;
# code_<file> is the same without comments and without the start of the definitions of our own macros; names_<file>, for
# the headers of the library, without strings too; spaces_<file> also without the namespaces that are opened rightly.
foreach(file IN LISTS files)
    if(NOT EXISTS ${SOURCE}/${file})
        list(REMOVE_ITEM files ${file})  # deleted, and not yet committed so
        continue()
    endif()
    file(READ ${SOURCE}/${file} text)
    string(REGEX REPLACE "[^\t\r\n -~]+" "?" text_${file} "\n${text}")
    string(REGEX REPLACE "//[^\n]*|# *define +SOCKBOOT_" "" code_${file} "${text_${file}}")
    if(file MATCHES "^include/")
        string(REGEX REPLACE "'\\\\?\"'|\"([^\"\\\n]|\\\\.)*\"" "" names_${file} "${code_${file}}")
        string(REGEX REPLACE "${space}" "" spaces_${file} "${names_${file}}")
    endif()
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
function(demand kind pattern where except why)
    foreach(file IN LISTS files)
        if(file MATCHES "${where}" AND NOT file MATCHES "${except}" AND NOT ${kind}_${file} MATCHES "${pattern}")
            message(SEND_ERROR " ${file}: ${why}")
        endif()
    endforeach()
endfunction()

set(cpp "\\.[hc]pp$")
set(system "^include/sockboot/detail/os/")
forbid(code "_WIN32|__linux__|__APPLE__" ${cpp} "/detail/os\\.hpp$" "detail/os.hpp alone tells systems apart")
forbid(code "[^A-Za-z0-9_]errno[^A-Za-z0-9_]" "^include/" "^include/sockboot/detail/os/posix_call\\.hpp$"
    "errno is read in detail/os/posix_call.hpp alone")
forbid(code "[^A-Za-z0-9_>):]::[a-z0-9_]+\\(" "^include/" ${system} "the system is called in detail/os/ alone")
forbid(code "# *include +<[a-z0-9_/]+\\.h>" "^include/" ${system} "system headers are included in detail/os/ alone")
forbid(code "# *define" "^include/" "^$" "a macro without the prefix SOCKBOOT_")
forbid(code "[^A-Za-z0-9_](min|max)\\([^)]" "^include/" "^$" "a macro min or max breaks it: write (std::min)(a, b)")
forbid(code "sleep_for|sleep_until|[^A-Za-z0-9_]u?sleep *\\(" "_test\\.cpp$" "^$" "a test does not sleep")
forbid(code "catch_discover_tests" "CMakeLists\\.txt$" "^tests/CMakeLists\\.txt$"
    "discover_cases, of tests/CMakeLists.txt, shows which cases were skipped")
forbid(text "[^A-Za-z](TO[D]O|FIX[M]E|XX[X])[^A-Za-z]" "${cpp}|\\.(cmake|txt)$" "^$" "to be done, now or in an issue")
forbid(text "\t" "." "^$" "a tab")
forbid(text "[ \r]\n" "." "^$" "white space at the end of a line")
forbid(text "\n[^\n]+$" "." "^$" "no newline at the end of the file")
string(REPEAT "[^\n]" 121 too_long)
forbid(text "${too_long}" "^include/" "^$" "over 120 columns")
demand(text "^\n// SPDX-License-Identifier: MIT\n" ${cpp} "^$" "the first line is not the SPDX line")
demand(code "^\n+#pragma once\n" "\\.hpp$" "^$" "no #pragma once ahead of the code")

set(why "not in the inline namespace of this version (${version})")
demand(names "${space}" "^include/sockboot/" "/(version|sockboot)\\.hpp$" "${why}")
forbid(spaces "\n *namespace +sockboot[^A-Za-z0-9_]" "^include/" "^$" "${why}")

# Names that the library had once. Those that begin with least_, longest_ or most_ are found by the second rule.
set(why "the field has another word for it")
foreach(name IN ITEMS
        Alarm AttemptList FirstTry Moved Owned Patience PlainPrefix Report Runner Subject SocketSubject SystemAddress
        Watched about ask_within bell born concerns_one_connection connect_any connect_round connect_within ear
        ended_in_time finish_recv finish_send gave_up harvest is_elsewhere is_over_already is_stopped joined kind lanes
        last_error lose may_block nobody open_stream out_of_share passes_by_itself phrase placed raise
        recv_after_message recv_after_prefix recv_behind_prefix recv_once resized ring saturated send_once settle
        silence silence_sigpipe target_of to_system tries_once trusted_size turned underway wait_any wrong_connect)
    forbid(names "[^A-Za-z0-9_]${name}[^A-Za-z0-9_]" "^include/" "^$" "${name}: ${why}")
endforeach()
forbid(names "[^A-Za-z0-9_](least|longest|most)_" "^include/" "^$" "a name with least_, longest_ or most_: ${why}")

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
