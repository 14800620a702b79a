//! The methods of the store that write: each sends a command to the writer, and returns once it is committed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Life, Origin, Run, RunId, Zone,
    journal::{Cause, Entry, Event as Happened, Pause},
};
use tracing::warn;
use uuid::Uuid;

use super::{
    ChangeContext, ClaimOutcome, Control, Effect, End, InstantKind, KnownLife, NotedEngines,
    PartProgress, Provenance, Push, Restoration, ServerControl, Settlement, Store, StoreError,
    ZoneChange, backend,
    claim::Claim,
    claim_manual::ClaimManual,
    journal::{Alive, RecordEntry},
    manual_changes::{ControlAllocation, ControlServer},
    push::Delete,
    record_missed::NoteZone,
    run_changes::{Finish, Note},
    server_life_changes::{BeginLife, NoteHome, Restore},
};
use crate::random_ids::new_id;

/// Changes of allocations.
impl Store {
    /// Stores all specifications or none; answers the effect on each, in their order.
    ///
    /// `After` must name allocations that there are, without a circle.
    ///
    /// Where a push changes what is due of an allocation, or whether its specification suspends it,
    /// instants that are due by then and not decided are recorded as missed before it is changed.
    pub async fn push(&self, push: Push) -> Result<Vec<Effect>, StoreError> {
        self.write(push).await
    }

    /// Deletes a name that no other runs after; false where there is none.
    pub async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        let (name, origin) = (name.to_owned(), origin.clone());
        self.write(Delete { name, origin, context }).await
    }

    /// Suspends, resumes or resets an allocation; false where there is none.
    pub async fn control(
        &self,
        name: &str,
        control: Control,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        self.write(ControlAllocation { name: name.to_owned(), control, context }).await
    }

    /// Pauses or unpauses the whole server, and notes it in the journal; false where that was so already
    /// and nothing changed.
    pub async fn control_server(
        &self,
        control: ServerControl,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        self.write(ControlServer { control, context }).await
    }

    /// Records instants that are due and not decided as missed, of all allocations.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.write(settlement).await
    }

    /// Notes the zone of allocations that name none, where none was noted before.
    pub async fn note_zone(&self, zone: Zone) -> Result<(), StoreError> {
        self.write(NoteZone(zone)).await
    }

    /// Gives allocations another wall clock, and notes it in the journal.
    pub async fn change_zone(&self, change: ZoneChange) -> Result<(), StoreError> {
        self.write(change).await
    }
}

/// Changes of runs.
impl Store {
    /// Creates the record of a decision, if the instant is later than all decided before and the
    /// allocation is still of the revision that was decided about, and not suspended for a run that
    /// would start.
    ///
    /// A record of missed instants that follows another of the same reason lengthens that one. It
    /// spans no other record: a backfilled run has its own.
    ///
    /// Records beyond what the allocation keeps are deleted now, or soon after.
    pub async fn claim(&self, run: Run) -> Result<ClaimOutcome, StoreError> {
        self.write(Claim(Arc::new(run))).await
    }

    /// Creates the record of a manual run, which leaves the latest instant decided as it is.
    ///
    /// Where the instant has a record for which no container was ever created, or one of missed
    /// instants, that record is continued. Where it was among missed ones, they are fewer by it,
    /// and a record of them that began with it is moved to the instant after it.
    pub async fn claim_manual(
        &self,
        run: Run,
        kind: InstantKind,
    ) -> Result<ClaimOutcome, StoreError> {
        self.write(ClaimManual { run, kind }).await
    }

    /// Adds progress to a run under way. Momentous progress is durable when this returns.
    ///
    /// A record of another allocation that had the name, known by its uid, is not there any more.
    pub async fn note(
        &self,
        id: &RunId,
        uid: Uuid,
        progress: impl Into<PartProgress>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let part = progress.into();
        // A caller that does not wait gets no error, so it is checked here that the run is there.
        let may_follow = !part.progress.is_momentous() && self.is_under_way(id, uid);
        let note = Note { id: id.clone(), uid, part, at };
        if may_follow {
            self.write_later(note);
            return Ok(());
        }
        self.write(note).await
    }

    /// Records how an attempt ended, with its output. A run that was lost may be found again; the
    /// allocation is known by its uid, as above.
    pub async fn finish(&self, id: &RunId, uid: Uuid, end: End) -> Result<(), StoreError> {
        self.write(Finish { id: id.clone(), uid, end }).await
    }

    fn is_under_way(&self, id: &RunId, uid: Uuid) -> bool {
        let catalogue = self.catalogue.read();
        let held = catalogue.entry(id.allocation.as_str());
        held.is_some_and(|(_, entry)| {
            entry.allocation.uid == uid && entry.running(id.instant).is_some()
        })
    }
}

/// The journal, and the server's own life.
impl Store {
    /// Adds an entry to the journal.
    pub async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        let event = entry.event.clone();
        // In this order, so that a crash between the two repeats the outage and does not lose it.
        self.write(RecordEntry(entry)).await?;
        if let Happened::Paused(Pause { cause: Cause::StoreUnwritable, from, .. }) = event
            && let Some(files) = self.backend.files()
        {
            // The entry is what counts: a note that stays is recorded once more by the next server.
            files.forget_outage(from).await.unwrap_or_else(|error| {
                warn!(%error, "could not clear the outage in the lock file");
            });
        }
        Ok(())
    }

    /// Notes that the server runs.
    pub async fn alive(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(Alive(at)).await
    }

    /// Notes, where the store itself cannot be written, that it could not be written from one moment
    /// until another, or longer than was noted before. The note is durable, and stays until the
    /// journal has a pause that begins at the same moment.
    pub async fn note_outage(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // A store in memory is never out of reach.
        let Some(files) = self.backend.files() else { return Ok(()) };
        let noted = files.note_outage(from, to).await;
        noted.map_err(|error| StoreError::Unwritable(error.to_string()))
    }

    /// How the store differs from the one that was last served.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        self.backend.files().map(backend::Files::provenance).unwrap_or_default()
    }

    /// A life of a server that begins now. It is not listed yet.
    #[must_use]
    pub fn new_life(&self, at: DateTime<Utc>) -> Life {
        Life { id: new_id(), ..Life::new(self.catalogue.read().lives.next(), at) }
    }

    /// Lists a life, and notes where the store is served from now on.
    pub async fn begin_life(&self, life: Life) -> Result<(), StoreError> {
        // The namespace before stays noted until it is settled what was done in it.
        let is_settled = self.provenance().namespace_before.is_none();
        let home = self.home.lock().clone().filter(|_| is_settled);
        self.write(BeginLife { life, home }).await
    }

    /// What is known of a life.
    #[must_use]
    pub fn known_life(&self, life: &Life) -> KnownLife {
        // A store in memory has one life and no copies.
        if self.backend.info().is_volatile {
            return KnownLife::Listed;
        }
        self.catalogue.read().lives.known(life)
    }

    /// Notes the engines that the store is served with.
    pub async fn note_engines(&self, engines: NotedEngines) -> Result<(), StoreError> {
        let Some(mut home) = self.home.lock().clone() else { return Ok(()) };
        // Usually they are those of before, and nothing is written.
        if home.engine.as_ref() == Some(&engines) {
            return Ok(());
        }
        home.engine = Some(engines);
        self.write(NoteHome(home.clone())).await?;
        // Only now: after a failed write the next call must not take it for noted.
        *self.home.lock() = Some(home);
        Ok(())
    }

    /// Records as missed what a copy cannot know, lists the lives whose containers are taken over, and
    /// notes in the journal that the store was restored; all or nothing.
    pub async fn restore(&self, restoration: Restoration) -> Result<(), StoreError> {
        let home = self.home.lock().clone();
        self.write(Restore { restoration, home }).await
    }
}
