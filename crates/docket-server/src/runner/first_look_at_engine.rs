//! What comes before anything is decided: the first look at the engine, which shows whether the store
//! knows all that its servers did.
//!
//! 1. Until then nothing starts, and runs of earlier lives wait.
//! 2. What an older copy of the store cannot know is recorded as not known, and is not started.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::{sync::Mutex as AsyncMutex, time::timeout};
use tracing::warn;

use super::{
    EngineState, Stopped,
    engine_call_retry::EngineAccess,
    engines::Engines,
    restored_store::{OnEngine, Resume, StoreRestore},
    run_context::AttemptContext,
    runs_of_term::RunRecords,
};
use crate::{
    engine::{Found, Handle},
    store::{Doubt, KnownLife, NotedEngines},
};

/// How long after the last sign of life of a server its containers may still come up.
// A server notes that it runs every 15 s, so one that was killed may have worked for so long after.
const AFTER_THE_LAST_SIGN: TimeDelta = TimeDelta::seconds(15);

/// How long the first look waits for the next engine, once one has answered.
const OTHER_ENGINES_LIMIT: Duration = Duration::from_secs(10);

/// Looks at the engines for the first time in a term.
#[derive(Debug)]
pub(super) struct FirstLook {
    pub(super) records: RunRecords,
    pub(super) engines: Arc<Engines>,
    pub(super) context: Arc<AttemptContext>,
}

impl FirstLook {
    /// Notes the engines in the store as they answer, and warns of the containers of other stores.
    pub(super) async fn meet_engines(&self) {
        let known = AsyncMutex::default();
        join_all(self.engines.all().iter().map(|engine| self.meet(engine, &known))).await;
    }

    /// Notes an engine once it answers, beside those that are known, and looks for other servers there.
    async fn meet(&self, engine: &EngineAccess, known: &AsyncMutex<Vec<Option<Arc<str>>>>) {
        // Where the server stops meanwhile, the next one notes it.
        if self.note_engine(engine, known).await.is_ok() {
            self.warn_of_neighbors(engine).await;
        }
    }

    /// Warns if the engine runs containers of another store in the namespace: two servers would take
    /// the same names for their containers.
    async fn warn_of_neighbors(&self, engine: &EngineAccess) {
        let owner = self.context.planner.owner();
        let others = engine.engine.list_of_other_stores(owner);
        // The warning is no promise: a name that is held fails its run with the same advice.
        let Ok(Ok(others)) = self.records.term.unless_ended(others).await else { return };
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

    /// Notes in the store that it is served with this engine, too.
    async fn note_engine(
        &self,
        engine: &EngineAccess,
        known: &AsyncMutex<Vec<Option<Arc<str>>>>,
    ) -> Result<(), Stopped> {
        self.records.term.unless_ended(engine.health.up()).await?;
        let EngineState::Up(status) = engine.health.state() else { return Ok(()) };
        // Held during the write, so that the last write has all of them.
        let mut known = known.lock().await;
        known.push(status.id.clone());
        let engines = NotedEngines::of(known.iter().map(Option::as_deref));
        if let Err(error) =
            self.records.durably(|| self.records.store.note_engines(engines.clone())).await?
        {
            warn!(%error, "the engines of the store could not be noted");
        }
        Ok(())
    }

    pub(super) async fn settle_doubts(&self, resume: &Resume<'_>) -> Result<(), Stopped> {
        // The store could not be written when the term began. The life has to be listed before a
        // container has it as a label, or the next server would take that container for one of a
        // copy.
        if self.records.store.known_life(&self.context.standby.life()) != KnownLife::Listed {
            self.records
                .durably(|| self.records.store.begin_life(self.context.standby.life()))
                .await?
                .unwrap_or_else(|error| {
                    warn!(%error, "the life of this server could not be listed");
                });
        }
        let found = self.list_all().await?;
        if let Some(doubt) = self.doubt_about(&found).await? {
            warn!(
                "{}: instants since then that it has no record of are recorded as missed, because \
                 they may have run",
                doubt.cause()
            );
            self.context.standby.set_doubt(doubt.reason());
            let restore = StoreRestore { records: &self.records, context: &self.context, resume };
            restore.restore(doubt, found).await?;
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
                    engines = looks.len(),
                    "not all engines answer: starting without a look at the containers of the others"
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
        let owner = self.context.planner.owner();
        self.records.term.unless_ended(engine.health.up()).await?;
        let list = || engine.engine.list_owned(owner);
        let found = engine.until_answered("the list of its containers", list).await?;
        Ok(found.into_iter().map(|found| (Arc::clone(engine), found)).collect())
    }

    /// Why the store may not know all that its servers did.
    async fn doubt_about(&self, found: &[OnEngine]) -> Result<Option<Doubt>, Stopped> {
        if let Some(doubt) = self.records.store.provenance().doubt() {
            return Ok(Some(doubt));
        }
        let Some(last_alive) = self.records.store.about().last_alive else { return Ok(None) };
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
        let is_of_a_copy = found
            .life
            .is_some_and(|life| self.records.store.known_life(&life) == KnownLife::Unlisted);
        // A copy that was made while a server ran lists the life of that server.
        let created_at = engine.created_at(found);
        is_of_a_copy || created_at.is_some_and(|at| at > last_alive + AFTER_THE_LAST_SIGN)
    }

    /// True of a container that a record knows by its id.
    async fn is_on_record(&self, found: &Found) -> Result<bool, Stopped> {
        let Found { handle: Handle { id, .. }, identity, .. } = found;
        let record = || self.records.store.run(identity.allocation.as_str(), identity.instant);
        let run = self.records.durably(record).await?.ok().flatten();
        Ok(run.is_some_and(|run| run.knows(id)))
    }
}
