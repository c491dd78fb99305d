//! Pictures are saved as they are on the screen.

use std::sync::Arc;
use std::time::Duration;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ponder::app::{App, Start};
use ponder::file::png::Pixels;
use ponder::library::Folders;
use ponder::memory::probe::Probe;
use ponder::message::export::{Export, What};
use ponder::message::{Command, Event, JobId, Order, Outcome, Step};
use ponder::state::export::Wish;
use ponder::state::{Action, Slot, State};
use ponder::view::picture;

use crate::support::bench::Bench;

/// A red field with a blue one in it, which can be saved; and what was taken of it.
fn painted(taken: &mut Vec<(String, Pixels)>, ui: &mut egui::Ui) {
    ui.spacing_mut().item_spacing = egui::Vec2::ZERO;
    picture::savable(ui, "two fields", |ui| {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(40.0, 30.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 0.0, egui::Color32::RED);
        ui.painter().rect_filled(egui::Rect::from_min_size(rect.min, egui::vec2(10.0, 30.0)), 0.0, egui::Color32::BLUE);
    });
    taken.extend(picture::taken(ui.ctx()));
}

#[test]
fn a_picture_is_saved_pixel_for_pixel_and_without_the_sign_on_it() {
    if !crate::pictures::can_draw() {
        return;
    }
    let mut harness = Harness::builder()
        .with_size([200.0, 100.0])
        .with_pixels_per_point(2.0)
        .with_render_cursor(false)
        .wgpu()
        .build_ui_state(|ui, taken: &mut Vec<(String, Pixels)>| painted(taken, ui), Vec::new());
    ponder::view::install(&harness.ctx);
    harness.hover_at(egui::pos2(20.0, 20.0));
    harness.run();
    harness.get_by_label("Save picture: two fields").click();
    harness.run();
    let [(name, pixels)] = &harness.state()[..] else { panic!("{:?}", harness.state()) };
    assert_eq!(name, "two fields");
    assert_eq!((pixels.width, pixels.height, pixels.rgb.len()), (80, 60, 80 * 60 * 3));
    for (at, pixel) in pixels.rgb.chunks(3).enumerate() {
        assert_eq!(pixel, if at % 80 < 20 { [0, 0, 255] } else { [255, 0, 0] }, "pixel {at}");
    }
}

#[test]
fn a_screen_that_cannot_tell_its_pixels_gives_no_picture_and_can_be_asked_again() {
    let mut harness = Harness::builder().with_size([200.0, 100.0]).build_ui_state(
        |ui, asked: &mut usize| {
            painted(&mut Vec::new(), ui);
            let is_asked = |command: &egui::ViewportCommand| matches!(command, egui::ViewportCommand::Screenshot(_));
            *asked += ui.ctx().viewport(|viewport| viewport.commands.iter().filter(|command| is_asked(command)).count());
        },
        0,
    );
    ponder::view::install(&harness.ctx);
    harness.run();
    for times in 1..=2 {
        harness.get_by_label("Save picture: two fields").click();
        harness.run_steps(6);
        assert_eq!(*harness.state(), times);
    }
}

#[test]
fn what_is_written_is_a_png_that_others_read() {
    let mut bench = Bench::new();
    let rgb: Vec<u8> = (0..7 * 5 * 3).map(|n: u8| n.wrapping_mul(37)).collect();
    let path = bench.folder.path().join("a picture.png");
    let what = What::Picture(Arc::new(Pixels { width: 7, height: 5, rgb: rgb.clone() }));
    let written = bench.run(Command::Export(Box::new(Export { what, path: path.clone() })));
    assert!(matches!(written, Ok(Outcome::Written(to)) if to == path));
    let read = image::open(&path).unwrap().into_rgb8();
    assert_eq!((read.dimensions(), read.into_raw()), ((7, 5), rgb));
}

#[test]
fn a_picture_with_missing_pixels_is_an_error_and_no_file() {
    let mut bench = Bench::new();
    let path = bench.folder.path().join("a picture.png");
    let what = What::Picture(Arc::new(Pixels { width: 7, height: 5, rgb: vec![0; 12] }));
    assert!(bench.run(Command::Export(Box::new(Export { what, path: path.clone() }))).is_err());
    assert!(!path.exists());
}

fn state() -> State {
    State::new(Probe::default().machine(), 0)
}

fn job(order: Option<&Order>) -> JobId {
    order.expect("an order").job
}

#[test]
fn a_place_is_asked_for_then_it_is_written_there() {
    let mut state = state();
    let asked = state.perform(Action::Export(Wish::Bytes { name: "table.csv".into(), bytes: b"a,b".as_slice().into() }));
    assert!(matches!(&asked, Some(Order { command: Command::PickPlace { name }, .. }) if name == "table.csv"));
    let picked = Event::Done { job: job(asked.as_ref()), outcome: Ok(Outcome::PickedPlace(Some("/there/table.csv".into()))) };
    let follows = state.apply(picked).expect("the place leads on");
    let order = state.perform(follows).expect("an order");
    assert!(matches!(&order.command, Command::Export(export) if export.path == std::path::Path::new("/there/table.csv")));
    state.apply(Event::Step { job: order.job, step: Step::Writing(0.5) });
    assert!(matches!(state.exporting.writing, Slot::Busy { progress, .. } if (progress - 0.5).abs() < 1e-9));
    state.apply(Event::Done { job: order.job, outcome: Ok(Outcome::Written("/there/table.csv".into())) });
    assert!(state.exporting.writing.ready().is_some());
    assert!(state.notices.iter().any(|notice| notice.text.contains("/there/table.csv")));
}

#[test]
fn a_closed_dialog_writes_nothing_and_the_next_wish_is_heard() {
    let mut state = state();
    let bytes = || Action::Export(Wish::Bytes { name: "x".into(), bytes: b"x".as_slice().into() });
    let asked = state.perform(bytes());
    assert!(state.perform(bytes()).is_none(), "a second dialog beside the first");
    assert!(state.apply(Event::Done { job: job(asked.as_ref()), outcome: Ok(Outcome::PickedPlace(None)) }).is_none());
    assert!(state.perform(bytes()).is_some());
}

#[test]
fn every_page_of_the_app_lets_its_pictures_be_saved() {
    let Some(starter) = crate::support::starter() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folders = Folders::at(folder.path());
    let mut harness =
        Harness::builder().with_size([1400.0, 900.0]).build_eframe(move |cc| App::new(&cc.egui_ctx, folders, Start::default()).unwrap());
    harness.state_mut().perform(Action::Open { path: starter, load: false });
    let mut wait = || {
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
        harness.state().state().opened.ready().is_some()
    };
    while !wait() {}
    for (page, names) in [
        (ponder::state::Page::Model, &["memory against context"][..]),
        (ponder::state::Page::Tensors, &["SmolLM2"]),
        (ponder::state::Page::Memory, &["memory over time", "memory by context"]),
    ] {
        harness.state_mut().perform(Action::Go(page));
        harness.run_steps(4);
        for name in names {
            assert!(harness.query_by_label_contains(&format!("Save picture: {name}")).is_some(), "{page:?}: {name}");
        }
    }
}
