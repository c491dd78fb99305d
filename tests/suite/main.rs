//! The one test binary of the suite: a module per subject.

mod theme;
