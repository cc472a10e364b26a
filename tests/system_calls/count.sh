#!/bin/sh
# SPDX-License-Identifier: MIT
# count.sh program: in each marked section just the system calls that its mark tells, and no others.
set -eu
command -v strace >/dev/null || { echo "strace is not installed"; exit 1; }
strace -o /dev/null true || { echo "SKIPPED: no program may trace another one here"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
strace -f -qq -o "$folder/trace" "$1"

awk '
    /mark:/ { split($0, part, "\""); section = substr(part[2], 6); sections[section] = 1; next }
    section == "setup" || section == "between" || section == "" { next }
    # Memory is counted by other tests; sanitizers ask for some whenever they like.
    /(mmap|munmap|madvise|mprotect|brk|futex|sched_yield)\(/ { next }
    { call = $2; sub(/\(.*/, "", call); count[section, call]++; total[section]++ }
    END {
        for (section in sections) {
            if (section == "setup" || section == "between") continue
            checked++
            send = section ~ /sendto/ ? "sendto" : "sendmsg"
            found = sprintf("%d %s, %d recvfrom", count[section, send], send, count[section, "recvfrom"])
            good = index(section, ": " found) && total[section] == count[section, send] + count[section, "recvfrom"]
            printf "%s; there were %s, %d calls in all%s\n", section, found, total[section], good ? "" : "   <- wrong"
            if (!good) wrong = 1
        }
        if (checked != 9) { print "expected nine sections, found " checked + 0; wrong = 1 }
        exit wrong
    }' "$folder/trace"

# Sockets are closed on exec from their first instant, in the call that makes them. (Pipes are looked at by the tests
# of what a child inherits: sanitizers make some of their own.)
if grep -E '(socket|accept4)\(' "$folder/trace" | grep -v CLOEXEC; then
    echo "the calls above made a descriptor that a child process would inherit"
    exit 1
fi
