//! `ponder bench`: tokens per second, of the model alone; nothing is sampled.

use std::time::Instant;

use serde_json::json;

use super::args::Bench as Args;
use super::{go_on, prepare, show};
use crate::engine::decoder::Want;
use crate::engine::runner::Runner;
use crate::error::{Error, Result};
use crate::kernels::precision;
use crate::memory::plan::{self, KvDtype};
use crate::units::TokensPerSecond;

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
    let runner = loaded.session.runner_mut();
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
    runner.truncate(0);
    feed(runner, args.depth, false)?;
    for _ in 0..args.repeat {
        runner.truncate(args.depth);
        prefill.push(feed(runner, prompt, false)?.0);
        if args.generate > 0 {
            decode.push(feed(runner, args.generate, true)?.0);
        }
    }

    let depth = args.depth + prompt + args.generate / 2;
    let resident = |tensor: &_| precision::resident_bytes(tensor, loaded.plan.choice.recode).unwrap_or_default();
    let weights = model.weight_bytes_per_token(resident);
    let bytes_per_token = weights.0 + plan::kv_read_bytes(spec, loaded.plan.choice.cache_dtype(), depth).0;
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bandwidth = median(&decode) * bytes_per_token as f64 / 1e9;
    let value = json!({
        "prefill_tps": prefill,
        "decode_tps": decode,
        "bytes_per_token": bytes_per_token,
        "bandwidth_gbps": bandwidth,
        "threads": loaded.plan.choice.threads,
    });
    show(args.target.json, &value, || {
        format!(
            "prefill {} ({} tokens)\ndecode  {} ({} tokens at depth {})\nreads   {} per token, {bandwidth:.1} GB/s",
            TokensPerSecond(median(&prefill)),
            prompt,
            TokensPerSecond(median(&decode)),
            args.generate,
            args.depth + prompt,
            crate::units::Bytes(bytes_per_token).on_disk(),
        )
    })
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
