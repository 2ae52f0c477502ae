#!/usr/bin/env python3
"""An independent reckoning of a PyTorch profiler trace: what the analyzers must find in it.

    kineto_oracle.py TRACE[.gz]

Prints JSON. Under "paths", for each path of annotations ("outer;inner", "" for none): how often it
was entered, how long it was open, and of the device ops launched directly under it their number,
the sum of their durations, the length of the union of their intervals (over all devices), and their
share: at an instant when k kernels or memsets run on a device each gets 1/k of it, and copies get
what is left when neither runs ("copy_exposed"). Under "devices" the sums that must add up to the
window. Times are nanoseconds; shares are exact fractions, rounded when printed.

Written from the definitions, with the standard library alone and nothing of the analyzers; meant for
traces of a few MB.
"""

import collections
import decimal
import fractions
import gzip
import json
import sys


def nanoseconds(microseconds):
    return int((decimal.Decimal(microseconds) * 1000).to_integral_value(decimal.ROUND_HALF_UP))


def read_events(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    trace = json.loads(data.decode("utf-8", "replace"), parse_float=decimal.Decimal)
    return trace if isinstance(trace, list) else trace["traceEvents"]


class Interval:
    def __init__(self, event):
        self.start = nanoseconds(event["ts"])
        self.end = self.start + nanoseconds(event.get("dur", 0))
        self.thread = (event["pid"], event["tid"])
        self.name = event["name"]
        self.arguments = event.get("args", {})


def union_length(intervals):
    total, free_from = 0, None
    for start, end in sorted(intervals):
        if free_from is None or start > free_from:
            free_from = start
        total += max(0, end - free_from)
        free_from = max(free_from, end)
    return total


def split_device_time(ops):
    """Sets op.share of the ops of one device; returns busy time of kernels and memsets, and the time
    when only copies ran."""
    moments = sorted({op.start for op in ops} | {op.end for op in ops})
    starting = collections.defaultdict(list)
    for op in ops:
        starting[op.start].append(op)
    running, compute_busy, copy_exposed = [], 0, 0
    for begin, end in zip(moments, moments[1:]):
        running = [op for op in running if op.end > begin]
        running += [op for op in starting[begin] if op.end > begin]
        computing = [op for op in running if not op.copy]
        takers = computing or running
        for op in takers:
            op.share += fractions.Fraction(end - begin, len(takers))
        if computing:
            compute_busy += end - begin
        elif running:
            copy_exposed += end - begin
    return compute_busy, copy_exposed


def reckon(events):
    complete = [e for e in events if isinstance(e, dict) and e.get("ph") == "X"]
    of = lambda *names: [Interval(e) for e in complete if e.get("cat") in names]
    annotations = of("user_annotation", "nvtx")
    calls = of("cuda_runtime", "cuda_driver")
    ops = of("kernel", "gpu_memset")
    for op in ops:
        op.copy = False
    copies = of("gpu_memcpy")
    for op in copies:
        op.copy = True
    ops += copies

    on_thread = collections.defaultdict(list)
    for a in annotations:
        on_thread[a.thread].append(a)
    for row in on_thread.values():
        row.sort(key=lambda a: (a.start, -a.end))

    def path_at(thread, time, before=None):
        names = []
        for a in on_thread[thread]:
            if a is before or a.start > time:
                break
            if a.end > time:
                names.append(a.name)
        return ";".join(names)

    empty = lambda: dict(spans=0, open_ns=0, ops=0, sum_ns=0, busy_ns=0, share_ns=0, copy_exposed_ns=0)
    paths = collections.defaultdict(empty)
    for a in annotations:
        around = path_at(a.thread, a.start, before=a)
        entry = paths[(around + ";" if around else "") + a.name]
        entry["spans"] += 1
        entry["open_ns"] += a.end - a.start

    launch_of = {c.arguments["correlation"]: c for c in calls if c.arguments.get("correlation")}
    by_device, by_path = collections.defaultdict(list), collections.defaultdict(list)
    for op in ops:
        op.share = fractions.Fraction(0)
        launch = launch_of.get(op.arguments.get("correlation"))
        op.path = path_at(launch.thread, launch.start) if launch else ""
        by_device[op.arguments["device"]].append(op)
        by_path[op.path].append(op)

    # A device's window reaches from the first to the last of its ops and the outermost annotations.
    devices = {}
    for device, own in sorted(by_device.items()):
        compute_busy, copy_exposed = split_device_time(own)
        everything = own + annotations
        window = max(i.end for i in everything) - min(i.start for i in everything)
        attributed = sum(op.share for op in own if op.path and not op.copy)
        devices[str(device)] = dict(
            window_ns=window,
            share_ns=round(attributed),
            copy_exposed_ns=copy_exposed,
            unattributed_ns=round(compute_busy - attributed),
            idle_ns=window - compute_busy - copy_exposed,
            busy_ns=union_length((op.start, op.end) for op in own),
        )
    for path, own in by_path.items():
        entry = paths[path]
        entry["ops"] = len(own)
        entry["sum_ns"] = sum(op.end - op.start for op in own)
        entry["busy_ns"] = sum(
            union_length((op.start, op.end) for op in own if op.arguments["device"] == device)
            for device in by_device
        )
        entry["share_ns"] = round(sum(op.share for op in own if not op.copy))
        entry["copy_exposed_ns"] = round(sum(op.share for op in own if op.copy))
    return dict(paths=paths, devices=devices)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: kineto_oracle.py TRACE[.gz]")
    json.dump(reckon(read_events(sys.argv[1])), sys.stdout, indent=1, sort_keys=True)
    print()
