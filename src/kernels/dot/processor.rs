//! Which instructions the kernels use: found out once, when the program first multiplies.

use std::sync::LazyLock;

/// An instruction set that there are kernels for, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Processor {
    /// What the compiler makes of plain code for any processor of the architecture.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
}

static BEST: LazyLock<Processor> = LazyLock::new(|| Processor::here().last().copied().unwrap_or(Processor::Portable));

impl Processor {
    /// Those that run here, the plainest first.
    #[must_use]
    pub fn here() -> Vec<Self> {
        let mut found = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            found.push(Self::Avx2);
        }
        found
    }

    /// The fastest that runs here.
    #[must_use]
    pub fn best() -> Self {
        *BEST
    }
}
