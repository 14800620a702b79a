//! From a created container to its end: starting it once, and following it.

use std::time::Duration;

use bytes::Bytes;
use docket_model::run::{ContainerId, Exit};
use futures_util::StreamExt;
use tracing::warn;

use super::{
    client::{ANSWER_LIMIT, Call, Client},
    inspect::Inspected,
};
use crate::engine::EngineError;

/// How long one wait is trusted: an engine has been seen that never answered.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// The first pause and the longest, doubling, while the engine is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Sends one start request, and never another one for the same container.
///
/// An engine starts an ended container again, and a request whose answer is lost may be carried out
/// much later. So what to do without an answer is the caller's decision.
pub(super) async fn start(client: &Client, id: &ContainerId) -> Result<(), EngineError> {
    let started = client.docker.start_container(&id.0, None);
    match client.answer(ANSWER_LIMIT, started).await {
        Err(EngineError::Refused { status: status @ 502..=504, message }) => {
            Err(EngineError::Unreachable(format!(
                "{}: a proxy answered the start with status {status}: {message}",
                client.endpoint
            )))
        }
        Err(refusal @ EngineError::Refused { .. }) => refused(client, id, refusal).await,
        outcome => outcome,
    }
}

/// What it means that the engine refused the start of a container.
async fn refused(
    client: &Client,
    id: &ContainerId,
    refusal: EngineError,
) -> Result<(), EngineError> {
    // With these it has not begun: there is no such container or network, or it is being removed.
    let was_not_begun = matches!(refusal, EngineError::Refused { status: 404 | 409, .. });
    match was_started(client, id).await {
        // A proxy may have repeated the request, and answered with what came of the second one.
        Ok(true) => Ok(()),
        Ok(false) => Err(match client.or_unreachable(refusal).await {
            EngineError::Refused { message, .. } => EngineError::NotStartable(message),
            error => error,
        }),
        Err(EngineError::Gone) if was_not_begun => Err(EngineError::NeverStarted),
        Err(error) => Err(error),
    }
}

async fn was_started(client: &Client, id: &ContainerId) -> Result<bool, EngineError> {
    let inspected = client.inspect_surely(id).await?;
    if inspected.is_going() {
        return Err(EngineError::Gone);
    }
    Ok(inspected.was_started())
}

/// Follows a started container to its end; returns how it ended and what it is like.
pub(super) async fn follow(
    client: &Client,
    id: &ContainerId,
) -> Result<(Exit, Inspected), EngineError> {
    let (first, longest) = PAUSES;
    let mut pause = first;
    let mut engine_was_away = false;
    let mut told = None;
    loop {
        // What is waited for is not taken from the answer: the inspection tells it, and more.
        let waited = wait(client, id).await;
        engine_was_away |= matches!(waited, Err(EngineError::Unreachable(_)));
        match look(client, id).await? {
            Seen::Ended(inspected) => {
                let fell = inspected.may_have_fallen()
                    && (engine_was_away || !client.takes_connections().await);
                return Ok((inspected.exit(fell), *inspected));
            }
            Seen::Runs => {
                // The container outlived whatever happened to the engine.
                engine_was_away = false;
                if matches!(waited, Ok(Waited::NotYet)) {
                    pause = first;
                    continue;
                }
            }
            Seen::Nothing(error @ EngineError::Refused { status, .. }) => {
                // An engine that comes up or goes down answers with a status of 500 or more.
                engine_was_away |= status >= 500;
                if told.as_ref() != Some(&error) {
                    warn!(container = %id, %error, "the engine does not tell how it is: asked again");
                    told = Some(error);
                }
            }
            Seen::Nothing(_) => engine_was_away = true,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// What a bounded wait came to.
enum Waited {
    /// The engine says that it has ended.
    Ended,
    /// The time was up.
    NotYet,
}

/// What an inspection told.
enum Seen {
    Ended(Box<Inspected>),
    Runs,
    /// The engine is away, or does not tell.
    Nothing(EngineError),
}

/// Waits a while for the container not to run.
async fn wait(client: &Client, id: &ContainerId) -> Result<Waited, EngineError> {
    let call = Call::post(format!("/containers/{id}/wait?condition=not-running"), Bytes::new());
    let read = async {
        let mut pieces = client.pieces(&client.docker, call)?;
        let mut ended = false;
        // Read to the end, so that the connection can be used again.
        while let Some(piece) = pieces.next().await {
            ended |= !piece?.is_empty();
        }
        if ended {
            Ok(Waited::Ended)
        } else {
            Err(EngineError::Unreachable("the wait ended without an answer".to_owned()))
        }
    };
    let answer = tokio::time::timeout(WAIT_LIMIT, read).await;
    answer.unwrap_or(Ok(Waited::NotYet))
}

/// Looks whether the container has ended.
async fn look(client: &Client, id: &ContainerId) -> Result<Seen, EngineError> {
    match client.inspect(&id.0).await {
        Ok(inspected) if inspected.is_going() => Err(EngineError::Gone),
        Ok(inspected) if inspected.runs() => Ok(Seen::Runs),
        Ok(inspected) if inspected.was_started() => Ok(Seen::Ended(Box::new(inspected))),
        Ok(inspected) => {
            let error = inspected.error();
            let reason = error.unwrap_or_else(|| "the container was never started".to_owned());
            Err(EngineError::NotStartable(reason))
        }
        Err(EngineError::Gone) => Err(EngineError::Gone),
        Err(error) => Ok(Seen::Nothing(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::stub::{Reply, Stub, inspection},
        *,
    };

    fn container() -> ContainerId {
        ContainerId("c1".into())
    }

    fn done() -> Reply {
        Reply::Json(204, String::new())
    }

    #[tokio::test]
    async fn a_start_is_one_request_whatever_becomes_of_its_answer() {
        let lost = Stub::start(|_| Reply::Lost);
        let bad_gateway = Stub::start(|_| Reply::Json(504, r#"{"message":"late"}"#.to_owned()));
        let answered = Stub::start(|_| done());

        let without_answer = start(&lost.client(), &container()).await;
        let through_a_proxy = start(&bad_gateway.client(), &container()).await;
        start(&answered.client(), &container()).await.unwrap();

        for outcome in [without_answer, through_a_proxy] {
            assert!(matches!(outcome, Err(EngineError::Unreachable(_))), "{outcome:?}");
        }
        for stub in [lost, bad_gateway, answered] {
            assert_eq!((stub.count("POST"), stub.count("GET")), (1, 0));
        }
    }

    #[tokio::test]
    async fn a_container_that_is_gone_at_its_start_surely_never_ran() {
        let stub =
            Stub::start(|_| Reply::Json(404, r#"{"message":"No such container"}"#.to_owned()));

        assert_eq!(start(&stub.client(), &container()).await, Err(EngineError::NeverStarted));
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_was_refused_and_cannot_be_looked_at_is_none_that_failed() {
        for status in [403, 500] {
            let stub = Stub::start(move |request| match request {
                "GET /_ping" => Reply::Json(200, "OK".to_owned()),
                "POST /containers/c1/start" => Reply::Json(500, r#"{"message":"no"}"#.to_owned()),
                _ => Reply::Json(status, r#"{"message":"no"}"#.to_owned()),
            });

            let started = start(&stub.client(), &container()).await;

            assert!(matches!(started, Err(EngineError::Unreachable(_))), "{started:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_follow_outlasts_looks_that_the_engine_refuses() {
        let refusals = (0..20).map(|look| {
            let status = if look % 2 == 0 { 403 } else { 500 };
            Reply::Json(status, r#"{"message":"denied by a plugin"}"#.to_owned())
        });
        let mut looks = refusals.chain([inspection("exited")]);
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => Reply::Json(403, r#"{"message":"denied"}"#.to_owned()),
            _ => looks.next().unwrap(),
        });

        let (exit, _) = follow(&stub.client(), &container()).await.unwrap();

        assert_eq!(exit.code, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_never_answers_is_looked_after() {
        let mut looks = ["running", "exited"].into_iter();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => Reply::Silence,
            _ => inspection(looks.next().unwrap()),
        });

        let (exit, _) = follow(&stub.client(), &container()).await.unwrap();

        assert_eq!((exit.code, exit.engine_went_down), (0, false));
        assert_eq!(stub.count("POST /containers/c1/wait?condition=not-running"), 2);
    }
}
