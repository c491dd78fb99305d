//! Token texts that mean something whatever the file calls them: what ends an answer, what separates files, what only looks like text.
//!
//! The lists are llama.cpp's, as llama-cpp-python 0.3.36 has them. Left out: ids a file names itself (`mod.rs`).

use std::collections::{BTreeSet, HashMap};

use super::TokenKind;

/// Texts that end a turn or an answer in some model family.
const END_TEXTS: [&str; 22] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];
/// Of these, the ones that end a turn, most specific first.
const TURN_TEXTS: [&str; 11] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<｜end▁of▁sentence｜>",
];
/// Fill-in-the-middle tokens that separate files: an answer that reaches one is over. By the name in their key.
const FILE_TEXTS: [(&str, &[&str]); 3] = [
    ("fim_pad", &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
    ("fim_rep", &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]),
    ("fim_sep", &["<|file_sep|>"]),
];
/// The marks of fill-in-the-middle around the gap. By the names in their key, the outdated one second.
const GAP_TEXTS: [([&str; 2], &[&str]); 3] = [
    (
        ["fim_pre", "prefix"],
        &["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"],
    ),
    (
        ["fim_suf", "suffix"],
        &["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"],
    ),
    (
        ["fim_mid", "middle"],
        &["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"],
    ),
];
/// Marks of the Harmony format that are part of what a model says.
const SAID_TEXTS: [&str; 4] = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

/// What the texts of a vocabulary say about its special ids.
#[derive(Debug, Default)]
pub struct Known {
    /// End of turn.
    pub eot: Option<u32>,
    /// End of message.
    pub eom: Option<u32>,
    /// Tokens after which nothing more is generated.
    pub ends: BTreeSet<u32>,
}

/// Finds the known texts among `tokens`, completes what `named` (the ids of the file, by the name in their key) leaves open, and
/// corrects `kinds` where a text says more than its number.
pub fn find(tokens: &[String], kinds: &mut [TokenKind], named: &dyn Fn(&str) -> Option<u32>, warnings: &mut Vec<String>) -> Known {
    let ids = ids_of_known_texts(tokens);
    let first_of = |texts: &[&str]| texts.iter().find_map(|text| ids.get(*text)).copied();
    let mut known = Known { eot: named("eot"), eom: named("eom"), ends: BTreeSet::new() };
    known.eot = known.eot.or_else(|| first_of(&TURN_TEXTS));
    known.eom = known.eom.or_else(|| first_of(&["<|eom_id|>"]));
    let mut structure: BTreeSet<u32> = END_TEXTS.iter().filter_map(|text| ids.get(*text).copied()).collect();
    known.ends.clone_from(&structure);
    for (name, texts) in FILE_TEXTS {
        let found = first_of(texts).filter(|_| named(name).is_none());
        structure.extend(found);
        known.ends.extend(named(name).or(found));
    }
    // a text that ends an answer is structure even where the file calls it ordinary
    for &id in &structure {
        if kinds[id as usize] != TokenKind::Control {
            let text = &tokens[id as usize];
            warnings.push(format!("token {id} `{text}` ends an answer but is not marked as control; treated as control"));
            kinds[id as usize] = TokenKind::Control;
        }
    }
    for (names, texts) in GAP_TEXTS {
        if let Some(id) = first_of(texts).filter(|_| names.iter().all(|name| named(name).is_none())) {
            kinds[id as usize] = TokenKind::Control;
        }
    }
    for id in SAID_TEXTS.iter().filter_map(|text| ids.get(*text)) {
        kinds[*id as usize] = TokenKind::UserDefined;
    }
    known.ends.extend(named("eos").into_iter().chain(known.eot).chain(known.eom));
    spare_inner_ends(&mut known.ends, tokens, kinds);
    known
}

/// The first token with each of the texts that mean something here.
fn ids_of_known_texts(tokens: &[String]) -> HashMap<&str, u32> {
    let files = FILE_TEXTS.iter().flat_map(|(_, texts)| *texts);
    let gaps = GAP_TEXTS.iter().flat_map(|(_, texts)| *texts);
    let known: BTreeSet<&str> = END_TEXTS.iter().chain(&TURN_TEXTS).chain(&SAID_TEXTS).chain(files).chain(gaps).copied().collect();
    let mut ids = HashMap::with_capacity(known.len());
    for (id, token) in (0..).zip(tokens).filter(|(_, token)| known.contains(token.as_str())) {
        ids.entry(token.as_str()).or_insert(id);
    }
    ids
}

/// In two families a listed text is an inner mark: `<|end|>` beside `<|return|>` and `<|call|>`, `</s>` beside `<|tool_response>`.
fn spare_inner_ends(ends: &mut BTreeSet<u32>, tokens: &[String], kinds: &mut [TokenKind]) {
    let id_of = |text: &str| ends.iter().copied().find(|&id| tokens[id as usize] == text);
    let (call, calls) = (id_of("<|call|>"), id_of("<|calls|>"));
    let inner_end = call.or(calls).is_some() && id_of("<|return|>").or(id_of("<|flush|>")).is_some();
    let end = id_of("<|end|>").filter(|_| inner_end);
    let slash = id_of("</s>").filter(|_| id_of("<|tool_response>").is_some());
    if let Some(id) = end {
        ends.remove(&id);
        kinds[id as usize] = TokenKind::UserDefined;
    }
    if let Some(id) = slash {
        ends.remove(&id);
        kinds[id as usize] = TokenKind::Normal;
    }
}
