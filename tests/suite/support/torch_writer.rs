//! Writes `PyTorch` checkpoints as `torch.save` does, by hand: a zip archive with a pickle of protocol 2 and a member for each storage.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::hf_folder::Named;

fn text(text: &str) -> Vec<u8> {
    [b"X", &u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

fn integers(values: &[u64]) -> Vec<u8> {
    let each = values.iter().flat_map(|&n| [b"J".to_vec(), i32::try_from(n).unwrap().to_le_bytes().to_vec()].concat());
    [b"(".to_vec(), each.collect(), b"t".to_vec()].concat()
}

/// The operations that build one tensor, `strides` and all.
pub fn tensor(key: &str, class: &str, shape: &[u64], strides: &[u64], len: u64) -> Vec<u8> {
    [
        &b"ctorch._utils\n_rebuild_tensor_v2\n(("[..],
        &text("storage"),
        format!("ctorch\n{class}\n").as_bytes(),
        &text(key),
        &text("cpu"),
        &[b"J", &i32::try_from(len).unwrap().to_le_bytes()[..]].concat(),
        b"tQK\0",
        &integers(shape),
        &integers(strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat()
}

fn strides(shape: &[u64]) -> Vec<u64> {
    let mut strides: Vec<u64> = shape.iter().rev().scan(1, |stride, dim| Some(std::mem::replace(stride, *stride * dim))).collect();
    strides.reverse();
    strides
}

/// The pickle of a dictionary of tensors.
pub fn pickle(tensors: &[Named]) -> Vec<u8> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (n, named) in tensors.iter().enumerate() {
        let class = match named.dtype {
            "F32" => "FloatStorage",
            "F16" => "HalfStorage",
            "BF16" => "BFloat16Storage",
            other => panic!("{other}"),
        };
        out.extend(text(&named.name));
        out.extend(tensor(&n.to_string(), class, &named.shape, &strides(&named.shape), named.shape.iter().product()));
    }
    out.extend(b"u.");
    out
}

/// An archive of these members.
pub fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A checkpoint of these tensors.
pub fn checkpoint(tensors: &[Named]) -> Vec<u8> {
    let names: Vec<String> = (0..tensors.len()).map(|n| format!("archive/data/{n}")).collect();
    let pickle = pickle(tensors);
    let mut members = vec![("archive/data.pkl", &pickle[..]), ("archive/byteorder", b"little")];
    members.extend(names.iter().zip(tensors).map(|(name, tensor)| (name.as_str(), &tensor.bytes[..])));
    members.push(("archive/version", b"3\n"));
    archive(&members)
}
