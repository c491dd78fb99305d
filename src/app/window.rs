//! The window: which renderer draws it, where it stands, and what is said when there is none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetupCreateNew};
use eframe::{NativeOptions, wgpu};
use egui::ViewportBuilder;

use super::{App, Start};
use crate::error::{Error, Result};
use crate::library::Folders;
use crate::store::settings::Settings;

/// Also the name of the desktop file.
const APP_ID: &str = "ponder";

/// How the window is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Renderer {
    /// wgpu, or glow where that fails.
    Auto,
    /// Vulkan, Metal, DX12 or GLES through wgpu.
    Wgpu,
    /// OpenGL through glow.
    Glow,
}

/// Opens the window and returns when it is closed.
///
/// With [`Renderer::Auto`] wgpu is tried first, then glow. A renderer that ended the process the last time (its marker is still there)
/// is tried last.
///
/// # Errors
/// One line, when no renderer can open a window.
pub fn open(folders: &Folders, start: &Start, renderer: Renderer) -> Result<()> {
    let marker = Marker::at(&folders.data);
    let order = match renderer {
        Renderer::Wgpu => vec![eframe::Renderer::Wgpu],
        Renderer::Glow => vec![eframe::Renderer::Glow],
        Renderer::Auto if marker.blames("wgpu") => vec![eframe::Renderer::Glow, eframe::Renderer::Wgpu],
        Renderer::Auto => vec![eframe::Renderer::Wgpu, eframe::Renderer::Glow],
    };
    if !has_display() {
        return Err(no_window("there is no display"));
    }
    let mut failures = Vec::new();
    for renderer in order {
        marker.set(&renderer.to_string());
        match run(folders, start, renderer, &marker) {
            Ok(()) => {
                marker.clear();
                return Ok(());
            }
            Err(error) => failures.push(format!("{renderer}: {error}")),
        }
    }
    marker.clear();
    let needs = if cfg!(target_os = "linux") { " (on Debian it needs libxkbcommon-x11-0, libegl1 and libgl1-mesa-dri)" } else { "" };
    Err(no_window(&format!("{}{needs}", failures.join("; "))))
}

fn run(folders: &Folders, start: &Start, renderer: eframe::Renderer, marker: &Marker) -> std::result::Result<(), String> {
    let options = NativeOptions {
        viewport: viewport(&start.settings),
        renderer,
        wgpu_options: wgpu_options(),
        persist_window: false,
        dithering: false,
        ..NativeOptions::default()
    };
    let (folders, mut start, marker) = (folders.clone(), start.clone(), marker.clone());
    let create: eframe::AppCreator<'_> = Box::new(move |cc| {
        // glow does not say who draws: the slower rate is right for both.
        let adapter = cc.wgpu_render_state.as_ref().map(|state| state.adapter.get_info());
        start.software_renderer = adapter.is_none_or(|info| info.device_type == wgpu::DeviceType::Cpu);
        let app = App::new(&cc.egui_ctx, folders, start).map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)?;
        // The renderer works: what happens from here on is not its fault.
        marker.clear();
        Ok(Box::new(app))
    });
    eframe::run_native(APP_ID, options, create).map_err(|error| error.to_string())
}

fn viewport(settings: &Settings) -> ViewportBuilder {
    let mut builder = ViewportBuilder::default()
        .with_app_id(APP_ID)
        .with_title("Ponder")
        .with_min_inner_size([720.0, 480.0])
        .with_inner_size([1280.0, 800.0]);
    if let Some(window) = settings.window {
        let (width, height) = (window.width.clamp(720.0, 8192.0), window.height.clamp(480.0, 8192.0));
        builder = builder.with_inner_size([width, height]).with_maximized(window.maximized);
        if let Some((x, y)) = window.position.filter(|(x, y)| x.abs() < 16_384.0 && y.abs() < 16_384.0) {
            builder = builder.with_position([x, y]);
        }
    }
    builder
}

/// Low power and small buffers: the memory is for the model.
fn wgpu_options() -> WgpuConfiguration {
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.power_preference = wgpu::PowerPreference::from_env().unwrap_or(wgpu::PowerPreference::LowPower);
    let base = Arc::clone(&setup.device_descriptor);
    setup.device_descriptor =
        Arc::new(move |adapter| wgpu::DeviceDescriptor { memory_hints: wgpu::MemoryHints::MemoryUsage, ..base(adapter) });
    WgpuConfiguration { wgpu_setup: setup.into(), ..WgpuConfiguration::default() }
}

/// Elsewhere a window system is always there.
fn has_display() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos"))) || set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WAYLAND_SOCKET")
}

fn no_window(why: &str) -> Error {
    let instead = "without a window there are: ponder inspect, plan, run, tokenize, logits, bench, perplexity, fetch";
    Error::unsupported("the window cannot be opened", format!("{why}; {instead}"))
}

/// A file that is there while a renderer starts, and stays if the process dies of it.
#[derive(Debug, Clone)]
struct Marker(PathBuf);

impl Marker {
    fn at(data: &Path) -> Self {
        Self(data.join("renderer-starting"))
    }

    fn blames(&self, renderer: &str) -> bool {
        std::fs::read_to_string(&self.0).is_ok_and(|text| text.trim() == renderer)
    }

    fn set(&self, renderer: &str) {
        // Without the marker a crash is only not remembered.
        let _kept = self.0.parent().map(std::fs::create_dir_all).and_then(|_| std::fs::write(&self.0, renderer).ok());
    }

    fn clear(&self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}
