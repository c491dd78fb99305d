//! The state while an answer is made: what is ordered, what is kept, what is told. No threads.

use ponder::engine::session::Input;
use ponder::engine::template::Role as TemplateRole;
use ponder::error::Error;
use ponder::message::{Command, Outcome, Step};
use ponder::state::{Action, Phase, Slot, Tone};
use ponder::store::chat::{Mode, Role, StopReason};

use crate::support::fold::{Fold, disk_full, generate, metrics, saved_chat, tiny};

fn messages(input: &Input) -> Vec<(TemplateRole, &str)> {
    match input {
        Input::Chat { messages, .. } => messages.iter().map(|message| (message.role, message.content.as_str())).collect(),
        Input::Completion(text) => panic!("a completion of {text:?}"),
    }
}

#[test]
fn a_message_is_on_disk_before_the_model_is_asked() {
    let mut fold = Fold::loaded();
    let order = fold.send("Why is the sky blue?");
    let saved = saved_chat(&order);
    assert_eq!(saved.turns.last().map(|turn| (turn.role, turn.text.as_str())), Some((Role::User, "Why is the sky blue?")));
    assert_eq!((saved.draft.as_str(), saved.title.as_str()), ("", "Why is the sky blue?"));
    assert_eq!(fold.state.answering.as_ref().map(|answering| answering.phase), Some(Phase::Saving));

    let (job, asked) = fold.saved(order.job);
    assert_eq!(messages(&asked.input), [(TemplateRole::User, "Why is the sky blue?")]);
    assert_eq!((asked.turn, asked.chat), (1, fold.id()));
    fold.step(job, Step::Reading { done: 3, total: 9 });
    assert_eq!(fold.state.answering.as_ref().map(|answering| answering.phase), Some(Phase::Reading { done: 3, total: 9 }));
    fold.write(job, "Ray");
    fold.write(job, "leigh.");
    let follows = fold.done(job, Ok(Outcome::Generated(metrics(StopReason::EndOfTurn))));
    assert_eq!(follows, Some(Action::SaveDirty));
    assert_eq!(saved_chat(&fold.order(Action::SaveDirty)).turns, fold.turns());
    assert_eq!(fold.said(), ["Why is the sky blue?", "Rayleigh."]);
    assert_eq!(fold.turns()[1].metrics, Some(metrics(StopReason::EndOfTurn)));
    assert!(fold.state.answering.is_none() && fold.notices().is_empty());
}

#[test]
fn the_system_prompt_comes_first_unless_it_is_blank() {
    let mut fold = Fold::loaded();
    fold.no_order(Action::SetSystem("Be brief.".to_owned()));
    fold.exchange("Hi", "Hello.");
    fold.no_order(Action::SetSystem(" \n".to_owned()));
    let (_, asked) = fold.ask("Again");
    let roles = [TemplateRole::User, TemplateRole::Assistant, TemplateRole::User];
    assert_eq!(messages(&asked.input), roles.into_iter().zip(["Hi", "Hello.", "Again"]).collect::<Vec<_>>());
    fold = Fold::loaded();
    fold.no_order(Action::SetSystem("Be brief.".to_owned()));
    assert_eq!(messages(&fold.ask("Hi").1.input), [(TemplateRole::System, "Be brief."), (TemplateRole::User, "Hi")]);
}

#[test]
fn nothing_is_sent_without_words_or_a_model() {
    let mut fold = Fold::loaded();
    fold.wish(Action::Draft(" \n ".to_owned()));
    fold.no_order(Action::Send);
    let mut fold = Fold::new();
    fold.wish(Action::Draft("Hi".to_owned()));
    fold.no_order(Action::Send);
    assert_eq!(fold.current().draft, "Hi");
}

#[test]
fn a_message_that_cannot_be_saved_is_answered_and_told_and_stays_to_be_saved() {
    let mut fold = Fold::loaded();
    let order = fold.send("Hi");
    let follows = fold.done(order.job, Err(disk_full())).expect("an answer all the same");
    assert_eq!(fold.told(Tone::Error, "the disk is full"), 1);
    let (job, _) = generate(fold.order(follows));
    assert!(fold.state.unsaved(), "the message is not on disk and the state forgets it");
    fold.write(job, "Hello.");
    assert!(fold.state.unsaved());
}

#[test]
fn stop_while_the_message_is_saved_asks_no_model() {
    let mut fold = Fold::loaded();
    let order = fold.send("Hi");
    fold.no_order(Action::Stop);
    assert!(fold.state.answering.as_ref().is_some_and(|answering| answering.stopping));
    assert_eq!(fold.done(order.job, Ok(Outcome::Saved)), None);
    assert_eq!((fold.said(), fold.state.answering.is_none()), (vec!["Hi"], true));
}

#[test]
fn stop_while_waiting_leaves_no_empty_answer() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    let Command::Stop(stopped) = fold.order(Action::Stop).command else { panic!("no stop") };
    assert_eq!(stopped, job);
    fold.no_order(Action::Stop);
    let follows = fold.done(job, Err(Error::Cancelled));
    fold.follow(follows);
    assert_eq!((fold.said(), fold.notices()), (vec!["Hi"], vec![]));
    assert!(fold.state.can_answer() && !fold.state.unsaved());
}

#[test]
fn stop_while_reading_or_writing_keeps_what_was_said() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    fold.step(job, Step::Reading { done: 1, total: 2 });
    fold.order(Action::Stop);
    let nothing = ponder::store::chat::Metrics { generated_tokens: 0, ..metrics(StopReason::Cancelled) };
    fold.done(job, Ok(Outcome::Generated(nothing)));
    assert_eq!(fold.said(), ["Hi"]);

    let (job, _) = generate_again(&mut fold);
    fold.write(job, "Hel");
    fold.order(Action::Stop);
    fold.done(job, Ok(Outcome::Generated(metrics(StopReason::Cancelled))));
    assert_eq!(fold.said(), ["Hi", "Hel"]);
    assert_eq!(fold.turns()[1].metrics.map(|metrics| metrics.stop_reason), Some(StopReason::Cancelled));
}

fn generate_again(fold: &mut Fold) -> (ponder::message::JobId, ponder::message::Generate) {
    let order = fold.order(Action::Regenerate);
    fold.saved(order.job)
}

#[test]
fn an_answer_that_fails_is_told_and_its_text_is_marked_as_interrupted() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    fold.write(job, "Hel");
    assert_eq!(fold.done(job, Err(Error::Engine("the logits are not numbers".into()))), Some(Action::SaveDirty));
    assert_eq!(fold.told(Tone::Error, "not numbers"), 1);
    assert_eq!(fold.said(), ["Hi", "Hel"]);
    assert_eq!(
        fold.turns()[1].metrics.map(|metrics| metrics.stop_reason),
        Some(StopReason::Interrupted),
        "else it seems to stream for ever"
    );
}

#[test]
fn regenerate_asks_the_same_again_without_the_last_answer() {
    let mut fold = Fold::loaded();
    fold.no_order(Action::Regenerate);
    fold.exchange("One", "1");
    fold.exchange("Two", "2");
    let order = fold.order(Action::Regenerate);
    assert_eq!(saved_chat(&order).turns.len(), 3);
    let (_, asked) = fold.saved(order.job);
    assert_eq!(messages(&asked.input).iter().map(|(_, text)| *text).collect::<Vec<_>>(), ["One", "1", "Two"]);
    fold.no_order(Action::Regenerate);
}

#[test]
fn completion_continues_the_text_of_all_turns_and_regenerates_it() {
    let mut fold = Fold::loaded();
    fold.no_order(Action::SetMode(Mode::Completion));
    fold.exchange("Once upon", " a time");
    let (job, asked) = fold.ask(" there");
    assert_eq!(asked.input, Input::Completion("Once upon a time there".to_owned()));
    fold.write(job, " was");
    fold.done(job, Ok(Outcome::Generated(metrics(StopReason::MaxTokens))));
    assert_eq!(generate_again(&mut fold).1.input, Input::Completion("Once upon a time there".to_owned()));
}

#[test]
fn one_answer_at_a_time() {
    let mut fold = Fold::loaded();
    fold.exchange("In another chat", "Yes.");
    let other = fold.id();
    fold.wish(Action::NewChat);
    let order = fold.send("Hi");
    let here = fold.id();
    for action in [Action::Answer(here.clone()), Action::Answer(other.clone()), Action::Send, Action::Regenerate] {
        fold.no_order(action);
    }
    let (job, _) = fold.saved(order.job);
    fold.wish(Action::Draft("More".to_owned()));
    for action in [Action::Answer(here), Action::Answer(other.clone()), Action::Send, Action::Regenerate] {
        fold.no_order(action);
    }
    fold.wish(Action::OpenChat(other));
    fold.wish(Action::Draft("More".to_owned()));
    fold.no_order(Action::Send);
    assert_eq!(fold.state.answering.as_ref().map(|answering| answering.job), Some(job));
}

#[test]
fn only_a_message_is_answered() {
    let mut fold = Fold::loaded();
    let id = fold.id();
    fold.no_order(Action::Answer(id.clone()));
    fold.exchange("Hi", "Hello.");
    fold.no_order(Action::Answer(id));
    assert_eq!(fold.said(), ["Hi", "Hello."]);
}

#[test]
fn a_message_waits_in_its_box_while_another_model_is_loaded_or_this_one_freed() {
    let mut fold = Fold::loaded();
    fold.open(&tiny());
    let load = fold.order(Action::Load { anyway: false });
    fold.wish(Action::Draft("Hi".to_owned()));
    fold.no_order(Action::Send);
    assert_eq!((fold.current().draft.as_str(), fold.state.notices.iter().len()), ("Hi", 1));
    fold.finish_load(&load, Ok(()));
    fold.order(Action::Unload);
    fold.no_order(Action::Send);
    assert_eq!(fold.current().draft, "Hi");
}

#[test]
fn a_model_that_is_gone_before_the_answer_is_told() {
    let mut fold = Fold::loaded();
    let order = fold.send("Hi");
    let id = fold.state.loaded.as_ref().expect("loaded").receipt.id;
    fold.step(ponder::message::JobId(9_999), Step::Freed(id));
    let follows = fold.done(order.job, Ok(Outcome::Saved)).expect("the answer follows");
    fold.no_order(follows);
    assert_eq!((fold.said(), fold.state.notices.iter().len()), (vec!["Hi"], 1));
    assert!(fold.state.answering.is_none());
}

#[test]
fn a_full_context_is_told_and_a_new_chat_offered() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    fold.write(job, "Hello");
    fold.done(job, Ok(Outcome::Generated(metrics(StopReason::ContextFull))));
    let notice = fold.state.notices.iter().next().expect("a notice");
    assert!(notice.text.contains("context is full"));
    assert_eq!(notice.offer, Some(("New chat", Action::NewChat)));
}

#[test]
fn what_is_typed_while_an_answer_streams_is_saved_and_the_answer_is_left_to_its_journal() {
    let mut fold = Fold::loaded();
    fold.flush();
    let (job, _) = fold.ask("Hi");
    fold.write(job, "Hel");
    assert!(!fold.state.unsaved(), "each token would be written with the whole chat");
    fold.wish(Action::Draft("My next quest".to_owned()));
    fold.write(job, "lo");
    assert!(fold.state.unsaved(), "the draft is only in memory");
    let order = fold.order(Action::SaveDirty);
    let saved = saved_chat(&order);
    assert_eq!(saved.draft, "My next quest");
    let open = saved.turns.last().expect("the open answer");
    assert!(open.is_open() && open.text.is_empty(), "the journal has the whole text; a part of it before it would be doubled");
    assert_eq!(fold.said(), ["Hi", "Hello"]);
}

#[test]
fn the_gauge_of_the_context_is_of_the_chat_that_is_shown() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    fold.write(job, "Hello");
    let (here, used) = (fold.id(), fold.state.context_used);
    assert!(used > 0);
    fold.wish(Action::NewChat);
    assert_eq!(fold.state.context_used, 0);
    fold.write(job, ", you.");
    assert_eq!(fold.state.context_used, 0, "this chat was never read");
    fold.wish(Action::OpenChat(here));
    assert!(fold.state.context_used > used);
    fold.wish(Action::DeleteChat(fold.id()));
    assert!(fold.state.context_used > used, "it was not deleted while it is answered");
}

#[test]
fn the_shown_prompt_is_the_one_that_is_being_answered() {
    let mut fold = Fold::loaded();
    let shown = |fold: &mut Fold| match fold.order(Action::ShowPrompt).command {
        Command::ShowPrompt { input, .. } => messages(&input).into_iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    fold.wish(Action::Draft("Hi".to_owned()));
    assert_eq!(shown(&mut fold), ["Hi"]);
    let order = fold.order(Action::Send);
    assert_eq!(shown(&mut fold), ["Hi"], "while it is saved");
    fold.wish(Action::Draft("And".to_owned()));
    assert_eq!(shown(&mut fold), ["Hi"]);
    let (job, _) = fold.saved(order.job);
    fold.write(job, "Hello");
    assert_eq!(shown(&mut fold), ["Hi"], "while it is answered");
    fold.done(job, Ok(Outcome::Generated(metrics(StopReason::EndOfTurn))));
    assert_eq!(shown(&mut fold), ["Hi", "Hello", "And"], "with the draft");
    fold.wish(Action::Draft(String::new()));
    assert_eq!(shown(&mut fold), ["Hi"], "of the last answer");
}

#[test]
fn a_prompt_that_nobody_looks_at_any_more_comes_and_goes() {
    let mut fold = Fold::loaded();
    let order = fold.order(Action::ShowPrompt);
    fold.no_order(Action::HidePrompt);
    fold.done(order.job, Err(Error::Engine("no template".into())));
    assert!(matches!(fold.state.prompt, Slot::Empty) && fold.notices().is_empty());
    let order = fold.order(Action::ShowPrompt);
    fold.done(order.job, Err(Error::Engine("no template".into())));
    assert!(matches!(fold.state.prompt, Slot::Failed(_)));
}

#[test]
fn deleting_the_chat_that_is_answered_is_refused() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    fold.no_order(Action::DeleteChat(fold.id()));
    fold.write(job, "Hello");
    assert_eq!((fold.said(), fold.told(Tone::Info, "Stop the answer first")), (vec!["Hi", "Hello"], 1));
}

#[test]
fn tokens_belong_to_the_chat_that_asked() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    let asked = fold.id();
    fold.wish(Action::NewChat);
    fold.wish(Action::Draft("Something else".to_owned()));
    fold.write(job, "Hello");
    assert!(fold.turns().is_empty());
    let chat = fold.state.chats.get(&asked).expect("the chat");
    assert_eq!(chat.turns.last().map(|turn| turn.text.as_str()), Some("Hello"));
}
