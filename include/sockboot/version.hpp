// SPDX-License-Identifier: MIT
// The version of sockboot, for programs that must build against more than one of them.
// CMake reads the numbers here. The inline namespace of every header bears the first two, which name the ABI.
#pragma once

#define SOCKBOOT_VERSION_MAJOR 0
#define SOCKBOOT_VERSION_MINOR 2
#define SOCKBOOT_VERSION_PATCH 0
