//! Plain loops, which compilers turn into what vector instructions an architecture always has.

use half::f16;

use super::{Group, LANES, Simd};

/// For any processor.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

type Ints = [i32; LANES];
type Floats = [f32; LANES];

#[inline(always)]
fn lanes<A: Copy, B: Copy + Default>(a: [A; LANES], f: impl Fn(A) -> B) -> [B; LANES] {
    let mut out = [B::default(); LANES];
    for (out, a) in out.iter_mut().zip(a) {
        *out = f(a);
    }
    out
}

#[inline(always)]
fn both<A: Copy + Default>(a: [A; LANES], b: [A; LANES], f: impl Fn(A, A) -> A) -> [A; LANES] {
    let mut out = [A::default(); LANES];
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(a, b);
    }
    out
}

#[inline(always)]
fn bytes(mut codes: Group, f: impl Fn(u8) -> u8) -> Group {
    for code in &mut codes {
        *code = f(*code);
    }
    codes
}

/// `sums + Σ codes · x` of one group.
#[inline(always)]
fn group(max: i32, mut sums: Ints, codes: &Group, x: [i8; 4]) -> Ints {
    let offset = if max == 255 { 128 } else { 0 };
    for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<4>().0) {
        for (&code, &x) in codes.iter().zip(&x) {
            *sum += (i32::from(code) - offset) * i32::from(x);
        }
    }
    sums
}

impl Simd for Portable {
    type Codes = Group;
    type Ints = Ints;
    type Floats = Floats;

    const TILE: usize = 4;
    const SUMS: usize = 4;
    const FUSED: bool = false;
    const EXCESS: i32 = 0;

    #[inline(always)]
    fn prefetch<T>(self, _: *const T) {}

    #[inline(always)]
    fn codes(self, group: &Group) -> Group {
        *group
    }

    #[inline(always)]
    fn store_codes(self, codes: Group, group: &mut Group) {
        *group = codes;
    }

    #[inline(always)]
    fn mask(self, codes: Group, mask: u8) -> Group {
        bytes(codes, |code| code & mask)
    }

    #[inline(always)]
    fn join(self, mut a: Group, b: Group) -> Group {
        for (a, b) in a.iter_mut().zip(b) {
            *a |= b;
        }
        a
    }

    #[inline(always)]
    fn down(self, codes: Group, places: u32) -> Group {
        bytes(codes, |code| code >> places)
    }

    #[inline(always)]
    fn up(self, codes: Group, places: u32) -> Group {
        bytes(codes, |code| code << places)
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], nibbles: Group) -> Group {
        bytes(nibbles, |nibble| table[usize::from(nibble & 15)])
    }

    #[inline(always)]
    fn products<const G: usize, const N: usize>(
        self,
        max: i32,
        mut sums: [Ints; N],
        codes: &[Group; G],
        x: [&[[i8; 4]; G]; N],
    ) -> [Ints; N] {
        for (sums, x) in sums.iter_mut().zip(x) {
            for (codes, &x) in codes.iter().zip(x) {
                *sums = group(max, *sums, codes, x);
            }
        }
        sums
    }

    #[inline(always)]
    fn scaled_products<const G: usize, const N: usize>(
        self,
        max: i32,
        mut sums: [Ints; N],
        codes: &[Group; G],
        x: [&[[i8; 4]; G]; N],
        factors: Ints,
    ) -> [Ints; N] {
        let products = self.products(max, [[0; LANES]; N], codes, x);
        for (sums, products) in sums.iter_mut().zip(products) {
            *sums = self.plus(*sums, self.times(products, factors));
        }
        sums
    }

    #[inline(always)]
    fn ints(self, value: i32) -> Ints {
        [value; LANES]
    }

    #[inline(always)]
    fn store_ints(self, x: Ints) -> [i32; LANES] {
        x
    }

    #[inline(always)]
    fn load_ints(self, values: &[i32; LANES]) -> Ints {
        *values
    }

    #[inline(always)]
    fn widened(self, bytes: &[u8; LANES]) -> Ints {
        lanes(*bytes, i32::from)
    }

    #[inline(always)]
    fn widened_signed(self, bytes: &[i8; LANES]) -> Ints {
        lanes(*bytes, i32::from)
    }

    #[inline(always)]
    fn plus(self, a: Ints, b: Ints) -> Ints {
        both(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    fn paired(self, low: Ints, high: Ints) -> Ints {
        both(low, high, |low, high| low & 0xffff | high << 16)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a half of the lane")]
    fn add_pairs(self, sums: Ints, a: Ints, b: Ints) -> Ints {
        let product = |a: i32, b: i32| i32::from(a as i16) * i32::from(b as i16) + (a >> 16) * (b >> 16);
        self.plus(sums, both(a, b, product))
    }

    #[inline(always)]
    fn times(self, a: Ints, b: Ints) -> Ints {
        both(a, b, i32::wrapping_mul)
    }

    #[inline(always)]
    fn bits(self, x: Ints, places: u32, mask: i32) -> Ints {
        lanes(x, |x| x >> places & mask)
    }

    #[inline(always)]
    fn floats(self, value: f32) -> Floats {
        [value; LANES]
    }

    #[inline(always)]
    fn halves(self, bits: &[u16; LANES]) -> Floats {
        lanes(*bits, |bits| f16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    fn brains(self, bits: &[u16; LANES]) -> Floats {
        lanes(*bits, |bits| f32::from_bits(u32::from(bits) << 16))
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> Floats {
        *values
    }

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "sums beyond 2²⁴ lose what F32 loses in any sum")]
    fn to_floats(self, x: Ints) -> Floats {
        lanes(x, |x| x as f32)
    }

    #[inline(always)]
    fn add(self, a: Floats, b: Floats) -> Floats {
        both(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn subtract(self, a: Floats, b: Floats) -> Floats {
        both(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn multiply(self, a: Floats, b: Floats) -> Floats {
        both(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn multiply_add(self, a: Floats, b: Floats, c: Floats) -> Floats {
        self.add(self.multiply(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: Floats, b: Floats) -> Floats {
        both(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn largest(self, x: Floats) -> f32 {
        let mut largest = x[0];
        for x in x {
            largest = if x > largest { x } else { largest };
        }
        largest
    }

    #[inline(always)]
    fn store(self, x: Floats) -> [f32; LANES] {
        x
    }
}
