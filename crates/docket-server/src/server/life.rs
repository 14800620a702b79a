//! The server's own life, as the journal has it.

use std::{sync::Arc, time::Duration};

use docket_model::journal::{Cause, Entry, Event, Pause};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    runner::Runner,
    scheduler::Ticks,
    store::{Store, StoreError},
};

/// How often the store is told that the server runs: so well is the moment of a crash known.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Notes when the server began, went on and ended.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ticks: Arc<Ticks>,
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
        if let Some(last_alive) = about.last_alive {
            self.ticks.note(last_alive);
            if last_alive < now {
                runner.paused(Pause { cause: Cause::NotRunning, from: last_alive, to: now });
            }
        }
        if let Some(notice) = self.ticks.clock_set_back(now) {
            warn!("since docket last ran, the clock was {notice}");
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.record(Event::Started { version }).await;
        runner.sign_of_life().await;
        runner.take_up().await
    }

    /// Gives signs of life until the server stops.
    pub(super) async fn go_on(runner: Arc<Runner>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(SIGN_OF_LIFE)).await.is_some() {
            runner.sign_of_life().await;
        }
    }

    pub(super) async fn end(&self, runner: &Runner) {
        self.record(Event::Stopped).await;
        runner.sign_of_life().await;
    }

    async fn record(&self, event: Event) {
        let entry = Entry { at: self.clock.now(), allocation: None, event, by: None };
        if let Err(error) = self.store.record(entry).await {
            warn!(%error, "the journal lacks an entry");
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use chrono_tz::Tz;

    use super::*;
    use crate::{
        clock::TestClock,
        engine::scripted::ScriptedEngine,
        runner::{EngineHealth, Surroundings},
        store::{JournalStore, SqliteStore},
    };

    #[tokio::test]
    async fn a_clock_that_shows_less_than_when_the_server_last_ran_is_told() {
        let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docket.db");
        let store = SqliteStore::open(&path).unwrap();
        store.alive(clock.now() + TimeDelta::hours(1)).await.unwrap();
        drop(store);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
        let runner = Arc::new(Runner::new(Surroundings {
            store: store.clone(),
            engine: Arc::new(ScriptedEngine::new(clock.clone())),
            clock: clock.clone(),
            health: Arc::new(EngineHealth::new()),
            zone: Tz::UTC,
            namespace: "docket".parse().unwrap(),
            env_dir: None,
            max_starting: None,
            max_running: 10,
            queue: 10,
        }));
        let ticks = Arc::new(Ticks::default());
        let life = Life { store, clock: clock.clone(), ticks: ticks.clone() };

        life.begin(&runner).await.unwrap();

        let notice = ticks.clock_set_back(clock.now()).unwrap();
        assert!(notice.starts_with("set back by 3"), "{notice}");
    }
}
