#!/usr/bin/env bash
# run.sh LATENCY_PROGRAM FOLDER SCRIPT [arguments]: runs a script of this folder with playwright-core from npm (as
# package-lock.json says, into FOLDER) and the system's Chromium. Skips where one of them is missing.
set -euo pipefail
export LATENCY_PROGRAM=$1 PAGE_FOLDER=$2
script=$(dirname "${BASH_SOURCE[0]}")/$3
shift 3

skip() {
  echo "skipped: $*"
  exit 77
}
command -v node >/dev/null || skip 'no node on this machine (Debian: nodejs)'
command -v npm >/dev/null || skip 'no npm on this machine (Debian: npm)'
CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
  skip 'no Chromium on this machine (Debian: chromium)'
export CHROMIUM

mkdir -p "$PAGE_FOLDER"
if ! cmp -s "${script%/*}/package-lock.json" "$PAGE_FOLDER/installed.json"; then
  cp "${script%/*}"/package.json "${script%/*}"/package-lock.json "$PAGE_FOLDER"
  (cd "$PAGE_FOLDER" && timeout 120 npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --fetch-retries=1 >npm.log 2>&1) ||
    skip 'playwright-core could not be fetched from npm'
  cp "$PAGE_FOLDER/package-lock.json" "$PAGE_FOLDER/installed.json"
fi
exec node "$script" "$@"
