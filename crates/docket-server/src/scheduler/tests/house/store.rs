//! The store as one server sees it: it cannot be written now and then, and knows no dead server.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Life, Origin, Run, RunId, Zone,
    journal::{Entry, Suspension},
    output::Excerpt,
    run::Instant,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::wire::Wire;
use crate::observer::Events;
use crate::store::{
    About, AllocationStatus, AllocationStore, ChangeContext, Changes, ClaimOutcome, Control,
    Effect, End, EntryFilter, InstantKind, JournalStore, KnownLife, LifeStore, MemoryStore,
    NotedEngine, Progress, Provenance, Push, Restoration, RunFilter, RunStore, ServerControl,
    Settlement, Snapshot, Store, StoreError, UnderWay, ZoneChange,
};

/// The memory store behind a server's wire.
#[derive(Debug)]
pub(in crate::scheduler::tests) struct WiredStore {
    pub(super) store: Arc<MemoryStore>,
    pub(super) wire: Arc<Wire>,
    /// Why it cannot be written, while that is so.
    pub(super) trouble: Arc<Mutex<Option<StoreError>>>,
}

impl WiredStore {
    async fn write<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if let Some(trouble) = self.trouble.lock().clone() {
            return Err(trouble);
        }
        let written = self.wire.carry(call, work).await;
        written.unwrap_or_else(|fault| Err(StoreError::Unwritable(format!("{fault:?}"))))
    }

    async fn read<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let read = self.wire.carry("read", work).await;
        read.unwrap_or_else(|fault| Err(StoreError::Unreadable(format!("{fault:?}"))))
    }
}

fn name(progress: &Progress) -> &'static str {
    match progress {
        Progress::Pulled { .. } => "pulled",
        Progress::Created { .. } => "created",
        Progress::Started => "started",
        Progress::Replacing { .. } => "replacing",
        Progress::NeverRan => "never-ran",
        Progress::TurnCame => "turn-came",
        Progress::Cancelling(_) => "cancelling",
        Progress::WillNotDie(_) => "will-not-die",
        Progress::NextAttempt => "next-attempt",
    }
}

#[async_trait]
impl RunStore for WiredStore {
    async fn claim(&self, run: Run) -> Result<ClaimOutcome, StoreError> {
        self.write("decide", self.store.claim(run)).await
    }

    async fn claim_manual(
        &self,
        run: Run,
        wanted: InstantKind,
    ) -> Result<ClaimOutcome, StoreError> {
        self.write("demand", self.store.claim_manual(run, wanted)).await
    }

    async fn note(
        &self,
        id: &RunId,
        uid: Uuid,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(name(&progress), self.store.note(id, uid, progress, at)).await
    }

    async fn finish(&self, id: &RunId, uid: Uuid, end: End) -> Result<(), StoreError> {
        self.write("finish", self.store.finish(id, uid, end)).await
    }

    async fn run(&self, name: &str, instant: Instant) -> Result<Option<Arc<Run>>, StoreError> {
        self.read(self.store.run(name, instant)).await
    }

    async fn output(
        &self,
        name: &str,
        instant: Instant,
        attempt: u32,
        from: u64,
    ) -> Result<Option<Excerpt>, StoreError> {
        self.read(self.store.output(name, instant, attempt, from)).await
    }

    async fn runs(&self, name: &str, filter: &RunFilter) -> Result<Vec<Arc<Run>>, StoreError> {
        self.read(self.store.runs(name, filter)).await
    }

    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError> {
        self.read(self.store.under_way()).await
    }
}

#[async_trait]
impl AllocationStore for WiredStore {
    async fn push(&self, push: Push) -> Result<Vec<Effect>, StoreError> {
        self.write("push", self.store.push(push)).await
    }

    async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        self.write("delete", self.store.delete(name, origin, context)).await
    }

    async fn control(
        &self,
        name: &str,
        control: Control,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        self.write("control", self.store.control(name, control, context)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.write("settle", self.store.settle(settlement)).await
    }

    async fn note_zone(&self, zone: Zone) -> Result<(), StoreError> {
        self.write("note-zone", self.store.note_zone(zone)).await
    }

    async fn change_zone(&self, change: ZoneChange) -> Result<(), StoreError> {
        self.write("change-zone", self.store.change_zone(change)).await
    }

    async fn status(&self, name: &str) -> Result<Option<AllocationStatus>, StoreError> {
        self.read(self.store.status(name)).await
    }

    async fn get(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        self.read(self.store.get(name)).await
    }

    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        self.read(self.store.list(after, limit)).await
    }

    async fn statuses(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AllocationStatus>, StoreError> {
        self.read(self.store.statuses(after, limit)).await
    }

    async fn children(&self, name: &str) -> Result<Vec<AllocationName>, StoreError> {
        self.read(self.store.children(name)).await
    }

    async fn nearest(&self, name: &str) -> Result<Option<AllocationName>, StoreError> {
        self.read(self.store.nearest(name)).await
    }
}

#[async_trait]
impl JournalStore for WiredStore {
    async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        self.write("record", self.store.record(entry)).await
    }

    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>, StoreError> {
        self.read(self.store.entries(filter)).await
    }

    async fn alive(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("alive", self.store.alive(at)).await
    }

    async fn note_outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), StoreError> {
        self.store.note_outage(from, to).await
    }
}

#[async_trait]
impl LifeStore for WiredStore {
    fn provenance(&self) -> Provenance {
        self.store.provenance()
    }

    fn new_life(&self, at: DateTime<Utc>) -> Life {
        self.store.new_life(at)
    }

    async fn begin_life(&self, life: Life) -> Result<(), StoreError> {
        self.store.begin_life(life).await
    }

    fn known_life(&self, life: &Life) -> KnownLife {
        self.store.known_life(life)
    }

    async fn note_engine(&self, engine: NotedEngine) -> Result<(), StoreError> {
        self.store.note_engine(engine).await
    }

    async fn restore(&self, restoration: Restoration) -> Result<(), StoreError> {
        self.store.restore(restoration).await
    }
}

#[async_trait]
impl Store for WiredStore {
    fn id(&self) -> Uuid {
        self.store.id()
    }

    fn about(&self) -> About {
        self.store.about()
    }

    fn changes(&self) -> Arc<Changes> {
        self.store.changes()
    }

    fn events(&self) -> Arc<Events> {
        self.store.events()
    }

    fn pause(&self) -> Option<Arc<Suspension>> {
        self.store.pause()
    }

    async fn control_server(
        &self,
        control: ServerControl,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        self.write("control", self.store.control_server(control, context)).await
    }

    async fn backup(&self, to: &Path, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.store.backup(to, at).await
    }
}
