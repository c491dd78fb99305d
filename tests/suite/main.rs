//! The one test binary of the suite: a module per subject.

mod support;

mod chat_view;
mod fetch;
mod gguf;
mod gguf_lies;
mod inspect;
mod memory_view;
mod not_models;
mod prompt;
mod scan;
mod split_lies;
mod store;
mod store_damage;
mod store_kill;
mod template;
mod theme;
mod tokenizer;
mod views;
