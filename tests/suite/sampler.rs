//! How tokens are drawn: held against distributions that are known.

use ponder::engine::sampler::{Sampler, Sampling};

/// Everything on offer, with its own probability.
fn plain() -> Sampling {
    Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() }
}

/// Logits of probabilities that add up to one.
fn logits(probabilities: &[f32]) -> Vec<f32> {
    probabilities.iter().map(|p| p.ln()).collect()
}

/// How often each token is drawn, as a share of `n` draws.
fn shares(settings: &Sampling, logits: &[f32], tokens: &[u32], n: u32) -> Vec<f64> {
    let mut sampler = Sampler::new(settings, 42);
    let mut counts = vec![0_u32; logits.len()];
    for _ in 0..n {
        counts[sampler.sample(logits, tokens).unwrap() as usize] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / f64::from(n)).collect()
}

/// The shares of 4,000 draws are these, give or take four standard deviations.
#[track_caller]
fn draws(settings: &Sampling, logits: &[f32], expected: &[f64]) {
    let found = shares(settings, logits, &[], 4_000);
    for (found, expected) in found.iter().zip(expected) {
        let deviation = (expected * (1.0 - expected) / 4_000.0).sqrt();
        assert!((found - expected).abs() <= 4.0 * deviation, "{found} in place of {expected}, with {settings:?}");
    }
}

/// Fifty draws give the same token, the second.
#[track_caller]
fn takes_the_best(settings: &Sampling) {
    assert!(shares(settings, &logits(&FIVE), &[], 50)[1] >= 1.0, "{settings:?}");
}

const FIVE: [f32; 5] = [0.1, 0.4, 0.05, 0.25, 0.2];

#[test]
fn without_settings_tokens_come_by_their_probability() {
    draws(&plain(), &logits(&FIVE), &FIVE.map(f64::from));
}

#[test]
fn temperature_flattens_and_sharpens() {
    let at = |temperature: f64| {
        let weights = FIVE.map(|p| f64::from(p).powf(1.0 / temperature));
        let total: f64 = weights.iter().sum();
        draws(&Sampling { temperature, ..plain() }, &logits(&FIVE), &weights.map(|w| w / total));
    };
    at(2.0);
    at(0.5);
}

#[test]
fn temperature_zero_takes_the_best() {
    let settings = Sampling { temperature: 0.0, ..plain() };
    takes_the_best(&settings);
    takes_the_best(&Sampling::greedy());
}

#[test]
fn top_k_keeps_that_many() {
    let settings = |top_k| Sampling { top_k, ..plain() };
    takes_the_best(&settings(1));
    draws(&settings(2), &logits(&FIVE), &[0.0, 0.4 / 0.65, 0.0, 0.25 / 0.65, 0.0]);
    for top_k in [5, 6, 1_000_000, usize::MAX] {
        draws(&settings(top_k), &logits(&FIVE), &FIVE.map(f64::from));
        draws(&Sampling { top_p: 0.6, ..settings(top_k) }, &logits(&FIVE), &[0.0, 0.4 / 0.65, 0.0, 0.25 / 0.65, 0.0]);
    }
}

#[test]
fn top_p_keeps_the_best_that_add_up_to_it() {
    let settings = |top_p| Sampling { top_p, ..plain() };
    draws(&settings(0.6), &logits(&FIVE), &[0.0, 0.4 / 0.65, 0.0, 0.25 / 0.65, 0.0]);
    draws(&settings(0.7), &logits(&FIVE), &[0.0, 0.4 / 0.85, 0.0, 0.25 / 0.85, 0.2 / 0.85]);
    takes_the_best(&settings(0.3));
}

#[test]
fn top_p_of_nothing_keeps_the_best() {
    for top_k in [0, 3, 100] {
        for top_p in [0.0, -1.0, 1e-30] {
            let settings = Sampling { top_p, top_k, ..plain() };
            takes_the_best(&settings);
        }
    }
}

#[test]
fn min_p_drops_what_is_less_than_its_share_of_the_best() {
    let settings = |min_p| Sampling { min_p, ..plain() };
    draws(&settings(0.45), &logits(&FIVE), &[0.0, 0.4 / 0.85, 0.0, 0.25 / 0.85, 0.2 / 0.85]);
    draws(&settings(0.2), &logits(&FIVE), &[0.1 / 0.95, 0.4 / 0.95, 0.0, 0.25 / 0.95, 0.2 / 0.95]);
    takes_the_best(&settings(1.0));
}

#[test]
fn the_repeat_penalty_lowers_what_was_seen_lately() {
    let logits = [2.0, 1.5, -1.0, 1.0];
    let settings = Sampling { repeat_penalty: 2.0, repeat_window: 3, ..Sampling::greedy() };
    let best = |settings: &Sampling, tokens: &[u32]| Sampler::new(settings, 0).sample(&logits, tokens).unwrap();
    assert_eq!(best(&settings, &[]), 0);
    assert_eq!(best(&settings, &[0]), 1);
    assert_eq!(best(&settings, &[0, 0, 0]), 1, "once however often");
    assert_eq!(best(&settings, &[0, 1]), 0, "1.0 again, and the first of equals");
    assert_eq!(best(&settings, &[0, 2, 2, 2]), 0, "outside the window");
    assert_eq!(best(&Sampling { repeat_window: 0, ..settings.clone() }, &[0]), 0);
    assert_eq!(best(&settings, &[77]), 0, "tokens that don't exist change nothing");
    let negative = [-1.0, -1.5];
    assert_eq!(Sampler::new(&settings, 0).sample(&negative, &[0]).unwrap(), 1, "negative ones sink too");
}

#[test]
fn settings_out_of_range_are_brought_into_it() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
        #[expect(clippy::cast_possible_truncation, reason = "it may become infinite")]
        let settings = Sampling {
            temperature: bad,
            top_p: bad,
            min_p: bad,
            repeat_penalty: bad as f32,
            repeat_window: usize::MAX,
            max_tokens: 0,
            stop: vec![String::new(), "x".to_owned()],
            ..plain()
        };
        let clamped = settings.clamped();
        assert!((0.0..=10.0).contains(&clamped.temperature), "{clamped:?}");
        assert!((0.0..=1.0).contains(&clamped.top_p) && (0.0..=1.0).contains(&clamped.min_p), "{clamped:?}");
        assert!((0.1..=10.0).contains(&clamped.repeat_penalty), "{clamped:?}");
        assert!(clamped.max_tokens > 0 && clamped.stop == ["x"]);
        for _ in 0..20 {
            assert!(Sampler::new(&settings, 1).sample(&logits(&FIVE), &[0, 1]).unwrap() < 5);
        }
    }
}

#[test]
fn logits_that_are_not_numbers_are_told() {
    for settings in [plain(), Sampling::greedy(), Sampling::default()] {
        for logits in [[1.0, f32::NAN, 0.0], [1.0, f32::INFINITY, 0.0], [f32::NEG_INFINITY; 3]] {
            let error = Sampler::new(&settings, 1).sample(&logits, &[0, 1]).unwrap_err().to_string();
            assert!(error.contains("token 2") && error.contains("damaged"), "{error}");
        }
        // What is ruled out is not drawn.
        assert_eq!(Sampler::new(&settings, 1).sample(&[f32::NEG_INFINITY, 1.0], &[]).unwrap(), 1);
    }
}

#[test]
fn the_same_seed_draws_the_same() {
    let run = |seed| {
        let mut sampler = Sampler::new(&plain(), seed);
        (0..50).map(|_| sampler.sample(&logits(&FIVE), &[]).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
