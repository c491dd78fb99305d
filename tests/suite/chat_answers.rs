//! What stands under an answer: what was measured, why it ended, and what can be done about it.

use egui_kittest::kittest::Queryable as _;
use ponder::error::Error;
use ponder::message::Event;
use ponder::state::Action;
use ponder::store::chat::StopReason;
use ponder::view::strip::speed;

use crate::chat_view::{Chat, conversation, sees, shown};

#[test]
fn under_an_answer_stands_what_it_took_and_why_it_ended() {
    let harness = shown(conversation());
    for fact in ["41 tok", "118\u{2009}tok/s", "prompt 34 tok at 220\u{2009}tok/s", "first token 0.420\u{2009}s", "end of turn"] {
        assert!(sees(&harness, &fact.replace(' ', "\u{a0}")), "{fact}");
    }
}

#[test]
fn an_answer_that_was_cut_off_shows_no_figures_that_nobody_measured() {
    let mut scene = Chat::loaded();
    scene.say("Hello");
    scene.write("Well, that", 3);
    let job = scene.state.answering.as_ref().unwrap().job;
    scene.apply(Event::Done { job, outcome: Err(Error::Engine("the disk went away".into())) });
    assert_eq!(speed(&scene.state), None);
    let harness = shown(scene);
    assert!(sees(&harness, "interrupted"));
    assert!(!sees(&harness, "0\u{a0}tok"));
}

#[test]
fn the_last_answer_can_be_made_again() {
    let mut harness = shown(conversation());
    harness.get_by_label("Regenerate").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Regenerate));
    assert_eq!(harness.state().state.chats.current().turns.len(), 1);
}

#[test]
fn an_interrupted_answer_says_so_and_offers_another() {
    let mut scene = Chat::loaded();
    scene.say("Hello");
    scene.write("Well, that", 3);
    scene.finish(StopReason::Interrupted);
    let harness = shown(scene);
    assert!(sees(&harness, "interrupted"));
    harness.get_by_label("Regenerate");
}
