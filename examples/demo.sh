#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh server client file: starts the echo server on a free port, sends the file and 64 MiB of random bytes through
# the client, compares what comes back, and ends the server as Ctrl-C would.
set -eu
server=$1 client=$2 file=$3
folder=$(mktemp -d)
server_process=
finish() {
    # Not SIGINT: a background job ignores it until it has a handler of its own.
    [ -z "$server_process" ] || kill -TERM "$server_process" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

: >"$folder/log"  # the job below may open it later than it is first read
"$server" localhost 0 2>"$folder/log" &
server_process=$!
port=
tries=0
while [ -z "$port" ]; do
    port=$(sed -n 's/.*listening on .*:\([0-9][0-9]*\)$/\1/p' "$folder/log")
    kill -0 "$server_process" 2>/dev/null || { cat "$folder/log"; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -le 600 ] || { echo "demo: the server said no port within a minute"; exit 1; }
    [ -n "$port" ] || sleep 0.1
done
cat "$folder/log"

head -c 67108864 /dev/urandom >"$folder/random"
for sent in "$file" "$folder/random"; do
    "$client" localhost "$port" "$sent" >"$folder/echo"
    cmp "$sent" "$folder/echo"
    echo "demo: $(wc -c <"$sent" | tr -d ' ') bytes of $(basename "$sent") went to the server and came back the same"
done

kill -INT "$server_process"
wait "$server_process"
server_process=
echo "demo: success: the server ended cleanly on Ctrl-C"
