//! One message: who wrote it, what, how the answer was made, and what can be done with it.

use egui::{Frame, Margin, RichText, Ui};

use super::blocks::Reading;
use super::inert::inert;
use super::markdown::{Document, copy};
use crate::engine::metrics::{Metrics, StopReason};
use crate::state::{Action, Answering, Phase};
use crate::store::chat::{Role, Turn};
use crate::units::{TokensPerSecond, grouped, seconds};
use crate::view::{Actions, glossary, icons, theme, widgets};

/// What the transcript knows about a message beside its text.
#[derive(Debug, Clone, Copy)]
pub struct Place<'s> {
    /// Whether it is the last.
    pub last: bool,
    /// The answer under way, if this message receives it.
    pub answering: Option<&'s Answering>,
    /// Whether another answer could be made now.
    pub can_answer: bool,
}

/// Draws a message.
pub fn turn(ui: &mut Ui, turn: &Turn, document: &mut Document, place: Place<'_>, actions: &mut Actions) {
    match turn.role {
        Role::User => person(ui, turn, document),
        Role::Assistant => answer(ui, turn, document, place, actions),
    }
}

fn person(ui: &mut Ui, turn: &Turn, document: &mut Document) {
    let palette = theme::palette(ui);
    let fill = theme::mix(palette.surface, palette.ink, 0.05);
    Frame::new().fill(fill).corner_radius(theme::CORNER).inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(RichText::new("You").text_style(theme::strong()));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| copy(ui, "Copy your message", &inert(&turn.text)));
        });
        document.ui(ui, &turn.text, Reading::Typed);
    });
}

fn answer(ui: &mut Ui, turn: &Turn, document: &mut Document, place: Place<'_>, actions: &mut Actions) {
    Frame::new().inner_margin(Margin { left: 12, right: 12, top: 0, bottom: 0 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.set_min_height(theme::CONTROL);
            ui.label(RichText::new(turn.model.as_deref().unwrap_or("Model")).text_style(theme::strong()));
        });
        if !turn.text.is_empty() {
            document.ui(ui, &turn.text, Reading::Markdown);
        }
        match place.answering {
            Some(answering) => {
                widgets::small(ui, progress(answering));
            }
            None => foot(ui, turn, place, actions),
        }
    });
}

/// What the engine is doing, in words.
#[must_use]
pub fn progress(answering: &Answering) -> String {
    if answering.stopping {
        return "stopping".to_owned();
    }
    match answering.phase {
        Phase::Saving | Phase::Waiting => "waiting".to_owned(),
        Phase::Reading { done, total } => format!("reading prompt {} of {}", grouped(done as u64), grouped(total as u64)),
        Phase::Writing { generated, decode } => format!("{} tok · {decode}", grouped(generated as u64)),
    }
}

/// Signs and measurements under an answer that has ended.
pub fn foot(ui: &mut Ui, turn: &Turn, place: Place<'_>, actions: &mut Actions) {
    let stop = turn.metrics.map_or(StopReason::Interrupted, |metrics| metrics.stop_reason);
    let again = place.last && place.can_answer;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        copy(ui, "Copy answer", &inert(&turn.text));
        if again {
            let named = stop == StopReason::Interrupted;
            let pressed = if named {
                widgets::quiet(ui, Some(icons::AGAIN), "Regenerate")
            } else {
                widgets::icon_button(ui, icons::AGAIN, "Regenerate")
            };
            if pressed.clicked() {
                actions.push(Action::Regenerate);
            }
        }
        ui.add_space(4.0);
        let measured = turn.metrics.filter(|metrics| *metrics != Metrics::INTERRUPTED);
        let words = measured.map_or_else(|| stop.words().to_owned(), |metrics| summary(&metrics));
        let color = theme::secondary(ui);
        let label = ui.label(RichText::new(words).color(color).text_style(theme::small_mono()));
        label.on_hover_ui(|ui| explained(ui, measured.as_ref(), stop));
    });
}

/// `41 tok · 118 tok/s · prompt 34 tok at 220 tok/s · first token 0.42 s · end of turn`.
#[must_use]
pub fn summary(metrics: &Metrics) -> String {
    let Metrics { prompt_tokens, reused_tokens, generated_tokens, prefill, decode, first_token_seconds, stop_reason, .. } = *metrics;
    let mut words = vec![format!("{} tok", grouped(generated_tokens as u64))];
    if decode > TokensPerSecond(0.0) {
        words.push(decode.to_string());
    }
    let read = grouped(prompt_tokens as u64);
    words.push(if prefill > TokensPerSecond(0.0) { format!("prompt {read} tok at {prefill}") } else { format!("prompt {read} tok") });
    if reused_tokens > 0 {
        words.push(format!("{} reused", grouped(reused_tokens as u64)));
    }
    if generated_tokens > 0 {
        words.push(format!("first token {}", seconds(first_token_seconds)));
    }
    words.push(stop_reason.words().to_owned());
    // a line is broken between two facts, never within one
    words.iter().map(|fact| fact.replace(' ', "\u{a0}")).collect::<Vec<_>>().join(" · ")
}

fn explained(ui: &mut Ui, metrics: Option<&Metrics>, stop: StopReason) {
    if let Some(metrics) = metrics {
        let reused = grouped(metrics.reused_tokens as u64);
        ui.label(format!("{} tokens were generated at {} each second.", grouped(metrics.generated_tokens as u64), metrics.decode));
        ui.label(format!("The prompt has {} tokens; {reused} were still in the KV cache.", grouped(metrics.prompt_tokens as u64)));
    }
    if let Some((metrics, speed)) = metrics.and_then(|metrics| Some((metrics, metrics.speed?)))
        && metrics.decode > TokensPerSecond(0.0)
    {
        let reached = speed.reached(metrics.decode);
        ui.label(format!("{} were read for each token: {reached}.", speed.bytes_per_token.on_disk()));
    }
    ui.label(why(stop));
    if let Some(sentence) = glossary::explain("tok/s") {
        widgets::note(ui, sentence);
    }
}

const fn why(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndOfTurn => "The model said that it has finished.",
        StopReason::MaxTokens => "The answer reached the most tokens it may have; raise it in the panel at the right.",
        StopReason::StopString => "One of the stop strings appeared.",
        StopReason::ContextFull => "No position was left in the context. Nothing was dropped.",
        StopReason::Cancelled => "You stopped it.",
        StopReason::Interrupted => "The app was closed or something failed before the answer was complete.",
    }
}
