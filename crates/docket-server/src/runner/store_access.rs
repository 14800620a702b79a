//! The store, what is known of its failures, and how its writes are repeated. It lives as long as the
//! server, over all terms.

use std::{ops::Deref, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use docket_model::journal::{Entry, Event, Pause};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info};

use super::outages::{Outages, StoreNews, StoreTrouble};
use crate::{
    backoff::Backoff,
    clock::Clock,
    store::{Store, StoreError},
    term_tasks::{Stopped, Term},
};

/// The pause before a write that the store did not do is repeated.
pub(super) const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// A store, and how its writes are repeated.
#[derive(Debug)]
pub(crate) struct StoreAccess {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    outages: Outages,
    tasks: TaskTracker,
}

impl Deref for StoreAccess {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl StoreAccess {
    /// Access to a store, until [`Self::close`].
    pub(crate) fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (outages, tasks) = (Outages::default(), TaskTracker::new());
        Arc::new(Self { store, clock, outages, tasks })
    }

    /// Finishes the writes that were begun, and takes no more changes.
    pub(crate) async fn close(&self) {
        // Entries of the journal that are on their way are writes, so they come before the store
        // closes.
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }

    /// docket's clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The time by docket's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The times during which nothing could be decided.
    pub(super) fn outages(&self) -> &Outages {
        &self.outages
    }

    /// Remembers that nothing could start for a time.
    pub(crate) fn remember(&self, pause: Pause) {
        self.outages.add(pause);
    }

    /// Remembers that nothing could start for a time, and notes it in the journal.
    pub(crate) fn paused(self: &Arc<Self>, pause: Pause) {
        self.remember(pause.clone());
        self.note_pause(pause);
    }

    /// Notes in the journal that nothing could start for a time.
    pub(crate) fn note_pause(self: &Arc<Self>, pause: Pause) {
        self.record_soon(of_server(pause.to, Event::Paused(pause)));
    }

    /// Adds an event of the server to the journal, in a task of its own.
    pub(super) fn record_event_soon(self: &Arc<Self>, event: Event) {
        self.record_soon(of_server(self.now(), event));
    }

    fn record_soon(self: &Arc<Self>, entry: Entry) {
        let access = Arc::clone(self);
        self.tasks.spawn(async move { access.record(entry).await });
    }

    /// Adds an event of the server to the journal; once the store can be written, if it cannot be now.
    pub(crate) async fn record_event(self: &Arc<Self>, event: Event) {
        self.record(of_server(self.now(), event)).await;
    }

    async fn record(self: &Arc<Self>, entry: Entry) {
        // The failure is logged when it begins.
        if self.record_result(self.store.record(entry.clone()).await).is_err() {
            self.outages.keep_unrecorded(entry);
        }
    }

    /// Notes the result of a write, for health and for those who ask why nothing starts.
    pub(crate) fn record_result<T>(
        self: &Arc<Self>,
        written: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.outages.record_result(&written, self.now()) {
            Some(StoreNews::Trouble(StoreTrouble { since, reason, .. })) => {
                // Not in the span of the run whose write failed: it concerns all of them.
                error!(
                    parent: None,
                    reason,
                    "store write failed; retrying every {} s: no run starts, and no request is \
                     acknowledged, before its record is written",
                    WRITE_AGAIN.as_secs()
                );
                // At once, beside the store: a crash during the outage must not hide it.
                let access = Arc::clone(self);
                self.tasks.spawn(async move { access.note_outage(since, since).await });
            }
            Some(StoreNews::Over(pause)) => {
                let seconds = (pause.to - pause.from).num_seconds();
                info!(parent: None, "the store can be written again after {seconds} s");
                self.paused(pause);
            }
            None => {}
        }
        if written.is_ok() {
            for entry in self.outages.take_unrecorded() {
                self.record_soon(entry);
            }
        }
        written
    }

    /// Notes in the store that the server runs; beside the store, if that cannot be written.
    pub(crate) async fn sign_of_life(self: &Arc<Self>) {
        // The failure is logged when it begins.
        let written = self.record_result(self.store.alive(self.now()).await);
        if let (Err(_), Some(trouble)) = (written, self.trouble()) {
            self.note_outage(trouble.since, self.now()).await;
        }
    }

    /// Why the store cannot be written now, if that is so.
    pub(crate) fn trouble(&self) -> Option<StoreTrouble> {
        self.outages.store_trouble()
    }

    /// Reads or writes, again and again while the store does not do it; ends early with the term.
    pub(crate) async fn durably<T, F>(
        self: &Arc<Self>,
        term: &Term,
        write: impl Fn() -> F,
    ) -> Result<Result<T, StoreError>, Stopped>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::constant(WRITE_AGAIN);
        let mut repeated = None;
        loop {
            // Not interrupted by the end of the term: a step that was begun is finished.
            let written = write().await;
            let is_failure =
                matches!(written, Err(StoreError::Unwritable(_) | StoreError::Unreadable(_)));
            if !is_failure {
                // Before the result is recorded, so that this success can end the outage.
                repeated = None;
            } else if repeated.is_none() {
                repeated = Some(self.outages.repeating());
            }
            // The condition is logged there, when it begins and when it ends.
            let written = self.record_result(written);
            if matches!(written, Err(StoreError::Deposed)) {
                // The run is another server's now, so nothing more is done to it here.
                term.depose();
                return Err(Stopped);
            }
            if repeated.is_none() {
                return Ok(written);
            }
            term.unless_ended(backoff.wait()).await?;
        }
    }

    /// Notes beside the store that it cannot be written.
    async fn note_outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) {
        if let Err(error) = self.store.note_outage(from, to).await {
            debug!(%error, "the outage of the store could not be noted beside it; after a restart docket does not know of it");
        }
    }
}

fn of_server(at: DateTime<Utc>, event: Event) -> Entry {
    Entry { at, allocation: None, event, by: None }
}
