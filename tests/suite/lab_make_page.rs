//! Distortion and keeping on the page of the lab: measured and ranked, written and opened, stopped and refused; and a full disk.

use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;

use egui_kittest::kittest::Queryable as _;
use ponder::error::Error;
use ponder::file::{DType, ModelFile};
use ponder::inspect::Model;
use ponder::lab::candidate::Candidate;
use ponder::lab::distortion::{self, Against};
use ponder::lab::label::Label;
use ponder::lab::mix::{Mix, Recipe};
use ponder::lab::quantize;
use ponder::message::make::{Made, Make, Making};
use ponder::message::{Command, Event, JobId, Outcome, Step};
use ponder::state::make::Wish;
use ponder::state::{Action, Page, Tone};
use ponder::units::Bytes;

use crate::support::bench::Bench;
use crate::support::lab_window::{LabWindow, llama};
use crate::support::loaded::{open, pool};
use crate::support::tiny_llama::TinyLlama;

/// Large enough that writing it is seen.
fn larger() -> TinyLlama {
    TinyLlama { n_layers: 12, n_embd: 512, n_ff: 1_024, ..llama() }
}

#[test]
fn a_candidates_tensors_are_measured_ranked_and_looked_at() {
    let mut window = LabWindow::open(&llama());
    window.choose(&["Q8_0", "Q2_K"]);
    window.press("Show Distortion");
    window.pick("Candidate", "Q2_K");
    window.until("it is measured", |state| state.workshop.distorting.ready().is_some());
    let model = window.state().reference().unwrap();
    let mix = Mix::of(&model, &Recipe::of(Label::Q2K)).unwrap();
    let expected = distortion::measure(&model, Against::Mix(&mix), &pool(1), &mut |_, _| true).unwrap();
    let shown = window.state().workshop.shown.clone().unwrap();
    let found = window.state().workshop.distortion(&model, &shown).unwrap().clone();
    assert!(found.whole);
    assert_eq!(found.tensors[..], expected[..], "what the headless function measures");
    let worst = expected.iter().max_by(|a, b| a.relative_rmse.total_cmp(&b.relative_rmse)).unwrap();
    assert!(window.sees("RMSE relative to the tensor's spread from"));
    let name = format!("{}, F32 →", worst.name);
    let row = window.harness.get_all_by_label_contains(&name).next();
    row.expect("the worst stands in the list").click_accesskit();
    window.harness.run_steps(3);
    assert!(window.sees("bits per weight"));
    window.press("Show the tensor");
    assert_eq!(window.state().page, Page::Tensors);
    let at = window.state().browsing.tensor().unwrap();
    assert_eq!(model.file.tensors[at].name, worst.name);
}

#[test]
fn what_was_measured_is_kept_and_a_newer_choice_stops_the_older() {
    let mut window = LabWindow::open(&larger());
    window.choose(&["Q8_0", "Q2_K"]);
    window.press("Show Distortion");
    let offers = window.state().side.offers.clone();
    let who = |name: &str| offers.iter().find(|who| who.0.name == name).unwrap().clone();
    window.perform(Action::Make(Wish::Distort(who("Q2_K"))));
    window.perform(Action::Make(Wish::Distort(who("Q8_0"))));
    window.until("the newer is measured", |state| state.workshop.distorting.ready().is_some());
    let model = window.state().reference().unwrap();
    assert!(window.state().workshop.distortion(&model, &who("Q8_0")).unwrap().whole);
    assert!(!window.state().workshop.distortion(&model, &who("Q2_K")).unwrap().whole, "the older was stopped");
    window.perform(Action::Make(Wish::Distort(who("Q2_K"))));
    window.until("the older is measured after all", |state| state.workshop.distorting.ready().is_some());
    window.perform(Action::Make(Wish::Distort(who("Q8_0"))));
    assert!(window.state().workshop.distorting.job().is_none(), "what is known is not measured again");
}

#[test]
fn a_candidate_is_written_where_it_was_proposed_and_opens() {
    let mut window = LabWindow::open(&llama());
    window.choose(&["Q4_K_M"]);
    window.press("Show Keep it");
    window.pick("Candidate to keep", "Q4_K_M");
    let place = window.folder.path().join("tiny-Q4_K_M.gguf");
    assert_eq!(window.state().workshop.keeping.as_ref().unwrap().place, place.to_string_lossy());
    window.until("the room is known", |state| state.workshop.room.ready().is_some());
    assert!(window.sees("≈"), "the planned size is shown before");
    window.press("Write the file");
    window.until("it is written", |state| state.workshop.writing.job().is_none());
    let (path, bytes) = window.state().workshop.writing.ready().unwrap().clone();
    assert_eq!(path, place);
    assert_eq!(bytes, Bytes(std::fs::metadata(&place).unwrap().len()));
    let planned = window.state().workshop.keeping.as_ref().unwrap().bytes;
    assert!(planned.0.abs_diff(bytes.0) < 4_096, "{planned} planned, {bytes} written");
    let written = open(&place);
    assert_eq!(written.quantization().as_deref(), Some("Q4_K_M"));
    assert!(written.file.tensors.iter().any(|tensor| tensor.dtype == DType::Q4K));
    assert_eq!(window.files(), ["tiny-F32.gguf", "tiny-Q4_K_M.gguf"]);
    window.harness.get_all_by_label("Open it").next().unwrap().click_accesskit();
    window.harness.run_steps(3);
    window.until("it is open", |state| state.opened.ready().is_some_and(|opened| opened.model.file.path == place));
}

#[test]
fn the_reference_and_what_is_there_are_not_overwritten() {
    let mut window = LabWindow::open(&llama());
    window.choose(&["Q8_0"]);
    window.press("Show Keep it");
    window.pick("Candidate to keep", "Q8_0");
    let reference = window.reference();
    let before = std::fs::read(&reference).unwrap();
    window.perform(Action::Make(Wish::Place(reference.to_string_lossy().into_owned())));
    window.harness.run_steps(3);
    assert!(window.sees("That is the file it is made from"));
    window.perform(Action::Make(Wish::Write));
    assert!(window.state().workshop.writing.job().is_none(), "nothing is ordered");
    // by a way around, as a link has
    let around = window.folder.path().join("data").join("..").join("tiny-F32.gguf");
    window.perform(Action::Make(Wish::Placed(around)));
    window.perform(Action::Make(Wish::Write));
    window.until("it is refused", |state| state.workshop.writing.job().is_none());
    assert!(window.sees("it is the model that is being read"));
    let there = window.folder.path().join("there.gguf");
    std::fs::write(&there, "mine").unwrap();
    window.perform(Action::Make(Wish::Place(there.to_string_lossy().into_owned())));
    window.perform(Action::Make(Wish::Write));
    window.until("it is refused", |state| state.workshop.writing.job().is_none());
    assert!(window.sees("is there already"));
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
    assert_eq!(std::fs::read(&reference).unwrap(), before);
    assert_eq!(window.files(), ["there.gguf", "tiny-F32.gguf"]);
    window.perform(Action::Make(Wish::Placed(there.clone())));
    window.perform(Action::Make(Wish::Write));
    window.until("what the dialog asked about is replaced", |state| state.workshop.writing.ready().is_some());
    assert_eq!(open(&there).quantization().as_deref(), Some("Q8_0"));
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let mut window = LabWindow::open(&llama());
    window.choose(&["Q8_0"]);
    window.press("Show Keep it");
    window.pick("Candidate to keep", "Q8_0");
    let place = window.folder.path().join("nowhere").join("file.gguf");
    window.perform(Action::Make(Wish::Place(place.to_string_lossy().into_owned())));
    window.until("the room is asked", |state| state.workshop.room.ready().is_some());
    assert!(window.sees("is not known"));
    window.press("Write the file");
    window.until("it has failed", |state| state.workshop.writing.job().is_none());
    assert!(window.sees("make sure that the folder exists"));
    assert!(window.state().notices.iter().any(|notice| notice.tone == Tone::Error));
}

fn writing(model: &Arc<Model>, path: &Path) -> Command {
    let candidate = Arc::new(Candidate::made(Arc::clone(model), &Recipe::of(Label::Q2K)).unwrap());
    Command::Make(Box::new(Make::Write { candidate, path: path.to_owned(), replace: false }))
}

fn is_writing(event: &Event, job: JobId) -> bool {
    matches!(event, Event::Step { job: of, step: Step::Making(Making::Writing(_)) } if *of == job)
}

#[test]
fn a_file_that_is_stopped_mid_way_leaves_nothing() {
    let mut bench = Bench::with_gate_at("make");
    let model = Arc::new(open(&bench.file("larger.gguf", &larger())));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stopped.gguf");
    bench.gate.set(true);
    let job = bench.send(writing(&model, &path));
    bench.wait_for(|event| is_writing(event, job).then_some(()));
    bench.run(Command::Stop(job)).unwrap();
    bench.gate.set(false);
    assert!(matches!(bench.done(job), Err(Error::Cancelled)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    bench.settle();
    bench.assert_each_ended_once();
}

#[test]
fn closing_the_window_mid_way_leaves_nothing() {
    let mut bench = Bench::with_gate_at("make");
    let model = Arc::new(open(&bench.file("larger.gguf", &larger())));
    let folder = tempfile::tempdir().unwrap();
    bench.gate.set(true);
    let job = bench.send(writing(&model, &folder.path().join("closed.gguf")));
    bench.wait_for(|event| is_writing(event, job).then_some(()));
    let gate = Arc::clone(&bench.gate);
    let opener = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        gate.set(false);
    });
    bench.worker.take();
    opener.join().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_lane_measures_files_against_each_other_too() {
    let mut bench = Bench::new();
    let model = Arc::new(open(&bench.file("reference.gguf", &llama())));
    let other = bench.folder.path().join("other.gguf");
    quantize::write(&model, &Mix::of(&model, &Recipe::of(Label::Q4_0)).unwrap(), &other, &pool(2), &mut |_| true).unwrap();
    let other = Arc::new(Candidate::file(Arc::new(Model::read(ModelFile::open(&other).unwrap()))).unwrap());
    let expected = distortion::measure(&model, Against::File(&other.model), &pool(1), &mut |_, _| true).unwrap();
    let job = bench.send(Command::Make(Box::new(Make::Distort { reference: model, candidate: other })));
    assert!(matches!(bench.done(job), Ok(Outcome::Made(Made::Distorted))));
    let found = bench.events.iter().filter_map(|event| match event {
        Event::Step { job: of, step: Step::Making(Making::Distorted { tensors, .. }) } if *of == job => Some(tensors.clone()),
        _ => None,
    });
    assert_eq!(found.flatten().collect::<Vec<_>>(), expected);
}

/// The variable that holds a child's folder.
#[cfg(unix)]
const FOLDER: &str = "PONDER_TEST_MAKE_FOLDER";

#[cfg(unix)]
#[test]
#[ignore = "is run by another test, in which files can't grow"]
fn make_child_on_a_full_disk() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut bench = Bench::new();
    let model = Arc::new(open(&folder.join("larger.gguf")));
    let error = bench.run(writing(&model, &folder.join("out.gguf"))).unwrap_err().to_string();
    assert!(error.contains("out.gguf") && error.contains("free some space"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    larger().gguf().write(&folder.path().join("larger.gguf"));
    let child = Process::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 512; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["lab_make_page::make_child_on_a_full_disk", "--exact", "--ignored"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["larger.gguf"]);
}
