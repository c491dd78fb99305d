//! Pocket: the language model inside the program. It is small, knows about weighing and nothing else, and is always there.

mod model;

pub use model::{FIRST_QUESTION, NAME, SUGGESTIONS, WORD, bytes, is, open};
