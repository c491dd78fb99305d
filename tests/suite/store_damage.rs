//! Files that are not what they should be: nothing is lost, nothing hides the rest, and it is said.

use std::fs;
use std::path::Path;

use ponder::engine::sampler::Sampling;
use ponder::error::Error;
use ponder::store::Store;
use ponder::store::chat::{Chat, ChatId, Role, StopReason};
use ponder::store::settings::{Settings, Theme};
use proptest::prelude::*;

use crate::store::{answered, chat, empty, file, files, open_answer, restart, said};

/// A data folder with one sound chat and `bytes` as the file of chat `b`.
fn beside_a_sound_chat(bytes: &[u8]) -> tempfile::TempDir {
    let (data, mut store) = empty();
    store.save_chat(&chat("a", vec![said("sound")])).unwrap();
    fs::write(file(data.path(), "b"), bytes).unwrap();
    data
}

/// Asserts that the file of chat `b` is set aside with its content, the other one is shown, and the path is told, once.
#[track_caller]
fn check_set_aside(bytes: &[u8], reason: &str) {
    let data = beside_a_sound_chat(bytes);
    let restored = restart(data.path());
    assert_eq!(restored.chats, [chat("a", vec![said("sound")])]);
    let told = restored.problems.first().map(ToString::to_string).unwrap_or_default();
    assert!(told.contains("b.json") && told.contains("b.json.damaged-1") && told.contains(reason), "{told}");
    assert_eq!(fs::read(data.path().join("chats/b.json.damaged-1")).unwrap(), bytes);
    assert!(!file(data.path(), "b").exists());
    assert_eq!(restart(data.path()).problems, [], "told once");
}

fn sound() -> Vec<u8> {
    let (data, mut store) = empty();
    store.save_chat(&chat("b", vec![said("one"), answered("two"), said("three")])).unwrap();
    fs::read(file(data.path(), "b")).unwrap()
}

#[test]
fn an_empty_file_is_set_aside() {
    check_set_aside(b"", "empty");
}

#[test]
fn a_file_of_zeros_is_set_aside() {
    check_set_aside(&[0; 4096], "zeros");
}

#[test]
fn a_truncated_file_is_set_aside() {
    let sound = sound();
    check_set_aside(&sound[..sound.len() / 2], "EOF");
}

#[test]
fn bytes_that_are_no_text_are_set_aside() {
    let text = String::from_utf8(sound()).unwrap();
    let (before, after) = text.split_once("two").unwrap();
    check_set_aside(&[before.as_bytes(), b"\xff\xfe", after.as_bytes()].concat(), "unicode");
}

#[test]
fn a_file_of_an_unknown_version_is_set_aside() {
    check_set_aside(br#"{"id":"b","turns":[]}"#, "\"version\" is missing");
    check_set_aside(br#"{"version":"one","turns":[]}"#, "\"version\" is \"one\"");
    check_set_aside(br#"{"version":0,"turns":[]}"#, "\"version\" is 0");
    check_set_aside(br#"{"version":1,"turns":7}"#, "a list of messages");
    check_set_aside(b"[]", "expected");
}

#[test]
fn json_nested_too_deep_is_set_aside() {
    let deep = format!(r#"{{"version":1,"turns":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    check_set_aside(deep.as_bytes(), "recursion");
}

#[test]
fn a_gigabyte_is_set_aside_unread() {
    let data = beside_a_sound_chat(b"");
    fs::File::options().write(true).open(file(data.path(), "b")).unwrap().set_len(1 << 30).unwrap();
    fs::File::create(data.path().join("settings.json")).unwrap().set_len(1 << 30).unwrap();
    let restored = restart(data.path());
    assert_eq!(restored.chats.len(), 1);
    assert_eq!(restored.settings, Settings::default());
    assert_eq!(restored.problems.len(), 2);
    assert!(restored.problems.iter().all(|problem| problem.to_string().contains("1.07")), "{:?}", restored.problems);
    assert_eq!(fs::metadata(data.path().join("settings.json.damaged-1")).unwrap().len(), 1 << 30);
}

#[test]
fn a_bad_message_hides_no_other() {
    let text = r#"{"version":1,"id":"b","title":7,"sampling":{"temperature":"hot","top_k":3},"turns":[
        {"role":"user","text":"one"}, {"role":"wizard","text":"two"}, null, {"role":"assistant","text":5},
        {"role":"assistant","text":"five","metrics":{"stop_reason":"bored"}}, {"role":"user","text":"six"}]}"#;
    let data = beside_a_sound_chat(text.as_bytes());
    let mut store = Store::open(data.path());
    let restored = store.restore();
    let b = restored.chats.iter().find(|chat| chat.id.0 == "b").unwrap();
    let roles: Vec<_> = b.turns.iter().map(|turn| turn.role).collect();
    let (user, assistant) = (Role::User, Role::Assistant);
    assert_eq!(roles, [user, assistant, user, assistant, assistant, user]);
    let texts: Vec<_> = b.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!([texts[0], texts[1], texts[4], texts[5]], ["one", "two", "five", "six"]);
    assert!(texts[2].contains("could not be read") && texts[3].contains("could not be read"));
    assert_eq!(b.title, "");
    assert_eq!(b.sampling, Sampling { top_k: 3, ..Sampling::default() });

    let told = restored.problems[0].to_string();
    assert!(told.contains("sampling.temperature; title; message 2") && told.contains("and 3 more"), "{told}");
    assert_eq!(fs::read(data.path().join("chats/b.json.damaged-1")).unwrap(), text.as_bytes());
    store.save_chat(b).unwrap();
    assert_eq!(store.take_problems(), []);
    drop(store);
    assert_eq!(restart(data.path()).problems, [], "mended");
}

#[test]
fn a_chat_of_a_later_version_is_shown_and_never_written() {
    let text = String::from_utf8(sound()).unwrap().replace("\"version\":1", "\"version\":2,\"branches\":{}");
    let data = beside_a_sound_chat(text.as_bytes());
    let mut store = Store::open(data.path());
    let restored = store.restore();
    assert!(restored.problems[0].to_string().contains("later Ponder (version 2)"), "{:?}", restored.problems);
    let mut b = restored.chats.into_iter().find(|chat| chat.id.0 == "b").unwrap();
    b.turns.push(said("goes on"));
    store.save_chat(&b).unwrap();
    assert_eq!(fs::read_to_string(file(data.path(), "b")).unwrap(), text);
    assert_eq!(files(data.path()).len(), 3, "and the copy that goes on");
    fs::write(file(data.path(), "c"), br#"{"version":99,"turns":null}"#).unwrap();
    drop(store);
    restart(data.path());
    assert!(file(data.path(), "c").exists());
}

#[test]
fn a_chat_is_named_by_its_file() {
    let inside = r#"{"version":1,"id":"../../x","turns":[{"role":"user","text":"hi"}]}"#;
    let data = beside_a_sound_chat(inside.as_bytes());
    fs::copy(file(data.path(), "a"), file(data.path(), "a (2)")).unwrap();
    let restored = restart(data.path());
    let mut ids: Vec<_> = restored.chats.iter().map(|chat| chat.id.0.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a", "a (2)", "b"]);
}

#[test]
fn a_torn_last_line_of_a_journal_is_ignored() {
    let (data, mut store) = empty();
    store.save_chat(&chat("a", vec![said("Why?"), open_answer("")])).unwrap();
    store.journal(&ChatId("a".to_owned()), "whole", 1, "m").unwrap();
    drop(store);
    let journal = files(data.path()).into_iter().find(|name| name.ends_with(".journal")).unwrap();
    let mut bytes = fs::read(data.path().join(&journal)).unwrap();
    bytes.extend_from_slice(br#"{"text":" torn"#);
    fs::write(data.path().join(&journal), bytes).unwrap();
    let restored = restart(data.path());
    assert_eq!(restored.problems, []);
    assert_eq!(restored.chats[0].turns[1].text, "whole");
}

#[test]
fn a_journal_damaged_in_the_middle_gives_what_came_before() {
    let (data, mut store) = empty();
    store.save_chat(&chat("a", vec![said("Why?"), open_answer("")])).unwrap();
    for piece in ["one", "two", "three"] {
        store.journal(&ChatId("a".to_owned()), piece, 1, "m").unwrap();
    }
    drop(store);
    let journal = files(data.path()).into_iter().find(|name| name.ends_with(".journal")).unwrap();
    let text = fs::read_to_string(data.path().join(&journal)).unwrap().replace("\"two\"", "\"t\0o");
    fs::write(data.path().join(&journal), &text).unwrap();
    let restored = restart(data.path());
    assert_eq!(restored.chats[0].turns[1].text, "one");
    assert_eq!(restored.chats[0].turns[1].metrics.unwrap().stop_reason, StopReason::Interrupted);
    assert!(restored.problems[0].to_string().contains("line 3"), "{:?}", restored.problems);
    assert_eq!(fs::read_to_string(data.path().join(journal + ".damaged-1")).unwrap(), text);
}

fn settings_of(data: &Path, text: &[u8]) -> (Settings, Vec<Error>) {
    fs::write(data.join("settings.json"), text).unwrap();
    let restored = restart(data);
    (restored.settings, restored.problems)
}

#[test]
fn each_bad_setting_falls_back_alone_and_the_original_is_kept() {
    let (data, store) = empty();
    drop(store);
    let text = br#"{"version":1,"theme":"dark","scale":"big","threads":-4,"window":{"width":1},"chat_list_width":300,"of_later":1}"#;
    let (settings, problems) = settings_of(data.path(), text);
    assert_eq!(settings, Settings { theme: Theme::Dark, chat_list_width: 300.0, ..Settings::default() });
    let told = problems[0].to_string();
    assert!(told.contains("scale; threads; window") && told.contains("settings.json.damaged-1"), "{told}");
    assert_eq!(fs::read(data.path().join("settings.json.damaged-1")).unwrap(), text);
    let again = restart(data.path());
    assert_eq!((again.settings, again.problems), (settings, vec![]), "mended");
    assert!(fs::read_to_string(data.path().join("settings.json")).unwrap().contains("of_later"));
}

#[test]
fn settings_that_are_no_settings_are_set_aside() {
    for text in [b"".as_slice(), &[0; 100], b"{\"theme\":\"da", b"[1]", b"\xff"] {
        let (data, store) = empty();
        drop(store);
        let (settings, problems) = settings_of(data.path(), text);
        assert_eq!((settings, problems.len()), (Settings::default(), 1));
        assert_eq!(fs::read(data.path().join("settings.json.damaged-1")).unwrap(), text);
    }
}

#[test]
fn absurd_numbers_leave_a_usable_window() {
    let (data, store) = empty();
    drop(store);
    let text = br#"{"scale":1e30,"threads":0,"window":{"width":0,"height":0,"position":[1e9,0],"maximized":false},"side_panel_width":-5}"#;
    let (settings, _) = settings_of(data.path(), text);
    let window = settings.window.unwrap();
    assert!(settings.scale <= 4.0 && settings.threads.is_none() && settings.side_panel_width > 0.0);
    assert!(window.width >= 320.0 && window.height >= 240.0 && window.position.is_none());
}

#[test]
fn settings_of_a_later_version_are_read_and_not_written() {
    let (data, store) = empty();
    drop(store);
    let text = br#"{"version":2,"theme":"dark","scale":{"x":1}}"#;
    fs::write(data.path().join("settings.json"), text).unwrap();
    let mut store = Store::open(data.path());
    let restored = store.restore();
    assert_eq!(restored.settings.theme, Theme::Dark);
    assert_eq!(restored.problems.len(), 1);
    let refused = store.save_settings(&Settings::default()).unwrap_err().to_string();
    assert!(refused.contains("later Ponder"), "{refused}");
    assert_eq!(fs::read(data.path().join("settings.json")).unwrap(), text);
}

#[test]
fn a_folder_that_cannot_be_made_is_told_and_nothing_panics() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("a file");
    fs::write(&data, "no folder").unwrap();
    let mut store = Store::open(&data);
    let restored = store.restore();
    assert_eq!((restored.chats, restored.settings), (vec![], Settings::default()));
    assert!(restored.problems[0].to_string().contains("a file"), "{:?}", restored.problems);
    let one = chat("a", vec![said("hi"), open_answer("")]);
    for failed in [store.save_chat(&one), store.save_settings(&Settings::default()), store.journal(&one.id, "x", 1, "m")] {
        assert!(failed.unwrap_err().to_string().contains("a file"));
    }
    fs::remove_file(&data).unwrap();
    store.save_chat(&one).unwrap();
    store.journal(&one.id, "y", 1, "m").unwrap();
    drop(store);
    assert_eq!(restart(&data).chats[0].turns[1].text, "xy", "what failed before is written once it can be");
}

#[cfg(unix)]
#[test]
fn things_that_are_no_files_are_passed_over() {
    let data = beside_a_sound_chat(b"{}");
    fs::remove_file(file(data.path(), "b")).unwrap();
    fs::create_dir(file(data.path(), "b")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", file(data.path(), "c")).unwrap();
    std::os::unix::fs::symlink("d.json", file(data.path(), "d")).unwrap();
    fs::write(file(data.path(), "what?"), "{}").unwrap();
    let mut store = Store::open(data.path());
    let restored = store.restore();
    assert_eq!((restored.chats.len(), restored.problems.len()), (1, 4), "{:?}", restored.problems);
    store.save_chat(&chat("b", vec![said("hi")])).unwrap();
    assert_eq!(store.take_problems().len(), 1);
}

#[test]
fn a_chat_too_long_to_be_read_again_is_refused() {
    let (data, mut store) = empty();
    let short = chat("a", vec![said("hi")]);
    store.save_chat(&short).unwrap();
    let refused = store.save_chat(&chat("a", vec![said(&"x".repeat(70 << 20))])).unwrap_err().to_string();
    assert!(refused.contains("new chat"), "{refused}");
    drop(store);
    assert_eq!(restart(data.path()).chats, [short]);
}

/// Whether a file below the folder has this content.
fn is_kept(data: &Path, bytes: &[u8]) -> bool {
    files(data).iter().any(|name| fs::read(data.join(name)).unwrap() == bytes)
}

/// A sound chat file with a few bytes changed, cut at some place.
fn almost_sound() -> impl Strategy<Value = Vec<u8>> {
    let sound = sound();
    let len = sound.len();
    (prop::collection::vec((0..len, any::<u8>()), 0..4), 0..=len).prop_map(move |(changes, cut)| {
        let mut bytes = sound.clone();
        for (place, byte) in changes {
            bytes[place] = byte;
        }
        bytes.truncate(cut.max(len / 2));
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_as_chat_file_are_kept(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), almost_sound()]) {
        let data = beside_a_sound_chat(&bytes);
        let restored = restart(data.path());
        prop_assert!(is_kept(data.path(), &bytes));
        prop_assert!(restored.chats.iter().any(|chat| chat.id.0 == "a"));
    }

    #[test]
    fn any_bytes_as_settings_are_kept(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "\\{\"(scale|theme|threads|recent|x)\":(1|-1|null|\"dark\"|\\[\\]|\\{\\}|1e9)\\}".prop_map(String::into_bytes),
    ]) {
        let (data, store) = empty();
        drop(store);
        settings_of(data.path(), &bytes);
        prop_assert!(is_kept(data.path(), &bytes));
        let again = restart(data.path());
        prop_assert!(again.problems.is_empty(), "{:?}", again.problems);
    }

    #[test]
    fn any_bytes_as_journal_leave_the_chat(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let data = beside_a_sound_chat(b"{}");
        fs::write(data.path().join("chats/a.1-2-3.journal"), bytes).unwrap();
        let restored = restart(data.path());
        let a: Vec<&Chat> = restored.chats.iter().filter(|chat| chat.id.0 == "a").collect();
        prop_assert_eq!(&a[0].turns[0], &said("sound"));
    }
}
