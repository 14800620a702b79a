//! The server's own life, as the journal has it.

use std::{sync::Arc, time::Duration};

use docket_model::journal::{Cause, Entry, Event, Pause};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    runner::Runner,
    store::{Store, StoreError},
};

/// How often the store is told that the server runs: so well is the moment of a crash known.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Notes when the server began, went on and ended.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Life {
    /// Notes the start and the time without a server before it; then takes up what is under way.
    pub(super) async fn begin(&self, runner: &Arc<Runner>) -> Result<(), StoreError> {
        let about = self.store.about();
        if about.is_volatile {
            warn!(
                "the store is in memory: allocations that are pushed, and all runs, are forgotten \
                 when the server stops (`--store sqlite:PATH` keeps them)"
            );
        } else {
            info!(store = about.kind, "the store was opened");
        }
        let now = self.clock.now();
        if let Some(last_alive) = about.last_alive.filter(|last_alive| *last_alive < now) {
            runner.paused(Pause { cause: Cause::NotRunning, from: last_alive, to: now });
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.record(Event::Started { version }).await;
        self.store.alive(now).await?;
        runner.take_up().await
    }

    /// Gives signs of life until the server stops.
    pub(super) async fn go_on(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(SIGN_OF_LIFE)).await.is_some() {
            self.sign().await;
        }
    }

    pub(super) async fn end(&self) {
        self.record(Event::Stopped).await;
        self.sign().await;
    }

    async fn sign(&self) {
        if let Err(error) = self.store.alive(self.clock.now()).await {
            warn!(%error, "the store does not know that the server runs");
        }
    }

    async fn record(&self, event: Event) {
        let entry = Entry { at: self.clock.now(), allocation: None, event, by: None };
        if let Err(error) = self.store.record(entry).await {
            warn!(%error, "the journal lacks an entry");
        }
    }
}
