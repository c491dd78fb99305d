#!/usr/bin/env python3
"""Writes what the dequantization of every ggml type is tested against, from the Python package `gguf` (0.19.0; needs numpy):

    python tests/oracle/dequantize_reference.py

* assets/ggml_grids.bin: the codebooks of the IQ types, packed (a constant of the program),
* tests/suite/dequantize_reference.in: blocks of every type, the same on each run, with their values as the package has them.
"""

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf import quants

ROOT = Path(__file__).resolve().parent.parent.parent

# Where halves that scale the others stand in a block, so that some blocks can be given sensible ones.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
    "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64], "IQ1_S": [0], "IQ1_M": [],
    "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "MXFP4": [], "NVFP4": [], "BF16": [],
}


def grids() -> bytes:
    words = []
    for name in ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"]:
        cls = getattr(quants, name)
        cls.init_grid()
        codes = {value: code for code, value in enumerate(cls.grid_map)}
        bits = 2 if len(codes) <= 4 else 3
        for entry in cls.grid.reshape(cls.grid_shape):
            words.append(sum(codes[int(value)] << (bits * i) for i, value in enumerate(entry)))
    return np.array(words, dtype="<u2").tobytes()


def blocks(name: str, rng: np.random.Generator) -> np.ndarray:
    length, size = GGML_QUANT_SIZES[Type[name]]
    few = length >= 128
    sensible = rng.integers(0, 256, (1 if few else 3, size), dtype=np.uint8)
    for at in HALVES[name]:
        halves = rng.normal(0, 0.02, len(sensible)).astype(np.float16).view(np.uint8).reshape(-1, 2)
        sensible[:, at : at + 2] = halves
    # Any bytes: tiny, huge and infinite scales, none that is no number.
    wild = rng.integers(0, 256, (1, size), dtype=np.uint8)
    extreme = [np.zeros(size, np.uint8), np.full(size, 0xFB, np.uint8)] if not few else [np.full(size, 0xFB, np.uint8)]
    return np.concatenate([sensible, wild, np.stack(extreme)])


def line(name: str, data: np.ndarray, values: np.ndarray) -> str:
    numbers = "".join(f"{bits:08x}" for bits in values.astype("<f4").view("<u4").reshape(-1))
    return f'    ("{name}", "{data.tobytes().hex()}", "{numbers}"),\n'


def main() -> None:
    (ROOT / "assets" / "ggml_grids.bin").write_bytes(grids())
    rng = np.random.default_rng(5)
    out = ["&[\n"]
    with np.errstate(all="ignore"):
        for name in HALVES:
            data = blocks(name, rng) if name != "BF16" else rng.integers(0, 256, (8, 2), dtype=np.uint8)
            out.append(line(name, data, quants.dequantize(data, Type[name])))
        for name, kind in [("F16", "<f2"), ("F32", "<f4"), ("F64", "<f8"), ("I8", "i1"), ("I16", "<i2"), ("I32", "<i4"), ("I64", "<i8")]:
            data = rng.integers(0, 256, 24 * np.dtype(kind).itemsize, dtype=np.uint8)
            if name == "F16":
                data[:12] = np.array([0, 1, 0x3FF, 0x400, 0x7BFF, 0x7C00], dtype="<u2").view(np.uint8)
            out.append(line(name, data, data.view(kind).astype(np.float32)))
    out.append("]\n")
    (ROOT / "tests" / "suite" / "dequantize_reference.in").write_text("".join(out))


if __name__ == "__main__":
    main()
