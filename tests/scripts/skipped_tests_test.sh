#!/usr/bin/env bash
# A run of the tests lists every skipped one with its reason.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
cat >"$scratch/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(skipping NONE)
enable_testing()
add_test(NAME whole COMMAND sh -c "echo 'skipped: no GPU'; exit 77")
add_test(NAME silent COMMAND sh -c "exit 77")
add_test(NAME partly COMMAND sh -c "echo 'skipped: one file is not here'")
add_test(NAME runs COMMAND true)
set_tests_properties(whole silent partly runs PROPERTIES SKIP_RETURN_CODE 77)
END
cmake -S "$scratch" -B "$scratch/b" >/dev/null
ctest --test-dir "$scratch/b" --output-log "$scratch/ctest.log" >/dev/null
list=(awk -f "$repository/scripts/skipped_tests.awk" "$scratch/b/Testing/Temporary/LastTest.log" "$scratch/ctest.log")
expect 'a reason' 0 '^ +whole: no GPU$' "${list[@]}"
expect 'no reason' 0 '^ +silent: gives no reason$' "${list[@]}"
expect 'a part of a test' 0 '^ +partly: one file is not here$' "${list[@]}"
holds 'a test that ran is not listed' test -z "$(grep runs "$scratch/output")"

stand_in nvidia-smi <<<'exit 9'
expect 'a GPU test without a GPU' 77 '^skipped: no NVIDIA GPU' "$repository/tests/run_if_gpu.sh" echo ran
stand_in nvidia-smi <<<'echo "GPU 0: made up"'
expect 'a GPU test with a GPU' 0 '^ran$' "$repository/tests/run_if_gpu.sh" echo ran
finish
