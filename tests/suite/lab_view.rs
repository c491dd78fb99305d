//! The lab's page with a scripted state: everything that was measured is told, and what is pressed becomes a wish.

use egui::Key;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::lab::label::Label;
use ponder::message::{Command, Outcome};
use ponder::state::export;
use ponder::state::lab::Wish;
use ponder::state::{Action, Page};
use ponder::units::with_error;

use crate::support::fold::Fold;
use crate::support::stage::{Scene, Stage};

fn lab(mut scene: Scene) -> Stage {
    scene.state.page = Page::Lab;
    Stage::of(scene)
}

fn click(stage: &mut Stage, name: &str) -> Vec<Action> {
    stage.wishes.borrow_mut().clear();
    stage.harness.get_by_label(name).click_accesskit();
    stage.harness.run();
    stage.wishes.borrow().clone()
}

fn buttons(stage: &Stage, start: &str) -> Vec<String> {
    let labels = stage.harness.root().children_recursive().filter_map(|node| node.accesskit_node().label());
    labels.filter(|label| label.starts_with(start)).collect()
}

#[test]
fn without_a_reference_the_page_says_what_it_is_for() {
    let mut stage = lab(Scene::new());
    assert!(stage.sees("Which one do I keep?"));
    assert_eq!(stage.press("Choose a file…"), [Action::Lab(Wish::PickReference)]);
}

#[test]
fn candidates_are_chips_and_the_plan_says_what_they_really_become() {
    let mut stage = lab(Scene::choosing());
    assert!(stage.sees("the reference: Q8_0"));
    let row = buttons(&stage, "Q2_K:");
    assert!(row[0].contains("Q4_0"), "rows too short for Q2_K fall back: {row:?}");
    assert!(stage.sees("✓ needs"));
    assert_eq!(click(&mut stage, "Compare Q4_0"), [Action::Lab(Wish::Label(Label::Q4_0, false))]);
    assert_eq!(click(&mut stage, "Compare Q6_K"), [Action::Lab(Wish::Label(Label::Q6K, true))]);
    assert_eq!(stage.press("Compare this family"), [Action::Lab(Wish::Family)]);
    assert_eq!(stage.press("Compare"), [Action::Lab(Wish::Compare)]);
    assert_eq!(click(&mut stage, "Arithmetic Exact"), [Action::Lab(Wish::Exact(true))]);
    assert_eq!(stage.press("Clear"), [Action::Lab(Wish::Clear)]);
}

#[test]
fn while_it_measures_it_says_what_it_does_and_can_be_paused() {
    let mut stage = lab(Scene::comparing());
    assert!(stage.sees("estimated"), "advice is marked");
    assert!(stage.sees("waiting") && stage.sees("Loading Q8_0"));
    assert_eq!(stage.press("Pause"), [Action::Lab(Wish::Pause)]);
    assert_eq!(stage.press("Stop measuring"), [Action::Lab(Wish::Stop)]);
}

#[test]
fn figures_stand_in_rows_that_choose_what_is_looked_at() {
    let mut stage = lab(Scene::compared());
    let rows = buttons(&stage, "Q4_0: ");
    assert!(rows[0].contains("KL ") && rows[0].contains("Top-1 ") && rows[0].contains("Decode "), "{rows:?}");
    assert!(stage.sees("KL against size") && stage.sees("histogram of KL per token of Q8_0"));
    let wished = click(&mut stage, &rows[0].clone());
    let [Action::Lab(Wish::Select(run))] = wished[..] else { panic!("{wished:?}") };
    stage.harness.state_mut().state.perform(Action::Lab(Wish::Select(run)));
    stage.harness.run();
    assert!(stage.sees("histogram of KL per token of Q4_0"));
    assert!(matches!(click(&mut stage, "KL per token of Q8_0")[..], [Action::Lab(Wish::Select(0))]));
}

#[test]
fn the_text_goes_to_its_worst_places_and_shows_both_distributions() {
    let mut stage = lab(Scene::compared());
    click(&mut stage, "Show Where it differs");
    assert!(stage.sees("Text, part 1 of 2"));
    let worst = buttons(&stage, "Go to ");
    assert!(worst.len() > 10, "{worst:?}");
    stage.harness.get_all_by_label(&worst[0]).next().unwrap().click_accesskit();
    stage.harness.run();
    assert!(stage.sees("What comes next") && stage.sees("Reference"));
    stage.harness.get_by_label_contains("Quantization:").focus();
    stage.harness.run();
    let wished = stage.keys(egui::Modifiers::NONE, Key::ArrowRight);
    assert!(matches!(wished[..], [Action::Lab(Wish::Select(_))]), "{wished:?}");
}

#[test]
fn what_if_tells_bytes_at_once() {
    let mut stage = lab(Scene::compared());
    click(&mut stage, "Role ffn_up");
    click(&mut stage, "As Q4_0");
    assert!(stage.sees("tensors change") && stage.sees("(−"));
    let wished = stage.press("Measure what if");
    let [Action::Lab(Wish::WhatIf { of: 0, keep })] = &wished[..] else { panic!("{wished:?}") };
    assert_eq!(keep[0].pattern, "ffn_up");
}

#[test]
fn figures_are_written_for_other_programs_without_an_open_file() {
    let mut stage = lab(Scene::compared());
    let wished = stage.press("CSV");
    let [Action::Export(export @ export::Wish::Bytes { name, bytes })] = &wished[..] else { panic!("{wished:?}") };
    assert!(name.ends_with("-compared.csv") && &bytes[..] == b"name\n");
    let mut fold = Fold::new();
    let place = fold.order(Action::Export(export.clone()));
    assert!(matches!(place.command, Command::PickPlace { .. }));
    let follows = fold.done(place.job, Ok(Outcome::PickedPlace(Some("/tmp/figures.csv".into())))).unwrap();
    assert_eq!(follows, Action::Export(export::Wish::To("/tmp/figures.csv".into())));
    assert!(matches!(fold.order(follows).command, Command::Export(_)));
}

#[test]
fn a_figure_is_written_to_two_digits_of_its_error() {
    let written = |value, error| with_error(value, error).replace('\u{2009}', " ");
    assert_eq!(written(0.012_345, 0.000_412), "0.01234 ± 0.00041");
    assert_eq!(written(96.532, 0.41), "96.53 ± 0.41");
    assert_eq!(written(14.2, 0.0), "14.2");
    assert_eq!(written(0.0, 0.0), "0");
    assert_eq!(written(-0.5, 0.1), "−0.50 ± 0.10");
    assert_eq!(written(f64::NAN, 0.1), "NaN");
}
