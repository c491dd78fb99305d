//! Pocket: the small model of our own (stub; replaced at the merge).

pub mod corpus;
