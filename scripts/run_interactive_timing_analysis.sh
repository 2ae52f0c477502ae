#!/usr/bin/env bash
# Builds the reference pipeline, runs an interactive LongLive generation with timing, breaks the time down, says what the
# prompt switches cost, and draws it.
set -euo pipefail
program=$(basename "$0")
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<EOF
usage: $program [options] [config_path] [output_dir]

Installs what is missing, builds, generates a clip with prompt switches while every stage is timed, and
prints where the time went and what each switch cost, and draws it: report.html, for a browser.

  config_path    LongLive configuration
                 (default, in pipeline_reference/configs of this repository: longlive_interactive_inference.yaml,
                 the 1.3B model with random weights, on a GPU that holds it; longlive_interactive_small.yaml on
                 the CPU elsewhere)
  output_dir     folder for the results, new or empty
                 (default: latency_results/<date>_<time>/ of this repository)

options:
  --yes          install missing packages without asking
  --no-install   install nothing: if packages are missing, print the apt line and exit 2
  --help         this text
Without either, a terminal is asked; with no terminal to ask, the apt line is printed and the exit code is 2.

examples:
  $program
  $program --yes
  $program my_config.yaml results/first_try
exit codes: 0 done; 2 not done, one line on stderr says why; 130 interrupted.
EOF
}

arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --yes | -y) install_policy=yes ;;
    --no-install) install_policy=no ;;
    --) shift; arguments+=("$@"); break ;;
    -*) fail "unknown option $1 (see $program --help)" ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
[[ ${#arguments[@]} -le 2 ]] || fail "expected at most a configuration and an output folder, not '${arguments[2]}'"
configs=$repository/pipeline_reference/configs
config=${arguments[0]:-}
[[ -z $config || -f $config ]] || fail "$config: no such configuration file"

if [[ -n ${arguments[1]:-} ]]; then
  output=${arguments[1]}
  [[ ! -e $output || -d $output ]] || fail "$output: is a file, not a folder"
  [[ ! -d $output || -z $(ls -A "$output") ]] || fail "$output: not empty; results are never overwritten"
else
  output=$repository/latency_results/$(date +%Y%m%d_%H%M%S)
  while [[ -e $output ]]; do output+=_again; done
fi

trap 'exit 130' INT
trap 'exit 143' TERM
leave() {  # an empty folder of a run that did not happen goes; what a stopped run wrote is named
  local status=$?
  rmdir "$output" 2>/dev/null || true
  if [[ $status != 0 && -d $output ]]; then
    say 'Stopped early; written so far:'
    printf '    %s\n' "$output"/*
  fi
}
trap leave EXIT

ensure_packages build

# A build for the GPU where there is one, and nvcc to make it with.
preset=host
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1 || true)
if [[ -n $gpu ]] && PATH=$PATH:/usr/local/cuda/bin nvcc --version >/dev/null 2>&1; then preset=cuda; fi

say "Building in build/$preset"
configure "$preset" || fail "cmake could not configure build/$preset (its output is above)"
build "$preset" --target interactive_inference_with_timing latency_tool || fail "the build failed (its output is above)"
bin=$repository/build/$preset/bin

device=auto
if [[ -z $config ]]; then  # the full size on a GPU that holds it, or the small one and the reason
  config=$configs/longlive_interactive_inference.yaml
  if [[ -z $gpu ]]; then
    why='no NVIDIA GPU found'
  elif [[ $preset == host ]]; then
    why="there is a GPU, $gpu, but no nvcc to build for it"
  elif why=$("$bin/interactive_inference_with_timing" --config_path "$config" --device cuda --check_only --quiet 2>&1); then
    device=cuda
    why=''
  fi
  if [[ $device == auto ]]; then
    say "A small run on the CPU: $why"
    config=$configs/longlive_interactive_small.yaml
    device=cpu
  fi
fi
mkdir -p "$output"
"$bin/interactive_inference_with_timing" --config_path "$config" --device "$device" --enable_timing --timing_output_dir "$output"
timing_files=("$output"/interactive_timing_analysis_rank*_prompt*.json)

say 'Where the time went'
"$bin/latency" breakdown --without-switches "${timing_files[@]}"
"$bin/latency" breakdown "${timing_files[@]}" --detailed --format markdown -o "$output/breakdown.md"
say 'What the prompt switches cost'
"$bin/latency" switch "${timing_files[@]}"
"$bin/latency" switch "${timing_files[@]}" --detailed --format markdown -o "$output/switches.md"

say 'Pictures'
"$bin/latency" plot "${timing_files[@]}" --output-dir "$output"

say 'Written'
printf '    %s\n' "$output"/*
say 'Next'
cat <<EOF
    per block and per step:   $bin/latency breakdown --detailed ${timing_files[0]@Q}
    what a window would save: run other windows (local_attn_size) and give all their files to $bin/latency switch
    your own configuration:   $0 my_config.yaml
    your own program:         docs/ and examples/ show #include <latency/latency.hpp>
EOF
say "The report, for a browser: $output/report.html"
