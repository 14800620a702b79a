//! Runs: what docket did about one instant of an allocation.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{allocation::Allocation, name::AllocationName, output::Output};

/// An instant as it stands in a run's name: `20261121T090000Z`, with milliseconds if it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instant(DateTime<Utc>);

/// A text that names no instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no run: runs are named by their instant in UTC, such as 20261121T090000Z")]
pub struct InvalidInstant(String);

impl Instant {
    /// The moment itself, cut to milliseconds.
    #[must_use]
    pub fn new(moment: DateTime<Utc>) -> Self {
        let millis = moment.nanosecond() / 1_000_000 * 1_000_000;
        Self(moment.with_nanosecond(millis).unwrap_or(moment))
    }

    /// The moment that this instant names.
    #[must_use]
    pub fn moment(self) -> DateTime<Utc> {
        self.0
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.0.nanosecond() == 0 { "%Y%m%dT%H%M%SZ" } else { "%Y%m%dT%H%M%S%.3fZ" };
        self.0.format(form).fmt(f)
    }
}

impl FromStr for Instant {
    type Err = InvalidInstant;

    fn from_str(text: &str) -> Result<Self, InvalidInstant> {
        let read = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S%.fZ");
        let instant = read.map(|naive| Self::new(naive.and_utc()));
        match instant {
            // One instant has one name, so that a run has one address.
            Ok(instant) if instant.to_string() == text => Ok(instant),
            _ => Err(InvalidInstant(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Instant {
    type Error = InvalidInstant;
    fn try_from(text: String) -> Result<Self, InvalidInstant> {
        text.parse()
    }
}

impl From<Instant> for String {
    fn from(instant: Instant) -> Self {
        instant.to_string()
    }
}

/// Names a run: its allocation and its instant. The name is the lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId {
    /// Whose run it is.
    pub allocation: AllocationName,
    /// The instant it accounts for.
    pub instant: Instant,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.allocation, self.instant)
    }
}

/// What made a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Its instant came.
    Schedule,
    /// Its instant had gone by, and it was made up for.
    CatchUp,
    /// Somebody wanted it.
    ByHand(Arc<Demand>),
    /// All that it runs after had succeeded.
    AfterParent,
}

impl Trigger {
    /// All words that [`Trigger::word`] may be.
    pub const WORDS: [&str; 4] = ["Schedule", "CatchUp", "ByHand", "AfterParent"];

    /// The trigger as one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Schedule => "Schedule",
            Self::CatchUp => "CatchUp",
            Self::ByHand(_) => "ByHand",
            Self::AfterParent => "AfterParent",
        }
    }

    /// What was wanted of a run by hand.
    #[must_use]
    pub fn demand(&self) -> Option<&Arc<Demand>> {
        match self {
            Self::ByHand(demand) => Some(demand),
            _ => None,
        }
    }
}

/// What somebody wants of a run by hand.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Demand {
    /// Who asks.
    pub by: String,
    /// The command in place of the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Variables as `KEY=VALUE`, beside or in place of the container's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// How many attempts there were for its instant before: `Retries` do not count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Values of variables may be secrets, so only their names are shown.
impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand")
            .field("by", &self.by)
            .field("command", &self.command)
            .field("environment", &self.variables().collect::<Vec<_>>())
            .field("earlier", &self.earlier)
            .finish()
    }
}

impl Demand {
    /// How many bytes it takes, about.
    fn weight(&self) -> usize {
        let lines = self.command.iter().flatten().chain(&self.environment);
        let lines = lines.map(|line| size_of::<String>() + line.len());
        size_of::<Self>() + self.by.len() + lines.sum::<usize>()
    }

    /// The names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.environment
            .iter()
            .map(|line| line.split_once('=').map_or(line.as_str(), |(key, _)| key))
    }
}

/// Somebody wants a run under way to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cancellation {
    /// Who and why, in words.
    pub reason: String,
    /// True where the container gets no time to end by itself.
    pub kill: bool,
}

/// How far a run is, or how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It waits for an older run of the allocation to end.
    Waiting,
    /// The right to start it was taken; no container runs yet.
    Claimed,
    /// Its container runs.
    Running,
    /// An attempt failed, and there will be another.
    BetweenAttempts {
        /// Why the last attempt failed, in words.
        reason: String,
        /// When the next attempt begins.
        until: DateTime<Utc>,
    },
    /// Its container was to end and goes on; why, in words. It is looked at again.
    WillNotDie(String),
    /// The container ended with exit code 0.
    Succeeded,
    /// It did not, or never started; the reason in words.
    Failed(String),
    /// It took longer than it may.
    TimedOut(String),
    /// Somebody ended it, or the allocation went away before a container was made.
    Cancelled(String),
    /// Nothing started for this instant, as a policy or a bound demands.
    Skipped(String),
    /// Nothing started for this instant and those after it up to `last`.
    Missed {
        /// Why, in words.
        reason: String,
        /// The last instant of the span.
        last: Instant,
        /// How many instants the span has.
        count: u64,
    },
    /// Its container is out of reach, so nobody knows how it ended; it is never started again.
    Lost(String),
}

impl RunState {
    /// All words that [`RunState::word`] may be.
    pub const WORDS: [&str; 12] = [
        "waiting",
        "claimed",
        "running",
        "between-attempts",
        "will-not-die",
        "succeeded",
        "failed",
        "timed-out",
        "cancelled",
        "skipped",
        "missed",
        "lost",
    ];

    /// The state as one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Running => "running",
            Self::BetweenAttempts { .. } => "between-attempts",
            Self::WillNotDie(_) => "will-not-die",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::TimedOut(_) => "timed-out",
            Self::Cancelled(_) => "cancelled",
            Self::Skipped(_) => "skipped",
            Self::Missed { .. } => "missed",
            Self::Lost(_) => "lost",
        }
    }

    /// Why it is so, where a reason belongs to the state.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::WillNotDie(reason)
            | Self::Failed(reason)
            | Self::TimedOut(reason)
            | Self::Cancelled(reason)
            | Self::Skipped(reason)
            | Self::Missed { reason, .. }
            | Self::BetweenAttempts { reason, .. }
            | Self::Lost(reason) => Some(reason),
            Self::Waiting | Self::Claimed | Self::Running | Self::Succeeded => None,
        }
    }

    /// True once nothing more happens to the run.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(
            self,
            Self::Waiting
                | Self::Claimed
                | Self::Running
                | Self::BetweenAttempts { .. }
                | Self::WillNotDie(_)
        )
    }

    /// True where it ended without success, so that its record outlives those of successes.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut(_) | Self::Missed { .. } | Self::Lost(_))
    }
}

/// What the text of a container's id weighs, with the count of its sharers.
const CONTAINER_ID_WEIGHT: usize = 80;

/// The id that an engine gave a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerId(pub Arc<str>);

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A step on the way of an attempt; shown in the allocation's `Logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The image is there.
    Pulled {
        /// The image's repository, as it was written.
        repository: Box<str>,
        /// Its tag or digest.
        tag: Box<str>,
    },
    /// It could not be pulled, and the one that the engine has serves.
    NotPulled {
        /// Why.
        reason: Box<str>,
    },
    /// The container was created.
    Created,
    /// The container was started.
    Started,
    /// The container ended.
    Exited,
    /// Something failed, in words.
    Error(Box<str>),
}

impl Step {
    /// How many bytes its words take.
    fn text(&self) -> usize {
        match self {
            Self::Pulled { repository, tag } => repository.len() + tag.len(),
            Self::NotPulled { reason } | Self::Error(reason) => reason.len(),
            Self::Created | Self::Started | Self::Exited => 0,
        }
    }
}

/// One try to carry out a run. What is not known yet is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// What was done so far, and when, by docket's clock.
    pub steps: Vec<(DateTime<Utc>, Step)>,
    /// The container that was created for it.
    pub container: Option<ContainerId>,
    /// The id of the engine that has the container.
    pub engine: Option<Arc<str>>,
    /// The id of the image that the container was made from.
    pub image: Option<Arc<str>>,
    /// What went well enough but not as asked, such as an image that could not be pulled.
    pub remarks: Vec<String>,
    /// When the container was started, by the engine's clock.
    pub started_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub exit: Option<Exit>,
    /// What it wrote.
    pub output: Option<Arc<Output>>,
}

impl Attempt {
    /// An attempt of which nothing is known yet.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self {
            number,
            steps: Vec::new(),
            container: None,
            engine: None,
            image: None,
            remarks: Vec::new(),
            started_at: None,
            exit: None,
            output: None,
        }
    }
}

/// How a container ended, as the engine tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code of its main process; 128 and the signal's number where one ended it.
    pub code: i64,
    /// The id of the image that the container was made from, where the engine tells it.
    pub image: Option<Arc<str>>,
    /// True where the kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// When it started, by the engine's clock.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, by the engine's clock.
    pub ended_at: Option<DateTime<Utc>>,
    /// What the engine itself says went wrong, if it says anything.
    pub error: Option<String>,
    /// True where the engine went away while the container ran.
    pub engine_went_down: bool,
}

/// The record of what was done about one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its allocation and instant.
    pub id: RunId,
    /// The allocation's uid when the run was claimed.
    pub uid: Uuid,
    /// The revision of the specification that it uses, whatever is pushed later.
    pub revision: u64,
    /// What made it.
    pub trigger: Trigger,
    /// When the record was made: the decision to start, or not to.
    pub decided_at: DateTime<Utc>,
    /// How far it is.
    pub state: RunState,
    /// Set once somebody wants it to end.
    pub cancellation: Option<Box<Cancellation>>,
    /// When nothing more was to be done.
    pub ended_at: Option<DateTime<Utc>>,
    /// The tries so far, the first one first.
    pub attempts: Vec<Attempt>,
}

impl Run {
    /// The record of a decision about an instant of this allocation.
    ///
    /// A run that is over, because nothing starts, has no attempts.
    #[must_use]
    pub fn decided(
        allocation: &Allocation,
        instant: Instant,
        trigger: Trigger,
        state: RunState,
        decided_at: DateTime<Utc>,
    ) -> Self {
        let is_over = state.is_over();
        Self {
            id: RunId { allocation: allocation.name().clone(), instant },
            uid: allocation.uid,
            revision: allocation.revision,
            trigger,
            decided_at,
            state,
            cancellation: None,
            ended_at: is_over.then_some(decided_at),
            attempts: if is_over { Vec::new() } else { vec![Attempt::new(1)] },
        }
    }

    /// True if a container was ever created for it.
    #[must_use]
    pub fn had_container(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.container.is_some())
    }

    /// How long after its instant the first container started; absent while none has.
    #[must_use]
    pub fn lateness(&self) -> Option<TimeDelta> {
        let started = self.attempts.first()?.started_at?;
        Some(started - self.id.instant.moment())
    }

    /// The latest instant that the record accounts for: its own, or the end of a span.
    #[must_use]
    pub fn latest(&self) -> Instant {
        match &self.state {
            RunState::Missed { last, .. } => *last,
            _ => self.id.instant,
        }
    }

    /// How many bytes the record and its outputs take in memory, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let attempts = self.attempts.iter().map(|attempt| {
            let steps = attempt.steps.iter().map(|(_, step)| size_of_val(step) + step.text());
            let steps = steps.sum::<usize>() + attempt.steps.len() * size_of::<DateTime<Utc>>();
            let remarks = attempt.remarks.iter().map(String::len).sum::<usize>();
            let output = attempt.output.as_ref().map_or(0, |output| output.kept());
            size_of::<Attempt>() + steps + remarks + output + CONTAINER_ID_WEIGHT
        });
        let reason = self.state.reason().map_or(0, str::len);
        let demand = self.trigger.demand().map_or(0, |demand| demand.weight());
        let cancellation = self.cancellation.as_ref().map_or(0, |wanted| wanted.reason.len());
        size_of::<Self>() + reason + demand + cancellation + attempts.sum::<usize>()
    }

    /// The newest attempt.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The newest attempt, to be added to.
    pub fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_weighs_all_its_texts() {
        let text = "x".repeat(1000);
        let moment = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let instant = Instant::new(moment);
        let mut run = Run {
            id: RunId { allocation: AllocationName::parse("a").unwrap(), instant },
            uid: Uuid::nil(),
            revision: 1,
            trigger: Trigger::Schedule,
            decided_at: moment,
            state: RunState::Claimed,
            cancellation: None,
            ended_at: None,
            attempts: vec![Attempt::new(1)],
        };
        let bare = run.weight();

        run.trigger = Trigger::ByHand(Arc::new(Demand {
            by: text.clone(),
            command: Some(vec![text.clone()]),
            environment: vec![text.clone()],
            earlier: 0,
        }));
        run.cancellation = Some(Box::new(Cancellation { reason: text.clone(), kill: false }));
        let steps = [
            Step::Pulled { repository: text.clone().into(), tag: text.clone().into() },
            Step::NotPulled { reason: text.clone().into() },
            Step::Error(text.into()),
        ];
        run.attempts[0].steps.extend(steps.map(|step| (moment, step)));

        assert!(run.weight() >= bare + 8 * 1000, "{} of {bare}", run.weight());
    }

    #[test]
    fn an_instant_has_one_name_and_is_read_back_from_it() {
        for name in ["20261121T090000Z", "20261121T090000.250Z"] {
            let instant: Instant = name.parse().unwrap();
            assert_eq!(instant.to_string(), name);
        }
        for text in
            ["", "latest", "2026-11-21T09:00:00Z", "20261121T090000.000Z", "20261121T250000Z"]
        {
            assert_eq!(text.parse::<Instant>(), Err(InvalidInstant(text.to_owned())));
        }
    }
}
