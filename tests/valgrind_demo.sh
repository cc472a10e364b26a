#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind_demo.sh server client: runs the demo with both programs under valgrind, and fails on an error, on memory
# that is not freed, and on a descriptor that is open at the end (0, 1, 2 and those inherited apart).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for program in server client; do
    cat >"$folder/$program" <<EOF
#!/bin/sh
exec valgrind --error-exitcode=99 --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all \\
    --track-fds=yes --log-file="$folder/$program.%p.log" "$1" "\$@"
EOF
    chmod +x "$folder/$program"
    shift
done
sh "$(dirname "$0")/../examples/demo.sh" "$folder/server" "$folder/client" "$0"
if grep -h -A1 'Open file descriptor\|Open AF_' "$folder"/*.log | grep -v 'Open\|inherited from parent\|--'; then
    echo "valgrind: descriptors were left open where the lines above say"
    exit 1
fi
grep -h 'ERROR SUMMARY' "$folder"/*.log
grep -L 'ERROR SUMMARY: 0 errors' "$folder"/*.log | grep . && exit 1
echo "valgrind: no error, no memory left, no descriptor left open"
