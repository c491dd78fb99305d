//! The real app with its real worker, drawn headless: no frame waits for a worker, an idle app draws nothing, and closing keeps
//! what was said.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::App as _;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ponder::app::{App, Open, Start};
use ponder::engine::sampler::Sampling;
use ponder::library::Folders;
use ponder::message::Disturbance;
use ponder::state::{Action, Page, Slot, State};
use ponder::store::chat::{ChatId, Mode, StopReason};

use crate::support::tiny_llama::TinyLlama;

/// Far more than anything here takes.
const GUARD: Duration = Duration::from_mins(2);

struct Window {
    /// `None` once it is closed.
    harness: Option<Harness<'static, App>>,
    folder: Arc<tempfile::TempDir>,
}

impl Window {
    fn open() -> Self {
        Self::at(Arc::new(tempfile::tempdir().unwrap()), None)
    }

    fn at(folder: Arc<tempfile::TempDir>, open: Option<Open>) -> Self {
        let folders = Folders::at(folder.path().join("data"));
        let start = Start { open, ..Start::default() };
        let harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .allow_missing_glyphs()
            .build_eframe(move |cc| App::new(&cc.egui_ctx, folders, start).unwrap());
        Self { harness: Some(harness), folder }
    }

    fn model(&self, llama: &TinyLlama) -> PathBuf {
        let path = self.folder.path().join("tiny.gguf");
        llama.gguf().write(&path);
        path
    }

    fn harness(&mut self) -> &mut Harness<'static, App> {
        self.harness.as_mut().unwrap()
    }

    fn state(&self) -> &State {
        self.harness.as_ref().unwrap().state().state()
    }

    fn perform(&mut self, action: Action) {
        self.harness().state_mut().perform(action);
    }

    fn hold(&mut self, millis: u64) {
        self.harness().state_mut().disturb(Disturbance::Hold(Duration::from_millis(millis)));
    }

    fn frames(&mut self, n: usize) {
        self.harness().run_steps(n);
    }

    /// Draws frames until the state is as it should be.
    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let start = Instant::now();
        while !holds(self.state()) {
            assert!(start.elapsed() < GUARD, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(5));
            self.frames(1);
        }
    }

    fn load(&mut self, path: &Path) {
        self.perform(Action::Open { path: path.to_owned(), load: false });
        self.until("the header is read", |state| state.opened.ready().is_some());
        self.perform(Action::Load { anyway: true });
        self.until("the model is loaded", |state| state.loaded.is_some());
    }

    /// Asks for a long text that is the same each time.
    fn ask(&mut self, text: &str) {
        self.perform(Action::SetMode(Mode::Completion));
        self.perform(Action::SetSampling(Sampling { temperature: 0.0, max_tokens: 3_000, ..Sampling::default() }));
        self.perform(Action::Draft(text.to_owned()));
        self.perform(Action::Send);
    }

    /// As the window does when a person closes it.
    fn close(&mut self) {
        let mut harness = self.harness.take().unwrap();
        harness.state_mut().on_exit(None);
    }

    fn reopened(&mut self) -> Self {
        let mut window = Self::at(Arc::clone(&self.folder), None);
        window.until("the disk is read", |state| state.restored.ready().is_some());
        window
    }

    /// Nothing is under way and everything is on disk.
    fn quiet(&mut self) {
        self.until("all is quiet", |state| {
            state.answering.is_none()
                && state.loading.job().is_none()
                && state.opened.job().is_none()
                && state.found.job().is_none()
                && state.restored.ready().is_some()
                && !state.unsaved()
        });
    }
}

fn long() -> TinyLlama {
    TinyLlama { n_ctx: 4_096, ..TinyLlama::default() }
}

fn said(state: &State, chat: &ChatId) -> Vec<String> {
    state.chats.get(chat).map(|chat| chat.turns.iter().map(|turn| turn.text.clone()).collect()).unwrap_or_default()
}

#[test]
fn frames_are_drawn_while_the_engine_is_held_up() {
    let mut window = Window::open();
    let path = window.model(&long());
    window.hold(1_500);
    window.perform(Action::Open { path, load: false });
    window.until("the header is read", |state| state.opened.ready().is_some());
    window.perform(Action::Load { anyway: true });
    window.frames(20);
    for page in Page::ALL {
        window.perform(Action::Go(page));
        window.frames(2);
    }
    assert!(window.state().loaded.is_none() && window.state().loading.job().is_some(), "these frames waited for the engine");
    window.until("the model is loaded", |state| state.loaded.is_some());
    window.close();
}

#[test]
fn any_order_of_wishes_leaves_the_window_drawing() {
    let orders =
        ["olsxuc", "holsxuc", "olhsxuc", "olshxuc", "olsuxlc", "osluxsc", "olsoluc", "olulslxc", "olsc", "hoc", "olhuc", "olsxsxsxuc"];
    for order in orders {
        let mut window = Window::open();
        let path = window.model(&long());
        for step in order.chars() {
            match step {
                'h' => window.hold(200),
                'o' => {
                    window.perform(Action::Open { path: path.clone(), load: false });
                    window.until("the header is read", |state| state.opened.job().is_none());
                }
                'l' => {
                    window.perform(Action::Load { anyway: true });
                    window.frames(2);
                    if !order.contains('h') {
                        window.until("the model is loaded", |state| state.loading.job().is_none());
                    }
                }
                's' => {
                    window.ask(&"A long prompt. ".repeat(150));
                    window.frames(3);
                }
                'x' => window.perform(Action::Stop),
                'u' => window.perform(Action::Unload),
                _ => window.close(),
            }
            if window.harness.is_some() {
                window.frames(3);
            }
        }
        let reopened = window.reopened();
        assert!(reopened.state().notices.iter().len() == 0, "{order}: {:?}", reopened.state().notices);
    }
}

#[test]
fn stop_is_seen_and_the_next_message_is_answered() {
    let mut window = Window::open();
    let path = window.model(&long());
    window.load(&path);
    window.ask("Once");
    window.until("text comes", |state| state.chats.current().turns.last().is_some_and(|turn| turn.is_open() && !turn.text.is_empty()));
    window.perform(Action::Stop);
    window.until("it stops", |state| state.answering.is_none());
    let metrics = window.state().chats.current().turns[1].metrics.expect("measured");
    assert_eq!(metrics.stop_reason, StopReason::Cancelled);
    window.perform(Action::SetSampling(Sampling { max_tokens: 3, ..Sampling::default() }));
    window.perform(Action::Draft("Again".to_owned()));
    window.perform(Action::Send);
    window.until("it is answered", |state| state.answering.is_none() && state.chats.current().turns.len() == 4);
    window.perform(Action::Unload);
    window.until("the model is gone", |state| state.loaded.is_none());
    window.close();
}

#[test]
fn an_idle_app_draws_nothing() {
    let mut window = Window::open();
    let path = window.model(&long());
    window.load(&path);
    window.perform(Action::SetSampling(Sampling { max_tokens: 5, ..Sampling::default() }));
    window.perform(Action::Draft("Hi".to_owned()));
    window.perform(Action::Send);
    window.until("it is answered", |state| state.answering.is_none() && state.chats.current().turns.len() == 2);
    for page in Page::ALL {
        window.perform(Action::Go(page));
        window.quiet();
        let start = Instant::now();
        let mut quiet = 0;
        while quiet < 5 {
            assert!(start.elapsed() < GUARD, "{page:?} never rests: {:?}", window.harness().ctx.repaint_causes());
            window.frames(1);
            std::thread::sleep(Duration::from_millis(150));
            quiet = if window.harness().ctx.has_requested_repaint() { 0 } else { quiet + 1 };
        }
        std::thread::sleep(Duration::from_millis(700));
        assert!(!window.harness().ctx.has_requested_repaint(), "{page:?} was woken: {:?}", window.harness().ctx.repaint_causes());
    }
    window.close();
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

#[test]
fn a_file_that_is_dropped_is_opened_and_not_loaded() {
    let mut window = Window::open();
    let path = window.model(&long());
    window.until("the disk is read", |state| state.restored.ready().is_some());
    window.harness().input_mut().hovered_files.push(egui::HoveredFile { path: Some(path.clone()), ..egui::HoveredFile::default() });
    window.frames(2);
    window.harness().input_mut().hovered_files.clear();
    window.harness().input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    window.frames(2);
    window.until("the header is read", |state| state.opened.ready().is_some());
    assert_eq!(window.state().opened.ready().map(|opened| opened.model.file.path.clone()), Some(path));
    window.frames(3);
    window.harness().get_by_label_contains("Will it fit");
    assert!(window.state().loading.job().is_none() && window.state().loaded.is_none());
    window.close();
}

#[test]
fn a_file_on_the_command_line_is_opened_and_loaded() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path().join("tiny.gguf");
    TinyLlama::default().gguf().write(&path);
    let mut window = Window::at(folder, Some(Open::File(path)));
    window.until("the model is loaded", |state| state.loaded.is_some());
    assert_eq!(window.state().page, Page::Chat);
    window.close();
}

#[test]
fn a_file_on_the_command_line_that_is_no_model_says_so() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path().join("page.gguf");
    std::fs::write(&path, "<!DOCTYPE html><html><body>Sign in</body></html>").unwrap();
    let mut window = Window::at(folder, Some(Open::File(path)));
    window.until("it is read", |state| matches!(state.opened, Slot::Failed(_)));
    assert_eq!(window.state().page, Page::Model);
    window.frames(3);
    window.close();
}

/// A window as it opens with nothing named, once nothing moves any more.
fn welcomed(folder: &Arc<tempfile::TempDir>) -> Window {
    let mut window = Window::at(Arc::clone(folder), Some(Open::Welcome));
    window.until("the model of the program is loaded", |state| state.loaded.is_some() && state.restored.ready().is_some());
    window.quiet();
    window
}

#[test]
fn the_first_start_answers_a_question_and_the_next_ones_wait_for_one() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut window = Window::at(Arc::clone(&folder), Some(Open::Welcome));
    window.until("the question is asked", |state| !state.chats.current().turns.is_empty());
    assert_eq!(window.state().page, Page::Chat);
    window.until("it is answered", |state| {
        state.answering.is_none() && state.chats.current().turns.len() == 2 && state.chats.current().turns[1].metrics.is_some()
    });
    window.quiet();
    let first = window.state().chats.current().clone();
    assert_eq!(first.turns[0].text, ponder::pocket::FIRST_QUESTION);
    assert!(first.turns[1].model.as_ref().is_some_and(|label| label.starts_with("Pocket")), "{:?}", first.turns[1].model);
    assert!(window.state().notices.iter().all(|notice| notice.text.contains("context is full")), "{:?}", window.state().notices);
    window.close();

    let mut again = welcomed(&folder);
    assert_eq!((again.state().page, again.state().chats.iter().len()), (Page::Home, 2), "the chat of the first start, and an empty one");
    assert_eq!(said(again.state(), &first.id), said_in(&first));
    assert!(again.state().settings.recent.is_empty());
    again.perform(Action::SetPocketAtStart(false));
    again.close();

    let start =
        Start { open: Some(Open::Welcome), settings: ponder::store::peek_settings(&folder.path().join("data")), ..Start::default() };
    assert!(!start.settings.pocket_at_start);
    let folders = Folders::at(folder.path().join("data"));
    let harness = Harness::builder().allow_missing_glyphs().build_eframe(move |cc| App::new(&cc.egui_ctx, folders, start).unwrap());
    let mut without = Window { harness: Some(harness), folder };
    without.quiet();
    assert!(without.state().loaded.is_none() && matches!(without.state().opened, Slot::Empty));
    without.close();
}

#[test]
fn closing_in_the_middle_of_an_answer_keeps_what_was_said() {
    let mut window = Window::open();
    let path = window.model(&long());
    window.load(&path);
    window.ask("Once");
    window.until("text comes", |state| state.chats.current().turns.last().is_some_and(|turn| turn.text.len() > 20));
    let chat = window.state().chats.current().clone();
    window.close();
    let reopened = window.reopened();
    let now = reopened.state().chats.get(&chat.id).expect("the chat is on disk").clone();
    assert_eq!(now.turns[0], chat.turns[0]);
    assert!(now.turns[1].text.starts_with(&chat.turns[1].text), "a part of the answer is lost");
    let reason = now.turns[1].metrics.map(|metrics| metrics.stop_reason);
    assert!(matches!(reason, Some(StopReason::Cancelled | StopReason::Interrupted)), "{reason:?}");
}

#[test]
fn an_app_that_ends_without_closing_keeps_what_was_said() {
    let mut window = Window::open();
    let path = window.model(&long());
    window.load(&path);
    window.ask("Once");
    window.until("text comes", |state| state.chats.current().turns.last().is_some_and(|turn| turn.text.len() > 20));
    let chat = window.state().chats.current().clone();
    window.harness = None;
    let reopened = window.reopened();
    let (before, now) = (said_in(&chat), said(reopened.state(), &chat.id));
    assert_eq!(now[0], before[0]);
    assert!(now[1].starts_with(&before[1]), "a part of the answer is lost");
}

fn said_in(chat: &ponder::store::chat::Chat) -> Vec<String> {
    chat.turns.iter().map(|turn| turn.text.clone()).collect()
}

#[test]
fn what_is_typed_and_chosen_is_there_after_a_restart() {
    let mut window = Window::open();
    window.until("the disk is read", |state| state.restored.ready().is_some());
    window.perform(Action::Draft("half a thought".to_owned()));
    window.perform(Action::SetScale(1.25));
    window.perform(Action::SetTheme(ponder::store::settings::Theme::Dark));
    let chat = window.state().chats.current().id.clone();
    window.close();
    let reopened = window.reopened();
    assert_eq!(reopened.state().chats.get(&chat).map(|chat| chat.draft.clone()), Some("half a thought".to_owned()));
    assert_eq!((reopened.state().settings.scale, reopened.state().settings.theme), (1.25, ponder::store::settings::Theme::Dark));
}

#[test]
fn closing_with_a_data_folder_that_cannot_be_written_ends() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("data"), "not a folder").unwrap();
    let mut window = Window::at(folder, None);
    window.until("the disk is read", |state| state.restored.ready().is_some());
    window.perform(Action::Draft("nowhere to go".to_owned()));
    window.until("it is tried", |state| state.notices.iter().any(|notice| notice.text.contains("data")));
    let told = window.state().notices.iter().len();
    std::thread::sleep(Duration::from_millis(700));
    window.frames(5);
    assert_eq!(window.state().notices.iter().len(), told);
    assert_eq!(window.state().chats.current().draft, "nowhere to go");
    window.close();
}
