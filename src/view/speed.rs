//! Speed on the screen: what an answer reached, what this machine allows, and where the time went. What was measured and what is
//! estimated is said beside the numbers.

use egui::{Align, Layout, RichText, Sense, Ui, pos2, vec2};

use super::{Actions, icons, theme, widgets};
use crate::engine::metrics::Metrics;
use crate::engine::operation::{Operation, Times};
use crate::engine::speed::{self, Speed};
use crate::inspect::Model;
use crate::kernels::bandwidth::Bandwidth;
use crate::memory::plan::Plan;
use crate::state::{Action, Page, State};
use crate::units::{THIN_SPACE, TokensPerSecond, grouped, percent, seconds};

/// Operations that are named below the bar in the chat.
const NAMED: usize = 3;
/// The width of a column of shares.
const COLUMN: f32 = 72.0;
/// The width of the section on a page.
const WIDEST: f32 = 640.0;

/// In the chat's side panel: the last answer in a few lines, and the way to more.
pub fn brief(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let Some((metrics, speed)) = measured(state) else { return };
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        widgets::section(ui, "Speed");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if widgets::icon_button(ui, icons::RIGHT, "Show speed in detail").clicked() {
                actions.push(Action::Go(Page::Memory));
            }
        });
    });
    let (name, times) = if speed.decode.total() > 0.0 { ("answer", &speed.decode) } else { ("prompt", &speed.prefill) };
    bar(ui, name, times);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut largest = Operation::ALL;
        largest.sort_by(|&a, &b| times.get(b).total_cmp(&times.get(a)));
        for &operation in largest.iter().take(NAMED) {
            row(ui, operation, &[times]);
        }
    });
    if let Some(why) = speed.why(metrics.decode, state.bandwidth.ready()) {
        widgets::note(ui, unbroken(&why));
    }
}

/// On the memory page: everything that is known.
pub fn full(ui: &mut Ui, state: &State) {
    ui.add_space(theme::GRID);
    // a column of a page justifies its text; figures stand near their words
    ui.with_layout(Layout::top_down(Align::Min), |ui| {
        ui.set_max_width(WIDEST.min(ui.available_width()));
        ui.spacing_mut().item_spacing.y = theme::GRID;
        widgets::section(ui, "Speed");
        sections(ui, state);
    });
}

fn sections(ui: &mut Ui, state: &State) {
    let (answer, bandwidth) = (measured(state), state.bandwidth.ready());
    match &answer {
        Some(_) => widgets::small(ui, "measured in the last answer of the current chat"),
        None => widgets::note(ui, "How fast the last answer was, and why, stands here after an answer."),
    };
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if let Some((metrics, speed)) = &answer {
            figures(ui, metrics, speed);
        }
        machine(ui, bandwidth);
        if let (Some((metrics, speed)), Some(bandwidth)) = (&answer, bandwidth) {
            prediction_held(ui, metrics, speed, bandwidth);
        }
    });
    let Some((metrics, speed)) = answer else { return };
    if let Some(why) = speed.why(metrics.decode, bandwidth) {
        widgets::ink_label(ui, unbroken(&why));
    }
    breakdown(ui, &speed);
}

/// On the model page, before loading: what reading allows at most, and what the model reached when it last answered here.
pub fn prediction(ui: &mut Ui, state: &State, model: &Model, plan: &Plan) {
    let choice = plan.choice;
    let (Some(read), Some(bandwidth)) = (speed::bytes_per_token(model, choice, 0), state.bandwidth.ready()) else { return };
    let Some(most) = state.speed_limit(model, choice, 0) else { return };
    let last = state.last_speed(&model.label());
    ui.add_space(4.0);
    if speed::stays_in_cache(read, bandwidth) {
        widgets::note(ui, "It is small enough to stay in the processor's cache, so memory does not limit its speed.");
        if let Some(last) = last {
            widgets::small(ui, format!("Its last answer here: {last}, measured."));
        }
        return;
    }
    let text = RichText::new(format!("at most ≈ {most} here")).text_style(theme::strong());
    let full = state.speed_limit(model, choice, choice.context).map_or_else(String::new, |full| {
        format!(
            "With all {} tokens of context in use: at most ≈ {full}, because their keys and values are read too.",
            grouped(choice.context as u64)
        )
    });
    ui.label(text).on_hover_text(format!("Every token needs all weights once, so reading them is the limit.\n{full}"));
    widgets::small(ui, format!("estimated from {} read per token and {} measured", read.on_disk(), bandwidth.memory()));
    if let Some(last) = last {
        widgets::small(ui, format!("its last answer here: {last} measured, {} of that", percent(last.0 / most.0)));
    }
}

/// A number and its unit stay on one line.
fn unbroken(text: &str) -> String {
    text.replace(THIN_SPACE, "\u{a0}")
}

fn measured(state: &State) -> Option<(Metrics, Speed)> {
    let metrics = state.last_answer()?;
    Some((*metrics, metrics.speed?))
}

fn figures(ui: &mut Ui, metrics: &Metrics, speed: &Speed) {
    let shown = |speed: TokensPerSecond| if speed.0 > 0.0 { speed.to_string() } else { "–".to_owned() };
    let (read, wrote) = (metrics.prompt_tokens - metrics.reused_tokens.min(metrics.prompt_tokens), metrics.generated_tokens);
    widgets::row_fact(ui, "Prompt", shown(metrics.prefill), &format!("measured: {} tokens read", grouped(read as u64)));
    widgets::row_fact(ui, "Answer", shown(metrics.decode), &format!("measured: {} tokens written", grouped(wrote as u64)));
    let depth =
        format!("computed: all weights, and keys and values of {} tokens\n{}", grouped(speed.depth as u64), speed.bytes_per_token.exact());
    widgets::row_fact(ui, "Read per token", speed.bytes_per_token.on_disk(), &depth);
    if metrics.decode.0 > 0.0 {
        let reached = speed.reached(metrics.decode).to_string();
        widgets::row_fact(ui, "Answer reads", reached, "measured speed × bytes read per token");
    }
}

fn machine(ui: &mut Ui, bandwidth: Option<&Bandwidth>) {
    match bandwidth {
        Some(bandwidth) => {
            let threads = bandwidth.threads();
            let how = format!("measured with {threads} threads in this session");
            widgets::row_fact(ui, "This machine reads", bandwidth.memory().to_string(), &how)
        }
        None => widgets::row_fact(ui, "This machine reads", "–", "It is measured once a model is open and nothing runs."),
    };
}

/// How right the prediction of the model page was.
fn prediction_held(ui: &mut Ui, metrics: &Metrics, speed: &Speed, bandwidth: &Bandwidth) {
    if metrics.decode.0 <= 0.0 {
        return;
    }
    let most = speed::limit(speed.bytes_per_token, bandwidth);
    widgets::row_fact(ui, "Estimated at most", format!("≈ {most}"), "what the machine reads ÷ bytes read per token");
    widgets::row_fact(ui, "Reached of that", percent(metrics.decode.0 / most.0), &format!("{} of ≈ {most}", metrics.decode));
}

/// Two bars and a table: where the time of the prompt and of the answer went.
fn breakdown(ui: &mut Ui, speed: &Speed) {
    let sides: Vec<(&str, &Times)> =
        [("prompt", &speed.prefill), ("answer", &speed.decode)].into_iter().filter(|(_, times)| times.total() > 0.0).collect();
    ui.add_space(theme::GRID);
    for (name, times) in &sides {
        ui.horizontal(|ui| {
            ui.set_min_height(theme::ROW);
            widgets::lead(ui, COLUMN, name);
            bar(ui, name, times);
        });
    }
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
        for (i, (name, _)) in sides.iter().rev().enumerate() {
            in_column(ui, rect, i, |ui| {
                widgets::small(ui, *name);
            });
        }
        let times: Vec<&Times> = sides.iter().map(|(_, times)| *times).collect();
        for operation in Operation::ALL {
            row(ui, operation, &times);
        }
    });
}

/// The shares of all operations.
fn bar(ui: &mut Ui, name: &str, times: &Times) {
    let palette = theme::palette(ui);
    let took = || Operation::ALL.into_iter().filter(|&operation| times.get(operation) > 0.0);
    let told = |operation: Operation| format!("{}: {} of the time", operation.words(), percent(times.share(operation)));
    #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
    let piece = |operation: Operation| widgets::Piece {
        name: operation.words().to_owned(),
        color: palette.operation(operation),
        share: times.share(operation) as f32,
        hatched: false,
        told: format!("{}, {} in all", told(operation), seconds(times.get(operation))),
    };
    let pieces: Vec<widgets::Piece> = took().map(piece).collect();
    let words: Vec<String> = took().map(|operation| format!("{} {}", operation.words(), percent(times.share(operation)))).collect();
    widgets::share_bar(ui, &format!("time of the {name}: {}", words.join(", ")), &pieces, None, theme::GRID * 1.5);
}

/// An operation with its share of each of the times, the last at the right.
fn row(ui: &mut Ui, operation: Operation, times: &[&Times]) {
    let color = theme::palette(ui).operation(operation);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
    #[expect(clippy::cast_precision_loss, reason = "one or two columns")]
    let left = rect.right() - COLUMN * times.len() as f32;
    let name = egui::Rect::from_min_max(rect.min, pos2(left, rect.bottom()));
    widgets::cell(ui, name, Layout::left_to_right(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        widgets::swatch(ui, color);
        widgets::term(ui, operation.words());
    });
    for (i, times) in times.iter().rev().enumerate() {
        in_column(ui, rect, i, |ui| {
            let share = RichText::new(percent(times.share(operation))).monospace();
            ui.label(share).on_hover_text(format!("measured: {} in all", seconds(times.get(operation))));
        });
    }
}

/// Draws into the `i`-th column of shares from the right.
fn in_column(ui: &mut Ui, row: egui::Rect, i: usize, contents: impl FnOnce(&mut Ui)) {
    #[expect(clippy::cast_precision_loss, reason = "one or two columns")]
    let right = row.right() - COLUMN * i as f32;
    let place = egui::Rect::from_min_max(pos2(right - COLUMN, row.top()), pos2(right, row.bottom()));
    widgets::cell(ui, place, Layout::right_to_left(Align::Center), contents);
}
