# Configures, builds and runs consumer/ in WORK, with sockboot of SOURCE or the installed VERSION, in the WAY asked for.
# Fails where sockboot says anything, is tested or installed with the project, or the program does not print its line.
cmake_minimum_required(VERSION 3.21)
function(run)
    execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        message(FATAL_ERROR "${ARGN}:\n${output}")
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})  # with an old cache nothing would be new
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK} -D WAY=${WAY} -D VERSION=${VERSION}
    -D FETCHCONTENT_SOURCE_DIR_SOCKBOOT=${SOURCE})
if(NOT output MATCHES "-- before sockboot\n-- after sockboot\n")
    message(FATAL_ERROR "sockboot is not silent:\n${output}")
endif()
run(${CMAKE_COMMAND} --build ${WORK} --config Debug)
run(${CMAKE_COMMAND} --install ${WORK} --config Debug --prefix ${WORK}/prefix)
file(GLOB_RECURSE unasked ${WORK}/prefix/* ${WORK}/CTestTestfile.cmake)
if(unasked)
    message(FATAL_ERROR "the consumer did not ask for: ${unasked}")
endif()
find_program(program NAMES consumer PATHS ${WORK} ${WORK}/Debug NO_DEFAULT_PATH REQUIRED)
run(${program})
if(NOT output STREQUAL "hello from another project\n")
    message(FATAL_ERROR "the program printed: ${output}")
endif()
