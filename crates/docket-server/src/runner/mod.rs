//! Carries out runs from claim to end. When something is due is not known here.
//!
//! 1. The order of steps: claim, pull, create, note the container's id, start, follow, note the end
//!    and the output, and only then remove. Claim, id and end are durable before the next step.
//! 2. Runs are independent: one that waits for the engine or the store holds up no other.
//! 3. A run that is not over has a task, or waits in its line; nothing but the end of the server
//!    ends a task before its run.
//! 4. When the server stops, a step that was begun is finished, and containers are let go.

mod attempt;
mod beginning;
mod confirmation;
mod decision;
mod dependencies;
mod engine_check;
mod engine_outages;
mod environment;
mod launch;
mod manual;
mod outages;
mod overlap;
mod reasons;
mod recovery;
mod replacement;
mod retry;
mod run_task;
mod server_pause;
mod settle;
mod standby;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, Life, Zone,
    journal::{Cause, Entry, Event, Outage, Pause},
    run::{Cancellation, Instant as RunInstant, Reason},
};
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{
        Notify,
        watch::{Receiver, Sender},
    },
    task::JoinError,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use self::{
    outages::{Outages, StoreNews},
    overlap::AllocationQueues,
    retry::unless_stopped,
};
// What others show of an engine; they never name one.
pub(crate) use self::{
    environment::NO_FOLDER,
    manual::ManualError,
    outages::StoreTrouble,
    retry::{EngineAccess, Retry, Stopped},
    standby::Standby,
    watch::judge,
};
pub(crate) use crate::engine::registry::{EngineHealth, EngineState};
use crate::{
    backoff::Backoff,
    cleanup::{Orphans, Retention},
    clock::Clock,
    config::Namespace,
    engine::{
        Grace, Owner,
        registry::{EngineRegistry, NamedEngine},
    },
    outputs::Outputs,
    store::{Store, StoreError},
};

/// After which time something that the store refused is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// How long it may take to end runs, beside the graces of their containers.
const LAST_STEPS: Duration = Duration::from_secs(60);
/// How long a server that stops its runs waits for a container whose grace has no limit.
const UNLIMITED_GRACE: Duration = Duration::from_secs(3600);

/// Carries out runs.
#[derive(Debug)]
pub(crate) struct Runner {
    store: Arc<Store>,
    /// The engine that runs go to where nothing names another one.
    engine: Arc<EngineAccess>,
    /// All engines, the default first.
    engines: Vec<Arc<EngineAccess>>,
    clock: Arc<dyn Clock>,
    /// The zone of allocations that name none.
    zone: Zone,
    /// The rules of zones have changed, so that the scheduler computes its instants again.
    zone_rules_changed: Notify,
    namespace: Arc<str>,
    /// Where the files of `EnvFiles` are.
    env_dir: Option<PathBuf>,
    queues: AllocationQueues,
    pauses: Arc<Outages>,
    pub(crate) orphans: Arc<Orphans>,
    retention: Arc<Retention>,
    outputs: Arc<Outputs>,
    progress: Sender<()>,
    /// The life of the server that it is a part of.
    life: Life,
    begun_at: Instant,
    standby: Sender<Standby>,
    /// How another server showed that uses a copy of the store, if one did.
    seen_twin: Mutex<Option<String>>,
    /// Why the store did not know what happened before the server started, if that is so.
    doubt: OnceLock<Reason>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Where runs are carried out: threads that answer requests end before they do.
    runtime: Handle,
}

/// What a runner works with.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) store: Arc<Store>,
    pub(crate) engines: Arc<EngineRegistry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) zone: Zone,
    pub(crate) namespace: Namespace,
    pub(crate) env_dir: Option<PathBuf>,
    pub(crate) life: Life,
}

impl Runner {
    /// A runner whose runs are carried out where it is made.
    pub(crate) fn new(with: Surroundings) -> Self {
        // A store that was made when its server started knows all that there is to know.
        let is_new = with.store.about().is_new;
        let standby = if is_new { Standby::Over } else { Standby::Beginning };
        let stop = CancellationToken::new();
        let access = |named: &Arc<NamedEngine>| {
            Arc::new(EngineAccess::new(Arc::clone(named), Arc::clone(&with.clock), stop.clone()))
        };
        let engine = access(with.engines.default_engine());
        let outputs = Arc::new(Outputs::new(Arc::clone(&with.store), Arc::clone(&engine)));
        let orphans = Arc::<Orphans>::default();
        let retention = Arc::new(Retention::new(
            Arc::clone(&with.store),
            Arc::clone(&engine),
            Arc::clone(outputs.readers()),
            Arc::clone(&orphans),
        ));
        Self {
            store: with.store,
            engine,
            engines: with.engines.all().map(access).collect(),
            clock: with.clock,
            zone: with.zone,
            zone_rules_changed: Notify::new(),
            namespace: with.namespace.shared(),
            env_dir: with.env_dir,
            queues: AllocationQueues::default(),
            pauses: Arc::default(),
            orphans,
            retention,
            outputs,
            progress: Sender::new(()),
            life: with.life,
            begun_at: Instant::now(),
            standby: Sender::new(standby),
            seen_twin: Mutex::default(),
            doubt: OnceLock::new(),
            tasks: TaskTracker::new(),
            stop,
            runtime: Handle::current(),
        }
    }

    /// The engine that runs of an allocation go to.
    fn engine_of(&self, _allocation: &Allocation) -> &Arc<EngineAccess> {
        &self.engine
    }

    /// Has the scheduler compute its instants again, by other rules of time zones.
    pub(crate) fn renew_instants(&self) {
        self.zone_rules_changed.notify_one();
    }

    /// Waits until the scheduler has to compute its instants again.
    pub(crate) async fn zone_rules_changed(&self) {
        self.zone_rules_changed.notified().await;
    }

    /// Remembers that nothing could start for a time.
    pub(crate) fn remember(&self, pause: Pause) {
        self.pauses.add(pause);
    }

    /// Remembers that nothing could start for a time, and notes it in the journal.
    pub(crate) fn paused(&self, pause: Pause) {
        self.remember(pause);
        self.note_pause(pause);
    }

    /// Notes in the journal that nothing could start for a time: as soon as the store can be written,
    /// where it cannot be now.
    pub(crate) fn note_pause(&self, pause: Pause) {
        let entry = Entry { at: pause.to, allocation: None, event: Event::Paused(pause), by: None };
        self.record_soon(entry);
    }

    /// Adds an entry to the journal, in a task of its own; once the store can be written, where it cannot
    /// be now.
    fn record_soon(&self, entry: Entry) {
        self.tasks.spawn(self.record(entry));
    }

    /// Adds an entry to the journal; once the store can be written, where it cannot be now.
    pub(crate) fn record(&self, entry: Entry) -> impl Future<Output = ()> + Send + use<> {
        let (store, pauses) = (Arc::clone(&self.store), Arc::clone(&self.pauses));
        async move {
            if let Err(error) = store.record(entry.clone()).await {
                warn!(%error, "journal entry not written: {}; retrying", entry.event);
                pauses.keep_unrecorded(entry);
            }
        }
    }

    /// The times during which nothing could be decided, as far as they are remembered.
    fn outages(&self) -> Vec<Outage> {
        let mut outages = self.pauses.outages();
        for engine in &self.engines {
            if let EngineState::Away { since, .. } = engine.health.state() {
                outages.push(Outage { cause: Cause::EngineAway, from: since, to: None });
            }
        }
        outages
    }

    /// What kept instants from being decided for most of the time between two moments. What is decided
    /// now ends an outage that lasted until now.
    fn outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Outage> {
        let now = self.clock.now();
        let ended = |outage: Outage| Outage { to: outage.to.or(Some(now)), ..outage };
        let outages: Vec<_> = self.outages().into_iter().map(ended).collect();
        // The store's begins when the decision about an instant cannot be written, so just after it.
        let during = Outage::main(outages.iter().copied(), from, to);
        during.or_else(|| Outage::main(outages, to, now))
    }

    /// Takes note of what came of writing to the store, for those who ask why nothing starts.
    pub(crate) fn record_result<T>(&self, written: Result<T, StoreError>) -> Result<T, StoreError> {
        match self.pauses.record_result(&written, self.clock.now()) {
            Some(StoreNews::Trouble(StoreTrouble { since, reason, .. })) => {
                error!(
                    reason,
                    "store write failed; retrying every {} s: nothing is acknowledged and nothing \
                     starts",
                    WRITE_AGAIN.as_secs()
                );
                self.tasks.spawn(note_outage(Arc::clone(&self.store), since, since));
            }
            Some(StoreNews::Over(pause)) => {
                info!("the store can be written again");
                self.paused(pause);
            }
            None => {}
        }
        if written.is_ok() {
            for entry in self.pauses.take_unrecorded() {
                self.record_soon(entry);
            }
        }
        written
    }

    /// Notes in the store that the server runs; beside the store, where that cannot be written.
    pub(crate) async fn sign_of_life(&self) {
        let now = self.clock.now();
        // What is wrong with it is logged when it begins.
        let written = self.record_result(self.store.alive(now).await);
        if let (Err(_), Some(trouble)) = (written, self.store_trouble()) {
            note_outage(Arc::clone(&self.store), trouble.since, self.clock.now()).await;
        }
    }

    /// Why the store cannot be written now, if that is so.
    pub(crate) fn store_trouble(&self) -> Option<StoreTrouble> {
        self.pauses.store_trouble()
    }

    /// Finishes what is being written, and lets the containers go.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.retention.close().await;
    }

    /// Stops all containers, and waits until their runs are recorded and they are removed: for as long
    /// as the longest of their graces, and a minute. What is left then runs on.
    pub(crate) async fn stop_runs(&self) {
        let graces = self.queues.handles().into_iter().map(|handle| match handle.grace() {
            Grace::Within(grace) => grace,
            Grace::Unlimited => UNLIMITED_GRACE,
        });
        let limit = graces.max().unwrap_or_default() + LAST_STEPS;
        if tokio::time::timeout(limit, self.end_runs()).await.is_err() {
            let left = self.queues.handles().len();
            warn!("{left} runs are not over after {} s: they are let go", limit.as_secs());
        }
    }

    async fn end_runs(&self) {
        let reason = Reason::ServerStopped;
        let cancellation = Cancellation { reason, kill: false };
        let mut progress = self.progress.subscribe();
        loop {
            // Some may have begun meanwhile, after others that they run after.
            let handles = self.queues.handles();
            if handles.is_empty() {
                break;
            }
            let others = handles.iter().filter(|handle| handle.cancelled().is_none());
            join_all(others.map(|handle| self.cancel_surely(handle, cancellation.clone()))).await;
            // The sender lives as long as `self`.
            let _: Result<(), _> = progress.changed().await;
        }
        self.retention.close().await;
    }

    /// True where no run is under way and no decision is being made.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.queues.is_empty()
    }

    /// All engines, the default first.
    pub(crate) fn engines(&self) -> &[Arc<EngineAccess>] {
        &self.engines
    }

    /// What containers write.
    pub(crate) fn outputs(&self) -> &Arc<Outputs> {
        &self.outputs
    }

    /// What removes finished containers.
    pub(crate) fn retention(&self) -> &Arc<Retention> {
        &self.retention
    }

    /// The store that its records are in.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The time by docket's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Wakes up whenever a run of this server begins, goes on or ends.
    pub(crate) fn progress(&self) -> Receiver<()> {
        self.progress.subscribe()
    }

    /// True while the run of this instant is under way or waits.
    pub(crate) fn has_task(&self, uid: Uuid, instant: RunInstant) -> bool {
        self.queues.find(uid, instant).is_some()
    }

    /// Does something in a task that the end of the server waits for.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Whose containers are its own.
    pub(crate) fn owner(&self) -> Owner {
        Owner { namespace: Arc::clone(&self.namespace), store: self.store.id() }
    }

    /// The engine that its runs go to.
    #[cfg(test)]
    pub(crate) fn engine(&self) -> Arc<dyn crate::engine::Engine> {
        Arc::clone(&self.engine.engine)
    }

    /// How many tasks there are.
    #[cfg(test)]
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Wakes up tasks that wait for a run of this server to begin, to go on or to end.
    pub(crate) fn note_progress(&self) {
        self.progress.send_replace(());
    }

    /// Writes to the store, again and again while it does not do its work; ends early when the server
    /// stops.
    pub(crate) async fn durably<T, F>(
        &self,
        write: impl Fn() -> F,
    ) -> Result<Result<T, StoreError>, Stopped>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::constant(WRITE_AGAIN);
        loop {
            // The condition is logged there, when it begins and when it ends.
            match self.record_result(write().await) {
                Err(StoreError::Unwritable(_) | StoreError::Unreadable(_)) => {
                    self.unless_stopped(backoff.wait()).await?;
                }
                written => return Ok(written),
            }
        }
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        unless_stopped(&self.stop, work).await
    }
}

/// Notes beside the store that it cannot be written.
async fn note_outage(store: Arc<Store>, from: DateTime<Utc>, to: DateTime<Utc>) {
    if let Err(error) = store.note_outage(from, to).await {
        debug!(%error, "after a restart it is not known that the store could not be written");
    }
}

/// What a task came to.
async fn outcome<T>(task: impl Future<Output = Result<T, JoinError>>) -> T {
    match task.await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it whoever waits.
            Err(_) => std::future::pending().await,
        },
    }
}
