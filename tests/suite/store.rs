//! Chats and settings on disk: what is saved comes back, by itself and beside another Ponder.

use std::fs;
use std::path::{Path, PathBuf};

use ponder::error::Error;
use ponder::store::chat::{Chat, ChatId, Metrics, Role, StopReason, Turn};
use ponder::store::settings::{Settings, Theme, Window};
use ponder::store::{Restored, Store};

/// A store on an empty folder.
pub fn empty() -> (tempfile::TempDir, Store) {
    let data = tempfile::tempdir().unwrap();
    let mut store = Store::open(data.path());
    assert_eq!(store.restore().problems, []);
    (data, store)
}

/// What the next start finds.
pub fn restart(data: &Path) -> Restored {
    Store::open(data).restore()
}

/// A message of the person.
pub fn said(text: &str) -> Turn {
    Turn { role: Role::User, text: text.to_owned(), model: None, metrics: None }
}

/// An answer that goes on.
pub fn open_answer(text: &str) -> Turn {
    Turn { role: Role::Assistant, text: text.to_owned(), model: Some("tiny Q4_0".to_owned()), metrics: None }
}

/// An answer that ended.
pub fn answered(text: &str) -> Turn {
    let metrics = Metrics { generated_tokens: 3, stop_reason: StopReason::EndOfTurn, ..Metrics::INTERRUPTED };
    Turn { metrics: Some(metrics), ..open_answer(text) }
}

/// A chat of these messages.
pub fn chat(id: &str, turns: Vec<Turn>) -> Chat {
    Chat { title: format!("About {id}"), changed: 7, turns, ..Chat::new(ChatId(id.to_owned())) }
}

/// The file of a chat.
pub fn file(data: &Path, id: &str) -> PathBuf {
    data.join("chats").join(format!("{id}.json"))
}

/// The names of all files below a folder, sorted, locks apart.
pub fn files(data: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_none_or(|end| end != "lock") {
                found.push(entry.path().strip_prefix(data).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

fn titles(restored: &Restored) -> Vec<&str> {
    let mut titles: Vec<_> = restored.chats.iter().map(|chat| chat.title.as_str()).collect();
    titles.sort_unstable();
    titles
}

#[test]
fn a_saved_chat_comes_back_as_it_was() {
    let (data, mut store) = empty();
    let mut whole = chat("1700000000000-1-1", vec![said("Höhe?\n\0 \u{1f600} </s>"), answered("8,849 m")]);
    whole.draft = "And".to_owned();
    whole.system = "Be brief.".to_owned();
    whole.sampling.seed = Some(u64::MAX);
    whole.sampling.temperature = 0.1;
    store.save_chat(&whole).unwrap();
    drop(store);
    let restored = restart(data.path());
    assert_eq!(restored.problems, []);
    assert_eq!(restored.chats, [whole]);
}

#[test]
fn an_empty_chat_has_no_file() {
    let (data, mut store) = empty();
    store.save_chat(&chat("a", vec![])).unwrap();
    assert_eq!(files(data.path()), [""; 0]);
    store.save_chat(&Chat { draft: "so far".to_owned(), ..chat("a", vec![]) }).unwrap();
    assert_eq!(files(data.path()), ["chats/a.json"]);
    store.save_chat(&chat("a", vec![])).unwrap();
    assert_eq!(files(data.path()), [""; 0]);
}

#[test]
fn what_streamed_comes_back_as_an_interrupted_answer() {
    let (data, mut store) = empty();
    let started = chat("a", vec![said("Why?"), open_answer("")]);
    store.save_chat(&started).unwrap();
    for piece in ["Because", " of", " the \"ä\"\n"] {
        store.journal(&started.id, piece, 1, "tiny Q4_0").unwrap();
    }
    drop(store);
    for start in ["first", "second"] {
        let restored = restart(data.path());
        assert_eq!(restored.problems, [], "{start} start");
        let turns = &restored.chats[0].turns;
        assert_eq!(turns.len(), 2);
        assert_eq!((turns[1].text.as_str(), turns[1].role), ("Because of the \"ä\"\n", Role::Assistant));
        assert_eq!(turns[1].metrics.unwrap().stop_reason, StopReason::Interrupted);
        assert_eq!(files(data.path()), ["chats/a.json"], "the journal is in the chat now");
    }
}

#[test]
fn saving_while_the_answer_streams_loses_no_piece() {
    let (data, mut store) = empty();
    let mut started = chat("a", vec![said("Why?"), open_answer("")]);
    store.save_chat(&started).unwrap();
    for piece in ["one ", "two ", "three "] {
        store.journal(&started.id, piece, 1, "m").unwrap();
    }
    started.title = "renamed while the screen is two pieces behind".to_owned();
    started.turns[1].text = "one ".to_owned();
    store.save_chat(&started).unwrap();
    store.journal(&started.id, "four", 1, "m").unwrap();
    drop(store);
    let restored = restart(data.path());
    assert_eq!(restored.chats[0].turns[1].text, "one two three four");
    assert_eq!(restored.chats[0].title, started.title);
}

#[test]
fn a_continued_answer_keeps_its_beginning() {
    let (data, mut store) = empty();
    let started = chat("a", vec![said("Why?"), open_answer("It was é")]);
    store.save_chat(&started).unwrap();
    store.journal(&started.id, " and then", 1, "m").unwrap();
    drop(store);
    assert_eq!(restart(data.path()).chats[0].turns[1].text, "It was é and then");
}

#[test]
fn a_saved_answer_ends_its_journal() {
    let (data, mut store) = empty();
    store.save_chat(&chat("a", vec![said("Why?"), open_answer("")])).unwrap();
    store.journal(&ChatId("a".to_owned()), "So.", 1, "m").unwrap();
    assert_eq!(files(data.path()).len(), 2);
    let done = chat("a", vec![said("Why?"), answered("So.")]);
    store.save_chat(&done).unwrap();
    assert_eq!(files(data.path()), ["chats/a.json"]);
    drop(store);
    assert_eq!(restart(data.path()).chats, [done]);
}

#[test]
fn a_journal_older_than_the_saved_answer_changes_nothing() {
    let (data, mut store) = empty();
    store.save_chat(&chat("a", vec![said("Why?"), open_answer("")])).unwrap();
    store.journal(&ChatId("a".to_owned()), "So. And", 1, "m").unwrap();
    let journal = files(data.path()).into_iter().find(|name| name.ends_with(".journal")).unwrap();
    let left = fs::read(data.path().join(&journal)).unwrap();
    let done = chat("a", vec![said("Why?"), answered("So.")]);
    store.save_chat(&done).unwrap();
    fs::write(data.path().join(&journal), left).unwrap();
    drop(store);
    assert_eq!(restart(data.path()).chats, [done]);
    assert_eq!(files(data.path()), ["chats/a.json"]);
}

#[test]
fn an_answer_without_its_chat_is_recovered() {
    let (data, mut store) = empty();
    store.journal(&ChatId("a".to_owned()), "nobody asked", 5, "m").unwrap();
    drop(store);
    let restored = restart(data.path());
    assert_eq!(restored.chats[0].turns[0].text, "nobody asked");
    assert_eq!(titles(&restored), ["Recovered answer"]);
}

#[test]
fn a_deleted_chat_comes_back_before_the_next_start_and_is_gone_after_it() {
    let (data, mut store) = empty();
    let one = chat("a", vec![said("my secret")]);
    store.save_chat(&one).unwrap();
    store.delete_chat(&one.id).unwrap();
    store.journal(&one.id, "my secret's answer", 1, "m").unwrap();
    assert_eq!(files(data.path()), ["chats/deleted/a.json"]);
    store.restore_chat(&one.id).unwrap();
    assert_eq!(files(data.path()), ["chats/a.json"]);
    store.save_chat(&Chat { title: "still mine".to_owned(), ..one.clone() }).unwrap();
    assert_eq!(store.take_problems(), [], "it is the same chat, not a copy");
    fs::write(data.path().join("chats/a.json.damaged-1"), "my secret, damaged").unwrap();
    store.delete_chat(&one.id).unwrap();
    drop(store);
    assert_eq!(restart(data.path()).chats, []);
    assert_eq!(files(data.path()), [""; 0]);
}

#[test]
fn deleting_a_chat_that_was_never_saved_can_be_undone() {
    let (_data, mut store) = empty();
    let id = ChatId("a".to_owned());
    store.delete_chat(&id).unwrap();
    store.restore_chat(&id).unwrap();
    store.save_chat(&chat("a", vec![said("hi")])).unwrap();
}

#[test]
fn a_second_ponder_purges_nothing_and_says_that_it_is_the_second() {
    let (data, mut first) = empty();
    let one = chat("a", vec![said("hi")]);
    first.save_chat(&one).unwrap();
    first.delete_chat(&one.id).unwrap();
    let second = restart(data.path());
    assert!(matches!(&second.problems[..], [Error::Store { reason, .. }] if reason.contains("another Ponder")), "{:?}", second.problems);
    first.restore_chat(&one.id).unwrap();
    assert_eq!(restart(data.path()).chats, [one]);
}

#[test]
fn a_chat_that_two_ponders_change_is_kept_twice() {
    let (data, mut first) = empty();
    let both = chat("a", vec![said("hi")]);
    first.save_chat(&both).unwrap();
    let mut second = Store::open(data.path());
    assert_eq!(second.restore().chats, std::slice::from_ref(&both));

    first.save_chat(&chat("a", vec![said("hi"), answered("first")])).unwrap();
    let theirs = chat("a", vec![said("hi"), open_answer("")]);
    second.save_chat(&theirs).unwrap();
    second.journal(&theirs.id, "second", 1, "m").unwrap();
    let told = second.take_problems();
    assert!(
        matches!(&told[..], [Error::Store { path, reason }] if *path == file(data.path(), "a") && reason.contains("saved as")),
        "{told:?}"
    );
    second.save_chat(&theirs).unwrap();
    assert_eq!(second.take_problems(), [], "told once");
    first.save_chat(&chat("a", vec![said("hi"), answered("first"), said("more")])).unwrap();
    assert_eq!(first.take_problems(), []);
    drop((first, second));

    let restored = restart(data.path());
    assert_eq!(titles(&restored), ["About a", "About a (copy)"]);
    let texts: Vec<_> = restored.chats.iter().map(|chat| chat.turns.last().unwrap().text.as_str()).collect();
    assert!(texts.contains(&"more") && texts.contains(&"second"), "{texts:?}");
}

#[test]
fn a_chat_that_became_a_copy_while_it_streamed_takes_its_journal_along() {
    let (data, mut first) = empty();
    let started = chat("a", vec![said("hi"), open_answer("")]);
    first.save_chat(&started).unwrap();
    first.journal(&started.id, "one ", 1, "m").unwrap();
    fs::write(file(data.path(), "a"), fs::read_to_string(file(data.path(), "a")).unwrap().replace("hi", "changed")).unwrap();
    first.save_chat(&started).unwrap();
    first.journal(&started.id, "two", 1, "m").unwrap();
    drop(first);
    let restored = restart(data.path());
    let copy = restored.chats.iter().find(|chat| chat.title.ends_with("(copy)")).unwrap();
    assert_eq!(copy.turns[1].text, "one two");
}

#[test]
fn a_second_ponder_leaves_a_streaming_chat_alone() {
    let (data, mut first) = empty();
    let started = chat("a", vec![said("hi"), open_answer("")]);
    first.save_chat(&started).unwrap();
    first.journal(&started.id, "one ", 1, "m").unwrap();
    let mut second = Store::open(data.path());
    let mut seen = second.restore().chats.remove(0);
    seen.draft = "typed in the second".to_owned();
    second.save_chat(&seen).unwrap();
    first.journal(&started.id, "two", 1, "m").unwrap();
    first.save_chat(&chat("a", vec![said("hi"), answered("one two")])).unwrap();
    assert_eq!(first.take_problems(), []);
    drop((first, second));
    assert_eq!(titles(&restart(data.path())), ["About a", "About a (copy)"]);
}

#[test]
fn a_chat_that_the_other_ponder_deleted_is_saved_again() {
    let (data, mut first) = empty();
    let one = chat("a", vec![said("hi")]);
    first.save_chat(&one).unwrap();
    let mut second = Store::open(data.path());
    second.restore();
    first.delete_chat(&one.id).unwrap();
    second.save_chat(&chat("a", vec![said("hi"), said("more")])).unwrap();
    assert_eq!(second.take_problems(), []);
    assert!(file(data.path(), "a").exists());
}

#[test]
fn a_chat_that_the_other_ponder_changed_is_not_deleted() {
    let (data, mut first) = empty();
    let one = chat("a", vec![said("hi")]);
    first.save_chat(&one).unwrap();
    let mut second = Store::open(data.path());
    second.restore();
    second.save_chat(&chat("a", vec![said("hi"), said("more")])).unwrap();
    let refused = first.delete_chat(&one.id).unwrap_err().to_string();
    assert!(refused.contains("another Ponder"), "{refused}");
    assert!(file(data.path(), "a").exists());
}

#[test]
fn a_touched_but_equal_file_is_still_ours() {
    let (data, mut store) = empty();
    store.save_chat(&chat("a", vec![said("hi")])).unwrap();
    let same = fs::read(file(data.path(), "a")).unwrap();
    fs::remove_file(file(data.path(), "a")).unwrap();
    fs::write(file(data.path(), "a"), same).unwrap();
    store.save_chat(&chat("a", vec![said("hi"), said("more")])).unwrap();
    assert_eq!(store.take_problems(), []);
    assert_eq!(files(data.path()), ["chats/a.json"]);
}

#[test]
fn no_id_leaves_the_folder() {
    let (data, mut store) = empty();
    let long = "x".repeat(5000);
    let ids = [
        "../../escaped",
        "/etc/x",
        "..",
        ".",
        "",
        "a/b",
        "a\\b",
        "C:x",
        "con",
        "COM1.x",
        "a\0b",
        ".hidden",
        "tail. ",
        "ünïcødé (2)",
        &long,
    ];
    for id in ids {
        store.save_chat(&chat(id, vec![said(id)])).unwrap();
        store.journal(&ChatId(id.to_owned()), "x", 1, "m").unwrap();
    }
    assert_eq!(fs::read_dir(data.path().join("chats")).unwrap().count(), 2 * ids.len() + 1);
    drop(store);
    let restored = restart(data.path());
    assert_eq!(restored.problems, []);
    let mut found: Vec<_> = restored.chats.iter().map(|chat| chat.id.0.as_str()).collect();
    found.sort_unstable();
    let mut expected = ids.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn settings_come_back_and_keep_what_others_wrote() {
    let (data, mut first) = empty();
    let mut settings = Settings { scale: 1.1, recent: vec!["/models/a.gguf".into()], ..Settings::default() };
    settings.window = Some(Window { width: 900.0, height: 700.0, position: Some((-5.0, 20.5)), maximized: false });
    first.save_settings(&settings).unwrap();
    let path = data.path().join("settings.json");
    let with_more = fs::read_to_string(&path).unwrap().replacen('{', "{\"of_a_later_ponder\": [1, null],", 1);
    fs::write(&path, with_more).unwrap();

    let mut second = Store::open(data.path());
    assert_eq!(second.restore().settings, settings);
    second.save_settings(&Settings { theme: Theme::Dark, ..settings.clone() }).unwrap();
    first.save_settings(&Settings { threads: Some(3), ..settings.clone() }).unwrap();
    drop((first, second));
    let restored = restart(data.path());
    assert_eq!(restored.problems, []);
    assert_eq!(restored.settings, Settings { theme: Theme::Dark, threads: Some(3), ..settings });
    assert!(fs::read_to_string(&path).unwrap().contains("of_a_later_ponder"));
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_does_not_keep_the_settings_from_being_saved() {
    use std::os::unix::ffi::OsStringExt as _;
    let (data, mut store) = empty();
    let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/models/\xff.gguf".to_vec()));
    store.save_settings(&Settings { recent: vec![odd, "/models/b.gguf".into()], ..Settings::default() }).unwrap();
    drop(store);
    assert_eq!(restart(data.path()).settings.recent, [PathBuf::from("/models/b.gguf")]);
}
