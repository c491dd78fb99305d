//! `ponder perplexity`: how surprised the model is by a text.
//!
//! The protocol of llama-perplexity: the text is cut into chunks, each begins with BOS where the file says so, and the second half of
//! each is scored.

use serde_json::json;

use super::args::Perplexity as Args;
use super::{go_on, note, number, prepare, show};
use crate::engine::decoder::Want;
use crate::engine::tokenizer::Special;
use crate::error::{Error, Result};
use crate::memory::plan::KvDtype;

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let mut loaded = prepare::load(&model, prepare::choice(&args.running, &args.recoding, args.chunk, KvDtype::F16))?;
    let session = &mut loaded.session;
    let tokenizer = session.tokenizer();
    let ids = tokenizer.encode_while(&prepare::text(&args.text_file)?, Special::Plain, &go_on)?;
    let ids = tokenizer.with_bos(ids);
    let bos = tokenizer.vocabulary().bos.filter(|_| tokenizer.vocabulary().add_bos);
    let n_chunks = ids.len() / args.chunk.max(1);
    if n_chunks == 0 || args.chunk < 4 {
        return Err(Error::Engine(format!(
            "{}: the text has {} tokens; a chunk of {} (at least 4) must fit in it",
            args.text_file.display(),
            ids.len(),
            args.chunk
        )));
    }

    let runner = session.runner_mut();
    let (mut nll, width) = (Vec::new(), runner.n_vocab());
    for (i, chunk) in ids.chunks_exact(args.chunk).enumerate() {
        let mut tokens = chunk.to_vec();
        if let Some(bos) = bos {
            tokens[0] = bos;
        }
        runner.truncate(0);
        let (before, scored) = tokens.split_at(args.chunk / 2);
        runner.feed(before, Want::Nothing, &go_on, &mut |_, _| Ok(()))?;
        runner.feed(&scored[..scored.len() - 1], Want::All, &go_on, &mut |first, logits| {
            for (position, row) in logits.chunks(width).enumerate() {
                nll.push(surprise(row, tokens[first + position + 1]));
            }
            Ok(())
        })?;
        if !args.target.json {
            note(&format!("chunk {} of {n_chunks}", i + 1));
        }
    }
    let (ppl, stderr) = perplexity(&nll);
    let value = json!({ "ppl": number(ppl), "stderr": number(stderr), "tokens": nll.len() });
    show(args.target.json, &value, || format!("perplexity {ppl:.4} ± {stderr:.4} over {} tokens", nll.len()))
}

/// `-ln p(token)` from a row of logits, in F64.
fn surprise(logits: &[f32], token: u32) -> f64 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - highest).exp()).sum();
    sum.ln() + f64::from(highest) - f64::from(logits[token as usize])
}

/// `exp` of the mean, and its standard error by the delta method.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
fn perplexity(nll: &[f64]) -> (f64, f64) {
    let n = nll.len() as f64;
    let mean = nll.iter().sum::<f64>() / n;
    let variance = nll.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean.exp(), mean.exp() * (variance / n).sqrt())
}
