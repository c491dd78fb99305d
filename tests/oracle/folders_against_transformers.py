#!/usr/bin/env python3
"""Holds Ponder against Hugging Face's transformers on folders that transformers writes itself: tiny models of each decoder family with
random weights, `config.json` and safetensors by `save_pretrained`.

    python3 -m venv oracle && oracle/bin/pip install numpy torch transformers tokenizers
    oracle/bin/python tests/oracle/folders_against_transformers.py [--ponder target/release/ponder] [--folder FOLDER] [FAMILY ...]

A line of the table is one folder:

  exact   mean KL divergence in nats of `ponder logits --exact` from transformers in F64; at most 1e-6
  apart   the largest difference of a logit, as a share of the largest logit
  entropy of the answers, which must be below half of that of a uniform guess
  bin     the same from `pytorch_model.bin`, written by `torch.save`

Then teeth: one field of `config.json` is changed, and the answers must move by more than 1e-3 nats. Exits with 1 if anything fails.
Nothing here is needed to build, run or test Ponder.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers as hf

VOCABULARY, POSITIONS, WINDOW, ORIGINAL = 259, 200, 24, 64
SHAPE = dict(vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=512, rms_norm_eps=0.1, bos_token_id=256, eos_token_id=258, pad_token_id=256)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=ORIGINAL)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=ORIGINAL)
LONG = dict(type="longrope", short_factor=[1.0 + 0.1 * i for i in range(6)], long_factor=[1.5 + 0.7 * i for i in range(6)])
GEMMA = dict(head_dim=24, sliding_window=WINDOW, query_pre_attn_scalar=20)


def cases():
    """Name, class of the configuration, its fields, and what is changed to be wrong."""
    theta, eps = ("rope_theta", 12_000.0), ("rms_norm_eps", 1e-6)
    return [
        ("llama", hf.LlamaConfig, {}, [theta, eps]),
        ("llama 3, factors", hf.LlamaConfig, dict(rope_theta=500_000.0, rope_scaling=LLAMA3, head_dim=24), [("rope_scaling", None)]),
        ("llama, biases, untied", hf.LlamaConfig, dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=False), [theta]),
        ("llama, tied, linear", hf.LlamaConfig, dict(tie_word_embeddings=True, rope_scaling=dict(rope_type="linear", factor=4.0)), [("rope_scaling", None)]),
        ("llama, yarn", hf.LlamaConfig, dict(rope_scaling=YARN), [("rope_scaling", None)]),
        ("llama, yarn, mscale", hf.LlamaConfig, dict(rope_scaling=dict(YARN, mscale=0.707, mscale_all_dim=1.0)), [("rope_scaling", YARN)]),
        ("mistral", hf.MistralConfig, dict(sliding_window=None, head_dim=24), [theta]),
        ("qwen2", hf.Qwen2Config, dict(tie_word_embeddings=True), [theta, eps]),
        ("qwen2, yarn", hf.Qwen2Config, dict(rope_scaling=YARN), [("rope_scaling", None)]),
        ("qwen3", hf.Qwen3Config, dict(head_dim=24, rope_theta=1e6), [eps]),
        ("gemma2", hf.Gemma2Config, dict(GEMMA, attn_logit_softcapping=4.0, final_logit_softcapping=14.0),
         [("query_pre_attn_scalar", 24), ("sliding_window", WINDOW - 1), ("attn_logit_softcapping", None), ("final_logit_softcapping", None)]),
        ("gemma3", hf.Gemma3TextConfig, dict(GEMMA, num_hidden_layers=7, rope_scaling=dict(rope_type="linear", factor=8.0)),
         [("query_pre_attn_scalar", 24), ("sliding_window", WINDOW + 1), ("rope_local_base_freq", 9_000.0), ("rope_scaling", None)]),
        ("phi3", hf.Phi3Config, dict(sliding_window=None), [theta]),
        ("phi3, long", hf.Phi3Config, dict(sliding_window=None, partial_rotary_factor=0.75, rope_scaling=LONG, original_max_position_embeddings=ORIGINAL),
         [("original_max_position_embeddings", 256)]),
        ("phi3, short", hf.Phi3Config, dict(sliding_window=None, partial_rotary_factor=0.75, rope_scaling=LONG, original_max_position_embeddings=256),
         [("original_max_position_embeddings", ORIGINAL)]),
        ("smollm3", hf.SmolLM3Config, dict(num_hidden_layers=5), [("rope_theta", 1e6)]),
        ("granite", hf.GraniteConfig, dict(attention_multiplier=0.2, embedding_multiplier=1.5, residual_multiplier=0.7, logits_scaling=1.25, attention_bias=True),
         [("attention_multiplier", 0.25), ("embedding_multiplier", 1.0), ("residual_multiplier", 1.0), ("logits_scaling", 1.0)]),
        ("olmo2", hf.Olmo2Config, {}, [theta]),
        ("olmo3", hf.Olmo3Config, dict(num_hidden_layers=5, sliding_window=WINDOW, rope_scaling=dict(YARN, attention_factor=1.2)), [("sliding_window", WINDOW - 1)]),
    ]


def fill(model, seed):
    """Random weights that make a peaked answer."""
    generator = torch.Generator().manual_seed(seed)
    gemma = "gemma" in model.config.model_type
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() == 2:
                head = "embed" in name or "lm_head" in name
                value.copy_(noise * (4.0 if head else 1.5) / math.sqrt(value.shape[1]))
            elif name.endswith("norm.weight"):
                after = "post_" in name and gemma
                value.copy_((8.0 if after else 1.0) * (1 + 0.1 * noise) - (1.0 if gemma else 0.0))
            else:
                value.copy_(0.3 * noise)


def write_tokenizer(folder):
    """GPT-2's byte tokens in the order of the bytes, then three special ones."""
    visible = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spare = iter(range(256, 600))
    letters = [chr(byte) if byte in visible else chr(next(spare)) for byte in range(256)]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    added = [dict(id=256 + n, content=text, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for n, text in enumerate(special)]
    model = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False,
                 byte_fallback=False, vocab={letter: byte for byte, letter in enumerate(letters)}, merges=[])
    tokenizer = dict(version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None, pre_tokenizer=level, post_processor=None,
                     decoder=level, model=model)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def divergence(one, other):
    p, q = log_softmax(one), log_softmax(other)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def ponder(program, folder, tokens, scratch, *more):
    out = scratch / "logits.npy"
    command = [program, "logits", str(folder), "--tokens", ",".join(map(str, tokens)), "--all", "--exact", "--out", str(out), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])}: {done.stderr.strip()}")
    return np.load(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ponder", default="target/release/ponder")
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("families", nargs="*")
    args = parser.parse_args()
    failed = 0
    print(f"transformers {hf.__version__}, torch {torch.__version__}, {POSITIONS} positions")
    print(f"{'':22} {'exact':>9} {'apart':>9} {'step':>9} {'bin':>9} {'entropy':>8}  teeth")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        root = args.folder or scratch
        for name, config_class, fields, teeth in cases():
            if args.families and not any(family in name for family in args.families):
                continue
            config = config_class(**{**SHAPE, **fields})
            config._attn_implementation = "eager"
            torch.manual_seed(0)
            model = hf.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
            fill(model, 7)
            folder = root / name.replace(", ", "-").replace(" ", "-")
            model.save_pretrained(folder)
            write_tokenizer(folder)
            tokens = [(7 * i + i * i // 3) % 256 for i in range(POSITIONS)]
            with torch.no_grad():
                truth = model.double()(torch.tensor([tokens]), use_cache=False).logits[0].numpy()
            found = ponder(args.ponder, folder, tokens, scratch)
            stepped = divergence(truth, ponder(args.ponder, folder, tokens, scratch, "--step"))
            exact, apart = divergence(truth, found), float(np.abs(truth - found).max() / np.abs(truth).max())
            entropy = float(-(np.exp(log_softmax(truth)) * log_softmax(truth)).sum(axis=1).mean())
            checkpoint = root / (folder.name + "-bin")
            checkpoint.mkdir(exist_ok=True)
            for file in folder.iterdir():
                if not file.name.endswith(".safetensors"):
                    (checkpoint / file.name).write_bytes(file.read_bytes())
            torch.save({key: value.float() for key, value in model.state_dict().items()}, checkpoint / "pytorch_model.bin")
            pickled = divergence(truth, ponder(args.ponder, checkpoint, tokens, scratch))
            moved = []
            stated = json.loads((folder / "config.json").read_text())
            for key, value in teeth:
                (folder / "config.json").write_text(json.dumps({**stated, key: value}))
                moved.append(divergence(truth, ponder(args.ponder, folder, tokens, scratch)))
            (folder / "config.json").write_text(json.dumps(stated))
            good = max(exact, stepped, pickled) <= 1e-6 and min(moved, default=1) > 1e-3 and entropy < math.log(VOCABULARY) / 2
            failed += not good
            marks = " ".join(f"{each:.1e}" for each in moved)
            print(f"{name:22} {exact:9.1e} {apart:9.1e} {stepped:9.1e} {pickled:9.1e} {entropy:8.2f}  {marks}{'' if good else '  FAILED'}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
