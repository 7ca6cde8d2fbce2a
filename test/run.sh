#!/bin/sh
# All tests: sets up what they need, then one stage after the other; the first that fails ends the run with its status.
#   sh test/run.sh         everything (npm test)
#   sh test/run.sh check   the part that is quick: lint, format, types, architecture, unit tests (npm run check)
set -eu
ABODE_HOME=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
cd "$ABODE_HOME"
. setup/ready.sh

part=${1:-all}
case $part in
  all) level=test ;;
  check) level=full ;;
  *) echo "usage: sh test/run.sh [check]" >&2; exit 2 ;;
esac
is_ready "$level" || sh setup/set-up.sh "$level"
is_ready node || { echo 'set-up ended without a result' >&2; exit 1; }
PATH="$(dirname -- "$ABODE_NODE"):$ABODE_HOME/node_modules/.bin:$PATH"
export PATH

stage() {
  name=$1
  shift
  started=$(date +%s)
  printf '\n== %s\n' "$name"
  status=0
  "$@" || status=$?
  printf '== %s: %s after %d s\n' "$name" "$([ "$status" = 0 ] && echo ok || echo "FAILED with status $status")" $(($(date +%s) - started))
  [ "$status" = 0 ] || exit "$status"
}

run_tests() { node --test --test-timeout=120000 "$@"; }
run_one_by_one() { node --test --test-concurrency=1 --test-timeout=900000 "$@"; }

stage lint oxlint --type-aware
stage 'unused files and packages' knip --include files,dependencies
stage format oxfmt --check --no-error-on-unmatched-pattern src test bench agent/test
stage types tsc --noEmit
stage architecture run_tests test/architecture.test.ts
if [ "$part" = all ]; then
  stage 'agent: fuzzing' make -s -C agent fuzz
fi
stage 'unit tests' run_tests 'src/**/*.test.ts' 'test/*.test.ts'
if [ "$part" = all ]; then
  stage 'agent: tests' run_tests --test-force-exit 'agent/test/*.test.ts'
  stage 'integration and conformance' run_one_by_one 'test/integration/*.test.ts' 'test/conformance/*.test.ts'
fi
printf '\nall stages passed\n'
