//! The hub's way: one GET, resumed with Range requests as often as the connection breaks.
//!
//! The revision is fixed, so what lies at the address never changes and a part of yesterday is good today; should it not be, the
//! checksum says so and the file is fetched once more from its beginning.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body};

use super::download::{Source, Stage};
use super::fetch::{Setback, Task};
use super::net;
use super::part::{CHUNK, PartFile, Wrong, remove};
use crate::units::{Bytes, grouped, seconds};

/// Requests in a row that bring nothing before the hub is given up.
const MAX_FRUITLESS: u32 = 3;
/// Requests altogether: a server that breaks off this often is not worth more.
const MAX_REQUESTS: u32 = 60;

/// Downloads the task's file from the hub into the models folder; what came stays there when it fails or is stopped.
pub(super) fn get(task: &mut Task<'_>) -> Result<(), Setback> {
    let path = task.beside("part");
    let outcome = get_into(task, &path);
    if path.metadata().is_ok_and(|part| part.len() == 0) {
        remove(&path);
    }
    outcome
}

fn get_into(task: &mut Task<'_>, path: &Path) -> Result<(), Setback> {
    if task.environment.hf_offline {
        return Err(Setback::Failed("not asked, HF_HUB_OFFLINE is set".to_owned()));
    }
    let agent = net::agent(task.environment, task.stop).map_err(Setback::Failed)?;
    let mut part = PartFile::resume(path.to_owned(), task, Source::Hub)?;
    let mut from_earlier = part.len() > 0;
    let mut fruitless = 0;
    for request in 0..MAX_REQUESTS {
        let before = part.len();
        match download(task, &agent, &mut part) {
            Ok(()) => match part.finish(task) {
                Err(Wrong::Content(_)) if from_earlier => {
                    from_earlier = false;
                    part = PartFile::create(path.to_owned())?;
                    continue;
                }
                outcome => return outcome.map_err(Setback::from),
            },
            Err(Broken::For(setback)) => return Err(setback),
            Err(Broken::Before(reason)) if request == 0 => return Err(Setback::Failed(reason)),
            Err(Broken::Before(reason) | Broken::Midway(reason)) => {
                fruitless = if part.len() > before { 0 } else { fruitless + 1 };
                if fruitless == MAX_FRUITLESS {
                    return Err(Setback::Failed(reason));
                }
            }
        }
        task.pause(Duration::from_millis(250) * (1 << fruitless))?;
    }
    Err(Setback::Failed(format!("the connection broke {} times", grouped(MAX_REQUESTS.into()))))
}

/// How a request ended that did not bring the rest of the file.
enum Broken {
    /// Without an answer.
    Before(String),
    /// With an answer that another request may complete.
    Midway(String),
    /// With an answer that settles it.
    For(Setback),
}

impl From<Setback> for Broken {
    fn from(setback: Setback) -> Self {
        Self::For(setback)
    }
}

/// Asks for what `part` lacks and appends it.
fn download(task: &mut Task<'_>, agent: &Agent, part: &mut PartFile) -> Result<(), Broken> {
    let total = task.download.bytes;
    if part.len() == total.0 {
        return Ok(());
    }
    task.check()?;
    task.report(Source::Hub, Stage::Connecting);
    let response = ask(task, agent, part.len())?;
    judge(&response, part, total)?;
    let mut body = response.into_body().into_reader();
    let mut chunk = vec![0; CHUNK];
    loop {
        task.report(Source::Hub, Stage::Downloading { done: Bytes(part.len()), total });
        task.check()?;
        let n = match body.read(&mut chunk) {
            Ok(0) if part.len() == total.0 => return Ok(()),
            Ok(0) => return Err(Broken::Midway(format!("the connection ended after {} of {}", Bytes(part.len()).exact(), total.exact()))),
            Ok(n) => n,
            Err(e) => {
                task.check()?;
                return Err(Broken::Midway(format!("{e}, after {} of {}", Bytes(part.len()).exact(), total.exact())));
            }
        };
        if part.len() + n as u64 > total.0 {
            part.restart()?;
            return Err(Broken::For(Setback::Failed(format!("the server sends more than {}", total.exact()))));
        }
        part.append(&chunk[..n])?;
    }
}

fn ask(task: &Task<'_>, agent: &Agent, from: u64) -> Result<Response<Body>, Broken> {
    let (environment, hub) = (task.environment, &task.download.hub);
    let mut request = agent.get(format!("{}/{}/resolve/{}/{}", environment.hf_endpoint, hub.repository, hub.revision, hub.file));
    if let Some(token) = &environment.hf_token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if from > 0 {
        request = request.header(header::RANGE, format!("bytes={from}-"));
    }
    match request.call() {
        Ok(response) => Ok(response),
        Err(error) => {
            task.check()?;
            Err(Broken::Before(match error {
                ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                    format!("no connection within {}", seconds(environment.connect_timeout.as_secs_f64()))
                }
                ureq::Error::Timeout(_) => format!("no answer within {}", seconds(environment.stall_timeout.as_secs_f64())),
                other => other.to_string(),
            }))
        }
    }
}

/// Whether the answer carries the bytes that `part` lacks; empties `part` when the answer begins at the beginning.
fn judge(response: &Response<Body>, part: &mut PartFile, total: Bytes) -> Result<(), Broken> {
    let (status, headers) = (response.status(), response.headers());
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT
            if text(headers, &header::CONTENT_TYPE).is_some_and(|t| t.starts_with("text/html")) =>
        {
            Err(Broken::For(Setback::Failed(
                "the server sent a web page in place of the file (does this network ask for a login?)".to_owned(),
            )))
        }
        StatusCode::OK => {
            let encoded = headers.contains_key(header::CONTENT_ENCODING);
            let announced = text(headers, &header::CONTENT_LENGTH).and_then(|length| length.trim().parse().ok()).filter(|_| !encoded);
            match announced {
                Some(length) if length != total.0 => {
                    Err(Broken::For(Setback::Failed(format!("expected {}, the server has {}", total.exact(), Bytes(length).exact()))))
                }
                _ => Ok(part.restart()?),
            }
        }
        StatusCode::PARTIAL_CONTENT => {
            let expected = (part.len(), total.0);
            match text(headers, &header::CONTENT_RANGE).and_then(content_range) {
                Some((first, whole)) if (first, whole.unwrap_or(total.0)) == expected => Ok(()),
                _ => {
                    part.restart()?;
                    Err(Broken::Midway("the server sent another range than was asked for".to_owned()))
                }
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            part.restart()?;
            Err(Broken::Midway("the server's file is shorter than what is here".to_owned()))
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Broken::Midway(format!("the server answered {status}"))),
        status if status.is_server_error() => Err(Broken::Midway(format!("the server answered {status}"))),
        status => Err(Broken::For(Setback::Failed(format!("the server answered {status}")))),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// First byte and, unless it is `*`, whole length in `bytes 100-199/200`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-')?.0.parse().ok()?;
    match whole {
        "*" => Some((first, None)),
        whole => Some((first, Some(whole.parse().ok()?))),
    }
}
