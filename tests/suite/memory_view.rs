//! The memory page by what a person sees and presses.

use egui::{OutputCommand, Theme};
use egui_kittest::kittest::Queryable as _;

use crate::support::scene::{Scene, samples};
use ponder::state::{Action, Page};
use ponder::view::memory::{MemoryPage, csv, decimated};

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

#[test]
fn nothing_measured_says_what_will_be_here_and_leads_to_a_model() {
    let mut harness = Memory::new().show([1280.0, 800.0], Theme::Dark);
    harness.run();
    harness.get_by_label_contains("will be drawn here");
    harness.get_by_label("Choose a model").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Go(Page::Home)));
}

#[test]
fn each_truth_stands_in_its_own_column() {
    let mut harness = running().show([1280.0, 1200.0], Theme::Dark);
    harness.run();
    for truth in ["planned", "booked", "allocated", "resident"] {
        assert!(harness.query_all_by_label(truth).next().is_some(), "{truth}");
    }
    harness.get_by_label_contains("weights over time, booked now");
    harness.get_by_label_contains("activations over time, allocated now");
    harness.get_by_label_contains("memory by context, 8,192 tokens chosen");
}

#[test]
fn the_samples_are_copied_as_a_table() {
    let mut harness = running().show([1280.0, 800.0], Theme::Dark);
    harness.run();
    harness.get_by_label("Copy as CSV").click();
    harness.step();
    let commands = &harness.output().platform_output.commands;
    let Some(OutputCommand::CopyText(text)) = commands.first() else { panic!("nothing copied") };
    assert_eq!(text.lines().count(), 601);
    assert_eq!(text.lines().map(|line| line.split(',').count()).max(), Some(10));
    assert_eq!(*text, csv(&harness.state().state.memory));
}

#[test]
fn the_page_stands_still_when_nothing_runs() {
    let mut harness = running().show([1280.0, 800.0], Theme::Dark);
    harness.run();
    harness.step();
    let delay = harness.output().viewport_output.values().map(|viewport| viewport.repaint_delay).min().unwrap();
    assert!(delay > std::time::Duration::from_hours(1), "{delay:?}");
}

#[test]
fn no_peak_is_lost_between_pixels() {
    let mut points: Vec<[f64; 2]> = (0..10_000).map(|i| [f64::from(i), 1.0]).collect();
    points[4_321][1] = 9.0;
    points[8_765][1] = -3.0;
    let shown = decimated(&points, (0.0, 9_999.0), 300);
    assert!(shown.len() <= 2 * 301);
    assert!(shown.contains(&[4_321.0, 9.0]) && shown.contains(&[8_765.0, -3.0]));
    assert!(shown.is_sorted_by_key(|point| point[0]));
    assert_eq!(shown.first().map(|point| point[0]), Some(0.0));
}

#[test]
fn a_zoomed_strip_keeps_both_ends_so_that_the_axis_knows_its_length() {
    let points: Vec<[f64; 2]> = (0..100).map(|i| [f64::from(i), 1.0]).collect();
    let shown = decimated(&points, (40.0, 42.0), 300);
    assert_eq!(shown.first(), Some(&[0.0, 1.0]));
    assert_eq!(shown.last(), Some(&[99.0, 1.0]));
    assert_eq!(shown.len(), 5);
}
