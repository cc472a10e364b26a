# Passes when the program aborts, with the whole sentence of the error as its last words.
cmake_minimum_required(VERSION 3.21)
execute_process(COMMAND ${PROGRAM} fail RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE words)
set(sentence "^\\[twin\\] bind 127\\.0\\.0\\.1:[0-9]+: address already in use \\([^\n]*\\)\n$")
if(NOT result MATCHES "abort" OR NOT words MATCHES "${sentence}" OR NOT output STREQUAL "")
    message(FATAL_ERROR "ended with: ${result}\nprinted: ${output}\nlast words: ${words}")
endif()
