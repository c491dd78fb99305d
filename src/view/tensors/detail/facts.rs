//! What the header says of a tensor: name, role, shape, types on its way to a token, its place in the file, how its blocks are laid out.

use egui::{RichText, Ui};

use super::{fact, section};
use crate::file::{DType, TensorInfo, text};
use crate::inspect::Model;
use crate::inspect::browse::words;
use crate::kernels::dequantize::anatomy::{self, Field};
use crate::kernels::precision;
use crate::state::export::Wish;
use crate::state::{Action, Slot, State};
use crate::units::{grouped, percent, significant};
use crate::view::tensors::columns;
use crate::view::{Actions, icons, theme, widgets};

/// How blocks of the type that was shown last are laid out.
#[derive(Debug, Default)]
pub(super) struct Layout {
    of: Option<DType>,
    words: Option<String>,
}

impl Layout {
    fn words(&mut self, dtype: DType) -> Option<&str> {
        if self.of != Some(dtype) {
            self.of = Some(dtype);
            self.words = layout(dtype);
        }
        self.words.as_deref()
    }
}

pub(super) fn ui(ui: &mut Ui, layout: &mut Layout, model: &Model, tensor: usize, state: &State, actions: &mut Actions) {
    let info = &model.file.tensors[tensor];
    let name = text::shown(&info.name, 200);
    let shown = RichText::new(&name).text_style(theme::section());
    ui.add(egui::Label::new(shown).wrap());
    widgets::note(ui, words::of(model, tensor));
    if let Some(problem) = &info.problem {
        widgets::failure(ui, &crate::error::Error::format(&model.file.path, format!("tensor `{name}`"), "readable data", problem));
    }
    buttons(ui, info, tensor, state, actions);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let shape = columns::shape(&info.shape);
        fact(ui, "Shape", &shape, &shape);
        fact(ui, "Elements", &grouped(info.elements()), &info.elements().to_string());
        if let Some(bits) = info.dtype.bits_per_weight() {
            fact(ui, "Bits per weight", &significant(bits), &bits.to_string());
        }
        fact(ui, "Size", &info.bytes.on_disk(), &info.bytes.0.to_string());
        let (from, to) = (grouped(info.offset), grouped(info.end()));
        fact(ui, "Bytes in the file", &format!("{from} … {to}"), &format!("{}..{}", info.offset, info.end()));
        let files = model.file.tensors.iter().map(|tensor| tensor.shard).max().unwrap_or(0) + 1;
        if files > 1 {
            let words = format!("{} of {files}", info.shard + 1);
            fact(ui, "File of the set", &words, &words);
        }
    });
    if let Some(words) = layout.words(info.dtype) {
        widgets::small(ui, words);
    }
}

fn buttons(ui: &mut Ui, info: &TensorInfo, tensor: usize, state: &State, actions: &mut Actions) {
    if let Slot::Busy { progress, .. } = &state.exporting.writing {
        #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
        let share = *progress as f32;
        if widgets::progress(ui, "Writing", Some(share), &format!("Writing, {}", percent(*progress)), "Stop") {
            actions.push(Action::Export(Wish::Stop));
        }
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let can = info.problem.is_none() && crate::kernels::dequantize::can(info.dtype);
        ui.add_enabled_ui(can, |ui| {
            let export = widgets::button(ui, Some(icons::DOWNLOAD), "Export as .npy…");
            if export.on_hover_text("All its values as F32, as numpy reads them").clicked() {
                actions.push(Action::Export(Wish::Tensor(tensor)));
            }
        });
        if widgets::button(ui, Some(icons::COPY), "Copy name").clicked() {
            ui.ctx().copy_text(info.name.clone());
        }
    });
}

/// Its types from the disk to a token.
pub(super) fn way(ui: &mut Ui, info: &TensorInfo) {
    section(ui, "From disk to token");
    ui.spacing_mut().item_spacing.y = 0.0;
    let storage = info.dtype.name();
    let stations: [(&str, &str); 5] = match precision::of(info) {
        Some(precision) => [
            ("Disk", &storage),
            ("Memory", precision.resident),
            ("Times", precision.compute),
            ("Sum", precision.accumulate),
            ("Kernel", precision.kernel),
        ],
        None => [("Disk", &storage), ("Memory", "–"), ("Times", "–"), ("Sum", "–"), ("Kernel", "no kernel yet")],
    };
    for (word, of) in stations {
        fact(ui, word, of, of);
    }
    ui.spacing_mut().item_spacing.y = 4.0;
}

/// How blocks of a type are laid out: `32 weights in 18 bytes: 2 bytes of scale, 16 bytes of codes`; `None` for types without blocks.
pub(super) fn layout(dtype: DType) -> Option<String> {
    let (len, bytes) = (dtype.block_len()?, dtype.block_bytes()?);
    if len < 2 {
        return None;
    }
    let whole = format!("{} weights in {} bytes", grouped(len), grouped(bytes));
    let zeros = vec![0; usize::try_from(bytes).ok()?];
    let Some(parts) = anatomy::block(dtype, &zeros) else { return Some(whole) };
    let fields: Vec<String> = parts.fields.iter().map(|field| format!("{} of {}", counted(field), meaning(field.name))).collect();
    Some(format!("{whole}: {}", fields.join(", ")))
}

fn counted(field: &Field) -> String {
    match field.bytes.len() {
        1 => "1 byte".to_owned(),
        n => format!("{n} bytes"),
    }
}

/// What a field of a block is, in a word or two.
pub(super) fn meaning(field: &str) -> &'static str {
    match field {
        "d" | "e" => "scale",
        "m" => "minimum",
        "dmin" => "scale of the minima",
        "s" => "sum",
        "scales" | "sc" => "scales",
        "qh" | "hmask" => "high bits of codes",
        "signs" => "signs",
        "signs and scales" => "signs and scales",
        "value" => "value",
        _ => "codes",
    }
}
