//! The one test binary of the suite: a module per subject.

mod support;

mod gguf;
mod gguf_lies;
mod inspect;
mod not_models;
mod split_lies;
