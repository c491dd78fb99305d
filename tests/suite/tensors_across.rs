//! The whole model at a glance, and two files beside each other, by what a person sees and presses.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{OutputCommand, Theme, Ui};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::support::browsing::{counted, in_background, place, written};
use crate::support::gguf_writer::ggml;
use crate::support::scene::Scene;
use crate::support::tiny_llama::TinyLlama;
use ponder::error::Error;
use ponder::inspect::grid::Measure;
use ponder::inspect::stats::Depth;
use ponder::inspect::{Model, diff};
use ponder::library::places::App;
use ponder::library::scan::Found as FoundFile;
use ponder::message::Outcome;
use ponder::message::browse::{Found, Seen};
use ponder::state::browse::Wish;
use ponder::state::{Action, State};
use ponder::units::Bytes;
use ponder::view::tensors::compare::{Compare, csv, summary};
use ponder::view::tensors::grid::{Grid, Places, scale};
use ponder::view::{Actions, View};

#[derive(Default)]
struct Across(Grid);

impl View for Across {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        if let Some(opened) = state.opened.ready() {
            self.0.ui(ui, state, &opened.model, actions);
        }
    }
}

#[derive(Default)]
struct Beside(Compare);

impl View for Beside {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        self.0.ui(ui, state, actions);
    }
}

const SIZE: [f32; 2] = [800.0, 600.0];

fn llama(name: &str, matrices: u32, seed: u64) -> (tempfile::TempDir, Arc<Model>) {
    written(name, &TinyLlama { seed, matrices, ..TinyLlama::default() }.gguf())
}

fn sees<V>(harness: &Harness<'static, Scene<V>>, words: &str) -> bool {
    let has = |text: Option<String>| text.is_some_and(|text| text.contains(words));
    harness.root().children_recursive().any(|node| has(node.accesskit_node().value()) || has(node.accesskit_node().label()))
}

fn last_wish<V>(harness: &Harness<'static, Scene<V>>) -> Option<Wish> {
    match harness.state().wishes.last() {
        Some(Action::Browse(wish)) => Some(wish.clone()),
        _ => None,
    }
}

fn shown<V: View + Default + 'static>(scene: Scene<V>) -> Harness<'static, Scene<V>> {
    let mut harness = scene.show(SIZE, Theme::Dark);
    harness.run();
    harness
}

#[test]
fn each_tensor_has_one_place_in_the_grid() {
    let (_folder, model) = llama("tiny.gguf", ggml::Q4_0, 1);
    let places = Places::of(&model);
    assert_eq!(places.rows, [Some(0), Some(1), None]);
    assert_eq!(places.cells.len(), places.rows.len() * places.cols.len());
    let mut all: Vec<usize> = places.cells.concat();
    all.sort_unstable();
    assert_eq!(all, (0..model.file.tensors.len()).collect::<Vec<_>>());
}

#[test]
fn what_the_header_tells_is_coloured_at_once_and_leads_to_the_tensor() {
    let (_folder, model) = llama("tiny.gguf", ggml::Q4_0, 1);
    let mut harness = shown(Scene::<Across>::browsing(&model));
    assert!(sees(&harness, "bits per weight from 2.00 to 32.0"));
    assert!(harness.query_by_label("Count all tensors").is_none());
    harness.get_by_label("layer 1, keys, blk.1.attn_k.weight: 4.50").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(Wish::Tensor(Some(place(&model, "blk.1.attn_k.weight")))));
}

#[test]
fn a_statistic_is_counted_in_the_background_and_what_fails_says_why() {
    let (_folder, model) = llama("tiny.gguf", ggml::F32, 1);
    let mut harness = shown(Scene::<Across>::browsing(&model));
    harness.get_by_label("Colour by").click();
    harness.run();
    harness.get_by_label("standard deviation").click();
    harness.run();
    assert!(sees(&harness, "Nothing is counted yet."));
    harness.get_by_label("Count all tensors").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(Wish::Survey));
    let (keys, values) = (place(&model, "blk.0.attn_k.weight"), place(&model, "blk.0.attn_v.weight"));
    let stats = Arc::new(counted(&model, keys, Depth::Moments));
    harness.state_mut().sees(Seen::Counted { tensor: keys, stats: Ok(Arc::clone(&stats)), share: 0.25 });
    harness.state_mut().sees(Seen::Counted { tensor: values, stats: Err(Error::Internal("the disk fell out".to_owned())), share: 0.5 });
    harness.run();
    assert!(sees(&harness, "2 of 20 tensors counted, 50.0\u{2009}%"));
    let number = scale::written(Measure::Std, stats.std().unwrap());
    assert!(sees(&harness, &format!("layer 0, keys, blk.0.attn_k.weight: {number}")));
    assert!(sees(&harness, "blk.0.attn_v.weight: ") && sees(&harness, "the disk fell out"));
    assert!(sees(&harness, "layer 1, keys, blk.1.attn_k.weight: not counted"));
    harness.get_by_label("Stop").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(Wish::StopSurvey));
}

#[test]
fn places_on_the_map_of_colours_and_numbers_belong_together() {
    for measure in Measure::ALL {
        let range = [0.02, 40.0];
        assert!(scale::place(measure, range[0], range).abs() < 1e-12, "{measure:?}");
        assert!((scale::place(measure, range[1], range) - 1.0).abs() < 1e-12, "{measure:?}");
        let middle = scale::at(measure, 0.5, range);
        assert!((scale::place(measure, middle, range) - 0.5).abs() < 1e-9, "{measure:?}");
        assert!(scale::place(measure, 3.0, [3.0, 3.0]).is_finite());
    }
}

/// Two files of which the second has other keys in layer 0 and no tensor `output_norm`, and the comparison of both.
fn compared(scene: &mut Scene<Beside>, model: &Arc<Model>) -> tempfile::TempDir {
    let tiny = TinyLlama::default();
    let mut tensors = tiny.tensors();
    tensors.retain(|tensor| tensor.name != "output_norm.weight");
    let keys = tensors.iter_mut().find(|tensor| tensor.name == "blk.0.attn_k.weight").unwrap();
    keys.set(keys.values.iter().map(|value| value * 1.01).collect());
    let (folder, other) = written("other.gguf", &tiny.gguf_of(&tensors));
    scene.wish(Wish::Compare(other.file.path.clone()));
    let pairs: Arc<[diff::Pair]> = diff::pairs(model, &other).into();
    scene.sees(Seen::Paired { other: Arc::clone(&other), pairs: Arc::clone(&pairs) });
    for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.a.is_some() && pair.b.is_some()) {
        let distance = in_background(|background| diff::compare(model, &other, pair, background, &mut |_| ()));
        #[expect(clippy::cast_precision_loss, reason = "twenty pairs")]
        scene.sees(Seen::Compared { pair: at, distance, share: at as f64 / pairs.len() as f64 });
    }
    folder
}

#[test]
fn a_comparison_is_one_sentence_a_table_and_the_way_to_the_difference() {
    let (_folder, model) = llama("tiny.gguf", ggml::F32, 1);
    let mut scene = Scene::<Beside>::browsing(&model);
    let _other = compared(&mut scene, &model);
    let mut harness = shown(scene);
    assert!(sees(&harness, "of the bytes"));
    harness.state_mut().end(Outcome::Found(Found::All));
    harness.run();
    let comparison = harness.state().state.browsing.comparison.clone().unwrap();
    let said = summary(&model, &comparison);
    assert!(said.starts_with("20 tensors: 18 identical, 1 changed, 1 missing, 0 reshaped; largest relative difference"), "{said}");
    assert!(said.ends_with("blk.0.attn_k.weight"), "{said}");
    assert!(sees(&harness, &said));
    assert!(sees(&harness, "output_norm.weight: only in this file"));
    let table = csv(&model, &comparison);
    assert_eq!(table.lines().count(), 21);
    assert!(table.lines().all(|line| line.split(',').count() == 7), "{table}");
    harness.get_by_label("Copy the comparison as CSV").click();
    harness.step();
    let Some(OutputCommand::CopyText(copied)) = harness.output().platform_output.commands.first() else { panic!("nothing copied") };
    assert_eq!(*copied, table);
    harness.get_by_label_contains("blk.0.attn_k.weight: changed").click();
    harness.run();
    let pair = comparison.pairs.iter().position(|pair| pair.name == "blk.0.attn_k.weight").unwrap();
    assert_eq!(last_wish(&harness), Some(Wish::Difference(pair)));
}

#[test]
fn pairs_are_sorted_filtered_and_closed() {
    let (_folder, model) = llama("tiny.gguf", ggml::F32, 1);
    let mut scene = Scene::<Beside>::browsing(&model);
    let _other = compared(&mut scene, &model);
    scene.end(Outcome::Found(Found::All));
    let mut harness = shown(scene);
    let first = |harness: &Harness<'static, Scene<Beside>>| {
        let rows = harness.get_all_by_label_contains(".weight: ");
        rows.min_by(|a, b| a.rect().top().total_cmp(&b.rect().top())).unwrap().accesskit_node().label().unwrap()
    };
    assert!(first(&harness).starts_with("blk.0.attn_k.weight"));
    harness.get_by_label("Sort by status").click();
    harness.run();
    assert!(first(&harness).starts_with("output_norm.weight: only in this file"));
    harness.get_by_label("Sort by relative rmse").click();
    harness.run();
    assert!(first(&harness).starts_with("blk.0.attn_k.weight: changed, "));
    harness.get_by_label("Filter pairs").focus();
    harness.run();
    harness.get_by_label("Filter pairs").type_text("blk.1 identical");
    harness.run();
    assert_eq!(harness.get_all_by_label_contains(".weight: ").count(), 9);
    harness.get_by_label("Close the comparison").click();
    harness.run();
    assert!(harness.state().state.browsing.comparison.is_none());
    harness.get_by_label("Choose a file…").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(Wish::PickOther));
}

#[test]
fn found_models_are_offered_and_what_fails_is_told_beside_them() {
    let (_folder, model) = llama("tiny.gguf", ggml::F32, 1);
    let mut scene = Scene::<Beside>::browsing(&model);
    scene.perform(Action::Scan);
    let file = |name: &str| FoundFile {
        path: format!("/models/{name}.gguf").into(),
        name: name.to_owned(),
        bytes: Bytes(98_000_000),
        app: App::Ponder,
    };
    scene.end(Outcome::Scanned { found: vec![file("base-Q8_0"), file("tuned-Q8_0")], summaries: std::collections::BTreeMap::new() });
    let mut harness = shown(scene);
    harness.get_by_role_and_label(Role::Button, "tuned-Q8_0").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(Wish::Compare("/models/tuned-Q8_0.gguf".into())));
    assert!(sees(&harness, "Opening the other file"));
    let job = harness.state().last_job();
    let error = Error::Open { path: "/models/tuned-Q8_0.gguf".into(), reason: "permission denied".to_owned() };
    harness.state_mut().apply(ponder::message::Event::Done { job, outcome: Err(error) });
    harness.run();
    assert!(sees(&harness, "permission denied"));
    harness.get_by_role_and_label(Role::Button, "base-Q8_0");
}

#[test]
fn both_stand_still_and_are_drawn_at_any_size_in_both_themes() {
    let (_folder, model) = llama("tiny.gguf", ggml::F32, 1);
    for theme in [Theme::Dark, Theme::Light] {
        for size in [[300.0, 200.0], [720.0, 480.0], [1400.0, 900.0]] {
            let mut harness = Scene::<Across>::browsing(&model).show(size, theme);
            harness.run();
            stands_still(&mut harness);
            let mut scene = Scene::<Beside>::browsing(&model);
            let _other = compared(&mut scene, &model);
            scene.end(Outcome::Found(Found::All));
            let mut harness = scene.show(size, theme);
            harness.run();
            stands_still(&mut harness);
        }
    }
}

fn stands_still<V>(harness: &mut Harness<'static, Scene<V>>) {
    harness.step();
    let delay = harness.output().viewport_output.values().map(|viewport| viewport.repaint_delay).min().unwrap();
    assert!(delay > std::time::Duration::from_hours(1), "{delay:?}");
}

#[test]
#[ignore = "writes pictures to be looked at"]
fn pictures_across_the_model() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let Some(path) = crate::support::starter() else { return };
    let model = Arc::new(Model::read(ponder::file::ModelFile::open(&path).unwrap()));
    let (_folder, tiny) = llama("tiny.gguf", ggml::F32, 1);
    for (theme, size) in [(Theme::Dark, [900.0, 700.0]), (Theme::Light, [480.0, 400.0])] {
        let mut scene = Scene::<Across>::browsing(&model);
        scene.wish(Wish::Survey);
        for tensor in 0..model.file.tensors.len() - 20 {
            let stats = Ok(Arc::new(counted(&model, tensor, Depth::Moments)));
            scene.sees(Seen::Counted { tensor, stats, share: 0.93 });
        }
        let mut harness = scene.show(size, theme);
        harness.run_ok();
        harness.render().unwrap().save(folder.join(format!("grid-bits-{theme:?}.png"))).unwrap();
        harness.get_by_label("Colour by").click();
        harness.run_ok();
        harness.get_by_label("kurtosis").click();
        harness.run_ok();
        harness.render().unwrap().save(folder.join(format!("grid-kurtosis-{theme:?}.png"))).unwrap();
        let mut scene = Scene::<Beside>::browsing(&tiny);
        let _other = compared(&mut scene, &tiny);
        let mut harness = scene.show(size, theme);
        harness.run_ok();
        harness.render().unwrap().save(folder.join(format!("compare-{theme:?}.png"))).unwrap();
    }
}
