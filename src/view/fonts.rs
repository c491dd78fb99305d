//! The font files and the order in which they stand in for each other. Sizes are [`super::theme`]'s.
//!
//! Inter for words, the mono face for numbers, Lucide for signs; behind them egui's own fonts, and behind those the system's,
//! which the window adds at run time.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily};

const INTER: &str = "Inter";
const INTER_SEMIBOLD: &str = "Inter SemiBold";
const MONO: &str = "JetBrains Mono";
const LUCIDE: &str = "Lucide";

/// The family of headings.
#[must_use]
pub fn semibold() -> FontFamily {
    FontFamily::Name(INTER_SEMIBOLD.into())
}

/// The family of icons.
#[must_use]
pub fn icons() -> FontFamily {
    FontFamily::Name(LUCIDE.into())
}

/// Registers the fonts.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(definitions());
}

fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let files: [(&str, &'static [u8]); 4] = [
        (INTER, include_bytes!("../../assets/fonts/Inter-Regular.ttf")),
        (INTER_SEMIBOLD, include_bytes!("../../assets/fonts/Inter-SemiBold.ttf")),
        (MONO, include_bytes!("../../assets/fonts/JetBrainsMono-Regular.ttf")),
        (LUCIDE, lucide_icons::LUCIDE_FONT_BYTES),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let behind = |family: &FontFamily| fonts.families.get(family).cloned().unwrap_or_default();
    let (words, numbers) = (behind(&FontFamily::Proportional), behind(&FontFamily::Monospace));
    let chain = |first: &[&str], behind: &[String]| -> Vec<String> {
        let first = first.iter().map(ToString::to_string);
        first.chain(behind.iter().cloned()).chain([LUCIDE.to_owned()]).collect()
    };
    fonts.families.insert(FontFamily::Proportional, chain(&[INTER, MONO], &words));
    fonts.families.insert(semibold(), chain(&[INTER_SEMIBOLD, MONO], &words));
    fonts.families.insert(FontFamily::Monospace, chain(&[MONO, INTER], &numbers));
    fonts.families.insert(icons(), vec![LUCIDE.to_owned(), INTER.to_owned()]);
    fonts
}
