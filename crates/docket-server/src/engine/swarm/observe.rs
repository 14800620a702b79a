//! Where a service's task is: what an inspection reports, and the watch until its end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use docket_model::run::{ContainerId, Exit};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;

use super::{
    managers::Managers,
    service::{Service, gone},
    task::{Progress, Task},
};
use crate::{
    backoff::Backoff,
    engine::{EngineError, Observation, Observations},
};

/// The first pause and the longest between two looks at a task: managers report no events of tasks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How many looks that say the same are reported once: a report costs its reader more than a look.
const QUIET_LOOKS: u32 = 30;
/// More notes than tasks that are under way at once.
const MOST_NOTES: usize = 1 << 16;

/// What was learnt of tasks and nodes. Losing a note costs a request, or the exact time of a start.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// When tasks were seen to start: an ended one does not say so any more.
    started: Mutex<HashMap<ContainerId, DateTime<Utc>>>,
    hostnames: Mutex<HashMap<String, Arc<str>>>,
}

impl Notes {
    fn note_start(&self, id: &ContainerId, at: Option<DateTime<Utc>>) {
        let mut started = self.started.lock();
        if started.len() >= MOST_NOTES && !started.contains_key(id) {
            started.clear();
        }
        if let Some(at) = at {
            started.entry(id.clone()).or_insert(at);
        }
    }

    fn start(&self, id: &ContainerId) -> Option<DateTime<Utc>> {
        self.started.lock().get(id).copied()
    }

    /// Drops what is known of a service.
    pub(super) fn forget(&self, id: &ContainerId) {
        self.started.lock().remove(id);
    }
}

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
            Self::NodeAway { node, since } => Observation::NodeAway { node, since },
            Self::Ended(exit) => Observation::Ended(exit),
            Self::Orphaned(_) | Self::Gone => gone(),
        }
    }

    /// The same, as a watch of a started container reports it.
    fn watched(self) -> Result<Observation, EngineError> {
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
    let Some(task) = managers.own_task(service).await? else { return Ok(Sight::Waiting(None)) };
    if task.is_to_end() && task.is_under_way() && !task.node.is_empty() {
        // Swarm asks for the end of what a node that is away has, and does not know what became of it.
        let node = managers.node(&task.node).await?;
        if node.is_away() {
            return Ok(Sight::NodeAway { node: node.hostname().into(), since: node.changed_at() });
        }
    }
    let id = service.handle().id;
    Ok(match task.progress(notes.start(&id), service.is_stopped()) {
        Progress::Waiting(reason) => Sight::Waiting(reason),
        Progress::Running(since) => {
            notes.note_start(&id, since);
            Sight::Running { since, node: hostname(managers, notes, &task).await }
        }
        Progress::Ended(exit) => Sight::Ended(exit),
        Progress::CannotStart(reason) => Sight::CannotStart(reason),
        Progress::NoImage(reason) => Sight::NoImage { image: service.image().to_owned(), reason },
        Progress::Orphaned => {
            let node = hostname(managers, notes, &task).await;
            Sight::Orphaned(node.unwrap_or_else(|| task.node.as_str().into()))
        }
    })
}

/// The name of a task's node; none where it cannot be learnt now, for it is only said.
async fn hostname(managers: &Managers, notes: &Notes, task: &Task) -> Option<Arc<str>> {
    let known = notes.hostnames.lock().get(&task.node).cloned();
    if known.is_some() {
        return known;
    }
    let hostname: Arc<str> = managers.node(&task.node).await.ok()?.hostname().into();
    notes.hostnames.lock().insert(task.node.clone(), Arc::clone(&hostname));
    Some(hostname)
}

/// Watches a service's task; see [`crate::engine::Containers::watch`].
pub(super) fn watch(
    managers: &Arc<Managers>,
    notes: &Arc<Notes>,
    id: &ContainerId,
) -> Observations {
    let backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let (managers, notes) = (Arc::clone(managers), Arc::clone(notes));
    let watch = Watch { managers, notes, id: id.clone(), backoff, last: None };
    let steps = stream::unfold(Some(watch), async |watch| {
        let mut watch = watch?;
        let seen = watch.next().await;
        let goes_on = matches!(
            seen,
            Ok(Observation::Waiting(_)
                | Observation::Running { .. }
                | Observation::NodeAway { .. })
        );
        Some((seen, goes_on.then_some(watch)))
    });
    steps.boxed()
}

struct Watch {
    managers: Arc<Managers>,
    notes: Arc<Notes>,
    id: ContainerId,
    backoff: Backoff,
    /// What was reported last.
    last: Option<Observation>,
}

impl Watch {
    /// Waits for the next thing to report: something new, or once in a while what it was before.
    async fn next(&mut self) -> Result<Observation, EngineError> {
        let mut looks = 0;
        loop {
            if self.last.is_some() || looks > 0 {
                self.backoff.wait().await;
            }
            let seen = look(&self.managers, &self.notes, &self.id).await?.watched()?;
            looks += 1;
            if self.last.as_ref() != Some(&seen) {
                self.backoff.reset();
            } else if looks < QUIET_LOOKS {
                continue;
            }
            self.last = Some(seen.clone());
            return Ok(seen);
        }
    }
}
