//! Pocket: the language model inside the program, and the world it knows.
//!
//! Its world is weighing. A seeded grammar writes the texts it is trained on ([`corpus`]) and the questions it is judged by, which ask
//! for combinations that no training text states ([`corpus::held_out`]). The training itself is the example `train_pocket`.

pub mod amount;
mod book;
mod column;
mod conversion;
pub mod corpus;
mod elsewhere;
pub mod fact;
mod grammar;
mod list;
mod model;
mod pair;
mod pans;
pub mod question;
mod story;
mod things;
mod three;
mod usual;

pub use corpus::held_out;
pub use model::{FIRST_QUESTION, NAME, SUGGESTIONS, WORD, bytes, is, open};
pub use question::{Kind, Question};
