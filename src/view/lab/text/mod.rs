//! Where it differs: the text with each token coloured by its KL, the worst places, and both distributions at one of them.

mod page;
mod token;

use egui::{Align, Frame, Layout, Margin, RichText, ScrollArea, Ui};

use super::{ladder, scale};
use crate::lab::advice::nats;
use crate::state::lab::{Results, Wish};
use crate::state::{Action, State};
use crate::units::{grouped, significant, with_error};
use crate::view::{Actions, theme, widgets};

use page::Page;

pub use page::Place;

/// Places in the list of the worst.
const WORST: usize = 40;
/// From this width on the list stands beside the text.
const BESIDE: f32 = 640.0;

/// The section; keeps where it is and which token is looked at.
#[derive(Default)]
pub struct TextView {
    page: Page,
    place: Option<Place>,
    worst: Vec<(Place, f64)>,
    /// The run and the generation that the list was made of.
    of: Option<(usize, u64)>,
}

impl TextView {
    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let Some(results) = &state.lab.results else { return };
        let Some(run) = results.looked_at().filter(|&run| results.runs[run].summary.is_some()) else {
            widgets::note(ui, "The text is coloured once there are figures.");
            return;
        };
        if self.of != Some((run, results.generation)) {
            self.worst = worst(results, run);
            self.of = Some((run, results.generation));
        }
        Frame::new().inner_margin(Margin::symmetric(16, 4)).show(ui, |ui| {
            head(ui, results, run, actions);
            let (width, height) = (ui.available_width(), ui.available_height());
            if width >= BESIDE {
                let side = (width * 0.38).clamp(290.0, 420.0);
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = 16.0;
                    ui.allocate_ui_with_layout(egui::vec2(width - side - 16.0, height), Layout::top_down(Align::Min), |ui| {
                        self.text(ui, results, run);
                    });
                    ui.allocate_ui_with_layout(egui::vec2(side, height), Layout::top_down(Align::Min), |ui| {
                        self.side(ui, results, run);
                    });
                });
            } else {
                let below = (height * 0.45).max(120.0);
                ui.allocate_ui_with_layout(egui::vec2(width, height - below), Layout::top_down(Align::Min), |ui| {
                    self.text(ui, results, run);
                });
                self.side(ui, results, run);
            }
        });
    }

    fn text(&mut self, ui: &mut Ui, results: &Results, run: usize) {
        if let Some(place) = self.page.ui(ui, results, run, self.place) {
            self.place = Some(place);
        }
    }

    fn side(&mut self, ui: &mut Ui, results: &Results, run: usize) {
        ScrollArea::vertical().id_salt("lab places").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            if let Some(place) = self.place {
                token::ui(ui, results, run, place);
                ui.add_space(theme::GRID);
            }
            widgets::section(ui, "Worst places");
            if self.worst.is_empty() {
                widgets::note(ui, "They are listed once a whole chunk is measured.");
            }
            let mut gone_to = None;
            ui.scope(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for &(place, kld) in &self.worst {
                    if token::row(ui, results, place, kld, self.place == Some(place)) {
                        gone_to = Some(place);
                    }
                }
            });
            if gone_to.is_some() {
                self.place = gone_to;
                self.page.go_to(gone_to);
            }
        });
    }
}

/// The slider, what stands under it, and the legend.
fn head(ui: &mut Ui, results: &Results, run: usize, actions: &mut Actions) {
    if let Some(chosen) = ladder::ui(ui, results) {
        actions.push(Action::Lab(Wish::Select(chosen)));
    }
    let measured = &results.runs[run];
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        if let Some(summary) = &measured.summary {
            let figures = format!(
                "{}   {} bits   KL {}   {} tokens",
                measured.candidate.mix.bytes.on_disk(),
                significant(measured.candidate.mix.bits_per_weight()),
                with_error(summary.kld.mean, summary.kld.stderr),
                grouped(summary.positions as u64)
            );
            ui.label(RichText::new(figures).text_style(theme::small_mono()));
            if let Some(floor) = results.noise_floor().filter(|_| results.is_below_floor(summary.kld.mean)) {
                widgets::small(ui, format!("not distinguishable here: the noise floor is {}", nats(floor.kld.mean)));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| scale::legend(ui, ui.available_width().min(260.0)));
    });
    ui.add_space(4.0);
}

/// The places with the highest KL, the worst first.
fn worst(results: &Results, run: usize) -> Vec<(Place, f64)> {
    let scores = &results.runs[run].scores;
    let all = scores.iter().enumerate().flat_map(|(chunk, scores)| {
        // What is expected behind a position is about the token that follows it.
        scores.iter().enumerate().map(move |(i, difference)| (Place { chunk, token: results.half + i + 1 }, difference.kld))
    });
    let mut all: Vec<(Place, f64)> = all.collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(WORST);
    all
}
