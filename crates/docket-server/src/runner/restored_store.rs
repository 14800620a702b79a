//! What an older copy of the store cannot know: runs and containers of the time since it was made.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use docket_model::{
    Life, Run,
    run::{Attempt, AttemptKey, ContainerId, Instant, RunState, Trigger},
};
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    EngineState, Runner, Stopped,
    allocation_queue::run_span,
    engine_call_retry::EngineAccess,
    resume_point::{Stage, StartFrom, stage},
};
use crate::{
    engine::{Found, Handle},
    store::{
        AllocationStatus, Doubt, End, InstantKind, KnownLife, Progress, Restoration, UnderWay,
    },
};

/// A container, and the engine that has it.
pub(super) type OnEngine = (Arc<EngineAccess>, Found);

impl Runner {
    /// Records what is known of the time that the store does not know, and that nothing else is.
    pub(super) async fn restore(
        self: &Arc<Self>,
        doubt: Doubt,
        found: Vec<OnEngine>,
    ) -> Result<(), Stopped> {
        let lives: Vec<Life> = found
            .iter()
            .filter_map(|(_, found)| found.life)
            .filter(|life| self.store.known_life(life) == KnownLife::Unlisted)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let containers = by_run(found);
        // In this order: the span of missed instants, which comes last, must not include the
        // instant of a container that was adopted.
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
        let end = End::without_container(state, self.store.now());
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
        // The instant shows the trigger: that of a manual run is never a whole second
        // (`this_moment`).
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
