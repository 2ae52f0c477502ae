# shellcheck shell=bash
# Sourced by the tests of the scripts: a scratch folder with stand-ins for programs, and claims about runs.
# shellcheck disable=SC2034
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

stand_in() {  # stand_in NAME: a program first on PATH that runs the text on stdin
  mkdir -p "$scratch/bin"
  { echo '#!/usr/bin/env bash'; cat; } >"$scratch/bin/$1"
  chmod +x "$scratch/bin/$1"
}

expect() {  # expect CLAIM EXIT_CODE PATTERN COMMAND...: PATTERN (grep -E) is in the output of COMMAND
  local claim=$1 code=$2 pattern=$3 got=0
  shift 3
  PATH="$scratch/bin:$PATH" "$@" >"$scratch/output" 2>&1 </dev/null || got=$?
  if [[ $got != "$code" ]] || ! grep -qE -e "$pattern" "$scratch/output"; then
    echo "FAILED: $claim: exit code $got (expected $code), looking for '$pattern' in:"
    cat "$scratch/output"
    failures=$((failures + 1))
  fi
}

holds() {  # holds CLAIM COMMAND...: COMMAND succeeds
  local claim=$1
  shift
  if ! "$@"; then
    echo "FAILED: $claim"
    failures=$((failures + 1))
  fi
}

finish() { exit $((failures > 0)); }
