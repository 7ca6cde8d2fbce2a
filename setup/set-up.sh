#!/bin/sh
# Brings a checkout to a level (setup/ready.sh) and notes that it is there. One at a time; what is done already is skipped.
set -eu
ABODE_HOME=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
export ABODE_HOME DEBIAN_FRONTEND=noninteractive
level=${1:-full}
. "$ABODE_HOME/setup/ready.sh"
. "$ABODE_HOME/setup/say.sh"
. "$ABODE_HOME/setup/debian-packages.sh"
. "$ABODE_HOME/setup/node.sh"
. "$ABODE_HOME/setup/npm.sh"

[ "$(uname -s) $(uname -m)" = 'Linux x86_64' ] || give_up "Abode runs on Linux on x86-64, not on $(uname -s) on $(uname -m)"

stamp() {
  checksums_of "$1" >"$ABODE_HOME/build/setup/$1.tmp"
  mv "$ABODE_HOME/build/setup/$1.tmp" "$ABODE_HOME/build/setup/$1"
}

mkdir -p "$ABODE_HOME/build/setup" || give_up "$ABODE_HOME is not writable; run as the owner of the checkout, or as root"
exec 9>"$ABODE_HOME/build/setup/lock"
flock 9
if is_ready "$level"; then exit 0; fi

# Packages first: what cannot be had is told before anything is downloaded or built.
[ "$level" = node ] || install_packages "$level"
install_node
install_npm_packages
stamp node
[ "$level" = node ] && exit 0

say 'the agent'
make -s -C "$ABODE_HOME/agent" >&2 9>&- || give_up 'the agent could not be built; the messages above say why'
sh "$ABODE_HOME/setup/kernel.sh" 9>&-
sh "$ABODE_HOME/setup/initramfs.sh" 9>&-
stamp full
[ "$level" = full ] || stamp "$level"
