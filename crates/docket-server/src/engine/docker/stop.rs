//! Ending a container, in as much time as it was given.

use std::time::Duration;

use bollard::{
    Docker,
    errors::Error,
    query_parameters::{KillContainerOptionsBuilder, StopContainerOptionsBuilder},
};
use docket_model::run::ContainerId;

use crate::engine::docker_api::engine_client::Client;
use crate::engine::{EngineError, Grace, Refusal, Stop};

/// How long the engine may take beside the grace; for a kill alone it takes 10 s before it gives up.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Sends one request to end a container; returns once it does not run.
///
/// Asking twice does no harm. A paused container is ended too: the engine lets it go on once the signal
/// is there, or docket does where the engine rejects the request.
pub(super) async fn stop(client: &Client, id: &ContainerId, how: Stop) -> Result<(), EngineError> {
    if !runs(client, id).await? {
        return Ok(());
    }
    // The engine answers only once the container has ended, so its grace is part of the limit.
    let limit = ANSWER_LIMIT
        + match how {
            Stop::AtOnce => Duration::ZERO,
            Stop::Gently(grace) => grace.length(),
        };
    // Its result is judged after the inspection: a request whose answer is lost may have worked.
    let asked = tokio::time::timeout(limit, ask(client, id, how, limit)).await;
    if !runs(client, id).await? {
        return Ok(());
    }
    Err(match asked {
        Err(_) => {
            EngineError::WillNotDie(format!("it runs on {} s after it was to end", limit.as_secs()))
        }
        Ok(Ok(())) => {
            let message = "the engine says that it has ended, and it runs".to_owned();
            EngineError::Refused { kind: Refusal::Failed, message }
        }
        Ok(Err(error)) => client.or_unreachable(client.error(&error)).await,
    })
}

/// Sends the request; the engine answers once the container has ended.
async fn ask(client: &Client, id: &ContainerId, how: Stop, limit: Duration) -> Result<(), Error> {
    // The caller's limit is to be the first: bollard's own is shorter than a long grace.
    let docker = client.docker.clone().with_timeout(limit + ANSWER_LIMIT);
    match how {
        Stop::Gently(grace) => {
            let length = i32::try_from(grace.length().as_secs()).unwrap_or(i32::MAX);
            let seconds = if grace == Grace::Unlimited { -1 } else { length };
            match stop_within(&docker, id, seconds).await {
                // Docker waits for ever where the time is negative; Podman rejects that.
                Err(Error::DockerResponseServerError { status_code: 400, .. }) if seconds < 0 => {
                    stop_within(&docker, id, length).await
                }
                // Docker lets a paused container go on by itself; Podman rejects the request.
                Err(Error::DockerResponseServerError { status_code: 500, .. })
                    if is_paused(client, id).await =>
                {
                    docker.unpause_container(&id.0).await?;
                    stop_within(&docker, id, length).await
                }
                stopped => stopped,
            }
        }
        Stop::AtOnce => {
            let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
            docker.kill_container(&id.0, Some(options)).await
        }
    }
}

/// Sends the container's stop signal; the engine kills it after so many seconds. They are always in
/// the request, because the defaults of engines differ.
async fn stop_within(docker: &Docker, id: &ContainerId, seconds: i32) -> Result<(), Error> {
    let options = StopContainerOptionsBuilder::new().t(seconds).build();
    docker.stop_container(&id.0, Some(options)).await
}

/// True where the container is known to be paused.
async fn is_paused(client: &Client, id: &ContainerId) -> bool {
    client.inspect_id(id).await.is_ok_and(|inspected| inspected.is_paused())
}

/// Whether the container runs.
async fn runs(client: &Client, id: &ContainerId) -> Result<bool, EngineError> {
    let inspected = client.inspect_id(id).await?;
    if !inspected.runs() && inspected.is_going() {
        return Err(EngineError::Gone);
    }
    Ok(inspected.runs())
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub, inspection, inspection_with},
        *,
    };

    const GENTLY: Stop = Stop::Gently(Grace::Within(Duration::from_secs(10)));

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

            end(&stub, GENTLY).await.unwrap();

            assert_eq!(stub.count("POST"), 0);
        }
    }

    #[tokio::test]
    async fn a_stop_whose_answer_is_lost_is_not_sent_again_if_it_was_carried_out() {
        let stub = stub([Reply::Lost].into_iter(), ["running", "exited"]);

        end(&stub, GENTLY).await.unwrap();

        assert_eq!(stub.count("POST /containers/c1/stop"), 1);
    }

    #[tokio::test]
    async fn a_kill_whose_answer_is_lost_is_one_request_and_no_refusal() {
        let stub = stub([Reply::Lost].into_iter(), ["running", "running"]);

        let lost = end(&stub, Stop::AtOnce).await;

        assert!(matches!(lost, Err(EngineError::Unreachable(_))), "{lost:?}");
        assert_eq!(stub.count("POST /containers/c1/kill?signal=SIGKILL"), 1);
    }

    #[tokio::test]
    async fn what_the_engine_cannot_kill_is_refused_in_its_words() {
        let words = r#"{"message":"did not receive an exit event"}"#.to_owned();
        let refusals = std::iter::repeat_with(move || Reply::Json(500, words.clone()));
        let stub = stub(refusals, ["running"; 2]);

        let failure = end(&stub, Stop::AtOnce).await.unwrap_err();

        let message = "did not receive an exit event".to_owned();
        assert_eq!(failure, EngineError::Refused { kind: Refusal::Failed, message });
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_is_given_the_containers_grace_and_half_a_minute_and_no_more() {
        let stub = stub([Reply::Silence].into_iter(), ["running", "running"]);
        let asked_at = tokio::time::Instant::now();

        let failure = end(&stub, GENTLY).await.unwrap_err();

        assert_eq!(asked_at.elapsed().as_secs(), 40);
        assert_eq!(failure.to_string(), "it cannot be ended: it runs on 40 s after it was to end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_grace_that_is_longer_than_the_general_limit_is_waited_for() {
        let month: i64 = 30 * 24 * 3600;
        for (stop_timeout, after) in [(600, 500), (month, month - 100), (-1, 100 * month)] {
            let done = Box::new(Reply::Json(204, String::new()));
            let done = Reply::Later(Duration::from_secs(after.unsigned_abs()), done);
            let stub = stub([done].into_iter(), ["running", "exited"]);

            end(&stub, Stop::Gently(Grace::of(Some(stop_timeout)))).await.unwrap();

            assert_eq!(stub.count("POST"), 1, "{stop_timeout}");
        }
    }

    #[tokio::test]
    async fn each_stop_carries_its_grace_whatever_the_engine_says_of_the_container() {
        let cases = [(None, 10), (Some(0), 0), (Some(90), 90), (Some(-1), -1)];
        let longest = (Some(i64::MAX), i64::from(i32::MAX));
        for (stop_timeout, seconds) in cases.into_iter().chain([longest]) {
            let mut looks = ["running", "exited"].into_iter();
            let stub = Stub::start(move |request| match request.split_once(' ') {
                Some(("POST", _)) => Reply::Json(204, String::new()),
                // Podman reports 0 for a container that was created without one.
                _ => inspection_with(looks.next().unwrap(), &serde_json::json!({"StopTimeout": 0})),
            });

            end(&stub, Stop::Gently(Grace::of(stop_timeout))).await.unwrap();

            let expected = format!("POST /containers/c1/stop?t={seconds}");
            assert_eq!(stub.count(&expected), 1, "{stop_timeout:?}");
            assert_eq!(stub.count("POST"), 1, "{stop_timeout:?}");
        }
    }

    #[tokio::test]
    async fn a_paused_container_goes_on_where_the_engine_does_not_stop_it() {
        let refusal = r#"{"message":"container c1 is running or paused"}"#.to_owned();
        let done = || Reply::Json(204, String::new());
        let mut answers = [Reply::Json(500, refusal), done(), done()].into_iter();
        let state =
            r#"{"Id":"c1","State":{"Status":"paused","Running":true,"Paused":true},"Config":{}}"#;
        let paused = || Reply::Json(200, state.to_owned());
        let mut looks = [paused(), paused(), inspection("exited")].into_iter();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => answers.next().unwrap(),
            _ => looks.next().unwrap(),
        });

        end(&stub, GENTLY).await.unwrap();

        assert_eq!(stub.count("POST /containers/c1/unpause"), 1);
        assert_eq!(stub.count("POST /containers/c1/stop?t=10"), 2);
    }

    #[tokio::test]
    async fn a_container_that_is_being_stopped_runs_and_can_be_killed() {
        let done = Reply::Json(204, String::new());
        let stub = stub([done].into_iter(), ["stopping", "exited"]);

        end(&stub, Stop::AtOnce).await.unwrap();

        assert_eq!(stub.count("POST /containers/c1/kill?signal=SIGKILL"), 1);
    }

    #[tokio::test]
    async fn an_engine_that_rejects_a_grace_without_limit_gets_the_longest_there_is() {
        let refusal = r#"{"message":"schema: error converting value for \"t\""}"#.to_owned();
        let answers = [Reply::Json(400, refusal), Reply::Json(204, String::new())];
        let stub = stub(answers.into_iter(), ["running", "exited"]);

        end(&stub, Stop::Gently(Grace::Unlimited)).await.unwrap();

        assert_eq!(stub.count("POST /containers/c1/stop?t=2147483647"), 1);
    }
}
