#!/usr/bin/env bash
# Results are never overwritten, and nothing empty is left where no run happened.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
stand_in dpkg-query <<<'echo -n "installed "'
stand_in cmake <<<'echo "cmake: $*"; exit 1'
run="$repository/scripts/run_interactive_timing_analysis.sh"
config="$scratch/a config.yaml"
touch "$config"

mkdir "$scratch/old results"
touch "$scratch/old results/timing.json"
expect 'a folder with files' 2 'not empty; results are never overwritten' "$run" "$config" "$scratch/old results"
touch "$scratch/a file"
expect 'a file' 2 'is a file, not a folder' "$run" "$config" "$scratch/a file"
expect 'a new folder with a space' 2 'could not configure' "$run" "$config" "$scratch/new results"
holds 'no empty folder is left' test ! -e "$scratch/new results"
finish
