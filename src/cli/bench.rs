//! `ponder bench`: tokens per second, of the model alone, against what the machine's memory allows, and where the time goes. Nothing is
//! sampled.

use std::time::Instant;

use serde_json::{Value, json};

use super::args::Bench as Args;
use super::{go_on, prepare, show};
use crate::engine::decoder::Want;
use crate::engine::operation::{Operation, Times};
use crate::engine::runner::Runner;
use crate::engine::speed::Speed;
use crate::error::{Error, Result};
use crate::kernels::bandwidth::Bandwidth;
use crate::memory::ledger::Ledger;
use crate::memory::plan::KvDtype;
use crate::units::{Bytes, TokensPerSecond, percent};

/// Tokens of the prompt where the model has room for them.
const PROMPT: usize = 512;

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let spec = model.spec.as_ref().map_err(Clone::clone)?;
    let beside = args.depth.saturating_add(args.generate);
    let prompt = args.prompt.unwrap_or_else(|| PROMPT.min(spec.n_ctx_train.saturating_sub(beside).max(1)));
    if prompt == 0 || args.repeat == 0 {
        return Err(Error::unsupported("bench", "--prompt and --repeat must be at least 1"));
    }
    let context = beside.saturating_add(prompt);
    let kv = args.kv.map_or(KvDtype::F16, Into::into);
    let mut loaded = prepare::load(&model, prepare::choice(&args.running, &args.recoding, context, kv))?;
    let measure = || Bandwidth::measure(&loaded.pool, &Ledger::default(), prepare::machine().available);
    let before = measure();
    let runner = loaded.session.runner_mut();
    // As the app does while nobody asks anything.
    runner.settle(Bytes(u64::MAX));
    let mut token = pseudo_tokens(spec.n_vocab);

    let mut feed = |runner: &mut Runner, n: usize, one_by_one: bool| -> Result<TokensPerSecond> {
        let tokens: Vec<u32> = token.by_ref().take(n).collect();
        let started = Instant::now();
        for chunk in tokens.chunks(if one_by_one { 1 } else { n.max(1) }) {
            runner.feed(chunk, Want::Last, &go_on, &mut |_, _| Ok(()))?;
        }
        Ok(TokensPerSecond::new(n, started.elapsed().as_secs_f64()))
    };
    feed(runner, prompt.min(64), false)?;
    feed(runner, args.generate.min(8), true)?;

    let (mut prefill, mut decode) = (Vec::new(), Vec::new());
    let (mut prefill_times, mut decode_times) = (Times::default(), Times::default());
    runner.truncate(0);
    feed(runner, args.depth, false)?;
    for _ in 0..args.repeat {
        runner.truncate(args.depth);
        let start = runner.times();
        prefill.push(feed(runner, prompt, false)?.0);
        let middle = runner.times();
        prefill_times += middle - start;
        if args.generate > 0 {
            decode.push(feed(runner, args.generate, true)?.0);
            decode_times += runner.times() - middle;
        }
    }
    // The machine may have been busy with something else the first time or the second.
    let bandwidth = before.better(measure());

    let depth = args.depth + prompt + args.generate / 2;
    let bytes_per_token = loaded.session.bytes_per_token(depth);
    let speed = Speed { bytes_per_token, depth, prefill: prefill_times, decode: decode_times };
    let reached = speed.reached(TokensPerSecond(median(&decode)));
    let share = reached.0 / bandwidth.memory().0;
    let value = json!({
        "prefill_tps": prefill,
        "decode_tps": decode,
        "bytes_per_token": bytes_per_token.0,
        "bandwidth_gbps": reached.0 / 1e9,
        "read_bandwidth": bandwidth.memory().0,
        "share_of_read_bandwidth": share,
        "time_by_operation": {
            "prefill": seconds(&prefill_times, args.repeat),
            "decode": seconds(&decode_times, args.repeat),
        },
        "threads": loaded.plan.choice.threads,
    });
    show(args.target.json, &value, || {
        let (read, write) = (TokensPerSecond(median(&prefill)), TokensPerSecond(median(&decode)));
        let mut lines = vec![
            format!("prefill {read} ({prompt} tokens)"),
            format!("decode  {write} ({} tokens at depth {})", args.generate, args.depth + prompt),
            format!(
                "reads   {} per token, {reached}: {} of the {} measured",
                bytes_per_token.on_disk(),
                percent(share),
                bandwidth.memory()
            ),
        ];
        lines.extend(speed.why(write, Some(&bandwidth)));
        lines.push(format!("{:<24}{:>10}{:>10}", "time by operation", "prefill", "decode"));
        lines.extend(Operation::ALL.into_iter().map(|operation| {
            let shares = [&prefill_times, &decode_times].map(|times| percent(times.share(operation)));
            format!("  {:<22}{:>10}{:>10}", operation.words(), shares[0], shares[1])
        }));
        lines.join("\n")
    })
}

/// Seconds by operation of one of `repeat` runs.
fn seconds(times: &Times, repeat: usize) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a few repetitions")]
    let runs = repeat as f64;
    Operation::ALL.into_iter().map(|operation| (operation.key().to_owned(), json!(times.get(operation) / runs))).collect()
}

/// Token ids that look like nothing in particular, the same each time.
fn pseudo_tokens(n_vocab: usize) -> impl Iterator<Item = u32> {
    (0u64..).map(move |i| u32::try_from((100 + 7_919 * i) % n_vocab as u64).unwrap_or(0))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
