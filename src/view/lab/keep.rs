//! Writing a candidate as a file: what, where, whether there is room, how far it is, and what came of it.

use egui::{ComboBox, Frame, Margin, RichText, ScrollArea, Ui};

use crate::file::text;
use crate::inspect::Model;
use crate::message::make::Writing;
use crate::state::make::{Keeping, Wish};
use crate::state::side::Who;
use crate::state::{Action, Slot, State};
use crate::units::{Bytes, significant};
use crate::view::{Actions, icons, theme, widgets};

/// The section.
#[derive(Default)]
pub struct Keep;

impl Keep {
    /// Draws it.
    #[expect(clippy::unused_self, reason = "sections are drawn alike")]
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let Some(reference) = state.reference() else {
            let words = "The candidate that you choose is written as a GGUF file that Ponder and llama.cpp load. Choose a reference first.";
            widgets::empty(ui, icons::DOWNLOAD, "Keep the one that you want", words, None);
            return;
        };
        ScrollArea::vertical().id_salt("keep").auto_shrink(false).show(ui, |ui| {
            Frame::new().inner_margin(Margin { left: 16, right: 16, top: 4, bottom: 12 }).show(ui, |ui| {
                ui.set_max_width(720.0);
                choice(ui, state, &reference, actions);
                if let Some(keeping) = &state.workshop.keeping {
                    what(ui, keeping);
                    place(ui, state, keeping, actions);
                    write(ui, state, actions);
                }
                outcome(ui, state, actions);
            });
        });
    }
}

/// Whether a candidate is something that is not a file already.
fn is_made(who: &Who) -> bool {
    who.0.mix.tensors.iter().any(|tensor| tensor.from != tensor.to)
}

fn choice(ui: &mut Ui, state: &State, reference: &Model, actions: &mut Actions) {
    widgets::section(ui, "Keep it");
    widgets::note(
        ui,
        format!(
            "Writes a candidate as a GGUF file: the metadata of {} stays, its tensors become what was chosen.",
            text::shown(&reference.label(), 60)
        ),
    );
    let keeping = state.workshop.keeping.as_ref();
    let made: Vec<&Who> = state.side.offers.iter().filter(|who| is_made(who)).collect();
    if made.is_empty() && keeping.is_none() {
        widgets::note(ui, "No candidate is made from the reference yet: choose some at the right, Q4_K_M for instance.");
        return;
    }
    ui.add_enabled_ui(state.workshop.writing.job().is_none(), |ui| {
        ui.horizontal_wrapped(|ui| {
            widgets::lead(ui, LEAD, "Candidate");
            let name = keeping.map_or_else(|| "choose…".to_owned(), |keeping| text::shown(&keeping.who.0.name, 60));
            let combo = ComboBox::from_id_salt("kept").width(260.0).selected_text(name);
            let list = combo.show_ui(ui, |ui| {
                for who in made {
                    let picked = keeping.is_some_and(|keeping| keeping.who == *who);
                    if ui.selectable_label(picked, text::shown(&who.0.name, 60)).clicked() && !picked {
                        actions.push(Action::Make(Wish::Keep(who.clone())));
                    }
                }
            });
            list.response.accessible_name("Candidate to keep");
        });
    });
}

/// The room for what a row is about.
const LEAD: f32 = 96.0;

/// What it becomes.
fn what(ui: &mut Ui, keeping: &Keeping) {
    let mix = &keeping.who.0.mix;
    ui.horizontal_wrapped(|ui| {
        widgets::lead(ui, LEAD, "Really");
        widgets::ink_label(ui, format!("{}; {} bits per weight", mix.really(), significant(mix.bits_per_weight())));
    });
    let fallbacks = mix.fallbacks();
    if fallbacks > 0 {
        ui.horizontal_wrapped(|ui| {
            widgets::lead(ui, LEAD, "");
            let tensors = if fallbacks == 1 { "1 tensor has".to_owned() } else { format!("{fallbacks} tensors have") };
            widgets::small(ui, format!("{tensors} rows that are no whole blocks of the chosen type, and get another"));
        });
    }
}

/// Where, how large, and whether there is room.
fn place(ui: &mut Ui, state: &State, keeping: &Keeping, actions: &mut Actions) {
    ui.add_enabled_ui(state.workshop.writing.job().is_none(), |ui| {
        ui.horizontal(|ui| {
            widgets::lead(ui, LEAD, "File");
            let mut place = keeping.place.clone();
            let width = (ui.available_width() - 140.0).max(160.0);
            if widgets::field(ui, "Place of the file", "where to write it", &mut place, width).changed() {
                actions.push(Action::Make(Wish::Place(place)));
            }
            if widgets::button(ui, Some(icons::FOLDER), "Choose…").clicked() {
                actions.push(Action::Make(Wish::PickPlace));
            }
        });
    });
    ui.horizontal_wrapped(|ui| {
        widgets::lead(ui, LEAD, "Size");
        let (sign, room) = match state.workshop.room.ready() {
            Some(Some(room)) if state.workshop.is_too_large() => ("✕ ", format!(", {} free on that disk", room.on_disk())),
            Some(Some(room)) => ("✓ ", format!(", {} free on that disk", room.on_disk())),
            Some(None) => ("", ", the room on that disk is not known".to_owned()),
            None => ("", String::new()),
        };
        let color = if state.workshop.is_too_large() { theme::palette(ui).danger } else { theme::ink(ui) };
        let words = format!("{sign}≈ {}{room}", keeping.bytes.on_disk());
        ui.label(RichText::new(words).color(color)).on_hover_text(format!("planned {}", keeping.bytes.exact()));
    });
}

fn write(ui: &mut Ui, state: &State, actions: &mut Actions) {
    ui.add_space(4.0);
    if let Slot::Busy { progress, .. } = &state.workshop.writing {
        let (share, words) = progress.as_ref().map_or_else(|| (None, "Waiting".to_owned()), told);
        if widgets::progress(ui, "Writing the file", share, &words, "Cancel") {
            actions.push(Action::Make(Wish::StopWriting));
        }
        return;
    }
    let refusal = state.cannot_write();
    ui.horizontal(|ui| {
        let button = ui.add_enabled_ui(refusal.is_none(), |ui| widgets::primary(ui, Some(icons::DOWNLOAD), "Write the file")).inner;
        if button.clicked() {
            actions.push(Action::Make(Wish::Write));
        }
        if let Some(refusal) = &refusal {
            widgets::note(ui, refusal);
        } else if state.workshop.is_too_large() {
            widgets::note(ui, "There is not enough room on that disk.");
        }
    });
}

/// How far a file is, and in words.
fn told(writing: &Writing) -> (Option<f32>, String) {
    let Writing { tensor, types: [from, to], number, of, done, total } = writing;
    #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
    let share = (total.0 > 0).then(|| (done.as_f64() / total.as_f64()) as f32);
    let becomes = if from == to { from.name().into_owned() } else { format!("{} → {}", from.name(), to.name()) };
    (share, format!("{number} of {of}: {} ({becomes})", text::shown(tensor, 60)))
}

/// What came of it.
fn outcome(ui: &mut Ui, state: &State, actions: &mut Actions) {
    match &state.workshop.writing {
        Slot::Ready((path, bytes)) => {
            let bytes: &Bytes = bytes;
            ui.add_space(theme::GRID);
            ui.horizontal_wrapped(|ui| {
                let color = theme::ink(ui);
                widgets::icon(ui, icons::CHECK, color);
                widgets::ink_label(ui, format!("{} is there: {}.", path.display(), bytes.on_disk())).on_hover_text(bytes.exact());
            });
            if widgets::button(ui, Some(icons::OPEN), "Open it").clicked() {
                actions.push(Action::Open { path: path.clone(), load: false });
            }
        }
        Slot::Failed(error) => {
            ui.add_space(theme::GRID);
            widgets::failure(ui, error);
        }
        Slot::Empty | Slot::Busy { .. } => {}
    }
}
