//! A llama of two layers with seeded random weights and a byte-level vocabulary: small enough to write in every test.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::gguf_writer::{GgufBuilder, Kv, ggml};
use super::oracle::{Definition, Rotation};

/// The dimensions; change what the test is about, then write it.
#[derive(Debug, Clone)]
pub struct TinyLlama {
    pub seed: u64,
    pub n_layers: u64,
    pub n_embd: u64,
    pub n_ff: u64,
    pub n_heads: u64,
    pub n_kv_heads: u64,
    /// The width of a head where it isn't `n_embd / n_heads`.
    pub head_dim: Option<u64>,
    pub n_ctx: u32,
    pub rope_theta: f32,
    pub rms_eps: f32,
    /// Positions are divided by this.
    pub rope_linear: Option<f32>,
    /// The file has `rope_freqs.weight`.
    pub rope_freqs: bool,
    /// Queries, keys, values and the projection after attention have biases.
    pub biases: bool,
    /// The embedding serves as the head.
    pub tied_head: bool,
    /// ggml's number of the matrices' type; anything that candle quantizes to.
    pub matrices: u32,
    /// Multiplies every matrix: at 1 the logits are nearly flat, at 3 peaked as a trained model's are.
    pub gain: f32,
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
            head_dim: None,
            n_ctx: 512,
            rope_theta: 10_000.0,
            rms_eps: 1e-5,
            rope_linear: None,
            rope_freqs: false,
            biases: false,
            tied_head: true,
            matrices: ggml::F32,
            gain: 1.0,
        }
    }
}

/// A tensor as the file has it.
#[derive(Debug, Clone)]
pub struct Stored {
    pub name: String,
    pub shape: Vec<u64>,
    pub id: u32,
    /// What the bytes mean, after rounding to the type.
    pub values: Vec<f32>,
    pub bytes: Vec<u8>,
}

impl Stored {
    /// Replaces the values of an F32 tensor.
    pub fn set(&mut self, values: Vec<f32>) {
        assert_eq!((self.id, values.len()), (ggml::F32, self.values.len()), "{}", self.name);
        self.bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.values = values;
    }
}

/// Control tokens, which follow the 256 byte tokens.
pub const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// The size of the vocabulary.
pub const N_VOCAB: u64 = 256 + SPECIAL.len() as u64;

/// Their chat template.
pub const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

impl TinyLlama {
    /// The file, to be changed further or written.
    pub fn gguf(&self) -> GgufBuilder {
        self.gguf_of(&self.tensors())
    }

    /// The width of a head.
    pub fn head_dim(&self) -> u64 {
        self.head_dim.unwrap_or(self.n_embd / self.n_heads)
    }

    /// The file with these tensors, which may have been changed since [`TinyLlama::tensors`] made them.
    pub fn gguf_of(&self, tensors: &[Stored]) -> GgufBuilder {
        let u32 = |n: u64| u32::try_from(n).unwrap();
        let mut builder = GgufBuilder::new()
            .kv("general.architecture", "llama")
            .kv("general.name", "Tiny llama")
            .kv("general.file_type", if self.matrices == ggml::F32 { 0_u32 } else { 7 })
            .kv("llama.block_count", u32(self.n_layers))
            .kv("llama.context_length", self.n_ctx)
            .kv("llama.embedding_length", u32(self.n_embd))
            .kv("llama.feed_forward_length", u32(self.n_ff))
            .kv("llama.attention.head_count", u32(self.n_heads))
            .kv("llama.attention.head_count_kv", u32(self.n_kv_heads))
            .kv("llama.attention.layer_norm_rms_epsilon", self.rms_eps)
            .kv("llama.rope.freq_base", self.rope_theta)
            .kv("llama.rope.dimension_count", u32(self.head_dim()))
            .kv("llama.vocab_size", u32(N_VOCAB));
        if let Some(width) = self.head_dim {
            builder = builder.kv("llama.attention.key_length", u32(width)).kv("llama.attention.value_length", u32(width));
        }
        if let Some(factor) = self.rope_linear {
            builder = builder.kv("llama.rope.scaling.type", "linear").kv("llama.rope.scaling.factor", factor);
        }
        builder = tokenizer(builder);
        tensors.iter().fold(builder, |builder, tensor| builder.tensor(&tensor.name, &tensor.shape, tensor.id, tensor.bytes.clone()))
    }

    /// What it computes.
    pub fn definition(&self) -> Definition {
        let shape = [self.n_embd, self.n_ff, self.n_heads, self.n_kv_heads, self.head_dim()].map(|n| usize::try_from(n).unwrap());
        let rotation = Rotation {
            theta: f64::from(self.rope_theta),
            linear: f64::from(self.rope_linear.unwrap_or(1.0)),
            factors: self.rope_freqs.then_some("rope_freqs.weight"),
            ..Rotation::default()
        };
        let n_layers = usize::try_from(self.n_layers).unwrap();
        Definition { eps: f64::from(self.rms_eps), halves: false, ..Definition::plain(shape, n_layers, &rotation) }
    }

    /// The tensors, in the file's order.
    pub fn tensors(&self) -> Vec<Stored> {
        let (d, ff, q, kv) = (self.n_embd, self.n_ff, self.head_dim() * self.n_heads, self.head_dim() * self.n_kv_heads);
        let mut random = Random(self.seed);
        let mut tensors = vec![self.matrix("token_embd.weight", [N_VOCAB, d], &mut random)];
        for layer in 0..self.n_layers {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            tensors.push(norm(&name("attn_norm"), d, &mut random));
            for (part, shape) in [("attn_q", [q, d]), ("attn_k", [kv, d]), ("attn_v", [kv, d]), ("attn_output", [d, q])] {
                tensors.push(self.matrix(&name(part), shape, &mut random));
            }
            tensors.push(norm(&name("ffn_norm"), d, &mut random));
            for (part, shape) in [("ffn_gate", [ff, d]), ("ffn_up", [ff, d]), ("ffn_down", [d, ff])] {
                tensors.push(self.matrix(&name(part), shape, &mut random));
            }
            for (part, len) in [("attn_q", q), ("attn_k", kv), ("attn_v", kv), ("attn_output", d)].into_iter().filter(|_| self.biases) {
                let values = (0..len).map(|_| random.next()).collect();
                tensors.push(stored(&format!("blk.{layer}.{part}.bias"), &[len], ggml::F32, values));
            }
        }
        tensors.push(norm("output_norm.weight", d, &mut random));
        if !self.tied_head {
            tensors.push(self.matrix("output.weight", [N_VOCAB, d], &mut random));
        }
        if self.rope_freqs {
            let half = self.head_dim() / 2;
            let values = (0..half).map(|_| 2.5 + 1.5 * random.next()).collect();
            tensors.push(stored("rope_freqs.weight", &[half], ggml::F32, values));
        }
        tensors
    }

    #[expect(clippy::cast_precision_loss, reason = "widths are small")]
    fn matrix(&self, name: &str, shape: [u64; 2], random: &mut Random) -> Stored {
        let scale = self.gain / (shape[1] as f32).sqrt();
        stored(name, &shape, self.matrices, (0..shape[0] * shape[1]).map(|_| random.next() * scale).collect())
    }
}

pub fn norm(name: &str, len: u64, random: &mut Random) -> Stored {
    stored(name, &[len], ggml::F32, (0..len).map(|_| 1.0 + 0.1 * random.next()).collect())
}

/// Rounds values to a type; candle's quantizers are the ones that follow ggml's.
pub fn stored(name: &str, shape: &[u64], id: u32, values: Vec<f32>) -> Stored {
    let dtype = match id {
        ggml::F32 => {
            let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            return Stored { name: name.to_owned(), shape: shape.to_vec(), id, values, bytes };
        }
        ggml::F16 => GgmlDType::F16,
        ggml::BF16 => GgmlDType::BF16,
        ggml::Q4_0 => GgmlDType::Q4_0,
        ggml::Q4_1 => GgmlDType::Q4_1,
        ggml::Q5_0 => GgmlDType::Q5_0,
        ggml::Q5_1 => GgmlDType::Q5_1,
        ggml::Q8_0 => GgmlDType::Q8_0,
        ggml::Q2_K => GgmlDType::Q2K,
        ggml::Q3_K => GgmlDType::Q3K,
        ggml::Q4_K => GgmlDType::Q4K,
        ggml::Q5_K => GgmlDType::Q5K,
        ggml::Q6_K => GgmlDType::Q6K,
        other => panic!("no writer for type {other}"),
    };
    let dims: Vec<usize> = shape.iter().map(|&n| usize::try_from(n).unwrap()).collect();
    let tensor = Tensor::from_vec(values, dims, &Device::Cpu).unwrap();
    let rounded = QTensor::quantize(&tensor, dtype).unwrap();
    let values = rounded.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    Stored { name: name.to_owned(), shape: shape.to_vec(), id, values, bytes: rounded.data().unwrap().into_owned() }
}

/// GPT-2's byte tokens in the order of the bytes.
pub fn byte_tokens() -> Vec<String> {
    let mut stand_ins = (256_u32..).map(|code| char::from_u32(code).unwrap());
    let visible = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    (0..=255_u8).map(|b| if visible(b) { char::from(b) } else { stand_ins.next().unwrap() }.to_string()).collect()
}

/// The byte tokens, then the control tokens.
pub fn tokenizer(builder: GgufBuilder) -> GgufBuilder {
    let tokens: Vec<String> = byte_tokens().into_iter().chain(SPECIAL.map(str::to_owned)).collect();
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

/// Numbers from -1 to 1 by splitmix64.
pub struct Random(pub u64);

impl Random {
    #[expect(clippy::cast_precision_loss, reason = "24 bits are what an F32 holds")]
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        (x >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
