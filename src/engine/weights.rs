//! All the weights of a decoder, read from its file with progress.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::file::{DType, TensorInfo};
use crate::inspect::Model;
use crate::inspect::spec::{ModelSpec, RopeFactors};
use crate::kernels::pool::Pool;
use crate::kernels::weight::{Vector, Weight};
use crate::memory::ledger::Ledger;
use crate::units::Bytes;

/// One transformer layer. Shapes are `[output features, input features]`. What an architecture does not have is `None`.
#[derive(Debug)]
pub struct Layer {
    /// `[n_embd]`
    pub attn_norm: Option<Vector>,
    /// `[n_heads · head_dim, n_embd]`
    pub attn_q: Weight,
    /// `[n_kv_heads · head_dim, n_embd]`
    pub attn_k: Weight,
    /// `[n_kv_heads · head_dim, n_embd]`
    pub attn_v: Weight,
    /// `[n_embd, n_heads · head_dim]`
    pub attn_output: Weight,
    /// `[n_heads · head_dim]`
    pub attn_q_bias: Option<Vector>,
    /// `[n_kv_heads · head_dim]`
    pub attn_k_bias: Option<Vector>,
    /// `[n_kv_heads · head_dim]`
    pub attn_v_bias: Option<Vector>,
    /// `[n_embd]`
    pub attn_output_bias: Option<Vector>,
    /// `[head_dim]`, or `[n_heads · head_dim]` where the norm goes over all heads.
    pub attn_q_norm: Option<Vector>,
    /// `[head_dim]`, or `[n_kv_heads · head_dim]` where the norm goes over all heads.
    pub attn_k_norm: Option<Vector>,
    /// `[n_embd]`, after attention.
    pub attn_post_norm: Option<Vector>,
    /// `[n_embd]`
    pub ffn_norm: Option<Vector>,
    /// `[n_ff, n_embd]`
    pub ffn_gate: Weight,
    /// `[n_ff, n_embd]`
    pub ffn_up: Weight,
    /// `[n_embd, n_ff]`
    pub ffn_down: Weight,
    /// `[n_ff]`
    pub ffn_gate_bias: Option<Vector>,
    /// `[n_ff]`
    pub ffn_up_bias: Option<Vector>,
    /// `[n_embd]`
    pub ffn_down_bias: Option<Vector>,
    /// `[n_embd]`, after the feed-forward network.
    pub ffn_post_norm: Option<Vector>,
}

impl Layer {
    fn matrices(&self) -> [&Weight; 7] {
        let Self { attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down, .. } = self;
        [attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down]
    }
}

/// A decoder's weights.
#[derive(Debug)]
pub struct Weights {
    /// `[n_vocab, n_embd]`; also the head if there is no other.
    pub embedding: Weight,
    /// First layer first.
    pub layers: Vec<Layer>,
    /// `[n_embd]`
    pub output_norm: Vector,
    /// `[n_logits, n_embd]`; `None` when the embedding serves.
    pub output: Option<Weight>,
    /// `[n_logits]`
    pub output_bias: Option<Vector>,
    /// `[rope_dim / 2]`: divisors of the rotation's frequencies (Llama 3.1).
    pub rope_freqs: Option<Vector>,
    /// The same for a context that is no longer than the original one, and for a longer one (Phi 3).
    pub rope_factors: [Option<Vector>; 2],
}

impl Weights {
    /// All matrices.
    pub fn matrices(&self) -> impl Iterator<Item = &Weight> {
        self.layers.iter().flat_map(Layer::matrices).chain(&self.output).chain([&self.embedding])
    }
}

/// What a matrix becomes.
pub type Types<'a> = &'a dyn Fn(&TensorInfo) -> DType;

/// Reads tensors by name and tells how many bytes came.
struct Reader<'a> {
    model: &'a Model,
    spec: &'a ModelSpec,
    types: Types<'a>,
    pool: &'a Pool,
    ledger: &'a Ledger,
    progress: &'a mut dyn FnMut(Bytes) -> bool,
}

impl Reader<'_> {
    /// The tensor of this name, or the part of one that holds several.
    fn info(&self, name: &str) -> Option<TensorInfo> {
        let fused = name.rsplitn(3, '.').collect::<Vec<_>>();
        let holder = |stem: &str| match fused[..] {
            [kind, _, layer] => self.model.source().tensor(&format!("{layer}.{stem}.{kind}")),
            _ => None,
        };
        let holders = [self.model.source().tensor(name), holder("attn_qkv"), holder("ffn_up")];
        self.spec.piece(holders.into_iter().flatten(), name).map(Cow::into_owned)
    }

    fn required(&self, name: &str) -> Result<TensorInfo> {
        let path = &self.model.source().path;
        self.info(name).ok_or_else(|| Error::format(path, format!("tensor `{name}`"), "to be in the file", "nothing by that name"))
    }

    fn weight(&mut self, name: &str) -> Result<Weight> {
        let info = self.required(name)?;
        let dtype = (self.types)(&info);
        Weight::read(self.model.source(), &info, dtype, self.pool, self.ledger, self.progress)
    }

    fn read(&mut self, info: &TensorInfo, plus: f32) -> Result<Vector> {
        let vector = Vector::read(self.model.source(), info, plus, self.ledger)?;
        if (self.progress)(info.bytes) { Ok(vector) } else { Err(Error::Cancelled) }
    }

    fn norm(&mut self, name: &str) -> Result<Option<Vector>> {
        self.info(name).map(|info| self.read(&info, self.spec.norm_offset)).transpose()
    }

    fn optional(&mut self, name: &str) -> Result<Option<Vector>> {
        self.info(name).map(|info| self.read(&info, 0.0)).transpose()
    }

    fn layer(&mut self, i: usize) -> Result<Layer> {
        let name = |part: &str| format!("blk.{i}.{part}");
        Ok(Layer {
            attn_norm: self.norm(&name("attn_norm.weight"))?,
            attn_q: self.weight(&name("attn_q.weight"))?,
            attn_k: self.weight(&name("attn_k.weight"))?,
            attn_v: self.weight(&name("attn_v.weight"))?,
            attn_output: self.weight(&name("attn_output.weight"))?,
            attn_q_bias: self.optional(&name("attn_q.bias"))?,
            attn_k_bias: self.optional(&name("attn_k.bias"))?,
            attn_v_bias: self.optional(&name("attn_v.bias"))?,
            attn_output_bias: self.optional(&name("attn_output.bias"))?,
            attn_q_norm: self.norm(&name("attn_q_norm.weight"))?,
            attn_k_norm: self.norm(&name("attn_k_norm.weight"))?,
            attn_post_norm: self.norm(&name("post_attention_norm.weight"))?,
            ffn_norm: self.norm(&name("ffn_norm.weight"))?,
            ffn_gate: self.weight(&name("ffn_gate.weight"))?,
            ffn_up: self.weight(&name("ffn_up.weight"))?,
            ffn_down: self.weight(&name("ffn_down.weight"))?,
            ffn_gate_bias: self.optional(&name("ffn_gate.bias"))?,
            ffn_up_bias: self.optional(&name("ffn_up.bias"))?,
            ffn_down_bias: self.optional(&name("ffn_down.bias"))?,
            ffn_post_norm: self.norm(&name("post_ffw_norm.weight"))?,
        })
    }
}

impl Weights {
    /// Reads every tensor that the decoder uses, and quantizes the matrices anew that `types` says become another type. `progress` is told how many bytes
    /// came and answers whether to go on.
    ///
    /// # Errors
    /// A tensor that is missing, cannot be read, has no kernel or cannot be quantized; [`Error::Cancelled`].
    pub fn read(model: &Model, types: Types<'_>, pool: &Pool, ledger: &Ledger, progress: &mut dyn FnMut(Bytes) -> bool) -> Result<Self> {
        let spec = model.spec.as_ref().map_err(Clone::clone)?;
        let mut reader = Reader { model, spec, types, pool, ledger, progress };
        let output_norm = reader.required("output_norm.weight")?;
        Ok(Self {
            embedding: reader.weight("token_embd.weight")?,
            layers: (0..spec.n_layers).map(|i| reader.layer(i)).collect::<Result<_>>()?,
            output_norm: reader.read(&output_norm, spec.norm_offset)?,
            output: if spec.tied_head { None } else { Some(reader.weight("output.weight")?) },
            output_bias: reader.optional("output.bias")?,
            rope_freqs: reader.optional("rope_freqs.weight")?,
            rope_factors: [reader.optional("rope_factors_short.weight")?, reader.optional("rope_factors_long.weight")?],
        })
    }

    /// What divides the frequencies of a rotation in a context of so many tokens.
    #[must_use]
    pub fn factors(&self, factors: RopeFactors, context: usize) -> Option<&Vector> {
        let [short, long] = &self.rope_factors;
        match factors {
            RopeFactors::None => None,
            RopeFactors::Always => self.rope_freqs.as_ref(),
            RopeFactors::ByContext(original) if context > original => long.as_ref(),
            RopeFactors::ByContext(_) => short.as_ref(),
        }
    }
}
