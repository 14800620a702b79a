//! Watching a started container until it has ended.
//!
//! 1. An answer to a wait proves nothing: the inspection after it says whether the container has ended.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use docket_model::run::{ContainerId, ExitCause};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};

use super::{container_log_cache::Notes, follow_log, inspect::Inspected};
use crate::engine::docker_api::{
    engine_client::{ANSWER_LIMIT, Client},
    http_client::Call,
};
use crate::engine::{EngineError, Observation, Observations, Past, Refusal};

/// How long one wait is trusted: an engine has been seen that never answered.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// How long after a kill a container is inspected again: that it was out of memory is an event of its
/// own, which the engine may handle a little after the end.
const OUT_OF_MEMORY_DELAY: Duration = Duration::from_millis(50);

/// Watches a container; see [`crate::engine::Containers::watch`].
pub(super) fn watch(client: &Client, notes: &Arc<Notes>, id: &ContainerId) -> Observations {
    let (client, notes, id) = (client.clone(), Arc::clone(notes), id.clone());
    // No task of its own: it runs only while the watch is polled, and ends with it.
    let counting = follow_log::count(client.clone(), Arc::clone(&notes), id.clone()).boxed();
    // After a break the container may have outlived the engine, which only an inspection can show.
    let is_due = notes.has_broken_watch(&id);
    let watch = Watch { client, notes, id, is_due, counting };
    let steps = stream::unfold(Some(watch), async |watch| {
        let mut watch = watch?;
        let seen = watch.next().await;
        let goes_on = matches!(seen, Ok(Observation::Running { .. }));
        Some((seen, goes_on.then_some(watch)))
    });
    steps.boxed()
}

/// One watch of a container.
struct Watch {
    client: Client,
    notes: Arc<Notes>,
    id: ContainerId,
    /// True where the container is to be inspected before the next wait.
    is_due: bool,
    /// Reads along a log that its driver rotates.
    counting: BoxFuture<'static, Infallible>,
}

impl Watch {
    /// Waits for the next thing to report.
    async fn next(&mut self) -> Result<Observation, EngineError> {
        let Self { client, notes, id, is_due, counting } = self;
        let seen = async {
            if !std::mem::replace(is_due, false) {
                wait(client, id).await?;
            }
            client.inspect(&id.0).await
        };
        let seen = tokio::select! {
            biased;
            seen = seen => seen,
            never = counting => match never {},
        };
        match seen {
            Ok(inspected) => judge(client, notes, id, &inspected).await,
            Err(EngineError::Gone) => Ok(Observation::Gone(Past::Unknown)),
            Err(error) => {
                // A refusal below the failures says nothing about the engine.
                let is_refusal =
                    matches!(&error, EngineError::Refused { kind, .. } if !kind.is_failure());
                if !is_refusal {
                    notes.set_broken_watch(id, true);
                }
                Err(client.refusal_as_no_answer("watch", error))
            }
        }
    }
}

/// What an inspection says about a container that was started.
async fn judge(
    client: &Client,
    notes: &Notes,
    id: &ContainerId,
    inspected: &Inspected,
) -> Result<Observation, EngineError> {
    match inspected.observation() {
        Observation::Ended(_) => {}
        Observation::Pending(error) => {
            let reason = error.or_else(|| notes.failed_start(id));
            let reason = reason.unwrap_or_else(|| "the container was never started".to_owned());
            return Err(EngineError::NotStartable(reason));
        }
        observation => {
            // The container outlived whatever happened to the engine.
            notes.set_broken_watch(id, false);
            return Ok(observation);
        }
    }
    // The output is captured next, which then needs no inspection.
    notes.note(id, inspected.log_form());
    let mut exit = inspected.exit();
    // The exit code alone proves nothing, because a program may end with any.
    if inspected.may_have_fallen()
        && (notes.has_broken_watch(id) || !client.takes_connections().await)
    {
        exit.cause = Some(ExitCause::EngineWentDown);
    } else if exit.cause == Some(ExitCause::Killed) {
        tokio::time::sleep(OUT_OF_MEMORY_DELAY).await;
        if let Ok(again) = client.inspect(&id.0).await
            && again.is_out_of_memory()
        {
            exit.cause = Some(ExitCause::OutOfMemory);
        }
    }
    Ok(Observation::Ended(exit))
}

/// Waits a while for the container not to run.
async fn wait(client: &Client, id: &ContainerId) -> Result<(), EngineError> {
    let call = Call::post(format!("/containers/{id}/wait?condition=not-running"), Bytes::new());
    let read = async {
        let mut pieces = client.pieces(&client.keeping, call, ANSWER_LIMIT)?;
        let mut has_ended = false;
        // Read to the end, so that the connection can be used again.
        while let Some(piece) = pieces.next().await {
            // Docker sends the header at once and the body at the end, so no body is no answer.
            has_ended |= !piece?.is_empty();
        }
        if has_ended {
            Ok(())
        } else {
            Err(EngineError::Unreachable("the wait ended without an answer".to_owned()))
        }
    };
    let answer = tokio::time::timeout(WAIT_LIMIT, read).await;
    // A wait that takes long is no error: the inspection shows whether the container runs.
    match answer.unwrap_or(Ok(())) {
        // The inspection says what became of the container.
        Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => Ok(()),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub, inspection},
        *,
    };

    fn container() -> ContainerId {
        ContainerId("c1".into())
    }

    #[tokio::test]
    async fn a_watch_ends_with_the_first_call_that_the_engine_refuses() {
        for status in [403, 500] {
            let stub = Stub::start(move |request| match request.split_once(' ') {
                Some(("POST", _)) => Reply::Json(200, r#"{"StatusCode":0}"#.to_owned()),
                _ => Reply::Json(status, r#"{"message":"denied by a plugin"}"#.to_owned()),
            });

            let seen: Vec<_> = watch(&stub.client(), &Arc::default(), &container()).collect().await;

            assert!(matches!(seen[..], [Err(EngineError::Unreachable(_))]), "{seen:?}");
            assert_eq!(stub.count("POST"), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_kill_is_inspected_again_since_a_lack_of_memory_may_be_known_later() {
        for (out_of_memory, cause) in [(true, ExitCause::OutOfMemory), (false, ExitCause::Killed)] {
            let mut known = [false, out_of_memory].into_iter();
            let stub = Stub::start(move |request| match request.split_once(' ') {
                Some(("POST", _)) => Reply::Json(200, r#"{"StatusCode":137}"#.to_owned()),
                Some((_, "/_ping")) => Reply::Bytes(Vec::new()),
                _ => killed(known.next().unwrap()),
            });

            let seen: Vec<_> = watch(&stub.client(), &Arc::default(), &container()).collect().await;

            let [Ok(Observation::Ended(exit))] = &seen[..] else { panic!("{seen:?}") };
            assert_eq!((exit.code, exit.cause), (Some(137), Some(cause)));
        }
    }

    fn killed(out_of_memory: bool) -> Reply {
        let state = serde_json::json!({
            "Status": "exited", "ExitCode": 137, "OOMKilled": out_of_memory,
            "StartedAt": "2026-11-21T09:00:00Z", "FinishedAt": "2026-11-21T09:00:01Z",
        });
        let inspection = serde_json::json!({"Id": "c1", "State": state, "Config": {}});
        Reply::Json(200, inspection.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_never_answers_is_followed_by_an_inspection() {
        // The first one asks how the log is to be read.
        let mut inspections = ["running", "running", "exited"].into_iter();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => Reply::Silence,
            _ => inspection(inspections.next().unwrap()),
        });

        let seen: Vec<_> = watch(&stub.client(), &Arc::default(), &container()).collect().await;

        let [Ok(Observation::Running { .. }), Ok(Observation::Ended(exit))] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert_eq!((exit.code, exit.cause), (Some(0), None));
        assert_eq!(stub.count("POST /containers/c1/wait?condition=not-running"), 2);
    }
}
