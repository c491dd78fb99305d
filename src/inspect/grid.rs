//! All tensors of a model by layer and role, and the one number of each that a grid is coloured by.

use std::collections::BTreeMap;

use crate::file::TensorInfo;
use crate::inspect::Model;
use crate::inspect::roles::{self, Role};
use crate::inspect::stats::{Depth, Stats};

/// A number that a tensor is known by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Bits that a weight takes in the file: known without reading.
    #[default]
    BitsPerWeight,
    /// The standard deviation.
    Std,
    /// The largest magnitude.
    AbsMax,
    /// The excess kurtosis.
    Kurtosis,
    /// The share of values beyond six standard deviations.
    OutlierShare,
    /// The share of zeros.
    Sparsity,
}

impl Measure {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] = [Self::BitsPerWeight, Self::Std, Self::AbsMax, Self::Kurtosis, Self::OutlierShare, Self::Sparsity];

    /// Its name, as a screen has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BitsPerWeight => "bits per weight",
            Self::Std => "standard deviation",
            Self::AbsMax => "largest magnitude",
            Self::Kurtosis => "kurtosis",
            Self::OutlierShare => "outliers",
            Self::Sparsity => "zeros",
        }
    }

    /// Which statistics it needs; `None` where it needs none.
    #[must_use]
    pub const fn depth(self) -> Option<Depth> {
        match self {
            Self::BitsPerWeight => None,
            Self::Std | Self::AbsMax | Self::Kurtosis | Self::Sparsity => Some(Depth::Moments),
            Self::OutlierShare => Some(Depth::Full),
        }
    }

    /// The number of a tensor, given its statistics if they are there.
    #[must_use]
    pub fn of(self, tensor: &TensorInfo, stats: Option<&Stats>) -> Option<f64> {
        match self {
            Self::BitsPerWeight => tensor.dtype.bits_per_weight(),
            Self::Std => stats?.std(),
            Self::AbsMax => stats?.abs_max(),
            Self::Kurtosis => stats?.kurtosis(),
            Self::OutlierShare => stats?.outlier_share(),
            Self::Sparsity => stats?.sparsity(),
        }
    }

    /// One number for several tensors, from each one's number and elements: the largest magnitude of all, of everything else the mean over
    /// their elements.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub fn of_several(self, each: impl IntoIterator<Item = (f64, u64)>) -> Option<f64> {
        let each = each.into_iter();
        if self == Self::AbsMax {
            return each.map(|(x, _)| x).reduce(f64::max);
        }
        let (sum, n) = each.fold((0.0, 0.0), |(sum, n), (x, elements)| (sum + x * elements as f64, n + elements as f64));
        (n > 0.0).then(|| sum / n)
    }
}

/// A cell of the grid: the tensors of one role in one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The layer; `None` for tensors outside of layers.
    pub layer: Option<usize>,
    /// What they are for.
    pub role: Role,
    /// Their positions in the file's list.
    pub tensors: Vec<usize>,
}

/// The cells of a model that have tensors: those outside of layers first, then layer by layer, in the order of the roles.
#[must_use]
pub fn cells(model: &Model) -> Vec<Cell> {
    let mut cells: BTreeMap<(Option<usize>, Role), Vec<usize>> = BTreeMap::new();
    for (n, (tensor, &role)) in model.file.tensors.iter().zip(&model.roles).enumerate() {
        cells.entry((roles::layer(&tensor.name), role)).or_default().push(n);
    }
    cells.into_iter().map(|((layer, role), tensors)| Cell { layer, role, tensors }).collect()
}

/// All tensors that have values, in the order in which a grid fills best: small ones first.
#[must_use]
pub fn filling_order(model: &Model) -> Vec<usize> {
    let tensors = &model.file.tensors;
    let with_values = |n: &usize| tensors[*n].problem.is_none() && crate::kernels::dequantize::can(tensors[*n].dtype);
    let mut order: Vec<usize> = (0..tensors.len()).filter(with_values).collect();
    order.sort_by_key(|&n| (tensors[n].bytes, n));
    order
}
