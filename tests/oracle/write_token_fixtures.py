#!/usr/bin/env python3
"""Writes tests/suite/token_fixtures.json: small vocabularies of every kind, trained on torture.txt, and the ids that llama.cpp
(llama-cpp-python 0.3.36) gives with them. The suite builds the same vocabularies and must get the same ids.

    oracle/bin/pip install llama-cpp-python==0.3.36 gguf tokenizers sentencepiece protobuf
    oracle/bin/python tests/oracle/write_token_fixtures.py

Of long texts only the number of ids and their FNV-1a hash (64 bits, over little-endian 32-bit ids) are kept.
"""
import io
import json
import pathlib
import re
import tempfile

import gguf
import llama_cpp as lc
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

import tokens_against_llama_cpp as oracle

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "suite/token_fixtures.json"
TEXT = (HERE / "torture.txt").read_bytes().decode()
SHORT = [
    "", " ", "Hello world", "  two  spaces  ", "\n\nline\n", "naïve Ünïcode ÀÉ", "日本語 中文", "👍🏽 x", "</s>a<s> b", "<user> x <user>",
    "\tTab", "It's 12345!", "ｆｕｌｌ ﬁ", "a\0b", "<mask>  m", "가각",
]
# a text that repeats words is learned faster than the torture text alone
TRAINING = TEXT + 3 * ("the and of to in is that it was for on with as be at by this have from or one had not but what all were "
                       "when we there can an your which their said if do will each about how up out them then she many some so these would\n")


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(vocab_size=1400, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False, max_token_length=8)
    lines = TEXT.split("\n")
    tokenizer.train_from_iterator([a + "\n" + b for a, b in zip(lines, lines[1:])], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    kinds = [1] * len(tokens) + [3, 4]
    return {"model": "gpt2", "tokens": tokens + ["</s>", "<user>"], "kinds": kinds, "merges": merges, "special": {"bos": len(tokens), "eos": len(tokens)}, "add_bos": False}


def sentence_piece(kind, **more):
    rules = HERE / "rules.tsv"
    rules.write_text("".join(f"{ord(a):X}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in [("ﬁ", "fi"), ("ｆ", "f"), ("ｕ", "u"), ("ｌ", "l"), ("\t", " "), ("\n", " "), ("\u3000", " "), ("é", "e\u0301")]))
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in TRAINING.split("\n") if line and "\0" not in line]), model_writer=out, model_type=kind, vocab_size=1500,
        character_coverage=0.98, normalization_rule_tsv=str(rules), user_defined_symbols=["<user>"], num_threads=1, minloglevel=2,
        hard_vocab_limit=False, **more)
    rules.unlink()
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(out.getvalue())
    return proto


def spm():
    proto = sentence_piece("bpe", byte_fallback=True)
    return {
        "model": "llama", "tokens": [p.piece for p in proto.pieces], "kinds": [p.type for p in proto.pieces], "scores": [p.score for p in proto.pieces],
        "special": {"bos": 1, "eos": 2, "unknown": 0},
    }


def unigram():
    proto = sentence_piece("unigram", pad_id=3)
    return {
        "model": "t5", "tokens": [p.piece for p in proto.pieces], "kinds": [p.type for p in proto.pieces], "scores": [p.score for p in proto.pieces],
        "special": {"eos": 2, "unknown": 0, "padding": 3}, "add_space_prefix": True, "remove_extra_whitespaces": True,
        "charsmap": list(proto.normalizer_spec.precompiled_charsmap),
    }


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=1200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False)
    tokenizer.train_from_iterator(TRAINING.split("\n"), trainer)
    vocab = tokenizer.get_vocab()
    tokens = sorted(vocab, key=vocab.get)
    # as in GGUF files: what begins a word has a mark, what continues it has none
    tokens = [t if t.startswith("[") and t.endswith("]") and len(t) > 2 else t[2:] if t.startswith("##") else "▁" + t for t in tokens]
    return {"model": "bert", "tokens": tokens, "kinds": [3] * 5 + [1] * (len(tokens) - 5), "special": {"padding": 0, "unknown": 1, "bos": 2, "seperator": 3, "mask": 4}}


def raw_bpe():
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=1200, limit_alphabet=200, show_progress=False, max_token_length=8)
    tokenizer.train_from_iterator([line.replace(" ", "▁") for line in TRAINING.split("\n")], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = ["<pad>", "</s>", "<s>", "<unk>"] + [f"<0x{b:02X}>" for b in range(256)]
    kinds = [3, 3, 3, 2] + [6] * 256
    learned = sorted(model["vocab"], key=model["vocab"].get) + ["\n", "\n\n"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return {"model": "gemma4", "tokens": tokens + learned, "kinds": kinds + [1] * len(learned), "merges": merges, "special": {"bos": 2, "eos": 1, "unknown": 3, "padding": 0}}


def write(path, v, pre):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(v["model"])
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(v["tokens"])
    writer.add_token_types(v["kinds"])
    if "scores" in v:
        writer.add_token_scores(v["scores"])
    if "merges" in v:
        writer.add_token_merges(v["merges"])
    for name, token in v["special"].items():
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", token)
    for name in ("add_bos", "add_eos"):
        if name in v:
            writer.add_bool(f"tokenizer.ggml.{name}_token", v[name])
    for name in ("add_space_prefix", "remove_extra_whitespaces"):
        if name in v:
            writer.add_bool(f"tokenizer.ggml.{name}", v[name])
    if v.get("charsmap"):
        writer.add_precompiled_charsmap(bytes(v["charsmap"]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def fnv(ids):
    h = 0xCBF29CE484222325
    for token in ids:
        for byte in int(token).to_bytes(4, "little"):
            h = (h ^ byte) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def references(folder, v, pre, texts):
    path = pathlib.Path(folder) / "v.gguf"
    path.unlink(missing_ok=True)
    write(path, v, pre)
    peer = oracle.Peer(path)
    whole = [[len(ids), fnv(ids)] for ids in (peer.tokens(TEXT, special) for special in (False, True))]
    short = [[text, peer.tokens(text, False), peer.tokens(text, True)] for text in texts]
    peer.close()
    return {"whole": whole, "short": short}


def main():
    lc.llama_log_set(oracle.SILENCE, None)
    kinds = {"byte_level": byte_level(), "sentence_piece": spm(), "unigram": unigram(), "word_piece": word_piece(), "raw_bpe": raw_bpe()}
    with tempfile.TemporaryDirectory() as folder:
        out = {name: {"vocabulary": v, **references(folder, v, "gpt-2" if name == "byte_level" else None, SHORT)} for name, v in kinds.items()}
        table = (HERE.parent.parent / "src/engine/pretokenizer/table.rs").read_text().split("const TABLE", 1)[1]
        names = sorted(set(re.findall(r'"([a-z0-9][a-z0-9._-]*)"', table)) - {"gemma4", "sarvam-moe", "granite-embed-multi-311m", "whitespace"})
        by_name = {}
        for name in names:
            v = {**kinds["byte_level"]}
            if name == "kimi-k2":
                v["merges"] = kinds["byte_level"]["merges"]
            by_name[name] = references(folder, v, name, [])["whole"][0]
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}" for name, value in {**out, "pre_tokenizers": by_name}.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(OUT, OUT.stat().st_size, {name: len(v["tokens"]) for name, v in kinds.items()})


if __name__ == "__main__":
    main()
