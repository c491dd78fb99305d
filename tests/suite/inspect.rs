//! What a file means: roles, parts, mix, and the spec with every way in which metadata and tensors can contradict each other.

use ponder::cli::inspect::{Here, json, text};
use ponder::error::Error;
use ponder::file::{DType, ModelFile};
use ponder::inspect::passport::{runs_here, runtimes};
use ponder::inspect::roles::{Role, layer};
use ponder::inspect::spec::{LayerSpec, ModelSpec, RopeFactors, RopeScaling, RopeSpec, RopeStyle};
use ponder::inspect::{Kind, Model};
use ponder::kernels::elementwise::Activation;

use crate::support::gguf_writer::{GgufBuilder, Kv, ggml};
use crate::support::tiny_llama::{N_VOCAB, TinyLlama};
use crate::support::{file, starter};

fn tiny() -> GgufBuilder {
    TinyLlama::default().gguf()
}

fn read(builder: &GgufBuilder) -> Model {
    let (_folder, path) = file("Tiny-llama-F32.gguf", &builder.bytes());
    Model::read(ModelFile::open(&path).unwrap())
}

#[track_caller]
fn spec(builder: &GgufBuilder) -> ModelSpec {
    read(builder).spec.unwrap()
}

#[track_caller]
fn cannot_run(builder: &GgufBuilder, expected: &[&str]) {
    let model = read(builder);
    let text = model.spec.unwrap_err().to_string();
    for part in expected {
        assert!(text.contains(part), "`{part}` isn't in `{text}`");
    }
}

// --- the spec

#[test]
fn a_spec_is_what_the_metadata_says() {
    let spec = spec(&tiny());
    assert_eq!(spec.architecture, "llama");
    assert_eq!([spec.n_layers, spec.n_embd, spec.n_ff, spec.n_heads, spec.n_kv_heads], [2, 64, 96, 4, 2]);
    assert_eq!([spec.head_dim, spec.rope_dim, spec.n_ctx_train], [16, 16, 512]);
    assert_eq!([spec.n_vocab, spec.n_logits], [usize::try_from(N_VOCAB).unwrap(); 2]);
    assert_eq!((spec.rope_style, spec.rms_eps, spec.activation), (RopeStyle::Interleaved, 1e-5, Activation::Silu));
    let rope = RopeSpec { theta: 10_000.0, scaling: RopeScaling::None, factors: RopeFactors::None, magnitude: 1.0 };
    assert_eq!((spec.rope, spec.local_rope), (rope, rope));
    assert_eq!(spec.layers, [LayerSpec { window: None, rotates: true }; 2]);
    assert_eq!([spec.embedding_scale, spec.attention_scale, spec.residual_scale, spec.logit_scale], [1.0, 0.25, 1.0, 1.0]);
    assert_eq!((spec.attention_cap, spec.logit_cap), (None, None));
    assert!(spec.tied_head && !spec.qkv_bias && !spec.attn_output_bias && !spec.fused_gate_up && !spec.has_local_rope());
}

#[test]
fn what_the_file_leaves_out_has_llamas_defaults() {
    let builder = TinyLlama { n_kv_heads: 4, ..TinyLlama::default() }
        .gguf()
        .without("llama.attention.head_count_kv")
        .without("llama.rope.freq_base")
        .without("llama.rope.dimension_count")
        .without("llama.vocab_size");
    let spec = spec(&builder);
    assert_eq!((spec.n_kv_heads, spec.rope_dim, spec.rope.theta), (4, 16, 10_000.0));
}

#[test]
fn optional_tensors_are_noticed() {
    let untied = TinyLlama { tied_head: false, ..TinyLlama::default() }.gguf();
    assert!(!spec(&untied).tied_head);
    let spec = spec(&tiny().f32_tensor("rope_freqs.weight", &[8], &[1.0; 8]).f32_tensor("blk.1.attn_q.bias", &[64], &[0.0; 64]));
    assert!(spec.rope.factors == RopeFactors::Always && spec.qkv_bias && !spec.attn_output_bias);
}

#[test]
fn a_head_may_be_wider_than_its_share() {
    let mut builder = tiny().kv("llama.attention.key_length", 32_u32).set("llama.rope.dimension_count", 32_u32);
    for layer in 0..2 {
        for (part, shape) in [("attn_q", [128, 64]), ("attn_k", [64, 64]), ("attn_v", [64, 64]), ("attn_output", [64, 128])] {
            let name = format!("blk.{layer}.{part}.weight");
            builder = builder.without_tensor(&name).f32_tensor(
                &name,
                &shape,
                &vec![0.0; 64 * usize::try_from(shape.iter().max().copied().unwrap()).unwrap()],
            );
        }
    }
    assert_eq!(spec(&builder).head_dim, 32);
}

#[test]
fn rope_scaling_is_read_or_refused() {
    let scaled = |kind: &str, factor: f32| tiny().kv("llama.rope.scaling.type", kind).kv("llama.rope.scaling.factor", factor);
    assert_eq!(spec(&scaled("linear", 4.0)).rope.scaling, RopeScaling::Linear { factor: 4.0 });
    assert_eq!(spec(&tiny().kv("llama.rope.scale_linear", 2.0_f32)).rope.scaling, RopeScaling::Linear { factor: 2.0 });
    assert_eq!(spec(&scaled("none", 4.0)).rope.scaling, RopeScaling::None);
    assert_eq!(spec(&scaled("linear", 0.0)).rope.scaling, RopeScaling::None);
    assert_eq!(spec(&scaled("longrope", 0.0)).rope.scaling, RopeScaling::None);
    let yarn = spec(&scaled("yarn", 4.0).kv("llama.rope.scaling.original_context_length", 128_u32)).rope;
    assert_eq!(yarn.scaling, RopeScaling::Yarn { factor: 4.0, original_context: 128 });
    assert!((yarn.magnitude - 1.138_629).abs() < 1e-6);
    let odd = read(&scaled("yarn", 4.0).kv("llama.rope.scaling.yarn_beta_fast", 16.0_f32));
    assert!(odd.warnings.iter().any(|text| text.contains("yarn_beta_fast` is 16; as llama.cpp, Ponder takes 32")), "{:?}", odd.warnings);
    cannot_run(&scaled("dynamic", 4.0), &["rope scaling `dynamic`"]);
    cannot_run(&scaled("linear", f32::NAN), &["key `llama.rope.scaling.factor`", "f32 NaN"]);
    cannot_run(&scaled("linear", -1.0), &["key `llama.rope.scaling.factor`"]);
}

#[test]
fn a_block_count_is_held_against_the_tensors() {
    for count in [0_u32, 513, 100_000_000, u32::MAX] {
        cannot_run(&tiny().set("llama.block_count", count), &["key `llama.block_count`", &format!("u32 {count}")]);
    }
    cannot_run(&tiny().set("llama.block_count", 3_u32), &["2: the file has tensors for 2 blocks", "found u32 3"]);
    let one = TinyLlama { n_layers: 1, ..TinyLlama::default() }.gguf();
    cannot_run(&one.set("llama.block_count", 513_u32), &["the file has tensors for 1 block"]);
    cannot_run(
        &tiny().f32_tensor("blk.4294967294.attn_norm.weight", &[64], &[0.0; 64]).set("llama.block_count", u32::MAX),
        &["tensor `blk.2.attn_output.weight`", "none"],
    );
    cannot_run(&tiny().f32_tensor("blk.18446744073709551615.x", &[1], &[0.0]), &["key `llama.block_count`"]);
}

#[test]
fn a_mixture_of_experts_is_not_run_yet() {
    for count in [8_u32, u32::MAX] {
        cannot_run(&tiny().kv("llama.expert_count", count), &["mixture of experts", "not yet"]);
    }
    assert!(read(&tiny().kv("llama.expert_count", 0_u32)).spec.is_ok());
}

#[test]
fn heads_are_held_against_each_other_and_the_tensors() {
    let heads = |n: u32| tiny().set("llama.attention.head_count", n);
    cannot_run(&heads(0), &["key `llama.attention.head_count`", "u32 0"]);
    cannot_run(&heads(3), &["key `llama.attention.head_count"]);
    cannot_run(&heads(u32::MAX), &["key `llama.attention.head_count"]);
    for kv in [0_u32, 3, 8] {
        cannot_run(&tiny().set("llama.attention.head_count_kv", kv), &["key `llama.attention.head_count_kv`", "divisor of the 4 heads"]);
    }
    cannot_run(&tiny().set("llama.attention.head_count_kv", 1_u32), &["tensor `blk.0.attn_k.weight`", "[16, 64]", "[32, 64]"]);
    cannot_run(&tiny().kv("llama.attention.key_length", 0_u32), &["key `llama.attention.key_length`"]);
    cannot_run(&tiny().kv("llama.attention.key_length", u64::MAX / 2), &["key `llama."]);
    cannot_run(&tiny().kv("llama.attention.value_length", 8_u32), &["key `llama.attention.value_length`"]);
}

#[test]
fn a_wrong_width_is_refused_with_both_shapes() {
    cannot_run(&tiny().set("llama.embedding_length", 128_u32), &["tensor `token_embd.weight`", "[vocabulary, 128]", "[259, 64]"]);
    cannot_run(&tiny().set("llama.embedding_length", 0_u32), &["key `llama.embedding_length`"]);
    cannot_run(&tiny().set("llama.feed_forward_length", 128_u32), &["tensor `blk.0.ffn_gate.weight`", "[128, 64]", "[96, 64]"]);
}

#[test]
fn a_context_is_clamped_with_a_notice() {
    for stated in [10_485_760_u32, u32::MAX] {
        let model = read(&tiny().set("llama.context_length", stated));
        assert_eq!(model.spec.unwrap().n_ctx_train, 1 << 20);
        assert!(model.warnings.iter().any(|text| text.contains("Ponder offers up to 1,048,576")), "{:?}", model.warnings);
    }
    cannot_run(&tiny().set("llama.context_length", 0_u32), &["key `llama.context_length`"]);
}

#[test]
fn constants_that_make_no_sense_are_refused() {
    for dim in [0_u32, 7, u32::MAX] {
        cannot_run(&tiny().set("llama.rope.dimension_count", dim), &["key `llama.rope.dimension_count`", &dim.to_string()]);
    }
    for eps in [0.0, f32::NAN, f32::INFINITY, -1e-5] {
        cannot_run(&tiny().set("llama.attention.layer_norm_rms_epsilon", eps), &["key `llama.attention.layer_norm_rms_epsilon`"]);
    }
    for base in [0.0, f32::INFINITY, f32::NAN] {
        cannot_run(&tiny().set("llama.rope.freq_base", base), &["key `llama.rope.freq_base`"]);
    }
}

#[test]
fn missing_keys_and_keys_of_another_kind_are_named() {
    for key in ["block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count"] {
        let key = format!("llama.{key}");
        cannot_run(&tiny().without(&key), &[&format!("key `{key}`"), "found no such key"]);
        cannot_run(&tiny().set(&key, "many"), &[&format!("key `{key}`"), "found string \"many\""]);
        cannot_run(&tiny().set(&key, vec![4_u32, 4]), &[&format!("key `{key}`"), "found array of 2 u32"]);
        cannot_run(&tiny().set(&key, -4_i32), &[&format!("key `{key}`"), "found i32 -4"]);
    }
    cannot_run(&tiny().without("llama.attention.layer_norm_rms_epsilon"), &["layer_norm_rms_epsilon", "no such key"]);
    assert!(read(&tiny().set("llama.block_count", 2_u64)).spec.is_ok(), "a wider integer is an integer");
    cannot_run(&tiny().set("llama.block_count", (1_u64 << 32) + 2), &["key `llama.block_count`"]);
}

#[test]
fn tensors_of_another_shape_are_named_with_both_shapes() {
    let with = |name: &str, shape: &[u64]| {
        let len = usize::try_from(shape.iter().product::<u64>()).unwrap();
        tiny().without_tensor(name).f32_tensor(name, shape, &vec![0.0; len])
    };
    cannot_run(&with("blk.1.attn_q.weight", &[60, 64]), &["tensor `blk.1.attn_q.weight`", "[64, 64]", "found [60, 64]"]);
    cannot_run(&with("token_embd.weight", &[259 * 64]), &["tensor `token_embd.weight`", "[16576]"]);
    cannot_run(&with("output_norm.weight", &[1, 64]), &["tensor `output_norm.weight`", "[64]", "found [1, 64]"]);
    cannot_run(&with("output.weight", &[259, 32]), &["tensor `output.weight`"]);
    for name in ["token_embd.weight", "output_norm.weight", "blk.0.ffn_down.weight"] {
        cannot_run(&tiny().without_tensor(name), &[&format!("tensor `{name}`"), "found none"]);
    }
}

#[test]
fn a_tensor_that_nothing_uses_forbids_to_run() {
    cannot_run(&tiny().f32_tensor("blk.0.attn_q_norm.weight", &[16], &[0.0; 16]), &["tensor `blk.0.attn_q_norm.weight`", "would be wrong"]);
    let rotary = tiny().f32_tensor("blk.0.attn_rot_embd", &[8], &[0.0; 8]);
    let model = read(&rotary);
    assert!(model.spec.is_ok());
    assert_eq!(model.used_tensors().count() + 1, model.file.tensors.len());
}

#[test]
fn a_file_with_faults_is_browsed_and_not_run() {
    cannot_run(&tiny().kv("llama.block_count", 2_u32), &["the key `llama.block_count` stands at"]);
    let bytes = tiny().bytes();
    let (_folder, path) = file("cut.gguf", &bytes[..bytes.len() - 100]);
    let model = Model::read(ModelFile::open(&path).unwrap());
    assert!(model.spec.unwrap_err().to_string().contains("100 bytes short (download incomplete?)"));
    assert_eq!(model.file.tensors.len(), 20);
}

#[test]
fn an_unknown_architecture_is_browsed() {
    let builder = tiny().set("general.architecture", "seahorse");
    cannot_run(
        &builder,
        &["architecture `seahorse`", "Ponder runs llama, qwen2, qwen3, gemma2, gemma3, phi3, smollm3, granite, olmo2 so far"],
    );
    assert_eq!(read(&builder).parts.len(), 4);
    cannot_run(&tiny().without("general.architecture"), &["key `general.architecture`"]);
    cannot_run(&GgufBuilder::new(), &["key `general.architecture`"]);
}

#[test]
fn vocabularies_that_differ_are_told() {
    let model = read(&tiny().set("llama.vocab_size", 300_u32));
    assert!(model.spec.is_ok());
    assert!(model.warnings.iter().any(|text| text == "the metadata states 300 tokens, the embedding 259"), "{:?}", model.warnings);
}

// --- what isn't a model by itself

#[test]
fn projectors_adapters_and_vocabularies_say_what_they_are() {
    for (builder, kind, expected) in [
        (tiny().kv("general.type", "mmproj"), Kind::Projector, "a projector"),
        (tiny().set("general.architecture", "clip"), Kind::Projector, "a projector"),
        (tiny().kv("general.type", "adapter"), Kind::Adapter, "an adapter"),
        (GgufBuilder::new().kv("tokenizer.ggml.tokens", vec!["a"]), Kind::Vocabulary, "a vocabulary without weights"),
    ] {
        let model = read(&builder);
        assert_eq!(model.kind, kind);
        assert!(model.warnings.iter().any(|text| text.contains(expected)));
        assert!(matches!(&model.spec, Err(Error::Unsupported { why, .. }) if why.contains(expected)));
    }
    assert_eq!(read(&tiny()).kind, Kind::Model);
}

// --- roles, parts, mix

#[test]
fn roles_come_from_names() {
    for (name, role) in [
        ("token_embd.weight", Role::Embedding),
        ("blk.0.attn_q.weight", Role::AttnQ),
        ("blk.12.attn_k.weight", Role::AttnK),
        ("blk.0.attn_v.weight", Role::AttnV),
        ("blk.0.attn_qkv.weight", Role::AttnQkv),
        ("blk.0.attn_output.weight", Role::AttnOutput),
        ("blk.0.ffn_gate.weight", Role::FfnGate),
        ("blk.0.ffn_up_exps.weight", Role::FfnUp),
        ("blk.0.ffn_down_shexp.weight", Role::FfnDown),
        ("blk.0.attn_norm.weight", Role::Norm),
        ("blk.0.attn_q_norm.weight", Role::Norm),
        ("output_norm.weight", Role::Norm),
        ("output.weight", Role::Output),
        ("rope_freqs.weight", Role::Rope),
        ("v.patch_embd.weight", Role::Conv),
        ("blk.0.ssm_conv1d.weight", Role::Conv),
        ("blk.0.attn_q.bias", Role::Bias),
        ("output_norm.bias", Role::Bias),
        ("blk.0.attn_q.weight.lora_a", Role::AttnQ),
        ("blk.0.ffn_gate_inp.weight", Role::Other),
        ("", Role::Other),
    ] {
        assert_eq!(Role::of(name), role, "{name}");
    }
    assert_eq!(layer("blk.12.attn_k.weight"), Some(12));
    for name in ["blk.012.x", "blk.+1.x", "blk.-1.x", "blk..x", "blk.3", "output.weight", "blk.99999999999999999999.x"] {
        assert_eq!(layer(name), None, "{name}");
    }
}

#[test]
fn parts_and_mix_add_up_to_the_tensors() {
    let model = read(&TinyLlama { tied_head: false, matrices: ggml::Q8_0, ..TinyLlama::default() }.gguf());
    let parts: Vec<_> = model.parts.iter().map(|part| (part.name, part.tensors)).collect();
    assert_eq!(parts, [("token embedding", 1), ("attention", 8), ("feed-forward", 6), ("norms", 5), ("output head", 1)]);
    assert_eq!(model.parts.iter().map(|part| part.bytes).sum::<ponder::units::Bytes>(), model.tensor_bytes());
    let mix: Vec<_> = model.mix.iter().map(|share| (share.dtype, share.tensors)).collect();
    assert_eq!(mix, [(DType::Q8_0, 16), (DType::F32, 5)]);
    assert!((model.mix.iter().map(|share| share.share).sum::<f64>() - 1.0).abs() < 1e-12);
    // 64 × 34/32 bytes for each row of the embedding; only one row of it is read for a token.
    assert_eq!(model.weight_bytes_per_token(|tensor| tensor.bytes).0, model.tensor_bytes().0 - 258 * 68);
    assert_eq!(model.quantization().as_deref(), Some("Q8_0"));
}

#[test]
fn a_name_is_the_files_without_part_and_type() {
    for (name, expected) in [
        ("SmolLM2-135M-Instruct.F32.gguf", "SmolLM2-135M-Instruct"),
        ("tiny-f32.gguf", "tiny"),
        ("F32.gguf", "F32"),
        ("tiny", "tiny"),
        ("größe.gguf", "größe"),
        ("sha256-0123.gguf", "Tiny llama"),
    ] {
        let (_folder, path) = file(name, &tiny().bytes());
        assert_eq!(Model::read(ModelFile::open(&path).unwrap()).name(), expected, "{name}");
    }
    assert_eq!(read(&tiny()).label(), "Tiny-llama F32");
}

// --- where it runs

#[test]
fn a_missing_kernel_is_named_with_its_tensor() {
    let model = read(&tiny());
    assert!(runs_here(&model, &|_| true).ok());
    let here = runs_here(&model, &|tensor| tensor.shape.len() < 2);
    assert!(here.loader && !here.kernel && !here.ok());
    assert_eq!(here.why, "no kernel for F32 (tensor `token_embd.weight` and 14 more)");
    let here = runs_here(&read(&tiny().set("general.architecture", "seahorse")), &|_| true);
    assert!(!here.loader && here.why.contains("seahorse"));
}

#[test]
fn an_architecture_that_is_not_here_is_answered_in_full() {
    let of = |name: &str, kernel: bool| runs_here(&read(&tiny().set("general.architecture", name)), &|_| kernel).why;
    let mamba = of("mamba", true);
    for part in [
        "`mamba`",
        "a recurrent state",
        "memory can't be planned",
        "there is a kernel for every type",
        "llama.cpp, Ollama and LM Studio run it",
    ] {
        assert!(mamba.contains(part), "`{part}` isn't in `{mamba}`");
    }
    let unknown = of("seahorse", false);
    for part in ["no kernel for F32", "no program that Ponder knows runs it"] {
        assert!(unknown.contains(part), "`{part}` isn't in `{unknown}`");
    }
}

#[test]
fn other_programs_are_judged_by_the_header() {
    let ok = |builder: &GgufBuilder| runtimes(&read(builder)).iter().map(|runtime| (runtime.name, runtime.ok)).collect::<Vec<_>>();
    assert_eq!(ok(&tiny()), [("llama.cpp", true), ("Ollama", true), ("LM Studio", true), ("candle", true)]);
    assert!(ok(&tiny().tensor("x", &[32], 39, [0; 17]))[0].1, "llama.cpp has MXFP4");
    assert!(!ok(&tiny().tensor("x", &[32], 39, [0; 17]))[3].1, "candle has not");
    assert!(ok(&tiny().set("general.architecture", "seahorse")).iter().all(|(_, ok)| !ok));
    assert!(ok(&tiny().kv("llama.block_count", 2_u32)).iter().take(3).all(|(_, ok)| !ok));
}

// --- what the command prints

fn here(model: &Model) -> Here {
    Here { runs: runs_here(model, &|_| true), memory: Some(Ok(())) }
}

#[test]
fn the_json_has_the_contracts_keys() {
    let model = read(&tiny().kv("odd.nan", f32::NAN).kv("odd.list", vec!["x"; 200]).kv("odd.raw", Kv::Str(vec![0xff])));
    let value = json(&model, &here(&model));
    for key in [
        "format",
        "architecture",
        "family",
        "parameters",
        "file_bytes",
        "tensor_count",
        "tensors",
        "metadata",
        "parts",
        "precision",
        "runs_here",
        "runtimes",
        "warnings",
    ] {
        assert!(value.get(key).is_some(), "{key}");
    }
    assert_eq!(value["format"], "GGUF");
    assert_eq!(value["tensor_count"], 20);
    let tensor = &value["tensors"][1];
    assert_eq!(
        (tensor["name"].as_str(), tensor["role"].as_str(), tensor["dtype"].as_str()),
        (Some("blk.0.attn_norm.weight"), Some("norm"), Some("F32"))
    );
    assert_eq!((&tensor["shape"], &tensor["bytes"]), (&serde_json::json!([64]), &serde_json::json!(256)));
    assert_eq!(tensor["offset"], model.file.tensors[1].offset);
    assert_eq!(value["metadata"]["llama.attention.layer_norm_rms_epsilon"], 1e-5);
    assert_eq!(value["metadata"]["odd.nan"], "nan");
    assert_eq!(
        (&value["metadata"]["odd.list"]["count"], value["metadata"]["odd.list"]["first"].as_array().unwrap().len()),
        (&serde_json::json!(200), 100)
    );
    for key in ["ok", "loader", "memory", "kernel"] {
        assert_eq!(value["runs_here"][key], true, "{key}");
    }
    assert_eq!(value["precision"][0]["kernel"], "dot f32");
    // The norms have a kernel of their own.
    assert_eq!(value["precision"][0]["tensors"], 15);
}

#[test]
fn memory_that_does_not_hold_it_is_a_reason() {
    let model = read(&tiny());
    let here = Here { memory: Some(Err("needs 44.1 GiB, has 21.9".into())), ..here(&model) };
    let value = json(&model, &here);
    assert_eq!((&value["runs_here"]["ok"], &value["runs_here"]["memory"]), (&false.into(), &false.into()));
    assert_eq!(value["runs_here"]["why"], "needs 44.1 GiB, has 21.9");
    assert!(text(&model, &here).contains("memory doesn't hold it"));
}

#[test]
fn the_text_is_harmless_lines() {
    let model = read(&tiny().kv("evil\u{1b}[2J", "a\nb\u{202e}c").f32_tensor("x\n", &[1], &[0.0]));
    let text = text(&model, &here(&model));
    assert!(text.contains("has no use for it"));
    let honest = read(&tiny());
    assert!(ponder::cli::inspect::text(&honest, &here(&honest)).contains("2 layers, 64 wide, 4 heads of 16 (2 for keys and values)"));
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text}");
}

#[test]
fn the_starter_model_means_what_its_page_says() {
    let Some(path) = starter() else {
        eprintln!("skipped: the starter model isn't on this machine");
        return;
    };
    let model = Model::read(ModelFile::open(&path).unwrap());
    let spec = model.spec.as_ref().unwrap();
    assert_eq!((spec.n_layers, spec.n_heads, spec.n_kv_heads, spec.head_dim), (30, 9, 3, 64));
    assert_eq!((spec.n_embd, spec.n_ff, spec.n_ctx_train, spec.n_vocab), (576, 1536, 8192, 49_152));
    assert_eq!((spec.tied_head, spec.rope.theta, spec.rms_eps), (true, 100_000.0, 1e-5));
    assert_eq!((model.parameters, model.label()), (134_515_008, "SmolLM2-135M-Instruct Q4_1".into()));
    assert_eq!(model.mix.iter().map(|share| share.dtype).collect::<Vec<_>>(), [DType::Q4_1, DType::Q8_0, DType::F32]);
    assert!(model.warnings.is_empty(), "{:?}", model.warnings);
    assert!(runs_here(&model, &|_| true).ok());
    assert!(text(&model, &here(&model)).contains("embedding serves as head"));
}
