//! The task of a service: what it says about the container of a run.

use chrono::{DateTime, Utc};
use docket_model::run::{Exit, ExitCause};
use serde::Deserialize;
use serde_json::json;

use super::{
    managers::{Managers, or_no_answer},
    service::Service,
};
use crate::engine::{EngineError, bounded};

/// The exit code of a container that was killed: 128 and the number of SIGKILL.
const KILLED: i64 = 128 + 9;
/// With this code a task ends whose node's engine went down; a program may end with it as well.
const UNKNOWN_END: i64 = 255;
/// The code of a container that was never started.
const NO_CODE: i64 = -1;

/// A task, as a manager reports it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task {
    #[serde(rename = "ID")]
    pub(super) id: String,
    created_at: Option<DateTime<Utc>>,
    #[serde(default, rename = "NodeID")]
    pub(super) node: String,
    status: Status,
    #[serde(default)]
    desired_state: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    timestamp: Option<DateTime<Utc>>,
    state: State,
    #[serde(default)]
    message: String,
    #[serde(default)]
    err: String,
    #[serde(rename = "ContainerStatus")]
    container: Option<TaskContainer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskContainer {
    #[serde(default, rename = "ContainerID")]
    id: String,
    #[serde(default)]
    exit_code: i64,
}

/// Where a task is; Swarm moves it forwards only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    New,
    Allocated,
    Pending,
    Assigned,
    Accepted,
    Preparing,
    Ready,
    Starting,
    Running,
    Complete,
    Shutdown,
    Failed,
    Rejected,
    Remove,
    Orphaned,
    #[serde(other)]
    Unknown,
}

/// What a task says about its container.
#[derive(Debug, PartialEq)]
pub(super) enum Progress {
    /// It waits for a node, or its node prepares it; why, where the Swarm says so.
    Waiting(Option<String>),
    /// It runs, since then.
    Running(Option<DateTime<Utc>>),
    /// It ran and has ended.
    Ended(Exit),
    /// It never ran, and will not; why.
    CannotStart(String),
    /// Its image was not found.
    NoImage(String),
    /// Its node was removed from the Swarm, or is down for so long that the Swarm gave it up.
    Orphaned,
}

impl Task {
    /// True where it is to run no longer, though it may not have ended yet.
    pub(super) fn is_to_end(&self) -> bool {
        self.desired_state != "running"
    }

    /// True while its node has to say how it goes on.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.progress(None, false), Progress::Waiting(_) | Progress::Running(_))
    }

    /// True where a node has, or had, a container of it.
    fn has_container(&self) -> bool {
        self.status.container.as_ref().is_some_and(|container| !container.id.is_empty())
    }

    /// What it says. `started_at` is when it was seen to start; `is_stopped` says that docket has ended it.
    pub(super) fn progress(&self, started_at: Option<DateTime<Utc>>, is_stopped: bool) -> Progress {
        let Status { state, timestamp, message, err, .. } = &self.status;
        let words = (!err.is_empty()).then(|| bounded(err.as_str()));
        let started_at = started_at.or(self.created_at);
        match state {
            State::Running => Progress::Running(*timestamp),
            State::Failed if message == "starting" => Progress::CannotStart(self.words()),
            State::Complete | State::Failed => Progress::Ended(self.exit(started_at, None)),
            State::Shutdown if self.has_container() => {
                let by_swarm = "Swarm stopped it, because its node was drained or was out of reach";
                let error = (!is_stopped).then(|| by_swarm.to_owned());
                Progress::Ended(self.exit(started_at, error))
            }
            State::Shutdown => {
                Progress::CannotStart("it was stopped before it was started".to_owned())
            }
            State::Rejected if self.has_container() => {
                let error = Some(format!("Swarm stopped it: {}", self.words()));
                let exit = self.exit(started_at, error);
                // The code of a rejected task says nothing, and Swarm kills what ran.
                Progress::Ended(Exit { code: KILLED, ..exit })
            }
            State::Rejected if err.to_ascii_lowercase().contains("no such image") => {
                Progress::NoImage(self.words())
            }
            State::Rejected => Progress::CannotStart(self.words()),
            State::Orphaned | State::Remove => Progress::Orphaned,
            _ if self.is_to_end() && self.node.is_empty() => {
                Progress::CannotStart("it was stopped before it was started".to_owned())
            }
            _ => Progress::Waiting(words),
        }
    }

    /// What the Swarm says went wrong.
    fn words(&self) -> String {
        let Status { message, err, .. } = &self.status;
        bounded(if err.is_empty() { message.as_str() } else { err.as_str() })
    }

    fn exit(&self, started_at: Option<DateTime<Utc>>, error: Option<String>) -> Exit {
        let container = self.status.container.clone().unwrap_or_default();
        let ended_at = self.status.timestamp;
        let code = if self.has_container() { container.exit_code } else { NO_CODE };
        Exit {
            code,
            image: None,
            // The times are those of two machines, whose clocks may differ.
            started_at: started_at.map(|at| ended_at.map_or(at, |ended_at| at.min(ended_at))),
            ended_at,
            error: error.or_else(|| self.error(code)),
            cause: (code == KILLED).then_some(ExitCause::Killed),
        }
    }

    /// The Swarm's words, but for those that only repeat the exit code.
    fn error(&self, code: i64) -> Option<String> {
        let err = &self.status.err;
        if code == UNKNOWN_END {
            return Some("it ended as one does whose node's engine went down".to_owned());
        }
        (!err.is_empty() && !err.contains("non-zero exit")).then(|| bounded(err.as_str()))
    }
}

/// A node, as a manager reports it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Node {
    updated_at: Option<DateTime<Utc>>,
    description: Description,
    status: NodeStatus,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    #[serde(default)]
    hostname: String,
    resources: Option<Resources>,
}

#[derive(Debug, Clone, Deserialize)]
struct Resources {
    #[serde(rename = "NanoCPUs", default)]
    nano_cpus: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeStatus {
    #[serde(default)]
    state: String,
}

impl Node {
    pub(super) fn hostname(&self) -> &str {
        &self.description.hostname
    }

    /// True where it is out of reach. After a change of leader a node is `unknown` for some 20 s, which is
    /// no fault.
    pub(super) fn is_away(&self) -> bool {
        self.status.state == "down"
    }

    /// When it changed last: while it is away, since when it is.
    pub(super) fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.updated_at
    }

    /// How many cores it has.
    pub(super) fn cores(&self) -> u64 {
        let resources = self.description.resources.as_ref();
        resources.map_or(0, |resources| resources.nano_cpus / 1_000_000_000)
    }
}

impl Managers {
    /// The task of a service that is its run's own; none where it was not started.
    pub(super) async fn own_task(&self, service: &Service) -> Result<Option<Task>, EngineError> {
        let filters = json!({"service": {&*service.id: true}});
        let tasks = self.list::<Task>("/tasks", &filters).await;
        let tasks = tasks.map_err(|error| or_no_answer(error, "the list of tasks"))?;
        // One that never had a node takes the place of one that was stopped. Of several that had one the
        // oldest is the run's: a later one was asked for by someone else.
        Ok(tasks.into_iter().min_by_key(|task| (task.node.is_empty(), task.created_at)))
    }

    /// Reads a node.
    pub(super) async fn node(&self, id: &str) -> Result<Node, EngineError> {
        let node = self.get(&format!("/nodes/{id}")).await;
        node.map_err(|error| or_no_answer(error, "the inspection of a node"))
    }
}
