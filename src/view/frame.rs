//! A stand-in until the frame is here.

/// Whether there is room for the chat list.
#[must_use]
pub fn shows_chat_list(ui: &egui::Ui) -> bool {
    ui.ctx().content_rect().width() >= 1_100.0
}

/// Whether there is room for a side panel.
#[must_use]
pub fn shows_side_panel(ui: &egui::Ui) -> bool {
    ui.ctx().content_rect().width() >= 900.0
}
