#!/usr/bin/env python3
"""Turns a GGUF file of a llama in F16 into the Hugging Face folder that it could have come from: to hold both against each other.

    python3 -m venv oracle && oracle/bin/pip install numpy gguf safetensors
    ponder quantize SmolLM2-135M-Instruct.Q4_1.gguf f16.gguf --to f16
    oracle/bin/python tests/oracle/folder_from_gguf.py f16.gguf FOLDER [--shards 2]

Rows of queries and keys go back to the order for rotating halves. The tokenizer is written as SmolLM2's is: byte-level pairs with single
digits. Nothing here is needed to build, run or test Ponder.
"""
import argparse
import json
import pathlib

import numpy as np
from gguf import GGUFReader
from safetensors.numpy import save_file

NAMES = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj"}
OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def name_of(name):
    stem, kind = name.rsplit(".", 1)
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.{kind}"
    _, layer, part = stem.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.{kind}"


def halves(rows, heads):
    width = rows.shape[0] // heads
    return np.ascontiguousarray(rows.reshape(heads, width // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=1)
    args = parser.parse_args()
    reader = GGUFReader(args.gguf)

    def value(key, otherwise=None):
        field = reader.fields.get(key)
        return otherwise if field is None else field.contents()

    llama = lambda key, otherwise=None: value(f"llama.{key}", otherwise)
    heads, kv_heads = llama("attention.head_count"), llama("attention.head_count_kv")
    args.folder.mkdir(parents=True, exist_ok=True)
    write = lambda name, content: (args.folder / name).write_text(json.dumps(content, indent=1))
    tensors = {}
    for tensor in reader.tensors:
        data = np.array(tensor.data)
        if ".attn_q." in tensor.name or ".attn_k." in tensor.name:
            data = halves(data, heads if ".attn_q." in tensor.name else kv_heads)
        tensors[name_of(tensor.name)] = data
    names = list(tensors)
    if args.shards == 1:
        save_file(tensors, args.folder / "model.safetensors", metadata={"format": "pt"})
    else:
        places = {}
        for n in range(args.shards):
            file = f"model-{n + 1:05}-of-{args.shards:05}.safetensors"
            part = {name: tensors[name] for name in names[n::args.shards]}
            save_file(part, args.folder / file, metadata={"format": "pt"})
            places.update({name: file for name in part})
        total = sum(data.nbytes for data in tensors.values())
        write("model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": places})
    tokens, kinds = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
    bos, eos = value("tokenizer.ggml.bos_token_id"), value("tokenizer.ggml.eos_token_id")
    width = llama("embedding_length")
    write("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": llama("feed_forward_length"),
        "num_hidden_layers": llama("block_count"), "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": width // heads,
        "max_position_embeddings": llama("context_length"), "rms_norm_eps": llama("attention.layer_norm_rms_epsilon"),
        "rope_theta": llama("rope.freq_base", 10000.0), "hidden_act": "silu", "vocab_size": len(tokens), "torch_dtype": "float16",
        "tie_word_embeddings": "lm_head.weight" not in tensors, "bos_token_id": bos, "eos_token_id": eos,
    })
    write("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos})
    write("tokenizer_config.json", {"bos_token": tokens[bos], "eos_token": tokens[eos], "chat_template": value("tokenizer.chat_template")})
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [{"id": n, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for n, text in enumerate(tokens) if kinds[n] == 3]
    write("tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]},
        "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": {text: n for n, text in enumerate(tokens)},
                  "merges": [merge.split(" ", 1) for merge in value("tokenizer.ggml.merges")]},
    })


if __name__ == "__main__":
    main()
