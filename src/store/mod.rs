//! stub
pub mod chat;
pub mod settings;
