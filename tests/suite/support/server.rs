//! An HTTP server on this machine that behaves as badly as a test asks it to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request without its body.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// How many requests came before.
    pub number: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first byte that a `Range: bytes=N-` asks for.
    pub fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// Listens until it is dropped; each connection carries one request.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    closing: Arc<AtomicBool>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request, &mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::new(AtomicBool::new(false));
        let (seen, closed, answer) = (Arc::clone(&requests), Arc::clone(&closing), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, closed, answer) = (Arc::clone(&seen), Arc::clone(&closed), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut connection = Connection { reader: BufReader::new(stream), closing: closed };
                    let Some(mut request) = connection.read_request() else { return };
                    {
                        let mut seen = seen.lock().unwrap();
                        request.number = seen.len();
                        seen.push(request.clone());
                    }
                    answer(&request, &mut connection);
                });
            }
        });
        Self { address, requests, closing }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

/// The server's end of a connection; closed when the answer returns. Write errors mean that the client has left.
pub struct Connection {
    reader: BufReader<TcpStream>,
    closing: Arc<AtomicBool>,
}

impl Connection {
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }

    /// Status line and headers; `status` is like `200 OK`.
    pub fn head(&mut self, status: &str, headers: &[(&str, String)]) -> bool {
        let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for (key, value) in headers {
            head += key;
            head += ": ";
            head += value;
            head += "\r\n";
        }
        self.send((head + "\r\n").as_bytes())
    }

    /// An answer without a body.
    pub fn empty(&mut self, status: &str) {
        self.head(status, &[("Content-Length", "0".to_owned())]);
    }

    /// Answers as a good server does, `Range: bytes=N-` included.
    pub fn serve(&mut self, request: &Request, body: &[u8]) {
        let rest = self.serve_head(request, body);
        self.send(rest);
    }

    /// The head of a good answer; returns the bytes that are to follow.
    pub fn serve_head<'b>(&mut self, request: &Request, body: &'b [u8]) -> &'b [u8] {
        let length = |bytes: &[u8]| ("Content-Length", bytes.len().to_string());
        if let Some(first) = request.range_start() {
            let range = format!("bytes {first}-{}/{}", body.len() - 1, body.len());
            self.head("206 Partial Content", &[length(&body[first..]), ("Content-Range", range)]);
            return &body[first..];
        }
        self.head("200 OK", &[length(body)]);
        body
    }

    /// Says nothing more until the client leaves or the server is dropped.
    pub fn hang(&mut self) {
        self.reader.get_mut().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut byte = [0];
        while !self.closing.load(Ordering::SeqCst) {
            match self.reader.read(&mut byte) {
                Ok(0) => return,
                Err(e) if !matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => return,
                _ => {}
            }
        }
    }

    /// The next request of this connection (behind a CONNECT).
    pub fn read_request(&mut self) -> Option<Request> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).ok()?;
            let Some((key, value)) = line.trim().split_once(':') else { break };
            headers.push((key.to_owned(), value.trim().to_owned()));
        }
        Some(Request { method, path, headers, number: 0 })
    }
}
