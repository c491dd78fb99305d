//! The settings: how it looks, how it computes, where it searches, where its files lie, who made its parts.

use std::path::{Path, PathBuf};

use egui::{RichText, ScrollArea, Ui};

use super::{Actions, View, icons, theme, widgets};
use crate::library::Folders;
use crate::pocket;
use crate::state::{Action, State};
use crate::store::settings::Theme;
use crate::units::{grouped, percent};

/// What the app is made of, and under which terms.
const LICENCES: &[(&str, &str)] = &[
    ("Ponder", "MIT or Apache-2.0"),
    ("Pocket, the built-in model", "MIT or Apache-2.0"),
    ("Inter, JetBrains Mono", "SIL Open Font License 1.1"),
    ("Lucide icons", "ISC"),
    ("candle, egui, tokenizers and other crates", "MIT or Apache-2.0, each as its package says"),
];

/// The page; keeps the folder that is being typed and where the files lie.
#[derive(Default)]
pub struct SettingsPage {
    folder: String,
    folders: Option<Folders>,
    scale: Option<f64>,
}

impl View for SettingsPage {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            widgets::column(ui, 640.0, |ui| {
                widgets::page_title(ui, "Settings");
                self.appearance(ui, state, actions);
                threads(ui, state, actions);
                start(ui, state, actions);
                self.search(ui, state, actions);
                self.files(ui);
                about(ui);
            });
        });
    }
}

impl SettingsPage {
    fn appearance(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        head(ui, "Appearance");
        ui.horizontal(|ui| {
            widgets::term(ui, "Theme");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let options = [(Theme::Light, "Light"), (Theme::Dark, "Dark"), (Theme::System, "System")];
                if let Some(theme) = widgets::segmented(ui, "Theme", state.settings.theme, &options) {
                    actions.push(Action::SetTheme(theme));
                }
            });
        });
        // the scale changes what is under the pointer, so it is set when the rail is let go
        let mut scale = self.scale.unwrap_or_else(|| f64::from(state.settings.scale));
        let response =
            widgets::slider(ui, "Scale", &mut scale, 0.7..=2.0, widgets::Scale::Linear, 2, |scale| (scale * 20.0).round() / 20.0);
        if response.changed() {
            self.scale = Some(scale);
        }
        if !response.dragged() && !response.has_focus() || response.drag_stopped() {
            #[expect(clippy::cast_possible_truncation, reason = "between 0.7 and 2")]
            if let Some(scale) = self.scale.take() {
                actions.push(Action::SetScale(scale as f32));
            }
        }
        widgets::small(ui, format!("{} of the system's size", percent(f64::from(state.settings.scale))));
    }

    fn search(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        head(ui, "Folders with models");
        widgets::note(ui, "These are searched beside the usual places of other apps. Nothing is moved or copied.");
        for folder in &state.settings.model_folders {
            ui.horizontal(|ui| {
                let remove = path_row(ui, folder, Some(format!("Remove {}", folder.display())));
                if remove {
                    actions.push(Action::RemoveFolder(folder.clone()));
                }
            });
        }
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 96.0).max(120.0);
            let field = widgets::field(ui, "Folder to add", "/path/to/models", &mut self.folder, width);
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            let there = !self.folder.trim().is_empty();
            let add = ui.add_enabled_ui(there, |ui| widgets::button(ui, Some(icons::ADD), "Add").clicked()).inner;
            if there && (add || entered) {
                actions.push(Action::AddFolder(PathBuf::from(std::mem::take(&mut self.folder).trim())));
            }
        });
    }

    fn files(&mut self, ui: &mut Ui) {
        head(ui, "Where your files lie");
        if self.folders.is_none() {
            self.folders = Folders::from_process().ok();
        }
        let Some(folders) = &self.folders else {
            widgets::note(ui, "This system does not say where an app may keep its data. Set PONDER_HOME to a folder.");
            return;
        };
        for (words, path) in [("Models", &folders.models), ("Chats", &folders.chats), ("Settings", &folders.settings_file)] {
            ui.horizontal(|ui| {
                widgets::lead(ui, 72.0, words);
                path_row(ui, path, None);
            });
        }
    }
}

fn head(ui: &mut Ui, title: &str) {
    ui.add_space(24.0);
    widgets::section(ui, title);
}

/// A path with a button to copy it, and one to remove it if that has a name. Returns whether that was pressed.
fn path_row(ui: &mut Ui, path: &Path, remove: Option<String>) -> bool {
    let words = path.to_string_lossy().into_owned();
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        let removed = remove.is_some_and(|name| widgets::icon_button(ui, icons::CLOSE, &name).clicked());
        if widgets::icon_button(ui, icons::COPY, &format!("Copy {words}")).clicked() {
            ui.ctx().copy_text(words.clone());
        }
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.add(egui::Label::new(RichText::new(&words).text_style(theme::small_mono())).truncate());
        });
        removed
    })
    .inner
}

fn threads(ui: &mut Ui, state: &State, actions: &mut Actions) {
    head(ui, "Computing");
    let most = state.machine.processors.max(1);
    ui.horizontal(|ui| {
        widgets::term(ui, "Threads");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let chosen = state.settings.threads.is_some();
            let all = format!("All {}", grouped(most as u64));
            if let Some(own) = widgets::segmented(ui, "Threads", chosen, &[(true, "Choose"), (false, &all)]) {
                actions.push(Action::SetThreads(own.then_some(state.threads())));
            }
        });
    });
    if let Some(threads) = state.settings.threads {
        #[expect(clippy::cast_precision_loss, reason = "at most 256")]
        let (mut value, top) = (threads as f64, most.max(2) as f64);
        if widgets::slider(ui, "Number of threads", &mut value, 1.0..=top, widgets::Scale::Linear, 0, f64::round).changed() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 256")]
            actions.push(Action::SetThreads(Some(value.round() as usize)));
        }
    }
    widgets::small(ui, "Counts from the next load on.");
}

fn start(ui: &mut Ui, state: &State, actions: &mut Actions) {
    head(ui, "At start");
    let mut on = state.settings.pocket_at_start;
    if ui.checkbox(&mut on, format!("Load {} at start", pocket::NAME)).changed() {
        actions.push(Action::SetPocketAtStart(on));
    }
    let size = pocket::bytes().on_disk();
    widgets::small(ui, format!("The model of {size} inside this program. It is not loaded when the program is started with a file."));
}

fn about(ui: &mut Ui) {
    head(ui, "About");
    widgets::ink_label(ui, format!("Ponder {}", env!("CARGO_PKG_VERSION")));
    widgets::note(ui, "Runs local AI models and lets you look inside them. It uses the network only when you ask it to get a model.");
    for (what, terms) in LICENCES {
        ui.horizontal_wrapped(|ui| {
            ui.label(*what);
            widgets::small(ui, *terms);
        });
    }
    ui.add_space(24.0);
}
