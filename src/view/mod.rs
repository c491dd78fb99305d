//! What is on the screen. Views read the state and push wishes; they never compute, change or wait for anything.
//!
//! [`Root`] is the frame with all pages. [`theme`] is the only file that knows a colour, [`glossary`] the only one that explains a
//! word, [`shortcuts`] the only one that knows a key of the whole app.

pub mod chat;
pub mod drop;
pub mod fit;
pub mod fonts;
pub mod frame;
pub mod glossary;
pub mod home;
pub mod icons;
pub mod lab;
pub mod layers;
pub mod memory;
pub mod model;
pub mod notices;
pub mod picker;
pub mod picture;
pub mod rows;
pub mod settings;
pub mod shortcuts;
pub mod speed;
pub mod strip;
pub mod tensors;
pub mod theme;
pub mod topbar;
pub mod widgets;

use crate::state::{Action, State};

pub use frame::Root;

/// The wishes of one frame, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Actions(pub Vec<Action>);

impl Actions {
    /// Adds a wish.
    pub fn push(&mut self, action: Action) {
        self.0.push(action);
    }
}

/// A piece of the screen. What it keeps in itself is of the screen only: where it is scrolled to, what is open.
pub trait View {
    /// Draws the state and pushes what the person wished.
    fn ui(&mut self, ui: &mut egui::Ui, state: &State, actions: &mut Actions);
}

/// Fonts and both themes. Call once per context.
pub fn install(ctx: &egui::Context) {
    fonts::install(ctx);
    theme::install(ctx);
    // the scale is a setting of the app, so its keys are in our table
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
}
