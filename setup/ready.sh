# Sourced: decides in a few milliseconds whether set-up has nothing to do. ABODE_HOME is the checkout.
#
# Levels, each with all of the one before: node (Node and npm packages), full (Debian packages, agent, guest), test.
# A level is ready when its stamp in build/setup holds the checksums of all that went into it, and what it made is there.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

checksums_of() {
  (
    cd "$ABODE_HOME" || exit 1
    if [ "$1" = node ]; then
      cksum package-lock.json setup/node/package-lock.json setup/node.sh setup/npm.sh
    else
      cksum package-lock.json setup/node/package-lock.json setup/*.sh setup/*.txt agent/Makefile agent/src/*
    fi
    stat -L -c '%n %s %Y' "$ABODE_NODE"
  ) 2>/dev/null
}

# Prints a line "package<TAB>why" for each Debian package that the level needs and that is not there. What counts is the command
# or file, not the package: one that came in another way is as good.
missing_packages() {
  while read -r needed package probe why; do
    case $needed in
      '' | '#'*) continue ;;
      test) [ "$1" = test ] || continue ;;
    esac
    case $probe in
      /*) [ -e "$probe" ] ;;
      *) command -v "$probe" >/dev/null ;;
    esac || printf '%s\t%s\n' "$package" "$why"
  done <"$ABODE_HOME/setup/packages.txt"
}

is_built() {
  for file in agent/abode-agent guest/vmlinuz guest/initramfs.cpio guest/manifest.json; do
    [ -s "$ABODE_HOME/build/$file" ] || return 1
  done
}

# Sets ABODE_NODE when true.
is_ready() {
  ABODE_NODE=
  [ -f "$ABODE_HOME/node_modules/.package-lock.json" ] && [ -r "$ABODE_HOME/build/setup/node-path" ] && [ -r "$ABODE_HOME/build/setup/$1" ] || return 1
  read -r ABODE_NODE <"$ABODE_HOME/build/setup/node-path"
  [ -x "$ABODE_NODE" ] || return 1
  [ "$1" = node ] || { is_built && [ -z "$(missing_packages "$1")" ]; } || return 1
  [ "$(checksums_of "$1")" = "$(cat "$ABODE_HOME/build/setup/$1")" ]
}
