#!/usr/bin/env bash
# format.sh [--fix]: checks (or rewrites) every tracked C++ and CUDA source with clang-format 14.
# Exit codes: 0 well formatted, 1 not, 77 clang-format 14 is not here (ctest's code for a skipped test).
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repository"

formatter=''
for candidate in clang-format-14 clang-format; do
  if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
    formatter=$candidate
    break
  fi
done
if [[ -z $formatter ]]; then
  echo 'skipped: no clang-format 14 on this machine'
  exit 77
fi
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  echo 'skipped: not a git checkout, so which files are sources is not known'
  exit 77
fi

sources() { git ls-files -z -- '*.hpp' '*.cpp' '*.cu' '*.cuh'; }
if [[ ${1:-} == --fix ]]; then
  sources | xargs -0 -r "$formatter" --style=file -i
  exit
fi
places=$(sources | xargs -0 -r -n 16 -P "$(nproc)" "$formatter" --style=file --dry-run 2>&1 |
  sed -nE 's/^([^ ]+:[0-9]+):[0-9]+: warning: .*/\1/p' | sort -u)
[[ -z $places ]] || {
  printf '%s\n' "$places"
  echo 'Not as clang-format 14 would write it; scripts/format.sh --fix rewrites them.'
  exit 1
}
