//! The columns of the list of tensors, as many as there is room for.

use egui::{Rect, pos2};

use crate::inspect::Model;
use crate::inspect::browse::tree::{Column, Total};
use crate::units::{count, significant};

/// A column that is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Its head.
    pub name: &'static str,
    /// What a click on its head sorts by.
    pub by: Column,
    /// Its width; 0 takes what is left.
    pub width: f32,
    /// Whether it is aligned to the right.
    pub right: bool,
}

/// The room that names have at least.
const NAME: f32 = 140.0;
/// Room between two columns.
const GAP: f32 = 10.0;

/// All columns, in the order in which they are drawn; those further behind in [`IMPORTANCE`] go first when it gets narrow.
const ALL: [Shown; 7] = [
    Shown { name: "Name", by: Column::Name, width: 0.0, right: false },
    Shown { name: "Role", by: Column::Role, width: 84.0, right: false },
    Shown { name: "Shape", by: Column::Place, width: 112.0, right: true },
    Shown { name: "Type", by: Column::DType, width: 56.0, right: false },
    Shown { name: "Bits", by: Column::Bits, width: 44.0, right: true },
    Shown { name: "Weights", by: Column::Parameters, width: 68.0, right: true },
    Shown { name: "Size", by: Column::Bytes, width: 76.0, right: true },
];

const IMPORTANCE: [usize; 7] = [0, 6, 3, 2, 4, 5, 1];

/// The columns for which a width has room.
#[must_use]
pub fn fitting(width: f32) -> Vec<Shown> {
    let mut left = width - NAME;
    let mut fits = [false; ALL.len()];
    for at in IMPORTANCE {
        left -= if at == 0 { 0.0 } else { ALL[at].width + GAP };
        if left < 0.0 {
            break;
        }
        fits[at] = true;
    }
    fits[0] = true;
    ALL.into_iter().zip(fits).filter_map(|(column, fits)| fits.then_some(column)).collect()
}

/// Where each column is in a row.
pub fn places(columns: &[Shown], row: Rect) -> impl Iterator<Item = (Shown, Rect)> {
    let row = row.shrink2(egui::vec2(6.0, 0.0));
    let taken: f32 = columns.iter().filter(|column| column.width > 0.0).map(|column| column.width + GAP).sum();
    let mut left = row.left();
    columns.iter().map(move |&column| {
        let width = if column.width > 0.0 { column.width } else { (row.width() - taken).max(0.0) };
        let place = Rect::from_min_max(pos2(left, row.top()), pos2(left + width, row.bottom()));
        left += width + GAP;
        (column, place)
    })
}

/// What stands in a cell: of a tensor, or of a module as far as it can be said of many.
#[must_use]
pub fn cell(by: Column, model: &Model, tensor: Option<usize>, total: &Total) -> String {
    let info = tensor.map(|tensor| &model.file.tensors[tensor]);
    match by {
        Column::Name => String::new(),
        Column::Place => info.map_or_else(String::new, |info| shape(&info.shape)),
        Column::DType => info.map_or_else(String::new, |info| info.dtype.name().into_owned()),
        Column::Bits => total.bits_per_weight().map_or_else(String::new, significant),
        Column::Parameters => count(total.parameters),
        Column::Bytes => total.bytes.on_disk(),
        Column::Role => tensor.map_or_else(String::new, |tensor| model.roles[tensor].name().to_owned()),
    }
}

/// `49152 × 576`; `scalar` for none.
#[must_use]
pub fn shape(shape: &[u64]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" × ")
}
