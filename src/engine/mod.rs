//! The model, alive.

mod guard;
mod jinja;
pub mod pretokenizer;
pub mod prompt;
pub mod stream;
pub mod template;
pub mod tokenizer;
pub mod vocabulary;
