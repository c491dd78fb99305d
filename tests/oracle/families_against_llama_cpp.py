#!/usr/bin/env python3
"""Holds Ponder against llama.cpp on a tiny model of each decoder family, with random weights that this script writes.

    python3 -m venv oracle && oracle/bin/pip install numpy llama-cpp-python==0.3.36
    oracle/bin/python tests/oracle/families_against_llama_cpp.py [--ponder target/release/ponder] [--folder FOLDER] [FAMILY ...]

Each family is written in F16 and quantized by llama.cpp to Q4_K_M, with windows and original contexts far shorter than the positions, so
that both are passed. A line of the table is one file, read in chunks or one token at a time:

  exact   mean KL divergence in nats of `ponder --exact` from llama.cpp on the weights in F32 with an F32 cache; at most 1e-6, 1e-5 for
          families with GELU, which llama.cpp looks up in an F16 table even then
  ratio   how far `ponder` is from exact, as a share of how far llama.cpp's own fast path is; the interval must reach 1.1 or below
  bits    where the output is peaked the comparison means something: mean entropy below half of that of a uniform guess

Then teeth: the file is written again with one constant changed, and what `ponder --exact` makes of it must be more than 1e-3 nats from
llama.cpp's answer for the right one. Exits with 1 if anything fails. Nothing here is needed to build, run or test Ponder.
"""
import argparse
import ctypes
import dataclasses
import math
import pathlib
import struct
import sys
import tempfile
import zlib

import llama_cpp as lc
import numpy as np

import random_llama as writer
from against_llama_cpp import Peer, Ponder, expanded
from random_llama import ARRAY, BOOL, F32, I32, STRING, U32

VOCABULARY, EMBEDDING = 320, 256
GELU = {"gemma2", "gemma3"}


@dataclasses.dataclass(frozen=True)
class Case:
    """A model: its architecture, shape and what its file states beyond that. Keys come without the architecture's name."""
    name: str
    architecture: str
    layers: int = 3
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    ffn: int = 512
    tied: bool = True
    keys: tuple = ()
    biases: tuple = ()  # stems of vectors beside the matrices
    qk_norm: str = ""  # "head", "width"
    norms: str = "before"  # "after", "around"
    fused: bool = False
    factors: tuple = ()  # names of rope factors
    rope_dim: int = 0
    positions: int = 640
    teeth: tuple = ()  # key and wrong value
    types: tuple = ("F16", "Q4_K_M")
    gain: float = 0.0  # of what goes back into the residual stream
    feeds: float = 1.0  # how much of that comes from the feed-forward network, whose GELU llama.cpp rounds
    wide_keys: bool = False

    def changed(self, key, value):
        kinds = {name: kind for name, kind, _ in self.keys}
        rest = tuple(entry for entry in self.keys if entry[0] != key)
        return dataclasses.replace(self, keys=(*rest, (key, kinds[key], value)))


EPS = ("attention.layer_norm_rms_epsilon", F32, 0.1)
BASE = ("rope.freq_base", F32, 10000.0)
NO_EPS, OTHER_BASE = (EPS[0], 1e-6), (BASE[0], 11000.0)
GEMMA = dict(head_dim=128, wide_keys=True, norms="around")
WINDOW = ("attention.sliding_window", U32, 20)
OFF_BY_ONE = ((WINDOW[0], 19), (WINDOW[0], 21))
YARN = (("rope.scaling.type", STRING, "yarn"), ("rope.scaling.factor", F32, 4.0), ("rope.scaling.original_context_length", U32, 128))
QKV = ("attn_q", "attn_k", "attn_v")
CASES = [
    Case("llama 3 factors", "llama", keys=(EPS, ("rope.freq_base", F32, 500000.0)), factors=("rope_freqs",), teeth=(NO_EPS, OTHER_BASE)),
    Case("llama linear", "llama", tied=False, keys=(EPS, BASE, ("rope.scaling.type", STRING, "linear"), ("rope.scaling.factor", F32, 4.0)),
         teeth=(("rope.scaling.factor", 3.5),)),
    Case("llama yarn", "llama", biases=("attn_output", "ffn_gate", "ffn_up", "ffn_down"), keys=(EPS, BASE, *YARN),
         teeth=((YARN[1][0], 3.5), (YARN[2][0], 160))),
    Case("qwen2", "qwen2", tied=False, biases=(*QKV, "output"), keys=(EPS, BASE), teeth=(NO_EPS, OTHER_BASE)),
    Case("qwen2 yarn", "qwen2", biases=QKV, keys=(EPS, BASE, *YARN), teeth=((YARN[1][0], 3.5),)),
    Case("qwen3", "qwen3", head_dim=128, wide_keys=True, qk_norm="head", keys=(EPS, BASE), teeth=(NO_EPS, OTHER_BASE)),
    Case("gemma2", "gemma2", layers=4, **GEMMA, teeth=(NO_EPS, *OFF_BY_ONE, ("attn_logit_softcapping", 6.0), ("final_logit_softcapping", 14.0)),
         keys=(EPS, WINDOW, ("attn_logit_softcapping", F32, 5.0), ("final_logit_softcapping", F32, 12.0))),
    Case("gemma2 of 46 layers", "gemma2", layers=46, **GEMMA, keys=(EPS, WINDOW), types=("F16",), gain=3.0, feeds=0.1),
    Case("gemma3", "gemma3", layers=7, **GEMMA, qk_norm="head", teeth=(NO_EPS, OTHER_BASE, *OFF_BY_ONE, ("rope.scaling.factor", 7.0)),
         keys=(EPS, ("rope.freq_base", F32, 1000000.0), WINDOW, ("rope.scaling.type", STRING, "linear"), ("rope.scaling.factor", F32, 8.0))),
    Case("gemma3 by a pattern", "gemma3", layers=4, kv_heads=1, **GEMMA, qk_norm="head", tied=False, types=("F16",),
         keys=(EPS, BASE, WINDOW, ("attention.sliding_window_pattern", (ARRAY, BOOL), [True, False, False, True]), ("rope.freq_base_swa", F32, 5000.0)),
         teeth=(("attention.sliding_window_pattern", [True, True, False, True]), ("rope.freq_base_swa", 7000.0))),
    Case("phi3 long", "phi3", fused=True, rope_dim=48, factors=("rope_factors_long", "rope_factors_short"), tied=False,
         keys=(EPS, BASE, WINDOW, ("rope.scaling.attn_factor", F32, 1.19), ("rope.scaling.original_context_length", U32, 256)),
         teeth=(NO_EPS, OTHER_BASE, ("rope.scaling.attn_factor", 1.1), ("rope.scaling.original_context_length", 1024))),
    Case("phi3 short", "phi3", fused=True, rope_dim=48, factors=("rope_factors_long", "rope_factors_short"), positions=200,
         keys=(EPS, BASE, ("rope.scaling.original_context_length", U32, 256)), teeth=(("rope.scaling.original_context_length", 128),)),
    Case("smollm3", "smollm3", layers=5, keys=(EPS, BASE), teeth=(NO_EPS, OTHER_BASE)),
    Case("granite", "granite", tied=False, gain=2.0,
         keys=((EPS[0], F32, 0.8), BASE, ("attention.scale", F32, 0.1), ("embedding_scale", F32, 3.0), ("residual_scale", F32, 0.6), ("logit_scale", F32, 0.9)),
         teeth=(NO_EPS, OTHER_BASE, ("attention.scale", 0.125), ("embedding_scale", 2.5), ("residual_scale", 0.7), ("logit_scale", 1.0))),
    Case("granite without positions", "granite", types=("F16",), keys=(EPS, ("logit_scale", F32, 1.0), ("rope.scaling.finetuned", BOOL, False)),
         teeth=(("rope.scaling.finetuned", True),)),
    Case("olmo2", "olmo2", tied=False, norms="after", qk_norm="width", keys=(EPS, BASE), teeth=(NO_EPS, OTHER_BASE)),
    Case("olmo2 with windows", "olmo2", layers=5, tied=False, norms="after", qk_norm="width", keys=(EPS, BASE, WINDOW, *YARN), teeth=(*OFF_BY_ONE,)),
]


def metadata(case):
    texts, types = writer.vocabulary(VOCABULARY)
    shape = [
        ("block_count", case.layers), ("context_length", 2048), ("embedding_length", EMBEDDING), ("feed_forward_length", case.ffn),
        ("attention.head_count", case.heads), ("attention.head_count_kv", case.kv_heads), ("rope.dimension_count", case.rope_dim or case.head_dim),
    ]
    if case.wide_keys:
        shape += [("attention.key_length", case.head_dim), ("attention.value_length", case.head_dim)]
    own = [(key, U32, value) for key, value in shape] + list(case.keys)
    return [
        ("general.architecture", STRING, case.architecture),
        ("general.name", STRING, "Tiny model"),
        ("general.file_type", U32, lc.LLAMA_FTYPE_MOSTLY_F16),
        *((f"{case.architecture}.{key}", kind, value) for key, kind, value in own),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "gpt-2"),
        ("tokenizer.ggml.tokens", (ARRAY, STRING), texts),
        ("tokenizer.ggml.token_type", (ARRAY, I32), types),
        ("tokenizer.ggml.merges", (ARRAY, STRING), writer.MERGES),
        ("tokenizer.ggml.bos_token_id", U32, 0),
        ("tokenizer.ggml.eos_token_id", U32, 1),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
    ]


def tensors(case):
    """Name and values of every tensor, drawn by its name."""
    d, q, kv = EMBEDDING, case.heads * case.head_dim, case.kv_heads * case.head_dim
    gemma = case.architecture.startswith("gemma")

    def draw(name, shape, deviation, mean=0.0):
        return name, (mean + deviation * np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)).astype(np.float32)

    def matrix(name, rows, columns, gain):
        return draw(f"{name}.weight", (rows, columns), gain / math.sqrt(columns))

    # Logits have a deviation of four. Where the embedding is the head, the stream must not stay close to the embedding of its own token.
    gain = case.gain or (0.4 if not case.tied else 8.0 if gemma else 1.2)
    yield draw("token_embd.weight", (VOCABULARY, d), 4 / math.sqrt(d) if case.tied else 1 / (math.sqrt(d) if gemma else 1))
    for i in range(case.layers):
        layer = f"blk.{i}."
        before, after = case.norms != "after", case.norms != "before"
        for name, there in (("attn_norm", before), ("ffn_norm", before), ("post_attention_norm", after), ("post_ffw_norm", after)):
            # What a norm after a half gives is what is added.
            mean = {"post_attention_norm": gain, "post_ffw_norm": gain * case.feeds}.get(name, 1.0)
            if there:
                yield draw(f"{layer}{name}.weight", d, 0.1 * mean, mean)
        rows = {"attn_q": q, "attn_k": kv, "attn_v": kv, "ffn_gate": case.ffn, "ffn_up": case.ffn}
        gains = {"attn_q": 1.5, "attn_k": 1.5}
        parts = {name: matrix(layer + name, n, d, gains.get(name, 1.0))[1] for name, n in rows.items()}
        if case.fused:
            yield f"{layer}attn_qkv.weight", np.concatenate([parts[name] for name in QKV])
            yield f"{layer}ffn_up.weight", np.concatenate([parts["ffn_gate"], parts["ffn_up"]])
        else:
            yield from ((f"{layer}{name}.weight", values) for name, values in parts.items())
        yield matrix(f"{layer}attn_output", d, q, 1.0 if after else gain)
        yield matrix(f"{layer}ffn_down", d, case.ffn, 1.0 if after else gain)
        if case.qk_norm:
            yield draw(f"{layer}attn_q_norm.weight", case.head_dim if case.qk_norm == "head" else q, 0.2, 1.4)
            yield draw(f"{layer}attn_k_norm.weight", case.head_dim if case.qk_norm == "head" else kv, 0.2, 1.4)
        for name in case.biases:
            if name != "output":
                yield draw(f"{layer}{name}.bias", {"attn_output": d, "ffn_down": d, **rows}[name], 0.3)
    yield draw("output_norm.weight", d, 0.1, 1.0)
    if not case.tied:
        yield matrix("output", VOCABULARY, d, 4.0)
    if "output" in case.biases:
        yield draw("output.bias", VOCABULARY, 1.0)
    for name in case.factors:
        half = (case.rope_dim or case.head_dim) // 2
        spread = {"rope_freqs": 2.0, "rope_factors_short": 1.2, "rope_factors_long": 6.0}[name]
        yield f"{name}.weight", np.geomspace(1.0, spread, half).astype(np.float32)


def write(path, case):
    facts, weights = metadata(case), [(name, values, values.ndim) for name, values in tensors(case)]
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(facts)))
        for key, kind, value in facts:
            outer = kind[0] if isinstance(kind, tuple) else kind
            file.write(writer.encoded(STRING, key) + struct.pack("<I", outer) + writer.encoded(kind, value))
        offset, stored = 0, []
        for name, values, dims in weights:
            kind, raw = (writer.TENSOR_F32, values.tobytes()) if dims == 1 else (writer.TENSOR_F16, values.astype(np.float16).tobytes())
            stored.append(raw)
            innermost_first = struct.pack(f"<{dims}Q", *reversed(values.shape))
            file.write(writer.encoded(STRING, name) + struct.pack("<I", dims) + innermost_first + struct.pack("<IQ", kind, offset))
            offset += -(-len(raw) // writer.ALIGNMENT) * writer.ALIGNMENT
        for raw in stored:
            file.write(bytes(-file.tell() % writer.ALIGNMENT) + raw)
        file.write(bytes(-file.tell() % writer.ALIGNMENT))


def quantized(source, path, kind):
    params = lc.llama_model_quantize_default_params()
    params.ftype, params.nthread = getattr(lc, f"LLAMA_FTYPE_MOSTLY_{kind}"), 2
    assert lc.llama_model_quantize(str(source).encode(), str(path).encode(), ctypes.byref(params)) == 0, f"cannot quantize to {kind}"


def divergence(truth, rows):
    return (np.exp(truth) * (truth - rows)).sum(axis=1)


def check(args, case, folder):
    """The lines of one family; whether all of them hold."""
    stem, holds = case.name.replace(" ", "-"), True
    source = folder / f"{stem}-F16.gguf"
    write(source, case)
    tokens = [int(t) for t in np.random.default_rng(7).integers(2, VOCABULARY, case.positions)]
    truths = {}
    for kind in case.types:
        path = source
        if kind != "F16":
            path = folder / f"{stem}-{kind}.gguf"
            quantized(source, path, kind)
        whole = expanded(path)
        context = case.positions + 8 if case.positions > 256 else 256
        truth = Peer(whole, context, exact=True).log_probabilities(tokens)
        theirs = divergence(truth, Peer(path, context).log_probabilities(tokens))
        whole.unlink()
        truths[kind] = truth
        entropy = -(np.exp(truth) * truth).sum(axis=1).mean()
        ours = Ponder(args.ponder, path)
        for way, flags in (("chunks", ()), ("steps", ("--step",))):
            exact = divergence(truth, ours.log_probabilities(tokens, 0, "--exact", *flags)).mean()
            mine = divergence(truth, ours.log_probabilities(tokens, 0, *flags))
            picks = np.random.default_rng(1).integers(0, len(truth), (2000, len(truth)))
            low, high = np.quantile(mine[picks].mean(axis=1) / theirs[picks].mean(axis=1), (0.025, 0.975))
            good = exact < (1e-5 if case.architecture in GELU else 1e-6) and low <= 1.1 and entropy < math.log(VOCABULARY) / 2
            holds &= good
            print(f"| {'ok' if good else 'FAIL'} | {case.name} | {kind} | {case.positions} in {way} | {exact:.1e} | {mine.mean():.1e} | "
                  f"{theirs.mean():.1e} | {mine.mean() / theirs.mean():.2f} [{low:.2f}, {high:.2f}] | {entropy:.2f} of {math.log(VOCABULARY):.2f} |", flush=True)
    if args.no_teeth:
        return holds
    bites = []
    for key, wrong in case.teeth:
        if not any(name == key for name, *_ in case.keys):
            case_with = dataclasses.replace(case, keys=(*case.keys, (key, F32, wrong)))
        else:
            case_with = case.changed(key, wrong)
        path = folder / "wrong.gguf"
        write(path, case_with)
        moved = divergence(truths["F16"], Ponder(args.ponder, path).log_probabilities(tokens, 0, "--exact")).mean()
        holds &= moved > 1e-3
        bites.append(f"{'' if moved > 1e-3 else 'FAIL '}{key.split('.')[-1]} {moved:.1e}")
    print(f"|    | {case.name} | wrong: | {'; '.join(bites)} |", flush=True)
    return holds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="names or architectures; all by default")
    parser.add_argument("--ponder", default="target/release/ponder")
    parser.add_argument("--folder", type=pathlib.Path, help="where the files stay; by default they go when the script ends")
    parser.add_argument("--no-teeth", action="store_true")
    args = parser.parse_args()
    quiet = lc.llama_log_callback(lambda *_: None)
    lc.llama_log_set(quiet, ctypes.c_void_p(0))
    lc.llama_backend_init()
    wanted = [case for case in CASES if not args.families or case.name in args.families or case.architecture in args.families]
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print("| | family | type | positions | exact KL | fast KL | llama.cpp's | ratio | entropy, nats |")
        print("|---|---|---|--:|--:|--:|--:|--:|--:|", flush=True)
        results = [check(args, case, folder) for case in wanted]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
