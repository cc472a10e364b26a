# Installs sockboot from SOURCE to WORK/prefix, as a packager does: without the tests.
cmake_minimum_required(VERSION 3.21)
file(REMOVE_RECURSE ${WORK})  # what an earlier run installed does not count
execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND ${CMAKE_COMMAND}
    -S ${SOURCE} -B ${WORK} -D SOCKBOOT_BUILD_TESTS=OFF -D SOCKBOOT_BUILD_EXAMPLES=OFF)
execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND ${CMAKE_COMMAND}
    --install ${WORK} --config Debug --prefix ${WORK}/prefix)
