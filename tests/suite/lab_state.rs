//! The lab without threads: what a wish orders, what an event changes, and what stays whatever fails.

use std::sync::Arc;

use ponder::error::Error;
use ponder::lab::label::{Keep, Label};
use ponder::lab::mix::Recipe;
use ponder::lab::run::Status;
use ponder::message::lab::{Doing, Found, Lab, Pick, Progress, Text, Told};
use ponder::message::{Command, JobId, Order, Outcome, Step};
use ponder::state::lab::{TextFrom, Wish};
use ponder::state::{Action, Page, Slot, Tone};
use ponder::units::Bytes;

use crate::support::comparing::{begun, plan, planning, point, start, whole};
use crate::support::fold::{Fold, GIB, disk_full, tiny};

fn wish(fold: &mut Fold, wish: Wish) -> Option<Order> {
    fold.wish(Action::Lab(wish))
}

#[track_caller]
fn order(fold: &mut Fold, wish: Wish) -> Order {
    fold.order(Action::Lab(wish))
}

fn tell(fold: &mut Fold, job: JobId, told: Told) {
    fold.step(job, Step::Lab(told));
}

/// The plan that was ordered comes.
fn planned(fold: &mut Fold, order: &Order) {
    let plan = plan(planning(order), 20 * GIB);
    assert_eq!(fold.done(order.job, Ok(Outcome::Lab(Found::Plan(plan)))), None);
}

/// In the lab, with the tiny model as the reference and these labels, planned.
fn choosing(labels: &[Label]) -> Fold {
    let mut fold = Fold::new();
    fold.open(&tiny());
    let first = fold.order(Action::Go(Page::Lab));
    planned(&mut fold, &first);
    for label in labels {
        let next = order(&mut fold, Wish::Label(*label, true));
        planned(&mut fold, &next);
    }
    fold
}

/// Measuring has begun.
fn measuring(labels: &[Label]) -> (Fold, Order) {
    let mut fold = choosing(labels);
    let compare = order(&mut fold, Wish::Compare);
    let told = begun(start(&compare));
    tell(&mut fold, compare.job, Told::Begun(Box::new(told)));
    (fold, compare)
}

fn lab(order: &Order) -> &Lab {
    match &order.command {
        Command::Lab(lab) => lab,
        other => panic!("{other:?} is not for the lab"),
    }
}

#[test]
fn the_page_begins_with_the_file_that_is_open_and_offers_what_it_could_become() {
    let mut fold = Fold::new();
    fold.no_order(Action::Go(Page::Lab));
    fold.open(&tiny());
    let order = fold.order(Action::Go(Page::Lab));
    assert!(planning(&order).offers && planning(&order).picks.is_empty());
    planned(&mut fold, &order);
    let plan = fold.state.lab.plan.clone().unwrap();
    assert_eq!(plan.offers.as_ref().unwrap().len(), Label::ALL.len());
    fold.no_order(Action::Go(Page::Lab));
    // What was offered stays while only candidates change.
    let next = wish(&mut fold, Wish::Label(Label::Q4_0, true)).unwrap();
    assert!(!planning(&next).offers);
    planned(&mut fold, &next);
    assert!(fold.state.lab.plan.as_ref().unwrap().offers.is_some() && fold.state.lab.plan.as_ref().unwrap().family.is_some());
}

#[test]
fn the_newest_plan_counts_and_candidates_are_chosen_once() {
    let mut fold = choosing(&[Label::Q4_0]);
    let old = order(&mut fold, Wish::Label(Label::Q5_0, true));
    let new = order(&mut fold, Wish::Label(Label::Q4_0, true));
    assert_eq!(planning(&new).picks, [Pick::Made(Recipe::of(Label::Q4_0)), Pick::Made(Recipe::of(Label::Q5_0))]);
    let stale = plan(planning(&old), 1);
    assert_eq!(fold.done(old.job, Ok(Outcome::Lab(Found::Plan(stale)))), None);
    assert!(fold.state.lab.planning.waits_for(new.job), "a stale plan changes nothing");
    planned(&mut fold, &new);
    assert_eq!(fold.state.lab.plan.as_ref().unwrap().picks.len(), 2);
    let cleared = order(&mut fold, Wish::Clear);
    assert!(planning(&cleared).picks.is_empty());
    let ladder = order(&mut fold, Wish::Ladder);
    assert_eq!(planning(&ladder).picks.len(), Label::LADDER.len());
}

#[test]
fn files_are_added_by_their_headers_and_the_reference_is_no_candidate() {
    let mut fold = choosing(&[]);
    let own = fold.state.lab.reference.ready().unwrap().file.path.clone();
    assert!(wish(&mut fold, Wish::Add(vec![own])).is_none(), "the reference is not compared with itself");
    let add = order(&mut fold, Wish::Add(vec!["/models/other.gguf".into(), "/models/broken.gguf".into()]));
    assert!(matches!(lab(&add), Lab::Open(paths) if paths.len() == 2));
    tell(&mut fold, add.job, Told::Opened("/models/other.gguf".into(), Ok(crate::support::fold::read("other.gguf", &llama()))));
    tell(&mut fold, add.job, Told::Opened("/models/broken.gguf".into(), Err(disk_full())));
    let follows = fold.done(add.job, Ok(Outcome::Lab(Found::All)));
    assert_eq!(follows, Some(Action::Lab(Wish::Plan)));
    assert_eq!((fold.state.lab.picks.len(), fold.told(Tone::Error, "disk is full")), (1, 1));
    let next = fold.order(Action::Lab(Wish::Plan));
    assert_eq!(planning(&next).picks.len(), 1);
    let removed = order(&mut fold, Wish::Remove(0));
    assert!(planning(&removed).picks.is_empty());
    assert!(wish(&mut fold, Wish::Remove(7)).is_none());
}

fn llama() -> crate::support::gguf_writer::GgufBuilder {
    crate::support::tiny_llama::TinyLlama { seed: 9, ..Default::default() }.gguf()
}

#[test]
fn another_reference_is_read_and_planned_or_says_why_not() {
    let mut fold = choosing(&[Label::Q4_0]);
    let read = order(&mut fold, Wish::Reference("/models/other.gguf".into()));
    let model = crate::support::fold::read("other.gguf", &llama());
    tell(&mut fold, read.job, Told::Opened("/models/other.gguf".into(), Ok(model)));
    assert_eq!(fold.done(read.job, Ok(Outcome::Lab(Found::All))), Some(Action::Lab(Wish::Plan)));
    assert!(planning(&fold.order(Action::Lab(Wish::Plan))).offers);
    assert_eq!(fold.state.lab.picks.len(), 1, "labels are of any reference");
    let read = order(&mut fold, Wish::Reference("/models/none.gguf".into()));
    tell(&mut fold, read.job, Told::Opened("/models/none.gguf".into(), Err(disk_full())));
    assert_eq!(fold.done(read.job, Ok(Outcome::Lab(Found::All))), None);
    assert!(matches!(fold.state.lab.reference, Slot::Failed(_)));
}

#[test]
fn what_is_chosen_is_measured_over_the_text_that_is_chosen() {
    let mut fold = choosing(&[Label::Q5_0, Label::Q4_0]);
    let planned_again = order(&mut fold, Wish::Chunks(3));
    planned(&mut fold, &planned_again);
    let compare = order(&mut fold, Wish::Compare);
    let begins = start(&compare);
    let names: Vec<&str> = begins.candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    assert_eq!((names, begins.text.clone()), (vec!["Q5_0", "Q4_0"], Text::Bundled));
    assert_eq!((begins.settings.most_chunks, begins.settings.exact, begins.settings.noise_floor), (Some(3), false, true));
    assert!(wish(&mut fold, Wish::Compare).is_none(), "it is measured once");
    let mut fold = choosing(&[Label::Q4_0]);
    fold.wish(Action::SetSystem("Be exact.".to_owned()));
    wish(&mut fold, Wish::Text(TextFrom::Conversation));
    assert_eq!(start(&order(&mut fold, Wish::Compare)).text, Text::Words("Be exact.".into()));
    let mut fold = choosing(&[]);
    assert!(wish(&mut fold, Wish::Compare).is_none(), "there is nothing to compare");
}

#[test]
fn figures_come_as_they_are_measured_and_advice_with_them() {
    let mut fold = choosing(&[Label::Q5_0, Label::Q4_0]);
    let compare = order(&mut fold, Wish::Compare);
    for told in whole(start(&compare)) {
        let before = fold.state.lab.results.as_ref().map_or(0, |results| results.generation);
        let counts = matches!(told, Told::Point(_) | Told::Ended { .. });
        tell(&mut fold, compare.job, told);
        let after = fold.state.lab.results.as_ref().unwrap().generation;
        assert!(!counts || after > before, "what is drawn of figures must know that they changed");
    }
    assert_eq!(fold.done(compare.job, Ok(Outcome::Lab(Found::All))), None);
    let results = fold.state.lab.results.as_ref().unwrap();
    assert!(!results.is_open() && !fold.state.lab.is_paused() && fold.state.lab.kept);
    let names: Vec<&str> = results.by_size().into_iter().map(|run| results.runs[run].candidate.name.as_str()).collect();
    assert_eq!(names, ["Q5_0", "Q4_0"], "the slider goes from the largest to the smallest");
    assert_eq!(results.front(|run| Some(run.candidate.mix.bytes.as_f64())).len(), 2);
    assert_eq!(results.noise_floor().unwrap().positions, 31);
    let advice = results.advice.as_ref().unwrap();
    assert!(!advice.estimated && !advice.reasons.is_empty(), "{advice:?}");
    assert_eq!((results.runs[0].scores.len(), results.expected.len(), results.piece(2)), (2, 2, " two"));
    assert_eq!(results.runs[0].booked, Some(Bytes(90 << 20)));
    wish(&mut fold, Wish::Select(2));
    assert_eq!(fold.state.lab.results.as_ref().unwrap().looked_at(), Some(2));
    wish(&mut fold, Wish::Select(1));
    assert_eq!(fold.state.lab.results.as_ref().unwrap().looked_at(), Some(0), "the noise floor is not looked at");
}

#[test]
fn a_first_impression_is_preliminary_and_its_chunk_takes_its_place() {
    let (mut fold, compare) = measuring(&[Label::Q4_0]);
    tell(&mut fold, compare.job, Told::Point(Box::new(point(0, None, 0.5))));
    let run = |fold: &Fold| fold.state.lab.results.as_ref().unwrap().runs[0].clone();
    assert!(run(&fold).is_preliminary() && run(&fold).summary.is_some());
    assert!(fold.state.lab.results.as_ref().unwrap().advice.as_ref().unwrap().estimated);
    tell(&mut fold, compare.job, Told::Point(Box::new(point(0, Some(0), 0.1))));
    assert_eq!((run(&fold).scores.len(), run(&fold).summary.unwrap().positions), (1, 31));
}

#[test]
fn pausing_keeps_figures_and_going_on_measures_the_rest() {
    let (mut fold, compare) = measuring(&[Label::Q5_0, Label::Q4_0]);
    tell(&mut fold, compare.job, Told::Point(Box::new(point(0, Some(0), 0.1))));
    let stop = order(&mut fold, Wish::Pause);
    assert!(matches!(stop.command, Command::Stop(job) if job == compare.job));
    assert_eq!(fold.done(compare.job, Err(Error::Cancelled)), None);
    assert!(fold.state.lab.is_paused());
    // What comes late is of nobody.
    let before = format!("{:?}", fold.state.lab);
    assert_eq!(
        fold.state.apply(ponder::message::Event::Step { job: compare.job, step: Step::Lab(Told::Point(Box::new(point(0, Some(1), 9.0)))) }),
        None
    );
    assert_eq!(format!("{:?}", fold.state.lab), before);
    let on = order(&mut fold, Wish::GoOn);
    assert!(matches!(lab(&on), Lab::GoOn));
    assert!(wish(&mut fold, Wish::GoOn).is_none());
    tell(&mut fold, on.job, Told::Progress(Progress { share: 0.5, left: Some(2.0), doing: Doing::Reading(Some(0)) }));
    tell(&mut fold, on.job, Told::Point(Box::new(point(0, Some(1), 0.1))));
    assert_eq!(fold.state.lab.results.as_ref().unwrap().runs[0].scores.len(), 2);
}

#[test]
fn stopping_lets_go_and_keeps_the_figures() {
    let (mut fold, compare) = measuring(&[Label::Q4_0]);
    tell(&mut fold, compare.job, Told::Point(Box::new(point(0, Some(0), 0.1))));
    let budget = fold.state.lab.results.as_ref().unwrap().budget;
    assert_eq!(fold.state.planned_beside(), budget.peak);
    order(&mut fold, Wish::Stop);
    assert!(fold.state.lab.is_stopping());
    let follows = fold.done(compare.job, Err(Error::Cancelled)).unwrap();
    let forget = fold.order(follows);
    assert!(matches!(lab(&forget), Lab::Forget));
    assert_eq!(fold.done(forget.job, Ok(Outcome::Lab(Found::All))), None);
    assert!(!fold.state.lab.is_paused() && !fold.state.lab.kept);
    assert_eq!(fold.state.planned_beside(), Bytes(0));
    assert!(fold.state.lab.results.as_ref().unwrap().runs[0].summary.is_some());
    assert!(wish(&mut fold, Wish::GoOn).is_none());
    let keep = vec![Keep::parse("attn_v=q8_0").unwrap()];
    assert!(wish(&mut fold, Wish::WhatIf { of: 0, keep }).is_none());
    assert_eq!(fold.told(Tone::Info, "no longer kept"), 1);
}

#[test]
fn what_if_is_measured_behind_the_others() {
    let (mut fold, compare) = measuring(&[Label::Q4_0]);
    let keep = vec![Keep::parse("attn_v=q8_0").unwrap()];
    assert!(wish(&mut fold, Wish::WhatIf { of: 0, keep: keep.clone() }).is_none(), "not while it measures");
    fold.done(compare.job, Ok(Outcome::Lab(Found::All)));
    let add = order(&mut fold, Wish::WhatIf { of: 0, keep });
    let Lab::Add(candidates) = lab(&add) else { panic!("{add:?}") };
    assert_eq!(candidates[0].name, "Q4_0 but attn_v Q8_0");
    let added = (Arc::new(candidates[0].clone()), 2);
    let budget = fold.state.lab.results.as_ref().unwrap().budget;
    tell(&mut fold, add.job, Told::Added(vec![added], budget));
    tell(&mut fold, add.job, Told::Point(Box::new(point(2, Some(0), 0.05))));
    let results = fold.state.lab.results.as_ref().unwrap();
    assert_eq!((results.runs.len(), results.looked_at()), (3, Some(2)));
}

#[test]
fn a_candidate_that_fails_is_told_and_what_was_measured_stays() {
    let (mut fold, compare) = measuring(&[Label::Q5_0, Label::Q4_0]);
    tell(&mut fold, compare.job, Told::Point(Box::new(point(0, Some(0), 0.1))));
    let gone = Error::open("/models/gone.gguf".as_ref(), "No such file or directory");
    tell(&mut fold, compare.job, Told::Ended { run: 0, status: Status::Failed(gone), decode: None });
    assert_eq!(fold.told(Tone::Error, "gone.gguf"), 1);
    tell(&mut fold, compare.job, Told::Point(Box::new(point(2, Some(0), 0.3))));
    fold.done(compare.job, Err(disk_full()));
    assert!(matches!(fold.state.lab.measuring, Slot::Failed(_)));
    let results = fold.state.lab.results.as_ref().unwrap();
    assert!([0, 2].into_iter().all(|run| results.runs[run].summary.is_some()));
}

#[test]
fn what_does_not_fit_is_refused_with_numbers() {
    let mut fold = choosing(&[Label::Q4_0]);
    let compare = order(&mut fold, Wish::Compare);
    let error =
        Error::OverBudget { part: "comparing".into(), need: Bytes(3 << 30), have: Bytes(2 << 30), advice: "close something".into() };
    fold.done(compare.job, Err(error.clone()));
    assert_eq!(fold.state.lab.measuring, Slot::Failed(error));
    assert!(fold.state.lab.results.is_none() && !fold.state.lab.kept);
}

#[test]
fn dialogs_choose_reference_candidate_and_text() {
    let mut fold = choosing(&[]);
    for (asked, follows) in [
        (Wish::PickReference, Wish::Reference("/x/file".into())),
        (Wish::PickCandidate, Wish::Add(vec!["/x/file".into()])),
        (Wish::PickText, Wish::Text(TextFrom::File("/x/file".into()))),
    ] {
        let pick = order(&mut fold, asked.clone());
        assert!(wish(&mut fold, asked).is_none(), "one dialog at a time");
        assert_eq!(fold.done(pick.job, Ok(Outcome::Picked(Some("/x/file".into())))), Some(Action::Lab(follows)));
    }
    let pick = order(&mut fold, Wish::PickText);
    assert_eq!(fold.done(pick.job, Ok(Outcome::Picked(None))), None);
}
