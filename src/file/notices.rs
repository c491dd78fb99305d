//! What a reader has to say about a file that it could read: warnings, and reasons not to run it. Bounded, however much is wrong.

use crate::file::{TensorInfo, limits};
use crate::units::grouped;

/// Collects what is odd about a file while it is read.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    warnings: Vec<String>,
    untold: u64,
    blockers: Vec<String>,
    told_problems: usize,
}

impl Notices {
    /// Something a person should know.
    pub(crate) fn warn(&mut self, text: impl FnOnce() -> String) {
        if self.warnings.len() < limits::WARNINGS {
            self.warnings.push(text());
        } else {
            self.untold += 1;
        }
    }

    /// A reason not to run the model, which is also a warning.
    pub(crate) fn block(&mut self, text: impl FnOnce() -> String) {
        if self.blockers.len() < limits::WARNINGS {
            let text = text();
            self.blockers.push(text.clone());
            self.warn(|| text);
        } else {
            self.untold += 1;
        }
    }

    /// Why a tensor's data can't be read: in full for the first, in short for the many after them.
    pub(crate) fn problem(&mut self, tensor: &mut TensorInfo, short: &'static str, full: impl FnOnce() -> String) {
        if tensor.problem.is_some() {
            return;
        }
        self.told_problems += 1;
        tensor.problem = Some(if self.told_problems <= limits::TOLD_PROBLEMS { full() } else { short.to_owned() });
    }

    /// The warnings and the reasons not to run.
    pub(crate) fn told(self) -> (Vec<String>, Vec<String>) {
        let mut warnings = self.warnings;
        if self.untold > 0 {
            warnings.push(format!("{} more warnings like these", grouped(self.untold)));
        }
        (warnings, self.blockers)
    }
}
