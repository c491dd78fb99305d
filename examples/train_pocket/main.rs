//! Trains Pocket, the small model that is built into the program.
//!
//! `cargo run --release --example train_pocket`

#![expect(clippy::print_stdout, reason = "a command that reports as it goes")]

mod arithmetic;
mod data;
mod heads;
mod model;
mod ops;
mod optimizer;
mod tokenizer;
mod trainer;

use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The result of everything that can fail here.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arg = |i: usize, default: usize| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (length, part, threads, steps) = (arg(1, 128), arg(2, 512), arg(3, 2), arg(4, 30));
    let t = Instant::now();
    let tokenizer = tokenizer::Tokenizer::train()?;
    println!("tokenizer {:?}", t.elapsed());
    let mut feed = data::Feed::new(tokenizer, 0);
    let mut trainer = trainer::Trainer::new(model::Model::new(1)?, threads)?;
    let t = Instant::now();
    for step in 0..steps {
        let batch = feed.batch(4096 / length, length);
        let now = Instant::now();
        let loss = trainer.step(batch, part, step as u64, 1000)?;
        println!(
            "{step} {loss:.4} {:.0} tokens/s, mean {:.0}",
            4096.0 / now.elapsed().as_secs_f64(),
            4096.0 * (step + 1) as f64 / t.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
