#!/bin/sh
# build/guest: what a VM boots. The initramfs is the agent as /init, the kernel's modules, and crun with its libraries for
# containers inside a VM. It is the same, byte for byte, whenever its parts are: VM templates are known by its hash. Not compressed:
# under software emulation gzip and zstd start a VM no sooner (2.7-3.9 s in all three forms), and templates boot it only once.
set -eu
ABODE_HOME=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
. "$ABODE_HOME/setup/say.sh"
PATH="$PATH:/usr/sbin:/sbin"
kernel="$ABODE_HOME/build/kernel"
guest="$ABODE_HOME/build/guest"

work=$(mktemp -d "$ABODE_HOME/build/guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
root="$work/root"
mkdir -p "$root/etc" "$work/new"

install -m 0755 "$ABODE_HOME/build/agent/abode-agent" "$root/init"
cp -r "$kernel/modules" "$root/modules"
crun=$(command -v crun) || give_up 'crun is not installed; run:' '  apt-get install -y --no-install-recommends crun'
install -D -m 0755 "$crun" "$root/usr/bin/crun"
ldd "$crun" | grep -o '/[^ ]*\.so[^ ]*' | while read -r library; do install -D -m 0755 "$library" "$root$library"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"

find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet --reproducible --owner 0:0 -o -H newc) >"$work/new/initramfs.cpio"
cp "$kernel/vmlinuz" "$work/new/vmlinuz"

hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }
list=$(sed 's/.*/"&"/' "$root/modules/order" | paste -sd , -)
printf '{\n  "kernel": "%s",\n  "vmlinuz": "%s",\n  "initramfs": "%s",\n  "modules": [%s]\n}\n' \
  "$(cat "$kernel/version")" "$(hash_of "$work/new/vmlinuz")" "$(hash_of "$work/new/initramfs.cpio")" "$list" >"$work/new/manifest.json"

# The manifest last: whoever reads it finds the files that it names.
mkdir -p "$guest"
for file in vmlinuz initramfs.cpio manifest.json; do mv "$work/new/$file" "$guest/$file"; done
say "guest: kernel $(cat "$kernel/version"), initramfs of $(($(stat -c %s "$guest/initramfs.cpio") / 1024)) KiB"
