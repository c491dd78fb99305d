//! The side panel of the chat page: how the model is addressed, how it draws tokens, what it takes, and the way to the exact prompt.

use egui::{DragValue, Margin, ScrollArea, TextEdit, Ui};

use crate::engine::sampler::Sampling;
use crate::memory::{Part, Parts};
use crate::state::{Action, State};
use crate::store::chat::{Chat, ChatId, Mode};
use crate::units::Bytes;
use crate::view::{Actions, icons, speed, theme, widgets};

/// The width of the controls at the right.
const CONTROL_WIDTH: f32 = 84.0;

/// What the screen keeps of the panel: text that is being typed and is not a value yet.
#[derive(Debug, Default)]
pub struct SidePanel {
    chat: Option<ChatId>,
    seed: String,
    stop: String,
}

impl SidePanel {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let chat = state.chats.current();
        if self.chat.as_ref() != Some(&chat.id) {
            *self = Self { chat: Some(chat.id.clone()), seed: String::new(), stop: String::new() };
            self.take_over(&chat.sampling);
        }
        ScrollArea::vertical().id_salt("chat panel").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = theme::GRID;
            ui.add_space(4.0);
            mode(ui, chat, actions);
            if chat.mode == Mode::Chat {
                system(ui, chat, actions);
            }
            self.sampling(ui, chat, actions);
            memory(ui, state, actions);
            speed::brief(ui, state, actions);
            prompt(ui, state, actions);
            ui.add_space(theme::GRID);
        });
    }

    fn take_over(&mut self, sampling: &Sampling) {
        self.seed = sampling.seed.map_or_else(String::new, |seed| seed.to_string());
        self.stop = sampling.stop.iter().map(|text| text.replace('\n', "\\n")).collect::<Vec<_>>().join("\n");
    }

    fn sampling(&mut self, ui: &mut Ui, chat: &Chat, actions: &mut Actions) {
        let mut sampling = chat.sampling.clone();
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            widgets::section(ui, "Sampling");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if widgets::quiet(ui, None, "Reset").on_hover_text("The settings of a new chat").clicked() {
                    sampling = Sampling::default();
                    self.take_over(&sampling);
                }
                let greedy = widgets::help(widgets::quiet(ui, None, "Greedy"), "greedy");
                if greedy.clicked() {
                    sampling = Sampling {
                        seed: sampling.seed,
                        max_tokens: sampling.max_tokens,
                        stop: sampling.stop.clone(),
                        ..Sampling::greedy()
                    };
                }
            });
        });
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            decimal(ui, "Temperature", &mut sampling.temperature, 0.0..=10.0, 0.01);
            whole(ui, "Top-k", &mut sampling.top_k, 0..=1_000);
            decimal(ui, "Top-p", &mut sampling.top_p, 0.0..=1.0, 0.005);
            decimal(ui, "Min-p", &mut sampling.min_p, 0.0..=1.0, 0.005);
            let mut penalty = f64::from(sampling.repeat_penalty);
            if decimal(ui, "Repeat penalty", &mut penalty, 0.1..=10.0, 0.01) {
                #[expect(clippy::cast_possible_truncation, reason = "two decimals between 0.1 and 10")]
                let narrow = penalty as f32;
                sampling.repeat_penalty = narrow;
            }
            whole(ui, "Repeat window", &mut sampling.repeat_window, 0..=1 << 20);
            self.seed(ui, &mut sampling);
            whole(ui, "Max tokens", &mut sampling.max_tokens, 1..=1 << 20);
            self.stop(ui, &mut sampling);
        });
        if sampling != chat.sampling {
            actions.push(Action::SetSampling(sampling));
        }
    }

    fn seed(&mut self, ui: &mut Ui, sampling: &mut Sampling) {
        row(ui, "Seed", |ui, label| {
            let wrong = !self.seed.is_empty() && self.seed.parse::<u64>().is_err();
            let color = if wrong { theme::palette(ui).danger } else { theme::ink(ui) };
            let edit = TextEdit::singleline(&mut self.seed).hint_text("random").desired_width(CONTROL_WIDTH).char_limit(20);
            let edit =
                edit.font(egui::TextStyle::Monospace).text_color(color).align(egui::Align2::RIGHT_CENTER).margin(Margin::symmetric(8, 5));
            let response = ui.add(edit).labelled_by(label);
            let response =
                if wrong { response.on_hover_text("A seed is a whole number from 0 to 18,446,744,073,709,551,615.") } else { response };
            if response.changed() && (self.seed.is_empty() || self.seed.parse::<u64>().is_ok()) {
                sampling.seed = self.seed.parse().ok();
            }
        });
    }

    fn stop(&mut self, ui: &mut Ui, sampling: &mut Sampling) {
        let title = if sampling.stop.is_empty() { "Stop strings".to_owned() } else { format!("Stop strings ({})", sampling.stop.len()) };
        let head = egui::CollapsingHeader::new(title).id_salt("stop strings").show(ui, |ui| {
            let edit = TextEdit::multiline(&mut self.stop)
                .desired_rows(2)
                .desired_width(f32::INFINITY)
                .hint_text("one a line; \\n for a new line");
            let edit = edit.font(egui::TextStyle::Monospace).margin(Margin::symmetric(8, 5));
            if ui.add(edit).accessible_name("Stop strings").changed() {
                sampling.stop = self.stop.lines().map(|line| line.replace("\\n", "\n")).filter(|text| !text.is_empty()).collect();
            }
        });
        widgets::help(head.header_response, "stop strings");
    }
}

fn mode(ui: &mut Ui, chat: &Chat, actions: &mut Actions) {
    let clicked = widgets::segmented(ui, "Mode", chat.mode, &[(Mode::Chat, "Chat"), (Mode::Completion, "Completion")]);
    if let Some(mode) = clicked.filter(|mode| *mode != chat.mode) {
        actions.push(Action::SetMode(mode));
    }
    let words = match chat.mode {
        Mode::Chat => "Turns, through the model's chat template.",
        Mode::Completion => "One text that the model continues as it stands.",
    };
    widgets::small(ui, words);
}

fn system(ui: &mut Ui, chat: &Chat, actions: &mut Actions) {
    ui.add_space(4.0);
    widgets::section(ui, "System prompt");
    let mut text = chat.system.clone();
    ScrollArea::vertical().id_salt("system prompt").max_height(140.0).show(ui, |ui| {
        let hint = "none (the template may add its own)";
        let edit =
            TextEdit::multiline(&mut text).desired_rows(3).desired_width(f32::INFINITY).hint_text(hint).margin(Margin::symmetric(8, 5));
        if ui.add(edit).accessible_name("System prompt").changed() {
            actions.push(Action::SetSystem(text.clone()));
        }
    });
}

/// A term at the left and a control at the right.
fn row(ui: &mut Ui, term: &str, control: impl FnOnce(&mut Ui, egui::Id)) {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::CONTROL);
        let label = widgets::term(ui, term).id;
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| control(ui, label));
    });
}

fn decimal(ui: &mut Ui, term: &str, value: &mut f64, range: std::ops::RangeInclusive<f64>, speed: f64) -> bool {
    let mut changed = false;
    row(ui, term, |ui, label| {
        let drag = DragValue::new(value).range(range).speed(speed).min_decimals(2).max_decimals(3);
        changed = ui.add_sized([CONTROL_WIDTH, theme::CONTROL], drag).labelled_by(label).changed();
    });
    changed
}

fn whole(ui: &mut Ui, term: &str, value: &mut usize, range: std::ops::RangeInclusive<usize>) {
    row(ui, term, |ui, label| {
        let drag = DragValue::new(value).range(range).speed(1.0).custom_formatter(|value, _| grouped(value)).custom_parser(parse_grouped);
        ui.add_sized([CONTROL_WIDTH, theme::CONTROL], drag).labelled_by(label);
    });
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are positive and far below 2^53")]
fn grouped(value: f64) -> String {
    crate::units::grouped(value.round().max(0.0) as u64)
}

fn parse_grouped(text: &str) -> Option<f64> {
    text.chars().filter(|c| !matches!(c, ',' | ' ' | '\u{2009}')).collect::<String>().parse().ok()
}

/// The parts that live while the model answers, each by the truth that can tell.
fn memory(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let (Some(loaded), Some(sample)) = (&state.loaded, state.memory.latest()) else { return };
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        widgets::section(ui, "Memory");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::icon_button(ui, icons::RIGHT, "Show memory over time").clicked() {
                actions.push(Action::Go(crate::state::Page::Memory));
            }
        });
    });
    let mut live = Parts { weights: sample.charged.weights, kv_cache: sample.charged.kv_cache, ..Parts::default() };
    live.activations = sample.counted.activations;
    widgets::part_bar(ui, "live", &live, loaded.plan.total, Some(loaded.plan.total), theme::GRID);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (part, truth) in [(Part::Weights, "booked"), (Part::KvCache, "booked"), (Part::Activations, "allocated")] {
            ui.horizontal(|ui| {
                ui.set_min_height(theme::ROW);
                widgets::part_chip(ui, part);
                widgets::help(widgets::small(ui, truth), truth);
                match live.get(part) {
                    Some(bytes) => widgets::number(ui, bytes.in_memory(), &exact(bytes, loaded.plan.parts.get(part))),
                    None => widgets::number(ui, "–", "This build cannot count it."),
                };
            });
        }
    });
}

fn exact(bytes: Bytes, planned: Option<Bytes>) -> String {
    planned.map_or_else(|| bytes.exact(), |planned| format!("{}\nplanned {}", bytes.exact(), planned.exact()))
}

fn prompt(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let Some(loaded) = &state.loaded else { return };
    ui.add_space(4.0);
    if let Err(error) = &loaded.receipt.template {
        let mut on = state.fallback_template;
        let toggle = ui.checkbox(&mut on, "Use the fallback template");
        let toggle = toggle.on_hover_text(
            "The file's chat template is missing or does not work. The fallback writes each message in the plain ChatML form.",
        );
        if toggle.changed() {
            actions.push(Action::UseFallbackTemplate(on));
        }
        widgets::small(ui, error.to_string());
    }
    if widgets::button(ui, Some(icons::PROMPT), "Show exact prompt")
        .on_hover_text("What the model reads, token by token (Ctrl+Shift+P)")
        .clicked()
    {
        actions.push(Action::ShowPrompt);
    }
}
