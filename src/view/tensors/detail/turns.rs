//! The ways to look at the tensor: which of its matrices, its scales in place of its values, rows and columns by their norms.

use egui::{DragValue, Ui};

use crate::kernels::dequantize;
use crate::message::browse::{Subject, What};
use crate::state::browse::Wish;
use crate::state::{Action, State};
use crate::units::grouped;
use crate::view::{Actions, icons, theme, widgets};

pub(super) fn ui(ui: &mut Ui, state: &State, subject: &Subject, tensor: usize, actions: &mut Actions) {
    let info = &subject.model.file.tensors[tensor];
    if info.problem.is_some() {
        return;
    }
    ui.add_space(theme::GRID);
    let mut wish = None;
    if let What::Difference { other, .. } = &subject.what {
        widgets::note(ui, format!("What is left when the tensor of {} is taken away.", other.label()));
        if widgets::button(ui, None, "Show the values").clicked() {
            wish = Some(Wish::Tensor(Some(tensor)));
        }
    } else {
        wish = scales(ui, subject, dequantize::group_len(info.dtype));
        let slices = slices(&info.shape);
        if slices > 1
            && let What::Values { slice: now, .. } = subject.what
        {
            wish = slice(ui, now, slices).or(wish);
        }
    }
    wish = sorts(ui, state, subject).or(wish);
    if let Some(wish) = wish {
        actions.push(Action::Browse(wish));
    }
}

/// How many matrices a tensor of more than two dimensions is made of.
fn slices(shape: &[u64]) -> usize {
    let leading = shape.iter().rev().skip(2).fold(1_u64, |n, &dim| n.saturating_mul(dim));
    usize::try_from(leading).unwrap_or(usize::MAX)
}

fn scales(ui: &mut Ui, subject: &Subject, group: usize) -> Option<Wish> {
    if group < 2 {
        return None;
    }
    let scales = matches!(subject.what, What::Scales { .. });
    let options = [(false, "Values"), (true, "Block scales")];
    widgets::segmented(ui, "Show", scales, &options).filter(|chosen| *chosen != scales).map(Wish::Scales)
}

fn slice(ui: &mut Ui, now: usize, slices: usize) -> Option<Wish> {
    let mut at = now;
    ui.horizontal(|ui| {
        widgets::term(ui, "Slice");
        ui.add_enabled_ui(now > 0, |ui| {
            if widgets::icon_button(ui, icons::LEFT, "Previous slice").clicked() {
                at = now - 1;
            }
        });
        let drag = DragValue::new(&mut at).range(0..=slices - 1).speed(0.1);
        ui.add(drag).accessible_name("Slice");
        ui.add_enabled_ui(now + 1 < slices, |ui| {
            if widgets::icon_button(ui, icons::RIGHT, "Next slice").clicked() {
                at = now + 1;
            }
        });
        widgets::small(ui, format!("of {}", grouped(slices as u64)));
    });
    (at != now).then_some(Wish::Slice(at))
}

fn sorts(ui: &mut Ui, state: &State, subject: &Subject) -> Option<Wish> {
    let norms = state.browsing.stats.as_ref().filter(|(_, share)| *share >= 1.0);
    let [mut can_rows, mut can_cols] =
        norms.map_or([false; 2], |(stats, _)| [&stats.row_norms, &stats.col_norms].map(|norms| norms.len() > 1));
    let before = (subject.rows.is_some(), subject.cols.is_some());
    can_rows |= before.0;
    can_cols |= before.1;
    let (mut rows, mut cols) = before;
    ui.horizontal_wrapped(|ui| {
        for (can, on, name) in [(can_rows, &mut rows, "Rows by norm"), (can_cols, &mut cols, "Columns by norm")] {
            let help = if can { "The largest norm first" } else { "Needs all values to be counted first" };
            ui.add_enabled(can, egui::Checkbox::new(on, name)).on_hover_text(help).on_disabled_hover_text(help);
        }
    });
    ((rows, cols) != before).then_some(Wish::Sort { rows, cols })
}
