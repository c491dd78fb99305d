//! The side panel of the page of tensors by what a person sees and presses.
#![expect(clippy::float_cmp, reason = "what is exact is compared exactly")]

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, OutputCommand, Theme, Ui};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::support::browsing::{block, counted, place, written};
use crate::support::gguf_writer::{GgufBuilder, ggml};
use crate::support::scene::Scene;
use crate::support::tiny_llama::TinyLlama;
use ponder::inspect::Model;
use ponder::inspect::browse::words;
use ponder::inspect::neighbours::Neighbour;
use ponder::inspect::stats::Depth;
use ponder::kernels::dequantize::anatomy;
use ponder::message::browse::{Found, Neighbours, RowOf, Seen};
use ponder::message::{Event, Outcome, Step};
use ponder::state::browse::Wish;
use ponder::state::export::Wish as Export;
use ponder::state::{Action, State};
use ponder::view::tensors::detail::{Detail, Go, density, formula, overlay};
use ponder::view::{Actions, View};

/// The panel alone, and where it led.
#[derive(Default)]
struct Side {
    detail: Detail,
    went: Vec<Go>,
}

impl View for Side {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        self.detail.ui(ui, state, actions);
        self.went.extend(self.detail.take_wish());
    }
}

type Panel = Scene<Side>;
const TALL: [f32; 2] = [340.0, 2400.0];

fn llama(matrices: u32) -> (tempfile::TempDir, Arc<Model>) {
    written("tiny.gguf", &TinyLlama { matrices, ..TinyLlama::default() }.gguf())
}

fn shown(scene: Panel) -> Harness<'static, Panel> {
    let mut harness = scene.show(TALL, Theme::Dark);
    harness.run();
    harness
}

fn copied(harness: &Harness<'static, Panel>) -> String {
    match harness.output().platform_output.commands.first() {
        Some(OutputCommand::CopyText(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// Whether these words are anywhere on the screen.
fn sees(harness: &Harness<'static, Panel>, words: &str) -> bool {
    let has = |text: Option<String>| text.is_some_and(|text| text.contains(words));
    harness.root().children_recursive().any(|node| has(node.accesskit_node().value()) || has(node.accesskit_node().label()))
}

fn last_wish<'a>(harness: &'a Harness<'static, Panel>) -> Option<&'a Wish> {
    match harness.state().wishes.last() {
        Some(Action::Browse(wish)) => Some(wish),
        _ => None,
    }
}

#[test]
fn a_tensor_is_said_in_words() {
    let (_folder, model) = llama(ggml::F32);
    let said = |name: &str| words::of(&model, place(&model, name));
    assert_eq!(said("blk.1.attn_k.weight"), "keys of attention, layer 1: turns the 64-wide stream into 2 heads of 16");
    assert_eq!(said("blk.0.attn_output.weight"), "output of attention, layer 0: brings 4 heads of 16 back to the 64-wide stream");
    assert_eq!(said("blk.0.ffn_down.weight"), "narrowing of the feed-forward half, layer 0: condenses 96 numbers into the 64-wide stream");
    assert_eq!(said("output_norm.weight"), "scale of the norm before the head: one factor for each of 64 numbers");
    let embedding = "token embedding: a row of 64 numbers for each of 259 tokens; as the head it scores them too";
    assert_eq!(said("token_embd.weight"), embedding);
}

#[test]
fn without_a_spec_heads_are_numbers_and_nothing_is_made_up() {
    let names = [("model.layers.7.self_attn.q_proj.weight", [6, 4]), ("blk.0.attn_k.bias", [1, 6]), ("blk.2.mystery.weight", [2, 2])];
    let builder = names.iter().fold(GgufBuilder::new().kv("general.architecture", "unheard-of"), |builder, (name, shape)| {
        let shape: Vec<u64> = shape.iter().copied().filter(|&dim| dim > 1).collect();
        let n = usize::try_from(shape.iter().product::<u64>()).unwrap();
        builder.f32_tensor(name, &shape, &vec![0.5; n])
    });
    let (_folder, model) = written("other.gguf", &builder);
    let said: Vec<String> = (0..3).map(|tensor| words::of(&model, tensor)).collect();
    assert_eq!(said[0], "queries of attention, layer 7: turns 4 numbers into 6 numbers");
    assert_eq!(said[1], "bias of the keys of attention, layer 0: one number is added to each of 6");
    assert_eq!(said[2], "`mystery`, layer 2");
    assert_eq!(words::of(&model, 99), "");
}

#[test]
fn nothing_chosen_says_what_will_be_here() {
    let (_folder, model) = llama(ggml::F32);
    let harness = shown(Panel::browsing(&model));
    assert!(sees(&harness, "No tensor chosen"));
}

#[test]
fn header_facts_are_there_before_anything_is_counted() {
    let (_folder, model) = llama(ggml::Q4_0);
    let tensor = place(&model, "blk.0.attn_q.weight");
    let mut scene = Panel::browsing(&model);
    scene.wish(Wish::Tensor(Some(tensor)));
    let mut harness = shown(scene);
    for words in ["64 × 64", "4.50", "32 weights in 18 bytes: 2 bytes of scale, 16 bytes of codes", "dot q4_0 × q8_0", "Counting"] {
        assert!(sees(&harness, words), "{words}");
    }
    harness.get_by_label("Copy name").click();
    harness.step();
    assert_eq!(copied(&harness), "blk.0.attn_q.weight");
}

#[test]
fn statistics_say_of_how_much_they_are_and_are_copied_with_every_digit() {
    let (_folder, model) = llama(ggml::F32);
    let tensor = place(&model, "blk.0.attn_q.weight");
    let stats = Arc::new(counted(&model, tensor, Depth::Full));
    let mut scene = Panel::browsing(&model);
    scene.wish(Wish::Tensor(Some(tensor)));
    scene.sees(Seen::Stats(Arc::clone(&stats), 0.43));
    let mut harness = shown(scene);
    assert!(sees(&harness, "Of 43.0\u{2009}% of the values so far"));
    harness.state_mut().sees(Seen::Stats(Arc::clone(&stats), 1.0));
    harness.state_mut().end(Outcome::Found(Found::Looked));
    harness.run();
    assert!(!sees(&harness, "so far"));
    harness.get_by_label_contains("Mean: ").click();
    harness.step();
    assert_eq!(copied(&harness).parse::<f64>().unwrap(), stats.mean().unwrap());
    harness.get_by_label_contains("Maximum: ").click();
    harness.step();
    assert_eq!(copied(&harness).parse::<f32>().unwrap(), stats.moments.max);
    harness.get_by_label_contains("histogram of 4,096 values from");
}

#[test]
fn an_unreadable_tensor_says_why() {
    let builder = GgufBuilder::new().kv("general.architecture", "llama").tensor_at("far.weight", &[32], ggml::F32, 1 << 20);
    let (_folder, model) = written("cut.gguf", &builder);
    let mut scene = Panel::browsing(&model);
    scene.wish(Wish::Tensor(Some(0)));
    let harness = shown(scene);
    assert!(sees(&harness, "tensor `far.weight`: expected readable data"));
    assert!(harness.get_by_label("Export as .npy…").accesskit_node().is_disabled());
}

#[test]
fn a_block_is_told_down_to_its_bits() {
    let (_folder, model) = llama(ggml::Q4_0);
    let tensor = place(&model, "blk.0.attn_q.weight");
    let mut scene = Panel::browsing(&model);
    scene.look(&model, tensor);
    let mut harness = shown(scene);
    assert!(sees(&harness, "Click a value in the picture to see its block."));
    harness.state_mut().take_apart(&model, tensor, [3, 40]);
    harness.run();
    let block = block(&model, tensor, [3, 40]);
    assert_eq!((block.index, block.first, block.bits.len()), (8, 32, 1));
    let lines = formula(&block.parts, block.index);
    let [code, _scale, value] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(code.text.len(), 4);
    for words in ["row 3, column 40", "32 weights of Q4_0 in 18 bytes", &code.text, &value.text, "codes of the group: "] {
        assert!(sees(&harness, words), "{words}");
    }
    let used = overlay(&block.parts, block.index).iter().filter(|(_, used)| *used).count();
    assert_eq!(used, block.parts.codes_used());
    assert!(sees(&harness, &format!("{used} of 16 codes used")));
    harness.get_by_label("Copy the block's bytes as hex").click();
    harness.step();
    assert_eq!(copied(&harness).split(' ').count(), 18);
}

#[test]
fn the_formula_is_what_the_block_says() {
    // A scale of 1 and codes 11 and 3 in the first byte; the rest are 8, which is zero.
    let mut bytes = vec![0x00, 0x3c, 0x3b];
    bytes.extend([0x88; 15]);
    let parts = anatomy::block(ponder::file::DType::Q4_0, &bytes).unwrap();
    let told = |index| formula(&parts, index).into_iter().map(|line| (line.word, line.text, line.result)).collect::<Vec<_>>();
    let line = |word, text: &str, result: Option<&str>| (word, text.to_owned(), result.map(str::to_owned));
    let first = [line("Code", "1011", Some("11")), line("Scale", "1.000", None), line("Value", "1.000 × (11 − 8)", Some("3.000"))];
    assert_eq!(told(0), first);
    assert_eq!(told(16)[2], line("Value", "1.000 × (3 − 8)", Some("−5.000")));
    assert!(told(32).is_empty());
}

#[test]
fn every_type_has_a_formula_for_each_weight() {
    for id in 0..48 {
        let dtype = ponder::file::DType::from_ggml(id);
        let (Some(len), Some(size)) = (dtype.block_len(), dtype.block_bytes()) else { continue };
        let bytes: Vec<u8> = (0..size).map(|n| u8::try_from((n * 37 + 11) % 61).unwrap()).collect();
        let Some(parts) = anatomy::block(dtype, &bytes) else { continue };
        for index in 0..usize::try_from(len).unwrap() {
            let lines = formula(&parts, index);
            let last = lines.last().unwrap_or_else(|| panic!("{} has no formula", dtype.name()));
            assert_eq!(last.word, "Value", "{}", dtype.name());
            let expected = ponder::units::real(parts.values[index].into());
            assert_eq!(last.result.as_ref(), Some(&expected), "{}", dtype.name());
        }
    }
}

#[test]
fn columns_of_a_histogram_share_all_its_counts() {
    let counts: Vec<u64> = (0..4096).map(|n| n * 7 % 113).collect();
    let all: u64 = counts.iter().sum();
    for n in [1, 7, 300, 4096, 5000] {
        let columns = density(&counts, [0.0, 4096.0], n);
        let sum: f64 = columns.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let all = all as f64;
        assert!((sum - all).abs() < 1e-6 * all, "{n}: {sum} of {all}");
    }
    let [half] = density(&[4, 4], [0.5, 1.5], 1)[..] else { panic!() };
    assert!((half - 4.0).abs() < 1e-12);
}

#[test]
fn a_tensor_is_exported_and_the_writing_can_be_stopped() {
    let (_folder, model) = llama(ggml::F32);
    let mut scene = Panel::browsing(&model);
    scene.look(&model, 0);
    let mut harness = shown(scene);
    harness.get_by_label("Export as .npy…").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Export(Export::Tensor(0))));
    harness.state_mut().end(Outcome::PickedPlace(Some("/elsewhere/token_embd.npy".into())));
    let job = harness.state().last_job();
    harness.state_mut().apply(Event::Step { job, step: Step::Writing(0.25) });
    harness.run();
    assert!(sees(&harness, "Writing, 25.0\u{2009}%"));
    harness.get_by_label("Stop").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Export(Export::Stop)));
}

#[test]
fn a_word_is_looked_up_and_its_neighbours_lead_on() {
    let (_folder, model) = llama(ggml::F32);
    let tensor = place(&model, "token_embd.weight");
    let mut scene = Panel::browsing(&model);
    scene.look(&model, tensor);
    let mut harness = shown(scene);
    harness.get_by_role_and_label(Role::TextInput, "Find a word").focus();
    harness.run();
    harness.get_by_role_and_label(Role::TextInput, "Find a word").type_text("sky");
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(last_wish(&harness), Some(&Wish::Neighbours(RowOf::Text("sky".to_owned()))));
    let like = |row, cosine, token: &str| (Neighbour { row, cosine }, Some(token.to_owned()));
    let found = Neighbours { row: 115, token: Some("s".to_owned()), rows: vec![like(83, 0.75, "S"), like(122, 0.5, " z")] };
    harness.state_mut().end(Outcome::Found(Found::Neighbours(Arc::new(found))));
    harness.run();
    assert_eq!(harness.state().view.went, [Go::Row(115)]);
    harness.get_by_label("\u{201c} z\u{201d}, cosine 0.500").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(&Wish::Neighbours(RowOf::Row(122))));
    assert_eq!(harness.state().view.went, [Go::Row(115), Go::Row(122)]);
}

#[test]
fn rows_and_columns_that_stand_out_lead_there() {
    let mut values: Vec<f32> = (0..32 * 32_u16).map(|n| f32::from(n * 7919 % 101) / 100.0 - 0.5).collect();
    values[5 * 32..6 * 32].iter_mut().for_each(|value| *value *= 40.0);
    let builder = GgufBuilder::new().kv("general.architecture", "unheard-of").f32_tensor("blk.0.attn_q.weight", &[32, 32], &values);
    let (_folder, model) = written("outlier.gguf", &builder);
    let mut scene = Panel::browsing(&model);
    scene.look(&model, 0);
    let mut harness = shown(scene);
    harness.get_by_label_contains("Go to row 5, norm").click();
    harness.run();
    assert_eq!(harness.state().view.went, [Go::Row(5)]);
}

#[test]
fn scales_slices_and_orders_are_wished_for() {
    let (_folder, model) = llama(ggml::Q8_0);
    let tensor = place(&model, "blk.0.attn_q.weight");
    let mut scene = Panel::browsing(&model);
    scene.look(&model, tensor);
    let mut harness = shown(scene);
    harness.get_by_label("Rows by norm").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(&Wish::Sort { rows: true, cols: false }));
    harness.get_by_label("Show Block scales").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(&Wish::Scales(true)));
    assert!(sees(&harness, "Statistics of the scales"));

    let cube = GgufBuilder::new().kv("general.architecture", "unheard-of").f32_tensor("blk.0.ffn_up_exps.weight", &[3, 4, 8], &[0.5; 96]);
    let (_folder, model) = written("cube.gguf", &cube);
    let mut scene = Panel::browsing(&model);
    scene.look(&model, 0);
    let mut harness = shown(scene);
    harness.get_by_label("Next slice").click();
    harness.run();
    assert_eq!(last_wish(&harness), Some(&Wish::Slice(1)));
    assert!(sees(&harness, "in each of 3 experts"));
}

#[test]
fn it_stands_still_and_is_drawn_at_any_size_in_both_themes() {
    let (_folder, model) = llama(ggml::Q4_0);
    let tensor = place(&model, "token_embd.weight");
    for theme in [Theme::Dark, Theme::Light] {
        for size in [[340.0, 480.0], [340.0, 900.0], [240.0, 480.0]] {
            let mut scene = Panel::browsing(&model);
            scene.look(&model, tensor);
            scene.take_apart(&model, tensor, [7, 33]);
            let mut harness = scene.show(size, theme);
            harness.run();
            harness.step();
            let delay = harness.output().viewport_output.values().map(|viewport| viewport.repaint_delay).min().unwrap();
            assert!(delay > std::time::Duration::from_hours(1), "{delay:?}");
        }
    }
}

#[test]
#[ignore = "writes pictures to be looked at"]
fn pictures_of_the_panel() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let Some(path) = crate::support::starter() else { return };
    let model = Arc::new(Model::read(ponder::file::ModelFile::open(&path).unwrap()));
    for (name, at) in [("blk.7.attn_k.weight", [5, 40]), ("token_embd.weight", [100, 300])] {
        for theme in [Theme::Dark, Theme::Light] {
            let tensor = place(&model, name);
            let mut scene = Panel::browsing(&model);
            scene.look(&model, tensor);
            scene.take_apart(&model, tensor, at);
            let mut harness = scene.show([340.0, 1900.0], theme);
            harness.run_ok();
            harness.render().unwrap().save(folder.join(format!("detail-{name}-{theme:?}.png"))).unwrap();
        }
    }
}
