#!/bin/sh
# SPDX-License-Identifier: MIT
# in_namespace.sh program [argument...]: runs the program in a network of its own, and changes nothing outside of it.
# network.ip has the addresses and routes, rules.nft the firewall, etc/hosts the names.
# Exit status 77, and SKIPPED on its output for ctest: this machine cannot make such a network.
set -eu
export PATH="$PATH:/usr/sbin:/sbin"
folder=$(cd "$(dirname "$0")" && pwd)

cannot() {
    echo "SKIPPED: $1"
    exit 77
}
# Root needs no user namespace, and in a chroot there is none to be had. There, unshare cannot make its mounts private
# either: they are left as they are, and looked at below.
user="--user --map-root-user"
[ "$(id -u)" != 0 ] || user=
propagation=private
unshare $user --mount true 2>/dev/null || propagation=unchanged
in_new_namespace() { unshare $user --net --mount --propagation $propagation "$@"; }

if [ "${1:-}" != --inside ]; then
    for tool in unshare ip nft; do
        command -v $tool >/dev/null && continue
        [ -z "${CI:-}" ] || { echo "not in CI: $tool is not installed"; exit 1; }
        cannot "$tool is not installed"
    done
    in_new_namespace ip link set lo up || cannot "this user may not make a network namespace"
    in_new_namespace sh "$0" --inside "$@"
    exit
fi
shift

grep "^[^#]" "$folder/network.ip" | xargs -L 1 ip || cannot "this kernel cannot do what network.ip asks for"
nft --file "$folder/rules.nft" || cannot "this kernel cannot do what rules.nft asks for"
if grep -q ' shared:' /proc/self/mountinfo; then cannot "what is mounted here would be seen outside"; fi
for file in hosts host.conf nsswitch.conf; do
    [ ! -e "/etc/$file" ] || mount --bind "$folder/etc/$file" "/etc/$file" || cannot "/etc/$file cannot be replaced"
done
exec "$@"
