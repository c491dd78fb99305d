//! The quantizers: the bytes that llama.cpp writes, whatever the instructions, the number of threads and the size of what is rounded.

use ponder::file::DType;
use ponder::kernels::processor::Processor;
use ponder::kernels::quantize::{expand_all, quantize_all, quantize_on, supports};
use sha2::{Digest as _, Sha256};

use crate::quantize::bell;
use crate::support::loaded::pool;

/// Beginnings of the sha256 of what llama.cpp's `ggml_quantize_chunk` (llama-cpp-python 0.3.36, no importance matrix) makes of
/// [`unusual`].
const BY_LLAMA_CPP: [(DType, &str); 13] = [
    (DType::Q8_0, "4a8c21b4577ad484"),
    (DType::Q4_0, "4efec016209e9657"),
    (DType::Q4_1, "e4cb6e97d117f9de"),
    (DType::Q5_0, "e6c5a90be9b96e2e"),
    (DType::Q5_1, "d6e71ca5594e3044"),
    (DType::Q2K, "7a2f10956be32f80"),
    (DType::Q3K, "7bf4e93b84bf7462"),
    (DType::Q4K, "090673f453059216"),
    (DType::Q5K, "17f32d9180f422f5"),
    (DType::Q6K, "9ece9afa82c5d9f6"),
    (DType::IQ4NL, "bfdc3a426c81ec8b"),
    (DType::IQ4XS, "9c96e4f333e220f2"),
    (DType::MXFP4, "f59b233023b47cc0"),
];

/// 64 rows of 512: a bell, and blocks of nothing, of one value, of one sign, of outliers, of ties and of tiny parts.
fn unusual() -> Vec<f32> {
    let mut x = bell(7, 64 * 512);
    x[..256].fill(0.0);
    x[512..768].fill(0.25);
    x[1024..1280].fill(-3.0);
    x[1536..1552].fill(0.0);
    x[2048..2560].iter_mut().for_each(|x| *x = x.abs());
    x[2560..3072].iter_mut().for_each(|x| *x = -x.abs());
    x[3072..3584].iter_mut().step_by(7).for_each(|x| *x *= 30.0);
    x[3584..4096].iter_mut().for_each(|x| *x = (*x * 4.0).round_ties_even() / 4.0);
    x[4096..4112].iter_mut().for_each(|x| *x *= 1e-6);
    x
}

fn bytes_of(processor: Processor, dtype: DType, values: &[f32]) -> Vec<u8> {
    let len = dtype.byte_len(values.len() as u64, 1).unwrap();
    let mut out = vec![0xaa; usize::try_from(len).unwrap()];
    quantize_on(processor, dtype, values, &mut out);
    out
}

fn beginning_of_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_are_those_of_llama_cpp_with_all_instructions() {
    let values = unusual();
    let as_bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(beginning_of_sha256(&as_bytes), "0c588da9e0bbb4b9", "the values that the bytes were made of");
    for (dtype, theirs) in BY_LLAMA_CPP {
        for processor in Processor::here() {
            assert_eq!(beginning_of_sha256(&bytes_of(processor, dtype, &values)), theirs, "{} on {processor:?}", dtype.name());
        }
    }
}

#[test]
fn blocks_know_nothing_of_their_neighbours() {
    let values = unusual();
    for (dtype, _) in BY_LLAMA_CPP {
        let whole = bytes_of(Processor::best(), dtype, &values);
        let len = usize::try_from(dtype.block_len().unwrap()).unwrap();
        for n in [1, 3, 17] {
            let parts: Vec<u8> = values.chunks(n * len).flat_map(|part| bytes_of(Processor::best(), dtype, part)).collect();
            assert!(parts == whole, "{} by {n} blocks", dtype.name());
        }
    }
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let values = bell(3, 100 * 768);
    for (dtype, _) in BY_LLAMA_CPP {
        let alone = bytes_of(Processor::best(), dtype, &values);
        for threads in [1, 2, 5] {
            let mut together = vec![0; alone.len()];
            quantize_all(&pool(threads), dtype, &values, &mut together);
            assert!(together == alone, "{} on {threads} threads", dtype.name());
        }
    }
}

#[test]
fn candle_reads_what_the_quantizers_write() {
    let values = bell(5, 8 * 512);
    for (dtype, most) in [(DType::Q8_0, 0.006), (DType::Q6K, 0.02), (DType::Q4K, 0.08), (DType::Q3K, 0.17), (DType::Q2K, 0.32)] {
        let mut read = vec![0.0; values.len()];
        expand_all(&pool(2), dtype, 512, &bytes_of(Processor::best(), dtype, &values), &mut read).unwrap();
        let square = |x: f32| f64::from(x).powi(2);
        let error: f64 = values.iter().zip(&read).map(|(a, b)| square(a - b)).sum();
        let relative = (error / values.iter().map(|&x| square(x)).sum::<f64>()).sqrt();
        assert!(relative < most, "{}: {relative}", dtype.name());
    }
}

#[test]
fn what_has_no_quantizer_is_known_before() {
    assert!(BY_LLAMA_CPP.iter().all(|(dtype, _)| supports(*dtype)));
    assert!([DType::F32, DType::F16, DType::BF16].into_iter().all(supports));
    assert!(![DType::IQ2XXS, DType::I8, DType::Q8K, DType::Unknown(99)].into_iter().any(supports));
}
