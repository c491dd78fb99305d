//! How fast the kernels are by themselves, from cache: products of each type with one row of activations (a token) and with many (a
//! prompt), in bytes of weights and in multiplications per second, and rounding activations. Whole models are `ponder bench`'s.
//!
//! `cargo bench --bench kernels -- Q4_K` runs what has this in its name.
#![expect(clippy::expect_used, reason = "a bench that cannot begin has nothing to say")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use ponder::file::{DType, ModelFile};
use ponder::kernels::dot::{Activation, Processor, Rounded32, Rounded256};
use ponder::kernels::matmul::Scratch;
use ponder::kernels::pool::Pool;
use ponder::kernels::weight::Weight;
use ponder::memory::ledger::Ledger;

#[path = "../tests/suite/support/gguf_writer.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests use the rest, and fail by panics")]
mod gguf_writer;

/// Rows and columns of the matrix.
const SIZE: usize = 2_048;
/// Rows of activations: a token, and a chunk of a prompt.
const ROWS: [usize; 2] = [1, 64];

const TYPES: [DType; 13] = [
    DType::F32,
    DType::F16,
    DType::BF16,
    DType::Q4_0,
    DType::Q4_1,
    DType::Q5_0,
    DType::Q5_1,
    DType::Q8_0,
    DType::Q2K,
    DType::Q3K,
    DType::Q4K,
    DType::Q5K,
    DType::Q6K,
];

/// Numbers between -1 and 1, the same each time.
fn noise(len: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..len).map(|_| random.f32() * 2.0 - 1.0).collect()
}

fn products(criterion: &mut Criterion, pool: &Pool) {
    let bytes = gguf_writer::GgufBuilder::new().f32_tensor("w", &[SIZE as u64, SIZE as u64], &noise(SIZE * SIZE)).bytes();
    let file = ModelFile::built_in("bench", "bench", bytes.leak()).expect("a file");
    let tensor = file.tensors.first().expect("a tensor");
    for dtype in TYPES {
        let weight = Weight::read(&file, tensor, dtype, pool, &Ledger::default(), &mut |_| true).expect("a matrix");
        let mut group = criterion.benchmark_group(dtype.name());
        for rows in ROWS {
            let (x, mut out, mut scratch) = (noise(rows * SIZE), vec![0.0; rows * SIZE], Scratch::default());
            group.throughput(Throughput::ElementsAndBytes { elements: (rows * SIZE * SIZE) as u64, bytes: weight.bytes().0 });
            group.bench_function(format!("{rows} rows"), |b| b.iter(|| weight.matmul(pool, &mut scratch, black_box(&x), &mut out)));
        }
        group.finish();
    }
}

fn rounding(criterion: &mut Criterion) {
    fn to<R: Activation>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, x: &[f32]) {
        let mut out = vec![R::default(); x.len() / R::LEN];
        for processor in Processor::here() {
            group.bench_function(format!("{name} {processor:?}"), |b| b.iter(|| R::round(processor, black_box(x), &mut out)));
        }
    }
    let x = noise(SIZE);
    let mut group = criterion.benchmark_group("rounding");
    group.throughput(Throughput::Elements(SIZE as u64));
    to::<Rounded32>(&mut group, "blocks of 32", &x);
    to::<Rounded256>(&mut group, "blocks of 256", &x);
    group.finish();
}

fn main() {
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let pool = Pool::new(threads).expect("threads");
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    let mut criterion = criterion.configure_from_args();
    products(&mut criterion, &pool);
    rounding(&mut criterion);
    criterion.final_summary();
}
