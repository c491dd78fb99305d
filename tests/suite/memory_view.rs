//! The memory page by what a person sees and presses.

use egui::Theme;

use crate::support::scene::{Scene, samples};
use ponder::view::memory::MemoryPage;

type Memory = Scene<MemoryPage>;

fn running() -> Memory {
    let mut scene = Memory::loaded();
    for (i, sample) in samples(scene.state.loaded.as_ref().unwrap()).into_iter().enumerate() {
        scene.state.memory.push(sample);
        match i {
            60 => scene.state.memory.mark("loaded"),
            300 | 520 => scene.state.memory.mark("answer"),
            _ => {}
        }
    }
    scene
}

#[test]
#[ignore = "writes pictures to be looked at"]
fn pictures_of_the_memory() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for theme in [Theme::Dark, Theme::Light] {
        for (size, name) in [([1280.0, 800.0], "wide"), ([720.0, 480.0], "small"), ([1280.0, 1200.0], "tall")] {
            for (scene, what) in [(running(), "running"), (Memory::new(), "none")] {
                let mut harness = scene.show(size, theme);
                harness.run_ok();
                harness.render().unwrap().save(folder.join(format!("memory-{what}-{name}-{theme:?}.png"))).unwrap();
            }
        }
    }
}
