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
            model_folders: Vec::new(),
            recent: Vec::new(),
            side_panel_width: 280.0,
            chat_list_width: 220.0,
            window: None,
        }
    }
}
