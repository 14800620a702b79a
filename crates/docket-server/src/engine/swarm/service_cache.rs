//! Caches what managers reported about services, so that they are not asked for it again.
//!
//! 1. Losing a note costs a request, a grace, or the exact time of a start.
//! 2. An end is final, so that it may be noted. A service is used as it was created only under its version.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::run::ContainerId;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{service::Service, task::Task};
use crate::engine::Handle;

/// More notes than tasks that are under way at once.
const MOST_NOTES: usize = 1 << 16;

/// What was learnt of tasks and nodes.
#[derive(Debug, Default)]
pub(super) struct Notes {
    tasks: Mutex<HashMap<ContainerId, TaskNotes>>,
    hostnames: Mutex<HashMap<String, Arc<str>>>,
}

/// What was learnt of a service and its task.
#[derive(Debug, Default)]
struct TaskNotes {
    /// The service as it was created, until its start is asked for.
    created: Option<Box<Service>>,
    /// The task, once it has a node: it is the run's own for good.
    own: Option<OwnTask>,
    /// True once the task has ended, which is final.
    has_ended: bool,
    /// When it started, by its node's clock, which the task does not say any more once it has ended.
    started: Option<DateTime<Utc>>,
    /// When it was last seen to wait.
    last_waiting: Option<Instant>,
    /// When it was first seen to be rejected while it ran.
    rejected: Option<Instant>,
}

/// The task of a run, and the node that has its container.
#[derive(Debug, Clone)]
pub(super) struct OwnTask {
    pub(super) id: Arc<str>,
    pub(super) node: Arc<str>,
    /// True where its program writes to a terminal, so that its log has no frames.
    pub(super) has_terminal: bool,
}

impl OwnTask {
    /// The task of a run, once it has a node.
    pub(super) fn of(task: &Task) -> Option<Self> {
        let Task { id, node, .. } = task;
        let has_terminal = task.has_terminal();
        let own = || Self { id: id.as_str().into(), node: node.as_str().into(), has_terminal };
        (!node.is_empty()).then(own)
    }
}

impl TaskNotes {
    /// When a task started that was made and ended at these times. One that was seen to wait and not to run
    /// started in between.
    fn start(
        &mut self,
        created_at: Option<DateTime<Utc>>,
        ended_at: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        let in_between = || {
            let since = TimeDelta::from_std(self.last_waiting?.elapsed()).ok()?;
            // It may have ended long before this look, such as while no manager answered.
            ended_at?.checked_sub_signed(since).max(created_at)
        };
        self.started = self.started.or_else(in_between);
        self.started
    }
}

impl Notes {
    fn of<T>(&self, id: &ContainerId, work: impl FnOnce(&mut TaskNotes) -> T) -> T {
        let mut tasks = self.tasks.lock();
        if tasks.len() >= MOST_NOTES && !tasks.contains_key(id) {
            tasks.clear();
        }
        work(tasks.entry(id.clone()).or_default())
    }

    fn known<T>(&self, id: &ContainerId, read: impl FnOnce(&TaskNotes) -> T) -> Option<T> {
        self.tasks.lock().get(id).map(read)
    }

    /// Notes a service that was created just now.
    pub(super) fn note_created(&self, service: Service) {
        self.of(&service.handle().id, |task| task.created = Some(Box::new(service)));
    }

    /// Takes a service out as it was created, if that is the version of this handle.
    pub(super) fn take_created(&self, handle: &Handle) -> Option<Service> {
        let mut tasks = self.tasks.lock();
        let created = tasks.get_mut(&handle.id)?.created.take()?;
        (created.handle() == *handle).then_some(*created)
    }

    /// Notes that a task did not run at this time.
    pub(super) fn note_waiting(&self, id: &ContainerId, at: Instant) {
        self.of(id, |task| task.last_waiting = Some(at));
    }

    /// Notes the run's own task, once it has a node.
    pub(super) fn note_own(&self, id: &ContainerId, task: &Task) {
        if let Some(own) = OwnTask::of(task) {
            self.of(id, |task| task.own = Some(own));
        }
    }

    /// The task of the run, if it was seen on a node.
    pub(super) fn own(&self, id: &ContainerId) -> Option<OwnTask> {
        self.known(id, |task| task.own.clone())?
    }

    /// Notes that a task runs, and since when.
    pub(super) fn note_running(&self, id: &ContainerId, since: Option<DateTime<Utc>>) {
        self.of(id, |task| task.started = task.started.or(since));
    }

    /// Notes that a task was rejected; returns when that was first seen, and when the task started.
    pub(super) fn note_rejected(&self, id: &ContainerId) -> (Instant, Option<DateTime<Utc>>) {
        self.of(id, |task| (*task.rejected.get_or_insert_with(Instant::now), task.started))
    }

    /// Notes that a task has ended that was made and ended at these times; returns when it started.
    pub(super) fn note_ended(
        &self,
        id: &ContainerId,
        created_at: Option<DateTime<Utc>>,
        ended_at: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        self.of(id, |task| {
            task.has_ended = true;
            task.start(created_at, ended_at)
        })
    }

    /// True if the task of a service is known to have ended.
    pub(super) fn has_ended(&self, id: &ContainerId) -> bool {
        self.known(id, |task| task.has_ended).unwrap_or_default()
    }

    /// Drops what is known of a service.
    pub(super) fn forget(&self, id: &ContainerId) {
        self.tasks.lock().remove(id);
    }

    /// The name of a node that was noted.
    pub(super) fn hostname(&self, node: &str) -> Option<Arc<str>> {
        self.hostnames.lock().get(node).cloned()
    }

    pub(super) fn note_hostname(&self, node: &str, name: Arc<str>) {
        self.hostnames.lock().insert(node.to_owned(), name);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ended_long_before_it_was_looked_at_started_after_it_was_made() {
        let created_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let ended_at = created_at + TimeDelta::seconds(6);
        let mut notes = TaskNotes { last_waiting: Some(Instant::now()), ..TaskNotes::default() };

        tokio::time::advance(Duration::from_secs(1200)).await;

        assert_eq!(notes.start(Some(created_at), Some(ended_at)), Some(created_at));
    }
}
