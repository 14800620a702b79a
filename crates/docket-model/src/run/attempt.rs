//! One attempt of a run: its container, its steps, its exit and its output.

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::{Node, Reason, place};
use crate::output::Output;

/// The bytes of the text of a container's id, with its reference count.
// 64 hexadecimal digits and two counters.
const CONTAINER_ID_WEIGHT: usize = 80;

/// The id that an engine gave a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
// Shared, because an id is copied into every task and message about its container.
pub struct ContainerId(pub Arc<str>);

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part that a run of one container has; unnamed on the wire, in names and in labels.
const FIRST_PART: u32 = 1;

/// The name of the engine that runs go to where nothing names another one.
pub const DEFAULT_ENGINE: &str = "default";

/// Names an attempt within its run: the part of the run, and the attempt at that part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey {
    /// Counted from 1. A run with one container has one part.
    pub part: u32,
    /// Counted from 1.
    pub number: u32,
}

impl AttemptKey {
    /// The first attempt at the first part.
    pub const FIRST: Self = Self { part: FIRST_PART, number: 1 };

    /// The first attempt at a part.
    #[must_use]
    pub fn first_of(part: u32) -> Self {
        Self { part, number: 1 }
    }

    /// The next attempt at the same part.
    #[must_use]
    pub fn next(self) -> Self {
        // `Retries.Limit` ends a run long before the number does.
        Self { number: self.number.saturating_add(1), ..self }
    }

    /// The number of the part, where the run has several.
    #[must_use]
    pub fn named_part(self) -> Option<u32> {
        (self.part != FIRST_PART).then_some(self.part)
    }
}

/// An attempt at the first part.
impl From<u32> for AttemptKey {
    fn from(number: u32) -> Self {
        Self { number, ..Self::FIRST }
    }
}

/// `2`, or `p3.2` for an attempt at the third part.
impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = self.named_part() {
            write!(f, "p{part}.")?;
        }
        write!(f, "{}", self.number)
    }
}

/// A step of an attempt; shown in the allocation's `Logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The image was pulled, or was on the engine already. It is stored as a list of two texts; earlier
    /// versions stored their names too.
    #[serde(serialize_with = "as_list")]
    Pulled {
        /// The image's repository, as it is written in the specification.
        repository: Box<str>,
        /// Its tag or digest.
        tag: Box<str>,
    },
    /// The pull failed, and the local image is used.
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
    /// Something failed.
    Error(Box<Reason>),
}

fn as_list<S: Serializer>(one: &str, other: &str, serializer: S) -> Result<S::Ok, S::Error> {
    (one, other).serialize(serializer)
}

impl Step {
    /// How many bytes its texts take.
    fn text(&self) -> usize {
        match self {
            Self::Pulled { repository, tag } => repository.len() + tag.len(),
            Self::NotPulled { reason } => reason.len(),
            Self::Error(reason) => size_of_val(&**reason) + reason.weight(),
            Self::Created | Self::Started | Self::Exited => 0,
        }
    }
}

/// One attempt of a run. What is not known yet is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its part and its number.
    pub key: AttemptKey,
    /// The steps so far with their times, by docket's clock.
    pub steps: Vec<(DateTime<Utc>, Step)>,
    /// The id of its container.
    pub container: Option<ContainerId>,
    /// The version in which the container was seen last, where the engine has versions.
    pub version: Option<Arc<str>>,
    /// The name of the engine that creates the container, by the server's configuration.
    pub engine_name: Option<Arc<str>>,
    /// The id of that engine, if it has one that lasts.
    pub engine: Option<Arc<str>>,
    /// The only node of the engine that may run the container, where its part was given one.
    pub node: Option<Arc<Node>>,
    /// The id of the container's image.
    pub image: Option<Arc<str>>,
    /// What did not go as specified, such as an image that could not be pulled.
    pub remarks: Vec<String>,
    /// When the container was started, by docket's clock.
    pub started_at: Option<DateTime<Utc>>,
    /// How its container ended.
    pub exit: Option<Exit>,
    /// The output of its container.
    pub output: Option<Arc<Output>>,
}

impl Attempt {
    /// A new attempt.
    #[must_use]
    pub fn new(key: impl Into<AttemptKey>) -> Self {
        Self {
            key: key.into(),
            steps: Vec::new(),
            container: None,
            version: None,
            engine_name: None,
            engine: None,
            node: None,
            image: None,
            remarks: Vec::new(),
            started_at: None,
            exit: None,
            output: None,
        }
    }

    /// Its engine and node, where they are not the default: `engine west, node w3`.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        place(self.engine_name.as_deref(), self.node_name())
    }

    /// The name of its node, where its part was given one.
    #[must_use]
    pub fn node_name(&self) -> Option<&str> {
        self.node.as_ref().map(|node| &*node.name)
    }

    /// When the id of its container was noted, by docket's clock; the container did not run before.
    #[must_use]
    pub fn created_at(&self) -> Option<DateTime<Utc>> {
        self.noted(|step| matches!(step, Step::Created))
    }

    /// How long its container ran, by the engine's clock alone.
    #[must_use]
    pub fn duration(&self) -> Option<TimeDelta> {
        let exit = self.exit.as_ref()?;
        // An engine whose clock is set back meanwhile reports an end before the start.
        Some((exit.ended_at? - exit.started_at?).max(TimeDelta::zero()))
    }

    /// How long its container ran: by the engine's clock, or by docket's if the engine does not report it.
    #[must_use]
    pub fn lasted(&self) -> Option<TimeDelta> {
        let by_docket = || Some((self.ended_at()? - self.started_at?).max(TimeDelta::zero()));
        self.duration().or_else(by_docket)
    }

    /// When its container ended, by docket's clock: its duration after its start, but no later than when
    /// docket noticed the end, which also counts if the duration is not known.
    #[must_use]
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        let noticed_at = self.noted(|step| matches!(step, Step::Exited))?;
        match (self.started_at, self.duration()) {
            // The engine's own end is by another clock, so only its duration is used.
            (Some(started_at), Some(duration)) => Some((started_at + duration).min(noticed_at)),
            _ => Some(noticed_at),
        }
    }

    /// When the newest of these steps was noted.
    fn noted(&self, matches: impl Fn(&Step) -> bool) -> Option<DateTime<Utc>> {
        // A container may be created twice in one attempt, if the first one was replaced.
        let mut newest_first = self.steps.iter().rev();
        newest_first.find(|(_, step)| matches(step)).map(|(at, _)| *at)
    }

    /// How many bytes it takes in memory with its output, about.
    pub(super) fn weight(&self) -> usize {
        let steps = self.steps.iter().map(|(_, step)| size_of_val(step) + step.text());
        let steps = steps.sum::<usize>() + self.steps.len() * size_of::<DateTime<Utc>>();
        let remarks = self.remarks.iter().map(String::len).sum::<usize>();
        let output = self.output.as_ref().map_or(0, |output| output.weight());
        // Texts behind `Arc`, such as the name of the engine, are mostly shared by many runs.
        let error = self.exit.as_ref().and_then(|exit| exit.error.as_ref()).map_or(0, String::len);
        let node = self.node.as_ref().map_or(0, |node| node.weight());
        size_of::<Self>() + steps + remarks + output + error + node + CONTAINER_ID_WEIGHT
    }
}

/// How a container ended, as the engine reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code of its main process; 128 plus the signal's number if a signal killed it. `None` if the
    /// engine does not report it.
    pub code: Option<i64>,
    /// The id of the container's image, if the engine reports it.
    pub image: Option<Arc<str>>,
    /// When it started, by the engine's clock.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, by the engine's clock.
    pub ended_at: Option<DateTime<Utc>>,
    /// The engine's own error message, if there is one.
    pub error: Option<String>,
    /// Why it ended, if its program did not end by itself.
    pub cause: Option<ExitCause>,
}

/// Why a container ended whose program did not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCause {
    /// It was killed: by docket, another program, or the kernel.
    Killed,
    /// The kernel killed it because it used too much memory.
    OutOfMemory,
    /// The engine, or the host, stopped while the container ran.
    EngineWentDown,
    /// docket stopped it, as its engine has noted; nothing else is known of its end.
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_is_unnamed_and_each_part_counts_its_own_attempts() {
        let of_part_3 = AttemptKey { part: 3, number: 2 };

        assert_eq!(AttemptKey::from(2).to_string(), "2");
        assert_eq!(of_part_3.next().to_string(), "p3.3");
        let parts = [AttemptKey::FIRST, of_part_3].map(AttemptKey::named_part);
        assert_eq!(parts, [None, Some(3)]);
    }
}
