# Sourced by set-up: the npm packages of the lockfile, without running any script of theirs.

# Without a network it says so within half a minute.
npm_options='--no-fund --no-audit --no-update-notifier --fetch-retry-mintimeout=2000 --fetch-retry-maxtimeout=10000'

install_npm_packages() {
  lock="$ABODE_HOME/package-lock.json"
  installed="$ABODE_HOME/node_modules/.package-lock.json"
  [ -f "$installed" ] && [ ! "$lock" -nt "$installed" ] && return 0
  command -v npm >/dev/null || give_up 'npm is needed for the packages of package-lock.json; on Debian, for one:' '  apt-get install -y --no-install-recommends npm'
  say 'npm packages from package-lock.json'
  # `ci` empties the directory first: right for a new checkout, wrong below a daemon that runs.
  if [ -f "$installed" ]; then verb='install --no-save'; else verb=ci; fi
  # shellcheck disable=SC2086 # several words
  (cd "$ABODE_HOME" && PATH="$(dirname "$ABODE_NODE"):$PATH" npm $verb --ignore-scripts $npm_options </dev/null >&2 9>&-) ||
    give_up 'npm could not install the packages of package-lock.json; check the network, then try again'
  touch "$installed"
}
