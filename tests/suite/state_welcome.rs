//! What happens by itself at the start: the model of the program is loaded and, where there was nothing before, asked a question; the
//! person goes before it. No threads.

use std::sync::Arc;

use ponder::engine::session::ModelId;
use ponder::error::Error;
use ponder::message::{Command, JobId, Order, Outcome, Restored};
use ponder::pocket::{FIRST_QUESTION, WORD};
use ponder::state::{Action, Page, Slot, Tone};
use ponder::store::chat::{Chat, ChatId, StopReason};
use ponder::store::settings::Settings;

use crate::support::fold::{Fold, NOW, disk_full, generate, metrics, receipt, saved_chat, tiny};
use crate::support::pocket::pocket;

/// The first orders of a window, of which none is done.
struct Start {
    fold: Fold,
    restore: JobId,
    inspect: JobId,
}

impl Start {
    fn new() -> Self {
        let mut fold = Fold::started();
        let restore = fold.state.restore().job;
        let order = fold.order(Action::Welcome);
        assert!(matches!(&order.command, Command::Inspect(path) if ponder::pocket::is(path)));
        assert_eq!(fold.state.page, Page::Home);
        Self { fold, restore, inspect: order.job }
    }

    /// The disk answers; the scan that follows is ordered.
    fn restored(&mut self, restored: Restored) -> JobId {
        let follows = self.fold.done(self.restore, Ok(Outcome::Restored(Box::new(restored))));
        assert_eq!(follows, Some(Action::Scan));
        self.fold.order(Action::Scan).job
    }

    /// The header is read; the load that follows is ordered.
    fn loading(&mut self) -> Order {
        let follows = self.fold.done(self.inspect, Ok(Outcome::Inspected(pocket())));
        assert_eq!(follows, Some(Action::Load { anyway: false }));
        self.fold.order(Action::Load { anyway: false })
    }

    /// The load ends well: what follows.
    fn loaded(&mut self, order: &Order) -> Option<Action> {
        let Command::Load(load) = &order.command else { panic!("{order:?}") };
        self.fold.done(order.job, Ok(Outcome::Loaded(Box::new(receipt(ModelId(7), &load.plan, Ok(()))))))
    }

    /// The person opens another file, to be loaded: what follows when its header is read.
    fn open_other(&mut self) -> Option<Action> {
        let order = self.fold.order(Action::Open { path: "tiny.gguf".into(), load: true });
        self.fold.done(order.job, Ok(Outcome::Inspected(tiny())))
    }

    /// The first question is asked and on disk; the answer is ordered.
    fn answering() -> (Self, JobId) {
        let mut start = Self::new();
        start.restored(Restored::default());
        let order = start.loading();
        assert_eq!(start.loaded(&order), Some(Action::AskFirst));
        let saving = start.fold.order(Action::AskFirst);
        assert_eq!(saved_chat(&saving).turns.len(), 1);
        let follows = start.fold.done(saving.job, Ok(Outcome::Saved)).expect("the answer follows");
        let (job, _) = generate(start.fold.order(follows));
        (start, job)
    }
}

fn old_chat() -> Restored {
    let chat = Chat { draft: "old".to_owned(), changed: NOW - 9, ..Chat::new(ChatId("old".to_owned())) };
    Restored { chats: vec![chat], ..Restored::default() }
}

#[track_caller]
fn loads_tiny(fold: &mut Fold, follows: Option<Action>) {
    let order = fold.order(follows.expect("the load follows"));
    assert!(matches!(&order.command, Command::Load(load) if load.model.file.built_in.is_none()), "{order:?}");
}

#[test]
fn on_the_first_start_it_is_loaded_and_answers_a_question_on_the_page_of_chats() {
    let (mut start, job) = Start::answering();
    assert_eq!(start.fold.state.page, Page::Chat);
    start.fold.write(job, "A pumpkin.");
    let follows = start.fold.done(job, Ok(Outcome::Generated(metrics(StopReason::EndOfTurn))));
    start.fold.follow(follows);
    assert_eq!(start.fold.said(), [FIRST_QUESTION, "A pumpkin."]);
    assert_eq!(start.fold.current().title, FIRST_QUESTION);
    assert!(!start.fold.state.unsaved() && start.fold.state.settings.recent.is_empty());
    start.fold.no_order(Action::AskFirst);
    let unload = start.fold.order(Action::Unload);
    start.fold.step(unload.job, ponder::message::Step::Freed(ModelId(7)));
    start.fold.done(unload.job, Ok(Outcome::Unloaded));
    start.fold.wish(Action::Go(Page::Home));
    start.fold.load();
    assert_eq!(start.fold.state.page, Page::Chat, "a load that the person wished for leads to the chat");
    assert_eq!(start.fold.turns().len(), 2);
}

#[test]
fn a_disk_that_answers_late_does_not_lose_the_question() {
    let mut start = Start::new();
    let order = start.loading();
    assert_eq!(start.loaded(&order), None, "whether there are chats isn't known");
    assert_eq!(start.fold.state.page, Page::Home);
    let scan = start.restored(Restored::default());
    assert_eq!(start.fold.state.page, Page::Chat);
    let scanned = Outcome::Scanned { found: Vec::new(), summaries: std::collections::BTreeMap::new() };
    assert_eq!(start.fold.done(scan, Ok(scanned)), Some(Action::AskFirst));
    start.fold.order(Action::AskFirst);
    assert_eq!(start.fold.said(), [FIRST_QUESTION]);
}

#[test]
fn where_there_were_chats_it_is_loaded_and_nothing_is_asked_and_the_page_stays() {
    let unreadable = Restored { problems: vec![Error::store("a.json".as_ref(), "set aside")], ..Restored::default() };
    for restored in [old_chat(), unreadable] {
        let mut start = Start::new();
        start.restored(restored);
        let order = start.loading();
        assert_eq!(start.loaded(&order), None);
        start.fold.no_order(Action::AskFirst);
        assert_eq!((start.fold.state.page, start.fold.turns().len()), (Page::Home, 0));
        assert!(start.fold.state.can_answer() && start.fold.state.settings.recent.is_empty());
    }
    let mut start = Start::new();
    start.fold.done(start.restore, Err(disk_full()));
    let order = start.loading();
    assert_eq!(start.loaded(&order), None, "what is on a disk that doesn't answer isn't known");
}

#[test]
fn the_settings_can_forbid_it() {
    let off = Settings { pocket_at_start: false, ..Settings::default() };
    let mut fold = Fold::started();
    fold.state.settings = off.clone();
    fold.no_order(Action::Welcome);
    let mut start = Start::new();
    start.restored(Restored { settings: off, ..Restored::default() });
    let order = start.loading();
    assert_eq!((start.loaded(&order), start.fold.state.page), (None, Page::Home), "the disk forbids it, too late for the load");

    let mut fold = Fold::new();
    fold.no_order(Action::SetPocketAtStart(false));
    assert!(matches!(fold.order(Action::SaveDirty).command, Command::SaveSettings(settings) if !settings.pocket_at_start));
    let mut fold = Fold::started();
    let order = fold.state.restore();
    fold.no_order(Action::SetPocketAtStart(false));
    fold.done(order.job, Ok(Outcome::Restored(Box::default())));
    assert!(!fold.state.settings.pocket_at_start, "what was changed before the disk answered stays");
}

#[test]
fn a_file_that_was_named_is_left_alone() {
    let mut fold = Fold::started();
    let order = fold.order(Action::Open { path: "tiny.gguf".into(), load: true });
    fold.no_order(Action::Welcome);
    assert_eq!(fold.done(order.job, Ok(Outcome::Inspected(tiny()))), Some(Action::Load { anyway: false }));
    fold.no_order(Action::Welcome);
    // `ponder pocket` is a file that was named.
    let mut fold = Fold::new();
    let order = fold.order(Action::Open { path: WORD.into(), load: true });
    fold.done(order.job, Ok(Outcome::Inspected(pocket())));
    fold.load();
    assert_eq!((fold.state.page, fold.turns().len(), fold.state.settings.recent.len()), (Page::Chat, 0, 0));
}

#[test]
fn a_file_opened_before_the_header_was_read_wins() {
    let mut start = Start::new();
    start.restored(Restored::default());
    let other = start.fold.order(Action::Open { path: "tiny.gguf".into(), load: false });
    assert_eq!(start.fold.done(start.inspect, Ok(Outcome::Inspected(pocket()))), None);
    assert_eq!(start.fold.done(other.job, Ok(Outcome::Inspected(tiny()))), None);
    assert!(start.fold.state.loading.job().is_none());
    assert_eq!(start.fold.state.page, Page::Model);
}

#[test]
fn a_file_that_is_only_looked_at_is_not_left_when_the_load_is_done() {
    let mut start = Start::new();
    start.restored(Restored::default());
    let order = start.loading();
    let other = start.fold.order(Action::Open { path: "tiny.gguf".into(), load: false });
    start.fold.done(other.job, Ok(Outcome::Inspected(tiny())));
    assert_eq!(start.loaded(&order), None, "nothing is asked any more");
    assert_eq!(start.fold.state.page, Page::Model);
}

#[test]
fn a_load_that_the_person_wishes_takes_its_place() {
    for too_late in [false, true] {
        let mut start = Start::new();
        start.restored(Restored::default());
        let order = start.loading();
        let wish = start.open_other().expect("a load");
        let stop = start.fold.order(wish);
        assert!(matches!(stop.command, Command::Stop(job) if job == order.job), "{stop:?}");
        let follows = if too_late { start.loaded(&order) } else { start.fold.done(order.job, Err(Error::Cancelled)) };
        loads_tiny(&mut start.fold, follows);
        assert_eq!(start.fold.notices(), Vec::<String>::new());
    }
    // The file opened last is the one that counts.
    let mut start = Start::new();
    start.restored(Restored::default());
    let order = start.loading();
    let wish = start.open_other().expect("a load");
    start.fold.order(wish);
    start.fold.order(Action::Open { path: "third.gguf".into(), load: false });
    assert_eq!(start.fold.done(order.job, Err(Error::Cancelled)), None);
}

#[test]
fn a_load_stops_the_answer_that_nobody_asked_for() {
    let (mut start, job) = Start::answering();
    start.fold.write(job, "A pump");
    let wish = start.open_other().expect("a load");
    let stop = start.fold.order(wish);
    assert!(matches!(stop.command, Command::Stop(stopped) if stopped == job), "{stop:?}");
    let follows = start.fold.done(job, Ok(Outcome::Generated(metrics(StopReason::Cancelled))));
    loads_tiny(&mut start.fold, follows);
    assert_eq!(start.fold.said(), [FIRST_QUESTION, "A pump"]);
    assert!(start.fold.state.unsaved(), "and it is saved");

    // Before the question is on disk there is nothing to stop.
    let mut start = Start::new();
    start.restored(Restored::default());
    let order = start.loading();
    start.loaded(&order);
    let saving = start.fold.order(Action::AskFirst);
    let wish = start.open_other().expect("a load");
    start.fold.no_order(wish);
    let follows = start.fold.done(saving.job, Ok(Outcome::Saved));
    loads_tiny(&mut start.fold, follows);
}

#[test]
fn an_answer_that_the_person_asked_for_is_not_stopped() {
    let (mut start, job) = Start::answering();
    let follows = start.fold.done(job, Ok(Outcome::Generated(metrics(StopReason::EndOfTurn))));
    start.fold.follow(follows);
    start.fold.ask("And a plum?");
    let wish = start.open_other().expect("a load");
    start.fold.no_order(wish);
    assert_eq!(start.fold.told(Tone::Info, "Stop the answer first"), 1);
}

#[test]
fn what_the_person_begins_meanwhile_is_not_talked_into() {
    let begun =
        [Action::Draft("Hi".to_owned()), Action::SetSystem("Be brief".to_owned()), Action::NewChat, Action::Pick, Action::GetStarter];
    for action in begun {
        let mut start = Start::new();
        start.restored(Restored::default());
        let order = start.loading();
        let words = format!("{action:?}");
        start.fold.wish(action);
        assert_eq!(start.loaded(&order), None, "{words}");
        assert!(start.fold.state.can_answer() && start.fold.turns().is_empty(), "{words}");
    }
    // Looking around is no beginning.
    let mut start = Start::new();
    start.fold.wish(Action::Go(Page::Memory));
    start.restored(Restored::default());
    let order = start.loading();
    assert_eq!((start.loaded(&order), start.fold.state.page), (Some(Action::AskFirst), Page::Memory));
}

#[test]
fn a_load_that_is_cancelled_stays_so() {
    let mut start = Start::new();
    start.restored(Restored::default());
    let order = start.loading();
    start.fold.order(Action::CancelLoad);
    assert_eq!(start.fold.done(order.job, Err(Error::Cancelled)), None);
    assert!(matches!(start.fold.state.loading, Slot::Empty));
    start.fold.wish(Action::Go(Page::Home));
    start.fold.load();
    assert_eq!((start.fold.state.page, start.fold.turns().len()), (Page::Chat, 0), "as any load");
}

#[test]
fn a_question_that_is_pressed_leaves_the_draft() {
    let mut fold = Fold::loaded();
    fold.wish(Action::Draft("half a thought".to_owned()));
    let order = fold.order(Action::Ask("What?".to_owned()));
    assert_eq!((saved_chat(&order).turns[0].text.as_str(), saved_chat(&order).draft.as_str()), ("What?", "half a thought"));
    fold.no_order(Action::Ask("And?".to_owned()));
    let mut fold = Fold::new();
    fold.open(&tiny());
    fold.order(Action::Load { anyway: false });
    fold.no_order(Action::Ask("What?".to_owned()));
    assert_eq!((fold.told(Tone::Info, "still loading"), fold.turns().len()), (1, 0));
    fold.no_order(Action::Ask("  ".to_owned()));
}

#[test]
fn a_full_context_that_cannot_be_longer_says_so() {
    for (n_ctx, part) in [(512, "trained for no longer"), (9_000, "with a longer context")] {
        let llama = crate::support::tiny_llama::TinyLlama { n_ctx, ..Default::default() };
        let mut fold = Fold::new();
        fold.open(&crate::support::fold::read("tiny.gguf", &llama.gguf()));
        fold.load();
        let (job, _) = fold.ask("Hi");
        fold.write(job, "Hello");
        fold.done(job, Ok(Outcome::Generated(metrics(StopReason::ContextFull))));
        assert_eq!(fold.told(Tone::Warning, part), 1, "{:?}", fold.notices());
    }
}

#[test]
fn a_second_press_while_it_is_loading_loads_it_all_the_same() {
    let mut start = Start::new();
    start.restored(old_chat());
    let order = start.loading();
    let press = start.fold.order(Action::Open { path: WORD.into(), load: true });
    let wish = start.fold.done(press.job, Ok(Outcome::Inspected(pocket()))).expect("a load");
    start.fold.order(wish);
    let follows = start.fold.done(order.job, Err(Error::Cancelled)).expect("the load follows");
    let load = start.fold.order(follows);
    assert!(matches!(&load.command, Command::Load(load) if Arc::ptr_eq(&load.model, &start.fold.state.opened.ready().unwrap().model)));
    assert_eq!(start.loaded(&load), None);
    assert_eq!(start.fold.state.page, Page::Chat);
}
