//! Colours, type sizes and spacing of both themes: the only file that knows a colour.
//!
//! The palette is a table, so that a test can hold every text and every mark against every surface it is drawn on. Which font file
//! stands behind a family is [`super::fonts`]' to know.

use std::sync::Arc;

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Theme, Ui, Vec2, Visuals, vec2};

use super::fonts;
use crate::engine::operation::Operation;
use crate::memory::Part;

/// One step of the grid; half of it is the smallest distance.
pub const GRID: f32 = 8.0;
/// The height of everything that can be pressed.
pub const CONTROL: f32 = 28.0;
/// The height of a table's row.
pub const ROW: f32 = 24.0;
/// The radius of corners.
pub const CORNER: u8 = 6;
/// The width of the rail at the left.
pub const RAIL: f32 = 48.0;

/// What a texture is multiplied with to be drawn in its own colours.
pub const AS_IT_IS: Color32 = Color32::WHITE;

/// The colours of one theme.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    /// Whether light stands on dark.
    pub dark: bool,
    /// Behind everything.
    pub surface: Color32,
    /// One step above: panels, popups, fields.
    pub raised: Color32,
    /// Text.
    pub ink: Color32,
    /// Text of less weight.
    pub secondary: Color32,
    /// Primary action, selection and focus; nothing else.
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// What does not fit and what failed.
    pub danger: Color32,
    /// The parts of memory, in the order of [`Part::ALL`].
    pub parts: [Color32; Part::ALL.len()],
    /// 2, 4, 8, 16 and 32 bits per weight; what lies between is mixed.
    pub bits: [Color32; 5],
    /// The ends of the map for signed values; the surface is zero.
    pub signed: [Color32; 2],
    /// What is no number.
    pub nan: Color32,
}

/// From nothing to most: equal steps look equal, and it is read in grey too (after matplotlib's viridis, at nine places).
const MAGNITUDES: [Color32; 9] = [
    rgb(0x0044_0154),
    rgb(0x0047_2D7B),
    rgb(0x003B_528B),
    rgb(0x002C_728E),
    rgb(0x0021_918C),
    rgb(0x0028_AE80),
    rgb(0x005E_C962),
    rgb(0x00AD_DC30),
    rgb(0x00FD_E725),
];

const fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

/// Light on dark.
pub const DARK: Palette = Palette {
    dark: true,
    surface: rgb(0x0014_161A),
    raised: rgb(0x001B_1E24),
    ink: rgb(0x00E6_E8EB),
    secondary: rgb(0x009A_A1AB),
    accent: rgb(0x00A7_9BFF),
    on_accent: rgb(0x0014_161A),
    danger: rgb(0x00FF_7A6E),
    parts: [rgb(0x005B_9BD5), rgb(0x00E6_9F00), rgb(0x002B_B58A), rgb(0x00D5_8CB5), rgb(0x008A_8F98)],
    bits: [rgb(0x004B_6CA4), rgb(0x0062_85C2), rgb(0x008F_B0E0), rgb(0x00C3_D8F3), rgb(0x00F1_F6FD)],
    signed: [rgb(0x005A_A2FF), rgb(0x00FF_6B5E)],
    nan: rgb(0x00FF_00FF),
};

/// Dark on light.
pub const LIGHT: Palette = Palette {
    dark: false,
    surface: rgb(0x00FA_FAF8),
    raised: rgb(0x00FF_FFFF),
    ink: rgb(0x001B_1D21),
    secondary: rgb(0x005C_636E),
    accent: rgb(0x005B_45D6),
    on_accent: rgb(0x00FF_FFFF),
    danger: rgb(0x00C0_362C),
    parts: [rgb(0x002F_6FB0), rgb(0x00A6_6A00), rgb(0x000E_7C5C), rgb(0x00A0_4E85), rgb(0x006B_7280)],
    bits: [rgb(0x007F_8DA9), rgb(0x005A_73A3), rgb(0x0038_588F), rgb(0x001E_3766), rgb(0x000C_1836)],
    signed: [rgb(0x0016_52A8), rgb(0x00B3_1B1B)],
    nan: rgb(0x00D0_00D0),
};

impl Palette {
    /// The colour of a part of memory.
    #[must_use]
    pub const fn part(&self, part: Part) -> Color32 {
        self.parts[part as usize]
    }

    /// The colour of a kind of work: shades of what it reads, which is weights, KV cache or activations.
    #[must_use]
    pub fn operation(&self, operation: Operation) -> Color32 {
        let shade = |part: Part, share: f32| mix(self.part(part), self.ink, share);
        match operation {
            Operation::AttentionProducts => shade(Part::Weights, 0.0),
            Operation::FeedForwardProducts => shade(Part::Weights, 0.28),
            Operation::HeadProduct => shade(Part::Weights, 0.56),
            Operation::Attention => shade(Part::KvCache, 0.0),
            Operation::Embedding => shade(Part::Activations, 0.0),
            Operation::Norms => shade(Part::Activations, 0.18),
            Operation::Rotation => shade(Part::Activations, 0.36),
            Operation::Activation => shade(Part::Activations, 0.54),
            Operation::Residuals => shade(Part::Activations, 0.72),
        }
    }

    /// The colour of a signed value between −1 and 1: from one end through the surface to the other.
    #[must_use]
    pub fn signed_value(&self, value: f32) -> Color32 {
        if value.is_nan() {
            return self.nan;
        }
        let end = self.signed[usize::from(value > 0.0)];
        // Small values are most of all values: they are to be told from zero.
        mix(self.surface, end, value.abs().min(1.0).powf(0.75))
    }

    /// The colour of a magnitude between 0 and 1.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "between 0 and 8")]
    pub fn magnitude(&self, value: f32) -> Color32 {
        if value.is_nan() {
            return self.nan;
        }
        let at = value.clamp(0.0, 1.0) * (MAGNITUDES.len() - 1) as f32;
        let low = (at as usize).min(MAGNITUDES.len() - 2);
        mix(MAGNITUDES[low], MAGNITUDES[low + 1], at - low as f32)
    }

    /// Behind a word that a model holds differently from its reference: 0 is not at all, 1 is most. Ink can be read on all of them.
    #[must_use]
    pub fn divergence(&self, share: f32) -> Color32 {
        mix(self.surface, self.signed[1], share.clamp(0.0, 1.0) * 0.6)
    }

    /// Ink or surface, whichever is read better on a colour.
    #[must_use]
    pub fn ink_on(&self, fill: Color32) -> Color32 {
        if contrast(fill, self.ink) >= contrast(fill, self.surface) { self.ink } else { self.surface }
    }

    /// Lines between things: ink at 12 %.
    #[must_use]
    pub fn hairline(&self) -> Color32 {
        mix(self.surface, self.ink, 0.12)
    }

    /// A button at rest.
    #[must_use]
    pub fn control(&self) -> Color32 {
        mix(self.surface, self.ink, 0.08)
    }

    /// A button under the pointer.
    #[must_use]
    pub fn control_hovered(&self) -> Color32 {
        mix(self.surface, self.ink, 0.14)
    }

    /// A button while it is pressed.
    #[must_use]
    pub fn control_pressed(&self) -> Color32 {
        mix(self.surface, self.ink, 0.20)
    }

    /// Behind selected text and the selected row.
    #[must_use]
    pub fn selected(&self) -> Color32 {
        mix(self.surface, self.accent, if self.dark { 0.24 } else { 0.16 })
    }

    /// The colour of a storage type by its bits per weight, in log₂ steps.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "between 0 and 4")]
    pub fn bits_per_weight(&self, bits: f64) -> Color32 {
        let place = (bits.max(2.0).log2() - 1.0).clamp(0.0, 4.0);
        let below = (place as usize).min(3);
        mix(self.bits[below], self.bits[below + 1], (place - below as f64) as f32)
    }
}

/// `share` of `over` on top of `under`, opaque.
#[must_use]
pub fn mix(under: Color32, over: Color32, share: f32) -> Color32 {
    under.lerp_to_gamma(over, share)
}

/// The contrast of two opaque colours as WCAG 2 defines it, 1 to 21.
#[must_use]
pub fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |color: Color32| {
        let channel = |value: u8| {
            let c = f32::from(value) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The palette of the theme that is drawn.
#[must_use]
pub fn palette(ui: &Ui) -> &'static Palette {
    of(ui.visuals())
}

/// The palette that these visuals were made from.
#[must_use]
pub const fn of(visuals: &Visuals) -> &'static Palette {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

/// Text.
#[must_use]
pub fn ink(ui: &Ui) -> Color32 {
    palette(ui).ink
}

/// Text of less weight.
#[must_use]
pub fn secondary(ui: &Ui) -> Color32 {
    palette(ui).secondary
}

/// Primary action, selection, focus.
#[must_use]
pub fn accent(ui: &Ui) -> Color32 {
    palette(ui).accent
}

/// A part of memory.
#[must_use]
pub fn part(ui: &Ui, part: Part) -> Color32 {
    palette(ui).part(part)
}

/// A line between things.
#[must_use]
pub fn hairline(ui: &Ui) -> Stroke {
    Stroke::new(1.0, palette(ui).hairline())
}

/// The ring around what has the keyboard's focus.
#[must_use]
pub fn focus(ui: &Ui) -> Stroke {
    Stroke::new(2.0, palette(ui).accent)
}

/// 12 points, mono: numbers in tables and strips.
#[must_use]
pub fn small_mono() -> TextStyle {
    TextStyle::Name("small mono".into())
}

/// 16 points, semibold: the head of a section.
#[must_use]
pub fn section() -> TextStyle {
    TextStyle::Name("section".into())
}

/// 14 points, semibold: a name within a row.
#[must_use]
pub fn strong() -> TextStyle {
    TextStyle::Name("strong".into())
}

/// 32 points, mono: the one big figure of a page.
#[must_use]
pub fn figure() -> TextStyle {
    TextStyle::Name("figure".into())
}

/// Writes both themes into the context.
pub fn install(ctx: &egui::Context) {
    ctx.set_style_of(Theme::Dark, Arc::new(style(&DARK)));
    ctx.set_style_of(Theme::Light, Arc::new(style(&LIGHT)));
}

/// The style of a theme.
#[must_use]
pub fn style(palette: &Palette) -> Style {
    let mut style = Style { visuals: visuals(palette), animation_time: 0.08, ..Style::default() };
    let semibold = fonts::semibold();
    style.text_styles = [
        (TextStyle::Small, FontId::new(12.0, FontFamily::Proportional)),
        (TextStyle::Body, FontId::new(14.0, FontFamily::Proportional)),
        (TextStyle::Button, FontId::new(14.0, FontFamily::Proportional)),
        (TextStyle::Monospace, FontId::new(14.0, FontFamily::Monospace)),
        (TextStyle::Heading, FontId::new(22.0, semibold.clone())),
        (small_mono(), FontId::new(12.0, FontFamily::Monospace)),
        (strong(), FontId::new(14.0, semibold.clone())),
        (section(), FontId::new(16.0, semibold)),
        (figure(), FontId::new(32.0, FontFamily::Monospace)),
    ]
    .into();
    style.drag_value_text_style = TextStyle::Monospace;

    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::splat(GRID);
    spacing.button_padding = vec2(12.0, 4.0);
    spacing.interact_size = Vec2::splat(CONTROL);
    spacing.window_margin = Margin::same(16);
    spacing.menu_margin = Margin::same(8);
    spacing.menu_spacing = 4.0;
    spacing.menu_width = 360.0;
    spacing.tooltip_width = 320.0;
    spacing.slider_width = 160.0;
    spacing.slider_rail_height = 4.0;
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 10.0;
    spacing.icon_spacing = 8.0;
    spacing.indent = 16.0;
    spacing.scroll = egui::style::ScrollStyle { bar_width: 8.0, floating_width: 4.0, ..egui::style::ScrollStyle::floating() };

    style.interaction.tooltip_delay = 0.35;
    style.interaction.show_tooltips_only_when_still = false;
    style
}

fn visuals(palette: &Palette) -> Visuals {
    let mut visuals = if palette.dark { Visuals::dark() } else { Visuals::light() };
    let corner = CornerRadius::same(CORNER);
    let hairline = Stroke::new(1.0, palette.hairline());
    let ink = Stroke::new(1.0, palette.ink);
    let accent = Stroke::new(2.0, palette.accent);

    visuals.weak_text_color = Some(palette.secondary);
    visuals.hyperlink_color = palette.accent;
    visuals.faint_bg_color = mix(palette.surface, palette.ink, 0.03);
    visuals.extreme_bg_color = palette.surface;
    visuals.text_edit_bg_color = Some(mix(palette.surface, palette.ink, 0.05));
    visuals.code_bg_color = mix(palette.surface, palette.ink, 0.07);
    visuals.warn_fg_color = palette.ink;
    visuals.error_fg_color = palette.danger;
    visuals.panel_fill = palette.surface;
    visuals.window_fill = palette.raised;
    visuals.window_stroke = hairline;
    visuals.window_corner_radius = corner;
    visuals.menu_corner_radius = corner;
    let shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(if palette.dark { 96 } else { 28 }) };
    visuals.window_shadow = shadow;
    visuals.popup_shadow = shadow;
    visuals.selection.bg_fill = palette.selected();
    visuals.selection.stroke = Stroke::new(1.5, palette.accent);
    visuals.text_cursor.stroke = accent;
    visuals.text_cursor.blink = false;
    visuals.slider_trailing_fill = true;
    visuals.handle_shape = egui::style::HandleShape::Circle;
    visuals.image_loading_spinners = false;
    visuals.indent_has_left_vline = false;
    visuals.interact_cursor = Some(egui::CursorIcon::PointingHand);

    let widgets = &mut visuals.widgets;
    for (state, fill) in [
        (&mut widgets.noninteractive, palette.surface),
        (&mut widgets.inactive, palette.control()),
        (&mut widgets.hovered, palette.control_hovered()),
        (&mut widgets.active, palette.control_pressed()),
        (&mut widgets.open, palette.control_hovered()),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::NONE;
        state.fg_stroke = ink;
        state.corner_radius = corner;
        state.expansion = 0.0;
    }
    widgets.noninteractive.bg_stroke = hairline;
    widgets.active.bg_stroke = accent;
    // rails of sliders and boxes of check marks are marks and need their contrast
    widgets.inactive.bg_fill = mix(palette.surface, palette.ink, 0.24);
    widgets.hovered.bg_fill = mix(palette.surface, palette.ink, 0.32);
    visuals
}
