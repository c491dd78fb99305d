//! The pages, driven by name: what is pressed becomes a wish, what happens is seen, and every state can be drawn at every size.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::library::download::{Progress, Source, Stage};
use ponder::library::places::App;
use ponder::library::scan::Found;
use ponder::memory::history::Sample;
use ponder::memory::plan::KvDtype;
use ponder::memory::probe::Machine;
use ponder::message::{Event, JobId, Outcome, Receipt, Step};
use ponder::state::{Action, Page, State, Tone};
use ponder::units::{Bytes, TokensPerSecond};
use ponder::view::{Actions, Root, View as _};

use crate::support::gguf_writer::ggml;
use crate::support::tiny_llama::TinyLlama;

const GIB: u64 = 1 << 30;
const SIZES: [[f32; 2]; 4] = [[720.0, 480.0], [1000.0, 700.0], [1280.0, 800.0], [1920.0, 1080.0]];

fn machine(available: u64) -> Machine {
    Machine { total: Bytes(24 * GIB), available: Bytes(available), processors: 2 }
}

/// A state and the folder that its model lies in.
pub struct Scene {
    pub state: State,
    _folder: Option<tempfile::TempDir>,
}

impl Scene {
    fn new() -> Self {
        Self { state: State::new(machine(22 * GIB), 1_700_000_000_000), _folder: None }
    }

    fn job(&mut self, action: Action) -> JobId {
        self.state.perform(action).expect("an order").job
    }

    fn done(&mut self, job: JobId, outcome: Result<Outcome, Error>) {
        let _ = self.state.apply(Event::Done { job, outcome });
    }

    fn open(mut self, path: PathBuf) -> Self {
        let job = self.job(Action::Open { path: path.clone(), load: false });
        let outcome = ModelFile::open(&path).map(|file| Outcome::Inspected(Arc::new(Model::read(file))));
        self.done(job, outcome);
        self
    }

    fn opened() -> Self {
        let llama = TinyLlama { matrices: ggml::Q8_0, n_ctx: 8_192, ..TinyLlama::default() };
        let (folder, path) = crate::support::file("tiny-Q8_0.gguf", &llama.gguf().bytes());
        Self { _folder: Some(folder), ..Self::new().open(path) }
    }

    fn unrunnable() -> Self {
        let bytes = crate::support::gguf_writer::GgufBuilder::new()
            .kv("general.architecture", "gemma3")
            .kv("gemma3.block_count", 18_u32)
            .f32_tensor("token_embd.weight", &[32, 8], &[0.5; 256])
            .bytes();
        let (folder, path) = crate::support::file("gemma-3-270m.gguf", &bytes);
        Self { _folder: Some(folder), ..Self::new().open(path) }
    }

    fn too_large() -> Self {
        let mut scene = Self::opened();
        scene.state.machine = machine(100_000);
        scene.state.perform(Action::SetKv(KvDtype::F32));
        scene
    }

    fn loading() -> Self {
        let mut scene = Self::opened();
        let job = scene.job(Action::Load { anyway: false });
        scene.step(job, Step::Loading { done: Bytes(430), total: Bytes(1000) });
        scene
    }

    fn step(&mut self, job: JobId, step: Step) {
        let _ = self.state.apply(Event::Step { job, step });
    }

    fn loaded() -> Self {
        Self::opened().load()
    }

    fn load(mut self) -> Self {
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

    fn answering(steps: &[Step]) -> Self {
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

    fn reading() -> Self {
        Self::answering(&[Step::Reading { done: 1_200, total: 6_000 }])
    }

    fn writing() -> Self {
        let text = Step::Text { text: "A beautiful shade of blue.".to_owned(), generated: 41, context_used: 412, decode: TokensPerSecond(118.3) };
        Self::answering(&[text])
    }

    fn fetching() -> Self {
        let mut scene = Self::new();
        let job = scene.job(Action::GetStarter);
        let stage = Stage::Downloading { done: Bytes(42_100_000), total: Bytes(98_362_432) };
        scene.step(job, Step::Fetching(Progress { source: Source::Hub, stage }));
        scene
    }

    fn library() -> Self {
        let mut scene = Self::new();
        let found = |name: &str, file: &str, bytes, app| Found { path: PathBuf::from(format!("/models/{file}")), name: name.to_owned(), bytes: Bytes(bytes), app };
        let job = scene.job(Action::Scan);
        let all = vec![
            found("SmolLM2-135M-Instruct.Q4_1", "SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, App::Ponder),
            found("gemma-3-270m-it-Q4_K_M", "gemma-3-270m-it-Q4_K_M.gguf", 253_000_000, App::LmStudio),
            found("Llama-3.3-70B-Instruct-Q4_K_M", "Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf", 42_500_000_000, App::HuggingFace),
        ];
        scene.done(job, Ok(Outcome::Scanned(all)));
        scene.state.settings.recent = vec!["/models/gemma-3-270m-it-Q4_K_M.gguf".into(), "/elsewhere/on/a/long/path/that/has/to/be/cut/Qwen3-0.6B-Q8_0.gguf".into()];
        scene.state.settings.model_folders = vec!["/mnt/models".into()];
        scene
    }

    fn troubled() -> Self {
        let mut scene = Self::library();
        let now = scene.state.now;
        scene.state.notices.push(Tone::Info, "Deleted \u{201c}A chat\u{201d}.", Some(("Undo", Action::UndoDelete)), now);
        scene.state.notices.push(Tone::Warning, "chats/17.json could not be read and was set aside as 17.json.damaged.", None, now);
        let error = Error::Fetch("The starter model could not be had. Tried: hub (no connection), pip (not found). Put the file by hand into the models folder.".to_owned());
        scene.state.notices.push(Tone::Error, error.to_string(), None, now);
        let job = scene.job(Action::GetStarter);
        scene.done(job, Err(error));
        scene
    }

    fn failed() -> Self {
        let mut scene = Self::new();
        let job = scene.job(Action::Open { path: "/models/page.gguf".into(), load: false });
        let error = Error::format("/models/page.gguf".as_ref(), "byte 0", "the magic bytes GGUF", "an HTML page: the download saved a web page instead of the file");
        scene.done(job, Err(error));
        scene
    }

    /// Every kind of state, by name.
    fn all() -> Vec<(&'static str, Self)> {
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
        ]
    }
}

/// The window with a scene in it, and the wishes that were made.
struct Stage_ {
    harness: Harness<'static, Scene>,
    wishes: Rc<RefCell<Vec<Action>>>,
}

fn stage(theme: Theme, size: [f32; 2], scene: Scene) -> Stage_ {
    let wishes = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&wishes);
    let mut root = Root::default();
    let ui = move |ui: &mut egui::Ui, scene: &mut Scene| {
        let mut actions = Actions::default();
        root.ui(ui, &scene.state, &mut actions);
        heard.borrow_mut().extend(actions.0);
    };
    let harness = Harness::builder().with_size(size).with_theme(theme).with_context_setup(ponder::view::install).build_ui_state(ui, scene);
    Stage_ { harness, wishes }
}

impl Stage_ {
    fn of(scene: Scene) -> Self {
        let mut stage = stage(Theme::Dark, [1280.0, 800.0], scene);
        stage.harness.run();
        stage
    }

    /// Presses what has this name and says what was wished.
    #[track_caller]
    fn press(&mut self, name: &str) -> Vec<Action> {
        self.wishes.borrow_mut().clear();
        self.harness.get_by_role_and_label(Role::Button, name).click_accesskit();
        self.harness.run();
        self.wishes.borrow().clone()
    }

    fn keys(&mut self, modifiers: Modifiers, key: Key) -> Vec<Action> {
        self.wishes.borrow_mut().clear();
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run();
        self.wishes.borrow().clone()
    }

    fn sees(&self, words: &str) -> bool {
        let has = |text: Option<String>| text.is_some_and(|text| text.contains(words));
        self.harness.root().children_recursive().any(|node| has(node.accesskit_node().value()) || has(node.accesskit_node().label()))
    }
}

#[test]
fn every_state_draws_on_every_page_in_both_themes_at_every_size() {
    for theme in [Theme::Dark, Theme::Light] {
        for size in SIZES {
            for page in Page::ALL {
                for (name, mut scene) in Scene::all() {
                    scene.state.page = page;
                    let mut stage = stage(theme, size, scene);
                    let settled = stage.harness.try_run();
                    assert!(settled.is_ok(), "{name} on {page:?} at {size:?} never rests: {settled:?}");
                    assert!(stage.wishes.borrow().is_empty(), "{name} on {page:?} wishes by itself: {:?}", stage.wishes.borrow());
                }
            }
        }
    }
}

#[test]
fn nothing_reaches_beyond_the_smallest_window() {
    for page in [Page::Home, Page::Model, Page::Settings] {
        for (name, mut scene) in Scene::all() {
            scene.state.page = page;
            let mut stage = stage(Theme::Dark, SIZES[0], scene);
            stage.harness.run();
            for node in stage.harness.root().children_recursive() {
                let rect = node.rect();
                let role = node.accesskit_node().role();
                if matches!(role, Role::Button | Role::TextInput | Role::SpinButton | Role::Slider | Role::RadioButton) {
                    assert!(rect.left() >= -0.5 && rect.right() <= SIZES[0][0] + 0.5, "{name} on {page:?}: {:?} at {rect:?}", node.accesskit_node().label());
                }
            }
        }
    }
}

#[test]
fn rail_shows_the_model_only_when_one_is_open() {
    let stage = Stage_::of(Scene::new());
    assert!(stage.harness.query_by_role_and_label(Role::Tab, "Model").is_none());
    let mut stage = Stage_::of(Scene::opened());
    stage.harness.get_by_role_and_label(Role::Tab, "Model").click();
    stage.harness.run();
    assert_eq!(*stage.wishes.borrow(), [Action::Go(Page::Model)]);
}

#[test]
fn home_opens_files_and_gets_the_starter_model() {
    let mut stage = Stage_::of(Scene::new());
    assert_eq!(stage.press("Open…"), [Action::Pick]);
    assert_eq!(stage.press("Get the starter model"), [Action::GetStarter]);
    assert!(stage.sees("98.4\u{2009}MB; tiny: expect wrong facts"));
    let mut stage = Stage_::of(Scene::fetching());
    assert!(stage.sees("42.1\u{2009}MB of 98.4\u{2009}MB"));
    assert_eq!(stage.press("Cancel"), [Action::CancelFetch]);
}

#[test]
fn home_lists_what_is_recent_and_found_with_its_verdict() {
    let mut stage = Stage_::of(Scene::library());
    assert!(stage.sees("✓ ≈ fits"));
    assert!(stage.sees("✕ needs ≈"));
    assert_eq!(stage.press("Forget gemma-3-270m-it-Q4_K_M"), [Action::ForgetRecent("/models/gemma-3-270m-it-Q4_K_M.gguf".into())]);
    let path = PathBuf::from("/models/Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf");
    assert_eq!(stage.press("Open Llama-3.3-70B-Instruct-Q4_K_M"), [Action::Open { path, load: false }]);
    assert_eq!(stage.press("Open the starter model").len(), 1);
}

#[test]
fn model_page_plans_and_loads() {
    let mut stage = Stage_::of(Scene::opened());
    for words in ["tiny", "Q8_0", "Bits per weight", "✓ fits", "dot q8_0 × q8_0", "general.architecture"] {
        assert!(stage.sees(words), "{words}");
    }
    assert_eq!(stage.press("Load"), [Action::Load { anyway: false }]);
    stage.harness.get_by_role_and_label(Role::RadioButton, "KV cache F32").click();
    stage.harness.run();
    assert!(stage.wishes.borrow().contains(&Action::SetKv(KvDtype::F32)));
}

#[test]
fn what_does_not_fit_says_who_is_to_blame_and_offers_what_would() {
    let mut stage = Stage_::of(Scene::too_large());
    assert!(stage.sees("doesn't fit"));
    assert!(stage.harness.query_by_role_and_label(Role::Button, "Load").is_none());
    assert_eq!(stage.press("Load anyway"), [Action::Load { anyway: true }]);
}

#[test]
fn what_cannot_run_says_why_and_is_browsed_all_the_same() {
    let stage = Stage_::of(Scene::unrunnable());
    for words in ["It can't run here yet", "gemma3", "still browsable", "gemma3.block_count"] {
        assert!(stage.sees(words), "{words}");
    }
    assert!(stage.harness.query_by_role_and_label(Role::Button, "Load").is_none());
}

#[test]
fn a_file_that_is_no_model_says_what_it_is() {
    let stage = Stage_::of(Scene::failed());
    assert!(stage.sees("an HTML page"));
}

#[test]
fn top_bar_offers_the_one_action_that_fits() {
    let mut stage = Stage_::of(Scene::loading());
    stage.harness.state_mut().state.page = Page::Home;
    stage.harness.run();
    assert!(stage.sees("loading 43\u{2009}%"));
    assert_eq!(stage.press("Cancel"), [Action::CancelLoad]);

    let mut stage = Stage_::of(Scene::loaded());
    assert!(stage.sees("loaded"));
    assert_eq!(stage.press("Unload"), [Action::Unload]);

    let mut stage = Stage_::of(Scene::reading());
    stage.harness.state_mut().state.page = Page::Home;
    stage.harness.run();
    assert!(stage.sees("reading prompt 1,200 of 6,000"));
    assert_eq!(stage.press("Stop"), [Action::Stop]);
}

#[test]
fn receipt_tells_what_was_promised_and_what_it_took() {
    let mut scene = Scene::loaded();
    scene.state.page = Page::Model;
    let stage = Stage_::of(scene);
    assert!(stage.sees("planned") && stage.sees("took"));
}

#[test]
fn strip_tells_booked_and_plan_and_leads_to_memory() {
    let mut scene = Scene::writing();
    scene.state.page = Page::Home;
    let mut stage = Stage_::of(scene);
    assert!(stage.sees("118\u{2009}tok/s"));
    assert!(stage.sees("412 / 8,192"));
    let name = stage
        .harness
        .root()
        .children_recursive()
        .filter_map(|node| node.accesskit_node().label())
        .find(|label| label.starts_with("Memory: booked"))
        .expect("the strip");
    assert_eq!(stage.press(&name), [Action::Go(Page::Memory)]);
}

#[test]
fn notices_stay_until_they_are_dismissed_and_offer_what_to_do() {
    let mut stage = Stage_::of(Scene::troubled());
    assert!(stage.sees("set aside"));
    let wished = stage.press("Undo");
    assert_eq!(wished[0], Action::UndoDelete);
    assert!(matches!(wished[1], Action::Dismiss(_)));
}

#[test]
fn shortcuts_reach_every_page_and_do_not_clash() {
    use ponder::view::shortcuts::TABLE;
    let keys: Vec<_> = TABLE.iter().flat_map(|shortcut| shortcut.keys).collect();
    for (n, a) in keys.iter().enumerate() {
        assert!(!keys[..n].contains(a), "{a:?} twice");
        // Shift also matches a shortcut without it, so that must come later.
        let shadowed = |b: &&&egui::KeyboardShortcut| b.logical_key == a.logical_key && !b.modifiers.shift && a.modifiers.shift;
        assert!(!keys[..n].iter().any(|b| shadowed(&b)), "{a:?} is never reached");
    }
    let mut stage = Stage_::of(Scene::opened());
    for (key, page) in [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5].into_iter().zip(Page::ALL) {
        assert_eq!(stage.keys(Modifiers::COMMAND, key), [Action::Go(page)]);
    }
    assert_eq!(stage.keys(Modifiers::COMMAND, Key::N), [Action::NewChat]);
    assert_eq!(stage.keys(Modifiers::COMMAND | Modifiers::SHIFT, Key::O), [Action::NewChat]);
    assert_eq!(stage.keys(Modifiers::COMMAND, Key::O), [Action::Pick]);
}

#[test]
fn question_mark_lists_the_keys_and_escape_closes_the_list_before_it_stops_the_answer() {
    let mut scene = Scene::writing();
    scene.state.page = Page::Home;
    let mut stage = Stage_::of(scene);
    assert!(stage.keys(Modifiers::NONE, Key::Questionmark).is_empty());
    assert!(stage.sees("Send the message"));
    assert!(stage.keys(Modifiers::NONE, Key::Escape).is_empty());
    assert!(!stage.sees("Send the message"));
    assert_eq!(stage.keys(Modifiers::NONE, Key::Escape), [Action::Stop]);
}

#[test]
fn model_list_opens_by_key_narrows_down_and_loads() {
    let mut stage = Stage_::of(Scene::library());
    assert!(stage.keys(Modifiers::COMMAND, Key::L).is_empty());
    stage.harness.get_by_label("Filter models").type_text("llama");
    stage.harness.run();
    assert!(stage.harness.query_by_role_and_label(Role::Button, "gemma-3-270m-it-Q4_K_M").is_none());
    let path = PathBuf::from("/models/Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf");
    assert_eq!(stage.press("Llama-3.3-70B-Instruct-Q4_K_M"), [Action::Open { path, load: true }]);
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("never read by the screen".to_owned())
    }
}

#[test]
fn a_file_that_hovers_is_announced_and_a_dropped_one_is_opened() {
    let path = PathBuf::from("/downloads/SmolLM2-135M-Instruct.Q4_1.gguf");
    let words = ponder::view::drop::words(Some(path.clone()), 1);
    assert_eq!(words, "Drop to see what SmolLM2-135M-Instruct.Q4_1.gguf is");
    let mut stage = Stage_::of(Scene::new());
    stage.harness.input_mut().hovered_files.push(egui::HoveredFile { path: Some(path.clone()), ..Default::default() });
    stage.harness.run_steps(2);
    stage.harness.input_mut().hovered_files.clear();
    stage.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    stage.harness.run();
    assert_eq!(*stage.wishes.borrow(), [Action::Open { path, load: false }]);
}

#[test]
fn settings_change_theme_threads_and_folders() {
    let mut scene = Scene::library();
    scene.state.page = Page::Settings;
    let mut stage = Stage_::of(scene);
    stage.harness.get_by_role_and_label(Role::RadioButton, "Theme Light").click();
    stage.harness.run();
    assert!(stage.wishes.borrow().contains(&Action::SetTheme(ponder::store::settings::Theme::Light)));
    assert_eq!(stage.press("Remove /mnt/models"), [Action::RemoveFolder("/mnt/models".into())]);
    stage.harness.get_by_label("Folder to add").type_text("/data/llm");
    stage.harness.run();
    assert_eq!(stage.press("Add"), [Action::AddFolder("/data/llm".into())]);
}

#[test]
fn storage_is_read_from_names_as_publishers_write_them() {
    use ponder::view::rows::storage_in_name;
    assert_eq!(storage_in_name("gemma-3-270m-it-Q4_K_M.gguf"), Some("Q4_K_M"));
    assert_eq!(storage_in_name("SmolLM2-135M-Instruct.Q4_1.gguf"), Some("Q4_1"));
    assert_eq!(storage_in_name("Qwen3-0.6B-BF16-00001-of-00002.gguf"), Some("BF16"));
    assert_eq!(storage_in_name("Qwen3-0.6B.gguf"), None);
}

#[test]
#[ignore = "draws pictures for the eye"]
fn pictures() {
    let real = |scene: Scene| match crate::support::starter() {
        Some(path) => Scene { _folder: scene._folder, ..Scene::library().open(path) },
        None => scene,
    };
    let scenes = |page: Page| -> Vec<(&str, Scene)> {
        match page {
            Page::Home => vec![("new", Scene::new()), ("library", Scene::library()), ("fetching", Scene::fetching()), ("troubled", Scene::troubled())],
            Page::Model => vec![
                ("opened", real(Scene::opened())),
                ("loaded", real(Scene::opened()).load()),
                ("unrunnable", Scene::unrunnable()),
                ("too-large", Scene::too_large()),
                ("loading", Scene::loading()),
                ("failed", Scene::failed()),
            ],
            Page::Settings => vec![("library", Scene::library())],
            Page::Chat | Page::Memory => Vec::new(),
        }
    };
    for (look, theme) in [("dark", Theme::Dark), ("light", Theme::Light)] {
        for page in Page::ALL {
            for (name, mut scene) in scenes(page) {
                for size in [[1280.0, 800.0], [720.0, 480.0]] {
                    scene.state.page = page;
                    let mut stage = stage(theme, size, scene);
                    stage.harness.run();
                    let file = format!("ponder-{}-{name}-{look}-{}.png", page.name(), size[0]);
                    stage.harness.render().unwrap().save(std::env::temp_dir().join(file)).unwrap();
                    scene = std::mem::replace(stage.harness.state_mut(), Scene::new());
                }
            }
        }
    }
}
