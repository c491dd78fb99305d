//! The one test binary of the suite: a module per subject.

mod support;

mod chat_view;
mod fetch;
mod gguf;
mod gguf_lies;
mod inspect;
mod memory_view;
mod not_models;
mod pictures;
mod prompt;
mod scan;
mod split_lies;
mod state_answers;
mod state_any;
mod state_chats;
mod state_models;
mod store;
mod store_damage;
mod store_kill;
mod template;
mod theme;
mod tokenizer;
mod views;
mod worker;
