//! The few widgets of which all pages are made. Each has an accessible name and can be reached by keyboard; none moves when idle.

mod bar;
mod button;
mod choice;
mod empty;
mod progress;
mod slider;
mod slot;
mod text;

pub use bar::{Piece, Segment, chip, hatch, part_bar, part_chip, segments, share_bar, stacked_bar, swatch};
pub use button::{button, danger, icon_button, icon_toggle, link, primary, quiet};
pub use choice::segmented;
pub use empty::{empty, failure};
pub use progress::progress;
pub use slider::{Scale, slider, snap_to_power_of_two};
pub use slot::slot;
pub use text::{
    cell, column, field, heading, help, icon, ink_label, lead, mono, note, number, page_title, paint_icon, row_fact, section, shortened,
    small, term,
};
