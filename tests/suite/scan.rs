//! Finding the models of other apps in a home folder made for the test.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use ponder::library::places::App;
use ponder::library::{Folders, Found, Places, find_models};
use ponder::units::Bytes;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn model(&self, path: &str) -> PathBuf {
        self.write(path, b"GGUF\x03\0\0\0")
    }

    fn find(&self) -> Vec<Found> {
        self.find_with(&[], &AtomicBool::new(false))
    }

    fn find_with(&self, extra: &[PathBuf], stop: &AtomicBool) -> Vec<Found> {
        let mut places = Places::of(self.0.path(), |_| None);
        places.0.retain(|place| place.folder.starts_with(self.0.path()));
        find_models(&Folders::at(self.path("ponder")), extra, &places, stop)
    }

    #[track_caller]
    fn assert_finds(&self, expected: &[(App, &str, u64)]) {
        let found = self.find();
        let found: Vec<_> = found.iter().map(|found| (found.app, found.name.as_str(), found.bytes.0)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn an_empty_home_has_no_models() {
    assert_eq!(Home::new().find(), []);
}

#[test]
fn models_are_found_in_ponders_folder_and_in_the_usual_ones() {
    let home = Home::new();
    home.model("ponder/models/own.gguf");
    home.model(".lmstudio/models/publisher/model/studio.gguf");
    home.model("models/deep/in/here/mine.GGUF");
    home.model("Downloads/fresh.gguf");
    home.assert_finds(&[(App::Ponder, "own", 8), (App::LmStudio, "studio", 8), (App::Folder, "fresh", 8), (App::Folder, "mine", 8)]);
}

#[cfg(target_os = "linux")]
#[test]
fn models_of_llama_cpp_jan_and_gpt4all_are_found() {
    let home = Home::new();
    home.model(".cache/llama.cpp/cached.gguf");
    home.model(".local/share/Jan/data/llamacpp/models/Qwen3/model.gguf");
    home.model(".config/Jan/data/models/llamacpp/Gemma/model.gguf");
    home.model(".local/share/nomic.ai/GPT4All/all.gguf");
    home.assert_finds(&[(App::LlamaCpp, "cached", 8), (App::Jan, "Gemma", 8), (App::Jan, "Qwen3", 8), (App::Gpt4All, "all", 8)]);
}

#[test]
fn hugging_face_folders_are_found_once_by_what_people_call_them() {
    let home = Home::new();
    let config = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}"#;
    home.write("models/mine/config.json", config);
    home.write("models/mine/model.safetensors", "12345");
    home.write("models/mine/consolidated.safetensors", "1");
    let snapshot = ".cache/huggingface/hub/models--org--some-model/snapshots/0123abcd";
    home.write(&format!("{snapshot}/config.json"), config);
    home.write(&format!("{snapshot}/model.safetensors.index.json"), "{}");
    home.write(&format!("{snapshot}/model-00001-of-00002.safetensors"), "123");
    home.write(&format!("{snapshot}/model-00002-of-00002.safetensors"), "1234");
    home.write("models/old/config.json", config);
    home.write("models/old/pytorch_model.bin", "12");
    home.write("models/encoder/config.json", r#"{"architectures": ["BertModel"]}"#);
    home.write("models/encoder/model.safetensors", "1");
    home.write("models/bare/config.json", config);
    home.write("models/broken/config.json", "{");
    home.write("models/broken/model.safetensors", "1");
    home.assert_finds(&[(App::HuggingFace, "org/some-model", 7), (App::Folder, "mine", 5), (App::Folder, "old", 2)]);
    assert!(home.find()[0].path.ends_with("0123abcd/model.safetensors.index.json"));
}

#[test]
fn only_what_begins_as_gguf_is_a_model() {
    let home = Home::new();
    home.write("models/pointer.gguf", "version https://git-lfs.github.com/spec/v1\n");
    home.write("models/empty.gguf", "");
    home.write("models/short.gguf", "GGU");
    home.write("models/model.bin", b"GGUF\x03\0\0\0");
    std::fs::create_dir_all(home.path("models/folder.gguf")).unwrap();
    assert_eq!(home.find(), []);
}

#[test]
fn projectors_are_left_out() {
    let home = Home::new();
    home.model("models/mmproj-gemma-f16.gguf");
    home.model("models/gemma.mmproj.gguf");
    home.model("models/gemma.gguf");
    home.assert_finds(&[(App::Folder, "gemma", 8)]);
}

#[test]
fn a_split_model_is_one_model_of_all_its_bytes() {
    let home = Home::new();
    for (number, extra) in [(1, 10), (2, 20), (3, 30)] {
        home.write(&format!("models/big-0000{number}-of-00003.gguf"), [b"GGUF".as_slice(), &vec![0; extra]].concat());
    }
    home.assert_finds(&[(App::Folder, "big", 72)]);
    assert!(home.find()[0].path.ends_with("big-00001-of-00003.gguf"));
}

#[cfg(unix)]
#[test]
fn a_file_of_many_names_is_found_once() {
    let home = Home::new();
    let blob = home.model(".cache/huggingface/hub/models--org--name/blobs/0123");
    let snapshot = home.path(".cache/huggingface/hub/models--org--name/snapshots/rev/name.Q4.gguf");
    std::fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&blob, &snapshot).unwrap();
    std::fs::create_dir_all(home.path("models")).unwrap();
    std::fs::hard_link(&blob, home.path("models/copy.gguf")).unwrap();
    home.assert_finds(&[(App::HuggingFace, "name.Q4", 8)]);
    assert_eq!(home.find()[0].path, snapshot, "by the name that says what it is");
}

#[cfg(unix)]
#[test]
fn a_folder_that_links_to_itself_ends() {
    let home = Home::new();
    home.model("models/a/one.gguf");
    std::os::unix::fs::symlink(home.path("models"), home.path("models/a/loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", home.path("models/dangling.gguf")).unwrap();
    home.assert_finds(&[(App::Folder, "one", 8)]);
}

#[cfg(unix)]
#[test]
fn a_linked_models_folder_is_followed() {
    let home = Home::new();
    home.model("disk/one.gguf");
    std::fs::create_dir_all(home.path("models")).unwrap();
    std::os::unix::fs::symlink(home.path("disk"), home.path("models/big disk")).unwrap();
    home.assert_finds(&[(App::Folder, "one", 8)]);
}

#[test]
fn depth_is_bounded() {
    let home = Home::new();
    home.model("models/1/2/3/4/near.gguf");
    home.model("models/1/2/3/4/5/far.gguf");
    home.model("models/.hidden/secret.gguf");
    home.assert_finds(&[(App::Folder, "near", 8)]);
}

#[test]
fn a_folder_of_too_many_files_is_left() {
    let home = Home::new();
    for i in 0..10_050 {
        home.write(&format!("models/many/{i}"), "");
    }
    home.model("models/z/late.gguf");
    home.model("Downloads/other.gguf");
    home.assert_finds(&[(App::Folder, "other", 8)]);
}

#[test]
fn folders_that_a_person_added_are_looked_into() {
    let home = Home::new();
    let model = home.model("elsewhere/one.gguf");
    let found = home.find_with(&[home.path("elsewhere"), home.path("missing")], &AtomicBool::new(false));
    assert_eq!(found, [Found { path: model, name: "one".to_owned(), bytes: Bytes(8), app: App::Folder }]);
}

#[test]
fn a_stop_ends_the_search() {
    let home = Home::new();
    home.model("models/one.gguf");
    assert_eq!(home.find_with(&[], &AtomicBool::new(true)), []);
}

#[test]
fn ollamas_manifests_name_its_blobs() {
    let home = Home::new();
    let digest = "ab".repeat(32);
    home.model(&format!(".ollama/models/blobs/sha256-{digest}"));
    let manifest = format!(
        r#"{{"schemaVersion":2,"layers":[{{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:{}"}},
        {{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{digest}","size":8}}]}}"#,
        "cd".repeat(32)
    );
    home.write(".ollama/models/manifests/registry.ollama.ai/library/llama3.2/1b", &manifest);
    home.assert_finds(&[(App::Ollama, "llama3.2:1b", 8)]);
    home.write(".ollama/models/manifests/registry.ollama.ai/someone/tiny/latest", manifest);
    home.assert_finds(&[(App::Ollama, "llama3.2:1b", 8)]);
}

#[test]
fn an_ollama_manifest_that_lies_names_nothing() {
    let home = Home::new();
    home.model(".ollama/secret.gguf");
    let manifest =
        |digest: &str| format!(r#"{{"layers":[{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{digest}"}}]}}"#);
    for (tag, text) in [
        ("outside", manifest("../../../secret.gguf")),
        ("missing", manifest(&"00".repeat(32))),
        ("broken", "{".to_owned()),
        ("empty", String::new()),
        ("list", "[1]".to_owned()),
    ] {
        home.write(&format!(".ollama/models/manifests/host/library/model/{tag}"), text);
    }
    assert_eq!(home.find(), []);
}

#[test]
fn environment_variables_move_the_places() {
    let var = |name: &str| match name {
        "HF_HOME" => Some("/hf".into()),
        "OLLAMA_MODELS" => Some("/ollama".into()),
        "LLAMA_CACHE" => Some("/llama".into()),
        _ => None,
    };
    let places = Places::of(Path::new("/home/someone"), var);
    for (app, folder) in [(App::HuggingFace, "/hf/hub"), (App::Ollama, "/ollama"), (App::LlamaCpp, "/llama")] {
        assert!(places.0.iter().any(|place| place.app == app && place.folder == Path::new(folder)), "{folder}");
    }
}

#[test]
fn lm_studio_is_followed_to_where_it_moved() {
    let home = Home::new();
    home.model("moved/models/publisher/model/one.gguf");
    home.write(".lmstudio-home-pointer", home.path("moved").to_str().unwrap());
    home.assert_finds(&[(App::LmStudio, "one", 8)]);
}
