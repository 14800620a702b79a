//! Containers that may still be started, by Docker's events: only they say whether a container that is
//! gone ever ran.
//!
//! 1. What ran is never taken for what did not. Events that end before the removal prove nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use docket_model::run::Exit;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{
    container_events::{self, LifeEvent, LifeEvents},
    inspect::cause_of,
};
use crate::engine::docker_api::engine_client::Client;
use crate::engine::{
    Condition, Disarmed, Engine, EngineError, Guard, Handle, Observation, Past, TakeOver,
};

/// How long an engine that is well may take to begin its answer to the request for events.
const BEGINNING: Duration = Duration::from_secs(10);
/// How long an engine may take to report the events that it remembers. They come at once, with the
/// beginning of its answer.
const REMEMBERED_EVENTS: Duration = Duration::from_secs(2);
/// How long an engine may take to report a removal that it has carried out.
const REMOVAL_EVENT: Duration = Duration::from_secs(30);

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
            LifeEvent::Begun => {}
            LifeEvent::Created => self.is_created = true,
            LifeEvent::Started { at } => (self.is_started, self.started_at) = (true, at),
            LifeEvent::Exited { code, at } => self.exited = Some((code, at)),
            LifeEvent::Removed => self.is_removed = true,
        }
    }

    /// What is known of a container that is gone. `is_complete` says that no start can be missing.
    /// Events that have both the creation and the removal have any start in between.
    fn past(&self, is_complete: bool) -> Past {
        match (self.is_started, self.exited) {
            (true, Some((Some(code), ended_at))) => Past::Ran(Exit {
                code: Some(code),
                image: None,
                started_at: self.started_at,
                ended_at,
                error: None,
                cause: cause_of(code),
            }),
            (false, None) if self.is_removed && (is_complete || self.is_created) => Past::NeverRan,
            _ => Past::Unknown,
        }
    }
}

/// Events as they come in, and what they said so far.
struct Watched {
    events: LifeEvents,
    reported: Reported,
    /// Why no more events come.
    broke_off: Option<String>,
    /// True once the engine has begun its answer: before that, silence says nothing.
    has_begun: bool,
    /// True if the events had begun when the container was inspected and not started: no later start
    /// can be missing.
    is_complete: bool,
}

impl Watched {
    fn new(events: LifeEvents) -> Self {
        let reported = Reported::default();
        Self { events, reported, broke_off: None, has_begun: false, is_complete: false }
    }

    /// Reads events until `is_enough`, for so long at most from the beginning of the engine's answer.
    async fn read(&mut self, limit: Duration, is_enough: impl Fn(&Reported) -> bool) {
        self.read_until(BEGINNING, |watched| watched.has_begun).await;
        if self.has_begun {
            self.read_until(limit, |watched| is_enough(&watched.reported)).await;
        }
    }

    async fn read_until(&mut self, limit: Duration, is_enough: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + limit;
        while self.broke_off.is_none() && !is_enough(self) {
            match timeout_at(deadline, self.events.next()).await {
                Ok(Some(Ok(event))) => {
                    self.has_begun = true;
                    self.reported.add(event);
                }
                Ok(Some(Err(error))) => self.broke_off = Some(error.to_string()),
                Ok(None) => self.broke_off = Some("the engine ended its events".to_owned()),
                // No event so far is no error: the stream stays open, and a later call reads on.
                Err(_) => return,
            }
        }
    }

    /// What is known of a container that is gone; an error where its events broke off or did not begin.
    async fn past(mut self) -> Result<Past, String> {
        self.read(REMEMBERED_EVENTS, |reported| reported.is_removed).await;
        if self.reported.is_created {
            // It is remembered, so its removal is reported, however long that takes.
            self.read(REMOVAL_EVENT, |reported| reported.is_removed).await;
        }
        match self.broke_off {
            Some(reason) if !self.reported.is_removed => Err(reason),
            None if !self.has_begun => {
                Err(format!("the engine did not begin its events within {} s", BEGINNING.as_secs()))
            }
            _ => Ok(self.reported.past(false)),
        }
    }
}

/// Reports how far a container is; see [`crate::engine::Takeover::take_over`].
pub(super) async fn take_over(
    client: &Client,
    engine: &dyn Engine,
    handle: &Handle,
) -> Result<TakeOver, EngineError> {
    // Opened before the container is inspected, so that a start in between is not missed.
    let mut watched = Watched::new(container_events::of(client, &handle.id));
    // The creation is the first event.
    watched.read(REMEMBERED_EVENTS, |reported| reported.is_created).await;
    // An engine that answers only later may have been restarted in between, and forgets a start then.
    watched.is_complete = watched.has_begun;
    Ok(match engine.inspect(handle).await? {
        Observation::Pending(_) => TakeOver::Replaceable(Guard::new(handle.clone(), watched)),
        Observation::Gone(_) => watched.past().await.map_or_else(TakeOver::Unclear, TakeOver::Gone),
        started => TakeOver::Found(started),
    })
}

/// Removes a container that was taken over; see [`crate::engine::Takeover::disarm`].
pub(super) async fn disarm(
    client: &Client,
    engine: &dyn Engine,
    guard: Guard,
) -> Result<Disarmed, EngineError> {
    let (handle, watched) = guard.into_parts::<Watched>();
    if let Err(error) = engine.remove(&handle, Condition::NotRunning).await {
        match engine.inspect(&handle).await? {
            Observation::Gone(_) => {}
            Observation::Pending(_) => return Err(error),
            // It was started in this moment, so the engine refuses to remove it.
            started => return Ok(Disarmed::Found(started)),
        }
    }
    if let Some(mut watched) = watched {
        // A start request may arrive until the removal, so events are read up to it.
        watched.read(REMOVAL_EVENT, |reported| reported.is_removed).await;
        if watched.reported.is_removed && watched.is_complete {
            // It was not started when it was inspected, and all events since then were read.
            return Ok(Disarmed::Gone(watched.reported.past(true)));
        }
    }
    // The watch began too late or broke off before the removal, so the events are read from their
    // beginning again.
    let past = Watched::new(container_events::of(client, &handle.id)).past().await;
    Ok(past.map_or_else(Disarmed::Unclear, Disarmed::Gone))
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub, inspection},
        *,
    };

    fn handle() -> Handle {
        Handle::from(&docket_model::run::ContainerId("c1".into()))
    }

    fn events(actions: &[&str]) -> Reply {
        let event = |action| {
            let actor = serde_json::json!({"Attributes": {"exitCode": "3"}});
            let actor = if action == "die" { actor } else { serde_json::json!({}) };
            serde_json::json!({"Action": action, "Actor": actor, "timeNano": 1}).to_string()
        };
        Reply::Bytes(actions.iter().copied().map(event).collect::<String>().into_bytes())
    }

    fn later(seconds: u64, reply: Reply) -> Reply {
        Reply::Later(Duration::from_secs(seconds), Box::new(reply))
    }

    fn not_found() -> Reply {
        Reply::Json(404, r#"{"message":"No such container: c1"}"#.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_takes_long_to_begin_its_events_has_not_forgotten_them() {
        let stub = Stub::start(|request| match request {
            request if request.starts_with("GET /events") => {
                later(5, events(&["create", "start", "die", "destroy"]))
            }
            _ => not_found(),
        });
        let engine = stub.engine();

        let taken_over = take_over(&engine.client, &engine, &handle()).await.unwrap();

        let ran = matches!(&taken_over, TakeOver::Gone(Past::Ran(Exit { code: Some(3), .. })));
        assert!(ran, "{taken_over:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn events_that_do_not_begin_leave_the_past_of_a_container_unclear() {
        let stub = Stub::start(|request| match request {
            request if request.starts_with("GET /events") => Reply::Silence,
            _ => not_found(),
        });
        let engine = stub.engine();

        let taken_over = take_over(&engine.client, &engine, &handle()).await.unwrap();

        assert!(matches!(taken_over, TakeOver::Unclear(_)), "{taken_over:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_begins_after_the_inspection_does_not_prove_that_a_container_never_ran() {
        // An engine that is restarted meanwhile, and has forgotten a start.
        let mut is_removed = false;
        let stub = Stub::start(move |request| match request {
            request if request.starts_with("GET /events") => later(11, events(&["destroy"])),
            request if request.starts_with("DELETE") => {
                is_removed = true;
                Reply::Json(204, String::new())
            }
            _ if is_removed => not_found(),
            _ => inspection("created"),
        });
        let engine = stub.engine();
        let taken_over = take_over(&engine.client, &engine, &handle()).await.unwrap();
        let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };

        let disarmed = disarm(&engine.client, &engine, guard).await.unwrap();

        assert!(
            !matches!(disarmed, Disarmed::Gone(Past::NeverRan) | Disarmed::Found(_)),
            "{disarmed:?}"
        );
    }

    fn past(events: &[LifeEvent], is_complete: bool) -> Past {
        let mut reported = Reported::default();
        for event in events {
            reported.add(*event);
        }
        reported.past(is_complete)
    }

    #[test]
    fn only_a_list_with_the_creation_proves_that_a_container_never_ran() {
        let at = None;
        let (created, removed) = (LifeEvent::Created, LifeEvent::Removed);
        let (started, exited) =
            (LifeEvent::Started { at }, LifeEvent::Exited { code: Some(3), at });

        assert_eq!(past(&[created, removed], false), Past::NeverRan);
        assert_eq!(past(&[removed], false), Past::Unknown);
        assert_eq!(past(&[removed], true), Past::NeverRan);
        assert_eq!(past(&[], false), Past::Unknown);
        assert_eq!(past(&[created], false), Past::Unknown);
        assert_eq!(past(&[created, started, removed], true), Past::Unknown);
        assert_eq!(past(&[exited, removed], true), Past::Unknown);
        let ran = past(&[created, started, exited, removed], false);
        assert!(matches!(ran, Past::Ran(Exit { code: Some(3), .. })), "{ran:?}");
    }
}
