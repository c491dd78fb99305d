//! The bar at the top: what is open or loaded, in which state it is, the list of models, and the one action that fits.

use egui::{Align, Layout, Popup, PopupCloseBehavior, RichText, TextWrapMode, Ui};

use super::picker::Picker;
use super::shortcuts::{self, Does};
use super::{Actions, View, fit, icons, theme, widgets};
use crate::pocket;
use crate::state::{Action, Page, Phase, Slot, State};
use crate::units::{Bytes, THIN_SPACE, grouped};

/// The bar; keeps whether the list of models is open.
#[derive(Default)]
pub struct TopBar {
    picker: Picker,
    open: bool,
}

/// How things stand, for the bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// A word or two: "loaded", "loading 43 %".
    pub words: String,
    /// Whether something went wrong.
    pub failed: bool,
    /// The action that fits: its word and what it does.
    pub action: Option<(&'static str, Action)>,
}

/// How things stand. What runs goes before what is there.
#[must_use]
pub fn status(state: &State) -> Status {
    let status = |words: String, action| Status { words, failed: false, action };
    if let Some(loading) = state.loading.progress() {
        return status(format!("loading {}", whole_percent(loading.done, loading.total)), Some(("Cancel", Action::CancelLoad)));
    }
    if let Some(answering) = &state.answering {
        let words = match answering.phase {
            _ if answering.stopping => "stopping".to_owned(),
            Phase::Saving | Phase::Waiting => "starting".to_owned(),
            Phase::Reading { done, total } => format!("reading prompt {} of {}", grouped(done as u64), grouped(total as u64)),
            Phase::Writing { .. } => "generating".to_owned(),
        };
        return status(words, (!answering.stopping).then_some(("Stop", Action::Stop)));
    }
    if state.loaded.is_some() && (state.page != Page::Model || state.opened_is_loaded()) {
        return status("loaded".to_owned(), Some(("Unload", Action::Unload)));
    }
    match &state.opened {
        Slot::Busy { .. } => status("reading header".to_owned(), None),
        Slot::Failed(_) => Status { words: "failed".to_owned(), failed: true, action: None },
        Slot::Ready(opened) => {
            let failed = matches!(state.loading, Slot::Failed(_));
            let words = if failed { "load failed" } else { "header read" };
            let loads = opened.plan.as_ref().is_ok_and(|plan| !fit::fails(plan.fit));
            // the page of the model has the button itself, beside what it costs
            let action = (loads && state.page != Page::Model).then_some(("Load", Action::Load { anyway: false }));
            Status { words: words.to_owned(), failed, action }
        }
        Slot::Empty if state.loaded.is_some() => status("loaded".to_owned(), Some(("Unload", Action::Unload))),
        Slot::Empty => status("no model".to_owned(), None),
    }
}

/// What the bar is about: its name, and what it is in a few words.
#[must_use]
pub fn subject(state: &State) -> Option<(String, String)> {
    if let Some(loading) = state.loading.progress() {
        return Some((loading.name.clone(), String::new()));
    }
    let opened = state.opened.ready();
    let loaded = state.loaded.as_ref().filter(|_| opened.is_none() || state.page != Page::Model || state.opened_is_loaded());
    let (model, threads) = match (loaded, opened) {
        (Some(loaded), _) => (&loaded.model, loaded.receipt.threads),
        (None, Some(opened)) => (&opened.model, state.threads()),
        (None, None) => {
            let path = state.opened.progress()?;
            let name = if pocket::is(path) {
                pocket::NAME.to_owned()
            } else {
                path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            };
            return Some((name, String::new()));
        }
    };
    let architecture = model.architecture().unwrap_or("unknown architecture").to_owned();
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{} threads", grouped(threads as u64)) };
    Some((model.label(), format!("{architecture} · CPU {threads}")))
}

fn whole_percent(done: Bytes, total: Bytes) -> String {
    let percent = done.0.saturating_mul(100).checked_div(total.0).unwrap_or(0).min(100);
    format!("{}{THIN_SPACE}%", grouped(percent))
}

impl TopBar {
    /// Whether the list of models is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Opens or closes the list of models.
    pub const fn toggle(&mut self) {
        self.open = !self.open;
    }

    fn subject(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let (name, about) = subject(state).unwrap_or_else(|| ("Choose a model".to_owned(), String::new()));
        let room = ui.available_width();
        let about_shown = !about.is_empty() && room > 420.0;
        let most = if about_shown { room - 220.0 } else { room };
        let response = ui
            .scope(|ui| {
                ui.set_max_width(most.max(120.0));
                ui.style_mut().wrap_mode = Some(TextWrapMode::Truncate);
                ui.visuals_mut().widgets.inactive.weak_bg_fill = egui::Color32::TRANSPARENT;
                ui.spacing_mut().button_padding.x = theme::GRID;
                let mut atoms = egui::Atoms::new(RichText::new(widgets::shortened(&name, 64)).text_style(theme::strong()));
                let down = RichText::new(icons::DOWN.unicode().to_string()).family(super::fonts::icons()).size(14.0);
                atoms.push_right(down);
                ui.add(egui::Button::new(atoms).truncate())
            })
            .inner;
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Model: {name}")));
        let keys = shortcuts::written(ui, Does::PickModel);
        let response = response.on_hover_text(format!("Choose a model   {keys}"));
        if response.clicked() {
            self.toggle();
        }
        let popup =
            Popup::from_response(&response).open_bool(&mut self.open).width(440.0).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let chosen = popup.show(|ui| self.picker.ui(ui, state, actions)).is_some_and(|shown| shown.inner);
        if chosen {
            self.open = false;
        }
        if about_shown {
            let text = RichText::new(about).color(theme::secondary(ui));
            ui.add(egui::Label::new(text).truncate());
        }
    }
}

impl View for TopBar {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let status = status(state);
            if let Some((word, action)) = status.action {
                let primary = matches!(action, Action::Load { .. });
                let pressed = if primary { widgets::primary(ui, None, word) } else { widgets::button(ui, None, word) };
                if pressed.clicked() {
                    actions.push(action);
                }
            }
            let palette = theme::palette(ui);
            let color = if status.failed { palette.danger } else { palette.secondary };
            ui.label(RichText::new(&status.words).text_style(theme::small_mono()).color(color));
            let there = state.loaded.is_some();
            let (dot, _) = ui.allocate_exact_size(egui::Vec2::splat(8.0), egui::Sense::hover());
            if status.failed || there {
                ui.painter().circle_filled(dot.center(), 4.0, if status.failed { palette.danger } else { palette.ink });
            } else {
                ui.painter().circle_stroke(dot.center(), 3.5, egui::Stroke::new(1.0, palette.secondary));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| self.subject(ui, state, actions));
        });
    }
}
