//! The pictures of `screenshots/`: the real app, the real model, a scripted session. They are rewritten only under
//! `UPDATE_SCREENSHOTS=1`; without it the session is driven and drawn all the same.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::app::{App, Start};
use ponder::engine::sampler::Sampling;
use ponder::inspect::Model;
use ponder::lab::label::{Keep, Label};
use ponder::lab::mix::{Mix, Recipe};
use ponder::lab::quantize;
use ponder::library::Folders;
use ponder::state::browse::Wish;
use ponder::state::lab::Wish as Experiment;
use ponder::state::side::Wish as SideWish;
use ponder::state::{Action, Page, Slot, State, make};
use ponder::store::settings::{Settings, Theme};

use crate::support::loaded::pool;
use crate::support::starter;

/// Far more than any step takes; a session that hangs must not hang the suite.
const PATIENCE: Duration = Duration::from_mins(5);

fn wants(word: &str) -> bool {
    std::env::var("PONDER_REQUIRE").is_ok_and(|list| list.split(',').any(|item| item.trim() == word))
}

/// Whether there is a graphics device to draw with, the processor's own included.
pub fn can_draw() -> bool {
    let drawn = std::panic::catch_unwind(|| {
        let mut harness = Harness::builder().with_size([8.0, 8.0]).wgpu().build_ui(|ui| {
            ui.label("x");
        });
        harness.render().is_ok()
    });
    let can = drawn.unwrap_or(false);
    assert!(can || !wants("pictures"), "PONDER_REQUIRE asks for pictures, and nothing here can draw them");
    if !can {
        eprintln!("without pictures: no graphics device, not even a software one");
    }
    can
}

struct Session {
    harness: Harness<'static, App>,
    theme: &'static str,
    folder: tempfile::TempDir,
}

impl Session {
    fn start(model: &Path, theme: Theme) -> Self {
        let folder = tempfile::Builder::new().prefix("Ponder ").tempdir().unwrap();
        let folders = Folders::at(folder.path());
        std::fs::create_dir_all(&folders.models).unwrap();
        std::fs::hard_link(model, folders.models.join(model.file_name().unwrap()))
            .or_else(|_| std::fs::copy(model, folders.models.join(model.file_name().unwrap())).map(|_| ()))
            .unwrap();
        let settings = Settings { theme, ..Settings::default() };
        let text = serde_json::to_vec(&settings).unwrap();
        std::fs::write(&folders.settings_file, text).unwrap();
        let start = Start { settings, software_renderer: true, open: None };
        let harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .with_pixels_per_point(1.5)
            .with_render_cursor(false)
            .wgpu()
            .build_eframe(move |cc| App::new(&cc.egui_ctx, folders, start).unwrap());
        let name = if theme == Theme::Dark { "dark" } else { "light" };
        Self { harness, theme: name, folder }
    }

    fn perform(&mut self, action: Action) {
        self.harness.state_mut().perform(action);
    }

    /// Draws frames until the state is as it should be.
    fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let start = Instant::now();
        while !holds(self.harness.state().state()) {
            assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(10));
            self.harness.step();
        }
        self.harness.run_steps(4);
    }

    fn picture(&mut self, name: &str) {
        let image = self.harness.render().unwrap();
        let colours: std::collections::BTreeSet<_> = image.pixels().step_by(97).map(|pixel| pixel.0).collect();
        assert!(colours.len() > 8, "{name} is empty");
        if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("screenshots").join(format!("{name}-{}.png", self.theme));
            image.save(path).unwrap();
        }
    }

    /// Turns the wheel over the middle of the picture.
    fn nearer(&mut self, turns: f32) {
        let at = self.harness.get_by_label_contains("Picture of").rect().center();
        self.harness.hover_at(at);
        let delta = egui::vec2(0.0, 120.0 * turns);
        self.harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: egui::Modifiers::NONE,
        });
        self.harness.run_steps(30);
        self.harness.hover_at(egui::pos2(700.0, 6.0));
        self.harness.run_steps(4);
    }

    fn ask(&mut self, text: &str) {
        self.perform(Action::Draft(text.to_owned()));
        self.perform(Action::Send);
        let turns = self.harness.state().state().chats.current().turns.len();
        self.until("the answer is complete", |state| {
            state.answering.is_none() && state.chats.current().turns.len() > turns && !state.unsaved()
        });
    }
}

/// Writes a model with some of its matrices in fewer bits.
fn coarser(model: &Model, path: &Path) {
    let keep = vec![Keep::parse("ffn_down=q3_k").unwrap()];
    let recipe = Recipe { keep, ..Recipe::of(Label::named("q4_1").unwrap()) };
    let mix = Mix::of(model, &recipe).unwrap();
    quantize::write(model, &mix, path, &pool(2), &mut |_| true).unwrap();
}

fn tour(model: &Path, theme: Theme) {
    let mut session = Session::start(model, theme);
    session.until("the disk is searched", |state| matches!(state.found, Slot::Ready(_)) && state.restored.ready().is_some());
    session.picture("home");

    let file = session.harness.state().state().found.ready().unwrap()[0].path.clone();
    session.perform(Action::Open { path: file, load: false });
    session.until("the header is read", |state| state.opened.ready().is_some());
    session.harness.get_by_label_contains("Will it fit");
    session.picture("model");

    session.perform(Action::Load { anyway: false });
    session.until("the model is loaded", |state| state.loaded.is_some());
    session.perform(Action::SetSampling(Sampling { max_tokens: 120, ..Sampling::greedy() }));
    session.ask("What color is the sky?");
    let answer = session.harness.state().state().chats.current().turns[1].text.clone();
    assert!(answer.contains("beautiful shade of blue"), "{answer}");
    session.ask("Write a short Python function that returns the mean of a list.");
    assert_eq!(session.harness.state().state().page, Page::Chat);
    session.picture("chat");

    session.perform(Action::SetSampling(Sampling { max_tokens: 800, ..Sampling::greedy() }));
    session.ask("Write a long story about a kitchen scale.");
    session.perform(Action::Go(Page::Memory));
    session.harness.run_steps(4);
    session.picture("memory");
    assert!(session.harness.state().state().memory.samples().len() > 20);
    tensors(&mut session);
}

/// The page of tensors: the map of the file, a matrix, its numbers, all tensors in a grid, and two files beside each other.
fn tensors(session: &mut Session) {
    let place = |session: &Session, name: &str| {
        let opened = session.harness.state().state().opened.ready().unwrap();
        opened.model.file.tensors.iter().position(|tensor| tensor.name == name).unwrap()
    };
    let looked = |state: &State| {
        let browsing = &state.browsing;
        browsing.stats.as_ref().is_some_and(|(_, share)| *share >= 1.0) && browsing.look.job().is_none() && !browsing.is_tiling()
    };
    session.perform(Action::Go(Page::Tensors));
    session.harness.run_steps(4);
    session.picture("tensors");
    let tensor = place(session, "blk.7.attn_k.weight");
    session.perform(Action::Browse(Wish::Tensor(Some(tensor))));
    session.harness.run_steps(4);
    session.until("the tensor is counted and drawn", looked);
    session.picture("heat-map");
    session.perform(Action::Browse(Wish::Block([96, 288])));
    session.until("the block is taken apart", |state| state.browsing.block.ready().is_some());
    session.nearer(9.0);
    session.until("the numbers are here", looked);
    session.picture("numbers");
    let matrix = place(session, "blk.12.ffn_up.weight");
    session.perform(Action::Browse(Wish::Tensor(Some(matrix))));
    session.harness.run_steps(4);
    session.until("the matrix is counted and drawn", looked);
    session.perform(Action::Browse(Wish::Block([700, 300])));
    session.until("its block is taken apart", |state| state.browsing.block.ready().is_some());
    session.harness.get_all_by_label_contains("codes used").last().unwrap().scroll_to_me();
    session.harness.run_steps(30);
    session.harness.get_by_label("Range Middle").click();
    session.harness.run_steps(4);
    session.harness.hover_at(egui::pos2(700.0, 6.0));
    session.harness.run_steps(4);
    session.picture("histogram");
    session.perform(Action::Browse(Wish::Survey));
    session.until("all tensors are counted", |state| state.browsing.survey.ready().is_some());
    session.harness.get_by_label("Show Layers × roles").click();
    session.harness.run_steps(4);
    session.harness.get_by_role_and_label(Role::ComboBox, "Colour by").click();
    session.harness.run_steps(4);
    session.harness.get_by_label("standard deviation").click();
    session.harness.run_steps(4);
    session.harness.hover_at(egui::pos2(700.0, 6.0));
    session.harness.run_steps(4);
    session.picture("layers-by-roles");
    let other = session.folder.path().join("coarser.gguf");
    coarser(&session.harness.state().state().opened.ready().unwrap().model, &other);
    session.perform(Action::Browse(Wish::Compare(other)));
    session.until("both files are compared", |state| state.browsing.comparing.ready().is_some());
    session.harness.get_by_label("Show Compare").click();
    session.harness.run_steps(4);
    session.picture("compare");
}

/// The lab: a ladder measured against the model, and the text where it differs.
fn lab(model: &Path, theme: Theme) {
    let mut session = Session::start(model, theme);
    session.until("the disk is searched", |state| matches!(state.found, Slot::Ready(_)) && state.restored.ready().is_some());
    let file = session.harness.state().state().found.ready().unwrap()[0].path.clone();
    session.perform(Action::Open { path: file, load: false });
    session.until("the header is read", |state| state.opened.ready().is_some());
    session.perform(Action::Go(Page::Lab));
    let planned = |state: &State| state.lab.plan.is_some() && state.lab.planning.job().is_none();
    session.until("the reference is planned", planned);
    for label in ["q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "q3_k_m", "q2_k"] {
        session.perform(Action::Lab(Experiment::Label(Label::named(label).unwrap(), true)));
    }
    session.perform(Action::Lab(Experiment::Chunks(1)));
    session.until("the candidates are planned", planned);
    session.perform(Action::Lab(Experiment::Compare));
    session.until("all is measured", |state| state.lab.measuring.job().is_none());
    let results = session.harness.state().state().lab.results.as_ref().unwrap();
    assert!(results.candidates().all(|(_, run)| run.status == ponder::lab::run::Status::Done));
    let run = |name: &str| results.candidates().find(|(_, run)| run.candidate.name == name).unwrap().0;
    let (middle, small) = (run("Q4_K_M"), run("Q3_K_M"));
    session.perform(Action::Lab(Experiment::Select(middle)));
    session.harness.hover_at(egui::pos2(700.0, 6.0));
    session.harness.run_steps(4);
    session.picture("lab-pareto");
    session.perform(Action::Lab(Experiment::Select(small)));
    session.harness.get_by_label("Show Where it differs").click();
    session.harness.run_steps(4);
    let worst = session
        .harness
        .get_all_by_role(egui::Role::Button)
        .find_map(|node| node.accesskit_node().label().filter(|label| label.starts_with("Go to ")));
    session.harness.get_all_by_label(&worst.unwrap()).next().unwrap().click();
    session.harness.run_steps(4);
    session.harness.hover_at(egui::pos2(700.0, 6.0));
    session.harness.run_steps(4);
    session.picture("divergence-text");
}

#[test]
fn the_pictures_show_the_real_model_in_both_themes() {
    let Some(model) = starter() else { return };
    if !can_draw() {
        return;
    }
    tour(&model, Theme::Dark);
    tour(&model, Theme::Light);
}

#[test]
fn the_lab_shows_a_real_ladder_in_both_themes() {
    let Some(model) = starter() else { return };
    if !can_draw() {
        return;
    }
    lab(&model, Theme::Dark);
    lab(&model, Theme::Light);
}

/// Side by side and distortion, of the starter model and what is made from it.
fn lab_sections(model: &Path, theme: Theme) {
    let mut session = Session::start(model, theme);
    session.until("the disk is searched", |state| matches!(state.found, Slot::Ready(_)) && state.restored.ready().is_some());
    let file = session.harness.state().state().found.ready().unwrap()[0].path.clone();
    session.perform(Action::Open { path: file, load: false });
    session.until("the header is read", |state| state.opened.ready().is_some());
    session.perform(Action::Go(Page::Lab));
    for label in ["q4_0", "q3_k_m", "q2_k"] {
        session.perform(Action::Lab(Experiment::Label(Label::named(label).unwrap(), true)));
    }
    session.until("the columns are there", |state| state.side.columns.len() == 4);
    session.perform(Action::Side(SideWish::Columns({
        let columns = &session.harness.state().state().side.columns;
        vec![columns[0].clone(), columns[1].clone(), columns[3].clone()]
    })));
    let sampling = Sampling { max_tokens: 110, seed: Some(1), ..Sampling::greedy() };
    session.perform(Action::Side(SideWish::Sampling(sampling)));
    session.perform(Action::Side(SideWish::Ask));
    session.harness.run_steps(4);
    session.harness.get_by_label("Show Side by side").click();
    session.until("all have answered", |state| state.side.asking.ready().is_some());
    session.picture("side-by-side");
    let coarse = session.harness.state().state().side.offers[3].clone();
    session.perform(Action::Make(make::Wish::Distort(coarse)));
    session.until("every tensor is measured", |state| state.workshop.distorting.ready().is_some());
    session.harness.get_by_label("Show Distortion").click();
    session.harness.run_steps(4);
    session.harness.get_all_by_label_contains("blk.3.attn_v.weight").next().unwrap().click_accesskit();
    session.harness.run_steps(4);
    session.picture("distortion");
}

#[test]
fn the_sections_of_the_lab_are_pictured_in_both_themes() {
    let Some(model) = starter() else { return };
    if !can_draw() {
        return;
    }
    lab_sections(&model, Theme::Dark);
    lab_sections(&model, Theme::Light);
}
