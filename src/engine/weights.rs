//! All the weights of a decoder, read from its file with progress.

use crate::error::{Error, Result};
use crate::file::{DType, TensorInfo};
use crate::inspect::Model;
use crate::kernels::pool::Pool;
use crate::kernels::weight::{Vector, Weight};
use crate::memory::ledger::Ledger;
use crate::units::Bytes;

/// One transformer layer. Shapes are `[output features, input features]`.
#[derive(Debug)]
pub struct Layer {
    /// `[n_embd]`
    pub attn_norm: Vector,
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
    /// `[n_embd]`
    pub ffn_norm: Vector,
    /// `[n_ff, n_embd]`
    pub ffn_gate: Weight,
    /// `[n_ff, n_embd]`
    pub ffn_up: Weight,
    /// `[n_embd, n_ff]`
    pub ffn_down: Weight,
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
    /// `[n_vocab, n_embd]`; `None` when the embedding serves.
    pub output: Option<Weight>,
    /// `[rope_dim / 2]`: divisors of the rotation's frequencies (Llama 3.1).
    pub rope_factors: Option<Vector>,
}

/// What a matrix becomes.
pub type Types<'a> = &'a dyn Fn(&TensorInfo) -> DType;

/// Reads tensors by name and tells how many bytes came.
struct Reader<'a> {
    model: &'a Model,
    types: Types<'a>,
    pool: &'a Pool,
    ledger: &'a Ledger,
    progress: &'a mut dyn FnMut(Bytes) -> bool,
}

impl Reader<'_> {
    fn info(&self, name: &str) -> Result<&TensorInfo> {
        let file = &self.model.file;
        file.tensor(name).ok_or_else(|| Error::format(&file.path, format!("tensor `{name}`"), "to be in the file", "nothing by that name"))
    }

    fn weight(&mut self, name: &str) -> Result<Weight> {
        let info = self.info(name)?.clone();
        let dtype = (self.types)(&info);
        Weight::read(&self.model.file, &info, dtype, self.pool, self.ledger, self.progress)
    }

    fn vector(&mut self, name: &str) -> Result<Vector> {
        let info = self.info(name)?.clone();
        let vector = Vector::read(&self.model.file, &info, self.ledger)?;
        if (self.progress)(info.bytes) { Ok(vector) } else { Err(Error::Cancelled) }
    }

    fn optional(&mut self, name: &str) -> Result<Option<Vector>> {
        if self.model.file.tensor(name).is_some() { self.vector(name).map(Some) } else { Ok(None) }
    }

    fn layer(&mut self, i: usize) -> Result<Layer> {
        let name = |part: &str| format!("blk.{i}.{part}");
        Ok(Layer {
            attn_norm: self.vector(&name("attn_norm.weight"))?,
            attn_q: self.weight(&name("attn_q.weight"))?,
            attn_k: self.weight(&name("attn_k.weight"))?,
            attn_v: self.weight(&name("attn_v.weight"))?,
            attn_output: self.weight(&name("attn_output.weight"))?,
            attn_q_bias: self.optional(&name("attn_q.bias"))?,
            attn_k_bias: self.optional(&name("attn_k.bias"))?,
            attn_v_bias: self.optional(&name("attn_v.bias"))?,
            attn_output_bias: self.optional(&name("attn_output.bias"))?,
            ffn_norm: self.vector(&name("ffn_norm.weight"))?,
            ffn_gate: self.weight(&name("ffn_gate.weight"))?,
            ffn_up: self.weight(&name("ffn_up.weight"))?,
            ffn_down: self.weight(&name("ffn_down.weight"))?,
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
        let mut reader = Reader { model, types, pool, ledger, progress };
        Ok(Self {
            embedding: reader.weight("token_embd.weight")?,
            layers: (0..spec.n_layers).map(|i| reader.layer(i)).collect::<Result<_>>()?,
            output_norm: reader.vector("output_norm.weight")?,
            output: if spec.tied_head { None } else { Some(reader.weight("output.weight")?) },
            rope_factors: reader.optional("rope_freqs.weight")?,
        })
    }
}
