//! The headless commands: they print, and compute nothing themselves.

pub mod inspect;
