//! The whole window with a scripted state in it: scenes made of actions and events, and a stage that presses and reads by name.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::lab::label::Label;
use ponder::library::download::{Progress, Source, Stage as Fetching};
use ponder::library::places::App;
use ponder::library::scan::Found as OnDisk;
use ponder::memory::history::Sample;
use ponder::memory::plan::KvDtype;
use ponder::memory::probe::Machine;
use ponder::message::lab::Found;
use ponder::message::{Event, JobId, Outcome, Receipt, Step};
use ponder::state::lab::Wish;
use ponder::state::{Action, Page, State, Tone};
use ponder::units::{Bytes, TokensPerSecond};
use ponder::view::{Actions, Root, View as _};

use super::comparing;
use super::gguf_writer::ggml;
use super::tiny_llama::TinyLlama;

const GIB: u64 = 1 << 30;
pub const SIZES: [[f32; 2]; 4] = [[720.0, 480.0], [1000.0, 700.0], [1280.0, 800.0], [1920.0, 1080.0]];

pub fn machine(available: u64) -> Machine {
    Machine { total: Bytes(24 * GIB), available: Bytes(available), processors: 2 }
}

/// A state and the folder that its model lies in.
pub struct Scene {
    pub state: State,
    #[expect(dead_code, reason = "keeps the folder until the scene is over")]
    folder: Option<tempfile::TempDir>,
}

impl Scene {
    pub fn new() -> Self {
        Self { state: State::new(machine(22 * GIB), 1_700_000_000_000), folder: None }
    }

    pub fn job(&mut self, action: Action) -> JobId {
        self.state.perform(action).expect("an order").job
    }

    pub fn done(&mut self, job: JobId, outcome: Result<Outcome, Error>) {
        let _ = self.state.apply(Event::Done { job, outcome });
    }

    pub fn open(mut self, path: &Path) -> Self {
        let job = self.job(Action::Open { path: path.to_owned(), load: false });
        let outcome = ModelFile::open(path).map(|file| Outcome::Inspected(Arc::new(Model::read(file))));
        self.done(job, outcome);
        self
    }

    pub fn opened() -> Self {
        let llama = TinyLlama { matrices: ggml::Q8_0, n_ctx: 8_192, ..TinyLlama::default() };
        let (folder, path) = crate::support::file("tiny-Q8_0.gguf", &llama.gguf().bytes());
        Self { folder: Some(folder), ..Self::new().open(&path) }
    }

    pub fn unrunnable() -> Self {
        let bytes = crate::support::gguf_writer::GgufBuilder::new()
            .kv("general.architecture", "gemma3")
            .kv("gemma3.block_count", 18_u32)
            .f32_tensor("token_embd.weight", &[32, 8], &[0.5; 256])
            .bytes();
        let (folder, path) = crate::support::file("gemma-3-270m.gguf", &bytes);
        Self { folder: Some(folder), ..Self::new().open(&path) }
    }

    pub fn too_large() -> Self {
        let mut scene = Self::opened();
        scene.state.machine = machine(100_000);
        scene.state.perform(Action::SetKv(KvDtype::F32));
        scene
    }

    pub fn loading() -> Self {
        let mut scene = Self::opened();
        let job = scene.job(Action::Load { anyway: false });
        scene.step(job, Step::Loading { done: Bytes(430), total: Bytes(1000) });
        scene
    }

    pub fn step(&mut self, job: JobId, step: Step) {
        let _ = self.state.apply(Event::Step { job, step });
    }

    pub fn loaded() -> Self {
        Self::opened().load()
    }

    pub fn load(mut self) -> Self {
        let job = self.job(Action::Load { anyway: false });
        let plan = self.state.opened.ready().expect("open").plan.clone().expect("a plan");
        let mut charged = plan.parts;
        charged.staging = None;
        charged.kv_cache = charged.kv_cache.map(|bytes| Bytes(bytes.0 / 4));
        let receipt = Receipt {
            id: ponder::engine::session::ModelId(1),
            planned: plan.parts,
            charged,
            counted: Some(charged.sum() + Bytes(1 << 20)),
            tokenizer: plan.parts.tokenizer,
            seconds: 0.42,
            context: plan.choice.context,
            threads: 2,
            template: Ok(()),
        };
        self.done(job, Ok(Outcome::Loaded(Box::new(receipt))));
        let sample = Sample {
            at: 1.0,
            charged,
            counted: charged,
            counted_total: charged.sum(),
            resident: Bytes(250 << 20),
            available: Bytes(21 * GIB),
        };
        let _ = self.state.apply(Event::Gauge { sample, machine: machine(21 * GIB) });
        self
    }

    pub fn answering(steps: &[Step]) -> Self {
        let mut scene = Self::loaded();
        scene.state.perform(Action::Draft("What color is the sky?".to_owned()));
        let saving = scene.job(Action::Send);
        let follows = scene.state.apply(Event::Done { job: saving, outcome: Ok(Outcome::Saved) }).expect("the answer follows");
        let job = scene.job(follows);
        for step in steps {
            scene.step(job, step.clone());
        }
        scene
    }

    pub fn reading() -> Self {
        Self::answering(&[Step::Reading { done: 1_200, total: 6_000 }])
    }

    pub fn writing() -> Self {
        let text =
            Step::Text { text: "A beautiful shade of blue.".to_owned(), generated: 41, context_used: 412, decode: TokensPerSecond(118.3) };
        Self::answering(&[text])
    }

    pub fn fetching() -> Self {
        let mut scene = Self::new();
        let job = scene.job(Action::GetStarter);
        let stage = Fetching::Downloading { done: Bytes(42_100_000), total: Bytes(98_362_432) };
        scene.step(job, Step::Fetching(Progress { source: Source::Hub, stage }));
        scene
    }

    pub fn library() -> Self {
        let mut scene = Self::new();
        let found = |name: &str, file: &str, bytes, app| OnDisk {
            path: PathBuf::from(format!("/models/{file}")),
            name: name.to_owned(),
            bytes: Bytes(bytes),
            app,
        };
        let job = scene.job(Action::Scan);
        let all = vec![
            found("SmolLM2-135M-Instruct.Q4_1", "SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, App::Ponder),
            found("gemma-3-270m-it-Q4_K_M", "gemma-3-270m-it-Q4_K_M.gguf", 253_000_000, App::LmStudio),
            found("Llama-3.3-70B-Instruct-Q4_K_M", "Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf", 42_500_000_000, App::HuggingFace),
        ];
        scene.done(job, Ok(Outcome::Scanned { found: all, summaries: std::collections::BTreeMap::new() }));
        scene.state.settings.recent =
            vec!["/models/gemma-3-270m-it-Q4_K_M.gguf".into(), "/elsewhere/on/a/long/path/that/has/to/be/cut/Qwen3-0.6B-Q8_0.gguf".into()];
        scene.state.settings.model_folders = vec!["/mnt/models".into()];
        scene
    }

    pub fn troubled() -> Self {
        let mut scene = Self::library();
        let now = scene.state.now;
        scene.state.notices.push(Tone::Info, "Deleted \u{201c}A chat\u{201d}.", Some(("Undo", Action::UndoDelete)), now);
        scene.state.notices.push(Tone::Warning, "chats/17.json could not be read and was set aside as 17.json.damaged.", None, now);
        let error = Error::Fetch(
            "The starter model could not be had. Tried: hub (no connection), pip (not found). Put the file by hand into the models folder."
                .to_owned(),
        );
        scene.state.notices.push(Tone::Error, error.to_string(), None, now);
        let job = scene.job(Action::GetStarter);
        scene.done(job, Err(error));
        scene
    }

    pub fn failed() -> Self {
        let mut scene = Self::new();
        let job = scene.job(Action::Open { path: "/models/page.gguf".into(), load: false });
        let error = Error::format(
            "/models/page.gguf".as_ref(),
            "byte 0",
            "the magic bytes GGUF",
            "an HTML page: the download saved a web page instead of the file",
        );
        scene.done(job, Err(error));
        scene
    }

    /// In the lab with candidates chosen and planned.
    pub fn choosing() -> Self {
        let mut scene = Self::opened();
        let planned = |scene: &mut Self, action: Action| {
            let order = scene.state.perform(action).expect("a plan is ordered");
            let plan = comparing::plan(comparing::planning(&order), 20 * GIB);
            scene.done(order.job, Ok(Outcome::Lab(Found::Plan(plan))));
        };
        planned(&mut scene, Action::Go(Page::Lab));
        for label in [Label::Q8_0, Label::Q5_0, Label::Q4_0, Label::Q2K] {
            planned(&mut scene, Action::Lab(Wish::Label(label, true)));
        }
        scene
    }

    /// With so many of the things told that a measurement tells.
    fn told(most: usize) -> (Self, JobId) {
        let mut scene = Self::choosing();
        let order = scene.state.perform(Action::Lab(Wish::Compare)).expect("it is measured");
        for told in comparing::whole(comparing::start(&order)).into_iter().take(most) {
            scene.step(order.job, Step::Lab(told));
        }
        (scene, order.job)
    }

    pub fn comparing() -> Self {
        Self::told(9).0
    }

    pub fn compared() -> Self {
        let (mut scene, job) = Self::told(usize::MAX);
        scene.done(job, Ok(Outcome::Lab(Found::All)));
        scene
    }

    /// Every kind of state, by name.
    pub fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("new", Self::new()),
            ("library", Self::library()),
            ("fetching", Self::fetching()),
            ("troubled", Self::troubled()),
            ("failed", Self::failed()),
            ("opened", Self::opened()),
            ("unrunnable", Self::unrunnable()),
            ("too large", Self::too_large()),
            ("loading", Self::loading()),
            ("loaded", Self::loaded()),
            ("reading", Self::reading()),
            ("writing", Self::writing()),
            ("choosing", Self::choosing()),
            ("comparing", Self::comparing()),
            ("compared", Self::compared()),
        ]
    }
}

/// The window with a scene in it, and the wishes that were made.
pub struct Stage {
    pub harness: Harness<'static, Scene>,
    pub wishes: Rc<RefCell<Vec<Action>>>,
}

pub fn stage(theme: Theme, size: [f32; 2], scene: Scene) -> Stage {
    let wishes = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&wishes);
    let mut root = Root::default();
    let ui = move |ui: &mut egui::Ui, scene: &mut Scene| {
        let mut actions = Actions::default();
        root.ui(ui, &scene.state, &mut actions);
        heard.borrow_mut().extend(actions.0);
    };
    let harness = Harness::builder().with_size(size).with_theme(theme).with_context_setup(ponder::view::install).build_ui_state(ui, scene);
    Stage { harness, wishes }
}

impl Stage {
    pub fn of(scene: Scene) -> Self {
        let mut stage = stage(Theme::Dark, [1280.0, 800.0], scene);
        stage.harness.run();
        stage
    }

    /// Presses what has this name and says what was wished.
    #[track_caller]
    pub fn press(&mut self, name: &str) -> Vec<Action> {
        self.wishes.borrow_mut().clear();
        self.harness.get_by_role_and_label(Role::Button, name).click_accesskit();
        self.harness.run();
        self.wishes.borrow().clone()
    }

    pub fn keys(&mut self, modifiers: Modifiers, key: Key) -> Vec<Action> {
        self.wishes.borrow_mut().clear();
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run();
        self.wishes.borrow().clone()
    }

    pub fn sees(&self, words: &str) -> bool {
        let has = |text: Option<String>| text.is_some_and(|text| text.contains(words));
        self.harness.root().children_recursive().any(|node| has(node.accesskit_node().value()) || has(node.accesskit_node().label()))
    }
}
