//! The patterns of each pre-tokenizer, by the names in GGUF files.
//!
//! They are llama.cpp's (`llama-vocab.cpp`), written without look-around so that each is matched in linear time: the usual
//! `\s+(?!\S)|\s+` becomes `\s+` and, where text follows, one character is given back ([`Spaces`]).

use super::{Rule, Spaces};

const GPT2: Rule = Rule::Pattern(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+", Spaces::GiveBack);
const LLAMA3: Rule = Rule::Pattern(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const QWEN2: Rule = Rule::Pattern(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const QWEN35: Rule = Rule::Pattern(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const MINICPM5: Rule = Rule::Pattern(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const UFAKZEKA: Rule = Rule::Pattern(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+", Spaces::GiveBackInLine);
const SEED_CODER: Rule = Rule::Pattern(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const BAILING: Rule = Rule::Pattern(
    r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+",
    Spaces::GiveBackInLine,
);
const EXAONE_MOE: Rule = Rule::Pattern(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+",
    Spaces::GiveBackInLine,
);
const TEKKEN: Rule = Rule::Pattern(
    r"[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]*[\p{L}&&[^A-Z]]+|[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]+[\p{L}&&[^A-Z]]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const GPT4O: Rule = Rule::Pattern(
    r"[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]*[\p{L}&&[^A-Z]]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]+[\p{L}&&[^A-Z]]*(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const GRANITE_EMBED: Rule = Rule::Pattern(
    r"[^\r\n\p{L}\p{N}]?[[\p{L}\p{M}]&&[^a-z]]*[[\p{L}\p{M}]&&[^A-Z]]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?[[\p{L}\p{M}]&&[^a-z]]+[[\p{L}\p{M}]&&[^A-Z]]*(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
/// llama.cpp takes every category of letter, and marks, for the cased ones here.
const YOUTU: Rule = Rule::Pattern(
    r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]*[\p{L}\p{M}]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const DEEPSEEK3: Rule = Rule::Pattern(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+"##,
    Spaces::GiveBackInLine,
);
const SPARK: Rule = Rule::Pattern(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+"##,
    Spaces::GiveBack,
);
/// Cased letters as the `deepseek-llm` tokenizer lists them, by number because some would not survive Unicode normalization.
const CASED: Rule = Rule::Pattern(
    concat!(
        r"\s?[",
        r"A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}",
        r"\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}",
        r"\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}",
        r"\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}",
        r"\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}",
        r"\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}",
        r"\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}",
        r"\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}",
        r"\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}",
        r"\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}",
        r"\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}",
        r"\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}",
        r"]+",
    ),
    Spaces::AsMatched,
);
const fn plain(pattern: &'static str) -> Rule {
    Rule::Pattern(pattern, Spaces::AsMatched)
}
const TINY_AYA: Rule = Rule::Pattern(
    r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]*[\p{L}\p{M}]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
    Spaces::GiveBackInLine,
);
const JAIS2: Rule = Rule::Pattern(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Spaces::Halving,
);
const KIMI: Rule = Rule::Pattern(
    concat!(
        r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B820}-\x{2CEAF}\x{2CEB0}-\x{2EBEF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]+",
        r"|[^\r\n\p{L}\p{N}]?[\p{L}&&[^\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B820}-\x{2CEAF}\x{2CEB0}-\x{2EBEF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?",
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    ),
    Spaces::GiveBackInLine,
);
/// Scripts written without spaces, as `afmoe` lists them.
const SPACELESS: Rule = plain(
    r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{8C48}-\x{FAFF}\x{3040}-\x{309F}\x{30A0}-\x{30FF}\x{FF65}-\x{FF9F}\x{2F00}-\x{2FDF}\x{E40}-\x{E7F}\x{E80}-\x{EFF}\x{1780}-\x{17FF}\x{1000}-\x{109F}\x{AA60}-\x{AA7F}\x{A9E0}-\x{A9FF}\x{AC00}-\x{D7AF}\x{1100}-\x{11FF}]+",
);
const KANJI_KANA: Rule = plain("[一-龥぀-ゟ゠-ヿ]+");
/// The ranges hold some white space, which llama.cpp has replaced before it looks.
const CJK: Rule = plain(r"[[一-龥ࠀ-一가-퟿]&&\S]+");
const DIGIT: Rule = plain(r"\p{N}");
const THREE_DIGITS: Rule = plain(r"\p{N}{1,3}");
const UNTIL_STOP: Rule = plain(r" ?[^(\s|.,!?…。，、।۔،)]+");

/// Names, patterns in turn, and whether a word that is a token is taken whole without merging.
pub const TABLE: &[(&[&str], &[Rule], bool)] = &[
    (&["default"], &[plain(r"[\p{P}\$\+<=>\^~\|]+"), GPT2, plain(r"\p{N}+"), plain("[0-9][0-9][0-9]")], false),
    (
        &[
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "gigachat",
            "jina-v2-es",
            "jina-v2-de",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "jina-v1-en",
            "jina-v2-code",
            "roberta-bpe",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
            "exaone4",
        ],
        &[GPT2],
        false,
    ),
    (&["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"], &[DIGIT, GPT2], false),
    (
        &["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano", "glm4", "glm5"],
        &[LLAMA3],
        true,
    ),
    (&["dbrx", "smaug-bpe", "chatglm-bpe"], &[LLAMA3], false),
    (&["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"], &[QWEN2], false),
    (&["qwen35"], &[QWEN35], false),
    (&["minicpm5"], &[THREE_DIGITS, MINICPM5], true),
    (&["ufakzeka"], &[UFAKZEKA], false),
    (&["seed-coder"], &[SEED_CODER], false),
    (&["bailingmoe", "bailingmoe2", "llada-moe"], &[BAILING], false),
    (&["exaone-moe"], &[EXAONE_MOE], false),
    (&["laguna"], &[plain(r"[^\n]+|[\n]+"), QWEN2], false),
    (&["tekken"], &[TEKKEN], true),
    (&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], &[GPT4O], false),
    (&["granite-embed-multi-97m"], &[GRANITE_EMBED], true),
    (&["youtu"], &[plain(r"[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+"), YOUTU], true),
    (&["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], &[THREE_DIGITS, KANJI_KANA, DEEPSEEK3], false),
    (&["spark2_5"], &[THREE_DIGITS, KANJI_KANA, SPARK, DIGIT], false),
    (&["deepseek-llm"], &[plain("[\r\n]"), CASED, plain(r"\s?[!-/:-~！-／：-～‘-‟、。]+"), plain(r"\s+$"), CJK, plain(r"\p{N}+")], false),
    (&["deepseek-coder"], &[plain("[\r\n]"), plain(r"\s?\p{L}+"), plain(r"\s?\p{P}+"), CJK, DIGIT], false),
    (&["falcon"], &[plain(r"[\p{P}\$\+<=>\^~\|`]+"), GPT2, plain("[0-9][0-9][0-9]")], false),
    (&["poro-chat", "bloom", "gpt3-finnish"], &[UNTIL_STOP], false),
    (&["viking"], &[UNTIL_STOP, DIGIT], false),
    (&["jais-2"], &[JAIS2], false),
    (&["kimi-k2"], &[KIMI], false),
    (&["afmoe"], &[Rule::DigitGroups, SPACELESS, DEEPSEEK3], false),
    (&["tiny_aya", "cohere2moe"], &[Rule::DigitGroups, TINY_AYA], false),
    (&["superbpe"], &[plain(r"\p{N}+"), Rule::Thousands], false),
    (&["gemma4", "granite-embed-multi-311m", "sarvam-moe"], &[plain(r"[^\n]+|[\n]+")], false),
    (&["whitespace"], &[plain(r"\S+")], false),
    (
        &["chameleon"],
        &[plain("<sentinel:[0-9]+>"), plain("IMGIMG[A-I]{1,4}Z"), plain(r"[\t\n]|    |  "), DIGIT, plain(r"[\p{P}!-/:-@\[-`{-~]"), GPT2],
        false,
    ),
];
