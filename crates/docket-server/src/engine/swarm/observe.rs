//! Finds the state of a service's task, and of the node that it is on.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use docket_model::run::{ContainerId, Exit};
use tokio::time::Instant;

use super::{
    managers::Managers,
    service::{Service, gone},
    service_cache::Notes,
    task::{Progress, State, Task},
};
use crate::engine::{EngineError, Observation};

/// How much later than its grace a task that Swarm rejected counts as ended: its node has to hear of it.
const KILL_MARGIN: Duration = Duration::from_secs(3);
/// When such a task counts as ended at the latest: a grace may be years, and no report comes.
const LONGEST_KILL: Duration = Duration::from_secs(600);

/// Where the task of a service is.
#[derive(Debug, PartialEq)]
pub(super) enum Sight {
    NotStarted,
    /// It was asked for, and does not run yet; why, where the Swarm says so.
    Waiting(Option<String>),
    Running {
        since: Option<DateTime<Utc>>,
        node: Option<Arc<str>>,
    },
    NodeAway {
        node: Arc<str>,
        since: Option<DateTime<Utc>>,
        was_running: bool,
    },
    Ended(Exit),
    /// It never ran, and will not; why.
    CannotStart(String),
    NoImage {
        image: String,
        reason: String,
    },
    /// Its node, by name, is no part of the Swarm any more.
    Orphaned(Arc<str>),
    Gone,
}

impl Sight {
    /// The same, as an inspection reports it.
    pub(super) fn observation(self) -> Observation {
        match self {
            Self::NotStarted => Observation::Pending(None),
            Self::CannotStart(reason) | Self::NoImage { reason, .. } => {
                Observation::Pending(Some(reason))
            }
            Self::Waiting(reason) => Observation::Waiting(reason),
            Self::Running { since, node } => Observation::Running { since, node },
            Self::NodeAway { node, since, was_running } => {
                Observation::NodeAway { node, since, was_running }
            }
            Self::Ended(exit) => Observation::Ended(exit),
            Self::Orphaned(_) | Self::Gone => gone(),
        }
    }

    /// The same, as a watch of a started container reports it.
    pub(super) fn watched(self) -> Result<Observation, EngineError> {
        match self {
            Self::NotStarted => {
                let reason = "the container was never started".to_owned();
                Err(EngineError::NotStartable(reason))
            }
            Self::CannotStart(reason) => Err(EngineError::NotStartable(reason)),
            Self::NoImage { image, reason } => Err(EngineError::NoSuchImage { image, reason }),
            Self::Orphaned(node) => Err(EngineError::NodeLost(format!(
                "its node `{node}` was removed from the Swarm, or gave no sign for so long that the Swarm \
                 gave it up"
            ))),
            sight => Ok(sight.observation()),
        }
    }
}

/// Reads where the task of a service is; see [`crate::engine::Containers::inspect`].
pub(super) async fn look(
    managers: &Managers,
    notes: &Notes,
    id: &ContainerId,
) -> Result<Sight, EngineError> {
    match managers.service(&id.0).await {
        Ok(service) => look_at(managers, notes, &service).await,
        Err(EngineError::Gone) => Ok(Sight::Gone),
        Err(error) => Err(error),
    }
}

/// Reads where the task of a service is that was read just now.
pub(super) async fn look_at(
    managers: &Managers,
    notes: &Notes,
    service: &Service,
) -> Result<Sight, EngineError> {
    if !service.was_started() {
        // The tasks went with the change of their number.
        return Ok(if service.was_scaled_down() { Sight::Gone } else { Sight::NotStarted });
    }
    let (id, looked_at) = (service.handle().id, Instant::now());
    let task = match managers.own_task(&id).await {
        Err(EngineError::Gone) => return Ok(Sight::Gone),
        task => task?,
    };
    let Some(task) = task else {
        return Ok(waiting(notes, &id, None, looked_at));
    };
    notes.note_own(&id, &task);
    if task.is_to_end() && task.is_under_way() && !task.node.is_empty() {
        // Swarm asks for the end of what a node that is away has, and does not know what became of it.
        let node = managers.node(&task.node).await?;
        if node.is_away() {
            let was_running = !matches!(task.progress(false), Progress::Waiting(_));
            let (node, since) = (node.hostname().into(), node.changed_at());
            return Ok(Sight::NodeAway { node, since, was_running });
        }
    }
    Ok(match task.progress(service.is_stopped()) {
        Progress::Waiting(reason) => waiting(notes, &id, reason, looked_at),
        Progress::Running(since) => running(managers, notes, &id, &task, since).await,
        Progress::Killed(exit) => {
            let (rejected, since) = notes.note_rejected(&id);
            if rejected.elapsed() < service.grace().saturating_add(KILL_MARGIN).min(LONGEST_KILL) {
                return Ok(Sight::Running { since, node: hostname(managers, notes, &task).await });
            }
            ended(notes, &id, &task, exit)
        }
        Progress::Ended(exit) => ended(notes, &id, &task, exit),
        Progress::CannotStart(reason) => Sight::CannotStart(reason),
        Progress::NoImage(reason) => Sight::NoImage { image: service.image().to_owned(), reason },
        Progress::Orphaned => {
            let node = hostname(managers, notes, &task).await;
            Sight::Orphaned(node.unwrap_or_else(|| task.node.as_str().into()))
        }
    })
}

/// Reads where the task of a service is that was started, and its state as Swarm has it. The service itself
/// is read only where the task does not say by itself how it is.
pub(super) async fn look_at_task(
    managers: &Managers,
    notes: &Notes,
    id: &ContainerId,
) -> Result<(Sight, Option<State>), EngineError> {
    let looked_at = Instant::now();
    let task = match notes.own(id) {
        Some(own) => managers.task(&own.id).await.map(Some),
        None => managers.own_task(id).await,
    };
    let task = match task {
        Err(EngineError::Gone) => None,
        task => task?,
    };
    let whole = async || look(managers, notes, id).await.map(|sight| (sight, None));
    let Some(task) = task else { return whole().await };
    notes.note_own(id, &task);
    let sight = match task.progress(false) {
        Progress::Ended(exit) if task.has_ended_by_itself() => ended(notes, id, &task, exit),
        Progress::Waiting(reason) if !task.is_to_end() => waiting(notes, id, reason, looked_at),
        Progress::Running(since) if !task.is_to_end() => {
            running(managers, notes, id, &task, since).await
        }
        _ => return whole().await,
    };
    Ok((sight, Some(task.state())))
}

fn waiting(notes: &Notes, id: &ContainerId, reason: Option<String>, looked_at: Instant) -> Sight {
    notes.note_waiting(id, looked_at);
    Sight::Waiting(reason)
}

async fn running(
    managers: &Managers,
    notes: &Notes,
    id: &ContainerId,
    task: &Task,
    since: Option<DateTime<Utc>>,
) -> Sight {
    notes.note_running(id, since);
    Sight::Running { since, node: hostname(managers, notes, task).await }
}

/// An end with the time of its start, as far as that was seen.
fn ended(notes: &Notes, id: &ContainerId, task: &Task, exit: Exit) -> Sight {
    let started_at = notes.note_ended(id, task.created_at, exit.ended_at);
    // The times are those of two machines, whose clocks may differ.
    let started_at = started_at.map(|at| exit.ended_at.map_or(at, |ended_at| at.min(ended_at)));
    Sight::Ended(Exit { started_at, ..exit })
}

/// The name of a task's node; none where it cannot be learnt now, for it is only said.
async fn hostname(managers: &Managers, notes: &Notes, task: &Task) -> Option<Arc<str>> {
    if let Some(known) = notes.hostname(&task.node) {
        return Some(known);
    }
    let hostname: Arc<str> = managers.node(&task.node).await.ok()?.hostname().into();
    notes.note_hostname(&task.node, Arc::clone(&hostname));
    Some(hostname)
}
