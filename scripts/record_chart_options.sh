#!/usr/bin/env bash
# Records tests/data/charts anew: the ECharts options of a small run. Look at the difference before committing it.
set -euo pipefail
program=$(basename "$0")
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[[ $# == 0 ]] || fail 'takes no arguments'
test=$repository/build/host/tests/analyzers/charts/chart_option_test
configure host
build host --target chart_option_test
LATENCY_RECORD=1 "$test"
git -C "$repository" status --short tests/data/charts
