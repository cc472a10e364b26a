# The warnings that a consumer may have switched on. For the targets of this tree alone, never exported.
add_library(sockboot_strict_warnings INTERFACE)
target_compile_options(sockboot_strict_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wcast-qual -Wcast-align
    -Wnull-dereference -Wformat=2 -Wundef -Wextra-semi -Wnon-virtual-dtor -Woverloaded-virtual -Wdouble-promotion
    -Wimplicit-fallthrough -Wmissing-declarations
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op>)
