//! Models held against a reference: the figures against formulas over whole distributions, and what stops, pauses and failures leave.

use std::path::PathBuf;
use std::sync::Arc;

use ponder::error::Error;
use ponder::inspect::Model;
use ponder::lab::advice::{Outcome, advice, nats};
use ponder::lab::candidate::Candidate;
use ponder::lab::divergence::{Comparison, Room, Settings, Step};
use ponder::lab::label::{Keep, Label};
use ponder::lab::mix::Recipe;
use ponder::lab::row::{Difference, Row, Storage};
use ponder::lab::run::{Kind, Run, Status};
use ponder::lab::statistics::{Histogram, Summary};
use ponder::lab::{export, text};
use ponder::memory::ledger::Ledger;
use ponder::memory::plan::Choice;
use ponder::memory::probe::Machine;
use ponder::units::{Bytes, TokensPerSecond};
use tempfile::TempDir;

use crate::cli::Shell;
use crate::support::loaded::{EXACT, FAST, MACHINE, load, open, pool};
use crate::support::tiny_llama::TinyLlama;

const TEXT: &str = "What is heavy stays where it is; what is light goes where the wind goes. So the old scales were made of stone, and the new \
                    ones of numbers, and both are right as long as nobody leans on them. 3.14159, 2.71828: some weights have no end. \
                    Was ist schwer? Une plume. たいせつなもの。";

fn llama() -> TinyLlama {
    TinyLlama { n_embd: 256, n_ff: 256, n_heads: 8, n_kv_heads: 2, gain: 3.0, ..TinyLlama::default() }
}

fn reference() -> (TempDir, PathBuf, Arc<Model>) {
    let (folder, path) = crate::support::file("reference.gguf", &llama().gguf().bytes());
    let model = Arc::new(open(&path));
    (folder, path, model)
}

fn settings() -> Settings {
    Settings { chunk: 64, threads: 2, noise_floor: false, ..Settings::default() }
}

fn room(machine: Machine) -> Room {
    Room { machine, pool: pool(2), ledger: Ledger::default() }
}

fn try_compare(model: &Arc<Model>, candidates: Vec<Candidate>, settings: Settings, machine: Machine) -> Result<Comparison, Error> {
    let reference = Candidate::file(Arc::clone(model))?;
    Comparison::new(reference, candidates, TEXT, settings, room(machine), &|| true)
}

fn compare(model: &Arc<Model>, labels: &[Label], settings: Settings) -> Comparison {
    let made = |label: &Label| Candidate::made(Arc::clone(model), &Recipe::of(*label)).unwrap();
    try_compare(model, labels.iter().map(made).collect(), settings, MACHINE).unwrap()
}

/// Goes on to the end; the steps that were done.
fn finish(comparison: &mut Comparison) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = comparison.step(&mut |_| true).unwrap() {
        steps.push(step);
    }
    steps
}

fn run(comparison: &Comparison, n: usize) -> &Run {
    comparison.runs().iter().filter(|run| run.kind == Kind::Candidate).nth(n).unwrap()
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = logits.iter().map(|&x| f64::from(x - highest).exp()).sum::<f64>().ln() + f64::from(highest);
    logits.iter().map(|&x| f64::from(x) - scale).collect()
}

/// KL, whether the highest agree, and the surprise of both, at each scored position of the text in chunks of 64.
fn by_formulas(reference: &std::path::Path, candidate: &std::path::Path, choice: Choice) -> Vec<(f64, bool, f64, f64)> {
    let (mut reference, mut candidate) = (load(reference, choice), load(candidate, choice));
    let ids = reference.session.tokenizer().encode(TEXT, ponder::engine::tokenizer::Special::Plain).unwrap();
    let mut found = Vec::new();
    for chunk in ids.chunks_exact(64) {
        let mut logits = [&mut reference, &mut candidate].map(|loaded| {
            loaded.session.runner_mut().truncate(0);
            loaded.all(chunk)
        });
        let width = logits[0].len() / 64;
        for position in 32..63 {
            let [p, q] = logits.each_mut().map(|logits| log_softmax(&logits[position * width..][..width]));
            let kld = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
            let best = |x: &[f64]| (0..x.len()).max_by(|&a, &b| x[a].total_cmp(&x[b]).then(b.cmp(&a)));
            let came = chunk[position + 1] as usize;
            found.push((kld, best(&p) == best(&q), -q[came], -p[came]));
        }
    }
    found
}

#[test]
fn figures_are_those_of_the_formulas_in_both_arithmetics() {
    let (folder, path, model) = reference();
    let other = folder.path().join("other.gguf");
    std::fs::write(&other, TinyLlama { matrices: crate::support::gguf_writer::ggml::Q4_K, ..llama() }.gguf().bytes()).unwrap();
    for (exact, choice, tolerance) in [(true, EXACT, 1e-5), (false, FAST, 1e-5)] {
        let candidate = Candidate::file(Arc::new(open(&other))).unwrap();
        let mut comparison = try_compare(&model, vec![candidate], Settings { exact, ..settings() }, MACHINE).unwrap();
        finish(&mut comparison);
        let expected = by_formulas(&path, &other, choice);
        let run = run(&comparison, 0);
        let found: Vec<&Difference> = run.scores.iter().flatten().collect();
        assert_eq!(found.len(), expected.len());
        for (found, (kld, same, nll, reference_nll)) in found.iter().zip(&expected) {
            assert!((found.kld - kld).abs() < tolerance * (1.0 + kld), "{} and {kld}", found.kld);
            assert!((found.nll - nll).abs() < 1e-4 && (found.reference_nll - reference_nll).abs() < 1e-4);
            assert_eq!(found.same_top, *same);
        }
        let summary = run.summary().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a few positions")]
        let n = expected.len() as f64;
        let mean = expected.iter().map(|x| x.0).sum::<f64>() / n;
        let ppl = (expected.iter().map(|x| x.2).sum::<f64>() / n).exp();
        let dp = expected.iter().map(|x| ((-x.2).exp() - (-x.3).exp()).powi(2)).sum::<f64>() / n;
        for (ours, theirs) in [(summary.kld.mean, mean), (summary.ppl.value, ppl), (summary.rms_dp.value, dp.sqrt())] {
            assert!((ours / theirs - 1.0).abs() < 1e-4, "{ours} and {theirs}");
        }
        assert_eq!(run.status, Status::Done);
        assert!(run.decode.is_some_and(|speed| speed.0 > 0.0) && run.prefill.is_some_and(|speed| speed.0 > 0.0));
    }
}

#[test]
fn a_model_is_no_distance_from_itself() {
    let (_folder, _path, model) = reference();
    let itself = Candidate::file(Arc::clone(&model)).unwrap();
    let mut comparison = try_compare(&model, vec![itself], Settings { noise_floor: true, ..settings() }, MACHINE).unwrap();
    finish(&mut comparison);
    let summary = run(&comparison, 0).summary().unwrap();
    assert!(summary.kld.max < 1e-6 && summary.ratio.value.to_bits() == 1.0_f64.to_bits() && summary.rms_dp.value < 1e-12, "{summary:?}");
    assert!(summary.top1.value > 0.999_999);
    let floor = comparison.noise_floor().unwrap().summary().unwrap();
    assert!(floor.kld.mean > 1e-7, "fast and exact arithmetic do differ: {}", floor.kld.mean);
}

#[test]
fn fewer_bits_are_farther_away_and_results_do_not_depend_on_threads() {
    let (_folder, _path, model) = reference();
    let labels = [Label::Q8_0, Label::Q6K, Label::Q4KM, Label::Q2K];
    let means = |threads: usize| {
        let mut comparison = compare(&model, &labels, Settings { threads, ..settings() });
        finish(&mut comparison);
        (0..labels.len()).map(|n| run(&comparison, n).summary().unwrap().kld.mean).collect::<Vec<f64>>()
    };
    let found = means(2);
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
    assert_eq!(found, means(1));
}

#[test]
fn the_first_figure_comes_before_half_a_chunk_of_each_model_is_read() {
    let (_folder, _path, model) = reference();
    let mut comparison = compare(&model, &[Label::Q4KM], settings());
    let mut steps = Vec::new();
    while !matches!(steps.last(), Some(Step::Point(_))) {
        steps.push(comparison.step(&mut |_| true).unwrap().unwrap());
    }
    let first = run(&comparison, 0);
    assert!(first.is_preliminary() && first.impression.len() == 16, "positions 16 to 31 of 64");
    let summary = first.summary().unwrap();
    assert!(summary.kld.mean > 0.0 && summary.kld.stderr > 0.0);
    assert!(comparison.progress().0 < 0.5);
    let rest = finish(&mut comparison);
    assert!(!run(&comparison, 0).is_preliminary());
    assert_eq!(rest.iter().filter(|step| matches!(step, Step::Point(_))).count(), comparison.chunks().tokens.len());
    assert!((comparison.progress().0 - 1.0).abs() < 1e-9);
}

#[test]
fn steps_can_be_refused_and_asked_for_again_and_a_pause_changes_nothing() {
    let (_folder, _path, model) = reference();
    let mut whole = compare(&model, &[Label::Q4KM, Label::Q3KS], settings());
    finish(&mut whole);
    let mut pieces = compare(&model, &[Label::Q4KM, Label::Q3KS], settings());
    let mut n = 0;
    loop {
        assert_eq!(pieces.step(&mut |_| false).err().filter(|error| *error != Error::Cancelled), None);
        n += 1;
        if n % 40 == 0 {
            pieces.pause();
        }
        if pieces.step(&mut |_| true).unwrap().is_none() {
            break;
        }
        assert!(n < 10_000, "it gets on in spite of pauses");
    }
    for n in 0..2 {
        assert_eq!(run(&pieces, n).scores, run(&whole, n).scores);
        assert_eq!(run(&pieces, n).impression, run(&whole, n).impression);
    }
}

#[test]
fn models_run_one_after_another_where_both_do_not_fit() {
    let (_folder, _path, model) = reference();
    let labels = [Label::Q8_0, Label::Q4KM];
    let mut together = compare(&model, &labels, settings());
    finish(&mut together);
    let need = together.budget().reference.peak;
    let small = Machine { available: Bytes(need.0 * 13 / 8), ..MACHINE };
    let made = |label: &Label| Candidate::made(Arc::clone(&model), &Recipe::of(*label)).unwrap();
    let mut apart = try_compare(&model, labels.iter().map(made).collect(), settings(), small).unwrap();
    assert!(together.budget().together && !apart.budget().together);
    assert!(apart.budget().peak <= small.available && apart.budget().peak < together.budget().peak);
    let steps = finish(&mut apart);
    let loaded = steps.iter().position(|step| matches!(step, Step::Loaded(_))).unwrap();
    assert!(steps[loaded..].iter().all(|step| *step != Step::Read), "the reference is done before the first candidate is loaded");
    for n in 0..2 {
        assert_eq!(run(&apart, n).summary(), run(&together, n).summary());
    }
    let none = Machine { available: Bytes(need.0 / 2), ..MACHINE };
    let error = try_compare(&model, labels.iter().map(made).collect(), settings(), none).unwrap_err();
    assert!(matches!(error, Error::OverBudget { .. }), "{error}");
}

#[test]
fn a_candidate_that_is_gone_fails_alone() {
    let (folder, _path, model) = reference();
    let gone = folder.path().join("gone.gguf");
    std::fs::write(&gone, llama().gguf().bytes()).unwrap();
    let candidates = vec![
        Candidate::made(Arc::clone(&model), &Recipe::of(Label::Q8_0)).unwrap(),
        Candidate::file(Arc::new(open(&gone))).unwrap(),
        Candidate::made(Arc::clone(&model), &Recipe::of(Label::Q4KM)).unwrap(),
    ];
    let mut comparison = try_compare(&model, candidates, settings(), MACHINE).unwrap();
    std::fs::remove_file(&gone).unwrap();
    let steps = finish(&mut comparison);
    assert!(steps.contains(&Step::Ended(1)));
    let Status::Failed(error) = &run(&comparison, 1).status else { panic!("{:?}", run(&comparison, 1).status) };
    assert!(error.to_string().contains("gone.gguf"), "{error}");
    assert!([0, 2].into_iter().all(|n| run(&comparison, n).status == Status::Done && run(&comparison, n).summary().is_some()));
    assert!(export::json(&comparison)["candidates"][1]["error"].as_str().is_some_and(|error| error.contains("gone.gguf")));
}

#[test]
fn other_vocabularies_and_texts_of_a_word_are_refused() {
    let (folder, _path, model) = reference();
    let other = folder.path().join("other.gguf");
    let tokens: Vec<String> = (0..259).map(|n| format!("t{n}")).collect();
    std::fs::write(&other, llama().gguf().set("tokenizer.ggml.tokens", tokens).bytes()).unwrap();
    let candidate = Candidate::file(Arc::new(open(&other))).unwrap();
    let error = try_compare(&model, vec![candidate], settings(), MACHINE).unwrap_err().to_string();
    assert!(error.contains("vocabulary") && error.contains("token 0"), "{error}");
    let reference = || Candidate::file(Arc::clone(&model)).unwrap();
    let with = |text: &str, chunk: usize| {
        Comparison::new(reference(), vec![reference()], text, Settings { chunk, ..settings() }, room(MACHINE), &|| true)
    };
    assert!(with("One word.", 64).unwrap_err().to_string().contains("9 tokens"));
    assert!(with(TEXT, 100_000).unwrap_err().to_string().contains("512"));
    // A text shorter than a chunk is a chunk of its own.
    let short = with("This text has no more than fifty-five tokens, I believe.", 512).unwrap();
    assert_eq!((short.chunks().tokens.len(), short.chunks().len), (1, 56));
}

#[test]
fn what_if_a_tensor_had_other_bits() {
    let (_folder, _path, model) = reference();
    let base = Candidate::made(Arc::clone(&model), &Recipe::of(Label::Q2K)).unwrap();
    let more = base.what_if(&[Keep::parse("ffn_down=q8_0").unwrap()]).unwrap();
    assert!(more.mix.bytes > base.mix.bytes && more.name.contains("ffn_down Q8_0"));
    let mut comparison = try_compare(&model, vec![base], settings(), MACHINE).unwrap();
    finish(&mut comparison);
    let added = comparison.add(more).unwrap();
    let steps = finish(&mut comparison);
    assert!(!steps.contains(&Step::ReferenceLoaded), "the reference is not read again");
    let kld = |n: usize| comparison.runs()[n].summary().unwrap().kld.mean;
    assert!(kld(added) < kld(0), "{} and {}", kld(added), kld(0));
}

#[test]
fn the_most_probable_tokens_alone_give_nearly_the_same() {
    // A peaked distribution over 5,000 tokens and one that is a little off.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let logits =
        |shift: f32| (0..5000_u32).map(|i| 12.0 * (-(i as f32) / 400.0).exp() + ((i * 7919 % 100) as f32) * shift).collect::<Vec<f32>>();
    let (p, q) = (logits(0.001), logits(0.006));
    let full = Row::new(&p, 3, Storage::Full, false).compare(&q, 3);
    assert_eq!(full.in_full, None);
    let mut before = 0.0;
    for k in [300, 1000, 3000, 4999] {
        let row = Row::new(&p, 3, Storage::Top(k), true);
        let found = row.compare(&q, 3);
        assert!(found.kld <= full.kld * (1.0 + 1e-6) && found.kld > before, "{k}: {} of {}", found.kld, full.kld);
        assert!((found.in_full.unwrap() / full.kld - 1.0).abs() < 1e-9);
        assert_eq!((found.nll, &found.top, found.same_top), (full.nll, &full.top, full.same_top));
        assert!(row.rest() < 1.0);
        before = found.kld;
    }
    assert!((before / full.kld - 1.0).abs() < 1e-3);
}

#[test]
fn rows_are_right_at_the_extremes() {
    // As far apart as logits get, and all alike.
    let wide: Vec<f32> = (0..300_u16).map(|i| f32::from(i) * 1.5 - 200.0).collect();
    let flat = vec![0.5_f32; 300];
    let expected: f64 = log_softmax(&wide).iter().map(|p| p.exp() * (p - log_softmax(&flat)[0])).sum();
    let found = Row::new(&wide, 299, Storage::Full, false).compare(&flat, 299);
    assert!((found.kld / expected - 1.0).abs() < 1e-6, "{} and {expected}", found.kld);
    assert!((found.nll - 300.0_f64.ln()).abs() < 1e-6);
    assert_eq!(found.top.iter().map(|ranked| ranked.0).collect::<Vec<_>>(), (0..10).collect::<Vec<u32>>(), "the lower token of equals");
    let itself = Row::new(&wide, 0, Storage::Full, false).compare(&wide, 0);
    assert!(itself.kld < 1e-9 && itself.same_top);
}

fn difference(kld: f64, nll: f64, reference_nll: f64, same_top: bool) -> Difference {
    Difference { kld, in_full: None, nll, reference_nll, same_top, top: Vec::new() }
}

#[test]
fn figures_have_the_errors_that_llama_perplexity_prints() {
    // Twelve positions; the expected figures were computed with numpy by llama-perplexity's formulas.
    let klds = [0.5, 0.01, 0.02, 0.03, 0.001, 0.2, 0.05, 0.07, 0.0, 0.11, 0.04, 0.09];
    let all: Vec<Difference> =
        (0_u8..).zip(klds).map(|(i, kld)| difference(kld, 2.0 + f64::from(i) * 0.1, 1.9 + f64::from(i) * 0.11, i % 4 != 0)).collect();
    let found = Summary::of(&all.iter());
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} and {b}");
    near(found.kld.mean, 0.093_416_666_667);
    near(found.kld.stderr, 0.040_440_839_4);
    near(found.kld.median, 0.045);
    near(found.kld.p99, 0.467);
    near(found.kld.max, 0.5);
    near(found.top1.value, 0.75);
    near(found.top1.stderr, 0.130_558_242);
    near(found.ppl.value, 2.55_f64.exp());
    near(found.ppl.stderr, 2.55_f64.exp() * 0.104_083_300);
    near(found.ln_ratio.value, 0.045);
    near(found.ln_ratio.stderr, 0.010_408_330);
    let few = Summary::of(&all[..10].iter());
    assert_eq!((few.kld.stderr, few.ppl.stderr), (0.0, 0.0), "ten positions have no error");
    assert_eq!(Summary::of(&[].iter()).positions, 0);
}

#[test]
fn histograms_count_every_position_once() {
    let all: Vec<Difference> = [0.0, 1e-9, 1e-8, 3e-5, 0.02, 0.02, 5.0, 1e5].map(|kld| difference(kld, 1.0, 1.0, true)).into();
    let histogram = Histogram::of(all.iter(), 20);
    assert_eq!((histogram.edges.len(), histogram.below, histogram.counts.iter().sum::<usize>()), (21, 2, 6));
    assert!((histogram.edges[0] - 1e-8).abs() < 1e-20 && (histogram.edges[20] - 100.0).abs() < 1e-9);
    let holds = |kld: f64| (0..20).find(|&i| histogram.edges[i] <= kld && kld < histogram.edges[i + 1]);
    assert_eq!(histogram.counts[holds(0.02).unwrap()], 2);
    assert_eq!(histogram.counts[19], 1, "what is beyond the last edge is in the last bin");
}

fn outcome(name: &str, bytes: u64, (kld, stderr): (f64, f64), top1: f64, ln_ratio: f64, speed: f64) -> Outcome {
    let mut summary = Summary::of(&[difference(kld, 1.0, 1.0, true)].iter());
    (summary.kld.mean, summary.kld.stderr, summary.top1.value, summary.top1.stderr) = (kld, stderr, top1, 0.004);
    summary.ln_ratio.value = ln_ratio;
    Outcome { name: name.into(), bytes: Bytes(bytes), summary, decode: Some(TokensPerSecond(speed)), measured: true }
}

#[test]
fn advice_takes_the_smallest_that_is_near_and_says_why() {
    let outcomes = [
        outcome("Q8_0", 1000, (0.0002, 1e-5), 0.992, 0.001, 50.0),
        outcome("Q5_K_M", 620, (0.0047, 2e-4), 0.965, 0.007, 70.0),
        outcome("Q3_K_M", 450, (0.0511, 2e-3), 0.896, 0.064, 85.0),
    ];
    let found = advice(("F16", Bytes(1900)), &outcomes, Some(0.0036)).unwrap();
    assert_eq!(found.name, "Q5_K_M");
    for part in ["67.4\u{2009}% smaller than F16", "96.5\u{2009}% ± 0.400\u{2009}%", "1.40 × as fast as Q8_0"] {
        assert!(found.sentence.contains(part), "{part} in {}", found.sentence);
    }
    assert!(!found.estimated && found.reasons.iter().any(|reason| reason.contains("Q3_K_M, the next smaller")));
    let mut early = outcomes.clone();
    early[2].measured = false;
    assert!(advice(("F16", Bytes(1900)), &early, None).unwrap().sentence.contains("estimated"));
    let far = advice(("F16", Bytes(1900)), &outcomes[2..], None).unwrap();
    assert!(far.name == "Q3_K_M" && far.reasons[0].starts_with("none comes within"), "{far:?}");
    let same = [outcome("A", 600, (0.003, 1e-3), 0.97, 0.001, 1.0), outcome("B", 500, (0.0031, 1e-3), 0.97, 0.001, 1.0)];
    let found = advice(("F16", Bytes(1900)), &same, Some(0.0036)).unwrap();
    assert!(found.name == "B" && found.reasons.iter().any(|reason| reason.contains("noise floor")));
    assert!(found.reasons.iter().any(|reason| reason.contains("cannot be told from that of A")), "{:?}", found.reasons);
    assert_eq!(advice(("F16", Bytes(1900)), &[], None), None);
    assert_eq!([0.0, 1.5, 0.25, 0.0123, 0.00361, 3.61e-4].map(nats), ["0.00", "1.50", "0.250", "0.0123", "0.00361", "3.61e-4"]);
}

#[test]
fn an_export_has_every_candidate_and_no_formulas() {
    let (_folder, _path, model) = reference();
    let mut comparison = compare(&model, &[Label::Q8_0, Label::Q4KM], Settings { noise_floor: true, ..settings() });
    finish(&mut comparison);
    let csv = export::csv(&comparison);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("name,bytes,") && lines[2].starts_with("Q4_K_M,"));
    let json = export::json(&comparison);
    for key in ["reference", "noise_floor", "memory", "text", "kept", "advice"] {
        assert!(json[key].is_object(), "{key}");
    }
    let first = &json["candidates"][0];
    for key in ["name", "bytes", "bits_per_weight", "ppl", "ppl_stderr", "top1", "top1_stderr", "rms_dp", "decode_tps"] {
        assert!(!first[key].is_null(), "{key} in {first}");
    }
    for key in ["mean", "stderr", "median", "p99", "max"] {
        assert!(first["kld"][key].is_number(), "{key} in {first}");
    }
}

#[test]
fn the_worst_places_come_first_with_what_both_expected() {
    let (_folder, _path, model) = reference();
    let mut comparison = compare(&model, &[Label::Q2K], settings());
    finish(&mut comparison);
    let worst = run(&comparison, 0).worst(comparison.chunks(), 5);
    assert!(worst.windows(2).all(|pair| pair[0].2.kld >= pair[1].2.kld) && worst.len() == 5);
    let (chunk, position, difference) = worst[0];
    let expected = comparison.expected(chunk, position).unwrap();
    assert_eq!((expected.top.len(), difference.top.len()), (10, 10));
    assert!((expected.nll - difference.reference_nll).abs() < 1e-12);
    assert_eq!(comparison.expected(chunk, 3).map(|row| row.nll), None, "the first half is not scored");
    assert!(!comparison.piece(comparison.chunks().tokens[chunk][position]).is_empty());
}

#[test]
fn the_bundled_text_is_long_and_of_many_kinds() {
    let text = text::BUNDLED;
    assert!((24_000..40_000).contains(&text.len()), "{}", text.len());
    for part in ["def moment", "fn heaviest", "| coin (g) |", "Deutsch", "日本語", "العربية", "Customer:", "1. a levelling instrument"]
    {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn the_command_compares_files_and_names_over_a_text() {
    let shell = Shell::with(&llama().gguf());
    shell.write("text.txt", TEXT.as_bytes());
    shell.json(&["quantize", "tiny.gguf", "q4.gguf", "--to", "q4_k_m"]);
    let args = ["compare", "tiny.gguf", "q8_0", "./q4.gguf", "--text-file", "text.txt", "--chunk", "64", "--csv", "out.csv"];
    let found = shell.json(&args);
    let names: Vec<&str> = found["candidates"].as_array().unwrap().iter().filter_map(|candidate| candidate["name"].as_str()).collect();
    assert_eq!(names, ["Q8_0", "q4 Q4_K_M"]);
    assert!(found["noise_floor"]["kld"].as_f64().unwrap() > 0.0);
    assert!(std::fs::read_to_string(shell.path("out.csv")).unwrap().lines().count() == 3);
    let by_name = shell.json(&["compare", "tiny.gguf", "q4_k_m", "--text-file", "text.txt", "--chunk", "64", "--no-noise-floor"]);
    assert_eq!(by_name["candidates"][0]["kld"], found["candidates"][1]["kld"], "in memory and in a file");
    let output = shell.run(&["compare", "tiny.gguf", "nothing.gguf", "--text-file", "text.txt"]);
    assert_eq!(output.status.code(), Some(1));
}
