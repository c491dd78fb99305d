#!/usr/bin/env python3
"""Writes a 1.1-billion-parameter llama-shaped GGUF with random weights, in several types, to measure speed and rounding on.

    python3 -m venv peer && peer/bin/pip install numpy llama-cpp-python==0.3.36
    peer/bin/python tests/oracle/random_llama.py FOLDER [--types Q4_K_M,Q8_0] [--seed 1] [--layers 2 --width 256 --ffn 512 ...]

The shape: 16 layers, 2048 wide, 32 heads sharing 8 key/value heads, feed-forward 8192, vocabulary 32,000 with a head of its own. The
F16 file is written here; every other type is made from it by llama.cpp's quantizer with its default settings, so that which tensor gets
which type is llama.cpp's own rule. The same seed, shape and numpy give the same F16 file. Each file is then loaded in llama.cpp and
scores 64 random tokens: the logits must be finite and their mean entropy below half of a uniform guess, or the script exits with 1.

All six types need 7 GB of disk. Files of the same name are replaced, each only once its successor is whole. What such a model says is
noise; its tokenizer is byte-level BPE with few merges, and most of its vocabulary is filler that no text is cut into. Nothing here is
needed to build, run or test Ponder.
"""
import argparse
import ctypes
import math
import os
import pathlib
import shutil
import struct
import sys
import zlib

import llama_cpp as lc
import numpy as np

# Bits per weight, rounded up, of the whole file: only to foresee the space.
FORESEEN_BITS = {"F16": 16.1, "Q8_0": 8.6, "Q6_K": 6.9, "Q5_K_M": 6.1, "Q4_K_M": 5.3, "Q4_0": 5.1}
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # GGUF's metadata types
TENSOR_F32, TENSOR_F16 = 0, 1
ALIGNMENT = 32
NORMAL, CONTROL = 1, 3  # token types
SPECIAL = ["<|begin|>", "<|end|>"]
MERGES = (
    "Ġ t,h e,i n,Ġ a,r e,o n,e r,Ġt he,Ġ s,a t,Ġ w,Ġ o,o u,e n,i s,o r,Ġ b,i t,Ġ c,Ġ f,a n,Ġ h,e s,a l,Ġ m,a s,Ġa n,Ġan d,Ġo f,in g,"
    "Ġt o,Ġ in,e d,h at,Ġt hat,Ġ is,l e,s t,Ġ p,a r,l l,Ġ it,Ġ n,Ġw as,Ġb e,v er,Ġh e,Ġ on"
).split(",")
CHUNK = 1 << 22  # values drawn at a time
# Normal weights get a deviation of GAIN / sqrt(columns). The first two let attention choose and the last sets how peaked the output is
# (its logits have about that deviation). What goes back into the residual stream is damped, or 16 layers amplify rounding: at 0.5
# llama.cpp in Q4_K_M is 9e-3 nats from exact, at 0.2 it is 1e-3, and a small trained model in Q4_1 4e-3.
GAINS = {"attn_q": 1.5, "attn_k": 1.5, "attn_v": 1.0, "attn_output": 0.2, "ffn_gate": 1.0, "ffn_up": 1.0, "ffn_down": 0.2, "output": 4.0}


def alphabet():
    """GPT-2's letter for each byte: printable bytes stand for themselves, the others for the code points from 256 on."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(byte if byte in shown else next(hidden)) for byte in range(256)]


def vocabulary(size):
    """Texts and types of the tokens: the two special ones, the bytes, the merges' results, filler."""
    texts = SPECIAL + alphabet() + [merge.replace(" ", "") for merge in MERGES]
    if size < len(texts):
        sys.exit(f"--vocabulary {size} is too small: {len(texts)} tokens are the least, for every byte and merge")
    texts += [f"Ġfiller{i}" for i in range(len(texts), size)]
    return texts, [CONTROL] * len(SPECIAL) + [NORMAL] * (size - len(SPECIAL))


def metadata(args):
    """Key, type and value of everything that the file says about itself."""
    texts, types = vocabulary(args.vocabulary)
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, f"Random llama, seed {args.seed}"),
        ("general.file_type", U32, lc.LLAMA_FTYPE_MOSTLY_F16),
        ("general.alignment", U32, ALIGNMENT),
        ("llama.block_count", U32, args.layers),
        ("llama.context_length", U32, args.context),
        ("llama.embedding_length", U32, args.width),
        ("llama.feed_forward_length", U32, args.ffn),
        ("llama.attention.head_count", U32, args.heads),
        ("llama.attention.head_count_kv", U32, args.kv_heads),
        ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        ("llama.rope.dimension_count", U32, args.width // args.heads),
        ("llama.rope.freq_base", F32, 10000.0),
        ("llama.vocab_size", U32, args.vocabulary),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "smollm"),
        ("tokenizer.ggml.tokens", (ARRAY, STRING), texts),
        ("tokenizer.ggml.token_type", (ARRAY, I32), types),
        ("tokenizer.ggml.merges", (ARRAY, STRING), MERGES),
        ("tokenizer.ggml.bos_token_id", U32, 0),
        ("tokenizer.ggml.eos_token_id", U32, 1),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
    ]


def tensors(args):
    """Name and shape (rows, columns) of every tensor; one number for the norms."""
    shared = args.width // args.heads * args.kv_heads
    yield "token_embd.weight", (args.vocabulary, args.width)
    for layer in range(args.layers):
        rows = dict.fromkeys(("attn_q", "attn_output"), args.width) | dict.fromkeys(("attn_k", "attn_v"), shared)
        rows |= dict.fromkeys(("ffn_gate", "ffn_up"), args.ffn)
        yield from ((f"blk.{layer}.{norm}.weight", (args.width,)) for norm in ("attn_norm", "ffn_norm"))
        yield f"blk.{layer}.ffn_down.weight", (args.width, args.ffn)
        for name, count in rows.items():
            yield f"blk.{layer}.{name}.weight", (count, args.width)
    yield "output_norm.weight", (args.width,)
    yield "output.weight", (args.vocabulary, args.width)


def values(name, shape, seed):
    """The tensor's values in pieces, drawn from a generator of its own: norms F32 near 1, all else F16."""
    draw, left = np.random.default_rng([seed, zlib.crc32(name.encode())]), math.prod(shape)
    if len(shape) == 1:
        yield 1 + np.float32(0.1) * draw.standard_normal(left, dtype=np.float32)
        return
    kind = name.split(".")[-2]
    deviation = np.float32(1.0 if kind == "token_embd" else GAINS[kind] / math.sqrt(shape[1]))
    while left:
        count = min(left, CHUNK)
        yield (deviation * draw.standard_normal(count, dtype=np.float32)).astype(np.float16)
        left -= count


def encoded(kind, value):
    """A metadata value in GGUF's bytes, little-endian, without its type."""
    if isinstance(kind, tuple):
        return struct.pack("<IQ", kind[1], len(value)) + b"".join(encoded(kind[1], one) for one in value)
    if kind == STRING:
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def write_f16(path, part, args):
    """Header, metadata, the list of tensors, then the tensors one after the other; under the name `part` until it is whole."""
    facts, weights = metadata(args), list(tensors(args))
    with open(part, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(facts)))
        for key, kind, value in facts:
            outer = kind[0] if isinstance(kind, tuple) else kind
            file.write(encoded(STRING, key) + struct.pack("<I", outer) + encoded(kind, value))
        offset = 0
        for name, shape in weights:
            kind, width = (TENSOR_F32, 4) if len(shape) == 1 else (TENSOR_F16, 2)
            innermost_first = struct.pack(f"<{len(shape)}Q", *reversed(shape))
            file.write(encoded(STRING, name) + struct.pack("<I", len(shape)) + innermost_first + struct.pack("<IQ", kind, offset))
            offset += -(-width * math.prod(shape) // ALIGNMENT) * ALIGNMENT
        file.write(bytes(-file.tell() % ALIGNMENT))
        for name, shape in weights:
            for piece in values(name, shape, args.seed):
                file.write(piece.data)
            file.write(bytes(-file.tell() % ALIGNMENT))
    part.replace(path)


def write_quantized(path, part, source, kind, complaints):
    """The F16 file `source` through llama.cpp's quantizer."""
    params = lc.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.max_buf_size = getattr(lc, f"LLAMA_FTYPE_MOSTLY_{kind}"), 2, 1 << 28
    if lc.llama_model_quantize(str(source).encode(), str(part).encode(), ctypes.byref(params)) != 0:
        sys.exit(f"llama.cpp cannot quantize {source} to {kind}: {' '.join(complaints[-3:])}")
    part.replace(path)


def entropy(path, size, seed, count=64):
    """Mean entropy in nats of llama.cpp's next-token distributions over random tokens; NaN where a logit is not finite."""
    params = lc.llama_model_default_params()
    params.n_gpu_layers = 0
    model = lc.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        return math.nan
    params = lc.llama_context_default_params()
    params.n_ctx = params.n_batch = count
    params.n_threads = params.n_threads_batch = 2
    context = lc.llama_init_from_model(model, params)
    batch = lc.llama_batch_init(count, 0, 1)
    batch.n_tokens = count
    for i, token in enumerate(np.random.default_rng(seed).integers(len(SPECIAL), size, count)):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = int(token), i, 1, True
        batch.seq_id[i][0] = 0
    result = math.nan
    if lc.llama_decode(context, batch) == 0:
        rows = np.ctypeslib.as_array(lc.llama_get_logits(context), shape=(count, size)).astype(np.float64)
        rows -= rows.max(axis=1, keepdims=True)
        rows -= np.log(np.exp(rows).sum(axis=1, keepdims=True))
        result = float(-(np.exp(rows) * rows).sum(axis=1).mean())
    lc.llama_batch_free(batch)
    lc.llama_free(context)
    lc.llama_model_free(model)
    return result


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--types", default=",".join(FORESEEN_BITS), help="separated by commas; all of them by default: %(default)s")
    for name, default in (("layers", 16), ("width", 2048), ("heads", 32), ("kv-heads", 8), ("ffn", 8192), ("vocabulary", 32000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--context", type=int, default=8192, help="the length that the file declares")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.types = args.types.split(",")
    if unknown := set(args.types) - set(FORESEEN_BITS):
        parser.error(f"--types: {', '.join(sorted(unknown))} is none of {', '.join(FORESEEN_BITS)}")
    if min(args.layers, args.width, args.heads, args.kv_heads, args.ffn, args.context) < 1 or args.seed < 0:
        parser.error("the shape's numbers must be at least 1, the seed at least 0")
    if args.width % 256 or args.ffn % 256:
        parser.error(f"--width {args.width} and --ffn {args.ffn} must be multiples of 256, the block that K-quants are made of")
    if args.width % (2 * args.heads) or args.heads % args.kv_heads:
        parser.error("--width must be an even multiple of --heads, --heads a multiple of --kv-heads")
    return args


def main():
    args = arguments()
    args.folder.mkdir(parents=True, exist_ok=True)
    parameters = sum(math.prod(shape) for _, shape in tensors(args))
    need = int(sum(FORESEEN_BITS[kind] for kind in {"F16", *args.types}) * parameters / 8) + 64 * args.vocabulary * (len(args.types) + 1)
    free = shutil.disk_usage(args.folder).free
    if free < need:
        sys.exit(f"{args.folder} has {free / 1e9:.1f} GB free, {need / 1e9:.1f} GB are needed; choose another folder or fewer --types")
    complaints = []
    quiet = lc.llama_log_callback(lambda level, text, _: complaints.append(text.decode(errors="replace").strip()) if level == 4 else None)
    lc.llama_log_set(quiet, ctypes.c_void_p(0))
    lc.llama_backend_init()
    stem = f"random-llama-{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"random-llama-{parameters / 1e6:.0f}M"
    part, source = args.folder / f"{stem}-{os.getpid()}.part", args.folder / f"{stem}-{'F16' if 'F16' in args.types else os.getpid()}.gguf"
    limit, failed = math.log(args.vocabulary) / 2, False
    try:
        write_f16(source, part, args)
        for kind in dict.fromkeys(args.types):
            path = args.folder / f"{stem}-{kind}.gguf"
            if kind != "F16":
                write_quantized(path, part, source, kind, complaints)
            found, length = entropy(path, args.vocabulary, args.seed), path.stat().st_size
            failed |= not found < limit
            print(f"{'ok  ' if found < limit else 'FAIL'} {path.name}: {length:,} bytes, {8 * length / parameters:.2f} bits per weight, "
                  f"entropy {found:.2f} of {2 * limit:.2f} nats", flush=True)
    finally:
        part.unlink(missing_ok=True)
        if "F16" not in args.types:
            source.unlink(missing_ok=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
