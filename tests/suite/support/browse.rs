//! Files for the tests of browsing.

use ponder::file::ModelFile;
use ponder::inspect::Model;

use super::gguf_writer::GgufBuilder;

/// A file of F32 vectors with these names and lengths, as it is browsed.
pub fn listed(tensors: &[(&str, usize)]) -> Model {
    let builder = GgufBuilder::new().kv("general.architecture", "unheard-of");
    let builder = tensors.iter().fold(builder, |builder, &(name, len)| builder.f32_tensor(name, &[len as u64], &vec![0.5; len]));
    let (_folder, path) = super::file("listed.gguf", &builder.bytes());
    Model::read(ModelFile::open(&path).unwrap())
}
