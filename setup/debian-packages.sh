# Sourced by set-up: installs the Debian packages that are missing.

install_packages() {
  missing=$(missing_packages "$1")
  [ -n "$missing" ] || return 0
  names=$(printf '%s\n' "$missing" | cut -f1 | tr '\n' ' ')
  say 'missing Debian packages:'
  printf '%s\n' "$missing" | while IFS='	' read -r package why; do printf '  %-20s %s\n' "$package" "$why" >&2; done
  command="apt-get install -y --no-install-recommends ${names% }"
  command -v apt-get >/dev/null || give_up 'there is no apt-get here; install the above with the package manager of this system, then try again'
  [ "$(id -u)" = 0 ] || give_up 'installing them needs root; run as root:' "  apt-get update && $command"
  refresh_package_lists
  say "$command"
  # shellcheck disable=SC2086 # names are separate words
  if ! apt_install $names; then
    say 'that failed; once more with fresh package lists'
    apt-get update >&2 9>&- || true
    apt_install $names || give_up 'the packages could not be installed; the messages above say why. When that is mended (network, apt sources), run:' "  apt-get update && $command"
  fi
  missing=$(missing_packages "$1")
  [ -z "$missing" ] || give_up "installed, but still not usable: $(printf '%s\n' "$missing" | cut -f1 | tr '\n' ' ')"
}

apt_install() {
  apt-get install -y --no-install-recommends "$@" </dev/null >&2 9>&-
}

# Lists of more than a day name versions that the mirror may have dropped. A source that fails does not stop the others.
refresh_package_lists() {
  [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null | head -n 1)" ] && return 0
  say 'apt-get update'
  apt-get update >&2 9>&- || say 'apt-get update failed for some source; going on with what is there'
}
