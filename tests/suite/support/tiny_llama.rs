//! A llama of two layers with seeded random weights and a byte-level vocabulary: small enough to write in every test.

use super::gguf_writer::{GgufBuilder, Kv, ggml};

/// The dimensions; change what the test is about, then write it.
#[derive(Debug, Clone)]
pub struct TinyLlama {
    pub seed: u64,
    pub n_layers: u64,
    pub n_embd: u64,
    pub n_ff: u64,
    pub n_heads: u64,
    pub n_kv_heads: u64,
    pub n_ctx: u32,
    pub rope_theta: f32,
    /// The embedding serves as the head.
    pub tied_head: bool,
    /// `ggml::F32` or `ggml::Q8_0`.
    pub matrices: u32,
}

impl Default for TinyLlama {
    fn default() -> Self {
        Self {
            seed: 1,
            n_layers: 2,
            n_embd: 64,
            n_ff: 96,
            n_heads: 4,
            n_kv_heads: 2,
            n_ctx: 512,
            rope_theta: 10_000.0,
            tied_head: true,
            matrices: ggml::F32,
        }
    }
}

/// Control tokens, which follow the 256 byte tokens.
pub const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// The size of the vocabulary.
pub const N_VOCAB: u64 = 256 + SPECIAL.len() as u64;

const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

impl TinyLlama {
    /// The file, to be changed further or written.
    pub fn gguf(&self) -> GgufBuilder {
        let (d, ff, kv) = (self.n_embd, self.n_ff, self.n_embd / self.n_heads * self.n_kv_heads);
        let u32 = |n: u64| u32::try_from(n).unwrap();
        let mut builder = GgufBuilder::new()
            .kv("general.architecture", "llama")
            .kv("general.name", "Tiny llama")
            .kv("general.file_type", if self.matrices == ggml::F32 { 0_u32 } else { 7 })
            .kv("llama.block_count", u32(self.n_layers))
            .kv("llama.context_length", self.n_ctx)
            .kv("llama.embedding_length", u32(d))
            .kv("llama.feed_forward_length", u32(ff))
            .kv("llama.attention.head_count", u32(self.n_heads))
            .kv("llama.attention.head_count_kv", u32(self.n_kv_heads))
            .kv("llama.attention.layer_norm_rms_epsilon", 1e-5_f32)
            .kv("llama.rope.freq_base", self.rope_theta)
            .kv("llama.rope.dimension_count", u32(d / self.n_heads))
            .kv("llama.vocab_size", u32(N_VOCAB));
        builder = tokenizer(builder);
        let mut random = Random(self.seed);
        builder = self.matrix(builder, "token_embd.weight", [N_VOCAB, d], &mut random);
        for layer in 0..self.n_layers {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            builder = norm(builder, &name("attn_norm"), d, &mut random);
            for (part, shape) in [("attn_q", [d, d]), ("attn_k", [kv, d]), ("attn_v", [kv, d]), ("attn_output", [d, d])] {
                builder = self.matrix(builder, &name(part), shape, &mut random);
            }
            builder = norm(builder, &name("ffn_norm"), d, &mut random);
            for (part, shape) in [("ffn_gate", [ff, d]), ("ffn_up", [ff, d]), ("ffn_down", [d, ff])] {
                builder = self.matrix(builder, &name(part), shape, &mut random);
            }
        }
        builder = norm(builder, "output_norm.weight", d, &mut random);
        if self.tied_head { builder } else { self.matrix(builder, "output.weight", [N_VOCAB, d], &mut random) }
    }

    #[expect(clippy::cast_precision_loss, reason = "widths are small")]
    fn matrix(&self, builder: GgufBuilder, name: &str, shape: [u64; 2], random: &mut Random) -> GgufBuilder {
        let scale = 1.0 / (shape[1] as f32).sqrt();
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| random.next() * scale).collect();
        match self.matrices {
            ggml::F32 => builder.f32_tensor(name, &shape, &values),
            ggml::Q8_0 => builder.tensor(name, &shape, ggml::Q8_0, q8_0(&values)),
            other => panic!("no writer for type {other}"),
        }
    }
}

fn norm(builder: GgufBuilder, name: &str, len: u64, random: &mut Random) -> GgufBuilder {
    let values: Vec<f32> = (0..len).map(|_| 1.0 + 0.1 * random.next()).collect();
    builder.f32_tensor(name, &[len], &values)
}

/// GPT-2's byte tokens in the order of the bytes, then the control tokens; a few merges.
fn tokenizer(builder: GgufBuilder) -> GgufBuilder {
    let mut stand_ins = (256_u32..).map(|code| char::from_u32(code).unwrap());
    let visible = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let bytes = (0..=255_u8).map(|b| if visible(b) { char::from(b) } else { stand_ins.next().unwrap() }.to_string());
    let tokens: Vec<String> = bytes.chain(SPECIAL.map(str::to_owned)).collect();
    let types: Vec<i32> = (0..tokens.len()).map(|n| if n < 256 { 1 } else { 3 }).collect();
    builder
        .kv("tokenizer.ggml.model", "gpt2")
        .kv("tokenizer.ggml.pre", "gpt-2")
        .kv("tokenizer.ggml.tokens", tokens)
        .kv("tokenizer.ggml.token_type", types)
        .kv("tokenizer.ggml.merges", Kv::Array(8, Vec::new()))
        .kv("tokenizer.ggml.bos_token_id", 256_u32)
        .kv("tokenizer.ggml.eos_token_id", 258_u32)
        .kv("tokenizer.ggml.add_bos_token", false)
        .kv("tokenizer.chat_template", TEMPLATE)
}

/// Blocks of 32 weights: a scale in F16, then signed bytes.
#[expect(clippy::cast_possible_truncation, reason = "rounded, within -127 to 127")]
fn q8_0(values: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() / 32 * 34);
    for block in values.chunks_exact(32) {
        let scale = block.iter().fold(0.0_f32, |max, x| max.max(x.abs())) / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        out.extend(half::f16::from_f32(scale).to_le_bytes());
        out.extend(block.iter().map(|x| ((x * inverse).round() as i8).cast_unsigned()));
    }
    out
}

/// Numbers from -1 to 1 by splitmix64.
struct Random(u64);

impl Random {
    #[expect(clippy::cast_precision_loss, reason = "24 bits are what an F32 holds")]
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        (x >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
