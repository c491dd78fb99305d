//! The side panel: reference, candidates, text, and what measuring takes.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Align, Layout, RichText, ScrollArea, Ui};

use super::{labels, measure};
use crate::file::text;
use crate::inspect::Model;
use crate::message::lab::{Pick, Relative};
use crate::pocket;
use crate::state::lab::{TextFrom, Wish};
use crate::state::{Action, Slot, State};
use crate::units::{grouped, significant};
use crate::view::{Actions, icons, picker, rows, theme, widgets};

/// The panel; keeps what was typed.
#[derive(Default)]
pub struct Choose {
    filter: String,
    /// The list of files to compare is open.
    adding: bool,
}

impl Choose {
    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                measure::ui(ui, state, actions);
            });
            ui.add_space(4.0);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ScrollArea::vertical().id_salt("lab choice").auto_shrink(false).show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 4.0;
                    self.reference(ui, state, actions);
                    if let Slot::Ready(model) = &state.lab.reference {
                        ui.add_space(theme::GRID);
                        self.candidates(ui, state, model, actions);
                        ui.add_space(theme::GRID);
                        over(ui, state, actions);
                    }
                });
            });
        });
    }

    fn reference(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        widgets::section(ui, "Reference");
        match &state.lab.reference {
            Slot::Ready(model) => chosen(ui, model, actions),
            Slot::Busy { progress, .. } => {
                let name = progress.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                widgets::note(ui, format!("Reading {name}"));
            }
            slot => {
                if let Slot::Failed(error) = slot {
                    widgets::failure(ui, error);
                }
                widgets::note(ui, "The best file you have of the model: everything is held against it.");
                if widgets::button(ui, Some(icons::OPEN), "Choose the reference…").clicked() {
                    actions.push(Action::Lab(Wish::PickReference));
                }
                if let Some(path) = self.list(ui, state, "Filter references", |_| true) {
                    actions.push(Action::Lab(Wish::Reference(path)));
                }
            }
        }
    }

    fn candidates(&mut self, ui: &mut Ui, state: &State, model: &Arc<Model>, actions: &mut Actions) {
        ui.horizontal(|ui| {
            widgets::section(ui, "Candidates");
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if !state.lab.picks.is_empty() && widgets::quiet(ui, None, "Clear").clicked() {
                    actions.push(Action::Lab(Wish::Clear));
                }
            });
        });
        widgets::small(ui, "made in memory from the reference");
        labels::ui(ui, state, actions);
        ui.add_space(4.0);
        family(ui, state, model, actions);
        for (at, pick) in state.lab.picks.iter().enumerate() {
            removable(ui, at, pick, actions);
        }
        for path in &state.lab.opening {
            widgets::note(ui, format!("Reading {}", path.display()));
        }
        ui.horizontal(|ui| {
            if widgets::button(ui, Some(icons::ADD), "Another file…").clicked() {
                actions.push(Action::Lab(Wish::PickCandidate));
            }
            if widgets::icon_toggle(ui, icons::DOWN, "Files on this disk", self.adding).clicked() {
                self.adding = !self.adding;
            }
        });
        if self.adding {
            let path = &model.file.path;
            if let Some(path) = self.list(ui, state, "Filter candidates", |other| other != path) {
                actions.push(Action::Lab(Wish::Add(vec![path])));
                self.adding = false;
            }
        }
    }

    /// Files to choose from: the open one, the loaded one, recent and found ones.
    fn list(&mut self, ui: &mut Ui, state: &State, name: &str, wanted: impl Fn(&PathBuf) -> bool) -> Option<PathBuf> {
        widgets::field(ui, name, "filter by name", &mut self.filter, f32::INFINITY);
        let opened = state.opened.ready().map(|opened| opened.model.file.path.clone());
        let loaded = state.loaded.as_ref().map(|loaded| loaded.model.file.path.clone());
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in opened.into_iter().chain(loaded).chain(picker::listed(state, &self.filter)) {
            let passes = path.to_string_lossy().to_lowercase().contains(&self.filter.to_lowercase());
            if passes && wanted(&path) && !paths.contains(&path) {
                paths.push(path);
            }
        }
        let mut chosen = None;
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for path in &paths {
                if rows::small(ui, path, state).clicked() {
                    chosen = Some(path.clone());
                }
            }
        });
        if paths.is_empty() {
            widgets::note(ui, "No model of that name.");
        }
        chosen
    }
}

fn chosen(ui: &mut Ui, model: &Model, actions: &mut Actions) {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::CONTROL);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if widgets::icon_button(ui, icons::CLOSE, "Choose another reference").clicked() {
                actions.push(Action::Lab(Wish::ForgetReference));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
                let name = text::shown(&model.label(), 80);
                ui.label(RichText::new(name).text_style(theme::strong())).on_hover_text(rows::place(&model.file.path));
            });
        });
    });
    let bits = model.bits_per_weight().map_or_else(String::new, |bits| format!(", {} bits per weight", significant(bits)));
    widgets::small(ui, format!("{}{bits}", model.tensor_bytes().on_disk()));
    if let Err(error) = &model.spec {
        widgets::failure(ui, error);
    }
}

/// Other files of the same model, in one click.
fn family(ui: &mut Ui, state: &State, model: &Model, actions: &mut Actions) {
    let Some(family) = state.lab.plan.as_ref().and_then(|plan| plan.family.as_ref()) else { return };
    let is_picked =
        |relative: &&Relative| !state.lab.picks.iter().any(|pick| matches!(pick, Pick::File(model) if model.file.path == relative.path));
    let others: Vec<&Relative> = family.iter().filter(is_picked).collect();
    if others.is_empty() || pocket::is(&model.file.path) {
        return;
    }
    let names: Vec<String> = others.iter().map(|relative| format!("{}, {}", relative.quantization, relative.bytes.on_disk())).collect();
    let files = if others.len() == 1 { "1 file more".to_owned() } else { format!("{} files more", others.len()) };
    ui.horizontal(|ui| {
        if widgets::button(ui, Some(icons::FOLDER), "Compare this family").on_hover_text(names.join("\n")).clicked() {
            actions.push(Action::Lab(Wish::Family));
        }
        widgets::small(ui, files);
    });
}

/// A candidate that is no chip: a file, or a mix of one's own.
fn removable(ui: &mut Ui, at: usize, pick: &Pick, actions: &mut Actions) {
    let (name, place) = match pick {
        Pick::File(model) => (text::shown(&model.label(), 80), rows::place(&model.file.path).into_owned()),
        Pick::Made(recipe) if labels::is_chip(recipe) => return,
        Pick::Made(recipe) => (recipe.name(), "made in memory from the reference".to_owned()),
    };
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if widgets::icon_button(ui, icons::CLOSE, &format!("Remove {name}")).clicked() {
                actions.push(Action::Lab(Wish::Remove(at)));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
                let color = theme::secondary(ui);
                widgets::icon(ui, icons::FILE, color);
                ui.label(&name).on_hover_text(place);
            });
        });
    });
}

/// The text, how much of it, and the arithmetic.
fn over(ui: &mut Ui, state: &State, actions: &mut Actions) {
    #[derive(Clone, Copy, PartialEq)]
    enum From {
        Bundled,
        File,
        Conversation,
    }
    widgets::section(ui, "Text");
    let from = match &state.lab.text {
        TextFrom::Bundled => From::Bundled,
        TextFrom::File(_) => From::File,
        TextFrom::Conversation => From::Conversation,
    };
    let options = [(From::Bundled, "Bundled"), (From::File, "File…"), (From::Conversation, "Chat")];
    match widgets::segmented(ui, "Text", from, &options) {
        Some(From::Bundled) => actions.push(Action::Lab(Wish::Text(TextFrom::Bundled))),
        Some(From::File) => actions.push(Action::Lab(Wish::PickText)),
        Some(From::Conversation) => actions.push(Action::Lab(Wish::Text(TextFrom::Conversation))),
        None => {}
    }
    match &state.lab.text {
        TextFrom::Bundled => widgets::small(ui, "prose, dialogue, code, lists, several languages; ≈ 8,000 tokens"),
        TextFrom::File(path) => widgets::small(ui, path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())),
        TextFrom::Conversation => {
            let chat = state.chats.current();
            let title = if chat.title.is_empty() { "the chat that is shown" } else { &chat.title };
            widgets::small(ui, format!("{}; {} turns", text::shown(title, 40), grouped(chat.turns.len() as u64)))
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "chunks are few")]
    let mut chunks = state.lab.chunks as f64;
    let slider = widgets::slider(ui, "Chunks", &mut chunks, 1.0..=64.0, widgets::Scale::Logarithmic, 0, f64::round);
    if slider.changed() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 64")]
        actions.push(Action::Lab(Wish::Chunks(chunks.round() as usize)));
    }
    widgets::small(ui, format!("at most {} tokens, half of them scored", grouped(state.lab_tokens() as u64)));
    ui.horizontal(|ui| {
        widgets::term(ui, "Arithmetic");
        if let Some(exact) = widgets::segmented(ui, "Arithmetic", state.lab.exact, &[(false, "Fast"), (true, "Exact")]) {
            actions.push(Action::Lab(Wish::Exact(exact)));
        }
    });
}
