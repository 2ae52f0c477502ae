#!/usr/bin/env bash
# Runs the tests that need a GPU, then every benchmark that needs one, and keeps what each found.
set -euo pipefail
program=$(basename "$0")
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Name, most seconds, and the command: a program of the build's bin/ with its arguments.
measurements() {
  cat <<'END'
event_cost             60 event_cost
cupti_cost            240 cupti_cost
graph_cost            120 graph_cost
measure_overhead      300 measure_overhead
bench_kernels         240 bench_kernels
bench_memory_kernels   60 bench_memory_kernels
denoising_step        120 denoising_step
bench_longlive        400 bench_longlive
flight_recorder_soak  600 flight_recorder_soak --seconds 480 --miss-every 10 --device ops
END
}

usage() {
  cat <<EOF
usage: $program [options] OUTPUT_DIR [NAME...]

Runs the tests labelled gpu, then the benchmarks that need a GPU, one after the other, and writes what each
found to OUTPUT_DIR/NAME.json and what it printed to OUTPUT_DIR/NAME.txt. Goes on where one fails, and says so
at the end. The machine should have nothing else to do. Nothing is built here: scripts/run_tests.sh does that.

  OUTPUT_DIR     folder for the results, made if it is missing; benchmarks/results/<machine> to commit them
  NAME           only these: tests, or a benchmark
                 ($(measurements | awk '{ printf "%s%s", (NR > 1 ? ", " : ""), $1 }'))

options:
  --build DIR    the build folder (default: build/cuda of this repository)
  --help         this text

examples:
  $program benchmarks/results/my_machine
  $program /tmp/found tests cupti_cost graph_cost
exit codes: 0 all passed and measured; 1 something failed; 2 could not start.
EOF
}

build_folder=$repository/build/cuda
arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --build)
      [[ $# -gt 1 ]] || fail '--build needs a folder'
      build_folder=$2
      shift
      ;;
    --) shift; arguments+=("$@"); break ;;
    -*) fail "unknown option $1 (see $program --help)" ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
[[ ${#arguments[@]} -gt 0 ]] || fail "expected a folder for the results (see $program --help)"
output=${arguments[0]}
chosen=("${arguments[@]:1}")
for name in "${chosen[@]}"; do
  [[ $name == tests ]] || measurements | grep -q "^$name " || fail "nothing is called '$name' (see $program --help)"
done
[[ -d $build_folder/bin ]] || fail "$build_folder/bin: no such folder; build first, with scripts/run_tests.sh"
build_folder=$(cd "$build_folder" && pwd)
nvidia-smi -L 2>/dev/null | grep -q '^GPU ' || fail 'no NVIDIA GPU on this machine'
mkdir -p "$output" || fail "$output: cannot be made"
output=$(cd "$output" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"  # where programs leave their timing files

is_chosen() { [[ ${#chosen[@]} -eq 0 || " ${chosen[*]} " == *" $1 "* ]]; }

failed=()
keep() {  # keep NAME SECONDS COMMAND...: its output goes to NAME.txt
  local name=$1 seconds=$2 start=$SECONDS status=0
  shift 2
  say "$name"
  timeout "$seconds" "$@" >"$output/$name.txt" 2>&1 </dev/null || status=$?
  if [[ $status == 0 ]]; then
    printf '    done in %d s\n' $((SECONDS - start))
    return
  fi
  failed+=("$name")
  tail -n 5 "$output/$name.txt" | sed 's/^/    /'
  printf '    FAILED with exit code %d after %d s (at most %d); its output: %s\n' \
    "$status" $((SECONDS - start)) "$seconds" "$output/$name.txt"
}

if is_chosen tests; then
  keep tests 900 ctest --test-dir "$build_folder" --label-regex '^gpu$' --output-on-failure
fi
while read -r name seconds command; do
  is_chosen "$name" || continue
  read -ra words <<<"$command"
  keep "$name" "$seconds" "$build_folder/bin/${words[0]}" "${words[@]:1}" -o "$output/$name.json"
done < <(measurements)

if [[ ${#failed[@]} -gt 0 ]]; then
  say "Failed: ${failed[*]}"
  exit 1
fi
say "All in $output"
