#!/usr/bin/env python3
"""cuDNN's attention through PyTorch beside bench_kernels, shape by shape in turn.

Needs a Hopper GPU and PyTorch with cuDNN. The protocol is bench_kernels': random bf16 data, a graph
of 20 calls over rotated buffers larger than L2, sustained.

  python3 benchmarks/attention_peer.py build/cuda/bin/bench_kernels [--seconds 2]
"""
import argparse
import json
import os
import subprocess
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
    "attention 2 x 8192 x 8192, 16 heads of 128": (2, 16, 8192, 8192, 128, False),
    "attention 2 x 8192 x 8192, 16 heads of 128, causal": (2, 16, 8192, 8192, 128, True),
    "attention 2 x 16384 x 16384, 16 heads of 128": (2, 16, 16384, 16384, 128, False),
    "attention 2 x 16384 x 16384, 16 heads of 128, causal": (2, 16, 16384, 16384, 128, True),
}


def cudnn_tflops(batch, heads, queries, keys, dim, causal, seconds):
    """Median over the replays of `seconds`."""

    def tensor(tokens):  # [batch, tokens, heads, dim] in memory
        shape = (batch, tokens, heads, dim)
        return torch.randn(shape, dtype=torch.bfloat16, device="cuda").transpose(1, 2)

    l2_bytes = torch.cuda.get_device_properties(0).L2_cache_size
    sets = 2 * l2_bytes // (4 * batch * heads * dim * (queries + keys)) + 2
    buffers = [(tensor(queries), tensor(keys), tensor(keys)) for _ in range(sets)]
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        for q, k, v in buffers:
            scaled_dot_product_attention(q, k, v, is_causal=causal)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for i in range(CALLS):
                scaled_dot_product_attention(*buffers[i % sets], is_causal=causal)
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    samples, began = [], time.monotonic()
    while time.monotonic() - began < seconds:
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        samples.append(start.elapsed_time(end) / CALLS)
    median_ms = sorted(samples)[len(samples) // 2]
    flops = 4 * batch * heads * queries * keys * dim * (0.5 if causal else 1)
    return flops / median_ms / 1e9


def our_tflops(program, name, seconds):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        command = [program, "--filter", name, "--seconds", str(seconds), "--json", path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(path, encoding="utf-8") as result:
            rows = json.load(result)["rows"]
    return next(row["value"] for row in rows if row["name"] == name + ", sustained")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="bench_kernels")
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    print(f"{'TFLOP/s, sustained':<56}{'ours':>8}{'cuDNN':>8}{'ratio':>8}")
    for name, shape in SHAPES.items():
        cudnn = cudnn_tflops(*shape, options.seconds)
        ours = our_tflops(options.program, name, options.seconds)
        print(f"{name:<56}{ours:>8.0f}{cudnn:>8.0f}{ours / cudnn:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
