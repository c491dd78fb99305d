//! The state and its models: opening, planning, loading, freeing, fetching. No threads.

use std::path::PathBuf;
use std::sync::Arc;

use ponder::engine::session::Input;
use ponder::error::Error;
use ponder::inspect::Model;
use ponder::library::download::{Progress, Source, Stage};
use ponder::memory::plan::{Fit, KvDtype, Plan};
use ponder::message::{Command, Event, JobId, Outcome, Step};
use ponder::state::{Action, Page, Slot, Tone};
use ponder::store::chat::Mode;
use ponder::units::Bytes;

use crate::support::fold::{Fold, GIB, machine, read, tiny};
use crate::support::gguf_writer::GgufBuilder;
use crate::support::tiny_llama::TinyLlama;

fn plan(fold: &Fold) -> Plan {
    fold.state.opened.ready().expect("open").plan.clone().expect("a plan")
}

fn open_to_load(fold: &mut Fold, model: &Arc<Model>) -> Option<Action> {
    let order = fold.order(Action::Open { path: model.file.path.clone(), load: true });
    fold.done(order.job, Ok(Outcome::Inspected(Arc::clone(model))))
}

fn scanned() -> Outcome {
    Outcome::Scanned { found: Vec::new(), summaries: std::collections::BTreeMap::new() }
}

fn gauge(fold: &mut Fold, available: u64) {
    let sample = ponder::memory::history::Sample {
        at: 1.0,
        charged: ponder::memory::Parts::default(),
        counted: ponder::memory::Parts::default(),
        counted_total: Bytes(0),
        resident: Bytes(0),
        available: Bytes(available),
    };
    assert_eq!(fold.state.apply(Event::Gauge { sample, machine: machine(available) }), None);
}

#[test]
fn opening_shows_the_file_and_remembers_it_and_loads_nothing() {
    let (mut fold, model) = (Fold::new(), tiny());
    let order = fold.order(Action::Open { path: model.file.path.clone(), load: false });
    assert!(matches!(&order.command, Command::Inspect(path) if *path == model.file.path));
    assert_eq!((fold.state.page, fold.state.opened.progress()), (Page::Model, Some(&model.file.path)));
    assert_eq!(fold.done(order.job, Ok(Outcome::Inspected(Arc::clone(&model)))), None);
    assert_eq!(fold.state.settings.recent, std::slice::from_ref(&model.file.path));
    assert_eq!((plan(&fold).fit, fold.state.loaded.is_none()), (Fit::Fits, true));
}

#[test]
fn a_file_named_on_the_command_line_is_loaded_if_it_fits() {
    let (mut fold, model) = (Fold::new(), tiny());
    let follows = open_to_load(&mut fold, &model).expect("a load");
    assert!(matches!(fold.order(follows).command, Command::Load(load) if Arc::ptr_eq(&load.model, &model) && !load.anyway));
}

#[test]
fn a_file_named_on_the_command_line_that_does_not_fit_stays_on_its_page() {
    let (mut fold, model) = (Fold::new(), tiny());
    fold.state.machine = machine(50_000);
    assert_eq!(open_to_load(&mut fold, &model), None);
    let plan = plan(&fold);
    assert_eq!((plan.fit, fold.state.page, fold.state.loading.job()), (Fit::Exceeds, Page::Model, None));
    assert!(plan.parts.get(plan.blame).is_some_and(|bytes| bytes > Bytes(0)));
}

#[test]
fn a_file_that_cannot_run_is_shown_and_not_loaded() {
    let gguf = GgufBuilder::new().kv("general.architecture", "gemma3").f32_tensor("token_embd.weight", &[32, 8], &[0.5; 256]);
    let (mut fold, model) = (Fold::new(), read("gemma.gguf", &gguf));
    assert_eq!(open_to_load(&mut fold, &model), None);
    assert!(fold.state.opened.ready().is_some_and(|opened| opened.plan.is_err()));
    fold.no_order(Action::Load { anyway: true });
    fold.no_order(Action::SetContext(4096));
}

#[test]
fn a_file_that_is_no_model_says_what_it_is_and_leaves_the_loaded_one() {
    let mut fold = Fold::loaded();
    let order = fold.order(Action::Open { path: "page.gguf".into(), load: false });
    let error = Error::format("page.gguf".as_ref(), "byte 0", "GGUF", "an HTML page");
    assert_eq!(fold.done(order.job, Err(error.clone())), None);
    assert!(matches!(&fold.state.opened, Slot::Failed(shown) if *shown == error));
    assert!(fold.state.can_answer());
}

#[test]
fn the_file_opened_last_wins() {
    let (mut fold, model) = (Fold::new(), tiny());
    let first = fold.order(Action::Open { path: "first.gguf".into(), load: true });
    let second = fold.order(Action::Open { path: model.file.path.clone(), load: false });
    assert_eq!(fold.done(first.job, Err(Error::open("first.gguf".as_ref(), "it is not there"))), None);
    assert_eq!(fold.notices(), Vec::<String>::new(), "nobody waits for the first any more");
    assert!(fold.state.opened.waits_for(second.job));
    assert_eq!(fold.done(second.job, Ok(Outcome::Inspected(Arc::clone(&model)))), None, "the second was not to be loaded");

    let first = fold.order(Action::Open { path: "first.gguf".into(), load: true });
    let second = fold.order(Action::Open { path: "second.gguf".into(), load: false });
    assert_eq!(fold.done(second.job, Err(Error::open("second.gguf".as_ref(), "it is not there"))), None);
    assert_eq!(fold.done(first.job, Ok(Outcome::Inspected(model))), None);
    assert!(matches!(fold.state.opened, Slot::Failed(_)));
}

#[test]
fn the_starter_is_fetched_opened_and_loaded() {
    let (mut fold, model) = (Fold::new(), tiny());
    let fetch = fold.order(Action::GetStarter);
    fold.no_order(Action::GetStarter);
    let progress = Progress { source: Source::Hub, stage: Stage::Downloading { done: Bytes(1), total: Bytes(2) } };
    fold.step(fetch.job, Step::Fetching(progress));
    assert_eq!(fold.state.starter.progress(), Some(&Some(progress)));
    let open = fold.done(fetch.job, Ok(Outcome::Fetched(model.file.path.clone()))).expect("opening follows");
    assert_eq!(open, Action::Open { path: model.file.path.clone(), load: true });
    let inspect = fold.order(open);
    let load = fold.done(inspect.job, Ok(Outcome::Inspected(model))).expect("loading follows");
    let load = fold.order(load);
    fold.step(load.job, Step::Loading { done: Bytes(1), total: Bytes(2) });
    assert_eq!(fold.state.loading.progress().map(|loading| loading.done), Some(Bytes(1)));
    fold.finish_load(&load, Ok(()));
    assert_eq!((fold.state.page, fold.state.can_answer()), (Page::Chat, true));
}

#[test]
fn a_download_that_is_cancelled_or_fails_can_be_tried_again() {
    let mut fold = Fold::new();
    fold.no_order(Action::CancelFetch);
    let fetch = fold.order(Action::GetStarter);
    assert!(matches!(fold.order(Action::CancelFetch).command, Command::Stop(job) if job == fetch.job));
    fold.done(fetch.job, Err(Error::Cancelled));
    assert!(matches!(fold.state.starter, Slot::Empty) && fold.notices().is_empty());
    let fetch = fold.order(Action::GetStarter);
    fold.done(fetch.job, Err(Error::Fetch("no connection".into())));
    assert_eq!((matches!(fold.state.starter, Slot::Failed(_)), fold.told(Tone::Error, "no connection")), (true, 1));
    fold.order(Action::GetStarter);
}

#[test]
fn a_load_that_fails_is_told_and_keeps_the_loaded_model_and_the_chats() {
    let mut fold = Fold::loaded();
    fold.exchange("Hi", "Hello.");
    fold.open(&tiny());
    let load = fold.order(Action::Load { anyway: false });
    fold.done(load.job, Err(Error::open("tiny.gguf".as_ref(), "it is not there")));
    assert_eq!((fold.told(Tone::Error, "not there"), fold.said()), (1, vec!["Hi", "Hello."]));
    assert!(matches!(fold.state.loading, Slot::Failed(_)));
    fold.ask("Still there?");
}

#[test]
fn the_failure_of_a_load_goes_when_another_file_is_opened() {
    let mut fold = Fold::new();
    fold.open(&tiny());
    let load = fold.order(Action::Load { anyway: false });
    fold.done(load.job, Err(Error::Engine("broken".into())));
    fold.open(&tiny());
    assert!(matches!(fold.state.loading, Slot::Empty), "it is not this file's failure");
}

#[test]
fn a_cancelled_load_is_no_failure() {
    let mut fold = Fold::new();
    fold.open(&tiny());
    fold.no_order(Action::CancelLoad);
    let load = fold.order(Action::Load { anyway: false });
    fold.no_order(Action::Load { anyway: false });
    assert!(matches!(fold.order(Action::CancelLoad).command, Command::Stop(job) if job == load.job));
    fold.done(load.job, Err(Error::Cancelled));
    assert!(matches!(fold.state.loading, Slot::Empty) && fold.notices().is_empty());
    fold.order(Action::Load { anyway: false });
}

#[test]
fn a_load_replaces_the_model_and_only_the_named_one_is_freed() {
    let mut fold = Fold::loaded();
    let first = fold.state.loaded.as_ref().expect("loaded").receipt.id;
    fold.open(&tiny());
    let second = fold.load();
    assert_ne!(first, second);
    fold.step(JobId(9_999), Step::Freed(first));
    assert_eq!(fold.state.loaded.as_ref().map(|loaded| loaded.receipt.id), Some(second));
    fold.step(JobId(9_999), Step::Freed(second));
    assert!(fold.state.loaded.is_none() && !fold.state.can_answer());
}

#[test]
fn what_is_loaded_as_planned_is_not_loaded_again() {
    let mut fold = Fold::loaded();
    assert!(fold.state.opened_is_loaded());
    fold.wish(Action::Go(Page::Model));
    fold.no_order(Action::Load { anyway: false });
    assert_eq!(fold.state.page, Page::Chat);
    fold.no_order(Action::SetContext(512));
    assert!(!fold.state.opened_is_loaded());
    fold.order(Action::Load { anyway: false });
}

#[test]
fn loading_and_freeing_wait_for_the_answer_and_say_so() {
    let mut fold = Fold::loaded();
    let (job, _) = fold.ask("Hi");
    assert_eq!(open_to_load(&mut fold, &tiny()), Some(Action::Load { anyway: false }));
    fold.no_order(Action::Load { anyway: false });
    assert_eq!(fold.told(Tone::Info, "Stop the answer first"), 1, "{:?}", fold.notices());
    fold.no_order(Action::Unload);
    assert_eq!(fold.told(Tone::Info, "Stop the answer first"), 2, "{:?}", fold.notices());
    fold.write(job, "Hello");
    assert_eq!(fold.said(), ["Hi", "Hello"]);
}

#[test]
fn unload_is_ordered_once_and_not_while_another_model_is_loaded() {
    let mut fold = Fold::new();
    fold.no_order(Action::Unload);
    let mut fold = Fold::loaded();
    let id = fold.state.loaded.as_ref().expect("loaded").receipt.id;
    let order = fold.order(Action::Unload);
    assert!(matches!(order.command, Command::Unload(freed) if freed == id));
    fold.no_order(Action::Unload);
    fold.step(order.job, Step::Freed(id));
    fold.done(order.job, Ok(Outcome::Unloaded));
    assert!(fold.state.loaded.is_none() && fold.notices().is_empty());

    let mut fold = Fold::loaded();
    fold.open(&tiny());
    fold.order(Action::Load { anyway: false });
    fold.no_order(Action::Unload);
}

#[test]
fn a_model_that_went_before_it_could_be_unloaded_is_no_error() {
    let mut fold = Fold::loaded();
    let id = fold.state.loaded.as_ref().expect("loaded").receipt.id;
    let order = fold.order(Action::Unload);
    fold.step(JobId(9_999), Step::Freed(id));
    fold.done(order.job, Err(Error::Engine("this model is no longer loaded".into())));
    assert_eq!(fold.notices(), Vec::<String>::new());
}

#[test]
fn the_plan_follows_context_cache_threads_and_memory() {
    let mut fold = Fold::new();
    fold.open(&tiny());
    let first = plan(&fold);
    assert_eq!((first.choice.context, first.choice.kv, first.choice.threads), (8_192, KvDtype::F16, 2));
    fold.no_order(Action::SetContext(1_024));
    let shorter = plan(&fold);
    assert_eq!(shorter.parts.kv_cache.map(|bytes| bytes.0 * 8), first.parts.kv_cache.map(|bytes| bytes.0));
    fold.no_order(Action::SetKv(KvDtype::F32));
    assert_eq!(plan(&fold).parts.kv_cache.map(|bytes| bytes.0), shorter.parts.kv_cache.map(|bytes| bytes.0 * 2));
    fold.no_order(Action::SetThreads(Some(16)));
    assert!(plan(&fold).parts.activations > shorter.parts.activations);
    assert_eq!((fold.state.threads(), plan(&fold).choice.context), (16, 1_024));
    gauge(&mut fold, 50_000);
    assert_eq!((plan(&fold).fit, plan(&fold).available), (Fit::Exceeds, Bytes(50_000)));
    gauge(&mut fold, GIB);
    assert_eq!(plan(&fold).fit, Fit::Fits);
}

#[test]
fn what_the_loaded_model_holds_counts_as_available_for_the_next_one() {
    let mut fold = Fold::loaded();
    let held = fold.state.loaded.as_ref().expect("loaded").receipt.charged.sum();
    fold.open(&tiny());
    gauge(&mut fold, GIB);
    assert_eq!(plan(&fold).available, Bytes(GIB) + held);
}

#[test]
fn the_plan_stands_while_it_is_being_loaded() {
    let mut fold = Fold::new();
    fold.open(&tiny());
    let before = plan(&fold);
    let load = fold.order(Action::Load { anyway: false });
    gauge(&mut fold, 50_000);
    assert_eq!(plan(&fold), before, "the memory that is missing is what this load took");
    fold.finish_load(&load, Ok(()));
    assert!(fold.state.opened_is_loaded());
}

#[test]
fn the_context_stays_within_what_the_model_was_trained_for() {
    let mut fold = Fold::new();
    fold.open(&tiny());
    for (wished, got) in [(usize::MAX, 8_192), (0, 1), (100, 100)] {
        fold.no_order(Action::SetContext(wished));
        assert_eq!(plan(&fold).choice.context, got);
    }
}

#[test]
fn load_promises_the_plan_that_was_seen() {
    let mut fold = Fold::new();
    fold.open(&tiny());
    fold.no_order(Action::SetContext(777));
    fold.state.machine = machine(50_000);
    fold.no_order(Action::SetKv(KvDtype::F32));
    let seen = plan(&fold);
    assert_eq!(seen.fit, Fit::Exceeds);
    let order = fold.order(Action::Load { anyway: true });
    assert!(matches!(&order.command, Command::Load(load) if load.anyway && load.plan == seen));
    fold.finish_load(&order, Ok(()));
    assert_eq!(fold.state.loaded.as_ref().map(|loaded| loaded.plan.clone()), Some(seen));
}

fn without_template() -> Arc<Model> {
    read("base.gguf", &TinyLlama::default().gguf().without("tokenizer.chat_template"))
}

#[test]
fn a_model_without_a_template_completes_texts_and_the_next_one_chats_again() {
    let mut fold = Fold::new();
    fold.open(&without_template());
    fold.flush();
    fold.load_with_template(Err(Error::Engine("the file has no chat template".into())));
    assert_eq!((fold.current().mode, fold.told(Tone::Warning, "no chat template")), (Mode::Completion, 1));
    assert!(!fold.state.unsaved(), "the person changed nothing");
    fold.exchange("Once", " upon");
    fold.wish(Action::NewChat);
    assert_eq!(fold.current().mode, Mode::Completion);
    fold.open(&tiny());
    fold.load();
    assert_eq!(fold.current().mode, Mode::Chat, "nobody asked for completion");
    fold.wish(Action::SetMode(Mode::Completion));
    fold.open(&tiny());
    fold.load();
    assert_eq!(fold.current().mode, Mode::Completion, "this time the person did");
}

#[test]
fn a_new_chat_with_a_model_without_a_template_completes_texts() {
    let mut fold = Fold::loaded();
    fold.exchange("Hi", "Hello.");
    fold.open(&without_template());
    fold.load_with_template(Err(Error::Engine("the file has no chat template".into())));
    assert_eq!(fold.current().mode, Mode::Chat, "a conversation stays one");
    fold.wish(Action::NewChat);
    assert_eq!(fold.current().mode, Mode::Completion);
}

#[test]
fn a_broken_template_offers_the_fallback() {
    let mut fold = Fold::new();
    fold.open(&tiny());
    fold.load_with_template(Err(Error::Engine("the template is broken in line 3".into())));
    let offer = fold.state.notices.iter().next().and_then(|notice| notice.offer.clone());
    assert_eq!(offer, Some(("Use the fallback", Action::UseFallbackTemplate(true))));
    assert_eq!(fold.current().mode, Mode::Chat);
    fold.no_order(Action::UseFallbackTemplate(true));
    let (_, asked) = fold.ask("Hi");
    assert!(matches!(asked.input, Input::Chat { fallback_template: true, .. }));
}

#[test]
fn a_folder_that_comes_while_others_are_searched_is_searched_too() {
    let mut fold = Fold::new();
    let scan = fold.order(Action::Scan);
    fold.no_order(Action::AddFolder("/models".into()));
    assert_eq!(fold.done(scan.job, Ok(scanned())), Some(Action::Scan));
    let scan = fold.order(Action::Scan);
    assert!(matches!(&scan.command, Command::Scan { folders, .. } if *folders == [PathBuf::from("/models")]));
    assert_eq!(fold.done(scan.job, Ok(scanned())), None);
    assert!(matches!(fold.order(Action::RemoveFolder("/models".into())).command, Command::Scan { folders, .. } if folders.is_empty()));
}

#[test]
fn the_dialog_is_asked_once_and_opens_what_was_chosen() {
    let mut fold = Fold::new();
    let pick = fold.order(Action::Pick);
    fold.no_order(Action::Pick);
    assert_eq!(fold.done(pick.job, Ok(Outcome::Picked(Some("a.gguf".into())))), Some(Action::Open { path: "a.gguf".into(), load: false }));
    let pick = fold.order(Action::Pick);
    assert_eq!(fold.done(pick.job, Ok(Outcome::Picked(None))), None);
}

#[test]
fn twenty_recent_files_are_kept_newest_first() {
    let (mut fold, model) = (Fold::new(), tiny());
    fold.state.settings.recent = (0..20).map(|n| PathBuf::from(format!("{n}.gguf"))).collect();
    fold.open(&model);
    fold.open(&model);
    let recent = &fold.state.settings.recent;
    assert_eq!((recent.len(), &recent[0], recent[1].to_str()), (20, &model.file.path, Some("0.gguf")));
    fold.no_order(Action::ForgetRecent("0.gguf".into()));
    assert_eq!(fold.state.settings.recent.len(), 19);
}
