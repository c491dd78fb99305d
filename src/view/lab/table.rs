//! The ladder as a table: what is planned of each candidate, then what was measured. Its rows are made anew only where something changed.

use std::sync::Arc;

use egui::{Align2, Color32, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::cells::{self, COLUMNS, Column, Row};
use crate::file::text;
use crate::lab::run::Status;
use crate::memory::probe::Machine;
use crate::state::lab::{Results, Wish};
use crate::state::{Action, State};
use crate::view::{Actions, theme, widgets};

/// The height of a row of two lines.
const ROW: f32 = 42.0;
/// Room between two columns.
const GAP: f32 = 14.0;
/// The room that names have at least.
const NAME: f32 = 172.0;

/// A row as it is drawn.
struct Line {
    run: Option<usize>,
    name: String,
    note: String,
    failed: bool,
    /// The figures may still move, or mean nothing.
    faint: bool,
    cells: Vec<cells::Cell>,
}

/// The table.
#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
    of: Option<Key>,
}

/// What the rows were made of.
#[derive(PartialEq)]
struct Key {
    generation: Option<u64>,
    plan: usize,
    picks: usize,
}

impl Table {
    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let lab = &state.lab;
        let key = Key {
            generation: lab.results.as_ref().map(|results| results.generation),
            plan: lab.plan.as_ref().map_or(0, |plan| Arc::as_ptr(plan).addr()),
            picks: lab.picks.len(),
        };
        if self.of.as_ref() != Some(&key) {
            self.lines = lines(state);
            self.of = Some(key);
        }
        if self.lines.len() < 2 && lab.results.is_none() {
            widgets::note(ui, "Choose some candidates: what they become, what they take and how they differ will stand here.");
        }
        let columns = fitting(ui.available_width(), lab.results.is_some());
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            head(ui, &columns);
            let looked_at = lab.results.as_ref().and_then(Results::looked_at);
            for line in &self.lines {
                if draw(ui, line, &columns, line.run.is_some() && line.run == looked_at)
                    && let Some(run) = line.run
                {
                    actions.push(Action::Lab(Wish::Select(run)));
                }
            }
        });
    }
}

fn lines(state: &State) -> Vec<Line> {
    let lab = &state.lab;
    let mut lines = Vec::new();
    let results = lab.results.as_ref();
    let reference = results.map(|results| &results.reference);
    let reference = reference.or_else(|| Some(&lab.plan.as_ref()?.reference.as_ref().ok()?.0));
    if let Some(candidate) = reference {
        let row = Row { candidate, measured: None, need: None, machine: &state.machine, results };
        lines.push(Line {
            run: None,
            name: candidate.name.clone(),
            note: format!("the reference: {}", candidate.mix.really()),
            failed: false,
            faint: false,
            cells: cells::all(&row, true),
        });
    }
    if let Some(results) = results {
        let mut runs: Vec<usize> = results.candidates().map(|(at, _)| at).collect();
        runs.sort_by(|&a, &b| results.runs[b].candidate.mix.bytes.cmp(&results.runs[a].candidate.mix.bytes).then(a.cmp(&b)));
        let floor = results.runs.iter().position(|run| run.kind == crate::lab::run::Kind::NoiseFloor);
        lines.extend(floor.into_iter().chain(runs).map(|run| measured(results, run, &state.machine)));
    }
    for pick in &lab.picks {
        let Some(planned) = lab.planned(pick) else { continue };
        match &planned.candidate {
            Ok((candidate, need)) => {
                let is_same = |run: &crate::state::lab::Measured| {
                    Arc::ptr_eq(&run.candidate.model, &candidate.model) && run.candidate.mix.recipe == candidate.mix.recipe
                };
                if results.is_some_and(|results| results.runs.iter().any(is_same)) {
                    continue;
                }
                lines.push(Line {
                    run: None,
                    name: candidate.name.clone(),
                    note: if results.is_some() { format!("not measured yet: {}", candidate.mix.really()) } else { candidate.mix.really() },
                    failed: false,
                    faint: results.is_some(),
                    cells: cells::all(&Row { candidate, measured: None, need: Some(need), machine: &state.machine, results }, false),
                });
            }
            Err(error) => lines.push(Line {
                run: None,
                name: cells::name_of(&planned.pick),
                note: error.to_string(),
                failed: true,
                faint: false,
                cells: Vec::new(),
            }),
        }
    }
    lines
}

fn measured(results: &Results, at: usize, machine: &Machine) -> Line {
    let run = &results.runs[at];
    let is_floor = run.kind == crate::lab::run::Kind::NoiseFloor;
    let below = !is_floor && run.summary.is_some_and(|summary| results.is_below_floor(summary.kld.mean));
    let stage = match &run.status {
        Status::Failed(error) => error.to_string(),
        Status::Waiting if run.summary.is_none() => "waiting".to_owned(),
        Status::Running if run.scores.is_empty() && run.summary.is_some() => "first impression".to_owned(),
        Status::Waiting | Status::Running => format!("{} of {} chunks", run.scores.len(), run.goal),
        Status::Done if below => "not distinguishable here".to_owned(),
        Status::Done => String::new(),
    };
    let about = if is_floor { "the reference in the other arithmetic".to_owned() } else { run.candidate.mix.really() };
    let note = match (&run.status, stage.is_empty()) {
        (Status::Failed(_), _) => stage,
        (_, true) => about,
        (_, false) => format!("{stage} · {about}"),
    };
    Line {
        run: (!is_floor).then_some(at),
        name: run.candidate.name.clone(),
        note,
        failed: matches!(run.status, Status::Failed(_)),
        faint: is_floor || below || run.is_preliminary(),
        cells: cells::all(&Row { candidate: &run.candidate, measured: Some(run), need: None, machine, results: Some(results) }, false),
    }
}

/// The columns for which a width has room, the most important first.
fn fitting(width: f32, measured: bool) -> Vec<(usize, &'static Column)> {
    let mut left = width - NAME - 16.0;
    let mut by_importance: Vec<(usize, &Column)> =
        COLUMNS.iter().enumerate().filter(|(_, column)| if measured { column.after } else { column.before }).collect();
    by_importance.sort_by_key(|(_, column)| column.rank);
    let mut fits = Vec::new();
    for (at, column) in by_importance {
        left -= column.width + GAP;
        if left < 0.0 {
            break;
        }
        fits.push((at, column));
    }
    fits.sort_by_key(|(at, _)| *at);
    fits
}

/// The name's place, and that of each column.
fn places(row: Rect, columns: &[(usize, &'static Column)]) -> (Rect, Vec<Rect>) {
    let row = row.shrink2(vec2(8.0, 0.0));
    let taken: f32 = columns.iter().map(|(_, column)| column.width + GAP).sum();
    let name = row.with_max_x(row.right() - taken);
    let mut left = name.right() + GAP;
    let mut places = Vec::with_capacity(columns.len());
    for (_, column) in columns {
        places.push(Rect::from_min_max(pos2(left, row.top()), pos2(left + column.width, row.bottom())));
        left += column.width + GAP;
    }
    (name, places)
}

fn head(ui: &mut Ui, columns: &[(usize, &'static Column)]) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
    let (name, places) = places(rect, columns);
    let palette = theme::palette(ui);
    let font = egui::TextStyle::Small.resolve(ui.style());
    ui.painter().text(name.left_center(), Align2::LEFT_CENTER, "Candidate", font.clone(), palette.secondary);
    for ((_, column), place) in columns.iter().zip(places) {
        let response = ui.interact(place, ui.scope_id().with(("column", column.name)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, column.name));
        ui.painter().text(place.right_center(), Align2::RIGHT_CENTER, column.name, font.clone(), palette.secondary);
        widgets::help(response, column.term);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, theme::hairline(ui));
}

/// Draws a row; whether it was clicked.
fn draw(ui: &mut Ui, line: &Line, columns: &[(usize, &'static Column)], chosen: bool) -> bool {
    let sense = if line.run.is_some() { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), sense);
    let told: Vec<String> = columns
        .iter()
        .filter_map(|(at, column)| {
            line.cells.get(*at).filter(|cell| !cell.text.is_empty()).map(|cell| format!("{} {}", column.name, cell.text))
        })
        .collect();
    let said = format!("{}: {}; {}", line.name, line.note, told.join(", "));
    response.widget_info(|| {
        if line.run.is_some() {
            WidgetInfo::selected(Role::Button, true, chosen, &said)
        } else {
            WidgetInfo::labeled(Role::Row, true, &said)
        }
    });
    let palette = theme::palette(ui);
    if chosen || (line.run.is_some() && response.hovered()) {
        let fill = if chosen { palette.selected() } else { palette.control() };
        ui.painter().rect_filled(rect.shrink2(vec2(0.0, 1.0)), theme::CORNER, fill);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), egui::StrokeKind::Inside);
    }
    let (name, places) = places(rect, columns);
    let note_width = if line.cells.is_empty() { rect.right() - 8.0 - name.left() } else { name.width() };
    let color = if line.failed { palette.danger } else { palette.secondary };
    let strong = theme::strong().resolve(ui.style());
    let small = egui::TextStyle::Small.resolve(ui.style());
    cut(ui, pos2(name.left(), rect.top() + 5.0), name.width(), &text::shown(&line.name, 120), strong, palette.ink);
    cut(ui, pos2(name.left(), rect.top() + 22.0), note_width, &line.note, small, color);
    let mono = theme::small_mono().resolve(ui.style());
    let pointer = response.hover_pos();
    let mut hovered = None;
    for ((at, _), place) in columns.iter().zip(places) {
        let Some(cell) = line.cells.get(*at) else { continue };
        let color = if line.faint || cell.faint { palette.secondary } else { palette.ink };
        ui.painter().text(place.right_center(), Align2::RIGHT_CENTER, &cell.text, mono.clone(), color);
        if pointer.is_some_and(|pointer| place.contains(pointer)) && !cell.exact.is_empty() {
            hovered = Some(&cell.exact);
        }
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, theme::hairline(ui));
    let clicked = response.clicked();
    match hovered {
        Some(exact) => response.on_hover_text_at_pointer(egui::RichText::new(exact).monospace()),
        None => response.on_hover_text_at_pointer(format!("{}\n{}", line.name, line.note)),
    };
    clicked
}

/// One line of text, cut where the room ends.
fn cut(ui: &Ui, at: egui::Pos2, width: f32, words: &str, font: egui::FontId, color: Color32) {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping { break_anywhere: true, ..egui::text::TextWrapping::truncate_at_width(width.max(8.0)) };
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(at, galley, color);
}
