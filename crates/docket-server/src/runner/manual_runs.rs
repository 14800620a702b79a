//! Manual runs and cancellations.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use docket_model::{
    Allocation, Run,
    run::{Cancellation, Instant, ManualRequest, RunId, RunState, StateWord, Trigger},
};
use thiserror::Error;
use tokio::time::timeout;

use super::{
    NoTerm, Runner, Stopped, confirm_runs, due_instants::RunRequest, node_shortages::Shortage,
    place_parts::NotYet,
};
use crate::{
    engine::Finding,
    store::{ClaimOutcome, InstantKind, StoreError},
};

/// Why a manual run does not start for now.
const NO_ENGINE_ANSWERS: &str =
    "no engine that its `Placement` allows answers; `docket engines` says why";

/// Why a manual run or a cancellation is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ManualError {
    /// No allocation has the name.
    #[error("no allocation is named `{0}`")]
    NoSuchAllocation(String),
    /// It is still to come.
    #[error("{}", self.in_words(Instant::to_string))]
    Future(Instant),
    /// The schedule does not name it.
    #[error("{}", self.in_words(Instant::to_string))]
    NoInstant {
        /// What was asked for.
        instant: Instant,
        /// The last instant before it.
        before: Option<Instant>,
        /// The first one after it.
        after: Option<Instant>,
    },
    /// It may have run: its record is not kept any more.
    #[error("{}", self.in_words(Instant::to_string))]
    Pruned(Instant),
    /// A container was created for it before, or it is under way.
    #[error("the run {run} exists already: it {}", state.clause())]
    Taken {
        /// The run.
        run: RunId,
        /// How far it is, in a word.
        state: StateWord,
    },
    /// No engine fits the placement of the allocation.
    #[error("no engine fits the `Placement` of this allocation: {0}")]
    NoEngine(String),
    /// Fewer nodes fit its placement than its runs need.
    #[error("this allocation cannot run now: {0}")]
    TooFewNodes(String),
    /// The engine cannot do what the specification asks for.
    #[error("the engine cannot run this allocation: `{field}`: {message}")]
    Refused {
        /// The field of the specification.
        field: String,
        /// Why, in words.
        message: String,
    },
    /// Nothing starts on this server.
    #[error("nothing starts now: {0}")]
    NothingStarts(String),
    /// The term of the server has ended.
    #[error(transparent)]
    NoTerm(#[from] NoTerm),
    /// The store does not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Stopped> for ManualError {
    fn from(_: Stopped) -> Self {
        Self::NoTerm(NoTerm("its term has just ended".into()))
    }
}

impl ManualError {
    /// The error with its instants shown in some way.
    pub(crate) fn in_words(&self, show: impl Fn(&Instant) -> String) -> String {
        match self {
            Self::Future(instant) => {
                format!("{} is in the future: only past instants can be backfilled", show(instant))
            }
            Self::NoInstant { instant, before, after } => {
                let nearest = match (before, after) {
                    (Some(before), Some(after)) => {
                        format!("the nearest are {} and {}", show(before), show(after))
                    }
                    (Some(one), None) | (None, Some(one)) => {
                        format!("the nearest is {}", show(one))
                    }
                    (None, None) => "it has none".to_owned(),
                };
                format!("{} is not an instant of this schedule; {nearest}", show(instant))
            }
            Self::Pruned(instant) => format!(
                "records up to {} are not kept any more, so it may have run for this instant before: \
                 see `Keep`",
                show(instant)
            ),
            other => other.to_string(),
        }
    }
}

/// What a past instant is to a schedule and to the record.
#[derive(Debug, Clone, Copy)]
struct Past {
    wanted: InstantKind,
    /// The number of the first attempt that is still to be made for it.
    attempt: u32,
}

impl Runner {
    /// Starts a manual run, by the same policies as any; they may skip it.
    ///
    /// `at` is a past instant to make up for; without it the run is for this moment.
    pub(crate) async fn run_manually(
        self: &Arc<Self>,
        name: &str,
        manual: ManualRequest,
        at: Option<DateTime<Utc>>,
    ) -> Result<Arc<Run>, ManualError> {
        // To its end: a client that disconnects must not leave a claimed run without a task.
        let (runner, name) = (Arc::clone(self), name.to_owned());
        let manual = Arc::new(manual);
        self.records
            .term
            .to_its_end(async move { runner.start_manual_run(&name, manual, at).await })
            .await?
    }

    async fn start_manual_run(
        self: &Arc<Self>,
        name: &str,
        manual: Arc<ManualRequest>,
        at: Option<DateTime<Utc>>,
    ) -> Result<Arc<Run>, ManualError> {
        if timeout(confirm_runs::FOR_REQUESTS, self.context.standby.may_start()).await.is_err() {
            let reason = self.context.standby.state().reason().unwrap_or_default();
            return Err(ManualError::NothingStarts(reason));
        }
        loop {
            let status = self.records.store.status(name);
            let missing = || ManualError::NoSuchAllocation(name.to_owned());
            let allocation = status.ok_or_else(missing)?.allocation;
            let queue = self.records.confirmed_lock(&allocation, confirm_runs::FOR_REQUESTS).await;
            let request = match at {
                None => RunRequest::due(self.this_moment(), Trigger::Manual(Arc::clone(&manual))),
                Some(at) => {
                    let Past { wanted, attempt } = self.past_instant(&allocation, at).await?;
                    let manual = ManualRequest { earlier: attempt - 1, ..(*manual).clone() };
                    let trigger = Trigger::Manual(Arc::new(manual));
                    RunRequest { wanted, attempt, ..RunRequest::due(Instant::new(at), trigger) }
                }
            };
            let instant = request.instant;
            let places = match self.placement.places(&allocation).await {
                Ok(places) => places,
                Err(NotYet(Some(Shortage { words, .. }))) => {
                    return Err(ManualError::TooFewNodes(words));
                }
                Err(NotYet(None)) => {
                    let unfit = self.engines.unfit(&allocation.specification.policies.placement);
                    return Err(match unfit {
                        Some(unfit) => ManualError::NoEngine(unfit.message),
                        None => ManualError::NothingStarts(NO_ENGINE_ANSWERS.to_owned()),
                    });
                }
            };
            let checked =
                places.engines().flat_map(|engine| engine.check(&allocation.specification));
            if let Some(Finding { field, message, .. }) =
                checked.into_iter().find(|finding| finding.is_fatal)
            {
                return Err(ManualError::Refused { field, message });
            }
            let recorded = self.enter(&queue, places, &allocation, request).await?;
            drop(queue);
            match recorded {
                ClaimOutcome::New => {
                    let run = self.records.store.run(name, instant).await?;
                    return run.ok_or_else(missing);
                }
                ClaimOutcome::Pruned(up_to) => return Err(ManualError::Pruned(up_to)),
                ClaimOutcome::Taken(run) if at.is_some() => {
                    let state = run.word();
                    return Err(ManualError::Taken { run: run.id.clone(), state });
                }
                // The allocation was changed, or another request came in this millisecond.
                ClaimOutcome::Changed
                | ClaimOutcome::Decided(_)
                | ClaimOutcome::Beside(_)
                | ClaimOutcome::Taken(_) => {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            }
        }
    }

    /// The moment of a run that is wanted now: never a whole second, which may be a schedule's, and
    /// never in the future.
    fn this_moment(&self) -> Instant {
        let now = self.records.now();
        let is_whole = now.timestamp_subsec_millis() == 0;
        Instant::new(if is_whole { now - TimeDelta::milliseconds(1) } else { now })
    }

    /// Finds a past instant that is the schedule's, or has a record.
    async fn past_instant(
        &self,
        allocation: &Allocation,
        at: DateTime<Utc>,
    ) -> Result<Past, ManualError> {
        let instant = Instant::new(at);
        if at > self.records.now() {
            return Err(ManualError::Future(instant));
        }
        let record = self.records.store.run(allocation.name().as_str(), instant).await?;
        let attempts = record.iter().flat_map(|run| &run.attempts);
        // Of any part: the run may have other parts than before.
        let newest = attempts.map(|attempt| attempt.key.number).max();
        let attempt = newest.unwrap_or_default().saturating_add(1);
        let Some(schedule) = allocation.specification.schedule() else {
            let is_instant = record.is_some() || self.is_of_a_parent(allocation, instant).await?;
            let wanted = if is_instant { InstantKind::Instant(None) } else { InstantKind::Moment };
            return Ok(Past { wanted, attempt });
        };
        let (anchor, zone) =
            (allocation.anchor(schedule), allocation.zone(self.context.deadlines.zone));
        let after = |from| schedule.next(from, anchor, zone).map(Instant::new);
        let following = after(at);
        let is_instant = at.nanosecond() == 0 && after(at - TimeDelta::seconds(1)) == Some(instant);
        if is_instant || record.is_some() {
            return Ok(Past { wanted: InstantKind::Instant(following), attempt });
        }
        // With an empty `Cron` there are no instants, so any past moment can be backfilled.
        if schedule.text().trim().is_empty() {
            return Ok(Past { wanted: InstantKind::Moment, attempt });
        }
        let before = schedule.previous(at, anchor, zone).map(Instant::new);
        Err(ManualError::NoInstant { instant, before, after: following })
    }

    /// True where one that this allocation runs after has succeeded for the instant.
    async fn is_of_a_parent(
        &self,
        allocation: &Allocation,
        instant: Instant,
    ) -> Result<bool, StoreError> {
        for parent in allocation.specification.parents() {
            let run = self.records.store.run(parent.as_str(), instant).await?;
            if run.is_some_and(|run| run.state == RunState::Succeeded) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes a run end before its time; returns its record.
    pub(crate) async fn cancel_manually(
        self: &Arc<Self>,
        name: &str,
        instant: Instant,
        cancellation: Cancellation,
    ) -> Result<Arc<Run>, ManualError> {
        let (runner, name) = (Arc::clone(self), name.to_owned());
        let cancelling = async move { runner.cancel_run(&name, instant, cancellation).await };
        self.records.term.to_its_end(cancelling).await?
    }

    async fn cancel_run(
        &self,
        name: &str,
        instant: Instant,
        cancellation: Cancellation,
    ) -> Result<Arc<Run>, ManualError> {
        let missing = || {
            let allocation = docket_model::AllocationName::parse(name);
            match allocation {
                Ok(allocation) => StoreError::NoSuchRun(RunId { allocation, instant }).into(),
                Err(_) => ManualError::NoSuchAllocation(name.to_owned()),
            }
        };
        let run = self.records.store.run(name, instant).await?.ok_or_else(missing)?;
        if run.state.is_over() {
            let (id, state) = (run.id.clone(), run.word());
            return Err(StoreError::RunIsOver { id, state }.into());
        }
        // Under the lock a run that waits cannot begin before its end is recorded.
        let queue = self.records.queues.lock(run.uid).await;
        let waiting = queue.all_waiting().into_iter().find(|run| run.id.instant == instant);
        match (waiting, self.records.queues.find(run.uid, instant)) {
            (Some(waiting), _) => {
                self.records.give_up_waiting(&queue, &waiting, cancellation.reason).await?;
            }
            (None, Some(handle)) => self.records.cancel(&handle, cancellation).await?,
            // It ended in this very moment, or is being adopted, and continues from its record.
            (None, None) => {
                self.records.note_cancelling(&run.id, run.uid, cancellation).await?;
            }
        }
        drop(queue);
        self.records.store.run(name, instant).await?.ok_or_else(missing)
    }
}
