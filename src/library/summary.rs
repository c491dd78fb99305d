//! What a row in a list can say of a file: its header is read, planned and let go again.

use std::path::Path;

use crate::error::Result;
use crate::inspect::Model;
use crate::memory::plan::{self, Choice, Fit, KV_BLOCK_TOKENS};
use crate::memory::probe::Machine;
use crate::units::Bytes;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// A name to call it by.
    pub name: String,
    /// `Q4_K_M`, as the header says.
    pub quantization: Option<String>,
    /// On disk, all shards together.
    pub bytes: Bytes,
    /// What it needs; `None` when it cannot run here at all.
    pub needs: Option<Needs>,
}

/// The planned peak of a model as it is offered first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// With the context that it is opened with.
    pub first: Bytes,
    /// With the shortest context.
    pub least: Bytes,
}

impl Summary {
    /// Of an open file.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let peak = |choice| plan::plan(model, choice, &Machine::default()).map(|plan| plan.peak);
        let choice = plan::first_choice(model, 1);
        let shortest = Choice { context: choice.context.min(KV_BLOCK_TOKENS), ..choice };
        let needs = peak(choice).and_then(|first| Ok(Needs { first, least: peak(shortest)? })).ok();
        Self { name: model.name(), quantization: model.quantization(), bytes: model.file.bytes, needs }
    }

    /// Of what `path` means: its header is read.
    ///
    /// # Errors
    /// As [`super::open`](super::open()).
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::of(&Model::read(super::open(path)?)))
    }
}

impl Needs {
    /// Whether it fits as it is opened; [`Fit::Tight`] also where it fits only with a shorter context.
    #[must_use]
    pub fn fit(&self, machine: &Machine) -> Fit {
        match plan::fit(self.first, machine) {
            Fit::Exceeds | Fit::Impossible if self.least <= machine.available => Fit::Tight,
            fit => fit,
        }
    }
}
