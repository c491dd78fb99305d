//! The house rules as data: who may know whom, what stands where, how long a file may be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms, lowest first; a room may use those before it.
const ROOMS: &[&str] = &[
    "units",
    "error",
    "file",
    "memory",
    "kernels",
    "inspect",
    "memory::plan",
    "engine",
    "pocket",
    "lab",
    "library",
    "store",
    "message",
    "worker",
    "state",
    "view",
    "app",
    "cli",
    "main",
];

/// Rooms that don't meet although one is above the other: the first must not use the second.
const STRANGERS: &[(&str, &str)] =
    &[("state", "worker"), ("view", "worker"), ("cli", "worker"), ("cli", "state"), ("cli", "view"), ("view", "kernels::pool")];

/// Words of the code that belong to some places only.
const PLACES: &[(&[&str], &[&str])] = &[
    (&["egui", "eframe", "egui_plot", "egui_commonmark", "lucide_icons", "winit"], &["view", "app", "main"]),
    (&["candle_core", "candle_nn", "candle_transformers"], &["kernels", "engine"]),
    (&["tokenizers", "minijinja", "minijinja_contrib"], &["engine"]),
    (&["ureq", "zip::", "flate2", "directories"], &["library"]),
    (&["crossbeam_channel", "mpsc", "rfd", "dark_light"], &["worker"]),
    (&["rayon"], &["kernels"]),
    (&["sysinfo"], &["memory"]),
    (&["clap"], &["cli", "app", "main"]),
    (&["unsafe"], &["kernels", "memory/alloc.rs"]),
    (&["println!", "eprintln!", "print!", "eprint!", "dbg!", "todo!", "unimplemented!"], &[]),
    (&["JoinHandle", "thread::spawn", "thread::Builder", "thread::scope"], &["worker", "kernels/pool.rs"]),
    (
        &["Color32::from_", "Color32::WHITE", "Color32::BLACK", "Color32::GRAY", "Color32::RED", "Rgba::", "Hsva::", "hex_color!"],
        &["view/theme.rs"],
    ),
];

const LONGEST: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository, by their path in it.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(path: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let folder = root().join(folder);
    let mut paths = Vec::new();
    walk(&folder, &mut paths);
    paths.sort();
    let name = |path: &PathBuf| path.strip_prefix(&folder).unwrap().to_string_lossy().replace('\\', "/");
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The code without comments and without what stands in strings.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if c == '"' {
            string(rest)
        } else if c == '\'' {
            character(rest)
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[skipped..];
    }
    out
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return place + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r')?;
    let n = hashes.len() - hashes.trim_start_matches('#').len();
    hashes[n..].starts_with('"').then(|| {
        let end = format!("\"{}", "#".repeat(n));
        let body = &text[n + 2..];
        body.find(&end).map_or(text.len(), |at| n + 2 + at + end.len())
    })
}

/// A character, or only the apostrophe of a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(1, |(at, _)| 2 + at + 1),
        Some((at, c)) if text[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        _ => 1,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `word` stands in the code by itself.
fn uses(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let goes_on = word.ends_with(is_word) && !word.ends_with('_') && after.is_some_and(is_word);
        !before.is_some_and(is_word) && !goes_on
    })
}

/// All paths that begin with `crate::`, braces spelled out: `file::source::Source`.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let squeezed: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    for (at, start) in squeezed.match_indices("crate::") {
        spell_out("", &squeezed[at + start.len()..], &mut found);
    }
    found
}

/// Spells out one path, with its braces; returns the bytes read.
fn spell_out(before: &str, text: &str, found: &mut BTreeSet<String>) -> usize {
    let end = text.find(|c: char| !is_word(c) && c != ':').unwrap_or(text.len());
    let path = format!("{before}{}", &text[..end]);
    if !text[end..].starts_with('{') || !path.ends_with("::") && !path.is_empty() {
        found.insert(path.trim_end_matches(':').to_owned());
        return end;
    }
    let mut at = end + 1;
    loop {
        at += text[at..].len() - text[at..].trim_start_matches([' ', ',']).len();
        if at >= text.len() || text[at..].starts_with('}') {
            return at + 1;
        }
        let read = spell_out(&path, &text[at..], found);
        at += read.max(1);
        at += text[at..].find([',', '}']).unwrap_or(text[at..].len());
    }
}

/// The room of a path in the crate, or of a file.
fn room(path: &str) -> Option<&'static str> {
    let longest = |room: &&&str| path == **room || path.strip_prefix(**room).is_some_and(|rest| rest.starts_with("::"));
    ROOMS.iter().filter(longest).max_by_key(|room| room.len()).copied()
}

fn room_of_file(name: &str) -> &'static str {
    let path = name.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
    room(&path).unwrap_or_else(|| panic!("src/{name} is in no room of the table"))
}

#[test]
fn rooms_use_only_those_below_them() {
    let mut wrong = Vec::new();
    for (name, text) in sources("src").into_iter().filter(|(name, _)| name != "lib.rs") {
        let here = room_of_file(&name);
        let height = |room: &str| ROOMS.iter().position(|other| *other == room);
        let code = code(&text);
        // A sister that is a room of its own.
        let sisters = code.match_indices("super::plan").map(|_| "memory::plan".to_owned()).filter(|_| here == "memory");
        for path in paths(&code).into_iter().chain(sisters) {
            let Some(there) = room(&path) else { continue };
            let stranger = STRANGERS.iter().any(|(one, other)| *one == here && (path == *other || path.starts_with(&format!("{other}::"))));
            if height(there) > height(here) || stranger {
                wrong.push(format!("src/{name} ({here}) uses {path}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_room_is_in_the_table() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let unknown: Vec<_> = modules.filter(|module| room(module).is_none()).collect();
    assert_eq!(unknown, Vec::<&str>::new());
}

#[test]
fn what_belongs_to_a_place_stands_there_only() {
    let mut wrong = Vec::new();
    for (name, text) in sources("src") {
        let code = code(&text);
        for (words, places) in PLACES {
            let allowed =
                places.iter().any(|place| name == *place || name == format!("{place}.rs") || name.starts_with(&format!("{place}/")));
            let used = words.iter().filter(|word| !allowed && uses(&code, word));
            wrong.extend(used.map(|word| format!("src/{name} has `{word}`, which belongs to {places:?}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "examples"] {
        for (name, text) in sources(folder) {
            let lines = text.lines().count();
            if !text.starts_with("//! ") {
                wrong.push(format!("{folder}/{name} does not begin with `//!`"));
            }
            if lines > LONGEST {
                wrong.push(format!("{folder}/{name} has {lines} lines, {LONGEST} at most"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_path_of_somebodys_machine_is_in_the_repository() {
    let homes = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("C:", "\\Users")];
    let mut files: Vec<(String, String)> = ["src", "tests", "examples"].into_iter().flat_map(sources).collect();
    for name in ["Cargo.toml", "README.md", ".clippy.toml", "rustfmt.toml", ".ci/run"] {
        files.extend(std::fs::read_to_string(root().join(name)).map(|text| (name.to_owned(), text)));
    }
    let invented = [concat!("/ho", "me/someone")];
    let mut wrong = Vec::new();
    for (name, text) in files {
        for line in
            text.lines().filter(|line| homes.iter().any(|home| line.contains(home)) && !invented.iter().any(|home| line.contains(home)))
        {
            wrong.push(format!("{name}: {}", line.trim()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_reader_of_code_sees_what_it_should() {
    let text = "// egui\nlet a = \"crate::worker \\\" egui\"; /* rayon */ let b: &'static str = r#\"x \"unsafe\" \"#; let c = ('\"', '\\'', 'x');\nuse crate::{file, memory::{plan::{self, Fit}, Part}};\nlet d = crate::units::Bytes(1);";
    let code = code(text);
    for word in ["egui", "rayon", "worker", "unsafe"] {
        assert!(!uses(&code, word), "{word} in {code}");
    }
    assert!(uses(&code, "str") && uses(&code, "Fit") && !uses(&code, "Fi") && uses("Color32::from_rgb(1)", "Color32::from_"));
    let expected = ["file", "memory::Part", "memory::plan::Fit", "memory::plan::self", "units::Bytes"];
    assert_eq!(paths(&code).into_iter().collect::<Vec<_>>(), expected);
    assert_eq!((room("memory::plan::Fit"), room("memory::planner"), room("nowhere")), (Some("memory::plan"), Some("memory"), None));
}
