//! Writes the journal entries about the server itself: its start and end, absences, outages, and pauses.

use std::time::Duration;

use chrono::{DateTime, Utc};
use docket_model::{
    journal::{Cause, Event, Outage, Pause, Suspension, shown},
    run::{Edit, Edited, Reason, ServerZone},
};
use tracing::{info, warn};

use super::shared_by_terms::Process;
use crate::store::{
    ChangeContext, ChangedZone, EntryFilter, ServerControl, Settlement, StoreError, ZoneChange,
};

/// How often the store notes that the server runs: the moment of a crash is known with this precision.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

impl Process {
    /// The time without a server, or without a term of it, before now, as far as the store knows: a copy
    /// does not.
    pub(super) fn absence(&self) -> Option<Pause> {
        let last_term = *self.left_at.lock();
        let (from, to) = (last_term.max(self.store.about().last_alive)?, self.clock.now());
        // If the clock is behind the last life, health and log say so.
        self.ticks.note(from);
        let is_known = last_term.is_some() || self.store.provenance().doubt().is_none();
        (is_known && from < to).then_some(Pause::of(Cause::NotRunning, from, to))
    }

    /// Records what a copy of a store cannot know, before anything else is said of it.
    ///
    /// The store stays in doubt until the engine was looked at.
    pub(super) async fn settle_copy(&self) -> Result<(), StoreError> {
        let Some(doubt) = self.store.provenance().doubt() else { return Ok(()) };
        // What was due in the meantime was due in the zone of the servers before.
        let noted = self.store.about().time_zone.and_then(|zone| zone.parse().ok());
        let zone = noted.unwrap_or(self.settings.zone);
        let (at, reason) = (self.clock.now(), doubt.reason());
        self.store.settle(Settlement { at, zone, reason }).await
    }

    /// The times in which earlier servers could not write the store, as far as the journal does not
    /// have them.
    pub(super) fn outages(&self) -> Vec<Pause> {
        outages(&self.store.about().outages)
    }

    /// Changes the zone of allocations that name none, where it was another one before.
    pub(super) async fn take_zone(&self, absence: Option<Pause>) -> Result<(), StoreError> {
        let to = self.settings.zone;
        let Some(from) = self.store.about().time_zone else {
            return self.store.note_zone(to).await;
        };
        if from == to.name() {
            return Ok(());
        }
        let old = from.parse().ok();
        let to_name = to.name();
        if old.is_some() {
            warn!(from, to = to_name, "the server's time zone has changed since docket last ran");
        } else {
            warn!(
                from,
                to = to_name,
                "the server's time zone has changed, and docket does not know the one before: \
                 instants that were due in it have no record"
            );
        }
        let zones = ServerZone { from: from.as_str().into(), to: to_name.into() };
        let what = Edit::ServerZone(Box::new(zones));
        let outage = absence.map(Outage::from);
        let reason = Reason::Edited(Box::new(Edited { what, outage }));
        let at = self.clock.now();
        let what = ChangedZone::OfServer { from, old, to, reason };
        self.store.change_zone(ZoneChange { what, at }).await
    }

    /// Pauses the whole server without an end if it was started so, and logs a pause that is in force.
    pub(super) async fn pause(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let in_force = || self.store.pause().filter(|pause| pause.holds_at(now));
        // `--paused` has no end, so it replaces only a pause that has one.
        if self.settings.is_paused && in_force().is_none_or(|pause| pause.until.is_some()) {
            let by = "`docket server --paused`";
            let (context, pause) = (ChangeContext::new(now, by), Suspension::new(by, now));
            self.store.control_server(ServerControl::Pause(pause), context).await?;
        }
        if let Some(pause) = in_force() {
            let until = pause.until.map(shown);
            let end = until.as_ref().map(|until| format!("{until} or ")).unwrap_or_default();
            warn!(
                by = pause.by,
                reason = pause.reason,
                since = shown(pause.since),
                until,
                "the server is paused: nothing starts by itself until {end}`docket unpause`"
            );
        }
        Ok(())
    }

    /// Notes that a term has begun; with the first one, that the server was started, and the outages of
    /// earlier servers.
    pub(super) async fn note_begin(&self, is_first: bool, outages: Vec<Pause>) {
        for outage in outages {
            self.store.note_pause(outage);
        }
        if is_first {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            self.store.record_event(Event::Started { version }).await;
        }
        self.store.sign_of_life().await;
    }

    /// Logs which store the server uses.
    pub(super) fn log_store(&self) {
        let about = self.store.about();
        if about.is_volatile {
            warn!(
                "the store is in memory: allocations that are pushed, and all runs, are forgotten \
                 when the server stops (`--store sqlite:PATH` keeps them)"
            );
        } else {
            info!(store = about.kind, "the store was opened");
        }
    }

    /// Logs how long no server ran, whether the one before was stopped or crashed, and a clock that was set
    /// back since then.
    pub(super) fn log_absence(&self, absence: Option<&Pause>) {
        if let Some(notice) = self.ticks.clock_set_back(self.clock.now()) {
            warn!("since docket last ran, the clock was {notice}");
        }
        let Some(Pause { from, .. }) = absence else { return };
        // This start has not added an entry yet, so the newest one is of the server before.
        let newest = self.store.entries(&EntryFilter { limit: 1, ..EntryFilter::default() });
        let last_alive = shown(*from);
        if newest.first().is_some_and(|entry| entry.event == Event::Stopped) {
            info!(last_alive, "docket was stopped before this start");
        } else {
            warn!(last_alive, "docket was not stopped before this start: it crashed or was killed");
        }
    }

    /// Notes that the server stops.
    pub(super) async fn note_end(&self) {
        self.store.record_event(Event::Stopped).await;
        self.store.sign_of_life().await;
        if self.store.trouble().is_some() {
            warn!(
                "the store cannot be written, so the next start will report a crash in place of this stop"
            );
        }
    }
}

/// The pauses of earlier servers that could not write the store until they ended, and the time without
/// a server between them.
fn outages(noted: &[(DateTime<Utc>, DateTime<Utc>)]) -> Vec<Pause> {
    let outages = noted.iter().map(|(from, to)| Pause::of(Cause::StoreUnwritable, *from, *to));
    let between = noted.iter().zip(noted.iter().skip(1)).filter_map(|((_, from), (to, _))| {
        // One server notes more often than that until when it cannot write.
        let is_gap = (*to - *from).to_std().is_ok_and(|gap| gap > SIGN_OF_LIFE);
        is_gap.then(|| Pause::of(Cause::NotRunning, *from, *to))
    });
    let mut all: Vec<_> = outages.chain(between).collect();
    all.sort_unstable_by_key(|pause| pause.from);
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use docket_model::{FieldPath, Origin, Specification, Zone, container::UnknownOptions};
    use serde_json::json;

    use super::*;
    use crate::{
        clock::{Clock, TestClock},
        server::TermSettings,
        store::{Circumstances, Condition, EntryFilter, Opener, Push, SqliteBackend, Store},
    };

    /// The store of this folder.
    async fn store_of(folder: &tempfile::TempDir) -> Store {
        let path = folder.path().join("docket.db");
        let backend = SqliteBackend::open(&path, &Opener::for_tests()).unwrap();
        Store::open(Arc::new(backend)).await.unwrap()
    }

    fn process(store: Store, clock: &Arc<TestClock>, zone: &str) -> Process {
        let settings = TermSettings::for_tests(zone.parse().unwrap());
        Process::new(store, clock.clone(), settings)
    }

    #[tokio::test]
    async fn a_zone_that_is_not_known_any_more_starts_nothing_of_the_past_and_is_noted() {
        let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
        let folder = tempfile::tempdir().unwrap();
        let store = store_of(&folder).await;
        let posted =
            json!({"Name": "a", "Cron": "0 * * * *", "Container": {"Config": {"Image": "x"}}});
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        let push = Push {
            specifications: vec![read.unwrap().specification],
            origin: Origin::Api,
            complete: false,
            at: clock.now() - TimeDelta::hours(3),
            by: "test".into(),
            only_if: Condition::Nothing,
            circumstances: Circumstances { zone: Zone::utc(), outages: Vec::new() },
        };
        store.push(push).await.unwrap();
        store.close().await;
        drop(store);
        let path = folder.path().join("docket.db");
        let sql = rusqlite::Connection::open(&path).unwrap();
        sql.execute(
            "INSERT INTO items (collection, key, revision, value) \
                      VALUES ('meta', 'time_zone', 1, '\"Mars/Base\"')",
            [],
        )
        .unwrap();
        drop(sql);
        let begin = async || {
            let process = process(store_of(&folder).await, &clock, "Europe/Berlin");
            process.take_zone(None).await.unwrap();
            process.store
        };

        begin().await.close().await;
        let store = begin().await;

        let status = store.status("a").unwrap();
        let restart = "2026-11-21T09:00:00Z".parse().unwrap();
        assert!(status.decided >= Some(restart), "{:?}", status.decided);
        let all = EntryFilter { limit: 9, ..EntryFilter::default() };
        let entries = store.entries(&all);
        let recorded: Vec<_> = entries.iter().map(|entry| entry.event.to_string()).collect();
        let changed = "the time zone of the server was changed from Mars/Base to Europe/Berlin";
        assert_eq!(recorded, [changed, "created"]);
    }

    #[tokio::test]
    async fn a_clock_that_is_behind_the_last_life_is_recorded() {
        let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
        let folder = tempfile::tempdir().unwrap();
        let store = store_of(&folder).await;
        store.alive(clock.now() + TimeDelta::hours(1)).await.unwrap();
        store.close().await;
        drop(store);
        let process = process(store_of(&folder).await, &clock, "UTC");

        process.absence();

        let notice = process.ticks.clock_set_back(clock.now()).unwrap();
        assert!(notice.starts_with("set back by 3"), "{notice}");
    }
}
