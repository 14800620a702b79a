//! What comes before anything is decided: the first look at the engine, which shows whether the store
//! knows all that its servers did.
//!
//! 1. Until then nothing starts, and runs of earlier lives wait.
//! 2. What an older copy of the store cannot know is recorded as not known, and is not started.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Life, Run,
    allocation::Overlap,
    journal::Pause,
    run::{Attempt, AttemptKey, ContainerId, Instant, RunState, Trigger},
};
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    EngineState, Runner, StandbyState, Stopped,
    allocation_queue::run_span,
    engine_call_retry::{EngineAccess, Retry},
    resume_point::{Stage, StartFrom, stage},
};
use crate::{
    engine::{Found, Handle},
    store::{
        AllocationStatus, Doubt, End, InstantKind, KnownLife, NotedEngine, Progress, Restoration,
        UnderWay,
    },
};

/// How long after the last sign of life of a server its containers may still come up.
const AFTER_THE_LAST_SIGN: TimeDelta = TimeDelta::seconds(15);

/// How long the first look waits for further engines, once one of them has answered.
const OTHER_ENGINES_LIMIT: Duration = Duration::from_secs(10);

/// A container, and the engine that has it.
type OnEngine = (Arc<EngineAccess>, Found);

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
                Some(absence) => self.store.outages().forget(&absence),
                None => {}
            }
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
        let mut retry = Retry::endless("the list of its containers");
        loop {
            self.term.unless_ended(engine.health.up()).await?;
            let listed = engine.engine.list_owned(owner);
            let error = match self.term.unless_ended(listed).await? {
                Ok(found) => {
                    let found = found.into_iter();
                    return Ok(found.map(|found| (Arc::clone(engine), found)).collect());
                }
                Err(error) => error.to_string(),
            };
            let again = engine.wait_before_retry(&mut retry, &error);
            let _: Result<(), _> = self.term.unless_ended(again).await?;
        }
    }

    /// Why the store may not know all that its servers did.
    async fn doubt_about(&self, found: &[OnEngine]) -> Result<Option<Doubt>, Stopped> {
        if let Some(doubt) = self.store.provenance().doubt() {
            return Ok(Some(doubt));
        }
        let Some(last_alive) = self.store.about().last_alive else { return Ok(None) };
        for (engine, found) in found {
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

    /// Records what is known of the time that the store does not know, and that nothing else is.
    async fn restore(self: &Arc<Self>, doubt: Doubt, found: Vec<OnEngine>) -> Result<(), Stopped> {
        let lives: Vec<Life> = found
            .iter()
            .filter_map(|(_, found)| found.life)
            .filter(|life| self.store.known_life(life) == KnownLife::Unlisted)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let containers = by_run(found);
        self.give_up_unknown(&doubt, &containers).await?;
        for found in containers.into_values() {
            self.adopt(found).await?;
        }
        // Nothing was started since, so what came since is decided as usual.
        let at = self.standby.life().start();
        let restoration = Restoration { doubt, at, zone: self.zone, lives };
        self.durably(|| self.store.restore(restoration.clone())).await?.unwrap_or_else(|error| {
            warn!(%error, "what the store does not know could not be recorded");
        });
        Ok(())
    }

    /// Ends runs that are under way by the store, and of which nothing shows how far they are.
    async fn give_up_unknown(
        self: &Arc<Self>,
        doubt: &Doubt,
        containers: &BTreeMap<(Uuid, Instant), OnEngine>,
    ) -> Result<(), Stopped> {
        let Ok(under_way) = self.durably(|| self.store.under_way()).await? else { return Ok(()) };
        for UnderWay { run, .. } in under_way {
            let has_container = matches!(
                (&run.state, stage(&run)),
                (state, Stage::Attempt(StartFrom::Created { .. })) if *state != RunState::Waiting
            );
            let newest = run.attempt().map_or(AttemptKey::FIRST, |attempt| attempt.key);
            // The container of an attempt that has failed says nothing about the next one.
            let is_between = matches!(run.state, RunState::Retrying { .. });
            let next = if is_between { newest.next() } else { newest };
            let shown = containers.get(&(run.uid, run.id.instant));
            let is_shown = shown.is_some_and(|(_, found)| found.identity.attempt >= next);
            if has_container || is_shown {
                continue;
            }
            let reason = doubt.reason();
            let state = if run.had_container() {
                RunState::Lost(reason)
            } else {
                RunState::Missed { reason, last: run.id.instant, count: 1 }
            };
            self.end_unknown(&run, state).await?;
        }
        Ok(())
    }

    pub(super) async fn end_unknown(
        self: &Arc<Self>,
        run: &Run,
        state: RunState,
    ) -> Result<(), Stopped> {
        let end = End {
            state,
            exit: None,
            started_at: None,
            output: None,
            remarks: Vec::new(),
            at: self.store.now(),
        };
        let finished = self.durably(|| self.store.finish(&run.id, run.uid, end.clone())).await?;
        if let Err(error) = finished {
            run_span(&run.id).in_scope(|| info!(%error, "the end of a run could not be recorded"));
        }
        let queue = self.queues.lock(run.uid).await;
        queue.remove(run.id.instant);
        self.queues.note_progress();
        Ok(())
    }

    /// Takes over a container of a run that the store does not know, or knows less about.
    async fn adopt(self: &Arc<Self>, (engine, found): OnEngine) -> Result<(), Stopped> {
        let Found { handle: Handle { id, .. }, identity, .. } = found;
        let name = identity.allocation.as_str();
        let of_it = |status: &AllocationStatus| status.allocation.uid == identity.uid;
        // Of an allocation that the copy does not have: it is removed once it has ended.
        let Some(status) = self.store.status(name).filter(of_it) else { return Ok(()) };
        let Ok(held) = self.durably(|| self.store.run(name, identity.instant)).await? else {
            return Ok(());
        };
        match held {
            Some(run) if run.knows(&id) => return Ok(()),
            // It was recorded as missed because the store did not know of it.
            Some(run) if matches!(run.state, RunState::Missed { .. }) => {}
            Some(run) if run.state.is_over() => return Ok(()),
            Some(run) => return self.note_adopted(&engine, &run, identity.attempt, id).await,
            None => {}
        }
        let is_scheduled = identity.instant.moment().timestamp_subsec_millis() == 0;
        let trigger =
            if is_scheduled { Trigger::Schedule } else { Trigger::Manual(Arc::default()) };
        let allocation = status.allocation;
        let now = self.store.now();
        let state = RunState::Starting;
        let run = Run::decided(&allocation, identity.instant, trigger, state, now);
        let run = Run { attempts: vec![Attempt::new(identity.attempt)], ..run };
        let run = run.on_engine(&engine.name);
        // The latest instant decided stays as it is: what lies between is settled afterwards.
        let following = allocation.next(identity.instant.moment(), self.zone).map(Instant::new);
        let wanted = InstantKind::Instant(following);
        let made = self.durably(|| self.store.claim_manual(run.clone(), wanted)).await?;
        if let Err(error) = made {
            run_span(&run.id)
                .in_scope(|| warn!(%error, "a container that was found could not be recorded"));
            return Ok(());
        }
        self.note_adopted(&engine, &run, identity.attempt, id).await?;
        run_span(&run.id)
            .in_scope(|| info!("adopted a container that the restored store has no record of"));
        let recorded = self.durably(|| self.store.run(name, identity.instant)).await?;
        if let Ok(Some(run)) = recorded {
            self.resume(UnderWay { run, allocation }, &[]);
        }
        Ok(())
    }

    /// Notes the container of an attempt, and the attempts before it.
    async fn note_adopted(
        &self,
        engine: &EngineAccess,
        run: &Run,
        attempt: AttemptKey,
        container: ContainerId,
    ) -> Result<(), Stopped> {
        let newest = run.attempt().map_or(1, |attempt| attempt.key.number);
        let further = (newest..attempt.number).map(|_| Progress::NextAttempt);
        let engine = match engine.health.state() {
            EngineState::Up(engine) => engine.id.clone(),
            _ => None,
        };
        let remarks = vec!["found on the engine after the store was restored".to_owned()];
        let created = Progress::Created { container, version: None, engine, image: None, remarks };
        for progress in further.chain([created]) {
            let at = self.store.now();
            let noted = || self.store.note(&run.id, run.uid, progress.clone(), at);
            if let Err(error) = self.durably(noted).await? {
                run_span(&run.id)
                    .in_scope(|| info!(%error, "a container that was found could not be recorded"));
            }
        }
        Ok(())
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

/// The newest attempt of each run that has a container.
fn by_run(found: Vec<OnEngine>) -> BTreeMap<(Uuid, Instant), OnEngine> {
    let mut newest = BTreeMap::new();
    for (engine, found) in found {
        let key = (found.identity.uid, found.identity.instant);
        let held = newest.get(&key).map(|(_, held): &OnEngine| held.identity.attempt);
        if Some(found.identity.attempt) > held {
            newest.insert(key, (engine, found));
        }
    }
    newest
}
