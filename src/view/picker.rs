//! The list of models in the top bar: the built-in one, recent and found ones, to be narrowed down by typing.

use std::path::{Path, PathBuf};

use egui::{ScrollArea, Ui};

use super::{Actions, icons, rows, theme, widgets};
use crate::pocket;
use crate::state::{Action, State};

/// The list; keeps what was typed.
#[derive(Default)]
pub struct Picker {
    filter: String,
    was_shown: u64,
}

impl Picker {
    /// Draws the list and says whether something was chosen.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) -> bool {
        let mut chosen = false;
        let field = widgets::field(ui, "Filter models", "filter by name", &mut self.filter, f32::INFINITY);
        let pass = ui.ctx().cumulative_pass_nr();
        if pass > self.was_shown + 1 {
            self.filter.clear();
            field.request_focus();
        }
        self.was_shown = pass;
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            let listed = listed(state, &self.filter);
            for path in &listed {
                if rows::small(ui, path, state).clicked() {
                    actions.push(Action::Open { path: path.clone(), load: true });
                    chosen = true;
                }
            }
            if listed.is_empty() {
                widgets::note(ui, "No model of that name.");
            }
        });
        ui.add_space(theme::GRID / 2.0);
        if widgets::quiet(ui, Some(icons::OPEN), "Open a file…").clicked() {
            actions.push(Action::Pick);
            chosen = true;
        }
        chosen
    }
}

/// The built-in model, recent files, then found ones that are not among them, as far as the filter lets them through.
#[must_use]
pub fn listed(state: &State, filter: &str) -> Vec<PathBuf> {
    let filter = filter.to_lowercase();
    let passes = |path: &Path| path.to_string_lossy().to_lowercase().contains(&filter);
    let recent: Vec<&PathBuf> = state.settings.recent.iter().filter(|path| !pocket::is(path)).collect();
    let built_in = PathBuf::from(pocket::WORD);
    let found = state.found.ready().into_iter().flatten().map(|found| &found.path).filter(|path| !recent.contains(path));
    std::iter::once(&built_in).chain(recent.iter().copied()).chain(found).filter(|path| passes(path)).cloned().collect()
}
