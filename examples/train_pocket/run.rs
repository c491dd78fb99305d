//! The run: steps, reports, checkpoints, until it is done or told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::checkpoint::{Folder, Progress};
use super::data::Feed;
use super::model::Model;
use super::tokenizer::Tokenizer;
use super::trainer::Trainer;
use super::{Args, Result, curve, export};

/// Steps between two reports.
const REPORT: u64 = 20;
const CHECKPOINT: Duration = Duration::from_mins(2);
const EXPORT: Duration = Duration::from_mins(5);
const SEED: u64 = 1;

/// Whether the sequences of a step are long ones: one step of four, so that no position is new to the model at the end.
const fn long(step: u64) -> bool {
    step % 4 == 3
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn clock(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    format!("{:.0}:{:02.0}", (minutes / 60.0).floor(), (minutes % 60.0).floor())
}

/// Trains as `args` say.
///
/// # Errors
/// If a file cannot be read or written, or the exported model is not the trained one.
pub fn run(args: &Args) -> Result<()> {
    let folder = Folder(args.folder.clone());
    std::fs::create_dir_all(&folder.0)?;
    let tokenizer = Tokenizer::open(&folder.file("tokenizer.json"))?;
    let mut trainer = Trainer::new(Model::new(SEED)?, args.threads.into())?;
    let mut progress = folder.resume(&mut trainer)?;
    let mut feed = Feed::new(tokenizer, progress.document);
    if let Some(path) = &args.export {
        return write(path, &trainer, &mut feed);
    }
    println!("step {} of {}, {} tokens read so far; folder {}", progress.step, args.steps, progress.tokens, folder.0.display());

    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed))?;
    train(args, &folder, &mut trainer, &mut feed, &mut progress, &stop)?;
    folder.save(&trainer, progress)?;
    if let Some(curve) = curve::svg(&std::fs::read_to_string(folder.file("loss.csv")).unwrap_or_default()) {
        std::fs::write(folder.file("loss.svg"), curve)?;
    }
    write(&folder.file("pocket.gguf"), &trainer, &mut feed)
}

fn write(path: &std::path::Path, trainer: &Trainer, feed: &mut Feed) -> Result<()> {
    export::write(path, &trainer.model, feed.tokenizer())?;
    let worst = export::check(path, &trainer.model, feed)?;
    println!("{}: written; the decoder's logits are at most {worst:.1e} from the trainer's, its tokens are the same", path.display());
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run of hours")]
fn train(args: &Args, folder: &Folder, trainer: &mut Trainer, feed: &mut Feed, progress: &mut Progress, stop: &AtomicBool) -> Result<()> {
    let (started, before) = (Instant::now(), progress.milliseconds);
    let limit = args.minutes.map(|minutes| Duration::from_secs_f64(minutes.max(0.0) * 60.0));
    let (mut saved, mut exported) = (started, started);
    let (mut window, mut first, mut losses, mut tokens) = (started, progress.step, 0.0, 0);
    while progress.step < args.steps && !stop.load(Ordering::Relaxed) && limit.is_none_or(|limit| started.elapsed() < limit) {
        let length = usize::from(if long(progress.step) { args.long } else { args.length });
        let batch = feed.batch((args.batch / length).max(1), length);
        let read = batch.inputs.len();
        let loss = trainer.step(batch, args.part, progress.step, args.steps)?;
        if !loss.is_finite() {
            return Err(format!("step {}: the loss is {loss}; the last checkpoint is kept", progress.step).into());
        }
        progress.step += 1;
        progress.tokens += read as u64;
        progress.document = feed.next;
        progress.milliseconds = before + milliseconds(started.elapsed());
        losses += f64::from(loss);
        tokens += read;
        if progress.step.is_multiple_of(REPORT) {
            let seconds = window.elapsed().as_secs_f64();
            let steps = (progress.step - first) as f64;
            let (speed, mean) = (tokens as f64 / seconds, losses / steps);
            let left = (args.steps - progress.step) as f64 * seconds / steps;
            let spent = progress.milliseconds as f64 / 1000.0;
            let Progress { step, tokens: total, .. } = *progress;
            println!("step {step}  loss {mean:.4}  {speed:.0} tokens/s  {total} tokens  {} h spent  {} h to go", clock(spent), clock(left));
            folder.log(*progress, mean, speed)?;
            (window, first, losses, tokens) = (Instant::now(), progress.step, 0.0, 0);
        }
        if saved.elapsed() >= CHECKPOINT {
            folder.save(trainer, *progress)?;
            saved = Instant::now();
        }
        if exported.elapsed() >= EXPORT {
            export::write(&folder.file("pocket.gguf"), &trainer.model, feed.tokenizer())?;
            exported = Instant::now();
        }
    }
    Ok(())
}
