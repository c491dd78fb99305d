//! Which instructions the kernels use: found out once, when the program first computes.
//!
//! A kernel here is written once, as plain loops that compilers turn into vector code, and compiled for each instruction set
//! ([`for_each_processor`]); nothing in it depends on the order in which lanes are added.

use std::sync::LazyLock;

/// An instruction set that there are kernels for, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Processor {
    /// What the compiler makes of plain code for any processor of the architecture.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// These and AVX-512 with byte operations and VNNI.
    Avx512,
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
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                found.push(Self::Avx512);
            }
        }
        found
    }

    /// The fastest that runs here.
    #[must_use]
    pub fn best() -> Self {
        *BEST
    }
}

/// `a · b + c`: rounded once where the instruction for it is there, twice elsewhere.
#[expect(clippy::inline_always, reason = "it is compiled for the instructions of its caller")]
#[inline(always)]
pub(super) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// A function that takes a [`Processor`] and is the body, compiled for it. The body takes `const FUSED: bool`, whether the processor
/// multiplies and adds in one.
macro_rules! for_each_processor {
    ($(#[$attribute:meta])* $visible:vis fn $name:ident $(<$kind:ident: $bound:path>)? ($($argument:ident: $type:ty),* $(,)?) by $body:ident) => {
        $(#[$attribute])*
        $visible fn $name $(<$kind: $bound>)? (processor: $crate::kernels::processor::Processor, $($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            if processor >= $crate::kernels::processor::Processor::Avx2 {
                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2 $(<$kind: $bound>)? ($($argument: $type),*) {
                    $body::<$($kind,)? true>($($argument),*);
                }
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { avx2 $(::<$kind>)? ($($argument),*) };
            }
            let _ = processor;
            $body::<$($kind,)? false>($($argument),*);
        }
    };
}
pub(super) use for_each_processor;
