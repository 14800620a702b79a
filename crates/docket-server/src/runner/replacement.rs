//! Containers that may have been asked to start, by a request that may still be on its way.
//!
//! 1. Such a container is never asked to start again: it is removed, and its run gets a new one.
//! 2. That it is removed is on record before it is; what ran is never taken for what did not.
//! 3. Whether it ran is decided by the engine's events, because nothing else is left of it. Events
//!    that end before the removal prove nothing: they are read again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use docket_model::run::{ContainerId, Exit};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::{
    attempt::{Attempt, Break},
    retry::Retry,
};
use crate::{
    engine::{ContainerState, EngineError, LifeEvent, LifeEvents},
    fault::{Point, point},
    store::Progress,
};

/// How long an engine may take to report the events that it remembers. They come at once.
const REMEMBERED_EVENTS: Duration = Duration::from_secs(2);
/// How long an engine may take to report a removal that it has carried out.
const REMOVAL_EVENT: Duration = Duration::from_secs(30);

/// What became of a container that may have been started.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is gone and never ran, so its run may have another one.
    NeverRan,
    /// It is there, and runs or has ended.
    Found(ContainerState),
    /// It ran and is gone; the end is from the engine's events.
    Ran(Exit),
    /// It is gone, and whether it ran is not known.
    Unknown,
}

/// What the engine's events say about a container so far.
#[derive(Debug, Default)]
struct Reported {
    is_created: bool,
    is_started: bool,
    /// By the engine's clock, as is the end.
    started_at: Option<DateTime<Utc>>,
    exited: Option<(Option<i64>, Option<DateTime<Utc>>)>,
    is_removed: bool,
}

impl Reported {
    fn add(&mut self, event: LifeEvent) {
        match event {
            LifeEvent::Created => self.is_created = true,
            LifeEvent::Started { at } => (self.is_started, self.started_at) = (true, at),
            LifeEvent::Exited { code, at } => self.exited = Some((code, at)),
            LifeEvent::Removed => self.is_removed = true,
        }
    }

    /// What became of a container that is gone. `is_complete` says that no start can be missing.
    /// Events that have both the creation and the removal have any start in between.
    fn fate(&self, is_complete: bool) -> Fate {
        match (self.is_started, self.exited) {
            (true, Some((Some(code), ended_at))) => Fate::Ran(Exit {
                code,
                image: None,
                out_of_memory: false,
                started_at: self.started_at,
                ended_at,
                error: None,
                engine_went_down: false,
            }),
            (false, None) if self.is_removed && (is_complete || self.is_created) => Fate::NeverRan,
            _ => Fate::Unknown,
        }
    }
}

/// Events as they come in, and what they said so far.
struct Watched {
    events: LifeEvents,
    reported: Reported,
    /// Why no more events come.
    broke_off: Option<String>,
}

impl Watched {
    fn new(events: LifeEvents) -> Self {
        Self { events, reported: Reported::default(), broke_off: None }
    }

    /// Reads events until `is_enough`, for so long at most.
    async fn read(&mut self, limit: Duration, is_enough: impl Fn(&Reported) -> bool) {
        let deadline = Instant::now() + limit;
        while self.broke_off.is_none() && !is_enough(&self.reported) {
            match timeout_at(deadline, self.events.next()).await {
                Ok(Some(Ok(event))) => self.reported.add(event),
                Ok(Some(Err(error))) => self.broke_off = Some(error.to_string()),
                Ok(None) => self.broke_off = Some("the engine ended its events".to_owned()),
                Err(_) => return,
            }
        }
    }
}

impl Attempt<'_> {
    /// Removes a container that was created and not started, so that no start request can start it
    /// any more; or reports that it did start. `purpose` says on record why.
    pub(super) async fn replace(
        &mut self,
        container: &ContainerId,
        purpose: &str,
    ) -> Result<Fate, Break> {
        let runner = &self.task.runner;
        // Opened before the container is inspected, so that a start in between is not missed.
        let mut watched = Watched::new(runner.engine.life_events(container));
        runner
            .unless_stopped(watched.read(REMEMBERED_EVENTS, |reported| reported.is_created))
            .await?;
        match runner.inspect_until_known(container).await? {
            None => return self.past(container, watched).await,
            Some(ContainerState::Created) => {}
            Some(sight) => return Ok(Fate::Found(sight)),
        }
        let remark = format!("container {container} was created and not started: {purpose}");
        info!(run = %self.task.handle.id, "{remark}");
        self.note_best_effort(Progress::Replacing { remark }).await?;
        point(Point::Replacing);
        let mut retry = Retry::endless("the removal of the container");
        while let Err(error) = runner.engine.remove(container).await {
            match runner.inspect_until_known(container).await? {
                None => break,
                Some(ContainerState::Created) => {}
                // It was started in this moment, so the engine refuses to remove it.
                Some(sight) => return Ok(Fate::Found(sight)),
            }
            let reason = error.to_string();
            let tried = runner.wait_before_retry(&mut retry, &reason);
            // It is never given up, so there is no error.
            let _: Result<(), EngineError> = runner.unless_stopped(tried).await?;
        }
        point(Point::Unstarted);
        runner.unless_stopped(watched.read(REMOVAL_EVENT, |reported| reported.is_removed)).await?;
        if watched.reported.is_removed {
            // It was not started when it was inspected, and all events since then were read.
            return self.gone(watched.reported.fate(true)).await;
        }
        self.past_of(container).await
    }

    /// What became of a container that is gone, as far as the engine remembers.
    pub(super) async fn past_of(&mut self, container: &ContainerId) -> Result<Fate, Break> {
        let watched = Watched::new(self.task.runner.engine.life_events(container));
        self.past(container, watched).await
    }

    async fn past(&mut self, container: &ContainerId, watched: Watched) -> Result<Fate, Break> {
        let mut watched = watched;
        let runner = &self.task.runner;
        let mut retry = Retry::bounded("the request for the events of the container");
        loop {
            runner
                .unless_stopped(watched.read(REMEMBERED_EVENTS, |reported| reported.is_removed))
                .await?;
            if watched.reported.is_created {
                // It is remembered, so its removal is reported, however long that takes.
                runner
                    .unless_stopped(watched.read(REMOVAL_EVENT, |reported| reported.is_removed))
                    .await?;
            }
            let Some(reason) = watched.broke_off.filter(|_| !watched.reported.is_removed) else {
                break;
            };
            if runner.unless_stopped(runner.wait_before_retry(&mut retry, &reason)).await?.is_err()
            {
                break;
            }
            watched = Watched::new(runner.engine.life_events(container));
        }
        info!(run = %self.task.handle.id, %container, "the container is gone");
        self.gone(watched.reported.fate(false)).await
    }

    /// Notes that a container never ran, where that is known.
    async fn gone(&mut self, fate: Fate) -> Result<Fate, Break> {
        self.container = None;
        self.may_start = false;
        self.task.handle.has_no_container();
        if matches!(fate, Fate::NeverRan) {
            self.note_best_effort(Progress::NeverRan).await?;
            point(Point::NeverRan);
        }
        Ok(fate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(events: &[LifeEvent], is_complete: bool) -> Fate {
        let mut reported = Reported::default();
        for event in events {
            reported.add(*event);
        }
        reported.fate(is_complete)
    }

    #[test]
    fn only_a_list_with_the_creation_proves_that_a_container_never_ran() {
        let at = None;
        let (created, removed) = (LifeEvent::Created, LifeEvent::Removed);
        let (started, exited) =
            (LifeEvent::Started { at }, LifeEvent::Exited { code: Some(3), at });

        assert!(matches!(fate(&[created, removed], false), Fate::NeverRan));
        assert!(matches!(fate(&[removed], false), Fate::Unknown));
        assert!(matches!(fate(&[removed], true), Fate::NeverRan));
        assert!(matches!(fate(&[], false), Fate::Unknown));
        assert!(matches!(fate(&[created], false), Fate::Unknown));
        assert!(matches!(fate(&[created, started, removed], true), Fate::Unknown));
        assert!(matches!(fate(&[exited, removed], true), Fate::Unknown));
        let ran = fate(&[created, started, exited, removed], false);
        assert!(matches!(ran, Fate::Ran(Exit { code: 3, .. })));
    }
}
