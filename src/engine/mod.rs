//! The model, alive: it knows no channel and no screen.
//!
//! [`decoder`] is one forward pass, driven by the file's spec and generic over [`compute::Compute`]: [`fast`] runs the kernels,
//! [`reference`] the same calls on candle tensors in F32. [`session`] holds what a loaded model needs to answer: decoder, cache,
//! tokenizer, template; [`generate`] pulls tokens from it. [`operation`] and [`speed`] say where the time goes and why.

pub mod arena;
pub mod cache;
pub mod compute;
pub mod cut;
pub mod decoder;
pub mod fast;
pub mod generate;
mod guard;
pub mod hugging_face;
mod jinja;
pub mod metrics;
pub mod operation;
pub mod pretokenizer;
pub mod prompt;
pub mod reference;
pub mod rope;
pub mod runner;
pub mod sampler;
pub mod session;
pub mod speed;
pub mod stream;
pub mod template;
mod timed;
pub mod tokenizer;
pub mod vocabulary;
pub mod weights;
