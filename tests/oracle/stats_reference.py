#!/usr/bin/env python3
"""Writes tests/suite/stats_reference.in: statistics of a sequence of numbers that both sides can make, as numpy has them.

    python tests/oracle/stats_reference.py

The sequence: x = u / 2^31 − 1 for u = n · 2654435761 mod 2^32, all in F32, then x³ + 0.25 · x for every value and 40 · x for every 997th.
"""

from pathlib import Path

import numpy as np

ROWS, COLS = 301, 777


def sequence(count):
    u = (np.arange(count, dtype=np.uint64) * 2654435761) % (1 << 32)
    x = u.astype(np.float32) * np.float32(2.0**-31) - np.float32(1)
    y = x * x * x + np.float32(0.25) * x
    y[::997] = np.float32(40) * x[::997]
    return y


def main():
    x = sequence(ROWS * COLS)
    wide = x.astype(np.float64)
    d = wide - wide.mean()
    variance = (d**2).mean()
    counts, edges = np.histogram(x, bins=4096)
    matrix = wide.reshape(ROWS, COLS)
    rows, cols = np.sqrt((matrix**2).sum(axis=1)), np.sqrt((matrix**2).sum(axis=0))
    numbers = [
        float(x.min()), float(x.max()), float(x.mean(dtype=np.float64)), float(x.std(dtype=np.float64)),
        float((d**3).mean() / variance**1.5), float((d**4).mean() / variance**2 - 3),
    ]
    quantiles = [float(np.quantile(wide, q)) for q in [0.001, 0.01, 0.05, 0.5, 0.95, 0.99, 0.999]]
    some = [(int(n), int(counts[n])) for n in range(1890, 2260, 37)]
    weighted = int((counts * (np.arange(4096) + 1)).sum())
    text = f"""Reference {{
    shape: [{ROWS}, {COLS}],
    moments: {numbers},
    quantiles: {quantiles},
    edges: {[float(edges[n]) for n in [0, 1, 2047, 2048, 4095, 4096]]},
    counts: &{some},
    weighted_counts: {weighted},
    rows: {[float(rows[n]) for n in [0, 1, 150, 300]]},
    cols: {[float(cols[n]) for n in [0, 1, 400, 776]]},
}}
"""
    (Path(__file__).resolve().parent.parent / "suite" / "stats_reference.in").write_text(text)


if __name__ == "__main__":
    main()
