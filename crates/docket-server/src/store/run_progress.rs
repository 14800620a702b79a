//! What happens to a run under way, and how that changes its record.

use std::{fmt::Display, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Output, Run,
    run::{Attempt, AttemptKey, Cancellation, ContainerId, Exit, Reason, RunState, Step},
};

/// What is learnt of a run under way.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The image is there.
    Pulled {
        /// The image's repository.
        repository: String,
        /// Its tag or digest.
        tag: String,
        /// Why an image that could not be pulled serves all the same.
        stale: Option<String>,
    },
    /// The container was created.
    Created {
        /// Its id.
        container: ContainerId,
        /// The version in which it was seen, where the engine has versions.
        version: Option<Arc<str>>,
        /// The id of the engine that has it, where that has a lasting one.
        engine: Option<Arc<str>>,
        /// Its image's id.
        image: Option<Arc<str>>,
        /// What the engine had to say.
        remarks: Vec<String>,
    },
    /// The container was seen in another version, and is not started yet.
    VersionSeen(Option<Arc<str>>),
    /// The container was asked to start and waits for a node; why, in words.
    Waiting {
        /// What the engine says.
        reason: String,
    },
    /// The container was started.
    Started,
    /// The node of the container is out of reach.
    NodeAway {
        /// Its name.
        node: Arc<str>,
    },
    /// The node of the container is in reach again.
    NodeBack,
    /// The container, which may have been asked to start, is about to be removed; why, in words.
    Replacing {
        /// For the record.
        remark: String,
    },
    /// The engine refuses to hold the name of the container, which an earlier request may still start; why, in
    /// words.
    HoldRefused {
        /// For the record.
        remark: String,
    },
    /// The container is gone and never ran.
    NeverRan,
    /// The older run has ended, so it is this one's turn.
    TurnCame,
    /// Its cancellation was requested.
    Cancelling(Cancellation),
    /// Its container does not end, and why.
    WillNotDie(Reason),
    /// The next attempt begins.
    NextAttempt,
}

impl Progress {
    /// True for what must be durable before the next step: the rest may follow soon after.
    #[must_use]
    pub fn is_momentous(&self) -> bool {
        // After a crash the pull is repeated, and the engine reports whether the container runs.
        !matches!(
            self,
            Self::Pulled { .. }
                | Self::Waiting { .. }
                | Self::Started
                | Self::NodeAway { .. }
                | Self::NodeBack
        )
    }

    /// True for what the record on the wire shows: the rest is no event.
    pub(super) fn is_shown(&self) -> bool {
        !matches!(self, Self::Pulled { stale: None, .. } | Self::VersionSeen(_))
    }
}

/// How the remark about a wait for a node begins.
const WAITING: &str = "it waited for a node: ";
/// Stands between the node and the time in the remark about a node that is out of reach, and that is not reported
/// to be back.
const NODE_AWAY: &str = " is out of reach since ";

/// What is learnt of one part of a run under way.
#[derive(Debug, Clone)]
pub struct PartProgress {
    /// The part. What is of the whole run, such as its cancellation, may name any.
    pub part: u32,
    /// What is learnt.
    pub progress: Progress,
}

/// Progress of the first part, or of the whole run.
impl From<Progress> for PartProgress {
    fn from(progress: Progress) -> Self {
        Self { part: AttemptKey::FIRST.part, progress }
    }
}

/// How an attempt ended, and with it the run or its part, unless there is another attempt.
#[derive(Debug, Clone)]
pub struct End {
    /// The part that ended; absent where the run ends as a whole, with all parts that are not over.
    pub part: Option<u32>,
    /// The state from now on: the end, or between attempts.
    pub state: RunState,
    /// How its container ended, if one did.
    pub exit: Option<Exit>,
    /// When its container started, by docket's clock, where that is not on record.
    pub started_at: Option<DateTime<Utc>>,
    /// What the container wrote.
    pub output: Option<Arc<Output>>,
    /// What was not as it should be about the end.
    pub remarks: Vec<String>,
    /// When all this was known.
    pub at: DateTime<Utc>,
}

impl End {
    /// The end of a whole run, for which no container is known.
    #[must_use]
    pub fn without_container(state: RunState, at: DateTime<Utc>) -> Self {
        Self {
            part: None,
            state,
            exit: None,
            started_at: None,
            output: None,
            remarks: Vec::new(),
            at,
        }
    }
}

impl PartProgress {
    /// Adds what was learnt to the record.
    pub(super) fn apply(self, run: &mut Run, at: DateTime<Utc>) {
        let Self { part, progress } = self;
        let state = match &progress {
            Progress::Started => Some(RunState::Running),
            Progress::TurnCame | Progress::NeverRan => Some(RunState::Starting),
            Progress::WillNotDie(reason) => Some(RunState::Stuck(reason.clone())),
            Progress::NextAttempt => {
                let newest = run.newest_of_part(part);
                let key = newest.map_or(AttemptKey::first_of(part), |attempt| attempt.key.next());
                // A part stays with its engine, and with its node.
                let engine_name = newest.and_then(|attempt| attempt.engine_name.clone());
                let node = newest.and_then(|attempt| attempt.node.clone());
                run.attempts.push(Attempt { engine_name, node, ..Attempt::new(key) });
                Some(RunState::Starting)
            }
            Progress::Pulled { .. }
            | Progress::Created { .. }
            | Progress::VersionSeen(_)
            | Progress::Waiting { .. }
            | Progress::NodeAway { .. }
            | Progress::NodeBack
            | Progress::Replacing { .. }
            | Progress::HoldRefused { .. }
            | Progress::Cancelling(_) => None,
        };
        if let Some(state) = state {
            run.set_part_state(part, state);
        }
        if let Progress::Cancelling(cancellation) = progress {
            run.cancellation = Some(Box::new(cancellation));
        } else if let Some(attempt) = run.newest_of_part_mut(part) {
            let step = progress.step(attempt, at);
            attempt.steps.extend(step.map(|step| (at, step)));
        }
    }
}

impl Progress {
    fn step(self, attempt: &mut Attempt, at: DateTime<Utc>) -> Option<Step> {
        match self {
            Self::Pulled { stale: Some(reason), .. } => {
                attempt.remarks.push(format!("the image could not be pulled: {reason}"));
                Some(Step::NotPulled { reason: reason.into() })
            }
            Self::Pulled { repository, tag, .. } => {
                Some(Step::Pulled { repository: repository.into(), tag: tag.into() })
            }
            Self::Created { container, version, engine, image, remarks } => {
                attempt.container = Some(container);
                attempt.version = version;
                attempt.engine = engine;
                attempt.image = image;
                attempt.remarks.extend(remarks);
                Some(Step::Created)
            }
            Self::VersionSeen(version) => {
                attempt.version = version;
                None
            }
            Self::Waiting { reason } => {
                // The reason changes with the number of nodes, so only the latest is kept.
                attempt.remarks.retain(|remark| !remark.starts_with(WAITING));
                attempt.remarks.push(format!("{WAITING}{reason}"));
                None
            }
            Self::Started => {
                attempt.started_at = Some(at);
                Some(Step::Started)
            }
            Self::NodeAway { node } => {
                // Each life of the server may report it again.
                if !attempt.remarks.iter().any(|remark| remark.contains(NODE_AWAY)) {
                    attempt.remarks.push(format!("its node `{node}`{NODE_AWAY}{}", second(at)));
                }
                None
            }
            Self::NodeBack => {
                note_node_back(attempt, at);
                None
            }
            Self::Replacing { remark } => {
                attempt.remarks.push(remark);
                None
            }
            Self::HoldRefused { remark } => {
                // Each life of the server may say it again.
                if !attempt.remarks.contains(&remark) {
                    attempt.remarks.push(remark);
                }
                None
            }
            Self::NeverRan => {
                // A stored id whose container is gone would make the run a lost one.
                attempt.container = None;
                attempt.started_at = None;
                None
            }
            Self::WillNotDie(reason) => Some(Step::Error(Box::new(reason))),
            Self::TurnCame | Self::Cancelling(_) | Self::NextAttempt => None,
        }
    }
}

impl End {
    /// Adds the end to the record.
    pub(super) fn apply(self, run: &mut Run) {
        // The exit code of a container explains its end; without one the reason has to.
        let error = match &self.state {
            RunState::Succeeded => None,
            state if self.exit.as_ref().is_none_or(|exit| exit.code.is_none()) => state.reason(),
            _ => None,
        };
        let error = error.map(|reason| Step::Error(Box::new(reason.clone())));
        match self.part {
            Some(part) => run.set_part_state(part, self.state),
            None => run.set_state(self.state),
        }
        let is_over = run.state.is_over();
        run.ended_at = is_over.then_some(self.at);
        // Other parts may have ended later by the clock of docket, or not have ended.
        let ended_before = run.attempts.iter().filter_map(Attempt::ended_at).max();
        let ended_before = ended_before.filter(|_| run.has_parts());
        let part = part_of(self.part, run);
        let Some(attempt) = run.newest_of_part_mut(part) else { return };
        attempt.steps.extend(self.exit.as_ref().map(|_| (self.at, Step::Exited)));
        attempt.steps.extend(error.map(|step| (self.at, step)));
        // Usually nothing follows, and a server may hold very many records.
        attempt.steps.shrink_to_fit();
        attempt.remarks.extend(self.remarks);
        // A container that is found again may have lost its log: the output of before stays.
        attempt.output = self.output.or(attempt.output.take());
        let Some(exit) = self.exit else { return };
        // Only its node can have reported its end.
        note_node_back(attempt, self.at);
        attempt.started_at = started_at(attempt, attempt.started_at.or(self.started_at), &exit);
        attempt.image = exit.image.clone().or(attempt.image.take());
        attempt.exit = Some(exit);
        let ended_at = attempt.ended_at();
        // A run ends when its container does, not when docket notices.
        if is_over && ended_at.is_some() {
            run.ended_at = ended_at.max(ended_before);
        }
    }
}

/// Turns the remark about a node that is out of reach into one about the time for which it was.
fn note_node_back(attempt: &mut Attempt, at: DateTime<Utc>) {
    for remark in &mut attempt.remarks {
        if let Some((node, since)) = remark.split_once(NODE_AWAY) {
            *remark = format!("{node} was out of reach from {since} to {}", second(at));
        }
    }
}

fn second(at: DateTime<Utc>) -> impl Display {
    at.format("%FT%TZ")
}

/// The part whose newest attempt an end is of; for a whole run that of its newest attempt.
pub(super) fn part_of(part: Option<u32>, run: &Run) -> u32 {
    let newest = run.attempt().map_or(AttemptKey::FIRST, |attempt| attempt.key);
    part.unwrap_or(newest.part)
}

/// When a container started, as exactly as can be said by docket's clock: when the engine says, but
/// between the two moments that docket noted before and after its start request.
fn started_at(
    attempt: &Attempt,
    noted: Option<DateTime<Utc>>,
    exit: &Exit,
) -> Option<DateTime<Utc>> {
    match (attempt.created_at(), noted, exit.started_at) {
        (Some(before), Some(after), Some(by_the_engine)) => {
            // `clamp` panics where its bounds are swapped, as after a clock that was set back.
            Some(by_the_engine.clamp(before, after.max(before)))
        }
        (_, noted, by_the_engine) => noted.or(by_the_engine),
    }
}
