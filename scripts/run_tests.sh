#!/usr/bin/env bash
# Builds everything this machine can build, runs every test it can run, and says what it skipped and why.
set -euo pipefail
program=$(basename "$0")
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<EOF
usage: $program [options] [-- ctest arguments]

Installs what the tests need, builds all parts that this machine can build, runs the tests, lists the
skipped ones with their reasons, and ends with ctest's own summary line.

options:
  --preset NAME  a preset of CMakePresets.json; its build folder is build/NAME
                 (default: cuda where nvcc is installed, host otherwise)
  --yes          install missing packages without asking
  --no-install   install nothing: if packages are missing, print the apt line and exit 2
  --help         this text
Without either, a terminal is asked; with no terminal to ask, the apt line is printed and the exit code is 2.

examples:
  $program --yes
  $program --preset asan -- -R span_tree
exit codes: 0 all tests passed; 1 the build or a test failed; 2 could not start.
EOF
}

preset=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --yes | -y) install_policy=yes ;;
    --no-install) install_policy=no ;;
    --preset)
      [[ $# -gt 1 ]] || fail '--preset needs a name'
      preset=$2
      shift
      ;;
    --) shift; break ;;
    *) fail "unknown argument $1 (see $program --help)" ;;
  esac
  shift
done
trap 'exit 130' INT
trap 'exit 143' TERM

ensure_packages build test
if [[ -z $preset ]]; then
  preset=host
  if PATH=$PATH:/usr/local/cuda/bin nvcc --version 2>/dev/null | grep -Eq 'release (1[2-9]|[2-9][0-9])\.'; then preset=cuda; fi
fi
folder=$repository/build/$preset

say "Configuring build/$preset"
configure "$preset" || fail "cmake could not configure build/$preset (its output is above)"
say "Building build/$preset"
build "$preset" || exit 1

say 'Testing'
status=0
(cd "$repository" && ctest --preset "$preset" --parallel "$(nproc)" --output-log "$folder/ctest.log" "$@") || status=1

say 'Parts that were not built'
grep ': off' "$folder/parts.txt" | sed 's/^/    /' || echo '    none'
say 'Tests, or parts of them, that were skipped'
awk -f "$repository/scripts/skipped_tests.awk" "$folder/Testing/Temporary/LastTest.log" "$folder/ctest.log"
grep -E '^[0-9]+% tests passed' "$folder/ctest.log" || status=1
exit $status
