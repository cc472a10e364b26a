// SPDX-License-Identifier: MIT
// The version of sockboot, for programs that must build against more than one of them.
// CMake reads the three numbers from this file; they stand nowhere else.
#pragma once

#define SOCKBOOT_VERSION_MAJOR 0
#define SOCKBOOT_VERSION_MINOR 1
#define SOCKBOOT_VERSION_PATCH 0
