//! The vocabulary in a GGUF file's metadata.

use super::{Parts, SPECIAL, Vocabulary};
use crate::error::{Error, Result};
use crate::file::ModelFile;

/// The longest table of replacements that is read; the largest known has a quarter of it.
const LONGEST_CHARSMAP: u64 = 1 << 20;

impl Vocabulary {
    /// The vocabulary in a file's metadata (`tokenizer.*`).
    ///
    /// # Errors
    /// `Error::Format` naming the key that is missing or wrong; what reading the file says.
    pub fn read(file: &ModelFile) -> Result<Self> {
        let metadata = &file.metadata;
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let has = |name: &str| metadata.get(&key(name)).is_some();
        let model = metadata.str("tokenizer.ggml.model").ok_or_else(|| {
            let found =
                metadata.get("tokenizer.ggml.model").map_or_else(|| "nothing: the file has no tokenizer".into(), ToString::to_string);
            Error::format(&file.path, "key `tokenizer.ggml.model`", "the name of a tokenizer", found)
        })?;
        let special_id = |name: &&str| Some(((*name).to_owned(), metadata.u64(&key(&format!("{name}_token_id")))?));
        let text = |name: &str| metadata.str(name).unwrap_or_default().to_owned();
        let parts = Parts {
            model: model.to_owned(),
            pre: metadata.str("tokenizer.ggml.pre").map(str::to_owned),
            tokens: file.strings("tokenizer.ggml.tokens")?,
            kinds: if has("token_type") { Some(file.integers("tokenizer.ggml.token_type")?) } else { None },
            merges: if has("merges") { file.strings("tokenizer.ggml.merges")? } else { Vec::new() },
            scores: if has("scores") && matches!(model, "llama" | "t5") { Some(read_scores(file)?) } else { None },
            special: SPECIAL.iter().filter_map(special_id).collect(),
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token"),
            add_eos: metadata.bool("tokenizer.ggml.add_eos_token"),
            add_space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix"),
            remove_extra_whitespaces: metadata.bool("tokenizer.ggml.remove_extra_whitespaces"),
            charsmap: if has("precompiled_charsmap") { read_charsmap(file)? } else { Vec::new() },
            lowercase: metadata.bool("tokenizer.ggml.normalizer.lowercase"),
            strip_accents: metadata.bool("tokenizer.ggml.normalizer.strip_accents"),
            model_name: text("general.name"),
            architecture: text("general.architecture"),
            chat_template: metadata.str("tokenizer.chat_template").map(str::to_owned),
        };
        Self::new(&file.path, parts)
    }
}

/// Scores are real numbers; some old files have whole ones.
fn read_scores(file: &ModelFile) -> Result<Vec<f32>> {
    let key = "tokenizer.ggml.scores";
    #[expect(clippy::cast_precision_loss, reason = "whole scores are ranks, and llama.cpp rounds them the same way")]
    let rounded = |scores: Vec<i64>| scores.into_iter().map(|score| score as f32).collect();
    file.floats(key).or_else(|error| file.integers(key).map(rounded).map_err(|_no_numbers| error))
}

fn read_charsmap(file: &ModelFile) -> Result<Vec<u8>> {
    let key = "tokenizer.ggml.precompiled_charsmap";
    let wrong = |found: String| Error::format(&file.path, format!("key `{key}`"), "an array of at most 1 MiB of bytes", found);
    let len = file.metadata.get(key).and_then(|value| value.as_array()).map(|array| array.len);
    if len.is_none_or(|len| len > LONGEST_CHARSMAP) {
        return Err(wrong(len.map_or_else(|| "no array".to_owned(), |len| format!("{len} elements"))));
    }
    let byte = |number: i64| u8::try_from(number & 0xff).unwrap_or_default();
    Ok(file.integers(key)?.into_iter().map(byte).collect())
}
