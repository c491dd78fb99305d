//! The state and what a person keeps: chats, drafts, settings, notices, and when they are written. No threads.

use std::collections::BTreeSet;

use ponder::error::Error;
use ponder::message::{Command, Outcome, Restored};
use ponder::state::notice::INFO_MILLIS;
use ponder::state::{Action, Notices, Slot, Tone};
use ponder::store::chat::{Chat, ChatId, Role, Turn};
use ponder::store::settings::{Settings, Theme, Window};

use crate::support::fold::{Fold, NOW, disk_full, saved_chat};

fn chat(id: &str, changed: i64) -> Chat {
    let turns = vec![Turn { role: Role::User, text: format!("in {id}"), model: None, metrics: None }];
    Chat { title: id.to_owned(), changed, turns, ..Chat::new(ChatId(id.to_owned())) }
}

#[test]
fn nothing_is_written_before_the_disk_was_read() {
    let mut fold = Fold::started();
    fold.wish(Action::Draft("Hi".to_owned()));
    fold.wish(Action::SetTheme(Theme::Dark));
    fold.no_order(Action::SaveDirty);
    fold.restore(Restored::default());
    assert_eq!(saved_chat(&fold.order(Action::SaveDirty)).draft, "Hi");
}

#[test]
fn what_was_typed_before_the_disk_answered_stays_in_front_and_is_saved() {
    let mut fold = Fold::started();
    fold.wish(Action::Draft("Hi".to_owned()));
    let typed = fold.id();
    fold.restore(Restored { chats: vec![chat("old", NOW - 2), chat("new", NOW - 1)], ..Restored::default() });
    assert_eq!((fold.id(), fold.current().draft.as_str()), (typed.clone(), "Hi"));
    let ids: Vec<_> = fold.state.chats.iter().map(|chat| chat.id.0.clone()).collect();
    assert_eq!(ids, [typed.0.as_str(), "new", "old"]);
    assert!(fold.state.unsaved());
    fold.wish(Action::NewChat);
    let ids: BTreeSet<_> = fold.state.chats.iter().map(|chat| chat.id.clone()).collect();
    assert_eq!(ids.len(), fold.state.chats.iter().len(), "two chats with one name");
}

#[test]
fn restored_chats_lie_below_an_empty_one() {
    let mut fold = Fold::started();
    fold.restore(Restored { chats: vec![chat("old", NOW - 2), chat("new", NOW - 1)], ..Restored::default() });
    assert!(fold.current().is_empty());
    assert_eq!(fold.state.chats.iter().map(|chat| chat.turns.len()).collect::<Vec<_>>(), [0, 1, 1]);
    assert!(!fold.state.unsaved());
}

#[test]
fn an_answer_under_way_survives_the_restore() {
    let mut fold = Fold::started();
    fold.open(&crate::support::fold::tiny());
    fold.load();
    let (job, _) = fold.ask("Hi");
    fold.write(job, "Hel");
    fold.restore(Restored { chats: vec![chat("old", NOW - 2)], ..Restored::default() });
    fold.write(job, "lo");
    assert_eq!(fold.said(), ["Hi", "Hello"]);
}

#[test]
fn settings_changed_before_the_disk_answered_win_and_the_others_come_from_disk() {
    let on_disk = Settings { theme: Theme::Light, scale: 1.5, threads: Some(3), recent: vec!["old.gguf".into()], ..Settings::default() };
    let mut fold = Fold::started();
    let order = fold.state.restore();
    fold.wish(Action::SetTheme(Theme::Dark));
    fold.done(order.job, Ok(Outcome::Restored(Box::new(Restored { settings: on_disk.clone(), ..Restored::default() }))));
    assert_eq!(fold.state.settings, Settings { theme: Theme::Dark, ..on_disk });
    assert!(matches!(fold.order(Action::SaveDirty).command, Command::SaveSettings(saved) if saved.theme == Theme::Dark));
}

#[test]
fn restored_settings_are_not_written_again() {
    let on_disk = Settings { theme: Theme::Light, scale: 1.5, ..Settings::default() };
    let mut fold = Fold::started();
    fold.restore(Restored { settings: on_disk.clone(), ..Restored::default() });
    assert_eq!((&fold.state.settings, fold.state.unsaved()), (&on_disk, false));
}

#[test]
fn files_that_could_not_be_read_are_told() {
    let mut fold = Fold::started();
    fold.restore(Restored { problems: vec![Error::store("a.json".as_ref(), "set aside")], ..Restored::default() });
    assert_eq!(fold.told(Tone::Warning, "set aside"), 1);
    let mut fold = Fold::started();
    let order = fold.state.restore();
    fold.done(order.job, Err(disk_full()));
    assert_eq!((fold.told(Tone::Error, "disk is full"), fold.state.restored.ready()), (1, Some(&())));
}

#[test]
fn no_settings_are_other_than_usable() {
    let mut fold = Fold::new();
    for nonsense in [f32::NAN, f32::INFINITY, -1.0, 1e30] {
        fold.no_order(Action::SetScale(nonsense));
        fold.no_order(Action::SetSidePanelWidth(nonsense));
        fold.no_order(Action::SetChatListWidth(nonsense));
        let window = Window { width: nonsense, height: nonsense, position: Some((nonsense, nonsense)), maximized: false };
        fold.no_order(Action::SetWindow(window));
        let settings = &fold.state.settings;
        assert_eq!(*settings, settings.clone().usable(), "{nonsense}");
    }
    fold.no_order(Action::SetThreads(Some(0)));
    assert_eq!(fold.state.threads(), 2);
    fold.flush();
    fold.no_order(Action::SetScale(fold.state.settings.scale));
    assert!(!fold.state.unsaved(), "what is as it was is not written");
}

#[test]
fn a_failed_save_is_told_once_kept_and_tried_later_without_end() {
    let mut fold = Fold::new();
    fold.wish(Action::Draft("Hi".to_owned()));
    let order = fold.order(Action::SaveDirty);
    assert_eq!(fold.done(order.job, Err(disk_full())), None, "at once it would fail again, for ever");
    assert!(fold.state.unsaved(), "the draft is only in memory");
    let told = fold.state.notices.iter().map(|notice| notice.id).collect::<Vec<_>>();
    let first = fold.state.next_save().expect("another try") - NOW;
    assert!(first > 1_000, "at once");
    fold.state.now += first;
    let order = fold.order(Action::SaveDirty);
    assert_eq!((saved_chat(&order).draft.as_str(), fold.state.next_save()), ("Hi", None));
    assert_eq!(fold.done(order.job, Err(disk_full())), None);
    assert_eq!(fold.state.notices.iter().map(|notice| notice.id).collect::<Vec<_>>(), told, "the person has read it");
    assert_eq!(fold.state.next_save(), Some(fold.state.now + 2 * first));
    fold.wish(Action::Draft("Hi there".to_owned()));
    assert_eq!(fold.state.next_save(), Some(0), "what is new is tried as soon as ever");
    fold.flush();
    assert!(!fold.state.unsaved() && fold.state.next_save().is_none());
}

#[test]
fn a_chat_that_cannot_be_saved_does_not_keep_the_others_and_the_settings_from_it() {
    let mut fold = Fold::started();
    fold.restore(Restored { chats: vec![chat("a", 1), chat("b", 2)], ..Restored::default() });
    for id in ["a", "b"] {
        fold.wish(Action::RenameChat(ChatId(id.to_owned()), "Other".to_owned()));
    }
    fold.wish(Action::SetTheme(Theme::Dark));
    let order = fold.order(Action::SaveDirty);
    assert_eq!(saved_chat(&order).id.0, "a");
    assert_eq!(fold.done(order.job, Err(disk_full())), Some(Action::SaveDirty));
    let order = fold.order(Action::SaveDirty);
    assert_eq!(saved_chat(&order).id.0, "b");
    assert_eq!(fold.done(order.job, Ok(Outcome::Saved)), Some(Action::SaveDirty));
    let order = fold.order(Action::SaveDirty);
    assert!(matches!(order.command, Command::SaveSettings(_)));
    assert_eq!(fold.done(order.job, Ok(Outcome::Saved)), None);
    assert_eq!(saved_chat(&fold.order(Action::SaveDirty)).id.0, "a");
}

#[test]
fn settings_that_cannot_be_saved_are_kept() {
    let mut fold = Fold::new();
    fold.wish(Action::SetTheme(Theme::Dark));
    let order = fold.order(Action::SaveDirty);
    assert_eq!(fold.done(order.job, Err(disk_full())), None);
    assert!(fold.state.unsaved());
    assert!(matches!(fold.order(Action::SaveDirty).command, Command::SaveSettings(_)));
}

#[test]
fn a_change_during_a_save_is_saved_after_it() {
    let mut fold = Fold::new();
    fold.wish(Action::Draft("H".to_owned()));
    let order = fold.order(Action::SaveDirty);
    fold.wish(Action::Draft("Hi".to_owned()));
    fold.no_order(Action::SaveDirty);
    assert_eq!(fold.done(order.job, Ok(Outcome::Saved)), Some(Action::SaveDirty));
    assert_eq!(saved_chat(&fold.order(Action::SaveDirty)).draft, "Hi");
}

#[test]
fn a_deleted_chat_comes_back_as_it_was() {
    let mut fold = Fold::loaded();
    fold.exchange("Hi", "Hello.");
    let (id, before) = (fold.id(), fold.current().clone());
    assert!(matches!(fold.order(Action::DeleteChat(id.clone())).command, Command::DeleteChat(deleted) if deleted == id));
    assert!(fold.state.chats.get(&id).is_none() && fold.current().is_empty());
    assert!(matches!(fold.order(Action::UndoDelete).command, Command::RestoreChat(restored) if restored == id));
    assert_eq!(fold.current(), &before);
    fold.no_order(Action::UndoDelete);
    assert!(fold.state.notices.iter().all(|notice| notice.offer.is_none()), "an offer that does nothing");
}

#[test]
fn only_the_chat_deleted_last_is_offered_back() {
    let mut fold = Fold::started();
    fold.restore(Restored { chats: vec![chat("a", 1), chat("b", 2)], ..Restored::default() });
    fold.order(Action::DeleteChat(ChatId("a".to_owned())));
    fold.order(Action::DeleteChat(ChatId("b".to_owned())));
    let offering: Vec<_> = fold.state.notices.iter().filter(|notice| notice.offer.is_some()).map(|notice| notice.text.clone()).collect();
    assert_eq!(offering.len(), 1, "{offering:?}");
    assert!(offering[0].contains("\u{201c}b\u{201d}"));
}

#[test]
fn deleting_what_is_empty_does_not_take_the_last_undo_away() {
    let mut fold = Fold::started();
    fold.restore(Restored { chats: vec![chat("a", 1)], ..Restored::default() });
    fold.order(Action::DeleteChat(ChatId("a".to_owned())));
    let empty = fold.id();
    fold.wish(Action::DeleteChat(empty));
    assert_eq!(fold.state.notices.iter().len(), 1);
    fold.order(Action::UndoDelete);
    assert_eq!(fold.id().0, "a");
    fold.wish(Action::DeleteChat(ChatId("nobody".to_owned())));
}

#[test]
fn a_deletion_that_fails_is_told() {
    let mut fold = Fold::started();
    fold.restore(Restored { chats: vec![chat("a", 1)], ..Restored::default() });
    let order = fold.order(Action::DeleteChat(ChatId("a".to_owned())));
    fold.done(order.job, Err(disk_full()));
    assert_eq!(fold.told(Tone::Error, "disk is full"), 1);
}

#[test]
fn one_chat_is_always_shown_whatever_is_deleted() {
    let mut fold = Fold::started();
    fold.restore(Restored { chats: (0..4).map(|n| chat(&n.to_string(), n)).collect(), ..Restored::default() });
    for id in ["2", "0", "3", "1"] {
        fold.wish(Action::OpenChat(ChatId(id.to_owned())));
        fold.wish(Action::DeleteChat(ChatId(id.to_owned())));
        assert_ne!(fold.id().0, id);
    }
    assert!(fold.current().is_empty());
}

#[test]
fn a_chat_has_the_name_it_is_given_and_else_its_first_words() {
    let mut fold = Fold::loaded();
    fold.exchange("How many bytes has a kilobyte, really, if one counts as the makers of disks do?\nAnd why?", "1000.");
    assert_eq!(fold.current().title, "How many bytes has a kilobyte, really, if one…");
    fold.no_order(Action::RenameChat(fold.id(), "  Bytes \n".to_owned()));
    assert_eq!(fold.current().title, "Bytes");
    fold.exchange("More", "1024.");
    assert_eq!(fold.current().title, "Bytes");
    assert!(
        saved_chat(&{
            fold.no_order(Action::RenameChat(fold.id(), "B".to_owned()));
            fold.order(Action::SaveDirty)
        })
        .title
        .eq("B")
    );
}

#[test]
fn drafts_stay_with_their_chats() {
    let mut fold = Fold::new();
    fold.wish(Action::Draft("first".to_owned()));
    let first = fold.id();
    fold.wish(Action::NewChat);
    assert_eq!(fold.current().draft, "");
    fold.wish(Action::Draft("second".to_owned()));
    fold.wish(Action::OpenChat(first.clone()));
    assert_eq!(fold.current().draft, "first");
    fold.wish(Action::OpenChat(ChatId("nobody".to_owned())));
    assert_eq!(fold.id(), first);
}

#[test]
fn a_new_chat_takes_the_place_of_an_empty_one_and_the_manner_of_the_last() {
    let mut fold = Fold::loaded();
    fold.wish(Action::SetSystem("Be brief.".to_owned()));
    fold.exchange("Hi", "Hello.");
    fold.wish(Action::NewChat);
    let empty = fold.id();
    assert_eq!(fold.current().system, "Be brief.");
    fold.wish(Action::NewChat);
    assert_eq!((fold.id(), fold.state.chats.iter().len()), (empty, 2));
}

#[test]
fn the_theme_of_the_desktop_is_known_once_it_has_said_it() {
    let mut fold = Fold::new();
    let order = fold.state.ask_theme();
    fold.done(order.job, Ok(Outcome::Theme { dark: Some(true) }));
    assert_eq!(fold.state.system_is_dark, Some(true));
    fold.done(order.job, Ok(Outcome::Theme { dark: Some(false) }));
    assert_eq!(fold.state.system_is_dark, Some(true), "nobody asked");
}

#[test]
fn the_same_notice_is_shown_once_and_information_goes_by_itself() {
    let mut notices = Notices::default();
    notices.push(Tone::Info, "saved", None, 0);
    notices.push(Tone::Warning, "careful", None, 0);
    notices.push(Tone::Info, "saved", None, 5);
    assert_eq!(notices.iter().map(|notice| notice.text.as_str()).collect::<Vec<_>>(), ["careful", "saved"]);
    notices.expire(INFO_MILLIS);
    assert_eq!(notices.iter().len(), 2, "renewed");
    notices.expire(INFO_MILLIS + 5);
    assert_eq!(notices.iter().map(|notice| notice.tone).collect::<Vec<_>>(), [Tone::Warning]);
    for n in 0..20 {
        notices.push(Tone::Error, n.to_string(), None, 0);
    }
    assert_eq!(notices.iter().map(|notice| notice.text.as_str()).collect::<Vec<_>>(), ["14", "15", "16", "17", "18", "19"]);
    let id = notices.iter().next().expect("one").id;
    notices.dismiss(id);
    assert_eq!(notices.iter().len(), 5);
}

#[test]
fn a_warning_from_the_background_is_shown() {
    let mut fold = Fold::new();
    assert_eq!(fold.state.apply(ponder::message::Event::Warning(disk_full())), None);
    assert_eq!(fold.told(Tone::Warning, "disk is full"), 1);
    assert!(matches!(fold.state.found, Slot::Empty));
}
