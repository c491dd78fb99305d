//! Files that are no models, and paths that lead to no file: each says what it is.

use std::path::Path;

use ponder::error::Error;
use ponder::file::ModelFile;

use crate::support::file;
use crate::support::gguf_writer::GgufBuilder;

#[track_caller]
fn refuses(bytes: &[u8], expected: &[&str]) {
    let (_folder, path) = file("model.gguf", bytes);
    let text = ModelFile::open(&path).unwrap_err().to_string();
    for part in expected {
        assert!(text.contains(part), "`{part}` isn't in `{text}`");
    }
}

#[track_caller]
fn warns(model: &ModelFile, expected: &str) {
    assert!(model.warnings.iter().any(|text| text.contains(expected)), "`{expected}` isn't in {:?}", model.warnings);
}

#[test]
fn files_that_are_no_models_say_what_they_are() {
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:b179c9\nsize 98362432\n";
    refuses(lfs.as_bytes(), &["Git LFS pointer: the real file is 98.4", "98,362,432", "git lfs pull"]);
    refuses(b"\n<!DOCTYPE html><html>", &["HTML page"]);
    refuses(b"<html>", &["HTML page"]);
    refuses(b"{\"error\": \"not found\"}", &["JSON"]);
    refuses(&[0; 8192], &["download that isn't finished"]);
    refuses(b"%PDF-1.7\n", &["PDF"]);
    refuses(b"\x89PNG\r\n\x1a\n", &["PNG picture"]);
    refuses(b"\xff\xd8\xff\xe0", &["JPEG picture"]);
    refuses(b"\x1f\x8b\x08\0", &["gzip archive"]);
    refuses(b"\x7fELF\x02", &["program"]);
    refuses(b"MZ\x90\0", &["program"]);
    refuses(b"PK\x03\x04\0\0\0\0\0\0\0\0readme.txt", &["zip archive"]);
    refuses(b"lmgg\x01\0\0\0", &["GGML", "before GGUF"]);
    refuses(b"tjgg\x01\0\0\0", &["GGJT", "before GGUF"]);
    refuses(b"Dear diary,\n", &["text file"]);
    refuses(b"\x13\x37\xc0\xde", &["13 37 c0 de"]);
}

#[test]
fn weights_in_other_formats_are_unsupported_not_broken() {
    for (name, bytes, expected) in [
        ("a.onnx", &b"\x08\x07\x12\x07pytorch"[..], "ONNX"),
        ("a.tflite", b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        ("a.pkl", b"\x80\x02}q\0.", "pickle"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "HDF5"),
    ] {
        let (_folder, path) = file(name, bytes);
        match ModelFile::open(&path) {
            Err(Error::Unsupported { what, why }) => {
                assert!(what.contains(name) && why.contains(expected) && why.contains("GGUF"), "{why}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn content_decides_and_a_wrong_name_is_noticed() {
    let bytes = GgufBuilder::new().f32_tensor("t", &[1], &[1.0]).bytes();
    for (name, expected) in [("model.bin", "doesn't end in .gguf but in `bin`"), ("model.gguf.part", "isn't finished"), ("m", "`")] {
        let (_folder, path) = file(name, &bytes);
        warns(&ModelFile::open(&path).unwrap(), expected);
    }
    let (_folder, path) = file("x.gguf.crdownload", &[9, 9, 9, 9]);
    assert!(ModelFile::open(&path).unwrap_err().to_string().contains("download isn't finished"));
}

#[test]
fn a_name_with_any_characters_is_opened() {
    let (_folder, path) = file("größe 🦙 .gguf", &GgufBuilder::new().bytes());
    assert_eq!(ModelFile::open(&path).unwrap().path, path);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let path = path.with_file_name(std::ffi::OsStr::from_bytes(b"\xff\xfe.gguf"));
        GgufBuilder::new().write(&path);
        assert_eq!(ModelFile::open(&path).unwrap().path, path);
    }
}

#[test]
fn paths_that_lead_to_no_file_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(4096));
    for path in [folder.path().join("absent.gguf"), long] {
        assert!(matches!(ModelFile::open(&path), Err(Error::Open { .. })), "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn pipes_sockets_devices_and_loops_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |path: &Path| ModelFile::open(path).unwrap_err().to_string();
    let made = std::process::Command::new("mkfifo").arg(path("fifo.gguf")).status();
    if made.is_ok_and(|status| status.success()) {
        assert!(text(&path("fifo.gguf")).contains("a named pipe, not a file"));
    }
    let _socket = std::os::unix::net::UnixListener::bind(path("socket.gguf")).unwrap();
    assert!(text(&path("socket.gguf")).contains("a socket, not a file"));
    assert!(text(Path::new("/dev/zero")).contains("a device, not a file"));
    std::os::unix::fs::symlink(path("loop"), path("loop")).unwrap();
    std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
    text(&path("loop"));
    text(&path("dangling"));
    #[cfg(target_os = "linux")]
    text(Path::new("/proc/self/mem"));
}
