//! One sentence for each word that a newcomer may not know: the help that appears when it is pointed at or focused.
//!
//! The table is sorted by term. Words are looked up without regard to case, so that a heading finds its entry too.

/// Terms and what they mean, sorted.
pub const TERMS: &[(&str, &str)] = &[
    ("activation", "A number the model computes on the way from your text to the next token; it is thrown away after each step."),
    ("activations", "The numbers the model computes on the way to the next token; they need memory while it works and are then reused."),
    ("allocated", "Bytes that the app's memory allocator has really handed out, counted independently of what the parts say they hold."),
    ("architecture", "The plan of the network, such as llama or qwen2: which layers there are and how they are joined."),
    ("available", "Memory the system could give to programs now without pushing anything else out."),
    ("bits per weight", "How many bits a weight takes on average; 16 is full quality as published, 4 is a quarter of the size."),
    ("booked", "Bytes that the owner of each buffer has entered in the app's ledger at the buffer's real size."),
    ("chat template", "A small program inside the model file that turns a conversation into the exact text the model was trained on."),
    ("context", "How many tokens the model can take into account at once: your messages, its answers and the system prompt together."),
    ("dtype", "How a number is stored, such as F32 (32 bits) or Q4_K (about 4.5 bits, in blocks)."),
    ("embedding", "The list of numbers that stands for a token inside the model."),
    ("end of turn", "The model gave the token that says: I have finished."),
    ("f16", "Numbers of 16 bits: half the memory of F32 with about three exact digits."),
    ("f32", "Numbers of 32 bits: about seven exact digits."),
    ("gguf", "A file format that holds a model's weights and everything needed to run it."),
    ("greedy", "Always take the most probable token, so that the same question gives the same answer."),
    ("head", "One of several parts of a layer that each look at earlier tokens in their own way."),
    ("kernel", "The innermost piece of code that multiplies weights with activations."),
    ("kv cache", "What the model remembers of the tokens it has read, so that it need not read them again; it grows with the context."),
    ("layer", "One of the model's repeated steps; each token passes through all of them."),
    ("logit", "The score the model gives a token before the scores are turned into probabilities."),
    ("max tokens", "The most tokens an answer may have before it is cut off."),
    ("metadata", "Named facts that the model file tells about itself."),
    ("min-p", "Tokens less probable than this share of the most probable one are never drawn."),
    ("parameters", "All numbers the model learned in training, mostly its weights."),
    ("peak", "The highest amount of memory at any moment, which is often while loading."),
    ("planned", "What the app computed from the file's header before loading anything."),
    ("prompt", "Everything the model reads before it answers, in the exact form it reads it."),
    ("q4_0", "Weights stored in 4 bits, in blocks of 32 that share one scale."),
    ("q4_1", "Weights stored in 4 bits, in blocks of 32 that share a scale and a minimum."),
    ("q4_k_m", "A mix of storage types: most weights in about 4.5 bits, the sensitive ones in about 6.5."),
    ("q6_k", "Weights stored in about 6.6 bits, in blocks of 256 with scales for each 16."),
    ("q8_0", "Weights stored in 8 bits, in blocks of 32 that share one scale: hard to tell from the original."),
    ("quantization", "Storing weights with fewer bits than they were trained with: smaller and faster, a little less exact."),
    ("reading", "The model takes in the prompt, many tokens at once, before it can write the first one."),
    ("repeat penalty", "Makes tokens that appeared lately less probable; 1 changes nothing."),
    ("repeat window", "How many tokens back the repeat penalty looks."),
    ("resident", "Bytes of this program that the operating system holds in physical memory now."),
    ("sampling", "How the next token is drawn from the probabilities."),
    ("seed", "The number that randomness starts from; the same seed and settings give the same answer."),
    ("staging", "Buffers that exist only while a model is being loaded."),
    ("stop strings", "Texts that end an answer as soon as they appear."),
    ("storage", "The types in which the file keeps its weights, by their share of the bytes."),
    ("system prompt", "An instruction that stands before the conversation and that the model should follow throughout."),
    ("temperature", "How much chance there is in the choice of words: 0 takes the likeliest, above 1 gets wild."),
    ("tensor", "A table of numbers with a name; a model is a few hundred of them."),
    ("threads", "How many processor threads compute at the same time."),
    ("tok/s", "Tokens per second; people read about five words in a second."),
    ("token", "A piece of text, about three quarters of an English word, that the model reads or writes in one step."),
    ("tokenizer", "The part that cuts text into tokens and puts tokens back together."),
    ("top-k", "Only this many of the most probable tokens can be drawn; 0 allows all."),
    ("top-p", "Only the most probable tokens that together reach this probability can be drawn; 1 allows all."),
    (
        "unaccounted",
        "Memory of this program that no part has entered in the ledger: the window, fonts, code and free space kept by the system.",
    ),
    ("vocabulary", "All tokens the model knows."),
    ("weight", "One of the numbers the model learned; together they are what it knows."),
    ("weights", "The numbers the model learned in training; they stay in memory as long as it is loaded."),
];

/// What a term means; `None` for a word that is not in the table.
#[must_use]
pub fn explain(term: &str) -> Option<&'static str> {
    let term = term.to_lowercase();
    TERMS.binary_search_by(|(name, _)| (*name).cmp(term.as_str())).ok().map(|found| TERMS[found].1)
}
