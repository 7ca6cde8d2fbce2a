# Sourced by set-up: what it says goes to stderr, so that a command's own output stays clean.
say() { printf 'set-up: %s\n' "$*" >&2; }

give_up() {
  printf 'set-up: %s\n' "$@" >&2
  exit 1
}
