//! The runs of all allocations in one list.

use std::{cmp::Reverse, sync::Arc};

use docket_model::{
    Origin, Run, Specification,
    run::{Reason, RunState, StateWord},
};
use parking_lot::Mutex;

use super::{
    super::{
        AllRunsFilter, ChangeContext, MemoryBackend, RunPlace, Store,
        backend::{Backend, Batch, CommitError, ReadError, Revision, Scan, ScannedRun, Term},
        hooked_backend::Hooks,
    },
    carry_out, claim, failed, instant, moment, push, run, settle,
};

/// All runs, or those of these names.
fn filter(is_listed: &(dyn Fn(&Specification) -> bool + Sync)) -> AllRunsFilter<'_> {
    AllRunsFilter { after: None, since: None, states: &[], is_listed }
}

fn is_any(_: &Specification) -> bool {
    true
}

/// The first runs of a list, such as `a 60`, and their places.
async fn first(store: &Store, filter: AllRunsFilter<'_>, limit: usize) -> Vec<(RunPlace, String)> {
    let mut all = store.all_runs(&filter).await;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some((place, run)) = all.next().await.unwrap()
    {
        found.push((place, text(&run)));
    }
    found
}

fn text(run: &Run) -> String {
    let second = (run.id.instant.moment() - moment(0)).num_seconds();
    format!("{} {second}", run.id.allocation)
}

async fn texts(store: &Store, filter: AllRunsFilter<'_>) -> Vec<String> {
    first(store, filter, usize::MAX).await.into_iter().map(|(_, text)| text).collect()
}

/// Three allocations: `b` was created first, `idle` has no runs.
async fn push_some(store: &Store) {
    let cron = "* * * * *";
    push(store, Origin::Api, &[("b", cron), ("a", cron), ("c", cron), ("idle", cron)]).await;
    for second in [60, 120, 180] {
        carry_out(store, "a", second, RunState::Succeeded).await;
        carry_out(store, "b", second, failed(1)).await;
    }
    carry_out(store, "c", 120, failed(1)).await;
    claim(store, "c", 240).await;
}

pub(in crate::store) async fn all_runs_are_listed_newest_first_from_any_place(store: &Store) {
    push_some(store).await;
    let newest_first = ["c 240", "b 180", "a 180", "b 120", "a 120", "c 120", "b 60", "a 60"];

    let listed = first(store, filter(&is_any), usize::MAX).await;

    assert_eq!(listed.iter().map(|(_, text)| text).collect::<Vec<_>>(), newest_first);
    for (index, (place, _)) in listed.iter().enumerate() {
        let after = Some(*place);
        let rest = texts(store, AllRunsFilter { after, ..filter(&is_any) }).await;
        assert_eq!(rest, newest_first[index + 1..], "{place:?}");
    }
    let earliest = RunPlace { instant: instant(60), position: Reverse(u64::MAX) };
    let none = AllRunsFilter { after: Some(earliest), ..filter(&is_any) };
    assert_eq!(texts(store, none).await, [""; 0]);
}

pub(in crate::store) async fn all_runs_are_those_that_were_asked_for(store: &Store) {
    push_some(store).await;
    let is_named = |specification: &Specification| specification.name.as_str() != "a";
    let under_way = [StateWord::Starting, StateWord::Running];

    let named = texts(store, filter(&is_named)).await;
    let since = AllRunsFilter { since: Some(instant(120)), ..filter(&is_named) };
    let since = texts(store, since).await;
    let running = AllRunsFilter { states: &under_way, ..filter(&is_any) };
    let running = first(store, running, 9).await;
    let after = running.first().map(|(place, _)| *place);
    let others = AllRunsFilter { after, states: &under_way, ..filter(&is_any) };
    let since_later = Some(instant(241));
    let later = AllRunsFilter { since: since_later, states: &under_way, ..filter(&is_any) };

    assert_eq!(named, ["c 240", "b 180", "b 120", "c 120", "b 60"]);
    assert_eq!(since, ["c 240", "b 180", "b 120", "c 120"]);
    assert_eq!(running.iter().map(|(_, text)| text).collect::<Vec<_>>(), ["c 240"]);
    assert_eq!(texts(store, others).await, [""; 0]);
    assert_eq!(texts(store, later).await, [""; 0]);
}

pub(in crate::store) async fn all_runs_of_a_deleted_allocation_are_gone(store: &Store) {
    push_some(store).await;
    let by = ChangeContext::new(moment(300), "test");
    store.delete("a", &Origin::Api, by).await.unwrap();
    settle(store).await;

    let listed = texts(store, filter(&is_any)).await;

    assert_eq!(listed, ["c 240", "b 180", "b 120", "c 120", "b 60"]);
}

/// A backend in memory that notes what is scanned.
#[derive(Debug)]
struct CountingBackend {
    memory: Arc<MemoryBackend>,
    /// How many allocations were read, and how many runs at once.
    scanned: Mutex<(usize, usize)>,
}

#[async_trait::async_trait]
impl Hooks for CountingBackend {
    fn backend(&self) -> &dyn Backend {
        &*self.memory
    }

    async fn commits(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        self.memory.commit(batch, term).await
    }

    async fn scans(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError> {
        let count = scans.len();
        let found = self.memory.scan(scans).await?;
        let mut scanned = self.scanned.lock();
        scanned.0 += count;
        scanned.1 = scanned.1.max(found.iter().map(Vec::len).sum());
        Ok(found)
    }
}

#[tokio::test]
async fn a_long_list_reads_few_allocations_first_and_holds_few_runs() {
    const ALLOCATIONS: usize = 2500;
    let memory = Arc::new(MemoryBackend::new(usize::MAX));
    let backend = Arc::new(CountingBackend { memory, scanned: Mutex::default() });
    let store = Store::open(backend.clone()).await.unwrap();
    let names: Vec<_> = (0..ALLOCATIONS).map(|number| format!("n{number}")).collect();
    let pushed: Vec<_> = names.iter().map(|name| (name.as_str(), "* * * * *")).collect();
    push(&store, Origin::Api, &pushed).await;
    for second in [60, 120] {
        for name in &names {
            let skipped = RunState::Skipped(Reason::text("an older one runs"));
            store.claim(run(&store, name, second, skipped).await).await.unwrap();
        }
    }
    *backend.scanned.lock() = (0, 0);

    let page = first(&store, filter(&is_any), 100).await;
    let (read_first, _) = *backend.scanned.lock();
    let after = page.last().map(|(place, _)| *place);
    let rest = texts(&store, AllRunsFilter { after, ..filter(&is_any) }).await;
    // No run is at this place, so the next one of each allocation is read before the first is listed.
    let between = RunPlace { instant: instant(90), position: Reverse(0) };
    let earlier = texts(&store, AllRunsFilter { after: Some(between), ..filter(&is_any) }).await;

    let at = |second| names.iter().map(move |name| format!("{name} {second}"));
    let page: Vec<_> = page.into_iter().map(|(_, text)| text).collect();
    assert_eq!([page, rest].concat(), at(120).chain(at(60)).collect::<Vec<_>>());
    assert_eq!(earlier, at(60).collect::<Vec<_>>());
    assert!((100..200).contains(&read_first), "{read_first} allocations");
    let (_, at_once) = *backend.scanned.lock();
    assert!(at_once <= 32, "{at_once} runs at once");
}
