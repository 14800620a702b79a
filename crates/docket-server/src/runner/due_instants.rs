//! From a decision to its record: an instant starts, waits, is skipped or missed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, Run,
    journal::Suspension,
    missed_instants::missed_within,
    run::{AttemptKey, Instant, Reason, RunState, Trigger},
};
use tracing::{Instrument, debug, error, info, warn};

use super::{
    Runner, Stopped, confirm_runs,
    place_parts::{PartPlace, RunPlaces},
    run_context::RunTask,
    run_stage::{Stage, StartFrom},
    runs_under_way::{AllocationQueue, PartHandle, RunHandle, decision_span, run_span},
    store_access::WRITE_AGAIN,
};
use crate::{
    crash_points::{Point, point},
    engine::engine_registry::SlotsFull,
    mutation_testing,
    policy::{self, Admission, Beside, Decision, Full, Missed, PolicyInput, Suspensions, Why},
    store::{ClaimOutcome, InstantKind, StoreError},
};

/// A run that a schedule, a parent run or a user requests.
#[derive(Debug)]
pub(super) struct RunRequest {
    pub(super) instant: Instant,
    pub(super) trigger: Trigger,
    /// What its instant is, where the run is manual.
    pub(super) wanted: InstantKind,
    /// The number of the first attempt at each part.
    pub(super) attempt: u32,
}

impl RunRequest {
    /// A request that comes of itself.
    pub(super) fn due(instant: Instant, trigger: Trigger) -> Self {
        Self { instant, trigger, wanted: InstantKind::Now, attempt: AttemptKey::FIRST.number }
    }
}

impl Runner {
    /// Decides about all instants of an allocation that have come; returns up to when. It ends early with
    /// the term.
    pub(crate) async fn decide(
        self: &Arc<Self>,
        allocation: &Arc<Allocation>,
        suspension: Option<&Suspension>,
        decided: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let decide = || self.decide_once(allocation, suspension, decided);
        let span = decision_span(allocation.name());
        let deciding = self.after_panics(allocation.uid, || self.records.durably(decide));
        let done = match deciding.instrument(span.clone()).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(message)) => {
                let given_up = || self.give_up_due(allocation, decided, &message);
                self.records.durably(given_up).instrument(span.clone()).await
            }
            Err(Stopped) => Err(Stopped),
        };
        match done {
            Ok(Ok(through)) => through,
            Ok(Err(error)) => {
                span.in_scope(|| error!(%error, "the store refused a decision; deciding again"));
                // The scheduler proposes the same instants again at once: the pause keeps that from
                // spinning.
                tokio::time::sleep(WRITE_AGAIN).await;
                decided
            }
            Err(Stopped) => decided,
        }
    }

    async fn decide_once(
        self: &Arc<Self>,
        allocation: &Arc<Allocation>,
        suspension: Option<&Suspension>,
        decided: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, StoreError> {
        let queue = self.records.confirmed_lock(allocation, confirm_runs::FOR_SCHEDULES).await;
        let is_up = self.engines.is_up_for(&allocation.specification.policies);
        if !is_up && queue.unconfirmed().is_some() {
            // The engine is away again: the scheduler proposes these instants when it is back.
            return Ok(decided);
        }
        let (zone, now) =
            (self.context.deadlines.zone, self.records.now() + mutation_testing::earliness());
        let pause = self.records.store.pause();
        let suspensions = Suspensions { allocation: suspension, server: pause.as_deref() };
        let question = PolicyInput { allocation, suspensions, zone, decided, now };
        let mut through = decided;
        for decision in policy::decide(question) {
            let last = decision.last();
            match self.carry_out(&queue, allocation, question, decision).await? {
                Some(reached) => through = reached,
                // The allocation has changed: the scheduler learns that and proposes by its new
                // state.
                None => break,
            }
            // The rest of a span that is decided in part is asked about anew.
            if through < last {
                break;
            }
        }
        Ok(through)
    }

    /// Records the instants that have come as missed, because a decision about them panicked each time;
    /// returns up to when.
    async fn give_up_due(
        self: &Arc<Self>,
        allocation: &Arc<Allocation>,
        decided: DateTime<Utc>,
        message: &str,
    ) -> Result<DateTime<Utc>, StoreError> {
        let queue = self.records.queues.lock(allocation.uid).await;
        let (zone, now, suspensions) =
            (self.context.deadlines.zone, self.records.now(), Suspensions::default());
        let why = Why::Given(Reason::InternalError { message: message.into() });
        let Some(missed) = missed_within(allocation, zone, decided, now, why) else {
            return Ok(decided);
        };
        let question = PolicyInput { allocation, suspensions, zone, decided, now };
        let missed = Decision::Missed(missed);
        let through = self.carry_out(&queue, allocation, question, missed).await?;
        Ok(through.unwrap_or(decided))
    }

    /// Acts on a decision; returns up to when it is decided now, or nothing if the allocation has
    /// changed.
    async fn carry_out(
        self: &Arc<Self>,
        queue: &AllocationQueue,
        allocation: &Arc<Allocation>,
        question: PolicyInput<'_>,
        decision: Decision,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut last = decision.last();
        let mut recorded = match &decision {
            Decision::Missed(missed) => self.miss(allocation, missed.clone()).await?,
            Decision::Start(instant, trigger) => {
                let request = RunRequest::due(Instant::new(*instant), trigger.clone());
                // The scheduler proposes the instant again when engines, or enough nodes, fit.
                let Ok(places) = self.placement.places_or_wait(allocation, queue).await else {
                    return Ok(None);
                };
                self.enter(queue, places, allocation, request).await?
            }
        };
        // One record must not span another: a backfill or an adopted container has one within the
        // span, so the instants before that are recorded first.
        if let (ClaimOutcome::Beside(other), Decision::Missed(missed)) = (&recorded, decision)
            && let Some(before) = policy::missed_before(question, missed, other.moment())
        {
            last = before.last;
            recorded = self.miss(allocation, before).await?;
        }
        Ok(match recorded {
            ClaimOutcome::Decided(up_to) if up_to < Instant::new(last) => Some(up_to.moment()),
            ClaimOutcome::New | ClaimOutcome::Decided(_) => Some(last),
            _ => None,
        })
    }

    /// Records that nothing starts for a span of instants, and why.
    pub(super) async fn miss(
        &self,
        allocation: &Allocation,
        missed: Missed,
    ) -> Result<ClaimOutcome, StoreError> {
        let outage = self.context.deadlines.outage(allocation, missed.first, missed.last);
        let shortage = self.engines.shortage(allocation.uid);
        let reason = match (&missed.why, &outage, shortage) {
            (Why::TooLate, None, Some(shortage)) => shortage.reason,
            (why, outage, _) => why.reason(outage.as_ref()),
        };
        let count = missed.count;
        let (first, last) = (Instant::new(missed.first), Instant::new(missed.last));
        let state = RunState::Missed { reason: reason.clone(), last, count };
        let run = Run::decided(allocation, first, Trigger::Schedule, state, self.records.now());
        let span = run_span(&run.id);
        let recorded = self.records.store.record_result(self.records.store.claim(run).await)?;
        if recorded == ClaimOutcome::New {
            // What waited for nodes is on record; the next instant begins anew.
            self.engines.forget_shortage(allocation.uid);
            let _in_span = span.enter();
            let (what, reason) = (instants_missed(count), reason.to_string());
            let last = (count > 1).then(|| last.to_string());
            match (&missed.why, outage) {
                (Why::TooLate | Why::SuspendedLate(_), Some(outage)) => {
                    // The sum of all allocations is a warning of its own.
                    info!(last, reason, "{what}");
                    self.missed.add(allocation.name(), &missed, (outage.cause, outage.engine));
                }
                (Why::TooLate | Why::SuspendedLate(_), None) => warn!(last, reason, "{what}"),
                // The user requested a suspension or an edit, and other causes are logged already.
                _ => debug!(last, reason, "{what}"),
            }
        }
        Ok(recorded)
    }

    /// Claims an instant for these places, one for each part, unless it was claimed before, and acts on what
    /// its allocation's policies say. Without a place the run is skipped.
    ///
    /// The caller holds the decision lock.
    pub(super) async fn enter(
        self: &Arc<Self>,
        queue: &AllocationQueue,
        places: RunPlaces,
        allocation: &Arc<Allocation>,
        request: RunRequest,
    ) -> Result<ClaimOutcome, StoreError> {
        let RunRequest { instant, trigger, wanted, attempt } = request;
        let RunPlaces { parts, skipped, remarks } = places;
        // Before the claim, whose record depends on whether there is room.
        let slots: Result<Vec<_>, _> =
            parts.iter().map(|part| part.engine.slots.acquire(instant)).collect();
        let full = slots.as_ref().err().map(|SlotsFull { max_running, queue }| Full {
            max_running: *max_running,
            queue: *queue,
        });
        let beside = Beside { full, ..queue.beside() };
        let admission = match skipped {
            Some(reason) => Admission::Skip(reason),
            None => policy::admit(allocation.specification.policies.overlap, &beside),
        };
        // Another run may start in the place of one that is skipped, or that waits for another, also
        // while the claim is written.
        let slots = slots.ok().filter(|_| admission == Admission::Start);
        let state = state(&admission);
        let run = Run::decided(allocation, instant, trigger.clone(), state, self.records.now());
        let noted: Vec<_> = parts.iter().map(PartPlace::noted).collect();
        let mut run = run.at_places(&noted);
        if let Some(first) = run.attempts.first_mut() {
            first.remarks = remarks;
        }
        let id = run.id.clone();
        let recorded = self.records.store.record_result(match trigger {
            Trigger::Manual(_) => self.records.store.claim_manual(run, wanted).await,
            _ => self.records.store.claim(run).await,
        })?;
        if recorded != ClaimOutcome::New {
            run_span(&id).in_scope(|| debug!(?recorded, "no new run was claimed"));
            return Ok(recorded);
        }
        self.records.queues.note_progress();
        let parts = (1..).zip(parts).map(|(part, PartPlace { engine, node })| {
            PartHandle::new(&engine, AttemptKey { part, number: attempt }).on_node(node)
        });
        let handle = RunHandle::new(id, Arc::clone(allocation), trigger, parts, None);
        match admission {
            Admission::Start => {
                // Before its tasks begin, because the last of them takes it out of the queue when the
                // run ends.
                queue.add(Arc::clone(&handle));
                // `admit` skips a run without slots, so there is one for each part.
                for (part, slot) in handle.parts.iter().zip(slots.into_iter().flatten()) {
                    let task =
                        RunTask::new(Arc::clone(self), Arc::clone(&handle), Arc::clone(part));
                    self.spawn_run(task, Stage::Attempt(StartFrom::Claimed(slot)));
                }
            }
            Admission::Wait => {
                queue.add_waiting(handle);
                point(Point::Waiting);
            }
            Admission::Replace => {
                queue.add_waiting(handle);
                point(Point::Waiting);
                self.records.replace(queue).await;
            }
            Admission::Skip(reason) => {
                handle.span.in_scope(|| info!(reason = reason.to_string(), "run skipped"));
            }
        }
        Ok(ClaimOutcome::New)
    }
}

/// That no run starts for so many instants in a row.
fn instants_missed(count: u64) -> String {
    match count {
        1 => "instant missed".to_owned(),
        _ => format!("{count} instants in a row missed"),
    }
}

/// The state of a run about which it was decided so.
fn state(admission: &Admission) -> RunState {
    match admission {
        Admission::Start => RunState::Starting,
        Admission::Wait | Admission::Replace => RunState::Waiting,
        Admission::Skip(reason) => RunState::Skipped(reason.clone()),
    }
}
