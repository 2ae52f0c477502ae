#!/usr/bin/env bash
# Runs a test program where there is an NVIDIA GPU; elsewhere says so and returns ctest's skip code.
set -euo pipefail
if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L 2>/dev/null | grep -q '^GPU '; then
  echo "skipped: no NVIDIA GPU on this machine"
  exit 77
fi
exec "$@"
