//! The one test binary of the suite: a module per subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "in a test a failure is a panic, what is missing is said on stderr, and a server is a thread"
)]

use ponder::memory::alloc::CountingAllocator;

/// As in the program, so that the pictures show what it shows. The truths about memory are tested in a binary of their own.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

mod support;

mod answers;
mod app;
mod attention;
mod browse;
mod built_in;
mod built_in_view;
mod chat_answers;
mod chat_view;
mod cli;
mod compare;
mod dequantize;
mod diff;
mod dots;
mod engine;
mod engine_cache;
mod engine_limits;
mod families;
mod fetch;
mod fetch_pip;
mod fetch_waits;
mod gguf;
mod gguf_lies;
mod hugging_face;
mod hugging_face_lies;
mod inspect;
mod kernels;
mod lab_make_page;
mod lab_page;
mod lab_side_page;
mod lab_state;
mod lab_view;
mod memory_view;
mod mix;
mod not_models;
mod picture;
mod pictures;
mod pocket_world;
mod pool;
mod prompt;
mod pyramid;
mod quantize;
mod quantizers;
mod requantize;
mod safetensors;
mod sampler;
mod scan;
mod side;
mod speed;
mod speed_view;
mod split_lies;
mod state_answers;
mod state_any;
mod state_chats;
mod state_models;
mod state_welcome;
mod stats;
mod stats_cli;
mod store;
mod store_damage;
mod store_kill;
mod template;
mod tensors_across;
mod tensors_page;
mod tensors_view;
mod theme;
mod tidy;
mod tokenizer;
mod tokenizer_folder;
mod tokenizer_kinds;
mod tokens_view;
mod views;
mod worker;
