#!/bin/sh
# SPDX-License-Identifier: MIT
# in_namespace.sh program [argument...]: runs the program in the network of tests/network, with the names of `hosts`.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" != --inside ]; then exec sh "$folder/../network/in_namespace.sh" sh "$0" --inside "$@"; fi
shift

# An address that never answers, and as near as 127.0.0.1, so that the order of `hosts` holds.
ip address add 127.0.0.66/32 dev lo
nft add element inet world silent_ipv4 '{ 127.0.0.66 }'
mount --bind "$folder/hosts" /etc/hosts
exec "$@"
