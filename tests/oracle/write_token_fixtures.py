#!/usr/bin/env python3
"""Writes tests/suite/token_fixtures.json: small vocabularies of every kind, trained on torture.txt, and the ids that llama.cpp
(llama-cpp-python 0.3.36) gives with them. The suite builds the same vocabularies and must get the same ids.

    oracle/bin/pip install llama-cpp-python==0.3.36 gguf tokenizers sentencepiece protobuf
    oracle/bin/python tests/oracle/write_token_fixtures.py gemma-3-270m-q4_k_m.gguf

Of long texts only the number of ids and their FNV-1a hash (64 bits, over little-endian 32-bit ids) are kept.
"""
import io
import json
import pathlib
import re
import sys
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
        sentence_iterator=iter([line for line in TRAINING.split("\n") if line and "\0" not in line and max(line) < "\u0600"]), model_writer=out, model_type=kind, vocab_size=800,
        character_coverage=0.98, normalization_rule_tsv=str(rules), user_defined_symbols=["<user>"], num_threads=1, minloglevel=2,
        hard_vocab_limit=False, **more)
    rules.unlink()
    if kind == "bpe":
        (HERE.parent / "suite/tokenizer.model").write_bytes(out.getvalue())
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


def folders():
    """Hugging Face folders: their files, and what Python's `tokenizers` makes of some texts."""
    from tokenizers import AddedToken, decoders, processors

    def finish(tokenizer, template, config, special):
        tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
        tokenizer.add_tokens([AddedToken("<user>", special=False, normalized=False), AddedToken("<glue>", special=False, normalized=False, lstrip=True, rstrip=True)])
        if template:
            ids = {text: tokenizer.token_to_id(text) for text in special}
            tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=[(text, ids[text]) for text in template.split() if text != "$A"])
        files = {"tokenizer.json": json.loads(tokenizer.to_str()), "tokenizer_config.json": config}
        texts = [text for text in SHORT if text] + ["a <glue> b<glue>\tc", "<user><user>x"] + TRAINING.split("\n")[:60:4]
        parsed = [tokenizer.encode(text).ids for text in texts]
        tokenizer.encode_special_tokens = True
        plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        return {"files": files, "cases": [list(case) for case in zip(texts, parsed, plain)]}

    byte = Tokenizer(models.BPE(ignore_merges=True))
    byte.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte.decoder = decoders.ByteLevel()
    byte.train_from_iterator(TRAINING.split("\n"), trainers.BpeTrainer(vocab_size=500, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    config = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"}
    out = {"byte_level": finish(byte, "<s> $A", config, ["<s>", "</s>"])}

    llama = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    llama.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    llama.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(vocab_size=700, limit_alphabet=120, max_token_length=8, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])
    lines = TRAINING.split("\n")
    llama.train_from_iterator(lines, trainer)
    spec = json.loads(llama.to_str())
    spec["added_tokens"] = [token for token in spec["added_tokens"] if not token["content"].startswith("<0x")]
    llama = Tokenizer.from_str(json.dumps(spec))
    out["metaspace"] = finish(llama, "<s> $A", {"bos_token": "<s>", "eos_token": "</s>"}, ["<s>", "</s>"])

    bert = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    bert.normalizer = normalizers.BertNormalizer()
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    bert.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=500, limit_alphabet=100, special_tokens=special, show_progress=False))
    out["word_piece"] = finish(bert, "[CLS] $A [SEP]", {"cls_token": "[CLS]", "sep_token": "[SEP]"}, special)
    return out


def main():
    lc.llama_log_set(oracle.SILENCE, None)
    kinds = {"byte_level": byte_level(), "sentence_piece": spm(), "unigram": unigram(), "word_piece": word_piece(), "raw_bpe": raw_bpe()}
    with tempfile.TemporaryDirectory() as folder:
        out = {name: {"vocabulary": v, **references(folder, v, "gpt-2" if name == "byte_level" else None, SHORT)} for name, v in kinds.items()}
        table = (HERE.parent.parent / "src/engine/pretokenizer/table.rs").read_text().split("const TABLE", 1)[1]
        names = sorted(set(re.findall(r'"([a-z0-9][a-z0-9._-]*)"', table)) - {"gemma4", "sarvam-moe", "granite-embed-multi-311m", "whitespace"})
        by_name = {}
        for name in names:
            by_name[name] = references(folder, kinds["byte_level"], name, [])["whole"][0]
    peer = oracle.Peer(sys.argv[1])
    gemma = [[len(ids), fnv(ids)] for ids in (peer.tokens(TEXT, special) for special in (False, True))]
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}" for name, value in {**out, "pre_tokenizers": by_name, "gemma": gemma, "folders": folders()}.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(OUT, OUT.stat().st_size, {name: len(v["tokens"]) for name, v in kinds.items()})


if __name__ == "__main__":
    main()
