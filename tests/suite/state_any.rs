//! The state under any sequence of wishes and events: it never panics, never answers twice at once, and what nobody waits for
//! changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ponder::engine::sampler::Sampling;
use ponder::engine::session::ModelId;
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::kernels::level::Level;
use ponder::lab::label::Label;
use ponder::memory::plan::KvDtype;
use ponder::message::{Command, Event, JobId, Order, Outcome, Restored, Step};
use ponder::state::lab::Wish;
use ponder::state::{Action, Page};
use ponder::store::chat::{Chat, ChatId, Mode, Role, StopReason, Turn};
use ponder::store::settings::Theme;
use ponder::units::{Bytes, TokensPerSecond};
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};

use crate::support::fold::{Fold, disk_full, metrics, receipt, tiny};
use crate::support::tiny_llama::TinyLlama;

/// A tiny model, built in.
fn built_in() -> Arc<Model> {
    let bytes = TinyLlama::default().gguf().bytes().leak();
    Arc::new(Model::read(ModelFile::built_in(ponder::pocket::NAME, ponder::pocket::WORD, bytes).unwrap()))
}

/// What an order asks for, as far as its end depends on it.
enum Kind {
    Inspect(PathBuf),
    Load(Box<ponder::message::Load>),
    Unload(ModelId),
    Generate,
    Other,
}

struct Machine {
    fold: Fold,
    model: Arc<Model>,
    /// Stands for the one of the program, of which the state knows the name alone.
    pocket: Arc<Model>,
    /// Orders that were given and are not done.
    open: BTreeMap<JobId, Kind>,
    n_models: u64,
}

impl Machine {
    fn new() -> Self {
        let mut machine = Self { fold: Fold::started(), model: tiny(), pocket: built_in(), open: BTreeMap::new(), n_models: 0 };
        let order = machine.fold.state.restore();
        machine.take(order);
        machine
    }

    fn take(&mut self, order: Order) {
        let kind = match order.command {
            Command::Inspect(path) => Kind::Inspect(path),
            Command::Load(load) => Kind::Load(load),
            Command::Unload(id) => Kind::Unload(id),
            Command::Generate(_) => Kind::Generate,
            _ => Kind::Other,
        };
        assert!(self.open.insert(order.job, kind).is_none(), "a number is given twice");
    }

    fn perform(&mut self, action: Action) {
        if let Some(order) = self.fold.state.perform(action) {
            self.take(order);
        }
    }

    fn apply(&mut self, event: Event) {
        if let Some(action) = self.fold.state.apply(event) {
            self.perform(action);
        }
    }

    fn chat(&self, n: u8) -> ChatId {
        let chats = &self.fold.state.chats;
        let n = usize::from(n) % (chats.iter().len() + 1);
        chats.iter().nth(n).map_or_else(|| ChatId("nobody".to_owned()), |chat| chat.id.clone())
    }

    fn action(&self, kind: u8, n: u8) -> Action {
        let path = self.model.file.path.clone();
        match kind {
            0 => Action::Go(Page::ALL[usize::from(n) % 6]),
            1 => Action::Pick,
            2 => Action::Open { path, load: n.is_multiple_of(2) },
            3 => Action::Scan,
            4 => Action::GetStarter,
            5 => Action::CancelFetch,
            6 => Action::SetContext(usize::from(n) * 100),
            7 => Action::SetKv(KvDtype::ALL[usize::from(n) % 3]),
            8 if n.is_multiple_of(3) => Action::SetRecode(Some(Level::Q8_0).filter(|_| n.is_multiple_of(2))),
            8..=10 => Action::Load { anyway: n.is_multiple_of(2) },
            11 => Action::CancelLoad,
            12 => Action::Unload,
            13 => Action::NewChat,
            14 => Action::OpenChat(self.chat(n)),
            15 => Action::RenameChat(self.chat(n), "Name".to_owned()),
            16 => Action::DeleteChat(self.chat(n)),
            17 => Action::UndoDelete,
            18..=20 => Action::Draft("x".repeat(usize::from(n % 3))),
            21 => Action::SetSystem("Be brief".to_owned()),
            22 => Action::SetSampling(Sampling { seed: Some(u64::from(n)), ..Sampling::default() }),
            23 => Action::SetMode(if n.is_multiple_of(2) { Mode::Chat } else { Mode::Completion }),
            24..=27 => Action::Send,
            28 => Action::Answer(self.chat(n)),
            29 | 30 => Action::Regenerate,
            31 => Action::Stop,
            32 => {
                if n.is_multiple_of(2) {
                    Action::ShowPrompt
                } else {
                    Action::ShowTokens
                }
            }
            33 => {
                if n.is_multiple_of(2) {
                    Action::HidePrompt
                } else {
                    Action::HideTokens
                }
            }
            34 => Action::UseFallbackTemplate(n.is_multiple_of(2)),
            35 | 36 => Action::SaveDirty,
            37 => Action::SetTheme(if n.is_multiple_of(2) { Theme::Dark } else { Theme::Light }),
            38 => Action::SetThreads(Some(usize::from(n))),
            39 => Action::AddFolder(format!("/models/{}", n % 3).into()),
            40 => Action::RemoveFolder(format!("/models/{}", n % 3).into()),
            41 => Action::ForgetRecent(path),
            42 => Action::Ask("What?".repeat(usize::from(n % 2))),
            43 => Action::AskFirst,
            44 => Action::SetPocketAtStart(n.is_multiple_of(2)),
            45 | 46 => Action::Welcome,
            47 => Action::Lab(match n % 8 {
                0 => Wish::Reference(path),
                1 => Wish::Label(Label::ALL[usize::from(n) % 22], n.is_multiple_of(3)),
                2 => Wish::Compare,
                3 => Wish::Pause,
                4 => Wish::GoOn,
                5 => Wish::Stop,
                6 => Wish::Add(vec![path, "/models/other.gguf".into()]),
                _ => Wish::PickText,
            }),
            _ => Action::Dismiss(u64::from(n % 20)),
        }
    }

    /// How an order may end, or another end that nobody promised.
    fn outcome(&mut self, kind: &Kind, n: u8) -> Result<Outcome, Error> {
        match (n % 8, kind) {
            (0, _) => Err(disk_full()),
            (1, _) => Err(Error::Cancelled),
            (_, Kind::Inspect(path)) => {
                let model = if ponder::pocket::is(path) { &self.pocket } else { &self.model };
                Ok(Outcome::Inspected(Arc::clone(model)))
            }
            (_, Kind::Load(load)) => {
                self.n_models += 1;
                Ok(Outcome::Loaded(Box::new(receipt(ModelId(self.n_models), &load.plan, Ok(())))))
            }
            (_, Kind::Unload(_)) => Ok(Outcome::Unloaded),
            (_, Kind::Generate) => Ok(Outcome::Generated(metrics(StopReason::EndOfTurn))),
            (2, Kind::Other) => Ok(Outcome::Fetched("fetched.gguf".into())),
            (3, Kind::Other) => {
                let turns = vec![Turn {
                    role: Role::Assistant,
                    text: "alone".to_owned(),
                    model: None,
                    metrics: Some(metrics(StopReason::Cancelled)),
                }];
                let chats = vec![Chat { turns, ..Chat::new(ChatId("from disk".to_owned())) }];
                Ok(Outcome::Restored(Box::new(Restored { chats, ..Restored::default() })))
            }
            (4, Kind::Other) => Ok(Outcome::Scanned { found: Vec::new(), summaries: BTreeMap::new() }),
            (_, Kind::Other) => Ok(Outcome::Saved),
        }
    }

    fn step(n: u8) -> Step {
        match n % 4 {
            0 => Step::Loading { done: Bytes(1), total: Bytes(2) },
            1 => Step::Reading { done: 1, total: 2 },
            _ => Step::Text { text: "token ".to_owned(), generated: 1, context_used: 5, decode: TokensPerSecond(9.0) },
        }
    }

    fn do_one(&mut self, kind: u8, n: u8) {
        match kind {
            0..=47 => {
                let action = self.action(kind, n);
                self.perform(action);
            }
            48..=52 => {
                let Some(job) = self.open.keys().nth(usize::from(n) % self.open.len().max(1)).copied() else { return };
                self.apply(Event::Step { job, step: Self::step(n) });
            }
            _ => {
                let Some(job) = self.open.keys().nth(usize::from(n / 8) % self.open.len().max(1)).copied() else { return };
                let kind = self.open.remove(&job).expect("an open job");
                let outcome = self.outcome(&kind, n);
                if let (Kind::Unload(id), Ok(_)) = (&kind, &outcome) {
                    self.apply(Event::Step { job, step: Step::Freed(*id) });
                }
                self.apply(Event::Done { job, outcome });
            }
        }
    }

    /// Events of jobs that were never given or are done.
    fn strangers(&mut self, n: u8) -> Vec<Event> {
        let job = JobId(if n.is_multiple_of(2) {
            1_000_000
        } else {
            (1..1_000).find(|job| !self.open.contains_key(&JobId(*job))).expect("a number")
        });
        let outcome = self.outcome(&Kind::Other, n / 2);
        vec![
            Event::Step { job, step: Self::step(n) },
            Event::Done { job, outcome },
            Event::Done { job, outcome: Ok(Outcome::Generated(metrics(StopReason::EndOfTurn))) },
            Event::Done { job, outcome: Err(disk_full()) },
        ]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_wishes_and_events_leave_one_answer_at_most_and_no_panic(steps in prop::collection::vec((0..60_u8, any::<u8>()), 1..120)) {
        let mut machine = Machine::new();
        for (kind, n) in steps {
            machine.do_one(kind, n);
            let state = &machine.fold.state;
            let generating = machine.open.values().filter(|kind| matches!(kind, Kind::Generate)).count();
            prop_assert!(generating <= 1, "two answers are ordered at once");
            let open = state.chats.iter().flat_map(|chat| &chat.turns).filter(|turn| turn.is_open()).count();
            prop_assert!(open <= usize::from(state.answering.is_some()), "{open} answers seem to stream");
            if let Some(answering) = &state.answering {
                prop_assert!(machine.open.contains_key(&answering.job), "an answer waits for a job that is done");
                prop_assert!(state.chats.get(&answering.chat).is_some(), "the chat of an answer is gone");
            }
            let before = format!("{state:?}");
            for event in machine.strangers(n) {
                let words = format!("{event:?}");
                prop_assert_eq!(machine.fold.state.apply(event), None);
                prop_assert_eq!(&format!("{:?}", machine.fold.state), &before, "{}", words);
            }
        }
    }
}
