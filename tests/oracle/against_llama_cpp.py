#!/usr/bin/env python3
"""Holds Ponder against llama.cpp on the same GGUF file, through llama.cpp's own library.

    python3 -m venv oracle && oracle/bin/pip install numpy llama-cpp-python==0.3.36
    oracle/bin/python tests/oracle/against_llama_cpp.py MODEL.gguf [--ponder target/release/ponder] [--text FILE] [--positions 640]
                                                           [--last N] [--step] [--chunk 512] [CHECK ...]

Checks (all of them by default):
  tokens      the text is cut into the same tokens
  greedy      the first 16 tokens of a greedy continuation are the same in `ponder run --raw --exact` and in llama.cpp in F32
  logits      mean KL divergence, in nats, from llama.cpp on the weights expanded to F32 with an F32 cache:
              `ponder --exact` at most 1e-6, `ponder` at most 1.1 x what llama.cpp's own fast path has
  answers     Pocket's answers to 20 held-out questions, greedy, are the same in `ponder answers --exact` and in llama.cpp in F32
  perplexity  of the text in chunks, second halves scored: `--exact` within 0.1 % of llama.cpp in F32

Exits with 1 if a check fails. Nothing here is needed to build, run or test Ponder.
"""
import argparse
import ctypes
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp as lc
import numpy as np

F32_TYPE = 0


class Peer:
    """A model in llama.cpp."""

    def __init__(self, path, context, exact=False, threads=2):
        params = lc.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = lc.llama_model_load_from_file(str(path).encode(), params)
        assert self.model, f"llama.cpp cannot load {path}"
        self.vocab = lc.llama_model_get_vocab(self.model)
        self.width = lc.llama_vocab_n_tokens(self.vocab)
        params = lc.llama_context_default_params()
        params.n_ctx = params.n_batch = context
        params.n_threads = params.n_threads_batch = threads
        if exact:
            params.type_k = params.type_v = F32_TYPE
            params.flash_attn_type = 0
        self.context = lc.llama_init_from_model(self.model, params)

    def tokens(self, text, special=False):
        raw = text.encode()
        out = (lc.llama_token * (len(raw) + 8))()
        return list(out[: lc.llama_tokenize(self.vocab, raw, len(raw), out, len(out), True, special)])

    def text(self, tokens):
        pieces, piece = b"", ctypes.create_string_buffer(64)
        for token in tokens:
            length = lc.llama_token_to_piece(self.vocab, token, piece, len(piece), 0, False)
            pieces += piece.raw[:length]
        return pieces.decode()

    def log_probabilities(self, tokens, first=0):
        """Of the positions from `first` on, F64, one row each."""
        lc.llama_memory_clear(lc.llama_get_memory(self.context), True)
        batch = lc.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, i >= first
            batch.seq_id[i][0] = 0
        assert lc.llama_decode(self.context, batch) == 0, "llama.cpp cannot decode"
        rows = np.ctypeslib.as_array(lc.llama_get_logits(self.context), shape=(len(tokens) - first, self.width))
        result = log_softmax(rows)
        lc.llama_batch_free(batch)
        return result


def log_softmax(rows):
    rows = rows.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


def expanded(path):
    """The file's weights as F32, made once and kept in the temporary folder."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    target = pathlib.Path(tempfile.gettempdir()) / f"ponder-oracle-{digest}.gguf"
    if not target.exists():
        part = target.with_suffix(".part")
        params = lc.llama_model_quantize_default_params()
        params.ftype, params.allow_requantize = F32_TYPE, True
        assert lc.llama_model_quantize(str(path).encode(), str(part).encode(), ctypes.byref(params)) == 0
        part.rename(target)
    return target


class Ponder:
    def __init__(self, binary, model):
        self.binary, self.model = binary, str(model)

    def json(self, command, *arguments):
        done = subprocess.run([self.binary, command, self.model, *arguments, "--json"], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"ponder {command}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def log_probabilities(self, tokens, first, *flags):
        with tempfile.NamedTemporaryFile(suffix=".npy") as out:
            ids, last = ",".join(map(str, tokens)), str(len(tokens) - first)
            command = [self.binary, "logits", self.model, "--tokens", ids, "--all", "--last", last, "--out", out.name, *flags]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return log_softmax(np.load(out.name))


class Report:
    failed = False

    def line(self, holds, text):
        self.failed |= not holds
        print(f"{'ok  ' if holds else 'FAIL'} {text}", flush=True)


def check_tokens(args, ours, fast, exact, report):
    theirs, mine = fast.tokens(args.text.read_text()), ours.json("tokenize", "--text-file", str(args.text))["tokens"]
    same = next((i for i, (a, b) in enumerate(zip(mine, theirs)) if a != b), None)
    holds = same is None and len(mine) == len(theirs)
    report.line(holds, f"tokens: {len(theirs)} the same" if holds else f"tokens: differ at {same}, {len(mine)} and {len(theirs)}")


def check_greedy(args, ours, fast, exact, report):
    prompt = "The weight of a thing is"
    tokens, drawn = exact.tokens(prompt), []
    for _ in range(16):
        drawn.append(int(exact.log_probabilities(tokens + drawn, len(tokens + drawn) - 1)[0].argmax()))
        if lc.llama_vocab_is_eog(exact.vocab, drawn[-1]):
            drawn.pop()
            break
    flags = ("--raw", "--exact", "--temperature", "0", "--max-tokens", "16")
    mine = ours.json("run", "--prompt", prompt, *flags)
    report.line(mine["tokens"] == drawn, f"greedy: {mine['text']!r}")


def check_logits(args, ours, fast, exact, report):
    tokens = fast.tokens(args.text.read_text())
    tokens = (tokens * (args.positions // len(tokens) + 1))[: args.positions]
    first = args.positions - (args.last or args.positions)
    truth = exact.log_probabilities(tokens, first)
    step = ("--step",) if args.step else ()

    def divergence(rows):
        return (np.exp(truth) * (truth - rows[:, : fast.width])).sum(axis=1)

    theirs = divergence(fast.log_probabilities(tokens, first))
    mine = divergence(ours.log_probabilities(tokens, first, *step))
    mine_exact = divergence(ours.log_probabilities(tokens, first, "--exact", *step))
    picks = np.random.default_rng(1).integers(0, len(truth), (2000, len(truth)))
    low, high = np.quantile(mine[picks].mean(axis=1) / theirs[picks].mean(axis=1), (0.025, 0.975))
    where = f"{len(truth)} positions up to {args.positions}{', one at a time' if args.step else ''}"
    report.line(mine_exact.mean() <= 1e-6, f"logits, exact: mean KL {mine_exact.mean():.2e} over {where}")
    ratio = mine.mean() / theirs.mean()
    report.line(low <= 1.1, f"logits, fast: mean KL {mine.mean():.2e}, llama.cpp {theirs.mean():.2e}, ratio {ratio:.3f} [{low:.3f}, {high:.3f}]")


def check_perplexity(args, ours, fast, exact, report):
    tokens, nll = exact.tokens(args.text.read_text()), []
    starts_with_bos = lc.llama_vocab_get_add_bos(exact.vocab)
    for at in range(0, len(tokens) - args.chunk + 1, args.chunk):
        chunk = tokens[at : at + args.chunk]
        if starts_with_bos:
            chunk[0] = lc.llama_vocab_bos(exact.vocab)
        rows = exact.log_probabilities(chunk, args.chunk // 2)[:-1]
        nll += list(-rows[np.arange(len(rows)), chunk[args.chunk // 2 + 1 :]])
    theirs = float(np.exp(np.mean(nll)))
    mine = ours.json("perplexity", "--text-file", str(args.text), "--chunk", str(args.chunk), "--exact")["ppl"]
    report.line(abs(mine / theirs - 1) <= 1e-3, f"perplexity, exact: {mine:.4f}, llama.cpp in F32 {theirs:.4f}")


def check_answers(args, ours, fast, exact, report):
    if len(exact.tokens("<|pocket|>", special=True)) > 2:
        return print("--   answers: only Pocket is asked")
    transcript = ours.json("answers", "--questions", "20", "--exact")["levels"][0]["transcript"]
    differ = []
    for asked in transcript:
        prompt, drawn = exact.tokens(f"<|user|>{asked['question']}<|end|><|pocket|>", special=True), []
        while len(drawn) < 96:
            token = int(exact.log_probabilities(prompt + drawn, len(prompt + drawn) - 1)[0].argmax())
            if lc.llama_vocab_is_eog(exact.vocab, token):
                break
            drawn.append(token)
        theirs = exact.text(drawn)
        if theirs != asked["found"]:
            differ.append((asked["question"], asked["found"], theirs))
    report.line(not differ, f"answers: {len(transcript) - len(differ)} of {len(transcript)} the same {differ or ''}")


CHECKS = {"tokens": check_tokens, "greedy": check_greedy, "answers": check_answers, "logits": check_logits, "perplexity": check_perplexity}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    parser.add_argument("--ponder", default="target/release/ponder")
    parser.add_argument("--text", type=pathlib.Path, default=pathlib.Path(__file__).with_name("text.txt"))
    parser.add_argument("--positions", type=int, default=640)
    parser.add_argument("--last", type=int)
    parser.add_argument("--step", action="store_true")
    parser.add_argument("--chunk", type=int, default=512)
    args = parser.parse_args()
    quiet = lc.llama_log_callback(lambda *_: None)
    lc.llama_log_set(quiet, ctypes.c_void_p(0))
    lc.llama_backend_init()
    context = max(args.positions, args.chunk) + 8
    fast, exact = Peer(args.model, context), Peer(expanded(args.model), context, exact=True)
    ours, report = Ponder(args.ponder, args.model), Report()
    for name in args.checks or CHECKS:
        CHECKS[name](args, ours, fast, exact, report)
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
