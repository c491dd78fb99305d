//! The state of someone who looks at tensors: folded from what the real functions find in small real files.

use std::sync::Arc;

use ponder::file::ModelFile;
use ponder::inspect::stats::{self, Depth, Stats};
use ponder::inspect::values::TensorValues;
use ponder::inspect::{Model, block};
use ponder::kernels::courtesy::{Background, Courtesy};
use ponder::kernels::pool::Pool;
use ponder::message::browse::{Block, Found, Seen};
use ponder::message::{Event, Outcome, Step};
use ponder::state::Action;
use ponder::state::browse::Wish;
use ponder::view::View;

use super::gguf_writer::GgufBuilder;
use super::scene::Scene;

/// A file that stays until the guard goes, and what it means.
pub fn written(name: &str, gguf: &GgufBuilder) -> (tempfile::TempDir, Arc<Model>) {
    let (folder, path) = super::file(name, &gguf.bytes());
    (folder, Arc::new(Model::read(ModelFile::open(&path).unwrap())))
}

/// With this in the background: two threads, nobody answering, never stopped.
pub fn in_background<T>(work: impl FnOnce(&Background<'_>) -> T) -> T {
    let (pool, courtesy) = (Pool::new(2).unwrap(), Courtesy::default());
    work(&Background { pool: &pool, courtesy: &courtesy, go_on: &|| true })
}

pub fn place(model: &Model, name: &str) -> usize {
    model.file.tensors.iter().position(|tensor| tensor.name == name).unwrap()
}

/// Statistics of all its values.
pub fn counted(model: &Model, tensor: usize, depth: Depth) -> Stats {
    let values = TensorValues::new(&model.file, &model.file.tensors[tensor]).unwrap();
    in_background(|background| stats::of(&values, depth, background, &mut |_, _| ()).unwrap())
}

/// The block that holds a value.
pub fn block(model: &Model, tensor: usize, at: [usize; 2]) -> Block {
    let found = block::holding(&model.file, &model.file.tensors[tensor], 0, at).unwrap();
    let bits = found.bits_of(found.index);
    Block { at, index: found.index, first: found.first, offset: found.offset, bytes: found.bytes, parts: found.parts, bits }
}

impl<V: View + Default> Scene<V> {
    /// With this file open.
    pub fn browsing(model: &Arc<Model>) -> Self {
        let mut scene = Self::new();
        scene.perform(Action::Open { path: model.file.path.clone(), load: false });
        scene.end(Outcome::Inspected(Arc::clone(model)));
        scene.wishes.clear();
        scene
    }

    pub fn wish(&mut self, wish: Wish) {
        self.perform(Action::Browse(wish));
    }

    /// The job that was ordered last goes on.
    pub fn sees(&mut self, seen: Seen) {
        let job = self.last_job();
        self.apply(Event::Step { job, step: Step::Seen(seen) });
    }

    /// The job that was ordered last is done.
    pub fn end(&mut self, outcome: Outcome) {
        let job = self.last_job();
        self.apply(Event::Done { job, outcome: Ok(outcome) });
    }

    /// Looks at a tensor and counts it.
    pub fn look(&mut self, model: &Model, tensor: usize) {
        self.wish(Wish::Tensor(Some(tensor)));
        self.sees(Seen::Stats(Arc::new(counted(model, tensor, Depth::Full)), 1.0));
        self.end(Outcome::Found(Found::Looked));
    }

    /// Takes the block of a value apart.
    pub fn take_apart(&mut self, model: &Model, tensor: usize, at: [usize; 2]) {
        self.wish(Wish::Block(at));
        self.end(Outcome::Found(Found::Block(Arc::new(block(model, tensor, at)))));
    }
}
