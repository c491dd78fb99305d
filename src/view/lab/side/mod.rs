//! One prompt to several models, their answers beside each other.

mod column;
mod text;

use egui::{Align, DragValue, Frame, Layout, Margin, Response, ScrollArea, TextEdit, Ui, vec2};

use crate::engine::sampler::Sampling;
use crate::lab::side::MOST_COLUMNS;
use crate::memory::plan;
use crate::state::side::{Chosen, MOST_TOKENS, Wish};
use crate::state::{Action, Slot, State};
use crate::store::chat::Mode;
use crate::view::{Actions, fit, icons, picture, theme, widgets};

/// The narrowest column; where there is no room for all, they are scrolled sideways.
const NARROWEST: f32 = 220.0;
/// The widest column.
const WIDEST: f32 = 640.0;
/// The width of a number that can be changed.
const NUMBER: f32 = 60.0;

/// The section; keeps what was laid out.
#[derive(Default)]
pub struct Side {
    texts: text::Texts,
}

impl Side {
    /// Draws prompt, settings and columns into what is left.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        if state.side.columns.is_empty() {
            let words = "The reference and what is made from it answer the same prompt, a token each in turn, and the first token in which \
                         they differ is marked. Choose a reference and candidates first.";
            widgets::empty(ui, icons::LAB, "The same prompt, side by side", words, None);
            return;
        }
        Frame::new().inner_margin(Margin { left: 16, right: 16, top: 4, bottom: 12 }).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 6.0;
            prompt(ui, state, actions);
            settings(ui, state, actions);
            if let Slot::Failed(error) = &state.side.asking {
                widgets::failure(ui, error);
            }
            picture::savable(ui, "answers side by side", |ui| self.columns(ui, state, actions));
        });
    }

    fn columns(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let gap = theme::GRID * 2.0;
        let n = state.side.columns.len();
        #[expect(clippy::cast_precision_loss, reason = "four at most")]
        let (n_wide, gaps) = (n as f32, n.saturating_sub(1) as f32);
        let width = ((ui.available_width() - gap * gaps) / n_wide).clamp(NARROWEST, WIDEST);
        let height = ui.available_height();
        ScrollArea::horizontal().id_salt("columns side by side").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = gap;
            ui.horizontal_top(|ui| {
                for at in 0..n {
                    ui.allocate_ui_with_layout(vec2(width, height), Layout::top_down(Align::Min), |ui| {
                        ui.set_width(width);
                        ui.spacing_mut().item_spacing = vec2(theme::GRID, 4.0);
                        ui.push_id(("column", at), |ui| column::ui(ui, state, at, &mut self.texts, actions));
                    });
                }
            });
        });
    }
}

/// What is said to all, and the one action.
fn prompt(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let fill = ui.visuals().text_edit_bg_color();
    let palette = theme::palette(ui);
    let frame = Frame::new().fill(fill).corner_radius(theme::CORNER).stroke(egui::Stroke::new(1.0, palette.control_pressed()));
    frame.inner_margin(Margin { left: 10, right: 6, top: 6, bottom: 6 }).show(ui, |ui| {
        ui.horizontal(|ui| {
            let width = ui.available_width() - 96.0;
            let mut text = state.side.prompt.clone();
            let hint = match state.side.mode {
                Mode::Chat => "Ask all of them",
                Mode::Completion => "A text for all of them to continue",
            };
            let edit = TextEdit::multiline(&mut text)
                .id_salt("prompt side by side")
                .hint_text(hint)
                .desired_rows(2)
                .desired_width(width)
                .frame(Frame::NONE.inner_margin(Margin::symmetric(0, 5)));
            let response = ui.add(edit).accessible_name("Prompt to all");
            if response.changed() {
                actions.push(Action::Side(Wish::Prompt(text)));
            }
            ui.with_layout(Layout::right_to_left(Align::Max), |ui| button(ui, state, actions));
        });
    });
}

fn button(ui: &mut Ui, state: &State, actions: &mut Actions) {
    if state.side.asking.job().is_some() {
        if widgets::button(ui, Some(icons::STOP), "Stop all").clicked() {
            actions.push(Action::Side(Wish::Stop));
        }
        return;
    }
    let ask = ui.add_enabled_ui(state.can_ask_side(), |ui| widgets::primary(ui, Some(icons::SEND), "Ask all")).inner;
    if ask.on_disabled_hover_text("Write something first.").clicked() {
        actions.push(Action::Side(Wish::Ask));
    }
}

/// How all draw their tokens, and what they take together.
fn settings(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let side = &state.side;
    let busy = side.asking.job().is_some();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.add_enabled_ui(!busy, |ui| {
            let options = [(Mode::Chat, "Chat"), (Mode::Completion, "Completion")];
            if let Some(mode) = widgets::segmented(ui, "As", side.mode, &options) {
                actions.push(Action::Side(Wish::Mode(mode)));
            }
            ui.add_space(6.0);
            let mut sampling = side.sampling.clone();
            let mut changed = number(ui, "Temperature", |ui| {
                ui.add_sized(
                    [NUMBER, theme::CONTROL],
                    DragValue::new(&mut sampling.temperature).range(0.0..=2.0).speed(0.01).fixed_decimals(2),
                )
            });
            let mut seed = sampling.seed.unwrap_or(1);
            changed |= number(ui, "Seed", |ui| ui.add_sized([NUMBER, theme::CONTROL], DragValue::new(&mut seed).speed(1.0)));
            changed |= number(ui, "Max tokens", |ui| {
                ui.add_sized([NUMBER, theme::CONTROL], DragValue::new(&mut sampling.max_tokens).range(1..=MOST_TOKENS).speed(1.0))
            });
            if changed {
                actions.push(Action::Side(Wish::Sampling(Sampling { seed: Some(seed), ..sampling })));
            }
        });
        ui.add_space(6.0);
        if let Some(plan) = &side.plan {
            planned(ui, plan);
        }
        if side.columns.len() < MOST_COLUMNS && !side.offers.is_empty() {
            ui.add_enabled_ui(!busy, |ui| {
                if widgets::icon_button(ui, icons::ADD, "Add a column").clicked() {
                    actions.push(Action::Side(Wish::Columns(with_one_more(state))));
                }
            });
        }
    });
}

fn number(ui: &mut Ui, term: &str, control: impl FnOnce(&mut Ui) -> Response) -> bool {
    let label = widgets::term(ui, term).id;
    control(ui).labelled_by(label).changed()
}

/// What they take, and whether they answer in step.
fn planned(ui: &mut Ui, plan: &crate::lab::side::Plan) {
    let room = crate::memory::probe::Machine { available: plan.available, total: plan.available, processors: 0 };
    let way = match plan.batches.len() {
        0 => "none fits".to_owned(),
        1 => "in step".to_owned(),
        n => format!("one after another, {n} turns"),
    };
    let words = format!("{way}, needs {} of {}", plan.peak(), plan.available);
    let fits = if plan.batches.is_empty() { plan::Fit::Exceeds } else { plan::fit(plan.peak(), &room) };
    let why = "planned: weights of each model once, keys and values of each column. What doesn't fit together answers one after another.";
    fit::verdict(ui, fits, &words).on_hover_text(why);
}

/// The columns with the next model that isn't among them; the last again where all are, to be asked with other settings.
fn with_one_more(state: &State) -> Vec<Chosen> {
    let mut columns = state.side.columns.clone();
    let unused = state.side.offers.iter().find(|who| columns.iter().all(|chosen| chosen.who != **who));
    let next = unused.map(|who| Chosen { who: who.clone(), temperature: None });
    let again = || columns.last().map(|last| Chosen { temperature: Some(last.temperature.unwrap_or(0.0) + 0.7), ..last.clone() });
    if let Some(next) = next.or_else(again) {
        columns.push(next);
    }
    columns
}
