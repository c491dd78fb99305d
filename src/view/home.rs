//! The page to begin with: the built-in model, drop or choose a file, get the starter model, recent and found models.

use std::path::{Path, PathBuf};

use egui::{Frame, Margin, ScrollArea, Stroke, Ui};

use super::{Actions, View, icons, rows, theme, widgets};
use crate::library::download::{Progress, describe};
use crate::library::starter;
use crate::pocket;
use crate::state::{Action, Slot, State};

/// The widest that lists get; longer lines are hard to follow.
const WIDEST: f32 = 960.0;

/// The page.
#[derive(Default)]
pub struct HomePage;

impl View for HomePage {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            widgets::column(ui, WIDEST, |ui| {
                ui.add_space(16.0);
                built_in(ui, state, actions);
                ui.add_space(16.0);
                welcome(ui, state, actions);
                recent(ui, state, actions);
                found(ui, state, actions);
                ui.add_space(24.0);
            });
        });
    }
}

/// The model that is always there.
fn built_in(ui: &mut Ui, state: &State, actions: &mut Actions) {
    widgets::section(ui, "In this program");
    if rows::wide(ui, Path::new(pocket::WORD), state, None).clicked() {
        actions.push(Action::Open { path: pocket::WORD.into(), load: true });
    }
}

/// Where files may be dropped, though they may be dropped anywhere.
fn welcome(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let palette = theme::palette(ui);
    let shown = Frame::new().inner_margin(Margin::symmetric(24, 28)).show(ui, |ui| {
        ui.vertical_centered(|ui| {
            let sign = egui::RichText::new(icons::DROP.unicode().to_string()).family(super::fonts::icons()).size(28.0);
            ui.label(sign.color(palette.secondary));
            widgets::heading(ui, "Drop a model file anywhere");
            widgets::note(ui, "See what it is, what it costs in memory and whether it runs here, before anything is loaded.");
            ui.add_space(theme::GRID);
            starter_and_open(ui, state, actions);
        });
    });
    let rect = shown.response.rect;
    let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
    ui.painter().extend(egui::Shape::dashed_line(&corners, Stroke::new(1.0, theme::mix(palette.surface, palette.ink, 0.3)), 6.0, 5.0));
}

fn starter_and_open(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let starter = starter::download();
    let here = here(state, &starter.file_name);
    let width = ui.available_width();
    let centred = |ui: &mut Ui, needed: f32, contents: &mut dyn FnMut(&mut Ui)| {
        ui.horizontal(|ui| {
            ui.add_space(((width - needed) / 2.0).max(0.0));
            contents(ui);
        });
    };
    match (&state.starter, here) {
        (Slot::Busy { progress, .. }, _) => {
            centred(ui, 100.0, &mut |ui| open_button(ui, actions, false));
            ui.scope(|ui| {
                ui.set_max_width(width.min(480.0));
                getting(ui, &starter.name, progress.as_ref(), actions);
            });
        }
        (_, Some(path)) => centred(ui, 290.0, &mut |ui| {
            open_button(ui, actions, true);
            if widgets::button(ui, Some(icons::FILE), "Open the starter model").clicked() {
                actions.push(Action::Open { path: path.clone(), load: true });
            }
        }),
        (slot, None) => {
            centred(ui, 290.0, &mut |ui| {
                open_button(ui, actions, true);
                let words = if matches!(slot, Slot::Failed(_)) { "Try the starter model again" } else { "Get the starter model" };
                if widgets::button(ui, Some(icons::DOWNLOAD), words).clicked() {
                    actions.push(Action::GetStarter);
                }
            });
            widgets::small(ui, format!("{}, {}; tiny: expect wrong facts", starter.name, starter.bytes.on_disk()));
            if let Slot::Failed(error) = slot {
                widgets::failure(ui, error);
            }
        }
    }
}

fn open_button(ui: &mut Ui, actions: &mut Actions, primary: bool) {
    let response =
        if primary { widgets::primary(ui, Some(icons::OPEN), "Open…") } else { widgets::button(ui, Some(icons::OPEN), "Open…") };
    if response.clicked() {
        actions.push(Action::Pick);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
fn getting(ui: &mut Ui, name: &str, progress: Option<&Progress>, actions: &mut Actions) {
    let words = progress.map_or_else(|| "Starting".to_owned(), |progress| describe(*progress));
    let share = progress.and_then(|progress| progress.stage.share()).map(|share| share as f32);
    if widgets::progress(ui, &format!("Getting {name}"), share, &words, "Cancel") {
        actions.push(Action::CancelFetch);
    }
}

/// The starter model's file, if it came in this run or was found.
fn here(state: &State, file_name: &str) -> Option<PathBuf> {
    let found = || {
        state.found.ready()?.iter().map(|found| &found.path).find(|path| path.file_name().is_some_and(|name| name == file_name)).cloned()
    };
    state.starter.ready().cloned().or_else(found)
}

fn recent(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let mut files = state.settings.recent.iter().filter(|path| !pocket::is(path)).peekable();
    if files.peek().is_none() {
        return;
    }
    ui.add_space(24.0);
    widgets::section(ui, "Recent");
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for path in files {
            let mut forget = false;
            if rows::wide(ui, path, state, Some(&mut forget)).clicked() {
                actions.push(Action::Open { path: path.clone(), load: false });
            }
            if forget {
                actions.push(Action::ForgetRecent(path.clone()));
            }
        }
    });
}

fn found(ui: &mut Ui, state: &State, actions: &mut Actions) {
    ui.add_space(24.0);
    ui.horizontal(|ui| {
        widgets::section(ui, "On this disk");
        if state.found.job().is_none() && widgets::icon_button(ui, icons::REFRESH, "Look again").clicked() {
            actions.push(Action::Scan);
        }
    });
    let hint = "Models of LM Studio, Hugging Face, Ollama, llama.cpp, Jan and GPT4All are listed where they lie. More folders can be added in the settings.";
    widgets::slot(
        ui,
        &state.found,
        |ui| {
            widgets::note(ui, hint);
        },
        |ui, ()| {
            widgets::note(ui, "Looking for models…");
        },
        |ui, found| {
            let recent = &state.settings.recent;
            let others: Vec<_> = found.iter().filter(|model| !recent.contains(&model.path)).collect();
            if found.is_empty() {
                widgets::note(ui, format!("None found. {hint}"));
            } else if others.is_empty() {
                widgets::note(ui, "Nothing beside the recent ones.");
            }
            ui.spacing_mut().item_spacing.y = 0.0;
            for model in others {
                if rows::wide(ui, &model.path, state, None).clicked() {
                    actions.push(Action::Open { path: model.path.clone(), load: false });
                }
            }
        },
    );
}
