//! `ponder run`: one answer on stdout.

use serde_json::json;

use super::args::Run as Args;
use super::{go_on, note, parts_json, prepare, print, show};
use crate::engine::generate::{Generation, Progress};
use crate::engine::metrics::StopReason;
use crate::engine::sampler::Sampling;
use crate::engine::session::Input;
use crate::engine::template::{Message, Role};
use crate::error::{Error, Result};
use crate::memory::plan::KvDtype;
use crate::memory::probe::Probe;

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let context = args.context.map_or_else(|| prepare::default_context(&model), Ok)?;
    let kv = args.kv.map_or(KvDtype::F16, Into::into);
    let prepare::Loaded { mut session, plan, seconds, .. } =
        prepare::load(&model, prepare::choice(&args.running, &args.recoding, context, kv))?;

    let sampling = sampling(args);
    let prompt = session.prompt(&input(args), &go_on)?;
    let mut generation = Generation::start(&mut session, &prompt, &sampling, sampling.seed.unwrap_or(0))?;
    let mut text = String::new();
    while let Some(progress) = generation.next(&go_on)? {
        if let Progress::Text { text: piece, .. } = progress {
            if !args.target.json {
                print(&piece)?;
            }
            text.push_str(&piece);
        }
    }
    let (metrics, tokens) = (generation.metrics(), generation.tokens().to_vec());
    drop(generation);

    let (charged, counted, process) = (session.charged(), session.counted(), Probe::default().process());
    let value = json!({
        "text": text,
        "tokens": tokens,
        "prompt_tokens": metrics.prompt_tokens,
        "stop_reason": metrics.stop_reason.key(),
        "prefill_tps": metrics.prefill.0,
        "decode_tps": metrics.decode.0,
        "load_seconds": seconds,
        "first_token_seconds": metrics.first_token_seconds,
        "memory": {
            "planned": parts_json(&plan.parts, Some(plan.total)),
            "charged": parts_json(&charged, Some(charged.sum())),
            "counted": parts_json(&counted, crate::memory::alloc::live()),
            "resident": process.resident.0,
            "resident_peak": process.resident_peak.unwrap_or(process.resident).0,
        },
    });
    show(args.target.json, &value, String::new)?;
    if !args.target.json {
        let reason = metrics.stop_reason.words();
        note(&format!(
            "{} tokens, {} ({reason}); prompt of {} tokens, {}; first token after {}",
            metrics.generated_tokens,
            metrics.decode,
            metrics.prompt_tokens,
            metrics.prefill,
            crate::units::seconds(metrics.first_token_seconds)
        ));
    }
    session.close();
    if metrics.stop_reason == StopReason::Cancelled { Err(Error::Cancelled) } else { Ok(()) }
}

fn sampling(args: &Args) -> Sampling {
    let default = Sampling::default();
    Sampling {
        temperature: args.temperature.unwrap_or(default.temperature),
        top_k: args.top_k.unwrap_or(default.top_k),
        top_p: args.top_p.unwrap_or(default.top_p),
        min_p: args.min_p.unwrap_or(default.min_p),
        repeat_penalty: args.repeat_penalty.unwrap_or(default.repeat_penalty),
        seed: args.seed,
        max_tokens: args.max_tokens.unwrap_or(default.max_tokens),
        stop: args.stop.clone(),
        ..default
    }
}

fn input(args: &Args) -> Input {
    if args.raw {
        return Input::Completion(args.prompt.clone());
    }
    let system = args.system.iter().map(|text| Message { role: Role::System, content: text.clone() });
    let user = Message { role: Role::User, content: args.prompt.clone() };
    Input::Chat { messages: system.chain([user]).collect(), fallback_template: false }
}
