//! What is asked and told when a mix is held against its reference tensor by tensor, or written as a file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::file::DType;
use crate::inspect::Model;
use crate::lab::candidate::Candidate;
use crate::lab::distortion::Distortion;
use crate::units::Bytes;

/// What can be ordered. Make lane; it yields to the engine while that answers.
#[derive(Debug, Clone)]
pub enum Make {
    /// Measure how far each tensor is moved. A newer one stops the one before.
    Distort {
        /// What it is held against.
        reference: Arc<Model>,
        /// Another file, or the reference made into something else.
        candidate: Arc<Candidate>,
    },
    /// Find out how much room there is on the disk that holds this folder.
    Room(PathBuf),
    /// Write a candidate as a file.
    Write {
        /// What is written: a model and its mix.
        candidate: Arc<Candidate>,
        /// Where.
        path: PathBuf,
        /// Whether a file that is there may be replaced.
        replace: bool,
    },
}

/// How it moves on.
#[derive(Debug, Clone)]
pub enum Making {
    /// More tensors were measured.
    Distorted {
        /// Those that are new.
        tensors: Vec<Distortion>,
        /// The share of the bytes that is done.
        share: f64,
    },
    /// A file is being written.
    Writing(Writing),
}

/// How far a file is.
#[derive(Debug, Clone, PartialEq)]
pub struct Writing {
    /// The tensor that is being written.
    pub tensor: String,
    /// What it is and what it becomes.
    pub types: [DType; 2],
    /// Its place among them, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// Bytes of the source that are done.
    pub done: Bytes,
    /// Bytes of the source in all.
    pub total: Bytes,
}

/// How it ends.
#[derive(Debug, Clone)]
pub enum Made {
    /// Every tensor was measured.
    Distorted,
    /// The room in a folder, where it can be told.
    Room(PathBuf, Option<Bytes>),
    /// The file is there.
    Written {
        /// Where.
        path: PathBuf,
        /// Its size.
        bytes: Bytes,
    },
}
