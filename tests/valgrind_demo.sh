#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind_demo.sh server client: runs the demo with both programs under valgrind, and fails on an error, on memory
# that is not freed, and on a descriptor that is open at the end (0, 1, 2 and those inherited apart). One thing is meant
# to stay: the Canceller of stop_on_ctrl_c(), which a signal may reach as long as the program runs.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/suppressions" <<'EOF'
{
    the Canceller that the signal handler cancels
    Memcheck:Leak
    match-leak-kinds: reachable
    fun:_Znw*
    ...
    fun:_ZN8examples14stop_on_ctrl_cEv
}
EOF
for program in server client; do
    cat >"$folder/$program" <<EOF
#!/bin/sh
exec valgrind --error-exitcode=99 --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all \\
    --track-fds=yes --suppressions="$folder/suppressions" --log-file="$folder/$program.%p.log" "$1" "\$@"
EOF
    chmod +x "$folder/$program"
    shift
done
sh "$(dirname "$0")/../examples/demo.sh" "$folder/server" "$folder/client" "$0" || {
    cat "$folder"/*.log
    exit 1
}
# A descriptor is a paragraph: what it is, and where it was opened.
if sed 's/^==[0-9]*== *//' "$folder"/*.log | awk -v RS= -v ORS='\n\n' '
    /^(FILE DESCRIPTORS:[^\n]*\n)?Open / && !/inherited from parent/ && !/stop_on_ctrl_c/ { print; found = 1 }
    END { exit !found }'; then
    echo "valgrind: the descriptors above were left open"
    exit 1
fi
grep -h 'ERROR SUMMARY' "$folder"/*.log
grep -L 'ERROR SUMMARY: 0 errors' "$folder"/*.log | grep . && exit 1
echo "valgrind: no error, no memory left, no descriptor left open"
