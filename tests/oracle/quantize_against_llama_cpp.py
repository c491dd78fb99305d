#!/usr/bin/env python3
"""Holds `ponder quantize` against llama.cpp's quantizer on the same file.

    python3 -m venv oracle && oracle/bin/pip install numpy llama-cpp-python==0.3.36
    oracle/bin/python tests/oracle/quantize_against_llama_cpp.py MODEL.gguf [--ponder target/release/ponder] [--labels Q4_K_M,Q8_0]
                                                                 [--repeat 3] [--threads 2] [--folder FOLDER]

For every label both write the file, in turn, --repeat times. Printed per label and held:
  types     how many tensors have the type that llama.cpp gave them                            all of them must
  bytes     how many of them have the same bytes                                               told
  rmse      over the others, the largest root mean square error by llama.cpp's                 at most 1.02
  metadata  how many keys have the same value                                                  all of them must
  loads     llama.cpp loads Ponder's file and its logits for 32 tokens are finite              must
  time      llama.cpp's seconds by Ponder's, the median of the pairs (above 1 is faster)       at least 1 where blocks are made
            (F16 and BF16 are as fast as the disk; Ponder waits until the file is on it)

The best source is F32 or F16 with rows that are multiples of 256; other files try what falls back. Exits with 1 if something fails.
Nothing here is needed to build, run or test Ponder.
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import llama_cpp as lc
import numpy as np

LABELS = {
    "F16": 1, "BF16": 32, "Q8_0": 7, "Q6_K": 18, "Q5_K_M": 17, "Q5_K_S": 16, "Q5_1": 9, "Q5_0": 8, "Q4_1": 3, "Q4_K_M": 15, "Q4_K_S": 14,
    "Q4_0": 2, "IQ4_NL": 25, "IQ4_XS": 30, "Q3_K_L": 13, "Q3_K_M": 12, "Q3_K_S": 11, "Q2_K": 10,
}  # fmt: skip
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Traits(ctypes.Structure):
    """The beginning of ggml_type_traits."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("block", ctypes.c_int64),
        ("interleave", ctypes.c_int64),
        ("size", ctypes.c_size_t),
        ("quantized", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
    ]


def ggml():
    folder = pathlib.Path(lc.__file__).parent / "lib"
    found = [path for pattern in ("*ggml-base.so*", "*ggml-base*.dylib", "ggml-base*.dll") for path in folder.glob(pattern)]
    library = ctypes.CDLL(str(sorted(found)[0]))
    library.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    return library


class File:
    """A GGUF file's metadata, as bytes, and its tensors."""

    def __init__(self, path):
        self.data = np.memmap(path, np.uint8, "r")
        self.at = 4
        _, n_tensors, n_keys = self.take("<IQQ")
        self.metadata = {}
        for _ in range(n_keys):
            key, start = self.text(), self.at
            self.skip(self.take("<I")[0])
            self.metadata[key] = bytes(self.data[start : self.at])
        tensors = []
        for _ in range(n_tensors):
            name = self.text()
            shape = [self.take("<Q")[0] for _ in range(self.take("<I")[0])]
            tensors.append((name, shape, *self.take("<IQ")))
        start = -(-self.at // 32) * 32
        self.tensors = {name: (shape, kind, start + offset) for name, shape, kind, offset in tensors}

    def take(self, what):
        values = struct.unpack_from(what, self.data, self.at)
        self.at += struct.calcsize(what)
        return values

    def text(self):
        (length,) = self.take("<Q")
        self.at += length
        return bytes(self.data[self.at - length : self.at]).decode()

    def skip(self, kind):
        if kind == 8:
            self.text()
        elif kind == 9:
            kind, length = self.take("<IQ")
            if kind in SCALARS:
                self.at += length * struct.calcsize("<" + SCALARS[kind])
            else:
                for _ in range(length):
                    self.skip(kind)
        else:
            self.take("<" + SCALARS[kind])

    def bytes(self, name, base):
        shape, kind, offset = self.tensors[name]
        traits = base.ggml_get_type_traits(kind).contents
        count = int(np.prod(shape))
        return self.data[offset : offset + count // traits.block * traits.size]

    def values(self, name, base):
        shape, kind, _ = self.tensors[name]
        raw, count = np.ascontiguousarray(self.bytes(name, base)), int(np.prod(shape))
        if kind == 0:
            return raw.view(np.float32)
        out = np.empty(count, np.float32)
        base.ggml_get_type_traits(kind).contents.to_float(raw.ctypes.data, out.ctypes.data, count)
        return out


def theirs(source, out, number, threads):
    params = lc.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = number, True, threads
    started = time.perf_counter()
    assert lc.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(params)) == 0, "llama.cpp cannot write it"
    return time.perf_counter() - started


def ours(args, source, out, label):
    command = [args.ponder, "quantize", source, out, "--to", label, "--threads", str(args.threads), "--json"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"ponder: {done.stderr.strip()}")
    return json.loads(done.stdout)["seconds"]


def loads(path):
    params = lc.llama_model_default_params()
    params.n_gpu_layers = 0
    model = lc.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        return False
    context_params = lc.llama_context_default_params()
    context_params.n_ctx = 64
    context = lc.llama_init_from_model(model, context_params)
    tokens = (lc.llama_token * 32)(*range(5, 37))
    lc.llama_decode(context, lc.llama_batch_get_one(tokens, 32))
    width = lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(model))
    finite = np.isfinite(np.ctypeslib.as_array(lc.llama_get_logits(context), (width,))).all()
    lc.llama_free(context)
    lc.llama_model_free(model)
    return bool(finite)


def compare(args, base, source, label, folder):
    paths = [folder / f"{label}-{who}.gguf" for who in ("theirs", "ours")]
    ratios = []
    for _ in range(args.repeat):
        ratios.append(theirs(args.model, paths[0], LABELS[label], args.threads) / ours(args, args.model, paths[1], label))
    a, b = File(paths[0]), File(paths[1])
    types = sum(a.tensors[name][1] == b.tensors[name][1] for name in a.tensors)
    same, worst = 0, 0.0
    for name in a.tensors:
        if np.array_equal(a.bytes(name, base), b.bytes(name, base)):
            same += 1
            continue
        exact = source.values(name, base).astype(np.float64)
        errors = [np.sqrt(np.mean((file.values(name, base) - exact) ** 2)) for file in (b, a)]
        worst = max(worst, errors[0] / max(errors[1], 1e-30))
    keys = sum(a.metadata.get(key) == value for key, value in b.metadata.items())
    ok, ratio = loads(paths[1]), statistics.median(ratios)
    for path in paths:
        os.unlink(path)
    n = len(a.tensors)
    passed = types == n == len(b.tensors) and worst <= 1.02 and keys == len(a.metadata) == len(b.metadata) and ok and (ratio >= 1 or label in ("F16", "BF16"))
    print(
        f"{label:7s} types {types}/{n}  bytes {same}/{n}  rmse {worst:.4f}  metadata {keys}/{len(a.metadata)}  loads {ok}  "
        f"time {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})  {'ok' if passed else 'FAILED'}",
        flush=True,
    )
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--ponder", default="target/release/ponder")
    parser.add_argument("--labels", default=",".join(LABELS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=pathlib.Path)
    args = parser.parse_args()
    lc.llama_backend_init()
    quiet = lc.llama_log_callback(lambda *_: None)
    lc.llama_log_set(quiet, ctypes.c_void_p(0))
    base, source = ggml(), File(args.model)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        results = [compare(args, base, source, label, pathlib.Path(folder)) for label in args.labels.split(",")]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
