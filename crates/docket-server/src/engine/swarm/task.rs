//! The task of a service: what it says about the container of a run.

use chrono::{DateTime, Utc};
use docket_model::run::{ContainerId, Exit, ExitCause};
use serde::Deserialize;
use serde_json::json;

use super::{
    managers::{Managers, gone_or_no_answer},
    service::NOWHERE,
};
use crate::engine::{EngineError, bounded};

/// The exit code of a container that was killed: 128 and the number of SIGKILL.
const KILLED: i64 = 128 + 9;
/// With this code a task ends whose node's engine went down; a program may end with it as well.
const UNKNOWN_END: i64 = 255;
/// How the words begin of a task whose node could not start its container.
const NOT_STARTED: &str = "starting container failed";

/// A task, as a manager reports it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) created_at: Option<DateTime<Utc>>,
    #[serde(default, rename = "NodeID")]
    pub(super) node: String,
    status: Status,
    #[serde(default)]
    desired_state: String,
    #[serde(default)]
    spec: TaskSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskSpec {
    placement: Option<TaskPlacement>,
    #[serde(rename = "ContainerSpec")]
    container: Option<ContainerSpec>,
}

#[derive(Debug, Clone, Deserialize)]
struct ContainerSpec {
    #[serde(default, rename = "TTY")]
    has_terminal: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskPlacement {
    constraints: Option<Vec<String>>,
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
    /// The id of its process; 0 while there is none.
    #[serde(default, rename = "PID")]
    process: i64,
}

/// Where a task is; Swarm moves it forwards only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
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
    /// It ran and has ended; when it started is not said any more.
    Ended(Exit),
    /// It ran when Swarm rejected it, and is killed after its grace at the latest: its node does not report that.
    Killed(Exit),
    /// It never ran, and will not; why.
    CannotStart(String),
    /// Its image was not found.
    NoImage(String),
    /// Its node was removed from the Swarm, or is down for so long that the Swarm gave it up.
    Orphaned,
}

impl Task {
    /// True where its program writes to a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        self.spec.container.as_ref().is_some_and(|container| container.has_terminal)
    }

    /// True where it is to run no longer, though it may not have ended yet.
    pub(super) fn is_to_end(&self) -> bool {
        self.desired_state != "running"
    }

    pub(super) fn state(&self) -> State {
        self.status.state
    }

    /// True where neither Swarm nor docket ended it.
    pub(super) fn has_ended_by_itself(&self) -> bool {
        matches!(self.status.state, State::Complete | State::Failed)
    }

    /// True while its node has to say how it goes on.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(
            self.progress(false),
            Progress::Waiting(_) | Progress::Running(_) | Progress::Killed(_)
        )
    }

    /// True where a node has, or had, a container of it.
    fn has_container(&self) -> bool {
        self.status.container.as_ref().is_some_and(|container| !container.id.is_empty())
    }

    /// True of one that was made when docket had ended its service before it had a task: no node may run it.
    fn is_for_no_node(&self) -> bool {
        let placement = self.spec.placement.as_ref();
        let constraints = placement.and_then(|placement| placement.constraints.as_deref());
        self.node.is_empty() && constraints.is_some_and(|all| all.iter().any(|it| it == NOWHERE))
    }

    /// True where its container has a process.
    fn has_process(&self) -> bool {
        self.status.container.as_ref().is_some_and(|container| container.process != 0)
    }

    /// What it says. `is_stopped` says that docket has ended it.
    pub(super) fn progress(&self, is_stopped: bool) -> Progress {
        let Status { state, timestamp, message, err, .. } = &self.status;
        let words = (!err.is_empty()).then(|| bounded(err.as_str()));
        let stopped_before_start =
            || Progress::CannotStart("it was stopped before it was started".to_owned());
        match state {
            _ if is_stopped && self.is_for_no_node() => stopped_before_start(),
            State::Running => Progress::Running(*timestamp),
            // With a health check a task is `starting` until it is healthy: its program may run, and end.
            State::Starting if self.has_process() => Progress::Running(*timestamp),
            State::Failed if message == "starting" && err.starts_with(NOT_STARTED) => {
                Progress::CannotStart(self.words())
            }
            State::Complete | State::Failed => Progress::Ended(self.exit(None)),
            State::Shutdown if self.has_container() => {
                let by_swarm = "Swarm stopped it, because its node was drained or was out of reach";
                let error = (!is_stopped).then(|| by_swarm.to_owned());
                Progress::Ended(self.exit(error))
            }
            State::Shutdown => stopped_before_start(),
            State::Rejected if self.has_container() => {
                let error = Some(format!("Swarm stopped it: {}", self.words()));
                // The code of a rejected task says nothing, and Swarm kills what ran.
                let cause = Some(ExitCause::Killed);
                Progress::Killed(Exit { code: None, cause, ..self.exit(error) })
            }
            State::Rejected if err.to_ascii_lowercase().contains("no such image") => {
                Progress::NoImage(self.words())
            }
            State::Rejected => Progress::CannotStart(self.words()),
            State::Orphaned | State::Remove => Progress::Orphaned,
            _ if self.is_to_end() && self.node.is_empty() => stopped_before_start(),
            _ => Progress::Waiting(words),
        }
    }

    /// What the Swarm says went wrong.
    fn words(&self) -> String {
        let Status { message, err, .. } = &self.status;
        bounded(if err.is_empty() { message.as_str() } else { err.as_str() })
    }

    fn exit(&self, error: Option<String>) -> Exit {
        let container = self.status.container.as_ref().filter(|_| self.has_container());
        let code = container.map(|container| container.exit_code);
        Exit {
            code,
            image: None,
            started_at: None,
            ended_at: self.status.timestamp,
            error: error.or_else(|| self.error(code)),
            cause: (code == Some(KILLED)).then_some(ExitCause::Killed),
        }
    }

    /// The Swarm's words, but for those that only repeat the exit code.
    fn error(&self, code: Option<i64>) -> Option<String> {
        let err = &self.status.err;
        if code == Some(UNKNOWN_END) {
            return Some("it ended as one does whose node's engine went down".to_owned());
        }
        (!err.is_empty() && !err.contains("non-zero exit")).then(|| bounded(err.as_str()))
    }
}

impl Managers {
    /// Finds the task of a service that is its run's own; none where it was not started.
    ///
    /// # Errors
    /// [`EngineError::Gone`] where there is no such service.
    pub(super) async fn own_task(
        &self,
        service: &ContainerId,
    ) -> Result<Option<Task>, EngineError> {
        let filters = json!({"service": {&*service.0: true}});
        let tasks = self.list::<Task>("/tasks", &filters).await;
        let tasks = tasks.map_err(|error| gone_or_no_answer(error, "the list of tasks"))?;
        // One that never had a node takes the place of one that was stopped. Of several that had one the
        // oldest is the run's: a later one was asked for by someone else.
        Ok(tasks.into_iter().min_by_key(|task| (task.node.is_empty(), task.created_at)))
    }

    /// Reads a task.
    ///
    /// # Errors
    /// [`EngineError::Gone`] where there is none.
    pub(super) async fn task(&self, id: &str) -> Result<Task, EngineError> {
        let task = self.get(&format!("/tasks/{id}")).await;
        task.map_err(|error| gone_or_no_answer(error, "the inspection of a task"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn task(status: &Value, constraints: &Value) -> Task {
        let task = json!({
            "ID": "t1", "DesiredState": "running", "Status": status,
            "Spec": {"Placement": {"Constraints": constraints}},
        });
        serde_json::from_value(task).unwrap()
    }

    #[test]
    fn a_program_with_a_health_check_runs_and_ends_before_it_is_healthy() {
        let container = json!({"ContainerID": "c", "PID": 4711, "ExitCode": 3});
        let starting = json!({"State": "starting", "ContainerStatus": container});
        let failed = json!({
            "State": "failed", "Message": "starting", "Err": "task: non-zero exit (3)",
            "ContainerStatus": container,
        });
        let not_started = json!({
            "State": "failed", "Message": "starting",
            "Err": "starting container failed: exec: \"/no\": no such file",
        });

        let progress = |status| task(status, &Value::Null).progress(false);

        assert_eq!(progress(&starting), Progress::Running(None));
        let ended = progress(&failed);
        assert!(matches!(&ended, Progress::Ended(exit) if exit.code == Some(3)), "{ended:?}");
        assert!(matches!(progress(&not_started), Progress::CannotStart(_)));
    }

    #[test]
    fn a_task_that_was_made_after_its_service_was_stopped_is_for_no_node() {
        let pending = json!({"State": "pending"});

        assert!(task(&pending, &json!([NOWHERE])).is_for_no_node());
        assert!(!task(&pending, &json!(["node.labels.zone==a"])).is_for_no_node());
        assert!(!task(&pending, &Value::Null).is_for_no_node());
    }
}
