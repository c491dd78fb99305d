//! Fetching from servers that hang, being stopped, sharing a download, and copies that are on this disk already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ponder::error::Error;
use ponder::library::{Source, Stage, fetch};

use crate::support::fetching::{Bench, content, good_server, starts};
use crate::support::server::{Connection, Request, Server};

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
