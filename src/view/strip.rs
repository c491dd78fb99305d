//! The memory strip at the foot of every page: the parts scaled to the plan, the machine, the speed, the context.

use egui::{Align, Layout, Rect, RichText, Role, Sense, Ui, WidgetInfo, vec2};

use super::{Actions, theme, widgets};
use crate::memory::Parts;
use crate::state::{Action, Page, Phase, State};
use crate::units::{Bytes, TokensPerSecond, grouped, percent};

/// Its height.
pub const HEIGHT: f32 = 40.0;

/// The figures that the strip shows, each under its truth's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The parts that are drawn.
    pub parts: Parts,
    /// Whose they are: "booked" when a model is loaded, "planned" when one is only open.
    pub truth: &'static str,
    /// Where the plan ends, with what the lab has planned.
    pub planned: Bytes,
}

/// What is to be shown, if a model is loaded or open.
#[must_use]
pub fn figures(state: &State) -> Option<Figures> {
    let beside = state.planned_beside();
    if let Some(loaded) = &state.loaded {
        let parts = state.memory.latest().map_or(loaded.receipt.charged, |sample| sample.charged);
        return Some(Figures { parts, truth: "booked", planned: loaded.plan.total + beside });
    }
    if let Some(sample) = state.memory.latest().filter(|_| beside > Bytes(0)) {
        return Some(Figures { parts: sample.charged, truth: "booked", planned: beside });
    }
    let plan = state.opened.ready()?.plan.as_ref().ok()?;
    let mut parts = plan.parts;
    parts.staging = None;
    Some(Figures { parts, truth: "planned", planned: plan.total })
}

/// The speed of the answer under way, else of the last one in the current chat; `None` where it was not measured.
#[must_use]
pub fn speed(state: &State) -> Option<TokensPerSecond> {
    let speed = match state.answering.as_ref().map(|answering| answering.phase) {
        Some(Phase::Writing { decode, .. }) => Some(decode),
        _ => state.chats.current().turns.iter().rev().find_map(|turn| turn.metrics).map(|metrics| metrics.decode),
    };
    speed.filter(|speed| speed.0 > 0.0)
}

/// Draws the strip; pressing it shows the memory page.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let rect = ui.max_rect();
    let response = ui.interact(rect.expand2(vec2(16.0, 0.0)), ui.scope_id().with("strip"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, spoken(state)));
    if response.has_focus() {
        ui.painter().rect_stroke(rect.expand2(vec2(14.0, -2.0)), theme::CORNER, theme::focus(ui), egui::StrokeKind::Inside);
    }
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
        actions.push(Action::Go(Page::Memory));
    }
    ui.style_mut().interaction.selectable_labels = false;
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        if let Some(loaded) = &state.loaded {
            let total = loaded.plan.choice.context;
            let words = format!("{} / {}", grouped(state.context_used as u64), grouped(total as u64));
            text(ui, &words).on_hover_text("context: positions in use and in all");
            separator(ui);
            if let Some(speed) = speed(state) {
                text(ui, &speed.to_string()).on_hover_text("tokens per second while writing");
                separator(ui);
            }
        }
        machine(ui, state);
        separator(ui);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| match figures(state) {
            Some(figures) => parts(ui, &figures),
            None => {
                widgets::small(ui, "No model is loaded; its memory will show here.");
            }
        });
    });
}

fn spoken(state: &State) -> String {
    figures(state).map_or_else(
        || "Memory: no model is loaded".to_owned(),
        |figures| format!("Memory: {} {}, planned {}", figures.truth, figures.parts.sum(), figures.planned),
    )
}

fn text(ui: &mut Ui, words: &str) -> egui::Response {
    ui.label(RichText::new(words).text_style(theme::small_mono()))
}

fn separator(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(1.0, 16.0), Sense::hover());
    let stroke = theme::hairline(ui);
    ui.painter().vline(rect.center().x, rect.y_range(), stroke);
}

/// Ponder's share of the machine beside everything else's.
fn machine(ui: &mut Ui, state: &State) {
    let total = state.machine.total;
    if total.0 == 0 {
        return;
    }
    let resident = state.memory.latest().map_or(Bytes(0), |sample| sample.resident);
    let used = total - state.machine.available;
    let words = format!("{} of {total}", percent(resident.as_f64() / total.as_f64()));
    if ui.ctx().content_rect().width() >= 800.0 {
        text(ui, &words);
    }
    let (rect, response) = ui.allocate_exact_size(vec2(48.0, 8.0), Sense::hover());
    let palette = theme::palette(ui);
    #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
    let share = |bytes: Bytes| (bytes.as_f64() / total.as_f64()).clamp(0.0, 1.0) as f32;
    let upto = |bytes: Bytes| Rect::from_min_size(rect.min, vec2(rect.width() * share(bytes), rect.height()));
    ui.painter().rect_filled(rect, 2.0, theme::mix(palette.surface, palette.ink, 0.12));
    ui.painter().rect_filled(upto(used), 2.0, theme::mix(palette.surface, palette.ink, 0.38));
    ui.painter().rect_filled(upto(resident), 2.0, palette.ink);
    let allocated = state.memory.latest().map_or(Bytes(0), |sample| sample.counted_total);
    response.on_hover_text(format!(
        "This machine: {total}\nPonder, resident: {resident}\nPonder, allocated: {allocated}\nused in all: {used}\navailable: {}",
        state.machine.available
    ));
}

fn parts(ui: &mut Ui, figures: &Figures) {
    let room = ui.available_width();
    let scale = Bytes(figures.planned.max(figures.parts.sum()).0 / 20 * 21);
    let segments = widgets::segments(ui, &figures.parts);
    let labelled = room > 560.0;
    let words: f32 = if labelled { 506.0 } else { 110.0 };
    let bar = (room - words).clamp(64.0, 360.0);
    ui.scope(|ui| {
        ui.set_max_width(bar);
        widgets::stacked_bar(ui, figures.truth, &segments, scale, Some(figures.planned), 10.0);
    });
    if labelled {
        for segment in segments.iter().take(3) {
            ui.spacing_mut().item_spacing.x = 6.0;
            widgets::swatch(ui, segment.color);
            widgets::small(ui, &segment.name);
            text(ui, &segment.bytes.to_string()).on_hover_text(format!("{} {}", segment.bytes.exact(), figures.truth));
            ui.add_space(6.0);
        }
    }
    let total = format!("plan {}", figures.planned);
    ui.label(RichText::new(total).text_style(theme::small_mono()).color(theme::secondary(ui)))
        .on_hover_text(format!("{} planned with a full context", figures.planned.exact()));
}
