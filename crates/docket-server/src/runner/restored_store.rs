//! What an older copy of the store cannot know: runs and containers of the time since it was made.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use docket_model::{
    Life, Run,
    run::{AttemptKey, ContainerId, Instant, Place, RunState, Trigger},
};
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    EngineState, Stopped,
    engine_call_retry::EngineAccess,
    run_context::AttemptContext,
    run_stage::{Stage, StartFrom, stage},
    runs_of_term::RunRecords,
    runs_under_way::run_span,
};
use crate::{
    engine::{Found, Handle},
    store::{
        AllocationStatus, Doubt, End, InstantKind, KnownLife, PartProgress, Progress, Restoration,
        UnderWay,
    },
};

/// A container, and the engine that has it.
pub(super) type OnEngine = (Arc<EngineAccess>, Found);

/// The containers of a run, by the part of which each is.
type PartContainers = BTreeMap<u32, OnEngine>;

/// Carries a run of an earlier life on.
pub(super) type Resume<'a> = dyn Fn(UnderWay) + Send + Sync + 'a;

/// Settles what a restored store does not know, with what the engines have.
pub(super) struct StoreRestore<'a> {
    pub(super) records: &'a RunRecords,
    pub(super) context: &'a AttemptContext,
    /// Carries a run on whose container was adopted.
    pub(super) resume: &'a Resume<'a>,
}

impl StoreRestore<'_> {
    /// Records what is known of the time that the store does not know, and that nothing else is.
    pub(super) async fn restore(&self, doubt: Doubt, found: Vec<OnEngine>) -> Result<(), Stopped> {
        let lives: Vec<Life> = found
            .iter()
            .filter_map(|(_, found)| found.life)
            .filter(|life| self.records.store.known_life(life) == KnownLife::Unlisted)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let containers = by_run(found);
        // In this order: the span of missed instants, which comes last, must not include the
        // instant of a container that was adopted.
        self.give_up_unknown(&doubt, &containers).await?;
        for found in containers.into_values() {
            self.adopt(&doubt, found).await?;
        }
        // Nothing was started since, so what came since is decided as usual.
        let at = self.context.standby.life().start();
        let restoration = Restoration { doubt, at, zone: self.context.deadlines.zone, lives };
        self.records
            .durably(|| self.records.store.restore(restoration.clone()))
            .await?
            .unwrap_or_else(|error| {
                warn!(%error, "what the store does not know could not be recorded");
            });
        Ok(())
    }

    /// Ends runs that are under way by the store, and of which nothing shows how far they are.
    async fn give_up_unknown(
        &self,
        doubt: &Doubt,
        containers: &BTreeMap<(Uuid, Instant), PartContainers>,
    ) -> Result<(), Stopped> {
        let Ok(under_way) = self.records.durably(|| self.records.store.under_way()).await? else {
            return Ok(());
        };
        for UnderWay { run, .. } in under_way {
            let shown = containers.get(&(run.uid, run.id.instant));
            for part in run.parts().filter(|part| !run.part_state(*part).is_over()) {
                if is_known(&run, part, shown) {
                    continue;
                }
                let reason = doubt.reason();
                let mut attempts = run.attempts.iter().filter(|attempt| attempt.key.part == part);
                let state = if attempts.any(|attempt| attempt.container.is_some()) {
                    RunState::Lost(reason)
                } else {
                    RunState::Missed { reason, last: run.id.instant, count: 1 }
                };
                self.end_unknown(&run, part, state).await?;
            }
        }
        Ok(())
    }

    async fn end_unknown(&self, run: &Run, part: u32, state: RunState) -> Result<(), Stopped> {
        let end = End { part: Some(part), ..End::without_container(state, self.records.now()) };
        let finished = self.records.finish(&run.id, run.uid, &end).await?;
        if let Err(error) = finished {
            run_span(&run.id).in_scope(|| info!(%error, "the end of a run could not be recorded"));
        }
        let record = || self.records.store.run(run.id.allocation.as_str(), run.id.instant);
        let record = self.records.durably(record).await?.ok().flatten();
        if record.is_none_or(|run| run.state.is_over()) {
            let queue = self.records.queues.lock(run.uid).await;
            queue.remove(run.id.instant);
        }
        self.records.queues.note_progress();
        Ok(())
    }

    /// Takes over the containers of a run that the store does not know, or knows less about.
    async fn adopt(&self, doubt: &Doubt, containers: PartContainers) -> Result<(), Stopped> {
        let Some((_, found)) = containers.values().next() else { return Ok(()) };
        let identity = found.identity.clone();
        let name = identity.allocation.as_str();
        let of_it = |status: &AllocationStatus| status.allocation.uid == identity.uid;
        // Of an allocation that the copy does not have: it is removed once it has ended.
        let Some(status) = self.records.store.status(name).filter(of_it) else { return Ok(()) };
        let Ok(held) =
            self.records.durably(|| self.records.store.run(name, identity.instant)).await?
        else {
            return Ok(());
        };
        match held {
            // It was recorded as missed because the store did not know of it.
            Some(run) if matches!(run.state, RunState::Missed { .. }) => {}
            Some(run) => return self.note_all_adopted(&run, containers).await,
            None => {}
        }
        // The instant shows the trigger: that of a manual run is never a whole second
        // (`this_moment`).
        let is_scheduled = identity.instant.moment().timestamp_subsec_millis() == 0;
        let trigger =
            if is_scheduled { Trigger::Schedule } else { Trigger::Manual(Arc::default()) };
        let allocation = status.allocation;
        let now = self.records.now();
        let state = RunState::Starting;
        let run = Run::decided(&allocation, identity.instant, trigger, state, now);
        let run = with_parts(run, doubt, &containers);
        // The latest instant decided stays as it is: what lies between is settled afterwards.
        let following = allocation
            .next(identity.instant.moment(), self.context.deadlines.zone)
            .map(Instant::new);
        let wanted = InstantKind::Instant(following);
        let made =
            self.records.durably(|| self.records.store.claim_manual(run.clone(), wanted)).await?;
        if let Err(error) = made {
            run_span(&run.id)
                .in_scope(|| warn!(%error, "a container that was found could not be recorded"));
            return Ok(());
        }
        self.note_all_adopted(&run, containers).await?;
        run_span(&run.id)
            .in_scope(|| info!("adopted a container that the restored store has no record of"));
        let recorded =
            self.records.durably(|| self.records.store.run(name, identity.instant)).await?;
        if let Ok(Some(run)) = recorded {
            (self.resume)(UnderWay { run, allocation });
        }
        Ok(())
    }

    /// Notes the containers of a run that its record does not know.
    async fn note_all_adopted(&self, run: &Run, containers: PartContainers) -> Result<(), Stopped> {
        for (part, (engine, found)) in containers {
            let Found { handle: Handle { id, .. }, identity, .. } = found;
            if !run.knows(&id) && !run.part_state(part).is_over() {
                self.note_adopted(&engine, run, identity.attempt, id).await?;
            }
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
        let newest = run.newest_of_part(attempt.part).map_or(1, |attempt| attempt.key.number);
        let further = (newest..attempt.number).map(|_| Progress::NextAttempt);
        let engine = match engine.health.state() {
            EngineState::Up(engine) => engine.id.clone(),
            _ => None,
        };
        let remarks = vec!["found on the engine after the store was restored".to_owned()];
        let created = Progress::Created { container, version: None, engine, image: None, remarks };
        for progress in further.chain([created]) {
            let at = self.records.now();
            let progress = PartProgress { part: attempt.part, progress };
            if let Err(error) = self.records.note(&run.id, run.uid, &progress, at).await? {
                run_span(&run.id)
                    .in_scope(|| info!(%error, "a container that was found could not be recorded"));
            }
        }
        Ok(())
    }
}

/// True where a record, or a container, shows how far a part is.
fn is_known(run: &Run, part: u32, shown: Option<&PartContainers>) -> bool {
    let state = run.part_state(part);
    let has_container = *state != RunState::Waiting
        && matches!(stage(run, part), Stage::Attempt(StartFrom::Created { .. }));
    let newest = run.newest_of_part(part).map_or(AttemptKey::first_of(part), |newest| newest.key);
    // The container of an attempt that has failed says nothing about the next one.
    let is_between = matches!(state, RunState::Retrying { .. });
    let next = if is_between { newest.next() } else { newest };
    let shown = shown.and_then(|containers| containers.get(&part));
    has_container || shown.is_some_and(|(_, found)| found.identity.attempt >= next)
}

/// A new record with as many parts as the labels of the found containers say. The state of the others is not
/// known.
fn with_parts(run: Run, doubt: &Doubt, containers: &PartContainers) -> Run {
    let parts = containers.values().map(|(_, found)| found.parts);
    let last = parts.max().unwrap_or(AttemptKey::FIRST.part);
    let first = containers.values().next().map(|(engine, _)| Arc::clone(&engine.name));
    let places: Vec<_> = (1..=last)
        .filter_map(|part| {
            let found = containers.get(&part).map(|(engine, _)| Arc::clone(&engine.name));
            found.or_else(|| first.clone()).map(Place::from)
        })
        .collect();
    let mut run = run.at_places(&places);
    for attempt in &mut run.attempts {
        match containers.get(&attempt.key.part) {
            Some((_, found)) => attempt.key = found.identity.attempt,
            None => attempt.engine_name = None,
        }
    }
    for part in (1..=last).filter(|part| !containers.contains_key(part)) {
        run.set_part_state(part, RunState::Lost(doubt.reason()));
    }
    run
}

/// The newest attempt at each part of each run that has a container.
fn by_run(found: Vec<OnEngine>) -> BTreeMap<(Uuid, Instant), PartContainers> {
    let mut newest = BTreeMap::<_, PartContainers>::new();
    for (engine, found) in found {
        let key = (found.identity.uid, found.identity.instant);
        let (parts, part) = (newest.entry(key).or_default(), found.identity.attempt.part);
        let held = parts.get(&part).map(|(_, held)| held.identity.attempt);
        if Some(found.identity.attempt) > held {
            parts.insert(part, (engine, found));
        }
    }
    newest
}
