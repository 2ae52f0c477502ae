#!/usr/bin/env bash
# Reads good, killed and damaged recordings under valgrind, which sees every read of memory that was
# never written: valgrind_breakdown.sh PROGRAM SOURCE_FOLDER
set -euo pipefail
program=$1 sources=$2
command -v valgrind >/dev/null || { echo 'skipped: no valgrind on this machine'; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check() {  # check EXPECTED_EXIT_CODE arguments of the program...
  local expected=$1 status=0
  shift
  valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
    "$program" "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
  [[ $status == "$expected" ]] && return
  printf 'exit %s instead of %s: latency %s\n' "$status" "$expected" "$*"
  cat "$scratch/err"
  exit 1
}

timing=$sources/tests/data/timing/two_segments.json
journal=$sources/tests/fuzz/corpus/fuzz_journal/killed_run
head -c 5000 "$timing" >"$scratch/cut.json"
head -c 1999 "$journal" >"$scratch/cut.journal"
check 0 breakdown "$timing" --detailed --require 'p50(temporal_block)<=100ms'
check 0 breakdown "$timing" "$journal" --format json
check 0 breakdown "$journal" "$sources/tests/fuzz/corpus/fuzz_journal/every_record" --pool --format csv
check 0 breakdown "$scratch/cut.journal" --format markdown -o "$scratch/report.md"
check 3 compare "$timing" "$timing"
check 2 breakdown "$scratch/cut.json"
check 2 breakdown "$timing" --require 'mean(no_such_span)<1s'
