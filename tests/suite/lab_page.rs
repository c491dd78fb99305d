//! The lab in the real app with its real worker, driven as a person does; and what its lanes promise.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::app::{App, Start};
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::lab::candidate::Candidate;
use ponder::lab::divergence::Settings;
use ponder::lab::label::Label;
use ponder::lab::mix::{Mix, Recipe};
use ponder::lab::quantize;
use ponder::lab::run::Status;
use ponder::library::Folders;
use ponder::message::lab::{Doing, Found, Lab, Start as Measure, Text, Told};
use ponder::message::{Command, Event, JobId, Outcome, Step};
use ponder::state::lab::{TextFrom, Wish};
use ponder::state::{Action, Page, Slot, State};
use ponder::units::Bytes;

use crate::support::bench::{Bench, generate};
use crate::support::loaded::pool;
use crate::support::tiny_llama::TinyLlama;

/// Far more than anything here takes.
const GUARD: Duration = Duration::from_mins(2);

const WORDS: &str = "What is heavy stays where it is; what is light goes where the wind goes. So the old scales were made of stone, and \
                     the new ones of numbers, and both are right as long as nobody leans on them. 3.14159, 2.71828: some have no end.";

fn llama() -> TinyLlama {
    TinyLlama { n_embd: 128, n_ff: 128, n_ctx: 64, gain: 3.0, ..TinyLlama::default() }
}

fn opened(path: &std::path::Path) -> Arc<Model> {
    Arc::new(Model::read(ModelFile::open(path).unwrap()))
}

/// A file of the same model in fewer bits, beside it.
fn smaller(model: &Model, label: Label) -> PathBuf {
    let path = model.file.path.with_file_name(format!("tiny-{}.gguf", label.name()));
    let mix = Mix::of(model, &Recipe::of(label)).unwrap();
    quantize::write(model, &mix, &path, &pool(2), &mut |_| true).unwrap();
    path
}

struct Window {
    harness: Harness<'static, App>,
    folder: tempfile::TempDir,
}

impl Window {
    /// The lab, with a small model as the reference and this text to be measured over.
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny-F32.gguf");
        llama().gguf().write(&path);
        let folders = Folders::at(folder.path().join("data"));
        let harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .allow_missing_glyphs()
            .build_eframe(move |cc| App::new(&cc.egui_ctx, folders, Start::default()).unwrap());
        let mut window = Self { harness, folder };
        let text = window.folder.path().join("text.txt");
        std::fs::write(&text, WORDS.repeat(8)).unwrap();
        window.perform(Action::Open { path, load: false });
        window.until("the header is read", |state| state.opened.ready().is_some());
        window.perform(Action::Lab(Wish::Text(TextFrom::File(text))));
        window.perform(Action::Go(Page::Lab));
        window.planned();
        window
    }

    fn state(&self) -> &State {
        self.harness.state().state()
    }

    fn perform(&mut self, action: Action) {
        self.harness.state_mut().perform(action);
    }

    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let start = Instant::now();
        while !holds(self.state()) {
            assert!(start.elapsed() < GUARD, "waited in vain until {what}: {:?}", self.state().lab.measuring);
            std::thread::sleep(Duration::from_millis(5));
            self.harness.step();
        }
        self.harness.run_steps(3);
    }

    fn planned(&mut self) {
        self.until("it is planned", |state| state.lab.planning.ready().is_some() && state.lab.plan.is_some());
    }

    #[track_caller]
    fn press(&mut self, name: &str) {
        self.harness.get_by_label(name).click_accesskit();
        self.harness.run_steps(3);
    }

    fn choose(&mut self, labels: &[&str]) {
        for label in labels {
            self.press(&format!("Compare {label}"));
            self.planned();
        }
    }

    fn measured(&mut self) {
        self.until("all is measured", |state| state.lab.measuring.job().is_none());
        assert!(self.state().lab.measuring.ready().is_some(), "{:?}", self.state().lab.measuring);
    }

    fn sees(&self, words: &str) -> bool {
        let has = |text: Option<String>| text.is_some_and(|text| text.contains(words));
        self.harness.root().children_recursive().any(|node| has(node.accesskit_node().value()) || has(node.accesskit_node().label()))
    }
}

#[test]
fn candidates_are_chosen_planned_measured_and_read_in_the_text() {
    let mut window = Window::open();
    window.choose(&["Q8_0", "Q4_0"]);
    assert!(window.sees("Q4_0: Q4_0"), "what it really becomes stands beside the name");
    assert!(window.sees("needs"), "what it takes is planned");
    window.press("Compare");
    window.until("there is a first figure", |state| state.lab.results.as_ref().is_some_and(|results| results.runs[0].summary.is_some()));
    window.measured();
    let results = window.state().lab.results.as_ref().unwrap();
    assert!(results.candidates().all(|(_, run)| run.status == Status::Done && run.decode.is_some() && run.booked.is_some()));
    let kl = |run: usize| results.runs[results.by_size()[run]].summary.unwrap().kld.mean;
    assert!(kl(0) < kl(1), "the smaller one is farther");
    assert!(window.sees("KL against size"));
    window.press("Show Where it differs");
    window.harness.get_by_label_contains("Quantization: Q8_0").focus();
    window.harness.run_steps(2);
    window.harness.key_press(egui::Key::ArrowRight);
    window.harness.run_steps(3);
    window.harness.get_by_label_contains("Quantization: Q4_0");
    let name = window
        .harness
        .get_all_by_role(egui::Role::Button)
        .find_map(|node| node.accesskit_node().label().filter(|label| label.starts_with("Go to ")));
    window.harness.get_all_by_label(&name.unwrap()).next().unwrap().click_accesskit();
    window.harness.run_steps(3);
    assert!(window.sees("What comes next") && window.sees("by the reference"));
}

#[test]
fn the_family_of_a_file_is_compared_in_one_click() {
    let mut window = Window::open();
    let model = Arc::clone(window.state().lab.reference.ready().unwrap());
    for label in [Label::Q8_0, Label::Q4_0] {
        smaller(&model, label);
    }
    // The folder is looked at when the reference is chosen.
    window.perform(Action::Lab(Wish::Reference(model.file.path.clone())));
    window.planned();
    window.press("Compare this family");
    window.until("both are read", |state| state.lab.picks.len() == 2);
    window.planned();
    assert!(window.sees("tiny Q4_0") && window.sees("tiny Q8_0"));
}

#[test]
fn what_if_is_measured_against_what_is_kept() {
    let mut window = Window::open();
    window.choose(&["Q4_0"]);
    window.press("Compare");
    window.measured();
    window.press("Role ffn_down");
    window.press("As Q8_0");
    window.press("Measure what if");
    window.until("it is added", |state| state.lab.results.as_ref().is_some_and(|results| results.candidates().count() == 2));
    window.measured();
    let results = window.state().lab.results.as_ref().unwrap();
    let added = &results.runs[results.looked_at().unwrap()];
    assert_eq!((added.candidate.name.as_str(), &added.status), ("Q4_0 but ffn_down Q8_0", &Status::Done));
    assert!(added.summary.unwrap().kld.mean < results.runs[0].summary.unwrap().kld.mean, "more bits, less divergence");
}

#[test]
fn a_file_that_goes_while_others_are_measured_is_told_and_the_rest_goes_on() {
    let mut window = Window::open();
    let gone = smaller(&window.state().lab.reference.ready().unwrap().clone(), Label::Q5_0);
    window.choose(&["Q8_0"]);
    window.perform(Action::Lab(Wish::Add(vec![gone.clone()])));
    window.until("its header is read", |state| state.lab.picks.len() == 2);
    window.choose(&["Q4_0"]);
    window.press("Compare");
    std::fs::remove_file(&gone).unwrap();
    window.measured();
    let results = window.state().lab.results.as_ref().unwrap();
    let ends: Vec<&Status> = results.candidates().map(|(_, run)| &run.status).collect();
    assert!(matches!(ends[..], [Status::Done, Status::Failed(_), Status::Done]), "{ends:?}");
    assert!(window.sees("tiny-Q5_0.gguf"), "the row and a notice say which file is gone");
}

#[test]
fn measuring_is_paused_gone_on_with_and_stopped() {
    let mut window = Window::open();
    std::fs::write(window.folder.path().join("text.txt"), WORDS.repeat(60)).unwrap();
    window.perform(Action::Lab(Wish::Chunks(200)));
    window.choose(&["Q8_0", "Q4_0"]);
    window.press("Compare");
    window.until("there is a figure", |state| state.lab.results.as_ref().is_some_and(|results| results.runs[0].summary.is_some()));
    window.press("Pause");
    window.until("it stands still", |state| state.lab.measuring.job().is_none());
    if !window.state().lab.is_paused() {
        return; // It was done before anybody could pause it.
    }
    let scored = window.state().lab.results.as_ref().unwrap().runs[0].scores.len();
    window.press("Go on");
    window.until("there are more figures", |state| {
        state.lab.measuring.job().is_none() || state.lab.results.as_ref().is_some_and(|results| results.runs[0].scores.len() > scored)
    });
    if window.state().lab.measuring.job().is_some() {
        window.press("Stop measuring");
    }
    window.until("it has stopped", |state| state.lab.measuring.job().is_none());
    assert!(window.state().lab.results.as_ref().unwrap().runs[0].summary.is_some(), "what was measured stays");
}

#[test]
fn the_window_closes_while_it_measures() {
    let mut window = Window::open();
    std::fs::write(window.folder.path().join("text.txt"), WORDS.repeat(60)).unwrap();
    window.perform(Action::Lab(Wish::Chunks(200)));
    window.choose(&["Q8_0", "Q4_0", "Q2_K"]);
    window.press("Compare");
    window.until("it has begun", |state| state.lab.results.is_some());
    drop(window);
}

#[test]
fn a_text_that_cannot_be_read_is_told_before_anything_is_loaded() {
    let mut window = Window::open();
    window.choose(&["Q4_0"]);
    let none = window.folder.path().join("none.txt");
    window.perform(Action::Lab(Wish::Text(TextFrom::File(none))));
    window.press("Compare");
    window.until("it is refused", |state| matches!(state.lab.measuring, Slot::Failed(_)));
    assert!(window.sees("none.txt") && window.state().lab.results.is_none());
}

fn measure(bench: &Bench, labels: &[Label]) -> Measure {
    let model = opened(&bench.file("tiny-F32.gguf", &llama()));
    let made = |label: &Label| Candidate::made(Arc::clone(&model), &Recipe::of(*label)).unwrap();
    Measure {
        reference: Candidate::file(Arc::clone(&model)).unwrap(),
        candidates: labels.iter().map(made).collect(),
        text: Text::Words(WORDS.repeat(8).into()),
        settings: Settings { chunk: 64, most_chunks: Some(8), threads: 2, ..Settings::default() },
    }
}

fn order(lab: Lab) -> Command {
    Command::Lab(Box::new(lab))
}

fn told(event: &Event, job: JobId) -> Option<&Told> {
    match event {
        Event::Step { job: of, step: Step::Lab(told) } if *of == job => Some(told),
        _ => None,
    }
}

/// What the books hold now.
fn booked(bench: &mut Bench) -> Bytes {
    bench.settle();
    bench.worker().sample();
    bench.wait_for(|event| match event {
        Event::Gauge { sample, .. } => Some(sample.charged.sum()),
        _ => None,
    })
}

#[test]
fn stopping_frees_the_models_and_going_on_finishes_what_was_begun() {
    let mut bench = Bench::with_gate_at("lab");
    let start = measure(&bench, &[Label::Q8_0, Label::Q4_0]);
    let job = bench.send(order(Lab::Start(Box::new(start))));
    bench.wait_for(|event| matches!(told(event, job), Some(Told::Point(_))).then_some(()));
    bench.gate.set(true);
    bench.run(Command::Stop(job)).unwrap();
    bench.gate.set(false);
    assert!(matches!(bench.done(job), Err(Error::Cancelled)));
    let on = bench.send(order(Lab::GoOn));
    assert!(matches!(bench.done(on), Ok(Outcome::Lab(Found::All))));
    let points = |bench: &Bench, job| bench.events.iter().filter(|event| matches!(told(event, job), Some(Told::Point(_)))).count();
    // Two candidates with 8 chunks each and the noise floor with 2, and a first impression of each.
    assert_eq!(points(&bench, job) + points(&bench, on), 8 + 8 + 2 + 3);
    assert!(booked(&mut bench) > Bytes(0), "what is kept for what-if is in the books");
    bench.run(order(Lab::Forget)).unwrap();
    assert_eq!(booked(&mut bench), Bytes(0));
    assert!(bench.run(order(Lab::GoOn)).is_err(), "nothing is kept any more");
    bench.assert_each_ended_once();
}

#[test]
fn measuring_gives_way_to_an_answer() {
    let mut bench = Bench::with_gate_at("engine");
    let path = bench.file("answers.gguf", &TinyLlama::default());
    let receipt = bench.load(&path).unwrap();
    let start = measure(&bench, &[Label::Q4_0]);
    bench.gate.set(true);
    let answer = bench.send(generate(receipt.id, "Once", 20));
    // The answer stands still behind its first event; whoever measures meanwhile has to wait.
    bench.wait_for(|event| matches!(event, Event::Step { job, .. } if *job == answer).then_some(()));
    let job = bench.send(order(Lab::Start(Box::new(start))));
    let waits =
        |event: &Event| matches!(told(event, job), Some(Told::Progress(progress)) if progress.doing == Doing::Yielding).then_some(());
    bench.wait_for(waits);
    assert!(!bench.events.iter().any(|event| matches!(told(event, job), Some(Told::Point(_)))));
    bench.gate.set(false);
    assert!(bench.done(job).is_ok());
    bench.settle();
    bench.assert_each_ended_once();
}
