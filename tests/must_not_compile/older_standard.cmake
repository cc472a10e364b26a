# Compiles small_program.cpp as COMMAND, a list, says, and fails unless the compiler's first error is that the library
# needs C++20, and all that it says fits a screen.
cmake_minimum_required(VERSION 3.21)
execute_process(COMMAND ${COMMAND} RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
string(REGEX MATCHALL "\n" lines "${said}")
list(LENGTH lines count)
string(REGEX MATCH "error: [^\n]*" first "${said}")
message("${count} lines, of which the first error is\n${first}")
if(result EQUAL 0 OR count GREATER 40 OR NOT first MATCHES "sockboot needs C\\+\\+20: -std=c\\+\\+20")
    message(FATAL_ERROR "${said}")
endif()
