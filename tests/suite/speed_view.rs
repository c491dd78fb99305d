//! Speed by what a person sees: nothing before it is measured, the limit before loading, and why an answer was as fast as it was.

use egui::Theme;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::kernels::bandwidth::Bandwidth;
use ponder::state::{Action, Opened, Page, Slot};
use ponder::store::chat::StopReason;
use ponder::units::BytesPerSecond;
use ponder::view::View;
use ponder::view::chat::ChatPage;
use ponder::view::memory::MemoryPage;
use ponder::view::model::ModelPage;

use crate::support::scene::{Scene, samples};

/// A machine that reads 30 GB a second, so that 11.8 GB/s are 39.3 %.
fn machine() -> Slot<Bandwidth> {
    Slot::Ready(Bandwidth::flat(BytesPerSecond(30e9), 2))
}

fn loaded<V: View + Default>() -> Scene<V> {
    let mut scene = Scene::loaded();
    let loaded = scene.state.loaded.clone().unwrap();
    for sample in samples(&loaded) {
        scene.state.memory.push(sample);
    }
    scene.state.opened = Slot::Ready(Opened { model: loaded.model, plan: Ok(loaded.plan) });
    scene
}

fn answered<V: View + Default>() -> Scene<V> {
    let mut scene = loaded();
    scene.exchange("What color is the sky?", "A beautiful shade of blue.");
    scene.state.bandwidth = machine();
    scene
}

fn sees<T>(harness: &Harness<'_, T>, words: &str) -> bool {
    let has = |text: Option<String>| text.is_some_and(|text| text.replace(['\u{2009}', '\u{a0}'], " ").contains(words));
    harness.root().children_recursive().any(|node| has(node.accesskit_node().value()) || has(node.accesskit_node().label()))
}

fn shown<V: View + Default + 'static>(scene: Scene<V>, size: [f32; 2]) -> Harness<'static, Scene<V>> {
    let mut harness = scene.show(size, Theme::Dark);
    harness.run();
    harness
}

#[test]
#[ignore = "writes pictures to be looked at"]
fn pictures_of_the_speed() {
    fn picture<V: View + Default + 'static>(scene: Scene<V>, size: [f32; 2], theme: Theme, name: &str) {
        let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        std::fs::create_dir_all(&folder).unwrap();
        let mut harness = scene.show(size, theme);
        harness.run_ok();
        harness.render().unwrap().save(folder.join(format!("speed-{name}-{theme:?}.png"))).unwrap();
    }
    for theme in [Theme::Dark, Theme::Light] {
        picture(answered::<MemoryPage>(), [1280.0, 1300.0], theme, "memory-wide");
        picture(answered::<MemoryPage>(), [720.0, 1900.0], theme, "memory-narrow");
        picture(answered::<ChatPage>(), [1280.0, 1200.0], theme, "chat");
        picture(answered::<ModelPage>(), [1280.0, 900.0], theme, "model");
        picture(loaded::<MemoryPage>(), [1280.0, 1200.0], theme, "memory-before");
    }
}

#[test]
fn the_model_page_says_nothing_of_speed_until_the_machine_is_measured() {
    let harness = shown(loaded::<ModelPage>(), [1280.0, 900.0]);
    assert!(!sees(&harness, "tok/s") && !sees(&harness, "measured"));
}

#[test]
fn the_model_page_tells_the_limit_and_what_it_is_estimated_from() {
    let mut scene = loaded::<ModelPage>();
    scene.state.bandwidth = machine();
    let harness = shown(scene, [1280.0, 900.0]);
    assert!(sees(&harness, "at most ≈") && sees(&harness, "tok/s here"));
    assert!(sees(&harness, "read per token and 30.0 GB/s measured"));
    assert!(!sees(&harness, "last answer"));
}

#[test]
fn after_an_answer_the_model_page_says_what_it_reached() {
    let harness = shown(answered::<ModelPage>(), [1280.0, 900.0]);
    assert!(sees(&harness, "its last answer here: 118 tok/s measured"));
}

#[test]
fn the_chat_says_why_the_answer_was_as_fast_as_it_was_and_leads_to_more() {
    let harness = shown(loaded::<ChatPage>(), [1280.0, 1200.0]);
    assert!(harness.query_by_label("Show speed in detail").is_none(), "nothing was answered yet");
    let mut harness = shown(answered::<ChatPage>(), [1280.0, 1200.0]);
    assert!(sees(&harness, "Bound by arithmetic: matrix products take 78.0 % of the time, and memory gives 39.3 % of what it could."));
    assert!(sees(&harness, "time of the answer: attention products 20.0 %"));
    for named in ["feed-forward products", "attention products", "head product"] {
        assert!(harness.query_all_by_label(named).next().is_some(), "{named}");
    }
    harness.get_by_label("Show speed in detail").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Go(Page::Memory)));
}

#[test]
fn the_memory_page_tells_every_kind_of_work_for_prompt_and_answer() {
    let harness = shown(answered::<MemoryPage>(), [1280.0, 1400.0]);
    for words in ["Answer reads", "11.8 GB/s", "This machine reads", "30.0 GB/s", "≈ 300 tok/s", "39.3 %"] {
        assert!(sees(&harness, words), "{words}");
    }
    assert!(sees(&harness, "time of the prompt: ") && sees(&harness, "time of the answer: "));
    for operation in ponder::engine::operation::Operation::ALL {
        assert!(harness.query_all_by_label(operation.words()).next().is_some(), "{}", operation.words());
    }
}

#[test]
fn without_an_answer_the_memory_page_says_what_will_be_there() {
    let harness = shown(loaded::<MemoryPage>(), [1280.0, 1400.0]);
    assert!(sees(&harness, "stands here after an answer") && !sees(&harness, "Answer reads"));
}

#[test]
fn a_stopped_prompt_shows_where_its_time_went_and_claims_no_speed_of_an_answer() {
    let mut scene = answered::<MemoryPage>();
    let id = scene.state.chats.current().id.clone();
    scene.state.chats.edit(&id, 2, |chat| {
        let metrics = chat.turns.last_mut().unwrap().metrics.as_mut().unwrap();
        metrics.decode = ponder::units::TokensPerSecond(0.0);
        metrics.stop_reason = StopReason::Cancelled;
        metrics.speed.as_mut().unwrap().decode = ponder::engine::operation::Times::default();
    });
    let harness = shown(scene, [1280.0, 1400.0]);
    assert!(sees(&harness, "time of the prompt: ") && !sees(&harness, "time of the answer: "));
    assert!(!sees(&harness, "Bound by") && !sees(&harness, "Estimated at most"));
}
