//! Two stores over one backend, with random operations, conflicts, lost answers and lost terms: what holds
//! whatever happens. One record an instant; what is decided only grows; nothing that was acknowledged is lost.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Origin, Run,
    run::{Instant, RunState, Trigger},
};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::{
    super::{
        ChangeContext, ClaimOutcome, InstantKind, MemoryBackend, RunFilter, Store, StoreError,
        backend::Backend,
    },
    end, failed, instant, missed, moment, pushed, specification,
    unreliable_backends::FaultyBackend,
};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// One operation, by one of the two stores, on one of the names.
#[derive(Debug, Clone)]
enum Operation {
    Push { version: u8 },
    Delete,
    Claim { minute: u8 },
    Miss { minute: u8, count: u8 },
    ClaimManual { minute: u8 },
    Finish { succeeds: bool },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => (0..3u8).prop_map(|version| Operation::Push { version }),
        1 => Just(Operation::Delete),
        4 => (1..40u8).prop_map(|minute| Operation::Claim { minute }),
        2 => (1..40u8, 1..5u8).prop_map(|(minute, count)| Operation::Miss { minute, count }),
        2 => (1..40u8).prop_map(|minute| Operation::ClaimManual { minute }),
        4 => any::<bool>().prop_map(|succeeds| Operation::Finish { succeeds }),
    ]
}

/// What was acknowledged so far.
#[derive(Debug, Default)]
struct Acknowledged {
    /// The records of runs that would start, and how they ended.
    runs: HashMap<(uuid::Uuid, Instant), Option<RunState>>,
    /// Up to when each name was decided.
    decided: BTreeMap<&'static str, DateTime<Utc>>,
}

async fn carry_out(
    store: &Store,
    name: &'static str,
    operation: &Operation,
    acknowledged: &Mutex<Acknowledged>,
) {
    match operation {
        Operation::Push { version } => {
            let cron = ["* * * * *", "*/2 * * * *", "*/5 * * * *"][usize::from(*version)];
            let push = || store.push(pushed(vec![specification(name, cron)], 0));
            in_force(store, push).await.unwrap();
        }
        Operation::Delete => {
            let context = || ChangeContext::new(moment(0), "test");
            in_force(store, || store.delete(name, &Origin::Api, context())).await.unwrap();
        }
        Operation::Claim { minute } => {
            claim(store, name, *minute, RunState::Starting, acknowledged).await;
        }
        Operation::Miss { minute, count } => {
            let last = i64::from(*minute + *count - 1) * 60;
            claim(store, name, *minute, missed(last, (*count).into()), acknowledged).await;
        }
        Operation::ClaimManual { minute } => claim_manual(store, name, *minute, acknowledged).await,
        Operation::Finish { succeeds } => finish(store, name, *succeeds, acknowledged).await,
    }
}

/// Writes, in a further term if another server has begun one.
async fn in_force<T, F: Future<Output = Result<T, StoreError>>>(
    store: &Store,
    write: impl Fn() -> F,
) -> Result<T, StoreError> {
    loop {
        match write().await {
            Err(StoreError::Deposed) => store.begin_term().await?,
            written => return written,
        };
    }
}

fn decision(store: &Store, name: &str, minute: u8, state: RunState) -> Option<Run> {
    let allocation = store.status(name)?.allocation;
    let at = i64::from(minute) * 60;
    Some(Run::decided(&allocation, instant(at), Trigger::Schedule, state, moment(at)))
}

async fn claim(
    store: &Store,
    name: &'static str,
    minute: u8,
    state: RunState,
    acknowledged: &Mutex<Acknowledged>,
) {
    let Some(run) = decision(store, name, minute, state) else { return };
    if in_force(store, || store.claim(run.clone())).await.unwrap() == ClaimOutcome::New {
        let mut acknowledged = acknowledged.lock();
        let latest = run.latest().moment();
        let before = acknowledged.decided.insert(name, latest);
        assert!(before.is_none_or(|before| before < latest), "{name} was decided twice");
        if run.state == RunState::Starting {
            let twice = acknowledged.runs.insert((run.uid, run.id.instant), None);
            assert_eq!(twice, None, "{name} was claimed twice");
        }
    }
}

async fn claim_manual(store: &Store, name: &str, minute: u8, acknowledged: &Mutex<Acknowledged>) {
    let Some(run) = decision(store, name, minute, RunState::Starting) else { return };
    let kind = InstantKind::Instant(None);
    let claimed = in_force(store, || store.claim_manual(run.clone(), kind)).await.unwrap();
    if claimed == ClaimOutcome::New {
        let key = (run.uid, run.id.instant);
        // One that ended without a container may be taken up again.
        let before = acknowledged.lock().runs.insert(key, None);
        assert_ne!(before, Some(None), "{name} was claimed twice");
    }
}

async fn finish(store: &Store, name: &str, succeeds: bool, acknowledged: &Mutex<Acknowledged>) {
    let under_way = store.under_way().await.unwrap();
    let of_name = |run: &&Run| run.id.allocation.as_str() == name;
    let Some(run) = under_way.iter().map(|it| &*it.run).find(of_name) else { return };
    let state = if succeeds { RunState::Succeeded } else { failed(3) };
    let code = if succeeds { 0 } else { 3 };
    let ended = || end(state.clone(), code, "x");
    let (mut finished, mut is_repeated) = (store.finish(&run.id, run.uid, ended()).await, false);
    while finished == Err(StoreError::Deposed) {
        store.begin_term().await.unwrap();
        (finished, is_repeated) = (store.finish(&run.id, run.uid, ended()).await, true);
    }
    match finished {
        // A write of an earlier term may have been made though its answer was lost.
        Err(StoreError::RunIsOver { .. }) if is_repeated => {
            acknowledged.lock().runs.insert((run.uid, run.id.instant), Some(state));
        }
        Ok(()) => {
            let key = (run.uid, run.id.instant);
            let before = acknowledged.lock().runs.insert(key, Some(state));
            assert_ne!(before.flatten().map(|state| state.is_over()), Some(true), "ended twice");
        }
        Err(StoreError::NoSuchRun(_) | StoreError::RunIsOver { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// What a third store, opened afterwards, must find.
async fn check(store: &Store, acknowledged: &Acknowledged) {
    for name in NAMES {
        let Some(status) = store.status(name) else { continue };
        let all = RunFilter { limit: usize::MAX, ..RunFilter::default() };
        let runs = store.runs(name, &all).await.unwrap();
        let spans: Vec<_> = runs.iter().map(|run| (run.id.instant, run.latest())).collect();
        assert!(spans.is_sorted_by(|(one, _), (other, _)| one > other), "{spans:?}");
        if let Some(decided) = acknowledged.decided.get(name) {
            assert!(status.decided >= Some(*decided), "{name}: {:?}", status.decided);
        }
        let under_way = runs.iter().filter(|run| !run.state.is_over()).count();
        assert_eq!(status.runs.under_way(), under_way, "{name}");
        for ((uid, at), ended) in &acknowledged.runs {
            if *uid != status.allocation.uid || status.pruned >= Some(*at) {
                continue;
            }
            let run = runs.iter().find(|run| run.id.instant == *at);
            let run = run.unwrap_or_else(|| panic!("{name} lost {at}"));
            match ended {
                Some(state) => assert_eq!(run.state, *state),
                None => assert!(!run.state.is_over(), "{run:?}"),
            }
        }
    }
}

/// What happens between two stores that write in the same term, at the same time.
async fn beside_one_another(seed: u64, operations: Vec<(bool, usize, Operation)>) {
    let (backend, term) = (memory(), Arc::new(Mutex::new(None)));
    let acknowledged = Mutex::new(Acknowledged::default());
    let open = async |seed| {
        let faulty = FaultyBackend::over(backend.clone(), seed).sharing(&term);
        Arc::new(Store::open(Arc::new(faulty)).await.unwrap())
    };
    let stores = [open(seed).await, open(!seed).await];
    for pair in operations.chunks(2) {
        let each = pair.iter().map(|(is_second, name, operation)| {
            carry_out(&stores[usize::from(*is_second)], NAMES[*name], operation, &acknowledged)
        });
        futures_util::future::join_all(each).await;
    }
    for store in stores {
        store.close().await;
    }
    check(&Store::open(backend).await.unwrap(), &acknowledged.into_inner()).await;
}

/// What happens between two stores that depose one another, while a third server begins terms, too.
async fn in_turn(seed: u64, operations: Vec<(bool, usize, Operation)>) {
    let backend = memory();
    let acknowledged = Mutex::new(Acknowledged::default());
    let open = async |seed| {
        let faulty = Arc::new(FaultyBackend::over(backend.clone(), seed).contested());
        loop {
            match Store::open(faulty.clone()).await {
                // Another server began a term meanwhile.
                Err(StoreError::Unwritable(_)) => {}
                opened => return opened.unwrap(),
            }
        }
    };
    let stores = [open(seed).await, open(!seed).await];
    // One after another: two stores that depose one another at the same time may write nothing for ever.
    for (is_second, name, operation) in &operations {
        carry_out(&stores[usize::from(*is_second)], NAMES[*name], operation, &acknowledged).await;
    }
    for store in stores {
        store.close().await;
    }
    check(&Store::open(backend).await.unwrap(), &acknowledged.into_inner()).await;
}

fn memory() -> Arc<dyn Backend> {
    Arc::new(MemoryBackend::new(usize::MAX))
}

/// Runs a story on paused time.
fn run(story: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build();
    runtime.unwrap().block_on(story);
}

fn operations() -> impl Strategy<Value = Vec<(bool, usize, Operation)>> {
    prop::collection::vec((any::<bool>(), 0..3usize, operation()), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn two_stores_over_one_backend_lose_and_double_nothing(
        seed in any::<u64>(),
        operations in operations(),
    ) {
        run(beside_one_another(seed, operations));
    }

    #[test]
    fn two_stores_that_depose_one_another_lose_and_double_nothing(
        seed in any::<u64>(),
        operations in operations(),
    ) {
        run(in_turn(seed, operations));
    }
}
