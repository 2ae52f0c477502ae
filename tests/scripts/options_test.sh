#!/usr/bin/env bash
# The scripts explain themselves and refuse what they do not know, before they touch anything.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
stand_in dpkg-query <<<'echo "dpkg-query must not be asked yet"; exit 99'
stand_in cmake <<<'echo "cmake must not run yet"; exit 99'

run="$repository/scripts/run_interactive_timing_analysis.sh"
tests="$repository/scripts/run_tests.sh"

expect 'help of the analysis' 0 '^usage: .*\[config_path\] \[output_dir\]' "$run" --help
expect 'help has examples' 0 '^examples:' "$run" --help
expect 'help of the tests' 0 '^usage: run_tests.sh' "$tests" --help
expect 'unknown option of the analysis' 2 'unknown option --fast' "$run" --fast
expect 'unknown argument of the tests' 2 'unknown argument --fast' "$tests" --fast
expect 'a preset needs a name' 2 '--preset needs a name' "$tests" --preset
expect 'too many arguments' 2 "not 'three'" "$run" one two three
expect 'a configuration that is not there' 2 'no such.yaml: no such configuration file' "$run" 'no such.yaml'
finish
