//! The one test binary of the suite: a module per subject.

mod support;

mod fetch;
mod gguf;
mod gguf_lies;
mod prompt;
mod scan;
mod template;
mod tokenizer;
