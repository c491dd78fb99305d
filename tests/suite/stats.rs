//! Statistics over all values, reading in windows, and work that gives way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ponder::error::{Error, Result};
use ponder::file::{DType, ModelFile};
use ponder::inspect::Model;
use ponder::inspect::grid::{self, Measure};
use ponder::inspect::roles::Role;
use ponder::inspect::stats::{self, Depth, Histogram, Key, Stats};
use ponder::inspect::values::{self, ScaleValues, Sorted, TensorValues, Values};
use ponder::inspect::{neighbours, npy, table};
use ponder::kernels::courtesy::{Background, Courtesy};
use ponder::kernels::dequantize;
use ponder::kernels::pool::Pool;

use crate::support::file;
use crate::support::gguf_writer::{GgufBuilder, ggml};

/// A matrix in memory.
pub struct Memory {
    pub rows: usize,
    pub cols: usize,
    pub values: Vec<f32>,
}

impl Values for Memory {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn read(&self, rows: std::ops::Range<usize>, cols: std::ops::Range<usize>, out: &mut [f32]) -> Result<()> {
        for (row, out) in rows.zip(out.chunks_exact_mut(cols.len().max(1))) {
            out.copy_from_slice(&self.values[row * self.cols..][cols.clone()]);
        }
        Ok(())
    }
}

/// Works with so many threads for somebody who wants it all.
pub fn with_background<T>(threads: usize, work: impl FnOnce(&Background<'_>) -> T) -> T {
    let pool = Pool::new(threads).unwrap();
    work(&Background { pool: &pool, courtesy: &Courtesy::default(), go_on: &|| true })
}

fn full(values: &dyn Values, threads: usize) -> Stats {
    with_background(threads, |background| stats::of(values, Depth::Full, background, &mut |_, _| ()).unwrap())
}

/// What `tests/oracle/stats_reference.py` writes.
struct Reference {
    shape: [usize; 2],
    moments: [f64; 6],
    quantiles: [f64; 7],
    edges: [f64; 6],
    counts: &'static [(usize, u64)],
    weighted_counts: u64,
    rows: [f64; 4],
    cols: [f64; 4],
}

#[expect(clippy::unreadable_literal, reason = "written by a script")]
const REFERENCE: Reference = include!("stats_reference.in");

/// The sequence that the script makes too.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "rounded as numpy rounds")]
fn sequence(count: u64) -> Vec<f32> {
    let value = |n: u64| {
        let x = (n.wrapping_mul(2_654_435_761) as u32) as f32 * 2.0_f32.powi(-31) - 1.0;
        if n.is_multiple_of(997) { 40.0 * x } else { x * x * x + 0.25 * x }
    };
    (0..count).map(value).collect()
}

#[track_caller]
fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} instead of {expected}");
}

#[test]
fn statistics_are_those_of_numpy() {
    let [rows, cols] = REFERENCE.shape;
    let values = Memory { rows, cols, values: sequence((rows * cols) as u64) };
    let stats = full(&values, 2);
    let [min, max, mean, std, skewness, kurtosis] = REFERENCE.moments;
    near("min", stats.min().unwrap(), min, 0.0);
    near("max", stats.max().unwrap(), max, 0.0);
    near("mean", stats.mean().unwrap(), mean, 1e-15);
    near("std", stats.std().unwrap(), std, 1e-13);
    near("skewness", stats.skewness().unwrap(), skewness, 1e-11);
    near("kurtosis", stats.kurtosis().unwrap(), kurtosis, 1e-9);
    let histogram = stats.histogram.as_ref().unwrap();
    let edges = histogram.edges();
    for (n, expected) in [0, 1, 2047, 2048, 4095, 4096].into_iter().zip(REFERENCE.edges) {
        near("edge", edges[n].into(), expected, 0.0);
    }
    for &(bin, count) in REFERENCE.counts {
        assert_eq!(histogram.counts[bin], count, "bin {bin}");
    }
    assert_eq!(histogram.counts.iter().sum::<u64>(), stats.count);
    let weighted: u64 = histogram.counts.iter().zip(1..).map(|(count, n)| count * n).sum();
    assert_eq!(weighted, REFERENCE.weighted_counts);
    let bin = (max - min) / 4096.0;
    for (share, expected) in [0.001, 0.01, 0.05, 0.5, 0.95, 0.99, 0.999].into_iter().zip(REFERENCE.quantiles) {
        near("quantile", stats.quantile(share).unwrap(), expected, bin);
    }
    for (n, expected) in [0, 1, 150, 300].into_iter().zip(REFERENCE.rows) {
        near("row norm", stats.row_norms[n].into(), expected, 1e-5);
    }
    for (n, expected) in [0, 1, 400, 776].into_iter().zip(REFERENCE.cols) {
        near("column norm", stats.col_norms[n].into(), expected, 1e-5);
    }
}

#[test]
fn threads_and_courtesy_change_nothing_in_the_result() {
    let values = Memory { rows: 1000, cols: 1500, values: sequence(1_500_000) };
    let one = full(&values, 1);
    assert_eq!(one, full(&values, 3));
    let pool = Pool::new(2).unwrap();
    let courtesy = Courtesy::default();
    let busy = courtesy.busy();
    let background = Background { pool: &pool, courtesy: &courtesy, go_on: &|| true };
    assert_eq!(one, stats::of(&values, Depth::Full, &background, &mut |_, _| ()).unwrap(), "slowly, but all the same");
    drop(busy);
    assert!(!courtesy.is_busy());
}

#[test]
fn values_that_are_not_finite_are_counted_and_in_nothing_else() {
    let mut numbers = sequence(10_000);
    let plain = full(&Memory { rows: 100, cols: 100, values: numbers.clone() }, 1);
    for (n, odd) in [(5, f32::NAN), (77, f32::INFINITY), (9_999, f32::NEG_INFINITY), (5_000, f32::NAN)] {
        numbers[n] = odd;
    }
    numbers[100] = 0.0;
    numbers[101] = -0.0;
    let stats = full(&Memory { rows: 100, cols: 100, values: numbers }, 1);
    assert_eq!((stats.moments.nan, stats.moments.inf, stats.moments.zeros, stats.count), (2, 2, 2, 10_000));
    assert_eq!(stats.moments.count, 9_996);
    near("std", stats.std().unwrap(), plain.std().unwrap(), 1e-2);
    assert_eq!(stats.histogram.unwrap().counts.iter().sum::<u64>(), 9_996);
    assert!(stats.row_norms.iter().chain(&stats.col_norms).all(|norm| norm.is_finite()));
    let nothing = full(&Memory { rows: 1, cols: 3, values: vec![f32::NAN; 3] }, 1);
    assert_eq!((nothing.min(), nothing.std(), nothing.quantile(0.5)), (None, None, None));
}

#[test]
fn equal_values_and_wide_ranges_have_histograms() {
    let same = full(&Memory { rows: 1, cols: 50, values: vec![3.0; 50] }, 1);
    let histogram = same.histogram.as_ref().unwrap();
    assert_eq!((histogram.edges()[0], histogram.edges()[4096], histogram.counts[2048]), (2.5, 3.5, 50), "as numpy has it");
    assert_eq!((same.std(), same.kurtosis(), same.quantile(0.5)), (Some(0.0), None, Some(3.0)));
    let wide = full(&Memory { rows: 1, cols: 3, values: vec![f32::MIN, 0.0, f32::MAX] }, 1);
    let counts = wide.histogram.unwrap().counts;
    assert_eq!((counts[0], counts[2048], counts[4095]), (1, 1, 1));
    let tiny = full(&Memory { rows: 1, cols: 2, values: vec![1e-45, 3e-45] }, 1);
    assert_eq!(tiny.histogram.unwrap().counts.iter().sum::<u64>(), 2);
}

#[test]
fn magnitudes_are_counted_four_to_the_octave() {
    let stats = full(&Memory { rows: 1, cols: 6, values: vec![1.0, -1.0, 1.24, 1.25, 2.0, 0.0] }, 1);
    let magnitudes = stats.histogram.unwrap().magnitudes;
    let bin = |x: f32| (x.to_bits() >> 21) as usize;
    assert_eq!((magnitudes[bin(1.0)], magnitudes[bin(1.25)], magnitudes[bin(2.0)], magnitudes.iter().sum()), (3, 1, 1, 5));
    assert_eq!((Histogram::magnitude_edge(bin(1.0)), Histogram::magnitude_edge(bin(1.0) + 1)), (1.0, 1.25));
}

#[test]
fn rows_and_columns_that_stand_out_are_listed() {
    let mut numbers = sequence(200 * 64);
    for x in &mut numbers {
        *x = x.clamp(-1.0, 1.0);
    }
    numbers[70 * 64..71 * 64].fill(9.0);
    numbers.iter_mut().skip(7).step_by(64).for_each(|x| *x = -20.0);
    let stats = full(&Memory { rows: 200, cols: 64, values: numbers }, 1);
    assert_eq!((stats.outlier_rows()[0].index, stats.outlier_cols()[0].index), (70, 7));
    assert_eq!((stats::by_norm(&stats.row_norms)[0], stats::by_norm(&stats.col_norms)[0]), (70, 7));
}

#[test]
fn a_pass_that_nobody_wants_any_more_ends() {
    let values = Memory { rows: 4000, cols: 1000, values: vec![1.0; 4_000_000] };
    let pool = Pool::new(2).unwrap();
    let asked = AtomicUsize::new(0);
    let go_on = || asked.fetch_add(1, Ordering::Relaxed) < 1;
    let background = Background { pool: &pool, courtesy: &Courtesy::default(), go_on: &go_on };
    let mut last = 0.0;
    let result = stats::of(&values, Depth::Full, &background, &mut |share, _| last = share);
    assert_eq!(result.unwrap_err(), Error::Cancelled);
    assert!(last < 1.0, "{last}");
}

#[test]
fn work_beside_an_answer_is_done_a_piece_at_a_time_by_the_caller() {
    let pool = Pool::new(4).unwrap();
    let courtesy = Courtesy::default();
    let background = Background { pool: &pool, courtesy: &courtesy, go_on: &|| true };
    let caller = std::thread::current().id();
    let _busy = courtesy.busy();
    let mut order = Vec::new();
    let work = |i: usize| {
        assert_eq!(std::thread::current().id(), caller);
        std::thread::sleep(Duration::from_micros(100));
        Ok(i)
    };
    let fold = |i: usize, n: usize| {
        order.push((i, n));
        Ok(())
    };
    background.map(5, work, fold).unwrap();
    assert_eq!(order, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
}

// --- reading in windows

fn q4_0_file() -> (tempfile::TempDir, Vec<f32>, ModelFile) {
    let blocks: Vec<u8> =
        (0..12 * 3_u8).flat_map(|n| [n, 0x2c].into_iter().chain((0..16).map(move |i| n.wrapping_mul(37) ^ (i * 17)))).collect();
    let mut values = vec![0.0; 12 * 96];
    dequantize::dequantize(DType::Q4_0, &blocks, &mut values);
    let builder = GgufBuilder::new().tensor("t", &[2, 6, 96], ggml::Q4_0, blocks).f32_tensor("v", &[5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
    let (folder, path) = file("m.gguf", &builder.bytes());
    let model = ModelFile::open(&path).unwrap();
    (folder, values, model)
}

#[test]
fn any_window_of_a_quantized_tensor_is_exact() {
    let (_folder, all, model) = q4_0_file();
    let values = TensorValues::new(&model, model.tensor("t").unwrap()).unwrap();
    assert_eq!((values.rows(), values.cols(), values::n_slices(&[2, 6, 96])), (12, 96, 2));
    for rows in [0..12, 3..4, 5..9] {
        for cols in [0..96, 0..1, 31..33, 40..60, 64..96, 95..96, 10..10] {
            let mut window = vec![f32::NAN; rows.len() * cols.len()];
            values.read(rows.clone(), cols.clone(), &mut window).unwrap();
            let expected: Vec<f32> = rows.clone().flat_map(|row| &all[row * 96..][cols.clone()]).copied().collect();
            assert_eq!(window, expected, "{rows:?} {cols:?}");
        }
    }
    let slice = values.slice(1);
    let mut row = vec![0.0; 96];
    slice.read(2..3, 0..96, &mut row).unwrap();
    assert_eq!((slice.rows(), &row[..]), (6, &all[8 * 96..9 * 96]));
    let (block, place) = slice.block_at(2, 40).unwrap();
    assert_eq!((block.len(), place, block[0]), (18, 8, 25));
    assert!(values.read(0..13, 0..96, &mut vec![0.0; 13 * 96]).is_err() && values.block_at(12, 0).is_err());
    let vector = TensorValues::new(&model, model.tensor("v").unwrap()).unwrap();
    assert_eq!((vector.rows(), vector.cols()), (1, 5));
}

#[test]
fn scales_are_a_matrix_of_their_own() {
    let (_folder, _, model) = q4_0_file();
    let tensor = model.tensor("t").unwrap();
    let scales = ScaleValues::new(&model, tensor).unwrap().unwrap();
    assert_eq!((scales.rows(), scales.cols()), (12, 3));
    let mut some = vec![0.0; 4];
    scales.read(4..6, 1..3, &mut some).unwrap();
    let expected: Vec<f32> = [13, 14, 16, 17].map(|n| half::f16::from_le_bytes([n, 0x2c]).to_f32()).to_vec();
    assert_eq!(some, expected);
    assert!(ScaleValues::new(&model, model.tensor("v").unwrap()).unwrap().is_none());
}

#[test]
fn sorted_rows_and_columns_are_the_same_values_elsewhere() {
    let values = Memory { rows: 3, cols: 4, values: (0..12_u8).map(f32::from).collect() };
    let sorted = Sorted { values: &values, rows: Some(&[2, 0, 1]), cols: Some(&[3, 2, 1, 0]) };
    let mut out = vec![0.0; 4];
    sorted.read(0..2, 1..3, &mut out).unwrap();
    assert_eq!(out, [10.0, 9.0, 2.0, 1.0]);
}

#[test]
fn tensors_without_values_say_so() {
    let mut builder = GgufBuilder::new().tensor("t", &[4], 77, [0; 16]);
    builder = builder.f32_tensor("u", &[4], &[0.0; 4]);
    let (_folder, path) = file("m.gguf", &builder.bytes());
    let model = ModelFile::open(&path).unwrap();
    assert!(TensorValues::new(&model, model.tensor("t").unwrap()).is_err());
}

// --- what else is read

#[test]
fn neighbours_are_found_by_direction() {
    let numbers = vec![1.0, 0.0, 0.0, 3.0, 10.0, 1.0, -1.0, 0.0, 0.0, 0.0, f32::NAN, 1.0];
    let values = Memory { rows: 6, cols: 2, values: numbers };
    let found = with_background(2, |background| neighbours::nearest(&values, 0, 3, background, &mut |_| ()).unwrap());
    let rows: Vec<usize> = found.iter().map(|neighbour| neighbour.row).collect();
    assert_eq!(rows, [2, 1, 3], "zeros and NaN have no direction");
    near("cosine", found[0].cosine, 10.0 / 101.0_f64.sqrt(), 1e-12);
}

#[test]
fn a_tensor_is_written_as_npy_or_not_at_all() {
    let (_folder, all, model) = q4_0_file();
    let tensor = model.tensor("t").unwrap();
    let values = TensorValues::new(&model, tensor).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.npy");
    assert_eq!(npy::write(&values, &tensor.shape, &path, &mut |_| false).unwrap_err(), Error::Cancelled);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    npy::write(&values, &tensor.shape, &path, &mut |_| true).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let header = String::from_utf8_lossy(&bytes[10..128]);
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00") && header.contains("'<f4'") && header.contains("(2, 6, 96)"), "{header}");
    assert_eq!(bytes[bytes.len() - 4..], all[all.len() - 1].to_le_bytes());
    assert_eq!((bytes.len() - 4 * all.len()) % 64, 0);
}

fn small_model() -> (tempfile::TempDir, Model) {
    let mut builder =
        GgufBuilder::new().kv("general.architecture", "llama").f32_tensor("token_embd.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    for layer in 0..2 {
        builder = builder.f32_tensor(&format!("blk.{layer}.attn_q.weight"), &[1, 2], &[1.0, -3.0]);
        builder = builder.f32_tensor(&format!("blk.{layer}.odd, \"name\""), &[1], &[0.0]);
    }
    let (folder, path) = file("m.gguf", &builder.bytes());
    (folder, Model::read(ModelFile::open(&path).unwrap()))
}

#[test]
fn the_grid_has_a_cell_for_each_layer_and_role() {
    let (_folder, model) = small_model();
    let cells = grid::cells(&model);
    let found: Vec<_> = cells.iter().map(|cell| (cell.layer, cell.role)).collect();
    let expected =
        [(None, Role::Embedding), (Some(0), Role::AttnQ), (Some(0), Role::Other), (Some(1), Role::AttnQ), (Some(1), Role::Other)];
    assert_eq!(found, expected);
    let tensor = &model.file.tensors[cells[1].tensors[0]];
    let values = TensorValues::new(&model.file, tensor).unwrap();
    let stats = full(&values, 1);
    assert_eq!((Measure::AbsMax.of(tensor, Some(&stats)), Measure::Std.of(tensor, Some(&stats))), (Some(3.0), Some(2.0)));
    assert_eq!((Measure::BitsPerWeight.of(tensor, None), Measure::Std.of(tensor, None)), (Some(32.0), None));
    assert_eq!(Measure::Std.of_several([(1.0, 1), (4.0, 2)]), Some(3.0));
    assert_eq!(Measure::AbsMax.of_several([(1.0, 1), (4.0, 2)]), Some(4.0));
    assert_eq!(grid::filling_order(&model), [2, 4, 1, 3, 0]);
}

#[test]
fn the_table_is_csv_that_a_spreadsheet_reads() {
    let (_folder, model) = small_model();
    let values = TensorValues::new(&model.file, &model.file.tensors[0]).unwrap();
    let stats = full(&values, 1);
    let csv = table::csv(&model, 0..model.file.tensors.len(), &|n| (n == 0).then_some(&stats));
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[1].starts_with("token_embd.weight,embedding,,2x2,F32,4,16,32,m.gguf,"), "{}", lines[1]);
    assert!(lines[1].ends_with(",1,4,2.5,1.118033988749895,4,-1.36,0,0,0"), "{}", lines[1]);
    assert!(lines[3].starts_with("\"blk.0.odd, \"\"name\"\"\",other,0,1,"), "{}", lines[3]);
    let commas = lines[2].matches(',').count();
    assert_eq!(commas, lines[0].matches(',').count());
}

#[test]
fn a_key_tells_files_and_tensors_apart() {
    let (_folder, model) = small_model();
    let (_other_folder, other) = small_model();
    let key = |model: &Model, n: usize| Key::new(&model.file, &model.file.tensors[n]);
    assert_eq!(key(&model, 0), key(&model, 0));
    assert!(key(&model, 0) != key(&model, 1) && key(&model, 0) != key(&other, 0));
}
