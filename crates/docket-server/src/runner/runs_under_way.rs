//! The runs of one allocation that are under way, and the lock for decisions about it.
//!
//! 1. A task that decides about an allocation, or takes a run out of its queue, holds the decision lock.
//! 2. A run that is in the store and not over is in its queue, until the server stops.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use docket_model::{
    Allocation, AllocationName, RunId,
    run::{AttemptKey, Cancellation, ContainerId, Instant, Node, Reason, RunState, Trigger},
};
use parking_lot::Mutex;
use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard};
use tracing::{Span, info, info_span};
use uuid::Uuid;

use super::{engine_call_retry::EngineAccess, shared_timeout::SharedTimeout};
use crate::{engine::Grace, watch};

/// A run under way, for those that wait for it or cancel it.
#[derive(Debug)]
pub(super) struct RunHandle {
    pub(super) id: RunId,
    /// What it carries out, whatever was pushed since.
    pub(super) allocation: Arc<Allocation>,
    pub(super) trigger: Trigger,
    /// Its parts, the first one first. A run with one container has one.
    pub(super) parts: Box<[Arc<PartHandle>]>,
    /// Whether each part that is over has succeeded, by its number.
    ends: Mutex<BTreeMap<u32, bool>>,
    /// The time for all parts, where there are several and it is limited.
    pub(super) shared_timeout: Option<Box<SharedTimeout>>,
    /// Set once it is cancelled.
    cancellation: watch::Sender<Option<Cancellation>>,
    /// The span of all log lines of the run.
    pub(super) span: Span,
}

/// One part of a run under way: an engine, and attempts of its own.
#[derive(Debug)]
pub(super) struct PartHandle {
    /// The engine that its record names.
    pub(super) engine: Arc<EngineAccess>,
    /// The only node of the engine that may run it, where the claim gave it one.
    pub(super) node: Option<Arc<Node>>,
    /// Why that engine gets no request, where it is not configured any more.
    pub(super) missing_engine: Option<Reason>,
    /// The attempt with which it sets out.
    pub(super) attempt: AttemptKey,
    /// What shows whether it has ended, from the creation or the recovery of its container on.
    watched: Mutex<Option<Watched>>,
}

/// The span of the log lines of a run. Each attempt has a span of its own within it. It has no parent: a
/// run that starts after another one is not a part of that one.
pub(crate) fn run_span(id: &RunId) -> Span {
    info_span!(parent: None, "run", allocation = %id.allocation, run = %id.instant)
}

/// The span of the log lines of an attempt, within that of its run.
pub(crate) fn attempt_span(run: &Span, attempt: AttemptKey) -> Span {
    info_span!(parent: run, "attempt", %attempt)
}

/// The span of the log lines of a decision about an allocation, which may concern no run.
pub(super) fn decision_span(name: &AllocationName) -> Span {
    info_span!(parent: None, "decision", allocation = %name)
}

/// What shows whether a run under way has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// The state of its container.
    Container(ContainerId),
    /// Whether a run that an earlier life of the server claimed still starts a container.
    Start,
    /// The record: its attempt has ended.
    Record,
}

/// What is known of a run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watched {
    sign: Sign,
    /// When the engine last came up before it reported that the container runs; 0 where it did not
    /// report anything since the server started.
    confirmed: u64,
}

impl RunHandle {
    pub(super) fn new(
        id: RunId,
        allocation: Arc<Allocation>,
        trigger: Trigger,
        parts: impl IntoIterator<Item = PartHandle>,
        cancellation: Option<Cancellation>,
    ) -> Arc<Self> {
        let parts: Box<[_]> = parts.into_iter().map(Arc::new).collect();
        let timeout = allocation.specification.policies.timeout.filter(|_| parts.len() > 1);
        let shared_timeout = timeout.map(|limit| Box::new(SharedTimeout::new(limit)));
        let cancellation = watch::Sender::new(cancellation);
        let (ends, span) = (Mutex::default(), run_span(&id));
        Arc::new(Self { id, allocation, trigger, parts, ends, shared_timeout, cancellation, span })
    }

    /// True where it has several containers at once.
    pub(super) fn has_parts(&self) -> bool {
        self.parts.len() > 1
    }

    /// The parts that are not over.
    pub(super) fn open_parts(&self) -> Vec<Arc<PartHandle>> {
        let ends = self.ends.lock();
        let open = self.parts.iter().filter(|part| !ends.contains_key(&part.attempt.part));
        open.map(Arc::clone).collect()
    }

    /// Notes that a part is over. Once that is true of all, returns whether all have succeeded.
    pub(super) fn part_ended(&self, part: &PartHandle, end: &RunState) -> Option<bool> {
        // Under one lock, so that of two parts that end at once one is the last.
        let mut ends = self.ends.lock();
        ends.insert(part.attempt.part, *end == RunState::Succeeded);
        (ends.len() == self.parts.len()).then(|| ends.values().all(|has_succeeded| *has_succeeded))
    }

    /// How long its container may run after its stop signal, by the specification: an engine may
    /// report a default of its own for a container that has none.
    pub(super) fn grace(&self) -> Grace {
        Grace::of(self.allocation.specification.container.stop_timeout())
    }

    pub(super) fn cancel(&self, cancellation: Cancellation) {
        self.cancellation.send_replace(Some(cancellation));
    }

    /// Its cancellation, as it is now.
    pub(super) fn cancelled(&self) -> Option<Cancellation> {
        self.cancellation.borrow().clone()
    }

    /// Waits until the run is cancelled, or cancelled in another way than before.
    pub(super) async fn cancellation_after(&self, known: Option<&Cancellation>) -> Cancellation {
        let mut wanted = self.cancellation.subscribe();
        let newer = |now: &Option<Cancellation>| now.is_some() && now.as_ref() != known;
        let seen = wanted.wait_for(newer).await.map(|wanted| wanted.clone());
        match seen {
            Ok(Some(cancellation)) => cancellation,
            // The sender lives in `self`, and only what is there was waited for.
            _ => std::future::pending().await,
        }
    }
}

impl PartHandle {
    pub(super) fn new(engine: &Arc<EngineAccess>, attempt: AttemptKey) -> Self {
        let (engine, watched) = (Arc::clone(engine), Mutex::default());
        Self { engine, node: None, missing_engine: None, attempt, watched }
    }

    /// The same, on this node alone.
    pub(super) fn on_node(self, node: Option<Arc<Node>>) -> Self {
        Self { node, ..self }
    }

    /// The same, where its own engine is not configured any more.
    pub(super) fn without_engine(self, reason: Reason) -> Self {
        Self { missing_engine: Some(reason), ..self }
    }

    /// The engine has to report on this container before anything is decided by what it does.
    pub(super) fn has_container(&self, id: ContainerId) {
        *self.watched.lock() = Some(Watched { sign: Sign::Container(id), confirmed: 0 });
    }

    /// It is to be decided whether it still starts a container before anything is decided by it.
    pub(super) fn may_be_too_late(&self) {
        *self.watched.lock() = Some(Watched { sign: Sign::Start, confirmed: 0 });
    }

    /// Its attempt has ended, and that is to be on record before anything is decided by it.
    pub(super) fn has_ended(&self) {
        *self.watched.lock() = Some(Watched { sign: Sign::Record, confirmed: 0 });
    }

    /// The engine, which came up for the time of this number, reported that the container runs.
    pub(super) fn runs_in(&self, id: &ContainerId, epoch: u64) {
        *self.watched.lock() =
            Some(Watched { sign: Sign::Container(id.clone()), confirmed: epoch });
    }

    /// True while its attempt has a container.
    pub(super) fn has_noted_container(&self) -> bool {
        let watched = self.watched.lock();
        watched.as_ref().is_some_and(|watched| matches!(watched.sign, Sign::Container(_)))
    }

    /// The attempt has no container any more, and the record says so.
    pub(super) fn has_no_container(&self) {
        *self.watched.lock() = None;
    }

    /// What has not shown whether the run has ended since its engine came up.
    pub(super) fn unconfirmed(&self) -> Option<Sign> {
        self.unconfirmed_since(self.engine.health.epoch())
    }

    /// What has not shown that since the engine came up for the time of this number.
    pub(super) fn unconfirmed_since(&self, epoch: u64) -> Option<Sign> {
        let watched = self.watched.lock();
        // Before the engine first came up its epoch is 0, as is `confirmed`: that is no
        // confirmation.
        let unconfirmed = watched.as_ref().filter(|watched| watched.confirmed < epoch.max(1));
        unconfirmed.map(|watched| watched.sign.clone())
    }
}

/// Where a run stands in its queue.
#[derive(Debug, Clone)]
enum Entry {
    /// It is carried out.
    UnderWay(Arc<RunHandle>),
    /// It waits for those before it.
    Waiting(Arc<RunHandle>),
}

impl Entry {
    fn handle(&self) -> &Arc<RunHandle> {
        match self {
            Self::UnderWay(handle) | Self::Waiting(handle) => handle,
        }
    }
}

/// The runs of one allocation.
#[derive(Debug, Default)]
pub(super) struct AllocationQueue {
    // Tokio's mutex, because it is held over awaits of the store and the engine. It is fair, so
    // decisions are made in the order in which they were requested.
    lock: Arc<FairMutex<()>>,
    // A lock of its own: health and cancellations read it while a decision waits for the engine.
    entries: Mutex<BTreeMap<Instant, Entry>>,
}

impl AllocationQueue {
    pub(super) fn add(&self, handle: Arc<RunHandle>) {
        self.entries.lock().insert(handle.id.instant, Entry::UnderWay(handle));
    }

    pub(super) fn add_waiting(&self, handle: Arc<RunHandle>) {
        handle.span.in_scope(|| info!("run waits for an older one to end"));
        self.entries.lock().insert(handle.id.instant, Entry::Waiting(handle));
    }

    pub(super) fn remove(&self, instant: Instant) {
        self.entries.lock().remove(&instant);
    }

    /// The runs that are carried out, the oldest first.
    pub(super) fn under_way(&self) -> Vec<Arc<RunHandle>> {
        let entries = self.entries.lock();
        let under_way = entries.values().filter(|entry| matches!(entry, Entry::UnderWay(_)));
        under_way.map(|entry| Arc::clone(entry.handle())).collect()
    }

    /// True while the run of this instant is carried out.
    pub(super) fn is_under_way(&self, instant: Instant) -> bool {
        matches!(self.entries.lock().get(&instant), Some(Entry::UnderWay(_)))
    }

    /// The newest run that waits; those before it were replaced by it.
    pub(super) fn waiting(&self) -> Option<Arc<RunHandle>> {
        self.all_waiting().pop()
    }

    /// The runs that wait, the oldest first.
    pub(super) fn all_waiting(&self) -> Vec<Arc<RunHandle>> {
        let entries = self.entries.lock();
        let waiting = entries.values().filter(|entry| matches!(entry, Entry::Waiting(_)));
        waiting.map(|entry| Arc::clone(entry.handle())).collect()
    }

    fn handles(&self) -> Vec<Arc<RunHandle>> {
        self.entries.lock().values().map(|entry| Arc::clone(entry.handle())).collect()
    }
}

/// The queues of all allocations that have one.
#[derive(Debug)]
pub(crate) struct AllocationQueues {
    /// By their uids. Sorted, so that nothing depends on the order of a hash.
    queues: Mutex<BTreeMap<Uuid, Arc<AllocationQueue>>>,
    // It has no value: a task that wakes up reads the queues again, so signals may merge.
    progress: watch::Sender<()>,
}

impl Default for AllocationQueues {
    fn default() -> Self {
        Self { queues: Mutex::default(), progress: watch::Sender::new(()) }
    }
}

/// The right to decide about an allocation, until it is dropped.
#[derive(Debug)]
pub(super) struct DecisionLock<'a> {
    queues: &'a AllocationQueues,
    uid: Uuid,
    queue: Arc<AllocationQueue>,
    _right: OwnedMutexGuard<()>,
}

impl Deref for DecisionLock<'_> {
    type Target = AllocationQueue;
    fn deref(&self) -> &AllocationQueue {
        &self.queue
    }
}

/// An empty queue that no other task waits for is forgotten.
impl Drop for DecisionLock<'_> {
    fn drop(&mut self) {
        // A task gets a reference to the queue under this lock only, so the count cannot grow
        // meanwhile. Everywhere the map is locked before a queue's entries, so the two locks cannot
        // deadlock.
        let mut queues = self.queues.queues.lock();
        let is_unused = Arc::strong_count(&self.queue) == HOLDERS_OF_IDLE;
        if is_unused && self.queue.entries.lock().is_empty() {
            queues.remove(&self.uid);
        }
    }
}

/// The references to a queue that no task waits for: the map's, and the lock's that is dropped.
const HOLDERS_OF_IDLE: usize = 2;

impl AllocationQueues {
    /// Wakes up tasks that wait for a run of this server to begin, to go on or to end.
    pub(crate) fn note_progress(&self) {
        self.progress.send_replace(());
    }

    /// Wakes up whenever a run of this server begins, goes on or ends.
    pub(crate) fn progress(&self) -> watch::Receiver<()> {
        self.progress.subscribe()
    }

    /// True while the run of this instant is under way or waits.
    pub(crate) fn has(&self, uid: Uuid, instant: Instant) -> bool {
        self.find(uid, instant).is_some()
    }

    /// The queue of an allocation; a new one where nothing of it is under way.
    pub(super) fn of(&self, uid: Uuid) -> Arc<AllocationQueue> {
        Arc::clone(self.queues.lock().entry(uid).or_default())
    }

    /// Waits for the right to decide about an allocation.
    pub(super) async fn lock(&self, uid: Uuid) -> DecisionLock<'_> {
        let queue = self.of(uid);
        let right = Arc::clone(&queue.lock).lock_owned().await;
        DecisionLock { queues: self, uid, queue, _right: right }
    }

    /// A run that is under way or waits.
    pub(super) fn find(&self, uid: Uuid, instant: Instant) -> Option<Arc<RunHandle>> {
        let queues = self.queues.lock();
        let entries = queues.get(&uid)?.entries.lock();
        entries.get(&instant).map(|entry| Arc::clone(entry.handle()))
    }

    /// All runs that are under way or wait.
    pub(super) fn handles(&self) -> Vec<Arc<RunHandle>> {
        self.queues.lock().values().flat_map(|queue| queue.handles()).collect()
    }

    /// All runs that are carried out, and all that wait for them.
    pub(super) fn under_way_and_waiting(&self) -> (Vec<Arc<RunHandle>>, Vec<Arc<RunHandle>>) {
        let queues: Vec<_> = self.queues.lock().values().map(Arc::clone).collect();
        let under_way = queues.iter().flat_map(|queue| queue.under_way()).collect();
        (under_way, queues.iter().flat_map(|queue| queue.all_waiting()).collect())
    }

    /// How many runs are under way or wait.
    pub(crate) fn len(&self) -> usize {
        self.queues.lock().values().map(|queue| queue.entries.lock().len()).sum()
    }

    /// True where no queue is remembered.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.lock().is_empty()
    }
}
