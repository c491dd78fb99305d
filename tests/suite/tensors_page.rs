//! The page of tensors in the real app with its real worker, driven as a person does; and what its lanes promise.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::app::{App, Start};
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::library::Folders;
use ponder::message::browse::{Browse, Found, Subject, What};
use ponder::message::export::{self, Export};
use ponder::message::{Command, Event, Outcome};
use ponder::state::browse::Wish;
use ponder::state::{Action, Page, State};

use crate::support::bench::{Bench, generate, generated};
use crate::support::tiny_llama::TinyLlama;

/// Far more than anything here takes.
const GUARD: Duration = Duration::from_mins(2);

struct Window {
    harness: Harness<'static, App>,
    folder: tempfile::TempDir,
}

impl Window {
    /// The page, with a small model open.
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        TinyLlama::default().gguf().write(&path);
        let folders = Folders::at(folder.path().join("data"));
        let harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .allow_missing_glyphs()
            .build_eframe(move |cc| App::new(&cc.egui_ctx, folders, Start::default()).unwrap());
        let mut window = Self { harness, folder };
        window.perform(Action::Open { path, load: false });
        window.until("the header is read", |state| state.opened.ready().is_some());
        window.perform(Action::Go(Page::Tensors));
        window.harness.run_steps(3);
        window
    }

    fn state(&self) -> &State {
        self.harness.state().state()
    }

    fn perform(&mut self, action: Action) {
        self.harness.state_mut().perform(action);
    }

    fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let start = Instant::now();
        while !holds(self.state()) {
            assert!(start.elapsed() < GUARD, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(5));
            self.harness.step();
        }
        self.harness.run_steps(3);
    }

    /// Names of the rows in the list.
    fn rows(&self) -> Vec<String> {
        let rows = self.harness.get_all_by_role(egui::Role::TreeItem);
        rows.map(|node| node.accesskit_node().label().unwrap_or_default()).collect()
    }

    fn choose(&mut self, name: &str) {
        self.harness.get_by_label_contains(name).click();
        self.harness.run_steps(2);
        self.until("it is drawn and counted", |state| state.browsing.look.ready().is_some());
    }

    /// Turns the wheel over the middle of the picture.
    fn wheel(&mut self, points: f32) {
        let at = self.harness.get_by_role(egui::Role::Canvas).rect().center();
        self.harness.hover_at(at);
        self.harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, points),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: egui::Modifiers::NONE,
        });
        self.harness.run_steps(30);
    }
}

#[test]
fn the_list_is_filtered_as_one_types_and_sorted_by_a_click() {
    let mut window = Window::open();
    window.harness.get_by_label("Filter tensors").focus();
    window.harness.run_steps(2);
    window.harness.get_by_label("Filter tensors").type_text("layer:0 role:attn_q");
    window.harness.run_steps(3);
    let rows = window.rows();
    assert!(rows.iter().any(|row| row.starts_with("blk.0.attn_q.weight")), "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains("ffn") || row.contains("blk.1")), "{rows:?}");

    let mut window = Window::open();
    if window.harness.query_by_label("Show as a flat list").is_some() {
        window.harness.get_by_label("Show as a flat list").click();
    }
    window.harness.run_steps(2);
    window.harness.get_by_label("Sort by size").click();
    window.harness.run_steps(3);
    let largest = window.state().opened.ready().unwrap().model.file.tensors.iter().max_by_key(|tensor| tensor.bytes).unwrap().bytes;
    let first = window.rows()[0].clone();
    assert!(first.ends_with(&largest.on_disk()), "{first} is the largest");
}

#[test]
fn a_tensor_is_seen_whole_then_near_then_as_the_block_of_a_value_and_left_again() {
    let mut window = Window::open();
    window.harness.get_by_label_contains("Map of the file");
    window.perform(Action::Browse(Wish::Tensor(Some(0))));
    window.until("it is drawn and counted", |state| state.browsing.look.ready().is_some());
    window.harness.get_by_label_contains("Picture of");
    assert!(window.state().browsing.stats.as_ref().is_some_and(|(_, share)| *share >= 1.0));

    window.wheel(2_000.0);
    window.until("the values are here", |state| !state.browsing.tiles.is_empty() && !state.browsing.is_tiling());
    let tile = window.state().browsing.tiles.values().next().unwrap();
    assert_eq!((tile.key.row_shift, tile.key.col_shift), (0, 0), "so near, every value is drawn");
    window.harness.get_by_role(egui::Role::Canvas).click();
    window.harness.run_steps(2);
    window.until("the block is taken apart", |state| state.browsing.block.ready().is_some());

    window.harness.get_by_label("Whole file").click();
    window.harness.run_steps(3);
    window.harness.get_by_label_contains("Map of the file");
}

#[test]
fn two_files_are_compared_and_what_they_differ_by_is_drawn() {
    let mut window = Window::open();
    let other = window.folder.path().join("other.gguf");
    TinyLlama { seed: 99, ..TinyLlama::default() }.gguf().write(&other);
    window.perform(Action::Browse(Wish::Compare(other)));
    window.until("both are compared", |state| state.browsing.comparing.ready().is_some());
    let comparison = window.state().browsing.comparison.as_ref().unwrap();
    let changed = *comparison.distances.iter().find(|(_, distance)| distance.as_ref().is_ok_and(|d| !d.identical)).unwrap().0;
    window.perform(Action::Browse(Wish::Difference(changed)));
    window.until("the difference is drawn", |state| state.browsing.look.ready().is_some());
    assert!(matches!(window.state().browsing.subject.as_ref().unwrap().what, What::Difference { .. }));
    window.harness.get_by_label_contains("Picture of");
}

#[test]
fn another_file_lets_go_of_what_was_seen_of_the_one_before() {
    let mut window = Window::open();
    window.choose("output_norm.weight");
    let path = window.folder.path().join("second.gguf");
    TinyLlama { seed: 7, ..TinyLlama::default() }.gguf().write(&path);
    window.perform(Action::Open { path: path.clone(), load: false });
    window.until("the other is open", |state| state.opened.ready().is_some_and(|opened| opened.model.file.path == path));
    let browsing = &window.state().browsing;
    assert!(browsing.subject.is_none() && browsing.picture.is_none() && browsing.stats.is_none() && browsing.counted.is_empty());
}

fn opened(path: &Path) -> Arc<Model> {
    Arc::new(Model::read(ModelFile::open(path).unwrap()))
}

fn look(model: &Arc<Model>, tensor: usize) -> Command {
    let subject = Subject { model: Arc::clone(model), what: What::Values { tensor, slice: 0 }, rows: None, cols: None };
    Command::Browse(Box::new(Browse::Look { subject, statistics: true }))
}

#[test]
fn a_newer_look_stops_the_one_before_it() {
    let mut bench = Bench::with_gate_at("look");
    let path = bench.folder.path().join("tiny.gguf");
    TinyLlama::default().gguf().write(&path);
    let model = opened(&path);
    // The lane stands still at the first picture of the first look.
    bench.gate.set(true);
    let first = bench.send(look(&model, 0));
    let second = bench.send(look(&model, 1));
    bench.gate.set(false);
    assert!(matches!(bench.done(first), Err(Error::Cancelled)));
    assert!(matches!(bench.done(second), Ok(Outcome::Found(Found::Looked))));
    let late = bench.events.iter().filter(|event| matches!(event, Event::Step { job, .. } if *job == second)).count();
    assert!(late > 0, "the second look showed something");
}

#[test]
fn a_tensor_is_written_whole_as_numpy_reads_it() {
    let mut bench = Bench::new();
    let path = bench.folder.path().join("tiny.gguf");
    TinyLlama::default().gguf().write(&path);
    let model = opened(&path);
    let tensor = model.file.tensors.iter().position(|tensor| tensor.shape.len() == 2).unwrap();
    let to = bench.folder.path().join("values.npy");
    let export = Export { what: export::What::Npy { model: Arc::clone(&model), tensor }, path: to.clone() };
    assert!(matches!(bench.run(Command::Export(Box::new(export))), Ok(Outcome::Written(path)) if path == to));
    let bytes = std::fs::read(&to).unwrap();
    assert!(bytes.starts_with(b"\x93NUMPY"));
    let values = usize::try_from(model.file.tensors[tensor].elements()).unwrap();
    assert_eq!(bytes.len() % 64, (4 * values) % 64, "the header is whole lines, the rest is F32");
    assert!(bytes.len() > 4 * values);
}

/// What an answer loses to a survey of a large file that runs beside it: `PONDER_LARGE=FILE.gguf`, and look at what is printed.
#[test]
#[ignore = "measures; needs a large file"]
fn browsing_beside_an_answer_is_measured() {
    let (Some(starter), Some(large)) = (crate::support::starter(), std::env::var_os("PONDER_LARGE")) else { return };
    let mut bench = Bench::new();
    let receipt = bench.load(&starter).unwrap();
    let large = opened(Path::new(&large));
    for pair in 0..3 {
        let mut speeds = [0.0; 2];
        for (beside, speed) in [false, true].into_iter().zip(&mut speeds) {
            let survey = beside.then(|| {
                let survey = Browse::Survey { model: Arc::clone(&large), tensors: (0..large.file.tensors.len()).collect() };
                bench.send(Command::Browse(Box::new(survey)))
            });
            let answer = bench.send(generate(receipt.id, "Once upon a time", 300));
            *speed = generated(bench.done(answer)).decode.0;
            if let Some(survey) = survey {
                bench.run(Command::Stop(survey)).unwrap();
                bench.settle();
            }
        }
        eprintln!("pair {pair}: alone {:.1}, beside a survey {:.1} tokens a second: {:.3}", speeds[0], speeds[1], speeds[1] / speeds[0]);
    }
}
