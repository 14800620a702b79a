//! Ending a container, in as much time as it was given.

use std::time::Duration;

use bollard::{
    errors::Error,
    query_parameters::{KillContainerOptionsBuilder, StopContainerOptions},
};
use docket_model::run::ContainerId;
use tokio::time::Instant;

use super::{client::Client, inspect::Inspected};
use crate::engine::{EngineError, Stop, grace};

/// How long the engine may take beside the grace; for a kill alone it takes 10 s before it gives up.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How often the engine is asked, whether its answers are lost or it says that it is done.
const TRIES: u32 = 3;

/// Ends a container; returns once it does not run.
///
/// Asking twice does no harm, so a request without an answer is sent again if the container still
/// runs. A paused one is ended too: the engine lets it go on once the signal is there.
pub(super) async fn stop(client: &Client, id: &ContainerId, how: Stop) -> Result<(), EngineError> {
    let Some(inspected) = running(client, id).await? else {
        return Ok(());
    };
    let limit = ANSWER_LIMIT
        + match how {
            Stop::AtOnce => Duration::ZERO,
            Stop::Gently => grace(inspected.stop_timeout()),
        };
    let deadline = Instant::now() + limit;
    let mut failure = EngineError::Gone;
    for _ in 0..TRIES {
        let asked = tokio::time::timeout_at(deadline, ask(client, id, how, limit)).await;
        if running(client, id).await?.is_none() {
            return Ok(());
        }
        failure = match asked {
            Err(_) => {
                let late = format!("it runs on {} s after it was to end", limit.as_secs());
                return Err(EngineError::WillNotDie(late));
            }
            Ok(Ok(())) => {
                EngineError::WillNotDie("the engine says that it has ended, and it runs".to_owned())
            }
            Ok(Err(error)) => match client.or_unreachable(client.error(&error)).await {
                EngineError::Refused { message, .. } => EngineError::WillNotDie(message),
                error => error,
            },
        };
    }
    Err(failure)
}

/// Sends the request; the engine answers once the container has ended.
async fn ask(client: &Client, id: &ContainerId, how: Stop, limit: Duration) -> Result<(), Error> {
    // The caller's limit is to be the first: bollard's own is shorter than a long grace.
    let docker = client.docker.clone().with_timeout(limit + ANSWER_LIMIT);
    match how {
        Stop::Gently => docker.stop_container(&id.0, None::<StopContainerOptions>).await,
        Stop::AtOnce => {
            let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
            docker.kill_container(&id.0, Some(options)).await
        }
    }
}

/// The container, if it runs.
async fn running(client: &Client, id: &ContainerId) -> Result<Option<Inspected>, EngineError> {
    let inspected = client.inspect_surely(id).await?;
    if inspected.runs() {
        return Ok(Some(inspected));
    }
    if inspected.is_going() {
        return Err(EngineError::Gone);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{
        super::stub::{Reply, Stub, inspection, inspection_with},
        *,
    };

    /// Answers requests to end the container and looks at it, each in its turn.
    fn stub<const N: usize>(
        mut answers: impl Iterator<Item = Reply> + Send + 'static,
        looks: [&'static str; N],
    ) -> Stub {
        let mut looks = looks.into_iter();
        Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => answers.next().unwrap(),
            Some((_, "/_ping")) => Reply::Json(200, "OK".to_owned()),
            _ => inspection(looks.next().unwrap()),
        })
    }

    async fn end(stub: &Stub, how: Stop) -> Result<(), EngineError> {
        stop(&stub.client(), &ContainerId("c1".into()), how).await
    }

    #[tokio::test]
    async fn what_does_not_run_is_not_asked_to_end() {
        for look in ["created", "exited"] {
            let stub = stub(std::iter::empty(), [look]);

            end(&stub, Stop::Gently).await.unwrap();

            assert_eq!(stub.count("POST"), 0);
        }
    }

    #[tokio::test]
    async fn a_stop_whose_answer_is_lost_is_not_sent_again_if_it_was_carried_out() {
        let stub = stub([Reply::Lost].into_iter(), ["running", "exited"]);

        end(&stub, Stop::Gently).await.unwrap();

        assert_eq!(stub.count("POST /containers/c1/stop"), 1);
    }

    #[tokio::test]
    async fn a_kill_whose_answer_is_lost_is_sent_again_if_the_container_runs() {
        let done = Reply::Json(204, String::new());
        let stub = stub([Reply::Lost, done].into_iter(), ["running", "running", "exited"]);

        end(&stub, Stop::AtOnce).await.unwrap();

        assert_eq!(stub.count("POST /containers/c1/kill?signal=SIGKILL"), 2);
    }

    #[tokio::test]
    async fn what_the_engine_cannot_kill_will_not_die_in_its_words() {
        let words = r#"{"message":"did not receive an exit event"}"#.to_owned();
        let refusals = std::iter::repeat_with(move || Reply::Json(500, words.clone()));
        let stub = stub(refusals, ["running"; 4]);

        let failure = end(&stub, Stop::AtOnce).await.unwrap_err();

        let reason = "did not receive an exit event".to_owned();
        assert_eq!(failure, EngineError::WillNotDie(reason));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_is_given_the_containers_grace_and_half_a_minute_and_no_more() {
        let stub = stub([Reply::Silence].into_iter(), ["running", "running"]);
        let asked_at = Instant::now();

        let failure = end(&stub, Stop::Gently).await.unwrap_err();

        assert_eq!(asked_at.elapsed().as_secs(), 40);
        assert_eq!(failure.to_string(), "it cannot be ended: it runs on 40 s after it was to end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_grace_that_is_longer_than_the_general_limit_is_waited_for() {
        let done =
            Reply::Later(Duration::from_secs(500), Box::new(Reply::Json(204, String::new())));
        let mut answers = [done].into_iter();
        let mut looks = ["running", "exited"].into_iter();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => answers.next().unwrap(),
            _ => inspection_with(looks.next().unwrap(), &serde_json::json!({"StopTimeout": 600})),
        });

        end(&stub, Stop::Gently).await.unwrap();

        assert_eq!(stub.count("POST"), 1);
    }
}
