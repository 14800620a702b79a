//! From a decision to its record: an instant starts, waits, is skipped or missed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, Run,
    journal::Suspension,
    run::{Cancellation, Instant, RunState, Trigger},
};
use tracing::{debug, error, info, warn};

use super::{
    Runner, WRITE_AGAIN,
    journey::{Journey, Stage},
    line::{Handle, Line},
    policy::{self, Admission, Beside, Missed, Question, Ruling, Why},
};
use crate::{
    fault::{Point, point},
    store::{End, Progress, Recorded, StoreError},
};

/// A run that somebody or something wants.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) instant: Instant,
    pub(super) trigger: Trigger,
    /// Of a run by hand: the instant after its own, if that is one of a schedule.
    pub(super) following: Option<Instant>,
}

impl Runner {
    /// Decides about all instants of an allocation that have come; returns up to when.
    pub(crate) async fn decide(
        self: &Arc<Self>,
        allocation: &Arc<Allocation>,
        suspension: Option<&Suspension>,
        decided: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let line = self.lines.of(allocation.uid);
        let turn = line.turn().await;
        let (zone, now) = (self.zone, self.clock.now());
        let question = Question { allocation, suspension, zone, decided, now };
        let mut through = decided;
        let mut refused = None;
        for ruling in policy::decide(question) {
            match self.carry_out(&line, allocation, ruling).await {
                Ok(Some(last)) => through = last,
                Ok(None) => break,
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        drop(turn);
        self.lines.tidy(allocation.uid, line);
        if let Some(error) = refused {
            error!(allocation = %allocation.name(), %error, "the store refused a decision");
            tokio::time::sleep(WRITE_AGAIN).await;
        }
        through
    }

    /// Acts on a ruling; returns up to when it reaches, or nothing if the allocation has changed.
    async fn carry_out(
        self: &Arc<Self>,
        line: &Line,
        allocation: &Arc<Allocation>,
        ruling: Ruling,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let (last, recorded) = match ruling {
            Ruling::Missed(missed) => (missed.last, self.miss(allocation, missed).await?),
            Ruling::Start(instant, trigger) => {
                let wish = Wish { instant: Instant::new(instant), trigger, following: None };
                (instant, self.enter(line, allocation, wish).await?.0)
            }
        };
        Ok((recorded != Recorded::Changed).then_some(last))
    }

    /// Records that nothing starts for a span of instants, and why.
    pub(super) async fn miss(
        &self,
        allocation: &Allocation,
        missed: Missed,
    ) -> Result<Recorded, StoreError> {
        let reason = match &missed.why {
            Why::TooLate => self.pauses.reason(missed.first, missed.last),
            Why::Suspended(reason) => reason.clone(),
        };
        let (name, count) = (allocation.name(), missed.count);
        let (first, last) = (Instant::new(missed.first), Instant::new(missed.last));
        let state = RunState::Missed { reason: reason.clone(), last, count };
        let run = Run::decided(allocation, first, Trigger::Schedule, state, self.clock.now());
        let recorded = self.store.decide(run).await?;
        match (&recorded, missed.why) {
            (Recorded::New, Why::TooLate) => {
                warn!(allocation = %name, %first, %last, count, reason, "run missed");
            }
            (Recorded::New, Why::Suspended(_)) => {
                debug!(allocation = %name, %first, %last, count, reason, "run missed");
            }
            _ => {}
        }
        Ok(recorded)
    }

    /// Claims an instant, if nobody did before, and acts on what its allocation's policies say.
    ///
    /// The caller has the line's turn.
    pub(super) async fn enter(
        self: &Arc<Self>,
        line: &Line,
        allocation: &Arc<Allocation>,
        wish: Wish,
    ) -> Result<(Recorded, RunState), StoreError> {
        let under_way = line.under_way();
        let beside = Beside {
            under_way: under_way.iter().map(|handle| handle.id.instant).collect(),
            waiting: line.waiting().map(|handle| handle.id.instant),
            full: self.berths.full(),
        };
        let admission = policy::admit(allocation.specification.policies.overlap, &beside);
        let state = match &admission {
            Admission::Start => RunState::Claimed,
            Admission::Wait | Admission::Replace => RunState::Waiting,
            Admission::Skip(reason) => RunState::Skipped(reason.clone()),
        };
        let Wish { instant, trigger, following } = wish;
        let is_by_hand = matches!(trigger, Trigger::ByHand(_));
        let run =
            Run::decided(allocation, instant, trigger.clone(), state.clone(), self.clock.now());
        let id = run.id.clone();
        let recorded = if is_by_hand {
            self.store.demand(run, following).await?
        } else {
            self.store.decide(run).await?
        };
        if recorded != Recorded::New {
            debug!(run = %id, ?recorded, "nothing new is decided about the instant");
            return Ok((recorded, state));
        }
        let handle = Handle::new(id, Arc::clone(allocation), trigger, None);
        match admission {
            Admission::Start => {
                line.join(Arc::clone(&handle));
                self.set_out(Journey::new(Arc::clone(self), handle), Stage::Fresh);
            }
            Admission::Wait => self.wait_in(line, handle),
            Admission::Replace => {
                let replaced = line.waiting();
                self.wait_in(line, handle);
                self.replace(line, under_way, replaced, instant).await?;
            }
            Admission::Skip(reason) => info!(run = %handle.id, reason, "run skipped"),
        }
        Ok((Recorded::New, state))
    }

    fn wait_in(&self, line: &Line, handle: Arc<Handle>) {
        info!(run = %handle.id, "run waits for an older one to end");
        line.join_waiting(handle);
        point(Point::Waiting);
    }

    /// Ends the runs that a newer one is to replace.
    async fn replace(
        &self,
        line: &Line,
        under_way: Vec<Arc<Handle>>,
        waiting: Option<Arc<Handle>>,
        by: Instant,
    ) -> Result<(), StoreError> {
        let reason = format!("replaced by the run {by} (`Overlap: Replace`)");
        let cancellation = Cancellation { reason, kill: false };
        for older in under_way {
            self.cancel(&older, cancellation.clone()).await?;
        }
        match waiting {
            Some(waiting) => self.give_up_waiting(line, &waiting, cancellation.reason).await,
            None => Ok(()),
        }
    }

    /// Makes a run under way end; durable before it begins to.
    pub(super) async fn cancel(
        &self,
        handle: &Handle,
        cancellation: Cancellation,
    ) -> Result<(), StoreError> {
        let progress = Progress::Cancelling(cancellation.clone());
        match self.store.note(&handle.id, progress, self.clock.now()).await {
            // It ends by itself in this moment.
            Err(StoreError::RunIsOver { .. } | StoreError::NoSuchRun(_)) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        point(Point::Cancelling);
        handle.cancel(cancellation);
        Ok(())
    }

    /// Ends a run that waits in its line. The caller has the line's turn.
    pub(super) async fn give_up_waiting(
        &self,
        line: &Line,
        handle: &Handle,
        reason: String,
    ) -> Result<(), StoreError> {
        let end = End {
            state: RunState::Cancelled(reason),
            exit: None,
            output: None,
            remarks: Vec::new(),
            at: self.clock.now(),
        };
        match self.store.finish(&handle.id, end).await {
            Err(StoreError::RunIsOver { .. } | StoreError::NoSuchRun(_)) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        line.leave(handle.id.instant);
        self.tell(&handle.id);
        Ok(())
    }
}
