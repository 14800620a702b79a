//! Runs that somebody wants, and runs that somebody wants to end.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use docket_model::{
    Allocation, Run,
    run::{Cancellation, Demand, Instant, RunId, Trigger},
};
use thiserror::Error;

use super::{Runner, decision::Wish};
use crate::store::{Recorded, StoreError};

/// Why somebody does not get what they want.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HandError {
    /// No allocation has the name.
    #[error("no allocation is named `{0}`")]
    NoSuchAllocation(String),
    /// It is still to come.
    #[error("{0} is in the future: only past instants can be made up for")]
    Future(Instant),
    /// The schedule does not name it.
    #[error("{instant} is not an instant of this schedule; {}", nearest(*.before, *.after))]
    NoInstant {
        /// What was asked for.
        instant: Instant,
        /// The last instant before it.
        before: Option<Instant>,
        /// The first one after it.
        after: Option<Instant>,
    },
    /// It may have been carried out, and nobody knows any more.
    #[error(
        "records up to {0} are not kept any more, so it may have run for this instant before: \
         see `Keep`"
    )]
    Pruned(Instant),
    /// A container was created for it before, or it is under way.
    #[error("the run {run} is there already: {state}")]
    Taken {
        /// The run.
        run: RunId,
        /// How far it is, in a word.
        state: &'static str,
    },
    /// The store does not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn nearest(before: Option<Instant>, after: Option<Instant>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("the nearest are {before} and {after}"),
        (Some(one), None) | (None, Some(one)) => format!("the nearest is {one}"),
        (None, None) => "it has none".to_owned(),
    }
}

impl Runner {
    /// Starts a run by hand, by the same policies as any; it may be skipped by them.
    ///
    /// `at` is a past instant to make up for; without it the run is for this moment.
    pub(crate) async fn run_by_hand(
        self: &Arc<Self>,
        name: &str,
        demand: Demand,
        at: Option<DateTime<Utc>>,
    ) -> Result<Arc<Run>, HandError> {
        let demand = Arc::new(demand);
        loop {
            let standing = self.store.standing(name).await?;
            let missing = || HandError::NoSuchAllocation(name.to_owned());
            let allocation = standing.ok_or_else(missing)?.allocation;
            let line = self.lines.of(allocation.uid);
            let turn = line.turn().await;
            let (instant, following) = match at {
                None => (self.this_moment(), None),
                Some(at) => self.past_instant(&allocation, at).await?,
            };
            let trigger = Trigger::ByHand(Arc::clone(&demand));
            let entered =
                self.enter(&line, &allocation, Wish { instant, trigger, following }).await;
            drop(turn);
            self.lines.tidy(allocation.uid, line);
            match entered?.0 {
                Recorded::New => {
                    let run = self.store.run(name, instant).await?;
                    return run.ok_or_else(missing);
                }
                Recorded::Pruned(up_to) => return Err(HandError::Pruned(up_to)),
                Recorded::Taken(run) if at.is_some() => {
                    let state = run.state.word();
                    return Err(HandError::Taken { run: run.id.clone(), state });
                }
                // The allocation was changed, or somebody else wanted a run in this millisecond.
                Recorded::Changed | Recorded::Decided | Recorded::Taken(_) => {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            }
        }
    }

    /// The moment of a run that is wanted now: never a whole second, which may be a schedule's.
    fn this_moment(&self) -> Instant {
        let now = self.clock.now();
        let is_whole = now.timestamp_subsec_millis() == 0;
        Instant::new(if is_whole { now + TimeDelta::milliseconds(1) } else { now })
    }

    /// A past instant that is the schedule's, or has a record, and the schedule's next one.
    async fn past_instant(
        &self,
        allocation: &Allocation,
        at: DateTime<Utc>,
    ) -> Result<(Instant, Option<Instant>), HandError> {
        let instant = Instant::new(at);
        if at > self.clock.now() {
            return Err(HandError::Future(instant));
        }
        let Some(schedule) = allocation.specification.schedule() else {
            return Ok((instant, None));
        };
        let (anchor, zone) = (allocation.anchor(schedule), allocation.zone(self.zone));
        let after = |from| schedule.next(from, anchor, zone).map(Instant::new);
        let following = after(at);
        let is_instant = at.nanosecond() == 0 && after(at - TimeDelta::seconds(1)) == Some(instant);
        let has_record = self.store.run(allocation.name().as_str(), instant).await?.is_some();
        if is_instant || has_record || schedule.text().trim().is_empty() {
            return Ok((instant, following));
        }
        let before = schedule.previous(at, anchor, zone).map(Instant::new);
        Err(HandError::NoInstant { instant, before, after: following })
    }

    /// Makes a run end before its time; returns its record.
    pub(crate) async fn cancel_by_hand(
        &self,
        name: &str,
        instant: Instant,
        cancellation: Cancellation,
    ) -> Result<Arc<Run>, HandError> {
        let missing = || {
            let allocation = docket_model::AllocationName::parse(name);
            match allocation {
                Ok(allocation) => StoreError::NoSuchRun(RunId { allocation, instant }).into(),
                Err(_) => HandError::NoSuchAllocation(name.to_owned()),
            }
        };
        let run = self.store.run(name, instant).await?.ok_or_else(missing)?;
        if run.state.is_over() {
            let (id, state) = (run.id.clone(), run.state.word());
            return Err(StoreError::RunIsOver { id, state }.into());
        }
        let line = self.lines.of(run.uid);
        let turn = line.turn().await;
        let waiting = line.waiting().filter(|waiting| waiting.id.instant == instant);
        let handle = self.lines.find(run.uid, instant);
        match (waiting, handle) {
            (Some(waiting), _) => {
                self.give_up_waiting(&line, &waiting, cancellation.reason).await?;
            }
            (None, Some(handle)) => self.cancel(&handle, cancellation).await?,
            // It ended in this very moment.
            (None, None) => {}
        }
        drop(turn);
        self.lines.tidy(run.uid, line);
        self.store.run(name, instant).await?.ok_or_else(missing)
    }
}
