#!/usr/bin/env python3
"""Holds `ponder compare` against the same figures over llama.cpp's logits.

    python3 -m venv oracle && oracle/bin/pip install numpy llama-cpp-python==0.3.36
    oracle/bin/python tests/oracle/compare_against_llama_cpp.py REFERENCE.gguf CANDIDATE.gguf [CANDIDATE.gguf ...]
                                      [--ponder target/release/ponder] [--text FILE] [--chunk 512] [--chunks 4] [--skip-fast]

The protocol is that of `llama-perplexity --kl-divergence`: chunks that begin with BOS where the file says so, second halves scored. Its
formulas are written here once more, in F64 over whole distributions (llama-perplexity keeps the reference's in 16 bits).

Held, for every candidate:
  exact   `ponder compare --exact` against llama.cpp on both files expanded to F32 with an F32 cache: mean KL within 0.5 %, top-1
          agreement within 0.1 points, perplexity within 0.1 %, and median, 99 %, maximum and RMS of the change in probability within 1 %
  fast    `ponder compare` against llama.cpp as it runs: mean KL within the noise floor that Ponder measures

Exits with 1 if something fails. Nothing here is needed to build, run or test Ponder.
"""
import argparse
import ctypes
import pathlib
import sys

import llama_cpp as lc
import numpy as np
from against_llama_cpp import Peer, Ponder, Report, expanded


def chunks_of(peer, text, size, most):
    tokens = peer.tokens(text)
    found = []
    for at in range(0, len(tokens) - size + 1, size):
        chunk = tokens[at : at + size]
        if lc.llama_vocab_get_add_bos(peer.vocab):
            chunk[0] = lc.llama_vocab_bos(peer.vocab)
        found.append(chunk)
    return found[:most]


def rows_of(peer, chunk):
    return peer.log_probabilities(chunk, len(chunk) // 2)[:-1]


def figures(reference, candidate, chunks):
    kld, same, dp, nll, reference_nll = [], [], [], [], []
    for chunk in chunks:
        p, q = rows_of(reference, chunk), rows_of(candidate, chunk)
        came = chunk[len(chunk) // 2 + 1 :]
        at = np.arange(len(p))
        kld += list((np.exp(p) * (p - q)).sum(axis=1))
        same += list(p.argmax(axis=1) == q.argmax(axis=1))
        nll += list(-q[at, came])
        reference_nll += list(-p[at, came])
        dp += list(np.exp(q[at, came]) - np.exp(p[at, came]))
    return {
        "kld": float(np.mean(kld)),
        "median": float(np.median(kld)),
        "p99": float(np.quantile(kld, 0.99)),
        "max": float(np.max(kld)),
        "top1": float(np.mean(same)),
        "rms_dp": float(np.sqrt(np.mean(np.square(dp)))),
        "ppl": float(np.exp(np.mean(nll))),
        "reference_ppl": float(np.exp(np.mean(reference_nll))),
        "positions": len(kld),
    }


def ours(args, *flags):
    names = [str(path) for path in args.candidates]
    more = ["--chunk", str(args.chunk), "--chunks", str(args.chunks), "--text-file", str(args.text)]
    return Ponder(args.ponder, args.reference).json("compare", *names, *more, *flags)


def near(a, b, share):
    return abs(a / b - 1) <= share if b else a == b


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("candidates", type=pathlib.Path, nargs="+")
    parser.add_argument("--ponder", default="target/release/ponder")
    parser.add_argument("--text", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "assets" / "comparison.txt")
    parser.add_argument("--chunk", type=int, default=512)
    parser.add_argument("--chunks", type=int, default=4)
    parser.add_argument("--skip-fast", action="store_true")
    args = parser.parse_args()
    quiet = lc.llama_log_callback(lambda *_: None)
    lc.llama_log_set(quiet, ctypes.c_void_p(0))
    lc.llama_backend_init()
    report, context = Report(), args.chunk + 8

    exact, reference = ours(args, "--exact", "--no-noise-floor"), Peer(expanded(args.reference), context, exact=True)
    chunks = chunks_of(reference, args.text.read_text(), args.chunk, args.chunks)
    for path, found in zip(args.candidates, exact["candidates"]):
        theirs = figures(reference, Peer(expanded(path), context, exact=True), chunks)
        kld, wanted = found["kld"], theirs["kld"]
        holds = near(kld["mean"], wanted, 5e-3) and abs(found["top1"] - theirs["top1"]) <= 1e-3 and near(found["ppl"], theirs["ppl"], 1e-3)
        report.line(
            holds and found["positions"] == theirs["positions"],
            f"exact {path.name}: KL {kld['mean']:.6f} / {wanted:.6f} ({kld['mean'] / wanted - 1:+.4%})  top-1 {found['top1']:.4f} / "
            f"{theirs['top1']:.4f}  perplexity {found['ppl']:.4f} / {theirs['ppl']:.4f}  over {theirs['positions']} positions",
        )
        others = [(kld[key], theirs[key]) for key in ("median", "p99", "max")] + [(found["rms_dp"], theirs["rms_dp"])]
        others.append((exact["reference"]["ppl"], theirs["reference_ppl"]))
        told = "  ".join(f"{a:.5f} / {b:.5f}" for a, b in others)
        report.line(all(near(a, b, 1e-2) for a, b in others), f"      median, 99 %, max, RMS Δp, reference's perplexity: {told}")

    if not args.skip_fast:
        fast, reference = ours(args), Peer(args.reference, context)
        floor = fast["noise_floor"]["kld"]
        for path, found in zip(args.candidates, fast["candidates"]):
            theirs = figures(reference, Peer(path, context), chunks)
            mine = found["kld"]["mean"]
            report.line(
                abs(mine - theirs["kld"]) <= floor,
                f"fast  {path.name}: KL {mine:.5f} / {theirs['kld']:.5f}, floor {floor:.5f}  top-1 {found['top1']:.4f} / {theirs['top1']:.4f}  "
                f"perplexity {found['ppl']:.4f} / {theirs['ppl']:.4f}",
            )
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
