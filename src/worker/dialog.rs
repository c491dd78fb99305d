//! The dialog lane: talks to the desktop, which may hang, so that nothing else has to: the file dialog, and whether it is dark.

use super::Context;
use super::lane::{Lane, job_of};
use crate::error::{Error, Result};
use crate::message::{Command, JobId, Order, Outcome};

pub struct DialogLane;

impl Lane for DialogLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, _context: &Context<'_>) -> Result<Outcome> {
        match order.command {
            Command::Pick => {
                let dialog = rfd::FileDialog::new()
                    .set_title("Open a model")
                    .add_filter("Models", &["gguf", "safetensors", "json"])
                    .add_filter("All files", &["*"]);
                Ok(Outcome::Picked(dialog.pick_file()))
            }
            Command::PickPlace { name } => {
                let dialog = rfd::FileDialog::new().set_title("Write to").set_file_name(name);
                Ok(Outcome::PickedPlace(dialog.save_file()))
            }
            Command::AskTheme => {
                let dark = match dark_light::detect() {
                    Ok(dark_light::Mode::Dark) => Some(true),
                    Ok(dark_light::Mode::Light) => Some(false),
                    Ok(dark_light::Mode::Unspecified) | Err(_) => None,
                };
                Ok(Outcome::Theme { dark })
            }
            other => Err(Error::Internal(format!("the dialog lane cannot do {other:?}"))),
        }
    }
}
