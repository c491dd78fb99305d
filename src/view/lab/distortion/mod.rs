//! How far a candidate moves each tensor of the reference: layers by roles, and the worst first.

mod grid;
mod list;

use std::sync::Arc;

use egui::{ComboBox, Frame, Margin, Panel, RichText, Ui};

use crate::file::text;
use crate::inspect::Model;
use crate::lab::distortion::Distortion;
use crate::state::browse;
use crate::state::make::{Distorted, Wish};
use crate::state::side::Who;
use crate::state::{Action, Page, State};
use crate::units::{digits, grouped, percent, real, significant};
use crate::view::layers::{self, Places};
use crate::view::{Actions, icons, picture, theme, widgets};

use grid::Scale;
use list::List;

/// From this width on, grid and list stand beside each other.
const BESIDE: f32 = 720.0;

/// The section; keeps where tensors are, and which one is looked at.
#[derive(Default)]
pub struct DistortionView {
    model: Option<Arc<Model>>,
    places: Places,
    /// The reference's tensors by their place among the measured ones.
    measured: Measured,
    list: List,
    /// The tensor that is looked at, by its place in the reference.
    chosen: Option<usize>,
    shows_list: bool,
}

/// Which measured tensor is which of the reference.
#[derive(Default)]
struct Measured {
    of: usize,
    len: usize,
    places: Vec<Option<usize>>,
    /// The least above nothing and the largest.
    range: Option<[f64; 2]>,
}

impl DistortionView {
    /// Draws the choice, the grid and the list.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let Some(model) = state.reference() else {
            let words = "How far each tensor is moved when the reference becomes something smaller, found without running a model.";
            widgets::empty(ui, icons::TENSORS, "Distortion, tensor by tensor", words, None);
            return;
        };
        if !self.model.as_ref().is_some_and(|known| Arc::ptr_eq(known, &model)) {
            *self = Self { places: Places::of(&model), model: Some(Arc::clone(&model)), shows_list: self.shows_list, ..Self::default() };
        }
        Frame::new().inner_margin(Margin { left: 16, right: 16, top: 4, bottom: 8 }).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            self.choice(ui, state, &model, actions);
            let shown = state.workshop.shown.as_ref();
            let Some((who, distorted)) = shown.and_then(|who| Some((who, state.workshop.distortion(&model, who)?))) else {
                widgets::note(ui, "Choose a candidate: its tensors are held against the reference's, which takes a few seconds.");
                return;
            };
            self.measured.follow(&model, distorted);
            self.body(ui, state, &model, who, distorted, actions);
        });
    }

    /// Which candidate, and how far measuring it is.
    fn choice(&mut self, ui: &mut Ui, state: &State, model: &Model, actions: &mut Actions) {
        ui.horizontal_wrapped(|ui| {
            let label = widgets::small(ui, "Candidate");
            let shown = state.workshop.shown.as_ref();
            let name = shown.map_or_else(|| "choose…".to_owned(), |who| text::shown(&who.0.name, 60));
            let combo = ComboBox::from_id_salt("distorted").width(220.0).selected_text(name);
            let chosen = combo.show_ui(ui, |ui| {
                for who in state.side.offers.iter().filter(|who| !is_reference(model, who)) {
                    let picked = shown == Some(who);
                    if ui.selectable_label(picked, text::shown(&who.0.name, 60)).clicked() {
                        actions.push(Action::Make(Wish::Distort(who.clone())));
                    }
                }
            });
            chosen.response.labelled_by(label.id);
            widgets::small(ui, format!("against {}", text::shown(&model.label(), 60)));
            if ui.available_width() > 0.0 && ui.ctx().content_rect().width() < BESIDE + 360.0 {
                let options = [(false, "Grid"), (true, "List")];
                if let Some(shows) = widgets::segmented(ui, "Distortion as", self.shows_list, &options) {
                    self.shows_list = shows;
                }
            }
        });
        match &state.workshop.distorting {
            crate::state::Slot::Busy { progress, .. } => {
                let words = format!("Measuring, {} of the bytes", percent(*progress));
                #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
                if widgets::progress(ui, "Measuring distortion", Some(*progress as f32), &words, "Stop") {
                    actions.push(Action::Make(Wish::StopDistorting));
                }
            }
            crate::state::Slot::Failed(error) => widgets::failure(ui, error),
            _ => {}
        }
    }

    fn body(&mut self, ui: &mut Ui, state: &State, model: &Arc<Model>, who: &Who, distorted: &Distorted, actions: &mut Actions) {
        let foot = Frame::new().inner_margin(Margin { left: 0, right: 0, top: 6, bottom: 0 });
        Panel::bottom("distorted tensor").frame(foot).resizable(false).show_separator_line(false).show(ui, |ui| {
            ui.set_min_height(52.0);
            match self.chosen.and_then(|at| Some((at, self.measured.get(distorted, at)?))) {
                Some((at, distortion)) => figures(ui, state, model, at, distortion, actions),
                None => {
                    widgets::small(ui, "Point at a cell for its numbers, press it to keep them here.");
                }
            }
        });
        let beside = ui.available_width() >= BESIDE;
        if beside || self.shows_list {
            let list = |view: &mut Self, ui: &mut Ui| {
                if let Some(at) = view.list.ui(ui, model, who, distorted, &view.measured.places, view.chosen) {
                    view.chosen = Some(at);
                }
            };
            if !beside {
                return list(self, ui);
            }
            let frame = Frame::new().inner_margin(Margin { left: 16, right: 0, top: 0, bottom: 0 });
            let width = (ui.available_width() * 0.46).min(620.0);
            Panel::right("worst tensors")
                .frame(frame)
                .exact_size(width)
                .resizable(false)
                .show_separator_line(false)
                .show(ui, |ui| list(self, ui));
        }
        let scale = Scale { model, distorted, measured: &self.measured, chosen: self.chosen };
        egui::CentralPanel::default().frame(Frame::NONE).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            let name = format!("{} distortion of {}", model.label(), who.0.name);
            let pressed = picture::savable(ui, &name, |ui| layers::ui(ui, &self.places, &scale));
            self.chosen = pressed.or(self.chosen);
        });
    }
}

impl Measured {
    /// Finds the measured tensors among the reference's, where some are new.
    fn follow(&mut self, model: &Model, distorted: &Distorted) {
        let (of, len) = (Arc::as_ptr(&distorted.tensors).cast::<Distortion>().addr(), distorted.tensors.len());
        if (self.of, self.len) == (of, len) {
            return;
        }
        let mut places = vec![None; model.file.tensors.len()];
        let mut next = 0;
        // Both are in the file's order.
        for (place, tensor) in places.iter_mut().zip(&model.file.tensors) {
            if distorted.tensors.get(next).is_some_and(|distortion| distortion.name == tensor.name) {
                *place = Some(next);
                next += 1;
            }
        }
        let moved = distorted.tensors.iter().map(|tensor| tensor.relative_rmse).filter(|moved| moved.is_finite() && *moved > 0.0);
        let range = moved.fold(None, |range: Option<[f64; 2]>, value| {
            let [least, largest] = range.unwrap_or([value; 2]);
            Some([f64::min(least, value), f64::max(largest, value)])
        });
        *self = Self { of, len, places, range };
    }

    fn get<'a>(&self, distorted: &'a Distorted, tensor: usize) -> Option<&'a Distortion> {
        distorted.tensors.get((*self.places.get(tensor)?)?)
    }
}

fn is_reference(model: &Model, who: &Who) -> bool {
    who.0.model.file.path == model.file.path && who.0.mix.tensors.iter().all(|tensor| tensor.from == tensor.to)
}

/// The numbers of a tensor, and the way to it.
fn figures(ui: &mut Ui, state: &State, model: &Arc<Model>, at: usize, distortion: &Distortion, actions: &mut Actions) {
    let info = &model.file.tensors[at];
    ui.horizontal(|ui| {
        ui.label(RichText::new(text::shown(&info.name, 80)).text_style(theme::strong()));
        let bits = significant(distortion.bits_per_weight);
        widgets::small(ui, format!("{} → {}, {bits} bits per weight", info.dtype.name(), distortion.dtype.name()));
        let is_open =
            state.opened.ready().is_some_and(|opened| Arc::ptr_eq(&opened.model, model) || opened.model.file.path == model.file.path);
        if is_open {
            if widgets::quiet(ui, Some(icons::TENSORS), "Show the tensor").clicked() {
                actions.push(Action::Browse(browse::Wish::Tensor(Some(at))));
                actions.push(Action::Go(Page::Tensors));
            }
        } else if widgets::quiet(ui, Some(icons::OPEN), "Open the reference").on_hover_text("Its tensors can be looked at then.").clicked()
        {
            actions.push(Action::Open { path: model.file.path.clone(), load: false });
        }
    });
    ui.horizontal_wrapped(|ui| {
        for (word, value, exact) in [
            ("Relative RMSE", percent(distortion.relative_rmse), distortion.relative_rmse),
            ("RMSE", real(distortion.rmse), distortion.rmse),
            ("Largest", real(distortion.max_error), distortion.max_error),
            ("Cosine", format!("{:.6}", distortion.cosine), distortion.cosine),
        ] {
            widgets::term(ui, word);
            widgets::mono(ui, value).on_hover_text(digits(exact));
            ui.add_space(theme::GRID);
        }
        widgets::term(ui, "elements");
        widgets::mono(ui, grouped(distortion.elements));
    });
}
