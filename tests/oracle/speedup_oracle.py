"""What a careful person reckons by hand from two logs of stages and two traces, with nothing but the standard library.

usage: speedup_oracle.py BASELINE_LOG BASELINE_TRACE KERNEL CANDIDATE_LOG CANDIDATE_TRACE KERNEL

Prints JSON: for each side the runs of the denoising stage in ms, the attention samples in ms (the log says ms and means
seconds), and the durations of the kernel of that exact name in us.
"""

import gzip
import json
import re
import sys

ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
STAGE = re.compile(r"\[LTX2DenoisingStage\].*Execution completed in ([0-9.eE+-]+) ms")
SAMPLE = re.compile(r">>>>\s+\S+\s+time:\s+([0-9.eE+-]+)\s+ms")


def side(log, trace, kernel):
    runs, samples, open_samples = [], [], []
    with open(log, encoding="utf-8") as lines:
        for raw in lines:
            line = ESCAPE.sub("", raw)
            if found := SAMPLE.search(line):
                open_samples.append(float(found.group(1)) * 1000)
            if found := STAGE.search(line):
                runs.append(float(found.group(1)))
                samples.append(open_samples)
                open_samples = []
    with gzip.open(trace) as file:
        events = json.load(file)["traceEvents"]
    durations = [e["dur"] for e in events if e.get("cat") == "kernel" and e["name"] == kernel]
    later = [s for run in samples[1:] for s in run]
    return {
        "runs_ms": runs,
        "avg_all_rounds_ms": sum(runs) / len(runs),
        "avg_excl_warmup_ms": sum(runs[1:]) / len(runs[1:]),
        "attention_n": len(later),
        "attention_ms": sum(later) / len(later),
        "attention_all_ms": sum(map(sum, samples)) / sum(map(len, samples)),
        "kernel_n": len(durations),
        "kernel_min_us": min(durations),
        "kernel_max_us": max(durations),
        "kernel_avg_us": sum(durations) / len(durations),
    }


json.dump({"baseline": side(*sys.argv[1:4]), "candidate": side(*sys.argv[4:7])}, sys.stdout)
