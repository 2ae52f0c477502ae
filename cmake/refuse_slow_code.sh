#!/usr/bin/env bash
# Runs a compile command, and fails when ptxas said that it ignored setmaxnreg (C7508), or put waits
# or fences of its own between wgmma or serialized it (C7510 to C7520).
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" 2>"$log"
status=$?
cat "$log" >&2
if [[ $status == 0 ]] && grep -Eq 'C75(08|1[0-9]|20)' "$log"; then
  echo "refused: the warning above costs more speed than anything else in the kernel" >&2
  exit 1
fi
exit $status
