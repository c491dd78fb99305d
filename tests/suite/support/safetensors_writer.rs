//! Writes safetensors files as their format asks, and as it doesn't.

use std::path::Path;

/// A header as it is and data after it.
pub fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// F32 tensors one after another.
pub fn floats(tensors: &[(&str, &[u64], &[f32])]) -> Vec<u8> {
    let (mut entries, mut data) = (vec![r#""__metadata__":{"format":"pt"}"#.to_owned()], Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        entries.push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{}]}}"#, data.len()));
    }
    raw(&format!("{{{}}}", entries.join(",")), &data)
}

/// An index that says which file has which tensor.
pub fn index(path: &Path, total: u64, map: &[(&str, &str)]) {
    let map: Vec<String> = map.iter().map(|(tensor, file)| format!(r#""{tensor}":"{file}""#)).collect();
    let text = format!(r#"{{"metadata":{{"total_size":{total}}},"weight_map":{{{}}}}}"#, map.join(","));
    std::fs::write(path, text).unwrap();
}
