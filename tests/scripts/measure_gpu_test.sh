#!/usr/bin/env bash
# Every measurement is taken with its result file; one that fails is told, and the others still run.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
measure="$repository/scripts/measure_gpu.sh"
build="$scratch/a build"
mkdir -p "$build/bin"
stand_in nvidia-smi <<<'exit 9'
expect 'no GPU' 2 'no NVIDIA GPU' "$measure" "$scratch/none" --build "$build"
holds 'no folder is left where nothing ran' test ! -e "$scratch/none"

stand_in nvidia-smi <<<'echo "GPU 0: a device"'
stand_in ctest <<<'echo "ctest $*"'
for name in event_cost cupti_cost graph_cost measure_overhead bench_kernels bench_memory_kernels denoising_step \
  bench_longlive flight_recorder_soak; do
  printf '#!/usr/bin/env bash\necho "%s $*"\ntouch "${@: -1}"\n' "$name" >"$build/bin/$name"
  chmod +x "$build/bin/$name"
done
printf '#!/usr/bin/env bash\necho lost the device\nexit 3\n' >"$build/bin/graph_cost"

expect 'help has examples' 0 '^examples:' "$measure" --help
expect 'no folder' 2 'expected a folder' "$measure"
expect 'an unknown option' 2 'unknown option --fast' "$measure" --fast
expect 'an unknown name' 2 "nothing is called 'bench'" "$measure" "$scratch/none" bench --build "$build"
expect 'no build' 2 'build first' "$measure" "$scratch/none" --build "$scratch/no build"
expect 'one that fails' 1 'Failed: graph_cost$' "$measure" "$scratch/all results" --build "$build"
holds 'its output is shown' grep -q '    lost the device' "$scratch/output"
holds 'those behind it ran' test -e "$scratch/all results/flight_recorder_soak.json"
holds 'the soak is long' grep -q -e '--seconds 480' "$scratch/all results/flight_recorder_soak.txt"
holds 'the tests are those of a GPU' grep -q -e '--label-regex ^gpu' "$scratch/all results/tests.txt"
expect 'only some' 0 'All in ' "$measure" "$scratch/some" tests cupti_cost --build "$build"
holds 'only these' test "$(cd "$scratch/some" && echo *)" = 'cupti_cost.json cupti_cost.txt tests.txt'
finish
