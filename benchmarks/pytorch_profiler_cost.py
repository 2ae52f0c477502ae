#!/usr/bin/env python3
"""What PyTorch's profiler costs the thread that launches, beside what cupti_cost measures of ours.

    python3 benchmarks/pytorch_profiler_cost.py [--rounds N] [--commit HASH]
        [-o benchmarks/results/<machine>/pytorch_profiler_cost.json]

An op here is an in-place addition to a tensor of 32 elements: one kernel. Each sample is a process of
its own, since tracing that was on once leaves launches slower; the alternatives take turns.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

BATCH = 1000  # ops between two synchronizations
ALTERNATIVES = {
    "none": "PyTorch op, no profiler",
    "cuda": "PyTorch op, its profiler, device activity only",
    "both": "PyTorch op, its profiler, host and device activity",
}


def measure(alternative, batches):
    """Median ns per op over the batches, in this process."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    x = torch.randn(32, device="cuda")
    os.sched_setaffinity(0, {2})

    def take():
        samples = []
        for batch in range(batches + 5):
            start = time.monotonic_ns()
            for _ in range(BATCH):
                x.add_(1.0)
            took = time.monotonic_ns() - start
            torch.cuda.synchronize()
            if batch >= 5:  # the first ones warm up
                samples.append(took / BATCH)
        return statistics.median(samples)

    if alternative == "none":
        return take()
    activities = [ProfilerActivity.CUDA]
    if alternative == "both":
        activities.append(ProfilerActivity.CPU)
    with profile(activities=activities):
        return take()


def machine_words():
    import torch

    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return (f"{names[0]}, {len(names)} virtual cores, {torch.cuda.get_device_name(0)}, "
            f"PyTorch {torch.__version__}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="processes for each figure")
    parser.add_argument("--batches", type=int, default=50, help=f"of {BATCH} ops in each process")
    parser.add_argument("--commit", default="unknown", help="of the tree that is measured with")
    parser.add_argument("--sample", choices=ALTERNATIVES, help="take one sample here and print it")
    parser.add_argument("-o", dest="output", help="result file to write")
    options = parser.parse_args()
    if options.sample:
        print(measure(options.sample, options.batches))
        return
    samples = {alternative: [] for alternative in ALTERNATIVES}
    for _ in range(options.rounds):
        for alternative, taken in samples.items():
            taken.append(float(subprocess.run(
                [sys.executable, __file__, "--sample", alternative, "--batches", str(options.batches)],
                check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]))
    rows, first = [], None
    for alternative, name in ALTERNATIVES.items():
        quarters = statistics.quantiles(samples[alternative], n=4, method="inclusive")
        first = first or {"name": name, "value": quarters[1]}
        rows.append({
            "name": name, "value": quarters[1], "unit": "ns/op", "n": len(samples[alternative]),
            "spread": quarters[2] - quarters[0],
            "reference": None if alternative == "none" else first,
            "ratio": None if alternative == "none" else quarters[1] / first["value"],
        })
        print(f"{name:55} {quarters[1]:10.1f} ns/op  IQR {quarters[2] - quarters[0]:.1f}")
    if options.output:
        result = {
            "machine": machine_words(),
            "command": f"pytorch_profiler_cost.py --rounds {options.rounds}",
            "commit": options.commit,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "rows": rows,
        }
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
