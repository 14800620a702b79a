//! What comes before anything is decided: the first look at the engine, which shows whether the store
//! knows all that its servers did.
//!
//! 1. Until then nothing starts, and runs of earlier lives wait.
//! 2. What an older copy of the store cannot know is recorded as not known, and is not started.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{allocation::Overlap, journal::Pause};
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::time::timeout;
use tracing::warn;

use super::{
    EngineState, Runner, StandbyState, Stopped, engine_call_retry::EngineAccess,
    restored_store::OnEngine,
};
use crate::{
    engine::{Found, Handle},
    store::{Doubt, KnownLife, NotedEngine},
};

/// How long after the last sign of life of a server its containers may still come up.
// A server notes that it runs every 15 s, so one that was killed may have worked for so long after.
const AFTER_THE_LAST_SIGN: TimeDelta = TimeDelta::seconds(15);

/// How long the first look waits for further engines, once one of them has answered.
const OTHER_ENGINES_LIMIT: Duration = Duration::from_secs(10);

impl Runner {
    /// Looks at what is on the engines, settles what the store does not know, and then lets things
    /// start.
    ///
    /// `absence` is the time without a server before, unless the store turns out to be an older copy.
    pub(crate) async fn begin(self: Arc<Self>, absence: Option<Pause>) {
        if self.standby.state() == StandbyState::Beginning {
            if self.settle_doubts().await.is_err() {
                return;
            }
            match absence {
                Some(absence) if self.standby.doubt().is_none() => self.store.note_pause(absence),
                // Servers that the copy does not know may have run in this time.
                Some(absence) => self.store.outages().forget(&absence),
                None => {}
            }
            // Before new instants are decided, because the runs that wait are older.
            self.start_waiting_runs().await;
            self.standby.end();
        } else {
            self.start_waiting_runs().await;
        }
        // Where the server stops meanwhile, the next one notes it.
        if self.note_engine().await.is_ok() {
            let looks = self.engines.all().iter().map(|engine| self.warn_of_neighbors(engine));
            join_all(looks).await;
        }
    }

    /// Warns if the engine runs containers of another store in the namespace: two servers would take
    /// the same names for their containers.
    async fn warn_of_neighbors(&self, engine: &EngineAccess) {
        let owner = self.planner.owner();
        let others = engine.engine.list_of_other_stores(owner);
        // The warning is no promise: a name that is held fails its run with the same advice.
        let Ok(Ok(others)) = self.term.unless_ended(others).await else { return };
        if let Some(first) = others.first() {
            warn!(
                namespace = %owner.namespace,
                container = %first.handle,
                count = others.len(),
                "containers of another store run in this namespace: if another docket server uses this \
                 engine, give one of the two another `--namespace`; if not, a server before this one \
                 left them, and nothing is to be done"
            );
        }
    }

    /// Notes in the store which engine it is served with.
    async fn note_engine(&self) -> Result<(), Stopped> {
        let engine = self.engines.default_engine();
        self.term.unless_ended(engine.health.up()).await?;
        let EngineState::Up(engine) = engine.health.state() else { return Ok(()) };
        if let Err(error) =
            self.durably(|| self.store.note_engine(NotedEngine::from(engine.id.as_deref()))).await?
        {
            warn!(%error, "the engine of the store could not be noted");
        }
        Ok(())
    }

    async fn settle_doubts(self: &Arc<Self>) -> Result<(), Stopped> {
        // The store could not be written when the term began. The life has to be listed before a
        // container has it as a label, or the next server would take that container for one of a
        // copy.
        if self.store.known_life(&self.standby.life()) != KnownLife::Listed {
            self.durably(|| self.store.begin_life(self.standby.life())).await?.unwrap_or_else(
                |error| {
                    warn!(%error, "the life of this server could not be listed");
                },
            );
        }
        let found = self.list_all().await?;
        if let Some(doubt) = self.doubt_about(&found).await? {
            warn!(
                "{}: instants since then that it has no record of are recorded as missed, because \
                 they may have run",
                doubt.cause()
            );
            self.standby.set_doubt(doubt.reason());
            self.restore(doubt, found).await?;
        }
        Ok(())
    }

    /// The containers on all engines that answer; at least one of them has to.
    async fn list_all(&self) -> Result<Vec<OnEngine>, Stopped> {
        let mut looks: FuturesUnordered<_> =
            self.engines.all().iter().map(|engine| self.list_on(engine)).collect();
        let mut found = Vec::new();
        // Nothing may start before one engine was looked at, so the first one has no limit.
        let mut limit = None;
        while !looks.is_empty() {
            let Ok(listed) = timeout(limit.unwrap_or(Duration::MAX), looks.next()).await else {
                warn!(
                    "{} engines do not answer: their containers are not inspected yet",
                    looks.len()
                );
                break;
            };
            found.extend(listed.transpose()?.into_iter().flatten());
            limit = Some(OTHER_ENGINES_LIMIT);
        }
        Ok(found)
    }

    /// The containers on one engine, once it answers.
    async fn list_on(&self, engine: &Arc<EngineAccess>) -> Result<Vec<OnEngine>, Stopped> {
        let owner = self.planner.owner();
        self.term.unless_ended(engine.health.up()).await?;
        let list = || engine.engine.list_owned(owner);
        let found = engine.until_answered("the list of its containers", list).await?;
        Ok(found.into_iter().map(|found| (Arc::clone(engine), found)).collect())
    }

    /// Why the store may not know all that its servers did.
    async fn doubt_about(&self, found: &[OnEngine]) -> Result<Option<Doubt>, Stopped> {
        if let Some(doubt) = self.store.provenance().doubt() {
            return Ok(Some(doubt));
        }
        let Some(last_alive) = self.store.about().last_alive else { return Ok(None) };
        for (engine, found) in found {
            // The clocks of engine and host may differ, but an id on record is certain.
            if self.is_unknown(engine, found, last_alive) && !self.is_on_record(found).await? {
                return Ok(Some(Doubt::Copy(last_alive)));
            }
        }
        Ok(None)
    }

    /// True of a container that the servers which had this store open did not create.
    fn is_unknown(&self, engine: &EngineAccess, found: &Found, last_alive: DateTime<Utc>) -> bool {
        let is_of_a_copy =
            found.life.is_some_and(|life| self.store.known_life(&life) == KnownLife::Unlisted);
        // A copy that was made while a server ran lists the life of that server.
        let created_at = engine.created_at(found);
        is_of_a_copy || created_at.is_some_and(|at| at > last_alive + AFTER_THE_LAST_SIGN)
    }

    /// True of a container that a record knows by its id.
    async fn is_on_record(&self, found: &Found) -> Result<bool, Stopped> {
        let Found { handle: Handle { id, .. }, identity, .. } = found;
        let record = || self.store.run(identity.allocation.as_str(), identity.instant);
        let run = self.durably(record).await?.ok().flatten();
        Ok(run.is_some_and(|run| run.knows(id)))
    }

    /// Lets runs set out that waited for another one in an earlier life.
    async fn start_waiting_runs(self: &Arc<Self>) {
        let waiting = self.queues.handles().into_iter().filter(|handle| {
            let queue = self.queues.of(handle.allocation.uid);
            queue.all_waiting().iter().any(|waiting| waiting.id == handle.id)
        });
        for uid in waiting.map(|handle| handle.allocation.uid) {
            let queue = self.queues.lock(uid).await;
            let newest = queue.waiting();
            let overlap = newest.map(|run| run.allocation.specification.policies.overlap);
            if overlap == Some(Overlap::Replace) {
                self.replace(&queue).await;
            }
            self.start_next_waiting(&queue);
        }
    }
}
