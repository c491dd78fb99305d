//! Which tensor gets which type: llama.cpp's own choices for a model of 24 layers, rows that fall back, and what is kept apart.

use ponder::file::DType;
use ponder::inspect::Model;
use ponder::lab::label::{Keep, Label, dtype_named};
use ponder::lab::mix::{Mix, Recipe};

use crate::support::gguf_writer::{GgufBuilder, ggml};
use crate::support::loaded::open;

/// A llama's header with so many layers and this width; tensors have few rows, which no rule looks at.
fn llama(layers: u32, width: u64, tied: bool) -> Model {
    let mut builder = GgufBuilder::new()
        .kv("general.architecture", "llama")
        .kv("general.file_type", 1_u32)
        .kv("llama.block_count", layers)
        .kv("llama.attention.head_count", 32_u32)
        .kv("llama.attention.head_count_kv", 8_u32);
    let matrix =
        |builder: GgufBuilder, name: &str| builder.tensor(name, &[2, width], ggml::F16, vec![0; usize::try_from(4 * width).unwrap()]);
    builder = matrix(builder, "token_embd.weight");
    for layer in 0..layers {
        builder = builder.f32_tensor(&format!("blk.{layer}.attn_norm.weight"), &[4], &[1.0; 4]);
        for part in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "ffn_gate_inp"] {
            builder = matrix(builder, &format!("blk.{layer}.{part}.weight"));
        }
    }
    if !tied {
        builder = matrix(builder, "output.weight");
    }
    let (_folder, path) = crate::support::file("llama.gguf", &builder.bytes());
    open(&path)
}

fn mix(model: &Model, label: Label) -> Mix {
    Mix::of(model, &Recipe::of(label)).unwrap()
}

/// The layers in which a part is not of the label's type, by type.
fn exceptions(mix: &Mix, part: &str, usual: DType) -> Vec<(DType, Vec<usize>)> {
    let mut found: Vec<(DType, Vec<usize>)> = Vec::new();
    for layer in 0..24 {
        let dtype = mix.dtype_of(&format!("blk.{layer}.{part}.weight")).unwrap();
        if dtype != usual {
            match found.iter_mut().find(|(of, _)| *of == dtype) {
                Some((_, layers)) => layers.push(layer),
                None => found.push((dtype, vec![layer])),
            }
        }
    }
    found
}

/// A label, its usual type, its head's, and what values, narrowing projections and attention's output have in which layers.
type Expected = (Label, DType, DType, [Vec<(DType, Vec<usize>)>; 3]);

const MORE_BITS: [usize; 12] = [0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23];

/// What llama.cpp (llama-cpp-python 0.3.36) made of a random llama of 24 layers, 512 wide, with 32 heads sharing 8.
#[test]
fn every_label_is_what_llama_cpp_makes_of_it() {
    use DType::{IQ4NL, IQ4XS, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    let all = || (0..24).collect::<Vec<usize>>();
    let from = |first: usize| (first..24).collect::<Vec<usize>>();
    let expected: [Expected; 18] = [
        (Label::F16, DType::F16, DType::F16, [vec![], vec![], vec![]]),
        (Label::BF16, DType::BF16, DType::BF16, [vec![], vec![], vec![]]),
        (Label::Q8_0, Q8_0, Q8_0, [vec![], vec![], vec![]]),
        (Label::Q6K, Q6K, Q6K, [vec![], vec![], vec![]]),
        (Label::Q5KM, Q5K, Q6K, [vec![(Q6K, MORE_BITS.to_vec())], vec![(Q6K, MORE_BITS.to_vec())], vec![]]),
        (Label::Q5KS, Q5K, Q6K, [vec![], vec![], vec![]]),
        (Label::Q5_1, Q5_1, Q6K, [vec![], vec![], vec![]]),
        (Label::Q5_0, Q5_0, Q6K, [vec![], vec![], vec![]]),
        (Label::Q4_1, Q4_1, Q6K, [vec![], vec![], vec![]]),
        (Label::Q4KM, Q4K, Q6K, [vec![(Q6K, MORE_BITS.to_vec())], vec![(Q6K, MORE_BITS.to_vec())], vec![]]),
        (Label::Q4KS, Q4K, Q6K, [vec![(Q5K, vec![0, 1, 2, 3])], vec![(Q5K, vec![0, 1, 2])], vec![]]),
        (Label::Q4_0, Q4_0, Q6K, [vec![], vec![], vec![]]),
        (Label::Iq4Nl, IQ4NL, Q6K, [vec![(Q5K, all())], vec![(Q5K, vec![0, 1, 2])], vec![]]),
        (Label::Iq4Xs, IQ4XS, Q6K, [vec![(Q5K, all())], vec![(Q5K, vec![0, 1, 2])], vec![]]),
        (Label::Q3KL, Q3K, Q6K, [vec![(Q5K, all())], vec![(Q5K, all())], vec![(Q5K, all())]]),
        (Label::Q3KM, Q3K, Q6K, [vec![(Q5K, vec![0, 1]), (Q4K, from(2))], vec![(Q5K, vec![0]), (Q4K, from(1))], vec![(Q4K, all())]]),
        (Label::Q3KS, Q3K, Q6K, [vec![], vec![], vec![]]),
        (Label::Q2K, Q2K, Q6K, [vec![(Q4K, all())], vec![(Q3K, all())], vec![(Q3K, all())]]),
    ];
    let model = llama(24, 512, false);
    for (label, usual, head, parts) in expected {
        let mix = mix(&model, label);
        let found = ["attn_v", "ffn_down", "attn_output"].map(|part| exceptions(&mix, part, usual));
        assert_eq!((found, mix.dtype_of("output.weight")), (parts, Some(head)), "{}", label.name());
        for part in ["attn_q", "attn_k", "ffn_gate", "ffn_up"] {
            assert_eq!(exceptions(&mix, part, usual), [], "{} {part}", label.name());
        }
        assert_eq!(mix.dtype_of("token_embd.weight"), Some(usual), "{}", label.name());
        assert_eq!(mix.dtype_of("blk.3.attn_norm.weight"), Some(DType::F32));
        assert_eq!(mix.dtype_of("blk.3.ffn_gate_inp.weight"), Some(DType::F16), "what chooses experts stays");
        assert_eq!(mix.fallbacks(), 0);
    }
}

#[test]
fn an_embedding_that_is_the_head_is_treated_as_one() {
    let mix = mix(&llama(2, 512, true), Label::Q4KM);
    assert_eq!(mix.dtype_of("token_embd.weight"), Some(DType::Q6K));
}

#[test]
fn rows_that_are_no_whole_blocks_fall_back_and_are_told() {
    let model = llama(2, 576, true);
    for (label, expected) in [
        (Label::Q6K, DType::Q8_0),
        (Label::Q5KS, DType::Q5_1),
        (Label::Q4KS, DType::Q5_0),
        (Label::Q3KS, DType::Q4_0),
        (Label::Q2K, DType::Q4_0),
        (Label::Iq4Xs, DType::IQ4NL),
        (Label::Q4_1, DType::Q4_1),
    ] {
        let mix = mix(&model, label);
        assert_eq!(mix.dtype_of("blk.1.attn_q.weight"), Some(expected), "{}", label.name());
        assert_eq!(
            mix.dtype_of("token_embd.weight"),
            Some(if label == Label::Q4_1 { DType::Q6K } else { DType::Q8_0 }).map(|dtype| {
                // A head whose rows are no blocks of 256 is eight bits wide, also where the label's own blocks fit.
                if dtype == DType::Q6K { DType::Q8_0 } else { dtype }
            })
        );
        let narrow = mix.tensors.iter().filter(|tensor| tensor.to != tensor.wanted).count();
        assert_eq!(mix.fallbacks(), narrow);
    }
    let mix = mix(&model, Label::Q4KM);
    assert!(mix.really().starts_with("Q5_0 ") && mix.really().contains("Q8_0 "), "{}", mix.really());
    assert!((5.5..8.5).contains(&mix.bits_per_weight()), "{}", mix.bits_per_weight());
}

#[test]
fn a_single_type_goes_everywhere() {
    for label in [Label::Q4K, Label::Q5K, Label::Q3K] {
        let mix = mix(&llama(8, 512, false), label);
        assert!(mix.tensors.iter().filter(|tensor| tensor.from != tensor.to).all(|tensor| tensor.to == label.dtype()));
        assert_eq!(mix.dtype_of("output.weight"), Some(label.dtype()));
    }
    let recipe = Recipe { pure: true, ..Recipe::of(Label::Q4KM) };
    assert_eq!(Mix::of(&llama(8, 512, false), &recipe).unwrap().dtype_of("blk.0.attn_v.weight"), Some(DType::Q4K));
    assert_eq!(recipe.name(), "Q4_K_M pure");
}

#[test]
fn what_is_kept_apart_is_kept_and_does_not_count_as_a_layer() {
    let keep = |text: &str| Keep::parse(text).unwrap();
    let recipe = Recipe { keep: vec![keep("blk.0.*=q8_0"), keep("attn_k=F16"), keep("blk.0.attn_k=q2_k")], ..Recipe::of(Label::Q4KS) };
    let mix = Mix::of(&llama(24, 512, false), &recipe).unwrap();
    let of = |name: &str| mix.dtype_of(name).unwrap();
    assert_eq!((of("blk.0.attn_k.weight"), of("blk.0.ffn_up.weight")), (DType::Q8_0, DType::Q8_0), "the first that matches counts");
    assert_eq!((of("blk.1.attn_k.weight"), of("blk.10.attn_k.weight")), (DType::F16, DType::F16));
    assert_eq!(of("blk.0.attn_norm.weight"), DType::F32, "a norm stays whatever is asked");
    // llama.cpp counts the layers that its rules see: four of them get more bits, and the first is not among them.
    assert_eq!(exceptions(&mix, "attn_v", DType::Q4K), [(DType::Q8_0, vec![0]), (DType::Q5K, vec![1, 2, 3, 4])]);
    assert_eq!(recipe.name(), "Q4_K_S but blk.0.* Q8_0, attn_k F16, blk.0.attn_k Q2_K");
    assert_eq!(Recipe::default().but(&recipe.keep).name(), "as stored but blk.0.* Q8_0, attn_k F16, blk.0.attn_k Q2_K");
}

#[test]
fn patterns_match_parts_of_names_or_all_of_them() {
    let matches = |pattern: &str, name: &str| Keep { pattern: pattern.into(), dtype: DType::F16 }.matches(name);
    for (pattern, name) in
        [("attn_v", "blk.7.attn_v.weight"), ("blk.?.attn_*", "blk.7.attn_v.weight"), ("*", ""), ("*.weight", "output.weight")]
    {
        assert!(matches(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in
        [("attn_v", "blk.7.attn_q.weight"), ("blk.?.attn_*", "blk.17.attn_v.weight"), ("blk.*", "output.weight"), ("*x", "")]
    {
        assert!(!matches(pattern, name), "{pattern} {name}");
    }
    // Many stars take no more than the product of the lengths.
    assert!(!matches(&"*a".repeat(2000), &"a".repeat(1999)));
}

#[test]
fn what_is_no_override_is_refused_with_the_types_there_are() {
    for text in ["", "attn_v", "attn_v=", "=q8_0", "attn_v=q9_0", "attn_v=iq2_xxs", "attn_v=i8"] {
        let error = Keep::parse(text).unwrap_err().to_string();
        assert!(error.contains("PATTERN=TYPE") && error.contains("q4_k"), "{text}: {error}");
    }
    assert_eq!(dtype_named("q4_k"), Some(DType::Q4K));
    assert_eq!(dtype_named("unknown type 40"), None);
}

#[test]
fn as_stored_changes_nothing() {
    let model = llama(4, 512, false);
    let mix = Mix::of(&model, &Recipe::default()).unwrap();
    assert!(mix.tensors.iter().all(|tensor| tensor.from == tensor.to));
    assert_eq!(mix.bytes, model.tensor_bytes());
    assert_eq!(mix.file_type(&model), Some(1));
    assert!(Label::ALL.iter().all(|label| Label::named(&label.name().to_lowercase()) == Some(*label)));
}
