//! Nothing, coming, here, failed: one function draws them all.

use egui::Ui;

use super::empty::failure;
use crate::state::Slot;

/// Draws a slot by what is in it. A failure shows its error and then what `empty` shows, so that it can be tried again.
pub fn slot<T, P>(
    ui: &mut Ui,
    slot: &Slot<T, P>,
    empty: impl FnOnce(&mut Ui),
    busy: impl FnOnce(&mut Ui, &P),
    ready: impl FnOnce(&mut Ui, &T),
) {
    match slot {
        Slot::Empty => empty(ui),
        Slot::Busy { progress, .. } => busy(ui, progress),
        Slot::Ready(value) => ready(ui, value),
        Slot::Failed(error) => {
            failure(ui, error);
            empty(ui);
        }
    }
}
