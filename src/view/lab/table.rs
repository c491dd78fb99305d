//! The candidates as rows: what is planned, then what was measured.

use egui::Ui;

use crate::state::State;
use crate::view::{Actions, widgets};

/// The table.
#[derive(Default)]
pub struct Table;

impl Table {
    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, _actions: &mut Actions) {
        for pick in &state.lab.picks {
            let words = match state.lab.planned(pick).map(|planned| &planned.candidate) {
                Some(Ok((candidate, need))) => format!("{}: {}, needs {}", candidate.name, candidate.mix.bytes.on_disk(), need.total),
                Some(Err(error)) => error.to_string(),
                None => String::new(),
            };
            widgets::note(ui, words);
        }
    }
}
