//! The lab in the real app with its real worker, with a small model as the reference.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::app::{App, Start};
use ponder::library::Folders;
use ponder::state::{Action, Page, State};

use super::tiny_llama::TinyLlama;

/// Far more than anything here takes.
const GUARD: Duration = Duration::from_mins(2);

/// Rows are whole blocks of 256, so that labels become what they say.
pub fn llama() -> TinyLlama {
    TinyLlama { n_embd: 256, n_ff: 256, n_heads: 8, n_kv_heads: 2, n_ctx: 1_024, gain: 3.0, ..TinyLlama::default() }
}

/// The app's window.
pub struct LabWindow {
    pub harness: Harness<'static, App>,
    pub folder: tempfile::TempDir,
}

impl LabWindow {
    /// On the lab's page, with this model open.
    pub fn open(llama: &TinyLlama) -> Self {
        Self::sized(llama, [1280.0, 800.0])
    }

    /// The same in a window of another size.
    pub fn sized(llama: &TinyLlama, size: [f32; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::at(folder.path().join("data"));
        let harness = Harness::builder()
            .with_size(size)
            .allow_missing_glyphs()
            .build_eframe(move |cc| App::new(&cc.egui_ctx, folders, Start::default()).unwrap());
        let mut window = Self { harness, folder };
        let path = window.reference();
        llama.gguf().write(&path);
        window.perform(Action::Open { path, load: false });
        window.until("the header is read", |state| state.opened.ready().is_some());
        window.perform(Action::Go(Page::Lab));
        window.planned();
        window
    }

    /// The reference's path.
    pub fn reference(&self) -> PathBuf {
        self.folder.path().join("tiny-F32.gguf")
    }

    pub fn state(&self) -> &State {
        self.harness.state().state()
    }

    pub fn perform(&mut self, action: Action) {
        self.harness.state_mut().perform(action);
    }

    /// Draws frames until the state is as it should be.
    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let start = Instant::now();
        while !holds(self.state()) {
            assert!(start.elapsed() < GUARD, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(5));
            self.harness.step();
        }
        self.harness.run_steps(3);
    }

    /// Draws frames until none is asked for: what was under way has come, and nothing moves by itself.
    #[track_caller]
    pub fn falls_idle(&mut self) {
        let start = Instant::now();
        self.harness.run_steps(3);
        while self.harness.ctx.has_requested_repaint() {
            assert!(start.elapsed() < GUARD, "an idle page draws frames");
            std::thread::sleep(Duration::from_millis(20));
            self.harness.step();
        }
    }

    fn planned(&mut self) {
        self.until("it is planned", |state| state.lab.planning.ready().is_some() && state.lab.plan.is_some());
    }

    #[track_caller]
    pub fn press(&mut self, name: &str) {
        self.harness.get_by_label(name).click_accesskit();
        self.harness.run_steps(3);
    }

    /// Chooses an entry of a list that opens.
    #[track_caller]
    pub fn pick(&mut self, list: &str, entry: &str) {
        self.harness.get_by_label(list).click_accesskit();
        self.harness.run_steps(4);
        let entries: Vec<_> = self.harness.get_all_by_label(entry).collect();
        entries.last().unwrap().click_accesskit();
        drop(entries);
        self.harness.run_steps(4);
    }

    /// Makes these candidates.
    pub fn choose(&mut self, labels: &[&str]) {
        for label in labels {
            self.press(&format!("Compare {label}"));
            self.planned();
        }
    }

    /// Whether something says so.
    pub fn sees(&self, words: &str) -> bool {
        let has = |text: Option<String>| text.is_some_and(|text| text.contains(words));
        self.harness.root().children_recursive().any(|node| has(node.accesskit_node().value()) || has(node.accesskit_node().label()))
    }

    /// Files beside the reference.
    pub fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name != "data").collect();
        names.sort();
        names
    }
}
