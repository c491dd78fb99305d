//! Quantizing while loading: the blocks against ggml's published formulas, the errors against those of llama.cpp's quantizers, and what
//! becomes of which tensor.

use half::f16;
use ponder::error::Result;
use ponder::file::{DType, ModelFile, TensorInfo};
use ponder::kernels::level::Level;
use ponder::kernels::weight::Weight;
use ponder::memory::ledger::Ledger;
use ponder::memory::plan::{Choice, KvDtype};
use ponder::units::Bytes;

use crate::engine::tokens;
use crate::support::gguf_writer::{GgufBuilder, ggml};
use crate::support::loaded::{EXACT, FAST, load_bytes, pool, tiny};
use crate::support::tiny_llama::TinyLlama;

/// Rows of 512, as many as the values make, rounded to a type.
fn try_quantize(values: &[f32], dtype: DType, threads: usize) -> Result<Weight> {
    let builder = GgufBuilder::new().f32_tensor("w", &[values.len() as u64 / 512, 512], values);
    let (_folder, path) = crate::support::file("w.gguf", &builder.bytes());
    let file = ModelFile::open(&path).unwrap();
    Weight::read(&file, &file.tensors[0], dtype, &pool(threads), &Ledger::default(), &mut |_| true)
}

pub fn quantize(values: &[f32], dtype: DType) -> Weight {
    try_quantize(values, dtype, 2).unwrap()
}

fn dequantize(weight: &Weight) -> Vec<f32> {
    let mut values = vec![0.0; weight.rows() * weight.cols()];
    weight.dequantize(0, &mut values);
    values
}

/// Sums of three numbers from -1 to 1 by splitmix64: a bell, cut at ±3.
pub fn bell(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        f64::from((x >> 40) as u32) / f64::from(1 << 23) - 1.0
    };
    #[expect(clippy::cast_possible_truncation, reason = "weights are F32")]
    (0..len).map(|_| (next() + next() + next()) as f32).collect()
}

/// The root of the mean square error, as a share of that of the values.
fn relative_rmse(values: &[f32], rounded: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x).powi(2);
    let error: f64 = values.iter().zip(rounded).map(|(a, b)| square(a - b)).sum();
    (error / values.iter().map(|&x| square(x)).sum::<f64>()).sqrt()
}

// --- the formulas of ggml's reference (quantize_row_*_ref), written anew

fn half(x: f32) -> [u8; 2] {
    f16::from_f32(x).to_le_bytes()
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// The value that is farthest from zero, the first of several.
fn farthest(values: &[f32]) -> f32 {
    values.iter().copied().fold(0.0, |best: f32, x| if x.abs() > best.abs() { x } else { best })
}

fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)))
}

/// Low nibbles are the first 16 codes, high ones the others; of a fifth bit, bit `i` of the word is that of code `i`.
fn packed(head: &[[u8; 2]], codes: &[u8], five_bits: bool) -> Vec<u8> {
    let mut out = head.concat();
    if five_bits {
        let word = codes.iter().enumerate().fold(0_u32, |word, (i, code)| word | u32::from(code >> 4) << i);
        out.extend(word.to_le_bytes());
    }
    out.extend((0..16).map(|i| codes[i] & 15 | codes[i + 16] << 4));
    out
}

/// Codes `0..=most` around the middle, scaled so that the farthest value has code 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the formula cuts")]
fn symmetric(values: &[f32], middle: f32, five_bits: bool) -> Vec<u8> {
    let d = farthest(values) / -middle;
    let code = |x: &f32| ((x * inverse(d) + (middle + 0.5)) as u8).min(2 * middle as u8 - 1);
    packed(&[half(d)], &values.iter().map(code).collect::<Vec<_>>(), five_bits)
}

/// Codes `0..=most` from the lowest value to the highest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the formula cuts")]
fn shifted(values: &[f32], most: f32, five_bits: bool) -> Vec<u8> {
    let (low, high) = range(values);
    let d = (high - low) / most;
    let code = |x: &f32| (((x - low) * inverse(d) + 0.5) as u8).min(most as u8);
    packed(&[half(d), half(low)], &values.iter().map(code).collect::<Vec<_>>(), five_bits)
}

#[expect(clippy::cast_possible_truncation, reason = "at most 127")]
fn eight_bits(values: &[f32]) -> Vec<u8> {
    let d = farthest(values).abs() / 127.0;
    let codes = values.iter().map(|x| ((x * inverse(d)).round() as i8).to_le_bytes()[0]);
    half(d).into_iter().chain(codes).collect()
}

/// A block of 32 values as its bytes.
type Formula<'a> = &'a dyn Fn(&[f32]) -> Vec<u8>;

#[test]
fn blocks_of_32_are_those_of_the_published_formulas() {
    let mut values = bell(3, 512 * 40);
    // Blocks of nothing, of one value, of equal values of either sign, of the tiniest, and with ties between codes.
    for (block, value) in [(0, 0.0), (1, 0.25), (2, -3.0), (3, 1e-30), (4, 6e-8)] {
        values[block * 32..][..32].fill(value);
    }
    values[5 * 32..6 * 32].fill(0.0);
    values[5 * 32 + 7] = -1.0;
    for (i, x) in values[6 * 32..7 * 32].iter_mut().enumerate() {
        *x = f32::from(i16::try_from(i).unwrap() - 16) / 2.0;
    }
    let by_formula: [(DType, Formula<'_>); 5] = [
        (DType::Q4_0, &|block| symmetric(block, 8.0, false)),
        (DType::Q5_0, &|block| symmetric(block, 16.0, true)),
        (DType::Q4_1, &|block| shifted(block, 15.0, false)),
        (DType::Q5_1, &|block| shifted(block, 31.0, true)),
        (DType::Q8_0, &eight_bits),
    ];
    for (dtype, formula) in by_formula {
        let expected: Vec<Vec<u8>> = values.chunks(32).map(formula).collect();
        let weight = quantize(&values, dtype);
        let stored = weight.stored();
        let found = stored.chunks(expected[0].len());
        let wrong = found.zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!((wrong, stored.len()), (None, expected.concat().len()), "{}", dtype.name());
    }
}

#[test]
fn sixteen_bits_are_the_nearest() {
    let values = [bell(5, 1020), vec![65_504.0, -1e-7, 0.0, 1.000_5]].concat();
    let (halves, brains) = (quantize(&values, DType::F16), quantize(&values, DType::BF16));
    assert_eq!(halves.stored(), values.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect::<Vec<u8>>());
    assert_eq!(brains.stored(), values.iter().flat_map(|&x| half::bf16::from_f32(x).to_le_bytes()).collect::<Vec<u8>>());
    assert_eq!(quantize(&values, DType::F32).stored(), values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
}

// --- errors

/// The error of llama.cpp's own quantizers (`ggml_quantize_chunk` without an importance matrix, llama-cpp-python 0.3.36) on
/// `bell(7, 64 · 512)`, and how far ours may lie above it.
const BY_LLAMA_CPP: [(DType, f64, f64); 10] = [
    (DType::Q8_0, 0.004_935, 1.001),
    (DType::Q6K, 0.016_721, 1.001),
    (DType::Q5K, 0.034_318, 1.001),
    (DType::Q5_1, 0.036_113, 1.001),
    (DType::Q5_0, 0.039_319, 1.001),
    (DType::Q4K, 0.067_675, 1.001),
    (DType::Q4_1, 0.074_830, 1.001),
    (DType::Q4_0, 0.079_730, 1.001),
    (DType::Q3K, 0.144_530, 1.001),
    (DType::Q2K, 0.286_147, 1.001),
];

#[test]
fn errors_are_at_most_those_of_llama_cpp() {
    let values = bell(7, 64 * 512);
    let errors = BY_LLAMA_CPP
        .map(|(dtype, theirs, factor)| (dtype.name(), relative_rmse(&values, &dequantize(&quantize(&values, dtype))), theirs, factor));
    for (name, ours, theirs, factor) in &errors {
        assert!((0.8 * theirs..factor * theirs).contains(ours), "{name}: {ours} and {theirs}");
    }
    assert!(errors.windows(2).all(|pair| pair[0].1 < pair[1].1), "{errors:?}");
}

#[test]
fn any_magnitude_keeps_its_shape() {
    let values = bell(9, 4 * 512);
    for (dtype, _, _) in BY_LLAMA_CPP {
        let error = |factor: f32| {
            let scaled: Vec<f32> = values.iter().map(|x| x * factor).collect();
            relative_rmse(&scaled, &dequantize(&quantize(&scaled, dtype)))
        };
        let at_one = error(1.0);
        for factor in [1e-2, 1e-1, 10.0, 1000.0] {
            assert!((error(factor) / at_one - 1.0).abs() < 0.05, "{} at {factor}: {} and {at_one}", dtype.name(), error(factor));
        }
        for factor in [1e-6, 1e-9, 1e-14, 1e-20, 1e-30, 1e-42] {
            let scaled: Vec<f32> = values.iter().map(|x| x * factor).collect();
            let rounded = dequantize(&quantize(&scaled, dtype));
            assert!(rounded.iter().all(|x| x.is_finite() && x.abs() <= 10.0 * factor.max(1e-6)), "{} at {factor}", dtype.name());
        }
    }
}

#[test]
fn what_is_constant_stays_near_itself() {
    for (dtype, theirs, _) in BY_LLAMA_CPP {
        for value in [0.5_f32, -0.5, 0.0, 60_000.0] {
            let mut values = vec![value; 1024];
            values[512..].iter_mut().step_by(2).for_each(|x| *x = -value);
            let rounded = dequantize(&quantize(&values, dtype));
            let worst = values.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(f64::from(worst) <= 2.0 * theirs * f64::from(value.abs()), "{}: {value} is off by {worst}", dtype.name());
        }
    }
}

#[test]
fn what_no_type_holds_is_refused_with_the_tensors_name() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = bell(1, 1024);
        values[777] = bad;
        for dtype in [DType::Q4K, DType::Q8_0, DType::F16, DType::BF16] {
            let error = try_quantize(&values, dtype, 2).unwrap_err().to_string();
            assert!(error.contains("`w`") && error.contains("not numbers"), "{error}");
        }
    }
    let mut values = bell(1, 1024);
    values[3] = -70_000.0;
    let error = try_quantize(&values, DType::Q4K, 2).unwrap_err().to_string();
    assert!(error.contains("`w`") && error.contains("65504") && error.contains("Q4_K"), "{error}");
    assert!(try_quantize(&values, DType::BF16, 2).is_ok());
}

#[test]
fn blocks_do_not_depend_on_the_number_of_threads() {
    let values = bell(11, 600 * 512);
    for (dtype, _, _) in BY_LLAMA_CPP {
        let alone = try_quantize(&values, dtype, 1).unwrap();
        for threads in [2, 5] {
            assert!(try_quantize(&values, dtype, threads).unwrap().stored() == alone.stored(), "{}", dtype.name());
        }
    }
}

// --- which tensor becomes what

fn tensor(shape: &[u64]) -> TensorInfo {
    let elements: u64 = shape.iter().product();
    TensorInfo {
        name: "w".into(),
        shape: shape.to_vec(),
        dtype: DType::F16,
        shard: 0,
        offset: 0,
        bytes: Bytes(2 * elements),
        problem: None,
    }
}

#[test]
fn a_level_is_its_type_where_rows_allow_it() {
    for level in Level::ALL {
        assert_eq!(level.of(&tensor(&[7, 512])), level.dtype());
        assert_eq!(level.of(&tensor(&[512])), DType::F16, "norms and biases stay");
        assert_eq!(level.key().to_uppercase(), level.dtype().name());
    }
    let bits = Level::ALL.map(|level| level.dtype().bits_per_weight().unwrap());
    assert!(bits.windows(2).all(|pair| pair[0] >= pair[1]), "the most bits first");
    assert!(Level::LADDER.iter().all(|level| Level::ALL.contains(level)));
}

#[test]
fn rows_that_are_no_whole_blocks_fall_back_as_in_llama_cpp() {
    let narrow = [
        (Level::Q6K, DType::Q8_0),
        (Level::Q5K, DType::Q5_1),
        (Level::Q4K, DType::Q5_0),
        (Level::Q3K, DType::Q4_0),
        (Level::Q2K, DType::Q4_0),
        (Level::Q4_1, DType::Q4_1),
        (Level::F16, DType::F16),
    ];
    for (level, expected) in narrow {
        assert_eq!(level.of(&tensor(&[4, 576])), expected);
    }
    for level in Level::ALL {
        let expected = if matches!(level, Level::F32 | Level::BF16) { level.dtype() } else { DType::F16 };
        assert_eq!(level.of(&tensor(&[4, 40])), expected);
    }
    let mixed = [tensor(&[4, 576]), tensor(&[4, 512]), tensor(&[9]), tensor(&[8, 576])];
    assert_eq!(Level::Q4K.types(mixed.iter()), [DType::Q5_0, DType::Q4K]);
}

// --- loaded

/// Rows of 256, as K quants need.
fn wide(matrices: u32) -> TinyLlama {
    TinyLlama { n_embd: 256, n_ff: 256, n_heads: 8, n_kv_heads: 2, matrices, tied_head: false, gain: 3.0, ..TinyLlama::default() }
}

fn with(recode: Level, choice: Choice) -> Choice {
    Choice { recode: Some(recode), ..choice }
}

#[test]
fn a_level_that_the_file_has_already_changes_nothing() {
    let tokens = tokens(40);
    for (id, level) in [(ggml::F16, Level::F16), (ggml::Q4_K, Level::Q4K), (ggml::Q4_1, Level::Q4_1)] {
        for choice in [FAST, EXACT] {
            let stored = tiny(&wide(id), choice).all(&tokens);
            assert!(tiny(&wide(id), with(level, choice)).all(&tokens) == stored, "{level:?}");
        }
    }
}

#[test]
fn a_model_quantized_while_loading_is_the_file_of_that_type() {
    let tokens = tokens(40);
    // Types whose rounding the files' writer shares.
    for (id, level) in [(ggml::F16, Level::F16), (ggml::Q8_0, Level::Q8_0), (ggml::Q5_0, Level::Q5_0), (ggml::Q4_0, Level::Q4_0)] {
        for choice in [FAST, EXACT] {
            let written = tiny(&wide(id), choice).all(&tokens);
            assert!(tiny(&wide(ggml::F32), with(level, choice)).all(&tokens) == written, "{level:?}");
        }
    }
}

#[test]
fn more_bits_are_nearer_to_what_was_stored() {
    let tokens = tokens(40);
    let choice = Choice { kv: KvDtype::F32, ..EXACT };
    let stored = tiny(&wide(ggml::F32), choice).all(&tokens);
    let errors: Vec<f64> = [Level::F32, Level::F16, Level::Q8_0, Level::Q6K, Level::Q5K, Level::Q4K, Level::Q3K, Level::Q2K]
        .into_iter()
        .map(|level| relative_rmse(&stored, &tiny(&wide(ggml::F32), with(level, choice)).all(&tokens)))
        .collect();
    assert!(errors[0] == 0.0 && errors.windows(2).all(|pair| pair[0] < pair[1]), "{errors:?}");
}

#[test]
fn narrow_rows_and_packed_files_are_quantized_too() {
    let tokens = tokens(20);
    let narrow = TinyLlama { gain: 3.0, ..TinyLlama::default() };
    for level in Level::ALL {
        let from_narrow = tiny(&narrow, with(level, FAST)).all(&tokens);
        let from_packed = load_bytes(&wide(ggml::Q6_K).gguf().bytes(), with(level, FAST)).all(&tokens);
        assert!(from_narrow.iter().chain(&from_packed).all(|x| x.is_finite()), "{level:?}");
    }
}
