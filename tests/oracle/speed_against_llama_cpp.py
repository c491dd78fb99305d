#!/usr/bin/env python3
"""Ponder's speed beside llama.cpp's on the same files, in turn on the same machine, as ratios (above 1 is faster than llama.cpp).

    python3 -m venv oracle && oracle/bin/pip install numpy llama-cpp-python==0.3.36
    oracle/bin/python tests/oracle/random_llama.py FOLDER                    # the files of 1.1 billion random weights
    oracle/bin/python tests/oracle/speed_against_llama_cpp.py FILE.gguf ... [--ponder target/release/ponder] [--prompt 512]
                                                               [--generate 128] [--depth 0] [--pairs 5] [--threads N]

For each file one line of a table: the medians over the pairs of the ratios in reading a prompt, in generating after it, and in loading
(llama.cpp without mapping the file, which is in the page cache), then Ponder's tokens per second and the share of the machine's read
bandwidth, measured in the same run, that generating reaches. Figures change with the machine's mood, ratios less. Nothing is sampled.
Nothing here is needed to build, run or test Ponder.
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import llama_cpp as lc


class Peer:
    """A file in llama.cpp."""

    def __init__(self, path, context, threads):
        params = lc.llama_model_default_params()
        params.n_gpu_layers = 0
        params.load_mode = lc.LLAMA_LOAD_MODE_NONE
        started = time.perf_counter()
        self.model = lc.llama_model_load_from_file(str(path).encode(), params)
        self.load_seconds = time.perf_counter() - started
        assert self.model, f"llama.cpp cannot load {path}"
        params = lc.llama_context_default_params()
        params.n_ctx = params.n_batch = context
        params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = threads
        self.context = lc.llama_init_from_model(self.model, params)

    def feed(self, count, at_a_time):
        """Tokens per second."""
        tokens = (lc.llama_token * count)(*(97 + 31 * i % 4000 for i in range(count)))
        started = time.perf_counter()
        for first in range(0, count, at_a_time):
            n = min(at_a_time, count - first)
            part = ctypes.cast(ctypes.byref(tokens, first * ctypes.sizeof(lc.llama_token)), ctypes.POINTER(lc.llama_token))
            assert lc.llama_decode(self.context, lc.llama_batch_get_one(part, n)) == 0, "llama.cpp cannot decode"
        lc.llama_synchronize(self.context)
        return count / (time.perf_counter() - started)

    def speeds(self, prompt, generate, depth):
        lc.llama_memory_clear(lc.llama_get_memory(self.context), True)
        if depth:
            self.feed(depth, 512)
        return self.feed(prompt, prompt), self.feed(generate, 1)

    def close(self):
        lc.llama_free(self.context)
        lc.llama_model_free(self.model)


def load_in_a_process_of_its_own(path):
    """Seconds; as Ponder's are, with memory that the system has to hand out."""
    done = subprocess.run([sys.executable, __file__, "--only-load", str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def ponder(binary, command, path, *arguments):
    done = subprocess.run([binary, command, str(path), *map(str, arguments), "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"ponder {command}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def compare(args, path):
    pairs = []
    bench = ("--prompt", args.prompt, "--generate", args.generate, "--depth", args.depth, "--repeat", 1, "--threads", args.threads)
    for _ in range(args.pairs):
        peer = Peer(path, args.depth + args.prompt + args.generate + 8, args.threads)
        peer.speeds(64, 8, 0)
        speeds = peer.speeds(args.prompt, args.generate, args.depth)
        peer.close()
        theirs = (*speeds, 1 / load_in_a_process_of_its_own(path))
        ran = ponder(args.ponder, "run", path, "--raw", "--prompt", "a", "--max-tokens", 1, "--context", 64, "--threads", args.threads)
        mine = ponder(args.ponder, "bench", path, *bench)
        ours = (mine["prefill_tps"][0], mine["decode_tps"][0], 1 / ran["load_seconds"])
        pairs.append((ours, theirs, mine["share_of_read_bandwidth"] or 0))
    ratio = [statistics.median(ours[i] / theirs[i] for ours, theirs, _ in pairs) for i in range(3)]
    prefill, decode = (statistics.median(ours[i] for ours, *_ in pairs) for i in range(2))
    share = statistics.median(share for *_, share in pairs)
    print(f"| {path.name} | {ratio[0]:.2f} | {ratio[1]:.2f} | {ratio[2]:.2f} | {prefill:,.0f} | {decode:.1f} | {100 * share:.0f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--ponder", default="target/release/ponder")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only-load", action="store_true", help="print the seconds that llama.cpp takes to load the file")
    args = parser.parse_args()
    quiet = lc.llama_log_callback(lambda *_: None)
    lc.llama_log_set(quiet, ctypes.c_void_p(0))
    lc.llama_backend_init()
    if args.only_load:
        print(Peer(args.models[0], 64, args.threads).load_seconds)
        return
    print("| file | prompt | generating | loading | tok/s prompt | tok/s generating | of the read bandwidth |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for path in args.models:
        compare(args, path)


if __name__ == "__main__":
    main()
