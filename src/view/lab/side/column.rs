//! One column: who answers, how fast, in how much memory, what it says and where that differs.

use egui::{Align, ComboBox, DragValue, Label, Layout, RichText, ScrollArea, Ui};

use super::text::Texts;
use crate::file::text::shown;
use crate::state::side::{Answer, Chosen, Phase, Wish};
use crate::state::{Action, State};
use crate::units::{grouped, percent};
use crate::view::{Actions, icons, theme, widgets};

/// Draws the column at this place.
pub fn ui(ui: &mut Ui, state: &State, at: usize, texts: &mut Texts, actions: &mut Actions) {
    let Some(chosen) = state.side.columns.get(at) else { return };
    head(ui, state, at, chosen, actions);
    let Some(answer) = state.side.answers.get(at) else {
        widgets::small(ui, chosen.who.0.mix.really());
        return;
    };
    figures(ui, answer, state.side.asking.job().is_some() && state.side.yielding);
    ui.add_space(2.0);
    let foot = 44.0;
    let height = (ui.available_height() - foot).max(60.0);
    let area = ScrollArea::vertical().id_salt("answer").max_height(height).stick_to_bottom(true).auto_shrink([false, true]);
    area.show(ui, |ui| {
        ui.set_width(ui.available_width());
        if !answer.text.is_empty() {
            ui.add(Label::new(texts.of(ui, &state.side.answers, at)).wrap());
        }
        if let Phase::Failed(error) = &answer.phase {
            widgets::failure(ui, error);
        }
    });
    under(ui, answer, at);
}

/// The model, to be changed; its own settings; out.
fn head(ui: &mut Ui, state: &State, at: usize, chosen: &Chosen, actions: &mut Actions) {
    let number = at + 1;
    let set = |actions: &mut Actions, chosen: Chosen| {
        let mut columns = state.side.columns.clone();
        columns[at] = chosen;
        actions.push(Action::Side(Wish::Columns(columns)));
    };
    ui.add_enabled_ui(state.side.asking.job().is_none(), |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if state.side.columns.len() > 1 && widgets::icon_button(ui, icons::CLOSE, &format!("Remove column {number}")).clicked() {
                    let mut columns = state.side.columns.clone();
                    columns.remove(at);
                    actions.push(Action::Side(Wish::Columns(columns)));
                }
                let own = format!("Own temperature for column {number}");
                if widgets::icon_toggle(ui, icons::SAMPLING, &own, chosen.temperature.is_some()).clicked() {
                    let temperature = if chosen.temperature.is_some() { None } else { Some(0.7) };
                    set(actions, Chosen { temperature, ..chosen.clone() });
                }
                if let Some(mut temperature) = chosen.temperature {
                    let drag = DragValue::new(&mut temperature).range(0.0..=2.0).speed(0.01).fixed_decimals(2);
                    let response = ui.add_sized([48.0, theme::CONTROL], drag).accessible_name(format!("Temperature of column {number}"));
                    if response.on_hover_text("temperature of this column").changed() {
                        set(actions, Chosen { temperature: Some(temperature), ..chosen.clone() });
                    }
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let name = RichText::new(shown(&chosen.who.0.name, 60)).text_style(theme::strong());
                    let combo =
                        ComboBox::from_id_salt("model").width((ui.available_width() - 28.0).max(40.0)).truncate().selected_text(name);
                    let list = combo.show_ui(ui, |ui| {
                        for who in &state.side.offers {
                            let picked = *who == chosen.who;
                            if ui.selectable_label(picked, shown(&who.0.name, 60)).clicked() && !picked {
                                set(actions, Chosen { who: who.clone(), ..chosen.clone() });
                            }
                        }
                    });
                    list.response.accessible_name(format!("Model of column {number}"));
                });
            });
        });
    });
}

/// Speed and memory, or what is being waited for.
fn figures(ui: &mut Ui, answer: &Answer, yielding: bool) {
    let weights = answer.booked.weights + answer.booked.kv_cache;
    let memory = || format!("{weights} booked");
    let words = match &answer.phase {
        _ if yielding && !matches!(answer.phase, Phase::Ended(_) | Phase::Failed(_)) => "waits while a chat is answered".to_owned(),
        Phase::Waiting => "waits for its turn".to_owned(),
        Phase::Loading { done, total } => format!("loading, {done} of {total}"),
        Phase::Reading { done, total } => format!("reads the prompt, {} of {}", grouped(*done as u64), grouped(*total as u64)),
        Phase::Writing => format!("{} · {}", answer.decode, memory()),
        Phase::Ended(metrics) if metrics.generated_tokens == 0 => metrics.stop_reason.words().to_owned(),
        Phase::Ended(metrics) => format!("{} · {}", metrics.decode, memory()),
        Phase::Failed(_) => "failed".to_owned(),
    };
    let color = theme::secondary(ui);
    let response = ui.add(Label::new(RichText::new(words).text_style(theme::small_mono()).color(color)).truncate());
    if let Phase::Ended(metrics) = &answer.phase {
        response.on_hover_text(format!(
            "decode {}\nprompt {} tokens at {}\nfirst token after {:.2} s\nbooked: weights {} ({}), KV cache {} ({})",
            metrics.decode,
            grouped(metrics.prompt_tokens as u64),
            metrics.prefill,
            metrics.first_token_seconds,
            answer.booked.weights,
            answer.booked.weights.exact(),
            answer.booked.kv_cache,
            answer.booked.kv_cache.exact(),
        ));
    }
}

/// How it ended, and how far it is from the first column.
fn under(ui: &mut Ui, answer: &Answer, at: usize) {
    ui.horizontal(|ui| {
        let tokens = grouped(answer.ends.len() as u64);
        let ended = match &answer.phase {
            Phase::Ended(metrics) => format!("{tokens} tokens · {}", metrics.stop_reason.words()),
            _ => format!("{tokens} tokens"),
        };
        widgets::small(ui, ended);
        let name = format!("Copy the answer of column {}", at + 1);
        if !answer.text.is_empty() && widgets::icon_button(ui, icons::COPY, &name).clicked() {
            ui.ctx().copy_text(answer.text.clone());
        }
    });
    if let Some(words) = compared(answer, at) {
        widgets::small(ui, words);
    }
}

/// What an answer has in common with the first.
fn compared(answer: &Answer, at: usize) -> Option<String> {
    if at == 0 || answer.ends.is_empty() {
        return None;
    }
    Some(match answer.first_difference {
        Some(token) => format!("other from token {} on; shares {} of its tokens", grouped(token as u64 + 1), percent(answer.share())),
        None => format!("the same so far, {} tokens", grouped(answer.common() as u64)),
    })
}
