#!/bin/sh
# build/kernel: Debian's cloud kernel and the modules that the guest loads, in the order in which it loads them. The package is
# unpacked, never installed: its scripts would touch the boot loader of this machine (docs/decisions/0004).
set -eu
ABODE_HOME=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
. "$ABODE_HOME/setup/say.sh"
PATH="$PATH:/usr/sbin:/sbin"

# virtio_ring first: virtio's users need it and their dependencies do not name it in every kernel.
modules='virtio_ring virtio virtio_pci virtio_blk virtio_net virtio_console erofs overlay crc32c_generic ext4 bridge veth af_packet fuse'

kernel="$ABODE_HOME/build/kernel"
recipe=$(cksum <"$0")
if [ -f "$kernel/recipe" ] && [ "$(cat "$kernel/recipe")" = "$recipe" ]; then exit 0; fi

work=$(mktemp -d "$ABODE_HOME/build/kernel.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# Sets root (what holds boot/ and lib/modules/) and version.
find_kernel() {
  for file in /boot/vmlinuz-*-cloud-amd64; do
    version=${file#/boot/vmlinuz-}
    if [ -f "$file" ] && [ -f "/lib/modules/$version/modules.dep" ]; then root=/; return 0; fi
  done
  fetch_kernel
}

fetch_kernel() {
  command -v apt-get >/dev/null || give_up 'the guest kernel comes from the Debian package linux-image-cloud-amd64, and there is no apt-get here'
  [ -n "$(name_kernel)" ] || apt-get update >&2 || true
  package=$(name_kernel)
  [ -n "$package" ] || give_up 'apt does not know linux-image-cloud-amd64 (the guest kernel); run:' '  apt-get update'
  version=${package#linux-image-}
  say "the guest kernel from $package (unpacked into build/, not installed)"
  mkdir "$work/deb"
  (cd "$work/deb" && chmod 0755 . && apt-get -o APT::Sandbox::User=root download "$package" >&2) ||
    { apt-get update >&2 && (cd "$work/deb" && apt-get -o APT::Sandbox::User=root download "$package" >&2); } ||
    give_up "$package could not be downloaded; check the network, or run:" "  apt-get update && apt-get download $package"
  root="$work/tree"
  dpkg-deb -x "$work"/deb/*.deb "$root"
  depmod -b "$root" "$version"
}

name_kernel() {
  apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*-cloud-amd64\)$/\1/p' | head -n 1
}

# A module and, before it, what it needs; nothing for one that is part of the kernel.
list_module() {
  modprobe -d "$root" -S "$version" --show-depends "$1" >"$work/depends" || give_up "the kernel $version has no module $1"
  sed -n 's/^insmod \([^ ]*\).*/\1/p' "$work/depends"
}

find_kernel
mkdir -p "$work/new/modules"
cp "$root/boot/vmlinuz-$version" "$work/new/vmlinuz"
for module in $modules; do list_module "$module"; done >"$work/list"
awk '!seen[$0]++' "$work/list" | while read -r file; do
  name=$(basename "$file")
  case $name in
    *.ko) cp "$file" "$work/new/modules/$name" ;;
    *.ko.xz) name=${name%.xz} && xz -dc "$file" >"$work/new/modules/$name" ;;
    *.ko.zst) name=${name%.zst} && zstd -qdc "$file" >"$work/new/modules/$name" ;;
    *) give_up "$file: a module in a form that is not known" ;;
  esac
  echo "$name" >>"$work/new/modules/order"
done
echo "$version" >"$work/new/version"
echo "$recipe" >"$work/new/recipe"
rm -rf "$kernel"
mv "$work/new" "$kernel"
