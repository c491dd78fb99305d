//! `ponder compare`: models held against a reference over a text.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::args::Compare as Args;
use super::{go_on, note, prepare, show};
use crate::error::{Error, Result};
use crate::file::replacement::Replacement;
use crate::inspect::Model;
use crate::kernels::pool::Pool;
use crate::lab::advice::{Outcome, advice, nats};
use crate::lab::candidate::Candidate;
use crate::lab::divergence::{Comparison, Room, Settings, Step};
use crate::lab::run::{Kind, Run, Status};
use crate::lab::statistics::Summary;
use crate::lab::{export, text};
use crate::memory::ledger::Ledger;
use crate::units::{Bytes, percent, seconds, significant};

pub fn run(args: &Args) -> Result<()> {
    let reference = Arc::new(prepare::open(&args.target.file)?);
    let candidates = args.candidates.iter().map(|path| candidate(path, args, &reference)).collect::<Result<Vec<Candidate>>>()?;
    let given = args.text_file.as_deref().map(prepare::text).transpose()?;
    let machine = prepare::machine();
    let threads = args.threads.unwrap_or(machine.processors).clamp(1, 256);
    let settings = Settings {
        chunk: args.chunk,
        most_chunks: args.chunks,
        exact: args.exact,
        threads,
        noise_floor: !args.no_noise_floor,
        most_cache: Bytes(args.keep_mib.saturating_mul(1 << 20)),
    };
    let room = Room { machine, pool: Arc::new(Pool::new(threads)?), ledger: Ledger::default() };
    let text = given.as_deref().unwrap_or(text::BUNDLED);
    let mut comparison = Comparison::new(Candidate::file(reference)?, candidates, text, settings, room, &go_on)?;
    if !args.target.json {
        let budget = comparison.budget();
        let way = if budget.together { "reference and candidate together" } else { "one model at a time" };
        note(&format!("memory: {} of {} planned, {way}", budget.peak, budget.available));
    }
    loop {
        match comparison.step(&mut |_| go_on()) {
            Ok(Some(step)) if !args.target.json => tell(&comparison, step),
            Ok(Some(_)) => {}
            // What was measured before somebody stopped it is shown.
            Ok(None) | Err(Error::Cancelled) => break,
            Err(error) => return Err(error),
        }
    }
    if let Some(path) = &args.csv {
        let mut file = Replacement::begin(path)?;
        file.write(export::csv(&comparison).as_bytes())?;
        file.finish()?;
    }
    let failed = comparison.runs().iter().find_map(|run| match &run.status {
        Status::Failed(error) => Some(error.clone()),
        _ => None,
    });
    show(args.target.json, &export::json(&comparison), || table(&comparison))?;
    failed.map_or(Ok(()), Err)
}

/// A quantization's name, or a file.
fn candidate(path: &Path, args: &Args, reference: &Arc<Model>) -> Result<Candidate> {
    match prepare::recipe(path, &args.keep)? {
        Some(recipe) => Candidate::made(Arc::clone(reference), &recipe),
        None => Candidate::file(Arc::new(prepare::open(path)?)),
    }
}

fn tell(comparison: &Comparison, step: Step) {
    match step {
        Step::Point(run) => {
            let (share, left) = comparison.progress();
            let run = &comparison.runs()[run];
            let Some(summary) = run.summary() else { return };
            let first = if run.is_preliminary() { " (first impression)" } else { "" };
            let left = left.map_or_else(String::new, |left| format!(", {} left", seconds(left)));
            note(&format!(
                "{}: KL {} ± {}, top token {} ± {} over {} positions{first}; {} done{left}",
                run.candidate.name,
                nats(summary.kld.mean),
                nats(summary.kld.stderr),
                percent(summary.top1.value),
                percent(summary.top1.stderr),
                summary.positions,
                percent(share),
            ));
        }
        Step::Ended(run) => {
            if let Run { status: Status::Failed(error), candidate, .. } = &comparison.runs()[run] {
                note(&format!("{}: {error}", candidate.name));
            }
        }
        _ => {}
    }
}

/// A table in Markdown, with the advice below it.
fn table(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    write_table(&mut out, comparison).ok();
    out
}

fn write_table(out: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let reference = comparison.reference();
    let summaries: Vec<(&Run, Summary)> = comparison.runs().iter().filter_map(|run| Some((run, run.summary()?))).collect();
    write!(out, "{}: {} of weights", reference.name, reference.mix.bytes.on_disk())?;
    if let Some((_, summary)) = summaries.first() {
        write!(out, ", perplexity {:.4} ± {:.4}", summary.reference_ppl.value, summary.reference_ppl.stderr)?;
    }
    let floor = summaries.iter().find(|(run, _)| run.kind == Kind::NoiseFloor);
    if let Some((_, floor)) = floor {
        let (kl, stderr, top) = (nats(floor.kld.mean), nats(floor.kld.stderr), percent(floor.top1.value));
        write!(out, "; noise floor: KL {kl} ± {stderr}, top token {top}, over {} positions", floor.positions)?;
    }
    write!(out, "\n\n| candidate | weights | bits | KL mean | median | 99 % | max | top token | RMS Δp | perplexity | ratio | tok/s |")?;
    write!(out, "\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for (run, summary) in summaries.iter().filter(|(run, _)| run.kind == Kind::Candidate) {
        let mix = &run.candidate.mix;
        write!(
            out,
            "\n| {} ({}) | {} | {} | {} ± {} | {} | {} | {} | {} ± {} | {} ± {} | {:.4} ± {:.4} | {:.4} ± {:.4} | {} |",
            run.candidate.name,
            mix.really(),
            mix.bytes.on_disk(),
            significant(mix.bits_per_weight()),
            nats(summary.kld.mean),
            nats(summary.kld.stderr),
            nats(summary.kld.median),
            nats(summary.kld.p99),
            nats(summary.kld.max),
            percent(summary.top1.value),
            percent(summary.top1.stderr),
            percent(summary.rms_dp.value),
            percent(summary.rms_dp.stderr),
            summary.ppl.value,
            summary.ppl.stderr,
            summary.ratio.value,
            summary.ratio.stderr,
            run.decode.map_or_else(String::new, |speed| significant(speed.0)),
        )?;
    }
    let (outcomes, floor) = (Outcome::all_of(comparison), floor.map(|(_, floor)| floor.kld.mean));
    if let Some(advice) = advice((&reference.name, reference.mix.bytes), &outcomes, floor) {
        write!(out, "\n\n{}", advice.sentence)?;
        for reason in &advice.reasons {
            write!(out, "\n- {reason}")?;
        }
    }
    Ok(())
}
