//! Token bytes in, text out: never half a character, nothing kept back at the end, and nothing of a stop string shown.

/// What one step added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Text that is certain; may be empty.
    pub text: String,
    /// The stop string that was met, by its place in the list. Nothing follows it.
    pub stop: Option<usize>,
}

/// Joins token bytes into text.
///
/// Kept back between calls: at most three bytes of an unfinished character, and the end of the text as far as it could be the
/// beginning of a stop string.
#[derive(Debug, Clone, Default)]
pub struct TextStream {
    stops: Vec<String>,
    bytes: Vec<u8>,
    held: String,
    stopped: Option<usize>,
}

impl TextStream {
    /// A stream that ends at the first of `stops`; empty ones are ignored.
    #[must_use]
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops, ..Self::default() }
    }

    /// The bytes of the next token.
    pub fn push(&mut self, bytes: &[u8]) -> Delta {
        if self.stopped.is_some() {
            return Delta { text: String::new(), stop: self.stopped };
        }
        self.bytes.extend_from_slice(bytes);
        self.take_characters();
        if let Some((at, stop)) = self.first_stop() {
            self.held.truncate(at);
            self.bytes.clear();
            self.stopped = Some(stop);
            return Delta { text: std::mem::take(&mut self.held), stop: self.stopped };
        }
        let keep = self.possible_stop();
        let kept = self.held.split_off(self.held.len() - keep);
        Delta { text: std::mem::replace(&mut self.held, kept), stop: None }
    }

    /// The end: everything kept back, an unfinished character as U+FFFD.
    pub fn finish(&mut self) -> String {
        let mut text = std::mem::take(&mut self.held);
        text.push_str(&String::from_utf8_lossy(&std::mem::take(&mut self.bytes)));
        text
    }

    /// Moves whole characters from `bytes` to `held`; what can never become one turns into U+FFFD.
    fn take_characters(&mut self) {
        let mut done = 0;
        for chunk in self.bytes.utf8_chunks() {
            self.held.push_str(chunk.valid());
            done += chunk.valid().len();
            let rest = &self.bytes[done..];
            let unfinished = std::str::from_utf8(rest).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none());
            if chunk.invalid().is_empty() || unfinished {
                break;
            }
            self.held.push(char::REPLACEMENT_CHARACTER);
            done += chunk.invalid().len();
        }
        self.bytes.drain(..done);
    }

    fn stops(&self) -> impl Iterator<Item = (usize, &str)> {
        self.stops.iter().map(String::as_str).enumerate().filter(|(_, stop)| !stop.is_empty())
    }

    fn first_stop(&self) -> Option<(usize, usize)> {
        self.stops().filter_map(|(index, stop)| Some((self.held.find(stop)?, index))).min()
    }

    /// The length of the longest end of `held` with which a stop string begins.
    fn possible_stop(&self) -> usize {
        let end = self.held.as_bytes();
        let overlap = |stop: &str| (1..stop.len().min(end.len() + 1)).rev().find(|&n| end.ends_with(&stop.as_bytes()[..n]));
        // a cut inside a character cannot match: `held` is whole characters, and so its ends that match are
        self.stops().filter_map(|(_, stop)| overlap(stop)).max().unwrap_or(0)
    }
}
