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
    Runner, Stopped,
    allocation_queue::{AllocationQueue, RunHandle, decision_span, run_span},
    confirm_runs,
    engine_call_retry::EngineAccess,
    resume_point::{Stage, StartFrom},
    run_context::RunTask,
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
    /// Its first attempt.
    pub(super) attempt: AttemptKey,
}

impl RunRequest {
    /// A request that comes of itself.
    pub(super) fn due(instant: Instant, trigger: Trigger) -> Self {
        Self { instant, trigger, wanted: InstantKind::Now, attempt: AttemptKey::FIRST }
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
        let deciding = self.after_panics(allocation.uid, || self.durably(decide));
        let done = match deciding.instrument(span.clone()).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(message)) => {
                let given_up = || self.give_up_due(allocation, decided, &message);
                self.durably(given_up).instrument(span.clone()).await
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
        let queue = self.confirmed_lock(allocation, confirm_runs::FOR_SCHEDULES).await;
        let is_up = self.engines.is_up_for(&allocation.specification.policies);
        if !is_up && queue.unconfirmed().is_some() {
            // The engine is away again: the scheduler proposes these instants when it is back.
            return Ok(decided);
        }
        let (zone, now) = (self.zone, self.store.now() + mutation_testing::earliness());
        let pause = self.store.pause();
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
        let queue = self.queues.lock(allocation.uid).await;
        let (zone, now, suspensions) = (self.zone, self.store.now(), Suspensions::default());
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
                // Not configured any more: the scheduler proposes the instant again when one fits.
                let Some(engine) = self.engines.choose(allocation) else { return Ok(None) };
                self.enter(queue, engine, allocation, request).await?
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
        let outage = self.outage(missed.first, missed.last);
        let reason = missed.why.reason(outage.as_ref());
        let count = missed.count;
        let (first, last) = (Instant::new(missed.first), Instant::new(missed.last));
        let state = RunState::Missed { reason: reason.clone(), last, count };
        let run = Run::decided(allocation, first, Trigger::Schedule, state, self.store.now());
        let span = run_span(&run.id);
        let recorded = self.store.record_result(self.store.claim(run).await)?;
        if recorded == ClaimOutcome::New {
            let _in_span = span.enter();
            let (what, reason) = (instants_missed(count), reason.to_string());
            let last = (count > 1).then(|| last.to_string());
            match (&missed.why, outage) {
                (Why::TooLate | Why::SuspendedLate(_), Some(outage)) => {
                    // The sum of all allocations is a warning of its own.
                    info!(last, reason, "{what}");
                    self.missed.add(allocation.name(), &missed, outage.cause);
                }
                (Why::TooLate | Why::SuspendedLate(_), None) => warn!(last, reason, "{what}"),
                // The user requested a suspension or an edit, and other causes are logged already.
                _ => debug!(last, reason, "{what}"),
            }
        }
        Ok(recorded)
    }

    /// Claims an instant for an engine, unless it was claimed before, and acts on what its allocation's policies say.
    ///
    /// The caller has the line's turn.
    pub(super) async fn enter(
        self: &Arc<Self>,
        queue: &AllocationQueue,
        engine: &Arc<EngineAccess>,
        allocation: &Arc<Allocation>,
        request: RunRequest,
    ) -> Result<ClaimOutcome, StoreError> {
        let RunRequest { instant, trigger, wanted, attempt } = request;
        // Before the claim, whose record depends on whether there is room.
        let place = engine.slots.acquire(instant);
        let beside = Beside {
            under_way: queue.under_way().iter().map(|handle| handle.id.instant).collect(),
            is_unconfirmed: queue.unconfirmed().is_some(),
            waiting: queue.waiting().map(|handle| handle.id.instant),
            full: place.as_ref().err().map(|SlotsFull { max_running, queue }| Full {
                max_running: *max_running,
                queue: *queue,
            }),
        };
        let admission = policy::admit(allocation.specification.policies.overlap, &beside);
        // Another run may start in the place of one that is skipped, or that waits for another, also
        // while the claim is written.
        let place = place.ok().filter(|_| admission == Admission::Start);
        let state = state(&admission);
        let run = Run::decided(allocation, instant, trigger.clone(), state, self.store.now());
        let run = run.on_engine(&engine.name);
        let id = run.id.clone();
        let recorded = self.store.record_result(match trigger {
            Trigger::Manual(_) => self.store.claim_manual(run, wanted).await,
            _ => self.store.claim(run).await,
        })?;
        if recorded != ClaimOutcome::New {
            run_span(&id).in_scope(|| debug!(?recorded, "no new run was claimed"));
            return Ok(recorded);
        }
        self.queues.note_progress();
        let handle = RunHandle::new(id, Arc::clone(allocation), trigger, engine, attempt, None);
        match admission {
            Admission::Start => {
                // `admit` skips a run without a place, so the fallback is for the compiler.
                let place = place.unwrap_or_else(|| engine.slots.enqueue(instant));
                // Before its task begins, because the task takes it out of the queue when the run
                // ends.
                queue.add(Arc::clone(&handle));
                let task = RunTask::new(Arc::clone(self), handle);
                self.spawn_run(task, Stage::Attempt(StartFrom::Claimed(place)));
            }
            Admission::Wait => {
                queue.add_waiting(handle);
                point(Point::Waiting);
            }
            Admission::Replace => {
                queue.add_waiting(handle);
                point(Point::Waiting);
                self.replace(queue).await;
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
