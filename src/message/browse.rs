//! What is asked and told while a person looks at tensors.
//!
//! A look is at a matrix: a slice of a tensor, the scales of its blocks, or what two tensors differ by. A newer order of a kind stops
//! the one before it, because nobody looks at that any more.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::inspect::Model;
use crate::inspect::diff::{Distance, Pair};
use crate::inspect::neighbours::Neighbour;
use crate::inspect::pyramid::{Picture, Tile, TileKey};
use crate::inspect::stats::Stats;
use crate::kernels::dequantize::anatomy::BlockParts;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The file that is open.
    pub model: Arc<Model>,
    /// What of it.
    pub what: What,
    /// The order in which its rows are drawn, where it is not their own.
    pub rows: Option<Arc<[u32]>>,
    /// The same for columns.
    pub cols: Option<Arc<[u32]>>,
}

/// A matrix.
#[derive(Debug, Clone)]
pub enum What {
    /// The values of a tensor.
    Values {
        /// Its place in the file's list.
        tensor: usize,
        /// Which of its matrices, where it has more than two dimensions.
        slice: usize,
    },
    /// The scales of its blocks.
    Scales {
        /// Its place in the file's list.
        tensor: usize,
    },
    /// What is left of a tensor when that of the other file is taken away.
    Difference {
        /// The other file.
        other: Arc<Model>,
        /// Both tensors.
        pair: Pair,
    },
}

impl What {
    /// The tensor of the open file.
    #[must_use]
    pub fn tensor(&self) -> Option<usize> {
        match self {
            Self::Values { tensor, .. } | Self::Scales { tensor } => Some(*tensor),
            Self::Difference { pair, .. } => pair.a,
        }
    }
}

/// What can be ordered. Those of one [`Kind`] stop each other.
#[derive(Debug)]
pub enum Browse {
    /// Draw a matrix, coarse at first, then count all its values.
    Look {
        /// What is looked at.
        subject: Subject,
        /// Whether its statistics are wanted too.
        statistics: bool,
    },
    /// Draw some tiles exactly.
    Tiles {
        /// What is looked at.
        subject: Subject,
        /// The tiles, those wanted most first.
        keys: Vec<TileKey>,
    },
    /// Take the block apart that holds a value.
    Block {
        /// What is looked at; only values have blocks.
        subject: Subject,
        /// Its row and column.
        at: [usize; 2],
    },
    /// Count all tensors that are not in `known`.
    Survey {
        /// The file.
        model: Arc<Model>,
        /// The tensors to be counted, in this order.
        tensors: Vec<usize>,
    },
    /// Find the rows that are most like one.
    Neighbours {
        /// The table.
        subject: Subject,
        /// The row, or the token whose row it is.
        of: RowOf,
    },
    /// Compare all tensors of two files.
    Compare {
        /// The file that is open.
        model: Arc<Model>,
        /// The other one.
        path: PathBuf,
    },
}

/// A row of a table of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOf {
    /// By its number.
    Row(usize),
    /// By the first token of a text.
    Text(String),
}

/// Orders of a kind stop each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Picture and statistics.
    Look,
    /// Tiles.
    Tiles,
    /// A block.
    Block,
    /// All tensors.
    Survey,
    /// Rows like a row.
    Neighbours,
    /// Two files.
    Compare,
}

impl Browse {
    /// See [`Kind`].
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Look { .. } => Kind::Look,
            Self::Tiles { .. } => Kind::Tiles,
            Self::Block { .. } => Kind::Block,
            Self::Survey { .. } => Kind::Survey,
            Self::Neighbours { .. } => Kind::Neighbours,
            Self::Compare { .. } => Kind::Compare,
        }
    }
}

/// How it moves on.
#[derive(Debug, Clone)]
pub enum Seen {
    /// The picture so far.
    Picture(Arc<Picture>),
    /// The statistics so far, and which share of the values they are of.
    Stats(Arc<Stats>, f64),
    /// A tile.
    Tile(Arc<Tile>),
    /// A tensor was counted.
    Counted {
        /// Which.
        tensor: usize,
        /// What was found, or why not.
        stats: Result<Arc<Stats>, Error>,
        /// Which share of the survey is done.
        share: f64,
    },
    /// The other file was opened, and these tensors belong together.
    Paired {
        /// The other file.
        other: Arc<Model>,
        /// The pairs, in the order of the open file.
        pairs: Arc<[Pair]>,
    },
    /// A pair was compared.
    Compared {
        /// Its place among the pairs.
        pair: usize,
        /// What was found, or why not.
        distance: Result<Distance, Error>,
        /// Which share of the bytes is done.
        share: f64,
    },
}

/// How it ends.
#[derive(Debug, Clone)]
pub enum Found {
    /// It was drawn and counted.
    Looked,
    /// What the steps told was all.
    All,
    /// A block.
    Block(Arc<Block>),
    /// The rows that are most like one.
    Neighbours(Arc<Neighbours>),
}

/// A block with what is asked about.
#[derive(Debug, Clone)]
pub struct Block {
    /// Row and column of the value that was asked for.
    pub at: [usize; 2],
    /// The place of that value in the block.
    pub index: usize,
    /// The column of the block's first value.
    pub first: usize,
    /// The block's first byte, absolute in its file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they mean.
    pub parts: BlockParts,
    /// The bits that belong to the value alone, as byte and mask: found by turning each over and looking which values change.
    pub bits: Vec<(usize, u8)>,
}

/// Rows that are like a row.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// The row.
    pub row: usize,
    /// Its token, as it is written, where rows are tokens.
    pub token: Option<String>,
    /// The rows most like it, and their tokens.
    pub rows: Vec<(Neighbour, Option<String>)>,
}
