//! A comparison as the lab's lanes would tell it, from small real headers and figures that are made up.

use std::sync::Arc;

use ponder::engine::cut::Token;
use ponder::error::Error;
use ponder::lab::budget::{Budget, Positions};
use ponder::lab::candidate::{Candidate, Need};
use ponder::lab::row::Difference;
use ponder::lab::run::{Kind, Status};
use ponder::lab::statistics::{Histogram, Summary};
use ponder::memory::plan::{Arithmetic, Choice, KvDtype};
use ponder::memory::probe::Machine;
use ponder::message::lab::{
    Begun, Doing, Expected, Exports, Lab, Offer, Pick, Plan, Planned, Planning, Point, Progress, Relative, Start, Told,
};
use ponder::message::{Command, Order};
use ponder::units::{Bytes, TokensPerSecond};

/// Tokens of a chunk, and where scoring begins.
pub const CHUNK: usize = 64;
const HALF: usize = CHUNK / 2;
const GIB: u64 = 1 << 30;

/// What the planning lane was asked.
#[track_caller]
pub fn planning(order: &Order) -> &Planning {
    match &order.command {
        Command::Lab(lab) => match &**lab {
            Lab::Plan(planning) => planning,
            other => panic!("{other:?} plans nothing"),
        },
        other => panic!("{other:?} plans nothing"),
    }
}

/// What the measuring lane was asked.
#[track_caller]
pub fn start(order: &Order) -> &Start {
    match &order.command {
        Command::Lab(lab) => match &**lab {
            Lab::Start(start) => start,
            other => panic!("{other:?} starts nothing"),
        },
        other => panic!("{other:?} starts nothing"),
    }
}

/// The plan of what was asked, on a machine with so much memory.
pub fn plan(planning: &Planning, available: u64) -> Arc<Plan> {
    let need =
        |candidate: Candidate| (Arc::new(candidate), Need { weights: Bytes(90 << 20), total: Bytes(100 << 20), peak: Bytes(120 << 20) });
    let reference = Candidate::file(Arc::clone(&planning.reference)).map(need);
    let picks = planning.picks.iter().map(|pick| {
        let candidate = match pick {
            Pick::Made(recipe) => Candidate::made(Arc::clone(&planning.reference), recipe),
            Pick::File(model) => Candidate::file(Arc::clone(model)),
        };
        Planned { pick: pick.clone(), candidate: candidate.map(need) }
    });
    let family = vec![Relative { path: "/models/tiny-Q4_0.gguf".into(), quantization: "Q4_0".to_owned(), bytes: Bytes(60_000) }];
    let offers = ponder::lab::label::Label::ALL.into_iter().map(|label| {
        let made = Candidate::made(Arc::clone(&planning.reference), &ponder::lab::mix::Recipe::of(label));
        Offer { label, made: made.map(|candidate| (candidate.mix.bytes, candidate.mix.bits_per_weight(), candidate.mix.really())) }
    });
    Arc::new(Plan {
        picks: picks.collect(),
        budget: budget(planning, available),
        reference,
        offers: planning.offers.then(|| offers.collect()),
        family: planning.offers.then(|| family.into()),
    })
}

fn budget(planning: &Planning, available: u64) -> Result<Budget, Error> {
    let reference = Candidate::file(Arc::clone(&planning.reference))?;
    let choice = Choice { context: CHUNK, kv: KvDtype::F16, arithmetic: Arithmetic::Exact, threads: 2, recode: None };
    let machine = Machine { total: Bytes(24 * GIB), available: Bytes(available), processors: 2 };
    let positions = Positions { all: 1_000, impression: 16 };
    Budget::plan(&reference, std::slice::from_ref(&reference), choice, &machine, positions, 259, Bytes::GIB)
}

/// It begins: two chunks, the noise floor behind the first candidate.
pub fn begun(start: &Start) -> Begun {
    let token = |n: usize| Token {
        id: u32::try_from(n).unwrap(),
        text: if n.is_multiple_of(17) { ".\n".into() } else { format!(" w{n}") },
        special: false,
    };
    let mut runs: Vec<_> = start.candidates.iter().map(|candidate| (Arc::new(candidate.clone()), Kind::Candidate, 2)).collect();
    let floor = Candidate { name: "noise floor".into(), ..start.reference.clone() };
    runs.insert(1.min(runs.len()), (Arc::new(floor), Kind::NoiseFloor, 2));
    let planning = Planning {
        reference: Arc::clone(&start.reference.model),
        picks: Vec::new(),
        settings: start.settings,
        offers: false,
        elsewhere: Vec::new(),
        machine: Machine::default(),
    };
    Begun {
        reference: Arc::new(start.reference.clone()),
        runs,
        settings: start.settings,
        budget: budget(&planning, 20 * GIB).unwrap(),
        chunks: (0..2).map(|chunk| (0..CHUNK).map(|n| token(chunk * CHUNK + n)).collect()).collect(),
        half: HALF,
        preview: HALF / 2,
    }
}

/// Figures of a run around a KL; `None` for the first impression.
pub fn point(run: usize, chunk: Option<usize>, kld: f64) -> Point {
    let positions = if chunk.is_some() { CHUNK - 1 - HALF } else { HALF / 2 };
    let difference = |i: usize| Difference {
        kld: kld * f64::from(u32::try_from(i % 7).unwrap() + 1) / 4.0,
        in_full: None,
        nll: 2.0 + kld,
        reference_nll: 2.0,
        same_top: i % 9 != 0,
        top: vec![(1, -0.3), (2, -1.9), (3, -3.0)],
    };
    let differences: Arc<[Difference]> = (0..positions).map(difference).collect();
    let expected = chunk.map(|_| (0..positions).map(|_| Expected { top: vec![(2, -0.2), (1, -2.0)], nll: 2.0 }).collect());
    Point {
        run,
        chunk,
        summary: Summary::of(&differences.iter()),
        histogram: Histogram::of(differences.iter(), 80),
        differences,
        expected,
        pieces: vec![(1, " one".to_owned()), (2, " two".to_owned()), (3, "\n".to_owned())],
        prefill: Some(TokensPerSecond(512.0)),
        kept_as_sum: 0.0,
        lost: 0.0,
    }
}

/// A whole comparison: every run's impression, both chunks and its end. The smaller a candidate, the farther it is.
pub fn whole(start: &Start) -> Vec<Told> {
    let begun = begun(start);
    let runs: Vec<_> = begun.runs.clone();
    let mut told = vec![Told::Begun(Box::new(begun))];
    told.push(Told::Progress(Progress { share: 0.1, left: Some(30.0), doing: Doing::Loading(Some(0), Bytes(1 << 20)) }));
    for (at, (candidate, kind, _)) in runs.iter().enumerate() {
        let kld = if *kind == Kind::NoiseFloor { 0.004 } else { 3.0 * (-candidate.mix.bits_per_weight()).exp2() };
        told.push(Told::Loaded(at, Bytes(90 << 20)));
        for chunk in [None, Some(0), Some(1)] {
            told.push(Told::Point(Box::new(point(at, chunk, kld))));
        }
        told.push(Told::Ended { run: at, status: Status::Done, decode: Some(TokensPerSecond(60.0 + kld)) });
    }
    told.push(Told::Export(Arc::new(Exports { json: "{}\n".to_owned(), csv: "name\n".to_owned() })));
    told
}
