//! How a text is cut, by what a person sees and presses; and that its tokens follow what is typed.

use egui::Theme;
use egui_kittest::kittest::Queryable as _;
use ponder::engine::cut::{Token, cut};
use ponder::engine::tokenizer::Special;
use ponder::error::Error;
use ponder::message::{Command, Event, Outcome};
use ponder::state::{Action, Slot};
use ponder::store::chat::Mode;

use super::chat_view::{Chat, shown};
use super::tokenizer_kinds::tokenizer;

fn tokens(text: &str) -> Vec<Token> {
    let tokenizer = tokenizer("byte_level");
    cut(&tokenizer, &tokenizer.encode(text, Special::Typed).unwrap())
}

/// What was asked last, answered.
fn answer(scene: &mut Chat) {
    let order = scene.orders.pop().unwrap();
    let Command::Tokenize { text, .. } = order.command else { panic!("{:?}", order.command) };
    scene.apply(Event::Done { job: order.job, outcome: Ok(Outcome::Tokens(tokens(&text))) });
}

fn typed(text: &str) -> Chat {
    let mut scene = Chat::loaded();
    scene.perform(Action::Draft(text.to_owned()));
    scene
}

#[test]
fn the_tokens_of_what_is_typed_are_shown_with_their_numbers_and_closed() {
    let mut harness = shown(typed("naïve 👍"));
    harness.get_by_label("Show tokens").click();
    harness.run();
    answer(harness.state_mut());
    harness.run();
    let expected = tokens("naïve 👍");
    harness.get_by_label(&format!("{} tokens", expected.len()));
    for token in &expected {
        let name = format!("token {}: {}", token.id, token.text.replace(' ', "·"));
        assert!(harness.query_all_by_label(&name).next().is_some(), "{name}");
    }
    harness.get_by_label("Close the tokens").click();
    harness.run();
    assert!(matches!(harness.state().state.tokens.asked, Slot::Empty));
    assert!(harness.query_by_label("Close the tokens").is_none());
}

#[test]
fn a_long_line_of_tokens_is_wrapped_and_pushes_nothing_aside() {
    let mut harness = shown(typed(&"The quick brown fox doesn't jump, naïve 日本語 ".repeat(20)));
    let place = |harness: &egui_kittest::Harness<'_, Chat>| harness.get_by_label("Send").rect().right();
    let before = place(&harness);
    harness.get_by_label("Show tokens").click();
    harness.run();
    answer(harness.state_mut());
    harness.run();
    assert!((place(&harness) - before).abs() < 1.0, "{} and not {before}", place(&harness));
}

#[test]
fn nothing_is_offered_where_nothing_is_typed_or_no_model_is_there() {
    assert!(shown(Chat::loaded()).query_by_label("Show tokens").is_none());
    let mut scene = Chat::new();
    scene.perform(Action::Draft("Hi".to_owned()));
    assert!(shown(scene).query_by_label("Show tokens").is_none());
}

#[test]
fn tokens_follow_what_is_typed_one_question_at_a_time() {
    let mut scene = typed("a");
    assert!(scene.orders.is_empty(), "nobody looks");
    scene.perform(Action::ShowTokens);
    scene.perform(Action::Draft("ab".to_owned()));
    scene.perform(Action::Draft("abc".to_owned()));
    assert_eq!(scene.orders.len(), 1);
    answer(&mut scene);
    assert_eq!(scene.orders.len(), 1, "what was typed meanwhile is asked for");
    answer(&mut scene);
    assert_eq!(scene.state.tokens.cut, tokens("abc"));
    scene.perform(Action::Draft("abcd".to_owned()));
    answer(&mut scene);
    assert_eq!(scene.state.tokens.cut, tokens("abcd"));
    scene.perform(Action::NewChat);
    scene.perform(Action::Draft("x".to_owned()));
    assert!(scene.orders.is_empty(), "the view closed with its chat");
}

#[test]
fn a_completion_counts_user_defined_marks_and_a_chat_does_not() {
    for (mode, expected) in [(Mode::Chat, Special::Typed), (Mode::Completion, Special::Plain)] {
        let mut scene = typed("<|x|>");
        scene.perform(Action::SetMode(mode));
        scene.perform(Action::ShowTokens);
        let Command::Tokenize { special, .. } = &scene.orders.last().unwrap().command else { panic!() };
        assert_eq!(*special, expected);
    }
}

#[test]
fn tokens_that_cannot_be_had_say_why() {
    let mut scene = typed("Hi");
    scene.perform(Action::ShowTokens);
    let job = scene.last_job();
    scene.apply(Event::Done { job, outcome: Err(Error::Engine("this model is no longer loaded".into())) });
    let harness = shown(scene);
    assert!(harness.query_by_label_contains("no longer loaded").is_some());
}

#[test]
fn the_exact_prompt_can_be_read_token_by_token() {
    let mut scene = Chat::loaded();
    let cut = (0..3000).map(|id| Token { id, text: if id % 50 == 0 { "\n".into() } else { " w".into() }, special: id == 0 }).collect();
    let prompt = ponder::engine::prompt::Prompt { cut, tokens: (0..3000).collect(), ..Default::default() };
    scene.state.prompt = Slot::Ready(prompt);
    let mut harness = shown(scene);
    harness.get_by_label("Tokens").click();
    harness.run_ok();
    harness.get_by_label("token 1: ·w");
    harness.get_by_label("token 0: ↵");
    assert!(harness.query_by_label("token 2999: ·w").is_none(), "out of sight");
}

#[test]
#[ignore = "writes pictures to be looked at"]
fn pictures_of_tokens() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for theme in [Theme::Dark, Theme::Light] {
        let mut scene = typed("The quick brown fox doesn't jump, naïve 👍🏽 über 日本語.\n    let x = 12345;");
        scene.perform(Action::ShowTokens);
        answer(&mut scene);
        let mut harness = scene.show([1280.0, 800.0], theme);
        harness.run_ok();
        harness.render().unwrap().save(folder.join(format!("tokens-{theme:?}.png"))).unwrap();
    }
}

#[test]
fn bytes_that_are_no_character_are_shown_as_bytes() {
    let shown: String = tokens("😀").iter().map(|token| token.text.as_str()).collect();
    assert!(shown == "😀" || shown.contains("<0xF0>"), "{shown}");
    let tokenizer = tokenizer("sentence_piece");
    let bytes = cut(&tokenizer, &tokenizer.encode("𐌰", Special::Plain).unwrap());
    assert_eq!(bytes.iter().map(|token| token.text.as_str()).collect::<String>().trim_start(), "<0xF0><0x90><0x8C><0xB0>");
}
