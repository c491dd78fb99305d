//! What looking at a large tensor takes: the whole app, driven from the whole matrix to single values and across it.

use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ponder::app::{App, Start};
use ponder::library::Folders;
use ponder::state::browse::Wish;
use ponder::state::{Action, Page, State};

use super::support::gguf_writer::{GgufBuilder, ggml};
use super::{alone, live};

/// 32768 × 8192 values of 16 bits: 512 MiB.
const SHAPE: [u64; 2] = [32_768, 8192];
/// What looking at it may take.
const BOUND: u64 = 200_000_000;
const GUARD: Duration = Duration::from_mins(4);

struct Looker {
    harness: Harness<'static, App>,
    before: u64,
    most: u64,
}

impl Looker {
    fn step(&mut self) {
        self.harness.step();
        self.most = self.most.max(live().saturating_sub(self.before));
    }

    fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let start = Instant::now();
        while !holds(self.harness.state().state()) {
            assert!(start.elapsed() < GUARD, "waited in vain until {what}");
            self.step();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn wheel(&mut self, turns: f32) {
        let at = self.harness.get_by_label_contains("Picture of").rect().center();
        self.harness.hover_at(at);
        self.harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, 120.0 * turns),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: egui::Modifiers::NONE,
        });
        for _ in 0..12 {
            self.step();
        }
    }

    fn drag(&mut self, by: egui::Vec2) {
        let at = self.harness.get_by_label_contains("Picture of").rect().center();
        self.harness.drag_at(at);
        self.step();
        self.harness.hover_at(at + by);
        self.step();
        self.harness.drop_at(at + by);
        self.step();
        self.until("its tiles are here", |state| !state.browsing.is_tiling());
    }
}

#[test]
fn looking_at_a_large_tensor_takes_less_than_200_mb() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.gguf");
    std::fs::write(&path, GgufBuilder::new().kv("general.architecture", "large").tensor_at("large.weight", &SHAPE, ggml::F16, 0).bytes())
        .unwrap();
    let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len().next_multiple_of(64) + 2 * SHAPE[0] * SHAPE[1]).unwrap();

    let folders = Folders::at(folder.path().join("data"));
    let harness = Harness::builder()
        .with_size([1600.0, 1000.0])
        .allow_missing_glyphs()
        .build_eframe(move |cc| App::new(&cc.egui_ctx, folders, Start::default()).unwrap());
    let mut looker = Looker { harness, before: 0, most: 0 };
    looker.harness.state_mut().perform(Action::Open { path, load: false });
    looker.until("the header is read", |state| state.opened.ready().is_some());
    looker.harness.state_mut().perform(Action::Go(Page::Tensors));
    looker.step();
    (looker.before, looker.most) = (live(), 0);

    looker.harness.state_mut().perform(Action::Browse(Wish::Tensor(Some(0))));
    looker.until("it is drawn and counted", |state| state.browsing.stats.as_ref().is_some_and(|(_, share)| *share >= 1.0));
    let whole = looker.most;
    for turns in [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0] {
        looker.wheel(turns);
        for _ in 0..12 {
            looker.drag(egui::vec2(-500.0, -300.0));
        }
    }
    let tiles = looker.harness.state().state().browsing.tiles.len();
    assert!(tiles > 100, "only {tiles} tiles were looked at");
    eprintln!("the whole: {whole} bytes at most; with {tiles} tiles: {} bytes at most", looker.most);
    assert!(looker.most < BOUND, "{} bytes", looker.most);
}
