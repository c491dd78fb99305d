//! What is on the screen. Views read the state and push wishes; they never compute, change or wait for anything.

pub mod fonts;
pub mod glossary;
pub mod icons;
pub mod theme;
pub mod widgets;

/// Fonts and both themes. Call once per context.
pub fn install(ctx: &egui::Context) {
    fonts::install(ctx);
    theme::install(ctx);
}
