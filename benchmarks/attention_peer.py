#!/usr/bin/env python3
"""cuDNN's attention through PyTorch beside bench_kernels, shape by shape, in turn.

Needs a Hopper GPU and PyTorch with cuDNN. The protocol is bench_kernels': random bf16 data, rotated
buffers larger than L2; a graph of 20 calls replayed for some seconds (sustained), and the median of
single calls between events. Each is measured in every round, first cuDNN, then ours.

  python3 benchmarks/attention_peer.py build/cuda/bin/bench_kernels [--seconds 2] [--rounds 2] [--json FILE]
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

CALLS = 20
SHAPES = {  # bench_kernels' name: batch, heads, queries, keys, head_dim, causal
    "attention 4680 x 4680, 12 heads of 128": (1, 12, 4680, 4680, 128, False),
    "attention 4680 x 14040, 12 heads of 128": (1, 12, 4680, 14040, 128, False),
    "attention 4680 x 18720, 12 heads of 128": (1, 12, 4680, 18720, 128, False),
    "attention 18720 x 18720, 12 heads of 128": (1, 12, 18720, 18720, 128, False),
    "attention 4680 x 512, 12 heads of 128": (1, 12, 4680, 512, 128, False),
    "attention 4680 x 121, 12 heads of 128": (1, 12, 4680, 121, 128, False),
    "attention 2 x 8192 x 8192, 16 heads of 128": (2, 16, 8192, 8192, 128, False),
    "attention 2 x 8192 x 8192, 16 heads of 128, causal": (2, 16, 8192, 8192, 128, True),
    "attention 2 x 16384 x 16384, 16 heads of 128": (2, 16, 16384, 16384, 128, False),
    "attention 2 x 16384 x 16384, 16 heads of 128, causal": (2, 16, 16384, 16384, 128, True),
}
PROTOCOLS = ("single call", "sustained")
REFERENCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "references.json")


def cudnn_tflops(batch, heads, queries, keys, dim, causal, seconds):
    """{protocol: median}."""

    def tensor(tokens):  # [batch, tokens, heads, dim] in memory
        shape = (batch, tokens, heads, dim)
        return torch.randn(shape, dtype=torch.bfloat16, device="cuda").transpose(1, 2)

    def median(samples_ms):
        flops = 4 * batch * heads * queries * keys * dim * (0.5 if causal else 1)
        return flops / statistics.median(samples_ms) / 1e9

    l2_bytes = torch.cuda.get_device_properties(0).L2_cache_size
    sets = 2 * l2_bytes // (4 * batch * heads * dim * (queries + keys)) + 2
    buffers = [(tensor(queries), tensor(keys), tensor(keys)) for _ in range(sets)]
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)

    def timed(work):
        start.record()
        work()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)

    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        def call(i):
            scaled_dot_product_attention(*buffers[i % sets], is_causal=causal)

        for i in range(sets):
            call(i)
        single = median([timed(lambda: call(i)) for i in range(100)])
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for i in range(CALLS):
                call(i)
    samples_ms, began = [], time.monotonic()
    while time.monotonic() - began < seconds:
        samples_ms.append(timed(graph.replay) / CALLS)
    return {"single call": single, "sustained": median(samples_ms)}


def our_result(program, name, seconds):
    """The result file of bench_kernels for one shape."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        command = [program, "--filter", name, "--seconds", str(seconds), "--json", path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(path, encoding="utf-8") as result:
            return json.load(result)


def rounded(value):
    return float(f"{value:.4g}")


def row(name, samples, reference=None):
    value = rounded(statistics.median(samples))
    quartiles = statistics.quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else None
    return {
        "name": name,
        "value": value,
        "unit": "TFLOP/s",
        "n": len(samples),
        "spread": rounded(quartiles[2] - quartiles[0]) if quartiles else None,
        "reference": reference,
        "ratio": rounded(value / reference["value"]) if reference else None,
    }


def rows_of(name, ours, cudnn, recorded):
    """Ours over cuDNN, cuDNN, and ours over what was recorded elsewhere, for each protocol."""
    rows = []
    for protocol in PROTOCOLS:
        figure = f"{name}, {protocol}"
        peer = row(f"{figure}, cuDNN", cudnn[protocol])
        rows.append(row(figure, ours[protocol], {"name": "cuDNN", "value": peer["value"]}))
        rows.append(peer)
        for entry in recorded:
            if entry["figure"] == figure:
                reference = {
                    "name": f"{entry['of']}, recorded on {entry['machine'].split(',')[0]}",
                    "value": entry["value"],
                }
                rows.append(row(figure, ours[protocol], reference))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="bench_kernels")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--filter", default="", help="only shapes whose name contains this")
    parser.add_argument("--json", help="result file to write")
    options = parser.parse_args()
    with open(REFERENCES, encoding="utf-8") as file:
        recorded = json.load(file)

    rows, result = [], None
    print(f"{'TFLOP/s':<56}{'protocol':>12}{'ours':>8}{'cuDNN':>8}{'ratio':>8}")
    for name, shape in SHAPES.items():
        if options.filter not in name:
            continue
        ours, cudnn = ({protocol: [] for protocol in PROTOCOLS} for _ in range(2))
        for _ in range(options.rounds):
            theirs = cudnn_tflops(*shape, options.seconds)
            torch.cuda.empty_cache()
            result = our_result(options.program, name, options.seconds)
            values = {entry["name"]: entry["value"] for entry in result["rows"]}
            for protocol in PROTOCOLS:
                cudnn[protocol].append(theirs[protocol])
                ours[protocol].append(values[f"{name}, {protocol}"])
        added = rows_of(name, ours, cudnn, recorded)
        rows += added
        for entry in added:
            if entry["reference"] and entry["reference"]["name"] == "cuDNN":
                protocol = entry["name"].rsplit(", ", 1)[1]
                print(f"{name:<56}{protocol:>12}{entry['value']:>8.0f}"
                      f"{entry['reference']['value']:>8.0f}{entry['ratio']:>8.2f}", flush=True)
    if not rows:
        sys.exit(f"attention_peer: no shape's name contains '{options.filter}'")
    if not options.json:
        return
    file = {
        "machine": f"{result['machine']}, PyTorch {torch.__version__}, "
                   f"cuDNN {torch.backends.cudnn.version()}",
        "command": f"attention_peer.py --seconds {options.seconds:g} --rounds {options.rounds}",
        "commit": result["commit"],
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rows": rows,
    }
    with open(options.json, "w", encoding="utf-8") as output:
        json.dump(file, output, indent=1)
        output.write("\n")


if __name__ == "__main__":
    main()
