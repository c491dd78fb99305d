//! An answer with the tokens marked that the first answer doesn't have.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, TextStyle, Ui};

use crate::state::side::Answer;
use crate::view::theme;

/// How a token stands to the first answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The first has it too, or is it.
    Same,
    /// The first doesn't have it here.
    Other,
    /// The first token that is another.
    First,
}

/// Laid out answers; made anew only where something was said.
#[derive(Default)]
pub struct Texts {
    kept: Vec<(Key, Arc<LayoutJob>)>,
}

/// What a text was laid out of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Key {
    bytes: usize,
    /// Tokens of this and of the first answer.
    tokens: [usize; 2],
    dark: bool,
    first: Vec<Option<usize>>,
    size: u32,
}

impl Texts {
    /// The answer at this place.
    pub fn of(&mut self, ui: &Ui, answers: &[Answer], at: usize) -> Arc<LayoutJob> {
        let answer = &answers[at];
        let palette = theme::palette(ui);
        let font = TextStyle::Body.resolve(ui.style());
        let key = Key {
            bytes: answer.text.len(),
            tokens: [answer.ends.len(), answers[0].ends.len()],
            dark: palette.dark,
            first: answers.iter().map(|answer| answer.first_difference).collect(),
            size: font.size.to_bits(),
        };
        if self.kept.len() <= at {
            self.kept.resize_with(at + 1, Default::default);
        }
        let (known, job) = &mut self.kept[at];
        if *known == key {
            return Arc::clone(job);
        }
        let format = |color: Color32, background: Color32| TextFormat {
            font_id: font.clone(),
            color,
            background,
            expand_bg: 1.0,
            line_height: Some(21.0),
            ..TextFormat::default()
        };
        let [same, other, first] = [
            format(palette.ink, Color32::TRANSPARENT),
            format(palette.ink, palette.control_pressed()),
            format(palette.surface, palette.ink),
        ];
        let mut fresh = LayoutJob::default();
        for (mark, text) in runs(answers, at) {
            let format = match mark {
                Mark::Same => &same,
                Mark::Other => &other,
                Mark::First => &first,
            };
            fresh.append(&text, 0.0, format.clone());
        }
        *known = key;
        *job = Arc::new(fresh);
        Arc::clone(job)
    }
}

/// The text in runs of tokens that are marked alike.
fn runs(answers: &[Answer], at: usize) -> Vec<(Mark, String)> {
    let answer = &answers[at];
    let mark = |token: usize| {
        if at == 0 {
            let differs = answers.iter().skip(1).any(|other| other.first_difference == Some(token));
            return if differs { Mark::First } else { Mark::Same };
        }
        match answer.shared.get(token) {
            _ if answer.first_difference == Some(token) => Mark::First,
            Some(true) => Mark::Same,
            _ if token < answer.common() => Mark::Same,
            // Further than the first has come.
            _ if answer.first_difference.is_none() => Mark::Same,
            _ => Mark::Other,
        }
    };
    let mut runs: Vec<(Mark, String)> = Vec::new();
    for token in 0..answer.ends.len() {
        let (text, mark) = (answer.token(token), mark(token));
        match runs.last_mut().filter(|(last, _)| *last == mark && mark != Mark::First) {
            Some((_, run)) => run.push_str(text),
            None => runs.push((mark, text.to_owned())),
        }
    }
    runs
}
