//! `ponder logits`: what the model expects after each of the given tokens.

use serde_json::{Value, json};

use super::args::Logits as Args;
use super::{go_on, number, prepare, show};
use crate::engine::decoder::Want;
use crate::engine::runner::Runner;
use crate::error::{Error, Result};
use crate::inspect::npy::NpyWriter;
use crate::memory::plan::KvDtype;

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let choice = prepare::choice(&args.running, &args.recoding, args.tokens.len(), KvDtype::F16);
    let mut loaded = prepare::load(&model, choice)?;
    let runner = loaded.session.runner_mut();
    let n = args.tokens.len();
    let kept = if args.all { args.last.unwrap_or(n) } else { args.last.unwrap_or(1) }.min(n);
    let first_kept = n - kept;

    let width = runner.n_vocab();
    let mut out = args.out.as_deref().map(|path| NpyWriter::create(path, &[kept as u64, width as u64])).transpose()?;
    let mut positions: Vec<Value> = Vec::new();
    score(runner, &args.tokens, first_kept, args.step, &mut |position, logits| {
        if let Some(out) = &mut out {
            out.write(logits)?;
        }
        if args.out.is_none() || args.target.json {
            positions.push(json!({ "position": position, "top": top(logits, args.top) }));
        }
        Ok(())
    })?;
    if let Some(out) = out {
        out.finish()?;
    }
    if args.out.is_some() && !args.target.json {
        return Ok(());
    }
    let value = json!({ "positions": positions });
    show(args.target.json, &value, || positions.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"))
}

/// Feeds the tokens and hands out the logits of each position from `first_kept` on.
fn score(
    runner: &mut Runner,
    tokens: &[u32],
    first_kept: usize,
    step: bool,
    each: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= runner.n_vocab()) {
        return Err(Error::Engine(format!("--tokens: {token} is outside the vocabulary of {}", runner.n_vocab())));
    }
    let width = runner.n_vocab();
    let mut rows = |first: usize, logits: &[f32]| {
        let wanted = logits.chunks(width).enumerate().map(|(i, row)| (first + i, row)).filter(|(position, _)| *position >= first_kept);
        wanted.into_iter().try_for_each(|(position, row)| each(position, row))
    };
    if step {
        for (position, &token) in tokens.iter().enumerate() {
            let want = if position >= first_kept { Want::Last } else { Want::Nothing };
            runner.feed(&[token], want, &go_on, &mut rows)?;
        }
        return Ok(());
    }
    // The head is the most expensive row of all: it is applied only where logits are kept.
    let (before, kept) = tokens.split_at(first_kept);
    runner.feed(before, Want::Nothing, &go_on, &mut rows)?;
    runner.feed(kept, Want::All, &go_on, &mut rows)
}

/// The `k` highest logits with their tokens, highest first.
fn top(logits: &[f32], k: usize) -> Vec<(usize, Value)> {
    let mut ranked: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.into_iter().take(k).map(|(token, logit)| (token, number(logit.into()))).collect()
}
