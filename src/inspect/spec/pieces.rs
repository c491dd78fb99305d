//! Tensors that hold several matrices one below the other, and their parts: each is loaded as a matrix of its own, so that there is one
//! copy and one kind of everything downstream.

use std::borrow::Cow;

use super::ModelSpec;
use crate::file::TensorInfo;
use crate::inspect::roles;
use crate::units::Bytes;

impl ModelSpec {
    /// What a tensor of the file is loaded as: itself, or the parts of one that holds queries, keys and values, or gate and up.
    pub fn pieces<'a>(&self, tensor: &'a TensorInfo) -> impl Iterator<Item = Cow<'a, TensorInfo>> + use<'a> {
        let parts = self.parts(tensor);
        let whole = parts.is_empty().then_some(Cow::Borrowed(tensor));
        whole.into_iter().chain(parts.into_iter().map(Cow::Owned))
    }

    /// The part of one of `tensors` that has this name, or the tensor itself.
    pub(crate) fn piece<'a>(&self, tensors: impl Iterator<Item = &'a TensorInfo>, name: &str) -> Option<Cow<'a, TensorInfo>> {
        tensors.flat_map(|tensor| self.pieces(tensor)).find(|piece| piece.name == name)
    }

    /// Nothing for a tensor that is one matrix.
    fn parts(&self, tensor: &TensorInfo) -> Vec<TensorInfo> {
        let Some((layer, rest)) = roles::in_layer(&tensor.name) else { return Vec::new() };
        let (Some(stem), kind) = (rest.split('.').next(), rest.rsplit('.').next().unwrap_or_default()) else { return Vec::new() };
        let (q, kv) = (self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim);
        let parts: &[(&str, usize)] = match stem {
            "attn_qkv" => &[("attn_q", q), ("attn_k", kv), ("attn_v", kv)],
            "ffn_up" if self.fused_gate_up => &[("ffn_gate", self.n_ff), ("ffn_up", self.n_ff)],
            _ => return Vec::new(),
        };
        let is_vector = tensor.shape.len() <= 1;
        let (row_len, mut offset) = (if is_vector { 1 } else { tensor.row_len() }, tensor.offset);
        parts
            .iter()
            .map(|&(part, rows)| {
                let rows = rows as u64;
                let bytes = tensor.dtype.byte_len(row_len, rows).unwrap_or(0);
                let shape = if is_vector { vec![rows] } else { vec![rows, row_len] };
                let name = format!("blk.{layer}.{part}.{kind}");
                let piece = TensorInfo { name, shape, offset, bytes: Bytes(bytes), ..tensor.clone() };
                offset = offset.saturating_add(bytes);
                piece
            })
            .collect()
    }
}
