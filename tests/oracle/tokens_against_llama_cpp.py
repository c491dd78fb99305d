#!/usr/bin/env python3
"""Holds Ponder's tokenizers against llama.cpp's, token for token, on torture.txt and short hard texts.

    python3 -m venv oracle && oracle/bin/pip install llama-cpp-python==0.3.36 gguf tokenizers
    oracle/bin/python tests/oracle/tokens_against_llama_cpp.py [--ponder target/release/ponder] [--text FILE] FILE.gguf ...
    oracle/bin/python tests/oracle/tokens_against_llama_cpp.py --pre-tokenizers

Files may hold a vocabulary only: llama-cpp-python's source distribution has nineteen as vendor/llama.cpp/models/ggml-vocab-*.gguf
(pip download --no-binary llama-cpp-python --no-deps llama-cpp-python==0.3.36). With --pre-tokenizers a byte-level vocabulary is
trained on the text itself, without regard to words, so that every difference in cutting words shows; it is written once for each name
of a pre-tokenizer in Ponder's table and read by both. With --characters every character of Unicode is in the text; WordPiece then
differs at the few combining marks that Unicode 16 has and llama.cpp's tables have not.

Each text is tokenized with and without special tokens. Exits with 1 on any difference, and says where it begins.
Nothing here is needed to build, run or test Ponder.
"""
import argparse
import ctypes
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import llama_cpp as lc

HERE = pathlib.Path(__file__).parent
SHORT = ["", " ", "  ", "\n", "\n\n\n", "\t", " \n", "\n ", "a", " a", "a ", "\r\n", "1234567", "é", "👍🏽", "\u200d", "\0", "<mask>", " <mask> ", "</s>", "<bos>"]

SILENCE = lc.llama_log_callback(lambda *_: None)


class Peer:
    """A vocabulary in llama.cpp."""

    def __init__(self, path):
        params = lc.llama_model_default_params()
        params.vocab_only = True
        self.model = lc.llama_model_load_from_file(str(path).encode(), params)
        assert self.model, f"llama.cpp cannot load {path}"
        self.vocab = lc.llama_model_get_vocab(self.model)

    def tokens(self, text, special):
        raw = text.encode()
        out = (lc.llama_token * (2 * len(raw) + 8))()
        return list(out[: lc.llama_tokenize(self.vocab, raw, len(raw), out, len(out), True, special)])

    def close(self):
        lc.llama_model_free(self.model)


def own(ponder, model, text, special):
    with tempfile.NamedTemporaryFile("wb", suffix=".txt") as file:
        file.write(text.encode())
        file.flush()
        command = [ponder, "tokenize", str(model), "--text-file", file.name, "--json"] + (["--special"] if special else [])
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{model}: {done.stderr.strip()}")
    return json.loads(done.stdout)["tokens"]


def compare(ponder, model, texts, name=None):
    peer = Peer(model)
    differing = 0
    for text in texts:
        for special in (False, True):
            theirs, ours = peer.tokens(text, special), own(ponder, model, text, special)
            # Ponder never puts two begin-of-sequence or two end tokens together
            if theirs[:1] == theirs[1:2] != ours[1:2]:
                theirs = theirs[1:]
            if len(theirs) == len(ours) + 1 and theirs[-1:] == theirs[-2:-1]:
                theirs = theirs[:-1]
            if theirs != ours:
                differing += 1
                at = next((i for i, (a, b) in enumerate(zip(theirs, ours)) if a != b), min(len(theirs), len(ours)))
                print(f"  {name or model}: special={special} {text[:40]!r}: at {at} llama.cpp {theirs[at:at + 8]}, Ponder {ours[at:at + 8]}")
                print("    after " + repr(pieces(peer, theirs[max(0, at - 4):at])) + ": " + repr(pieces(peer, theirs[at:at + 4])) + " / " + repr(pieces(peer, ours[at:at + 4])))
    peer.close()
    print(f"{'FAIL' if differing else 'ok  '} {name or pathlib.Path(model).name}", flush=True)
    return differing


def pieces(peer, tokens):
    out = []
    piece = ctypes.create_string_buffer(256)
    for token in tokens:
        length = lc.llama_token_to_piece(peer.vocab, token, piece, len(piece), 0, True)
        out.append(piece.raw[:length].decode(errors="replace"))
    return out


def trained(folder, text, size=6000):
    """A byte-level BPE that merges across words, and a function that writes it as GGUF for a pre-tokenizer."""
    import gguf
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, max_token_length=12)
    lines = text.split("\n")
    # pairs of lines joined, so that line breaks are merged too
    tokenizer.train_from_iterator([a + "\n" + b for a, b in zip(lines, lines[1:])], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]

    def write(pre):
        path = folder / f"{pre}.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(tokens + ["<|endoftext|>"])
        writer.add_token_types([1] * len(tokens) + [3])
        writer.add_token_merges(merges)
        writer.add_bos_token_id(len(tokens))
        writer.add_eos_token_id(len(tokens))
        writer.add_add_bos_token(False)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        return path

    return write


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*")
    parser.add_argument("--ponder", default="target/release/ponder")
    parser.add_argument("--text", default=HERE / "torture.txt")
    parser.add_argument("--pre-tokenizers", action="store_true")
    parser.add_argument("--characters", action="store_true")
    args = parser.parse_args()
    lc.llama_log_set(SILENCE, None)
    text = pathlib.Path(args.text).read_bytes().decode()
    # the lines in another order begin and end fragments elsewhere
    texts = [text, " ".join(reversed(text.split("\n"))), *SHORT]
    if args.characters:
        every = [chr(c) for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000]
        texts = ["\n".join(f"a{c}b {c}1{c}{c} {c}" for c in every[i : i + 20000]) for i in range(0, len(every), 20000)]
    failed = 0
    if args.pre_tokenizers:
        source = (HERE.parent.parent / "src/engine/pretokenizer/table.rs").read_text()
        names = sorted(set(re.findall(r'"([a-z0-9][a-z0-9._-]*)"', source.split("const TABLE", 1)[1])) - {"gemma4", "sarvam-moe", "granite-embed-multi-311m", "whitespace"})
        with tempfile.TemporaryDirectory() as folder:
            write = trained(pathlib.Path(folder), text)
            for name in names:
                failed += compare(args.ponder, write(name), texts[:2] + (texts[2:] if args.characters else []), name)
    for model in args.models:
        failed += compare(args.ponder, model, texts)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
