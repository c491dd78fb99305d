#!/usr/bin/env python3
"""Holds `ponder stats` against numpy: every statistic of tensors of real models, and the time for one large tensor.

    python tests/oracle/stats_against_numpy.py PONDER FILE [--tensor NAME ...] [--speed NAME] [--repeat 5]

Without --tensor all tensors are compared. Needs numpy, gguf and (for safetensors files) safetensors. The values come from `gguf`'s
dequantization, not from Ponder. For --speed numpy gets the tensor dequantized to F32 in memory, and computes minimum, maximum, mean,
standard deviation (both with dtype=float64), zeros, NaN and a 4,096-bin histogram; Ponder's time is its whole process: start, header, file,
dequantization, the same and quantiles, norms, kurtosis. Both take turns on the same cores.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np


def tensors(path):
    if str(path).endswith(".safetensors"):
        from safetensors.numpy import load_file

        for name, values in load_file(path).items():
            yield name, lambda values=values: values
        return
    from gguf import GGUFReader
    from gguf.quants import dequantize

    for tensor in GGUFReader(path).tensors:
        yield tensor.name, lambda tensor=tensor: dequantize(tensor.data, tensor.tensor_type)


def statistics(values):
    """What the bar names, as numpy computes it."""
    counts, _ = np.histogram(values, bins=4096)
    return {
        "min": values.min(),
        "max": values.max(),
        "mean": values.mean(dtype=np.float64),
        "std": values.std(dtype=np.float64),
        "zeros": np.count_nonzero(values == 0),
        "nan": np.count_nonzero(np.isnan(values)),
        "histogram": counts,
    }


def ponder(binary, path, name, *more):
    out = subprocess.run([binary, "stats", path, name, "--json", *more], check=True, capture_output=True)
    return json.loads(out.stdout)


def compare(binary, path, name, values):
    ours = ponder(binary, path, name)
    flat = values.astype(np.float32, copy=False).reshape(-1)
    theirs = statistics(flat)
    wide = flat.astype(np.float64)
    d = wide - wide.mean()
    variance = (d * d).mean()
    faults = []

    def close(what, a, b, tolerance):
        if not abs(a - b) <= tolerance:
            faults.append(f"{what}: {a} instead of {b}")

    scale = max(abs(float(theirs["min"])), abs(float(theirs["max"])), 1e-30)
    for what in ["min", "max"]:
        close(what, ours[what], float(theirs[what]), 0)
    close("mean", ours["mean"], float(theirs["mean"]), 1e-12 * scale)
    close("std", ours["std"], float(theirs["std"]), 1e-11 * scale)
    for what in ["zeros", "nan"]:
        close(what, ours[what], int(theirs[what]), 0)
    if variance > 0:
        kurtosis = (d**4).mean() / variance**2 - 3
        close("kurtosis", ours["kurtosis"], kurtosis, 1e-6 * max(1.0, abs(kurtosis)))
    counts = np.array(ours["histogram"]["counts"])
    moved = int(np.abs(counts - theirs["histogram"]).sum()) // 2
    if moved:
        faults.append(f"{moved} of {flat.size} values are in another bin")
    width = (float(theirs["max"]) - float(theirs["min"])) / 4096
    for key, q in [("p01", 0.001), ("p1", 0.01), ("p50", 0.5), ("p99", 0.99), ("p999", 0.999)]:
        lower, upper = np.quantile(flat, q, method="lower"), np.quantile(flat, q, method="higher")
        x = ours["quantiles"][key]
        if not float(lower) - 1.01 * width - 1e-12 <= x <= float(upper) + 1.01 * width + 1e-12:
            faults.append(f"{key}: {x} instead of {lower} to {upper}, to one bin of {width}")
    return faults


def speed(binary, path, name, values, repeat):
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    theirs, ours = [], []
    ponder(binary, path, name)
    for _ in range(repeat):
        start = time.perf_counter()
        statistics(flat)
        theirs.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run([binary, "stats", path, name], check=True, capture_output=True)
        ours.append(time.perf_counter() - start)
    a, b = min(theirs), min(ours)
    print(f"{name}: {flat.size:,} values; numpy {a:.3f} s, ponder {b:.3f} s (the best of {repeat}), {a / b:.2f} times as fast")
    return a / b


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ponder")
    parser.add_argument("file")
    parser.add_argument("--tensor", action="append")
    parser.add_argument("--speed")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    wrong = compared = 0
    for name, values in tensors(args.file):
        if args.speed == name:
            if speed(args.ponder, args.file, name, values(), args.repeat) < 3:
                wrong += 1
        elif not args.speed and (not args.tensor or name in args.tensor):
            faults = compare(args.ponder, args.file, name, values())
            compared += 1
            wrong += bool(faults)
            for fault in faults:
                print(f"{name}: {fault}")
    if not args.speed:
        print(f"{args.file}: {compared} tensors compared, {wrong} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
