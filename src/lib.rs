//! Ponder runs local AI models and lets a person look inside them.
//!
//! Someone drops a model file on the window and sees at once what it is, what it will cost in memory and whether it runs here; then
//! chats with it while weights, KV cache and activations are metered live. This page is the plan of the house.
//!
//! # One circle, one direction
//!
//! ```text
//! Action ─State::perform→ Order{JobId, Command} ─Worker (lanes)→ Event ─State::apply→ State ─View::ui→ Action
//! file → inspect → memory (plan) → engine (load, run) → worker (events) → state → view
//! ```
//!
//! * A **view** reads `&State` and pushes an [`state::Action`]. It never computes and never changes anything else.
//! * [`state::State::perform`] turns a wish into at most one [`message::Order`]; [`state::State::apply`] folds an [`message::Event`] in
//!   and returns at most one action that follows (fetched → open → load). Without threads the whole app is a pure fold; what happens by
//!   itself at the start is in it too (welcome → load → first question), and gives way to whatever the person begins.
//! * A **lane** of the [`worker`] turns an order into events. The engine lane owns the model; the inspect lane owns none, so opening a
//!   file neither waits for an answer nor stops one; the lanes of browsing (look, tiles, survey) read tensors, those of the lab measure
//!   models of their own (lab), ask several the same (side) and write mixes (make), and all of them yield to an answer; the scan lane
//!   looks for models; the store lane writes chats and settings; the export lane writes what is taken away; the net lane downloads;
//!   the dialog lane waits for the desktop. `Stop` names a job and overtakes the queue.
//! * The **headless commands** ([`cli`]) call the same functions as the lanes. There is no second implementation of anything.
//!
//! # The rooms, in reading order
//!
//! * [`units`], [`error`]: quantities and the only number formatting; failures by stage.
//! * [`file`]: what is written in a model file (GGUF, safetensors, `PyTorch`), on disk or in the program. Positional reads, no maths.
//! * [`memory`]: the four truths. Planned ([`memory::plan`]), charged ([`memory::ledger`]), counted ([`memory::alloc`]), resident
//!   ([`memory::probe`]).
//! * [`kernels`]: arithmetic on packed weights, the compute pool, the one table of dtypes ([`kernels::precision`]); from bytes to values
//!   ([`kernels::dequantize`]) and back ([`kernels::quantizers`]); who gives way to whom ([`kernels::courtesy`]).
//! * [`inspect`]: what a file means: roles, parts, mix, and the spec a decoder runs by; and its values as matrices ([`inspect::values`]):
//!   statistics, pictures, differences, neighbours.
//! * [`engine`]: one decoder over [`engine::compute::Compute`], in two arithmetics: [`engine::fast`] and [`engine::reference`].
//! * [`pocket`]: the model that is part of the program. Everything above opens it by a word in place of a path ([`library::open()`]).
//! * [`lab`]: what a level of quantization costs, measured: mixes, distortion, divergence, right answers, advice.
//! * [`library`]: folders, from a path to a model, the starter model, fetching, models on this disk.
//! * [`store`]: chats, the streaming answer's journal, settings; whatever is damaged is set aside and told.
//! * [`message`]: the contract between the threads.
//! * [`worker`] and [`state`], which never meet; [`view`], egui only; [`app`], which holds state, worker and views together.
//!
//! # Invariants, each with its test
//!
//! 1. Modules import downward only, as the table in `tests/suite/tidy.rs` says.
//! 2. State changes only in `perform` and `apply`; views get `&State` (the types).
//! 3. Each order ends in exactly one `Done`; steps never follow it (`worker`).
//! 4. An event of a job nobody waits for changes nothing (`state`).
//! 5. Every event wakes the screen; an idle app draws no frames (`worker`, `app`).
//! 6. `Worker::send` and `drain` never block; dropping the worker joins its threads or leaves them behind after two seconds; Stop is
//!    answered within one layer of one chunk (`worker`, `app`, `engine`).
//! 7. A panic in a job is a failed job and not a dead lane (`worker`).
//! 8. Planned = charged for weights and for the KV cache at its current capacity; charged ≤ counted; after Unload the ledger is zero and
//!    counted is back (`tests/memory_truth`).
//! 9. Any `State` can be drawn at any size in both themes without a panic; every input has an accessible name (`views`).
//! 10. No header, however it lies, allocates more than 8 × the file's length + 1 MiB (`tests/memory_truth`, `gguf_lies`).
//!
//! # Where this differs from the first plan
//!
//! * The store has a module of its own below [`message`], because both the store lane and the state speak of chats and settings.
//! * The dialog lane is separate: a desktop portal may hang, and nothing else should.
//! * The fast path packs weights while they are read, sixteen rows together, at the file's bits per weight ([`kernels::dot`]), and
//!   multiplies them with kernels of our own on a pool of our own. candle's `QMatMul` keeps a second
//!   packed copy of some types, and its pool can be neither resized nor told to sleep; the exact path still computes with candle.

pub mod app;
pub mod cli;
pub mod engine;
pub mod error;
pub mod file;
pub mod inspect;
pub mod kernels;
pub mod lab;
pub mod library;
pub mod memory;
pub mod message;
pub mod pocket;
pub mod state;
pub mod store;
pub mod units;
pub mod view;
pub mod worker;
