//! What the person chose for the app, kept in one JSON file. A field that cannot be read falls back alone.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Follow the desktop.
    #[default]
    System,
    /// Always dark.
    Dark,
    /// Always light.
    Light,
}

/// Where the window was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Inner width in points.
    pub width: f32,
    /// Inner height in points.
    pub height: f32,
    /// Outer position in points, where the system tells it.
    pub position: Option<(f32, f32)>,
    /// Whether it filled the screen.
    pub maximized: bool,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Compute threads; `None` for all processors.
    pub threads: Option<usize>,
    /// Light or dark.
    pub theme: Theme,
    /// Zoom of the whole interface; 1 is the system's scale.
    pub scale: f32,
    /// Whether the built-in model is loaded when the app starts with no file named.
    pub pocket_at_start: bool,
    /// Folders that are searched for models beside the usual ones.
    pub model_folders: Vec<PathBuf>,
    /// Files opened last, newest first.
    pub recent: Vec<PathBuf>,
    /// Widths of the side panel and the chat list in points.
    pub side_panel_width: f32,
    /// See `side_panel_width`.
    pub chat_list_width: f32,
    /// The window when it was last closed.
    pub window: Option<Window>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: None,
            theme: Theme::System,
            scale: 1.0,
            pocket_at_start: true,
            model_folders: Vec::new(),
            recent: Vec::new(),
            side_panel_width: 280.0,
            chat_list_width: 220.0,
            window: None,
        }
    }
}

impl Settings {
    /// The same with every number in the range in which the app can be used.
    #[must_use]
    pub fn usable(mut self) -> Self {
        let defaults = Self::default();
        let within = |value: f32, low: f32, high: f32, default: f32| if value.is_finite() { value.clamp(low, high) } else { default };
        self.threads = self.threads.filter(|&threads| threads > 0);
        self.scale = within(self.scale, 0.5, 4.0, defaults.scale);
        self.side_panel_width = within(self.side_panel_width, 120.0, 2000.0, defaults.side_panel_width);
        self.chat_list_width = within(self.chat_list_width, 120.0, 2000.0, defaults.chat_list_width);
        self.window = self.window.filter(|window| window.width.is_finite() && window.height.is_finite()).map(|window| Window {
            width: window.width.clamp(320.0, 16_384.0),
            height: window.height.clamp(240.0, 16_384.0),
            position: window.position.filter(|(x, y)| x.abs() <= 65_536.0 && y.abs() <= 65_536.0),
            maximized: window.maximized,
        });
        self
    }
}
