//! The app: it holds the state and the worker, which never meet elsewhere.
//!
//! `logic` drains events into the state, `ui` draws it and performs the wishes. Nothing here decides anything.

pub mod window;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use egui::ThemePreference;

use crate::error::Result;
use crate::library::Folders;
use crate::memory::probe::Probe;
use crate::message::Order;
use crate::state::notice::INFO_MILLIS;
use crate::state::{Action, State};
use crate::store::settings::{Settings, Theme, Window};
use crate::view::{self, Actions, View as _};
use crate::worker::Worker;

/// How soon a change is on disk.
const SAVE_AFTER: Duration = Duration::from_millis(500);
/// How long closing waits for the last writes.
const CLOSING: Duration = Duration::from_millis(1_500);
/// On a software renderer drawing takes the processor from the model: this often at most while it works.
const SLOW_FRAME: Duration = Duration::from_millis(66);
/// While text streams on a graphics processor.
const FAST_FRAME: Duration = Duration::from_millis(16);

/// See the module.
pub struct App {
    state: State,
    worker: Worker,
    root: view::Root,
    saved: Instant,
    drawn: Shown,
    frame: Duration,
}

/// What was last told to egui, so that it is told only changes.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    theme: Option<(Theme, Option<bool>)>,
    scale: Option<f32>,
}

impl App {
    /// Starts the worker, asks for what is on disk, and opens `file` if there is one.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(ctx: &egui::Context, folders: Folders, start: Start) -> Result<Self> {
        view::install(ctx);
        let waker = ctx.clone();
        let frame = if start.software_renderer { SLOW_FRAME } else { FAST_FRAME };
        let wake = std::sync::Arc::new(move || waker.request_repaint_after(frame));
        let worker = Worker::start(folders, wake)?;
        let mut state = State::new(Probe::default().machine(), now());
        state.settings = start.settings;
        let mut app = Self { state, worker, root: view::Root::default(), saved: Instant::now(), drawn: Shown::default(), frame };
        let order = app.state.restore();
        app.worker.send(order);
        let order = app.state.ask_theme();
        app.worker.send(order);
        match start.open {
            Some(Open::File(path)) => app.perform(Action::Open { path, load: true }),
            Some(Open::Starter) => app.perform(Action::GetStarter),
            None => {}
        }
        app.worker.sample();
        Ok(app)
    }

    /// What the app knows.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Performs a wish and what follows from it at once.
    pub fn perform(&mut self, action: Action) {
        if let Some(order) = self.state.perform(action) {
            self.send(order);
        }
    }

    fn send(&self, order: Order) {
        self.worker.send(order);
    }

    /// Folds the events in that have come so far.
    fn drain(&mut self) {
        for event in self.worker.drain() {
            if let Some(action) = self.state.apply(event) {
                self.perform(action);
            }
        }
    }

    fn autosave(&mut self, ctx: &egui::Context) {
        if !self.state.unsaved() {
            self.saved = Instant::now();
        } else if self.saved.elapsed() >= SAVE_AFTER {
            self.saved = Instant::now();
            self.perform(Action::SaveDirty);
        } else {
            ctx.request_repaint_after(SAVE_AFTER);
        }
    }

    fn appearance(&mut self, ctx: &egui::Context) {
        let theme = (self.state.settings.theme, self.state.system_is_dark);
        if self.drawn.theme != Some(theme) {
            self.drawn.theme = Some(theme);
            ctx.set_theme(match theme {
                (Theme::Dark, _) | (Theme::System, Some(true)) => ThemePreference::Dark,
                (Theme::Light, _) | (Theme::System, Some(false)) => ThemePreference::Light,
                (Theme::System, None) => ThemePreference::System,
            });
        }
        let scale = self.state.settings.scale;
        if self.drawn.scale != Some(scale) {
            self.drawn.scale = Some(scale);
            ctx.set_zoom_factor(scale);
        }
    }

    fn remember_window(&mut self, ctx: &egui::Context) {
        let window = ctx.input(|input| {
            let viewport = input.viewport();
            let inner = viewport.inner_rect?;
            Some(Window {
                width: inner.width(),
                height: inner.height(),
                position: viewport.outer_rect.map(|outer| (outer.min.x, outer.min.y)),
                maximized: viewport.maximized.unwrap_or(false),
            })
        });
        if let Some(window) = window.filter(|window| window.width > 0.0 && self.state.settings.window != Some(*window)) {
            self.perform(Action::SetWindow(window));
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.state.now = now();
        self.drain();
        self.remember_window(ctx);
        self.autosave(ctx);
        self.appearance(ctx);
        if self.state.expire_notices() {
            ctx.request_repaint_after(Duration::from_millis(INFO_MILLIS.unsigned_abs()));
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let mut actions = Actions::default();
        self.root.ui(ui, &self.state, &mut actions);
        if !actions.0.is_empty() {
            ui.ctx().request_repaint_after(self.frame);
        }
        for action in actions.0 {
            self.perform(action);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    /// Stops an answer, keeps what it said, and writes everything down.
    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        let deadline = Instant::now() + CLOSING;
        self.perform(Action::Stop);
        while Instant::now() < deadline {
            if self.state.answering.is_none() {
                self.perform(Action::SaveDirty);
                if !self.state.unsaved() {
                    break;
                }
            }
            if let Some(event) = self.worker.wait(Duration::from_millis(50))
                && let Some(action) = self.state.apply(event)
                && !matches!(action, Action::Answer(_) | Action::Scan)
            {
                self.perform(action);
            }
        }
    }
}

/// How the app starts.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// What to open and load.
    pub open: Option<Open>,
    /// The settings, as far as the window needed them before the store was read.
    pub settings: Settings,
    /// Whether the picture is drawn by the processor.
    pub software_renderer: bool,
}

/// See [`Start::open`].
#[derive(Debug, Clone)]
pub enum Open {
    /// A file, a shard or a folder.
    File(PathBuf),
    /// The starter model, fetched if it isn't there.
    Starter,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
