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
use crate::message::{Command, Disturbance, JobId, Order};
use crate::state::notice::INFO_MILLIS;
use crate::state::{Action, State};
use crate::store::settings::{Settings, Theme, Window};
use crate::view::{self, Actions, View as _};
use crate::worker::Worker;

/// How soon a change is on its way to the disk.
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
    /// When the app first saw what is not on disk yet.
    changed: Option<Instant>,
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
        let mut app = Self { state, worker, root: view::Root::default(), changed: None, drawn: Shown::default(), frame };
        let order = app.state.restore();
        app.worker.send(order);
        let order = app.state.ask_theme();
        app.worker.send(order);
        match start.open {
            Some(Open::File(path)) => app.perform(Action::Open { path, load: true }),
            Some(Open::Starter) => app.perform(Action::GetStarter),
            Some(Open::Welcome) => app.perform(Action::Welcome),
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

    /// Disturbs the engine's lane; nobody waits for the end of it.
    #[doc(hidden)]
    pub fn disturb(&self, disturbance: Disturbance) {
        self.send(Order { job: JobId(u64::MAX), command: Command::Disturb(disturbance) });
    }

    /// Folds the events in that have come so far.
    fn drain(&mut self) {
        for event in self.worker.drain() {
            if let Some(action) = self.state.apply(event) {
                self.perform(action);
            }
        }
    }

    /// Writes what changed half a second ago, and what could not be written when its time has come.
    fn autosave(&mut self, ctx: &egui::Context) {
        let Some(due) = self.state.next_save() else {
            self.changed = None;
            return;
        };
        let changed = *self.changed.get_or_insert_with(Instant::now);
        let pause = Duration::from_millis(due.saturating_sub(self.state.now).try_into().unwrap_or_default());
        let wait = SAVE_AFTER.saturating_sub(changed.elapsed()).max(pause);
        if wait.is_zero() {
            self.changed = None;
            self.perform(Action::SaveDirty);
        } else {
            ctx.request_repaint_after(wait);
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
        if self.state.bandwidth_is_due() {
            self.perform(Action::MeasureBandwidth);
        }
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

    /// Stops an answer, keeps what it said, and writes everything down; what cannot be written is tried once more.
    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        let deadline = Instant::now() + CLOSING;
        self.perform(Action::Stop);
        let mut tried = false;
        while Instant::now() < deadline {
            let is_ready = self.state.answering.is_none() && self.state.restored.ready().is_some() && !self.state.is_saving();
            if is_ready {
                if tried || !self.state.unsaved() {
                    break;
                }
                tried = true;
                self.perform(Action::SaveDirty);
            }
            if let Some(event) = self.worker.wait(Duration::from_millis(50))
                && let Some(Action::SaveDirty) = self.state.apply(event)
            {
                self.perform(Action::SaveDirty);
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
    /// The built-in model, if the settings say so; the first time, it is asked a question.
    Welcome,
    /// A file, a shard, a folder, or the word for the built-in model.
    File(PathBuf),
    /// The starter model, fetched if it isn't there.
    Starter,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
