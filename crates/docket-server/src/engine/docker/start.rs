//! Starting a created container, once.

use docket_model::run::ContainerId;

use crate::engine::docker_api::engine_client::{ANSWER_LIMIT, Client};
use crate::engine::{EngineError, Launch, Refusal};

/// Starts a container; see [`crate::engine::Engine::launch`].
pub(super) async fn launch(client: &Client, id: &ContainerId) -> Result<Launch, EngineError> {
    match start(client, id).await {
        Ok(()) => Ok(Launch::Started),
        Err(EngineError::Unreachable(reason)) => Ok(Launch::Unknown(reason)),
        Err(EngineError::NeverStarted) => Ok(Launch::NeverRan),
        Err(EngineError::Gone) => Ok(Launch::Gone),
        Err(error) => Err(error),
    }
}

/// Sends one start request, and never another one for the same container.
///
/// An engine starts an ended container again, and a request whose answer is lost may be carried out
/// much later. So what to do without an answer is the caller's decision.
async fn start(client: &Client, id: &ContainerId) -> Result<(), EngineError> {
    let started = client.docker.start_container(&id.0, None);
    match client.answer(ANSWER_LIMIT, started).await {
        // The request may have reached the engine: such a status only says that the proxy gave up.
        Err(EngineError::Refused { kind: Refusal::Unavailable, message }) => {
            Err(EngineError::Unreachable(format!(
                "{}: a proxy answered the start: {message}",
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
    let was_not_begun =
        matches!(refusal, EngineError::Refused { kind: Refusal::NotFound | Refusal::Conflict, .. });
    // An engine can fail after it has started the container, so the refusal alone decides nothing.
    match was_started(client, id).await {
        // A proxy may have repeated the request, and answered with what came of the second one.
        Ok(true) => Ok(()),
        Ok(false) => Err(match client.or_unreachable(refusal).await {
            EngineError::Refused { message, .. } => EngineError::NotStartable(message),
            error => error,
        }),
        Err(EngineError::Gone) if was_not_begun => Err(EngineError::NeverStarted),
        // After another refusal the container may have run before it was removed.
        Err(error) => Err(error),
    }
}

async fn was_started(client: &Client, id: &ContainerId) -> Result<bool, EngineError> {
    let inspected = client.inspect_id(id).await?;
    if inspected.is_going() {
        return Err(EngineError::Gone);
    }
    Ok(inspected.was_started())
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub},
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
}
