//! Sixteen lanes, a row of weights in each: the few operations that products of packed weights are made of.
//!
//! A kernel is written once over [`Simd`] and compiled for each instruction set. The value that a kernel computes with is the proof that
//! its instructions are there, so it can only be had where they were found. Integers are exact and floating-point operations are the
//! same ones in the same order everywhere, so all instruction sets give the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use portable::Portable;

/// Rows of weights that are multiplied together.
pub const LANES: usize = 16;

/// Four neighbouring codes of each row.
pub type Group = [u8; 4 * LANES];

/// Operations on sixteen lanes.
///
/// Implementations are inlined into what is compiled for their instructions (as by [`for_each_simd`]).
pub trait Simd: Copy {
    /// A [`Group`].
    type Codes: Copy;
    /// Integers of 32 bits.
    type Ints: Copy;
    /// F32.
    type Floats: Copy;

    /// Rows of activations that are multiplied at a time: 8 or 4.
    const TILE: usize;
    /// Floats that stay in registers as running sums, beside what is added to them.
    const SUMS: usize;
    /// Whether [`Simd::multiply_add`] rounds once.
    const FUSED: bool;
    /// What codes that reach 255 are taken for beyond what they stand for, which is 128 less than they are.
    const EXCESS: i32;

    /// Asks for what will be read soon; any address will do.
    fn prefetch<T>(self, at: *const T);
    /// The codes, or what they are made from.
    fn codes(self, group: &Group) -> Self::Codes;
    /// Writes codes that can be loaded again.
    fn store_codes(self, codes: Self::Codes, group: &mut Group);
    /// The bits of each byte that `mask` has.
    fn mask(self, codes: Self::Codes, mask: u8) -> Self::Codes;
    /// Bits of both.
    fn join(self, a: Self::Codes, b: Self::Codes) -> Self::Codes;
    /// Each byte's bits moved down, for at most seven places; what comes from a neighbour must be masked away.
    fn down(self, codes: Self::Codes, places: u32) -> Self::Codes;
    /// The same up.
    fn up(self, codes: Self::Codes, places: u32) -> Self::Codes;

    /// What a table has at the places that nibbles say; the upper halves of their bytes are zero.
    fn look_up(self, table: &[u8; 16], nibbles: Self::Codes) -> Self::Codes;

    /// `sums[n] + Σ codes · x[n]`, for `G` groups of codes and as many groups of four activations. `max` is the largest code; codes that
    /// reach 255 stand for signed numbers and are taken for these and [`Simd::EXCESS`].
    fn products<const G: usize, const N: usize>(
        self,
        max: i32,
        sums: [Self::Ints; N],
        codes: &[Self::Codes; G],
        x: [&[[i8; 4]; G]; N],
    ) -> [Self::Ints; N];
    /// The same with the products of each row multiplied by its factor, of at most 16 bits.
    fn scaled_products<const G: usize, const N: usize>(
        self,
        max: i32,
        sums: [Self::Ints; N],
        codes: &[Self::Codes; G],
        x: [&[[i8; 4]; G]; N],
        factors: Self::Ints,
    ) -> [Self::Ints; N];

    /// The same number in all lanes.
    fn ints(self, value: i32) -> Self::Ints;
    /// The lanes, in order.
    fn store_ints(self, x: Self::Ints) -> [i32; LANES];
    /// Integers.
    fn load_ints(self, values: &[i32; LANES]) -> Self::Ints;
    /// Bytes, without sign.
    fn widened(self, bytes: &[u8; LANES]) -> Self::Ints;
    /// Bytes, with sign.
    fn widened_signed(self, bytes: &[i8; LANES]) -> Self::Ints;
    /// `a + b`
    fn plus(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Two numbers of 16 bits in each lane: the low halves of both.
    fn paired(self, low: Self::Ints, high: Self::Ints) -> Self::Ints;
    /// `sums + a₀ · b₀ + a₁ · b₁` of such pairs.
    fn add_pairs(self, sums: Self::Ints, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// `a · b`
    fn times(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Bits moved down by `places`, and of these those that `mask` has.
    fn bits(self, x: Self::Ints, places: u32, mask: i32) -> Self::Ints;

    /// The same number in all lanes.
    fn floats(self, value: f32) -> Self::Floats;
    /// Half-precision numbers.
    fn halves(self, bits: &[u16; LANES]) -> Self::Floats;
    /// `bf16`, which are the upper halves of F32.
    fn brains(self, bits: &[u16; LANES]) -> Self::Floats;
    /// F32.
    fn load(self, values: &[f32; LANES]) -> Self::Floats;
    /// Integers, rounded to F32.
    fn to_floats(self, x: Self::Ints) -> Self::Floats;
    /// `a + b`
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a − b`
    fn subtract(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b`
    fn multiply(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b + c`: rounded once where the instruction for it is there, twice elsewhere.
    fn multiply_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// The larger of both; either one where one is no number.
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The largest lane; any where one is no number.
    fn largest(self, x: Self::Floats) -> f32;
    /// The lanes, in order.
    fn store(self, x: Self::Floats) -> [f32; LANES];
}

/// A function that takes a [`Processor`](crate::kernels::processor::Processor) and is the body, compiled for it. The body takes a
/// [`Simd`] before the other arguments.
macro_rules! for_each_simd {
    ($(#[$attribute:meta])* $visible:vis fn $name:ident $(<$kind:ident: $bound:path>)? ($($argument:ident: $type:ty),* $(,)?) by $body:ident) => {
        $(#[$attribute])*
        $visible fn $name $(<$kind: $bound>)? (processor: $crate::kernels::processor::Processor, $($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::kernels::dot::simd::{Avx2, Avx512};
                #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
                fn avx512 $(<$kind: $bound>)? (s: Avx512, $($argument: $type),*) {
                    $body::<_ $(, $kind)?>(s, $($argument),*);
                }
                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2 $(<$kind: $bound>)? (s: Avx2, $($argument: $type),*) {
                    $body::<_ $(, $kind)?>(s, $($argument),*);
                }
                if let Some(s) = Avx512::found(processor) {
                    // SAFETY: the processor has what the function is compiled for.
                    return unsafe { avx512 $(::<$kind>)? (s, $($argument),*) };
                }
                if let Some(s) = Avx2::found(processor) {
                    // SAFETY: as above.
                    return unsafe { avx2 $(::<$kind>)? (s, $($argument),*) };
                }
            }
            let _ = processor;
            $body::<_ $(, $kind)?>($crate::kernels::dot::simd::Portable, $($argument),*);
        }
    };
}
pub(in crate::kernels) use for_each_simd;
