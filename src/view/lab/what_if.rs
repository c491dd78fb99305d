//! What if: a candidate's roles, layers or single tensors as another type, its bytes at once and its KL as soon as it is measured.

use egui::{DragValue, Ui};

use crate::file::DType;
use crate::inspect::roles::Role;
use crate::lab::candidate::Candidate;
use crate::lab::label::Keep;
use crate::state::lab::{Results, Wish};
use crate::state::{Action, State};
use crate::units::significant;
use crate::view::{Actions, icons, theme, widgets};

/// The types that are offered.
const TYPES: [DType; 10] =
    [DType::F16, DType::Q8_0, DType::Q6K, DType::Q5K, DType::Q5_0, DType::Q4K, DType::Q4_0, DType::IQ4NL, DType::Q3K, DType::Q2K];

/// The question; keeps what was chosen.
#[derive(Default)]
pub struct WhatIf {
    role: Option<Role>,
    /// First and last layer.
    layers: Option<[usize; 2]>,
    pattern: String,
    dtype: Option<DType>,
    /// What it would be, and what it was computed for.
    answer: Option<(Asked, Result<Candidate, crate::error::Error>)>,
}

/// What an answer belongs to.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    name: String,
    generation: u64,
    keep: Vec<Keep>,
}

impl WhatIf {
    /// Draws it for the candidate that is looked at.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, results: &Results, actions: &mut Actions) {
        let Some(of) = results.looked_at() else { return };
        let candidate = &results.runs[of].candidate;
        widgets::section(ui, "What if");
        widgets::small(ui, format!("{} with some of its tensors as another type", candidate.name));
        let last = candidate.mix.tensors.iter().filter_map(|tensor| tensor.layer).max();
        self.tensors(ui, candidate, last);
        self.types(ui);
        let Some(dtype) = self.dtype else {
            widgets::note(ui, "Choose tensors and a type.");
            return;
        };
        let keep = self.keep(dtype, last);
        if keep.is_empty() {
            widgets::note(ui, "Choose a role, some layers, or write a part of a tensor's name.");
            return;
        }
        self.answer(ui, state, results, of, keep, actions);
    }

    fn tensors(&mut self, ui: &mut Ui, candidate: &Candidate, last: Option<usize>) {
        let mut roles: Vec<Role> = Vec::new();
        for tensor in candidate.mix.tensors.iter().filter(|tensor| tensor.to != DType::F32) {
            if !roles.contains(&tensor.role) {
                roles.push(tensor.role);
            }
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
            widgets::small(ui, "Role");
            for role in roles {
                let on = self.role == Some(role);
                if super::labels::chip(ui, role.name(), &format!("Role {}", role.name()), on).clicked() {
                    self.role = (!on).then_some(role);
                }
            }
        });
        ui.horizontal_wrapped(|ui| {
            if let Some(last) = last {
                let mut layers = self.layers.unwrap_or([0, last]);
                widgets::small(ui, "Layers");
                let from = ui.add(DragValue::new(&mut layers[0]).range(0..=last)).accessible_name("First layer");
                widgets::small(ui, "to");
                let to = ui.add(DragValue::new(&mut layers[1]).range(0..=last)).accessible_name("Last layer");
                if from.changed() || to.changed() {
                    layers[1] = layers[1].max(layers[0]);
                    self.layers = (layers != [0, last]).then_some(layers);
                }
            }
            widgets::small(ui, "or name");
            widgets::field(ui, "Part of a tensor's name", "blk.0.*, attn_v", &mut self.pattern, 140.0);
        });
    }

    fn types(&mut self, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
            widgets::small(ui, "Type");
            for dtype in TYPES {
                let on = self.dtype == Some(dtype);
                if super::labels::chip(ui, &dtype.name(), &format!("As {}", dtype.name()), on).clicked() {
                    self.dtype = (!on).then_some(dtype);
                }
            }
        });
    }

    /// What is chosen, as the recipe takes it.
    fn keep(&self, dtype: DType, last: Option<usize>) -> Vec<Keep> {
        let keep = |pattern: String| Keep { pattern, dtype };
        if !self.pattern.trim().is_empty() {
            return vec![keep(self.pattern.trim().to_owned())];
        }
        let names = self.role.map(names).unwrap_or_default();
        match (self.layers, last) {
            (Some([from, to]), Some(_)) => {
                let every = |layer: usize| match names {
                    [] => vec![format!("blk.{layer}.*")],
                    names => names.iter().map(|name| format!("blk.{layer}.{name}.*")).collect(),
                };
                (from..=to).flat_map(every).map(keep).collect()
            }
            _ => names.iter().map(|name| keep((*name).to_owned())).collect(),
        }
    }

    fn answer(&mut self, ui: &mut Ui, state: &State, results: &Results, of: usize, keep: Vec<Keep>, actions: &mut Actions) {
        let candidate = &results.runs[of].candidate;
        let asked = Asked { name: candidate.name.clone(), generation: results.generation, keep };
        if self.answer.as_ref().is_none_or(|(answered, _)| *answered != asked) {
            self.answer = Some((asked.clone(), candidate.what_if(&asked.keep)));
        }
        let Some((_, answer)) = &self.answer else { return };
        match answer {
            Err(error) => widgets::failure(ui, error),
            Ok(other) => {
                let changed = candidate.mix.tensors.iter().zip(&other.mix.tensors).filter(|(a, b)| a.to != b.to).count();
                if changed == 0 {
                    widgets::note(ui, "No tensor would change.");
                    return;
                }
                let (before, after) = (candidate.mix.bytes, other.mix.bytes);
                let sign = if after >= before { "+" } else { "−" };
                let by = crate::units::Bytes(after.0.abs_diff(before.0));
                let tensors = if changed == 1 { "1 tensor".to_owned() } else { format!("{changed} tensors") };
                widgets::small(
                    ui,
                    format!(
                        "{tensors} change: {} ({sign}{}), {} bits per weight",
                        after.on_disk(),
                        by.on_disk(),
                        significant(other.mix.bits_per_weight())
                    ),
                );
                ui.add_space(2.0);
                ui.horizontal(|ui| {
                    ui.add_enabled_ui(state.lab.kept && state.lab.measuring.job().is_none(), |ui| {
                        if widgets::button(ui, Some(icons::LAB), "Measure what if").clicked() {
                            actions.push(Action::Lab(Wish::WhatIf { of, keep: asked.keep.clone() }));
                        }
                    });
                    if !state.lab.kept {
                        widgets::small(ui, "compare anew first: what was kept is gone");
                    } else if state.lab.measuring.job().is_some() {
                        widgets::small(ui, "when the measurement is done or paused");
                    }
                });
            }
        }
        ui.add_space(theme::GRID);
    }
}

/// How tensors of a role are named in a layer, or in the file.
fn names(role: Role) -> &'static [&'static str] {
    match role {
        Role::Embedding => &["token_embd"],
        Role::AttnQ => &["attn_q"],
        Role::AttnK => &["attn_k"],
        Role::AttnV => &["attn_v"],
        Role::AttnQkv => &["attn_qkv"],
        Role::AttnOutput => &["attn_output"],
        Role::FfnGate => &["ffn_gate"],
        Role::FfnUp => &["ffn_up"],
        Role::FfnDown => &["ffn_down"],
        Role::Output => &["output.weight"],
        _ => &[],
    }
}
