//! Values of every type, against those of the Python package `gguf`, and blocks taken apart.
#![expect(clippy::float_cmp, reason = "values that are exact")]

use ponder::file::DType;
use ponder::kernels::dequantize::{self, anatomy};
use ponder::kernels::processor::Processor;

/// Type, blocks, values; both in hexadecimal digits. Written by `tests/oracle/dequantize_reference.py`.
const REFERENCE: &[(&str, &str, &str)] = include!("dequantize_reference.in");

/// All types that a file can have.
fn types() -> impl Iterator<Item = DType> {
    (0..64).map(DType::from_ggml).filter(|dtype| !matches!(dtype, DType::Unknown(_)))
}

fn named(name: &str) -> DType {
    types().find(|dtype| dtype.name() == name).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..][..2], 16).unwrap()).collect()
}

fn floats(hex: &str) -> Vec<f32> {
    (0..hex.len() / 8).map(|i| f32::from_bits(u32::from_str_radix(&hex[8 * i..][..8], 16).unwrap())).collect()
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a == b || (a.is_nan() && b.is_nan())
}

#[test]
fn values_are_those_of_the_python_package_with_every_processor_and_wherever_the_bytes_lie() {
    for (name, blocks, values) in REFERENCE {
        let (dtype, blocks, expected) = (named(name), bytes(blocks), floats(values));
        for processor in Processor::here() {
            for skew in [0, 1, 3] {
                let mut shifted = vec![0xa5; skew];
                shifted.extend(&blocks);
                let mut values = vec![0.0; expected.len()];
                dequantize::dequantize_by(processor, dtype, &shifted[skew..], &mut values);
                for (i, (&value, &expected)) in values.iter().zip(&expected).enumerate() {
                    assert!(same(value, expected), "{name}, {processor:?}, value {i}: {value} instead of {expected}");
                }
            }
        }
    }
}

#[test]
fn every_type_with_values_is_in_the_reference() {
    let known = ["Q8_1", "Q8_K"];
    for dtype in types().filter(|&dtype| dequantize::can(dtype)) {
        let name = dtype.name();
        assert!(known.contains(&&*name) || REFERENCE.iter().any(|(other, ..)| *other == name), "{name}");
    }
    for (name, ..) in REFERENCE {
        assert!(dequantize::can(named(name)), "{name}");
    }
    assert!(!dequantize::can(DType::Unknown(77)) && !dequantize::can(DType::C64));
}

#[test]
fn a_block_taken_apart_gives_its_values_again() {
    for (name, blocks, values) in REFERENCE {
        let (dtype, blocks, expected) = (named(name), bytes(blocks), floats(values));
        let size = usize::try_from(dtype.block_bytes().unwrap()).unwrap();
        let len = usize::try_from(dtype.block_len().unwrap()).unwrap();
        for (block, expected) in blocks.chunks(size).zip(expected.chunks(len)) {
            let parts = anatomy::block(dtype, block).unwrap();
            assert_eq!(parts.fields.last().unwrap().bytes.end, size, "{name}: the fields are the block");
            assert!(parts.values.iter().zip(expected).all(|(&a, &b)| same(a, b)), "{name}");
            if len == 1 {
                continue;
            }
            assert_eq!((parts.codes.len(), parts.scales.len()), (len, len / parts.group_len), "{name}");
            for (i, &value) in parts.values.iter().enumerate() {
                let group = i / parts.group_len;
                let grid = parts.grid(group);
                assert!(value.is_nan() || grid.contains(&value), "{name}: {value} is on the grid of its group, {grid:?}");
            }
            assert!(parts.codes_used() <= parts.levels.len().max(16), "{name}");
            assert!(parts.entry_len == 0 || parts.entries.len() * parts.entry_len == len, "{name}");
            let mut scales = vec![0.0; len / parts.group_len];
            dequantize::scales(dtype, block, &mut scales);
            assert!(scales.iter().zip(&parts.scales).all(|(&a, &b)| same(a, b)), "{name}");
            for (code, &scale) in parts.scale_codes.iter().zip(&parts.scales) {
                let made = parts.super_scale.unwrap() * code_to_factor(dtype, *code);
                assert!(same(made, scale) || (made - scale).abs() <= 1e-6 * scale.abs(), "{name}: {made} {scale}");
            }
        }
    }
}

/// What the super-scale is multiplied with for a code of a group.
#[expect(clippy::cast_precision_loss, reason = "codes are small")]
fn code_to_factor(dtype: DType, code: i32) -> f32 {
    let code = code as f32;
    match dtype {
        DType::IQ1S | DType::IQ1M => (2.0 * code + 1.0) / 8.0,
        DType::IQ2XXS | DType::IQ2XS | DType::IQ2S => (0.5 + code) / 4.0,
        DType::IQ3XXS => f32::midpoint(0.5, code),
        DType::IQ3S => 1.0 + 2.0 * code,
        _ => code,
    }
}

#[test]
fn a_block_of_q4_k_reads_as_ggml_documents_it() {
    // d = 1, dmin = 0.5; scale and minimum of each group are its number and twice that; all codes are 5, those of the last 32 are 9.
    let mut block = vec![0; 144];
    block[..4].copy_from_slice(&[0x00, 0x3c, 0x00, 0x38]);
    for i in 0..4_u8 {
        block[4 + usize::from(i)] = i;
        block[8 + usize::from(i)] = 2 * i;
        block[12 + usize::from(i)] = (i + 4) | (2 * (i + 4)) << 4;
    }
    block[16..].fill(0x55);
    block[112..].fill(0x95);
    let parts = anatomy::block(DType::Q4K, &block).unwrap();
    assert_eq!((parts.super_scale, parts.super_min, parts.bits, parts.group_len), (Some(1.0), Some(0.5), 4, 32));
    assert_eq!(parts.scale_codes, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(parts.min_codes, [0, 2, 4, 6, 8, 10, 12, 14]);
    assert_eq!(parts.offsets[7], -7.0);
    assert_eq!((parts.codes[0], parts.codes[255], parts.codes_used()), (5, 9, 2));
    assert_eq!((parts.values[32], parts.values[255]), (4.0, 56.0));
    assert_eq!(parts.grid(1).len(), 16);
    assert_eq!(parts.fields[2], anatomy::Field { name: "scales", bytes: 4..16 });
}

#[test]
fn eight_bit_floats_are_those_of_their_standard() {
    let check = |dtype: DType, cases: &[(u8, f32)]| {
        for &(byte, expected) in cases {
            let mut value = [0.0];
            dequantize::dequantize(dtype, &[byte], &mut value);
            assert!(same(value[0], expected), "{}: {byte:#x} is {} instead of {expected}", dtype.name(), value[0]);
        }
    };
    check(
        DType::F8E4M3,
        &[(0x00, 0.0), (0x01, 0.001_953_125), (0x38, 1.0), (0x7e, 448.0), (0xfe, -448.0), (0x7f, f32::NAN), (0x78, 256.0)],
    );
    check(DType::F8E5M2, &[(0x01, 1.525_878_9e-5), (0x3c, 1.0), (0x7b, 57_344.0), (0x7c, f32::INFINITY), (0xfc, f32::NEG_INFINITY)]);
    check(DType::F8E5M2, &[(0x7d, f32::NAN)]);
    check(DType::F8E8M0, &[(127, 1.0), (130, 8.0), (0, 5.877_472e-39), (255, f32::NAN)]);
    check(DType::Bool, &[(0, 0.0), (1, 1.0)]);
    check(DType::U8, &[(255, 255.0)]);
}

#[test]
fn every_half_is_what_it_is() {
    let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let mut values = vec![0.0; 1 << 16];
    for processor in Processor::here() {
        dequantize::dequantize_by(processor, DType::F16, &all, &mut values);
        for (bits, &value) in (0..=u16::MAX).zip(&values) {
            assert!(same(value, half::f16::from_bits(bits).to_f32()), "{bits:#x}");
        }
    }
}
