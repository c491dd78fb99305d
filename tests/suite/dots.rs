//! The dot products of the fast path: each type against sums in F64, on blocks that are ordinary and extreme; and that a value depends
//! on nothing but its two rows.
#![expect(clippy::float_cmp, reason = "what is exact is compared exactly")]

use ponder::file::ModelFile;
use ponder::kernels::dot::{Activation as _, Processor, Rounded32, Rounded256};
use ponder::kernels::matmul::Scratch;
use ponder::kernels::weight::Weight;
use ponder::memory::ledger::Ledger;

use crate::support::gguf_writer::{GgufBuilder, ggml};
use crate::support::loaded::pool;

/// A type: its number, the weights and bytes of a block, and where a block has numbers in half precision.
struct Type {
    id: u32,
    weights: usize,
    bytes: usize,
    halves: &'static [usize],
}

const fn of(id: u32, weights: usize, bytes: usize, halves: &'static [usize]) -> Type {
    Type { id, weights, bytes, halves }
}

const QUANTIZED: [Type; 13] = [
    of(ggml::Q4_0, 32, 18, &[0]),
    of(ggml::Q4_1, 32, 20, &[0, 2]),
    of(ggml::Q5_0, 32, 22, &[0]),
    of(ggml::Q5_1, 32, 24, &[0, 2]),
    of(ggml::Q8_0, 32, 34, &[0]),
    of(ggml::Q2_K, 256, 84, &[80, 82]),
    of(ggml::Q3_K, 256, 110, &[108]),
    of(ggml::Q4_K, 256, 144, &[0, 2]),
    of(ggml::Q5_K, 256, 176, &[0, 2]),
    of(ggml::Q6_K, 256, 210, &[208]),
    of(ggml::IQ4_NL, 32, 18, &[0]),
    of(ggml::IQ4_XS, 256, 136, &[0]),
    of(ggml::MXFP4, 32, 17, &[]),
];

const FLOATS: [u32; 3] = [ggml::F32, ggml::F16, ggml::BF16];

/// splitmix64.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// Numbers from -1 to 1.
fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut next = random(seed);
    (0..len).map(|_| f32::from(u16::try_from(next() >> 48).unwrap()) / 32_768.0 - 1.0).collect()
}

fn weight(id: u32, rows: usize, cols: usize, bytes: Vec<u8>) -> Weight {
    let builder = GgufBuilder::new().tensor("w", &[rows as u64, cols as u64], id, bytes);
    let (_folder, path) = crate::support::file("w.gguf", &builder.bytes());
    let file = ModelFile::open(&path).unwrap();
    Weight::read(&file, &file.tensors[0], file.tensors[0].dtype, &pool(2), &Ledger::default(), &mut |_| true).unwrap()
}

/// Blocks of random codes and of the lowest, the highest and `0x80`, row by row; under scales that are nothing, the tiniest, less than
/// normal, ordinary, below zero, and the largest.
fn extreme(kind: &Type, rows: usize, cols: usize) -> Weight {
    weight(kind.id, rows, cols, extreme_bytes(kind, rows, cols))
}

fn extreme_bytes(kind: &Type, rows: usize, cols: usize) -> Vec<u8> {
    const SCALES: [u16; 8] = [0x2c00, 0x0000, 0x0001, 0x83ff, 0x3c00, 0xa800, 0x7bff, 0xfbff];
    let mut next = random(u64::from(kind.id));
    let mut bytes = Vec::new();
    for row in 0..rows {
        for _ in 0..cols / kind.weights {
            let start = bytes.len();
            match row % 5 {
                1 => bytes.resize(start + kind.bytes, 0x00),
                2 => bytes.resize(start + kind.bytes, 0xff),
                3 => bytes.resize(start + kind.bytes, 0x80),
                _ => bytes.extend((0..kind.bytes).map(|_| next().to_le_bytes()[7])),
            }
            if kind.id == ggml::MXFP4 {
                // Exponents instead: nothing, less than normal, ordinary, large.
                bytes[start] = [118, 0, 1, 2, 127, 120, 140, 129][row % 8];
            }
            for &at in kind.halves {
                bytes[start + at..start + at + 2].copy_from_slice(&SCALES[row % 8].to_le_bytes());
            }
        }
    }
    bytes
}

fn floats(id: u32, rows: usize, cols: usize) -> Weight {
    let values = uniform(9, rows * cols);
    let bytes: Vec<u8> = match id {
        ggml::F32 => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ggml::F16 => values.iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|&x| half::bf16::from_f32(x).to_le_bytes()).collect(),
    };
    weight(id, rows, cols, bytes)
}

/// Ordinary rows, and rows of nothing, of the largest codes, of something huge and of something tiny.
fn activations(rows: usize, cols: usize) -> Vec<f32> {
    let mut x = uniform(5, rows * cols);
    for (i, row) in x.chunks_mut(cols).enumerate() {
        match i % 7 {
            2 => row.fill(0.0),
            3 => row.iter_mut().for_each(|x| *x = x.signum()),
            4 => row.iter_mut().for_each(|x| *x *= 1e25),
            5 => row.iter_mut().for_each(|x| *x *= 1e-33),
            6 => row.iter_mut().for_each(|x| *x *= 1e-41),
            _ => row[0] = 3.0,
        }
    }
    x
}

fn multiply(weight: &Weight, processor: Processor, threads: usize, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / weight.cols() * weight.rows()];
    weight.matmul(&pool(threads), &mut Scratch::on(processor), x, &mut out);
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Rounded to 8 bits in blocks, as numbers.
fn rounded(x: &[f32], block: usize) -> Vec<f64> {
    let mut out = Vec::new();
    for x in x.chunks(block) {
        let largest = x.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
        let scale = if largest < 2_f32.powi(-119) { 0.0 } else { largest / 127.0 };
        out.extend(
            x.iter().map(|x| if scale == 0.0 { 0.0 } else { f64::from((x * (127.0 / largest)).round_ties_even()) * f64::from(scale) }),
        );
    }
    out
}

/// Compares with sums in F64. Errors are measured by what is summed at most: the largest weight times each activation; what is less than
/// normal is rounded more coarsely.
fn assert_close(weight: &Weight, x: &[f64], found: &[f32], tolerance: f64, what: &str) {
    let (rows, cols) = (weight.rows(), weight.cols());
    let mut w = vec![0.0; rows * cols];
    weight.dequantize(0, &mut w);
    for (i, x) in x.chunks(cols).enumerate() {
        for (j, w) in w.chunks(cols).enumerate() {
            let largest = w.iter().fold(0.0, |largest: f64, &w| largest.max(f64::from(w).abs()));
            let exact: f64 = w.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum();
            let most: f64 = x.iter().map(|x| x.abs() * largest).sum();
            let error = (f64::from(found[i * rows + j]) - exact).abs();
            assert!(error <= tolerance * most + 1e-36, "{what}, activations {i}, weights {j}: {} for {exact}", found[i * rows + j]);
        }
    }
}

#[test]
fn each_quantized_type_gives_the_exact_sums_of_rounded_activations_with_all_instructions_alike() {
    for kind in &QUANTIZED {
        for (blocks, rows, l) in [(1, 1, 1), (3, 7, 1), (3, 71, 2), (9, 35, 13), (2, 64, 23)] {
            let cols = blocks * kind.weights;
            let (weight, x) = (extreme(kind, rows, cols), activations(l, cols));
            let what = format!("{weight:?} x {l}");
            let plain = multiply(&weight, Processor::Portable, 1, &x);
            assert_close(&weight, &rounded(&x, kind.weights), &plain, 4e-7, &what);
            for processor in Processor::here() {
                assert_eq!(bits(&multiply(&weight, processor, 1, &x)), bits(&plain), "{what} with {processor:?}");
            }
        }
    }
}

#[test]
fn packed_weights_give_the_bytes_of_the_file_back() {
    for kind in &QUANTIZED {
        for rows in [1, 15, 16, 17, 71] {
            let bytes = extreme_bytes(kind, rows, 2 * kind.weights);
            assert_eq!(weight(kind.id, rows, 2 * kind.weights, bytes.clone()).stored(), bytes, "type {} of {rows} rows", kind.id);
        }
    }
    for id in FLOATS {
        let width = if id == ggml::F32 { 4 } else { 2 };
        let bytes: Vec<u8> = uniform(3, 33 * 7 * width).iter().map(|x| x.to_le_bytes()[2]).collect();
        assert_eq!(weight(id, 33, 7, bytes.clone()).stored(), bytes, "type {id}");
    }
}

#[test]
fn floating_point_weights_are_multiplied_with_activations_as_they_are() {
    for id in FLOATS {
        for (cols, rows, l) in [(1, 1, 1), (7, 5, 2), (64, 7, 1), (203, 37, 5), (256, 33, 12)] {
            let (weight, x) = (floats(id, rows, cols), activations(l, cols));
            let exact: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            for processor in Processor::here() {
                let found = multiply(&weight, processor, 1, &x);
                assert_close(&weight, &exact, &found, 4e-6, &format!("{weight:?} x {l} with {processor:?}"));
            }
        }
    }
}

#[test]
fn a_value_depends_neither_on_its_neighbours_nor_on_the_number_of_threads() {
    let (cols, rows, l) = (768, 101, 22);
    let all = QUANTIZED.iter().map(|kind| extreme(kind, rows, cols)).chain(FLOATS.map(|id| floats(id, rows, cols)));
    for weight in all {
        let x = activations(l, cols);
        for processor in Processor::here() {
            let together = bits(&multiply(&weight, processor, 1, &x));
            for threads in [2, 3] {
                assert_eq!(bits(&multiply(&weight, processor, threads, &x)), together, "{weight:?}, {threads} threads, {processor:?}");
            }
            for (i, x) in x.chunks(cols).enumerate() {
                let alone = bits(&multiply(&weight, processor, 2, x));
                assert_eq!(alone, together[i * rows..(i + 1) * rows], "{weight:?}, row {i} alone, {processor:?}");
            }
        }
    }
}

#[test]
fn what_is_not_a_number_stays_none_and_harms_no_other_row() {
    let (cols, rows, l) = (512, 9, 6);
    for processor in Processor::here() {
        for kind in &QUANTIZED {
            let (weight, whole) = (extreme(kind, rows, cols), activations(l, cols));
            let expected = multiply(&weight, processor, 1, &whole);
            for (at, damage) in [(0, f32::NAN), (cols - 1, f32::INFINITY), (300, f32::NEG_INFINITY)] {
                let mut x = whole.clone();
                x[cols + at] = damage;
                let found = multiply(&weight, processor, 1, &x);
                assert!(found[rows..2 * rows].iter().all(|x| x.is_nan()), "{weight:?} with {damage} at {at}, {processor:?}");
                assert_eq!(bits(&found[..rows]), bits(&expected[..rows]), "{weight:?}");
                assert_eq!(bits(&found[2 * rows..]), bits(&expected[2 * rows..]), "{weight:?}");
            }
        }
        for id in FLOATS {
            let (weight, mut x) = (floats(id, rows, cols), activations(l, cols));
            x[cols + 3] = f32::NAN;
            let found = multiply(&weight, processor, 1, &x);
            assert!(found[rows..2 * rows].iter().all(|x| x.is_nan()) && found[..rows].iter().all(|x| x.is_finite()), "{weight:?}");
        }
    }
}

#[test]
fn rounding_takes_the_nearest_of_127_steps_and_ties_to_even_with_all_instructions() {
    let mut x: Vec<f32> = (0..256_i16).map(|i| f32::from(i - 127) / 2.0).collect();
    x[255] = -127.0;
    let many = activations(7, 512);
    for processor in Processor::here() {
        let mut blocks = [Rounded256::default(); 1];
        Rounded256::round(processor, &x, &mut blocks);
        assert_eq!(blocks[0].scale, 1.0);
        for (i, (&code, x)) in blocks[0].codes.iter().zip(&x).enumerate() {
            assert_eq!(f32::from(code), x.round_ties_even(), "{i}");
        }
        let mut both = [vec![Rounded32::default(); many.len() / 32], vec![Rounded32::default(); many.len() / 32]];
        Rounded32::round(processor, &many, &mut both[0]);
        Rounded32::round(Processor::Portable, &many, &mut both[1]);
        for (here, plain) in both[0].iter().zip(&both[1]) {
            assert_eq!((here.scale.to_bits(), here.sum, here.codes), (plain.scale.to_bits(), plain.sum, plain.codes));
            assert_eq!(here.sum, here.codes.iter().map(|&code| i32::from(code)).sum::<i32>());
            assert!(here.codes.iter().all(|&code| code != i8::MIN));
        }
    }
}
