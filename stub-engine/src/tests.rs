//! The stub, asked over its socket by a client of the real engine.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::{ContainerCreateBody, ContainerInspectResponse},
    query_parameters::{
        CreateContainerOptionsBuilder, CreateImageOptions, LogsOptionsBuilder, WaitContainerOptions,
    },
};
use futures_util::TryStreamExt;
use tempfile::TempDir;

use super::*;

const NAME: &str = "docket.report.20261121T090000Z";

fn stub(options: Options) -> (TempDir, Stub, Docker) {
    let directory = TempDir::new().unwrap();
    let stub = Stub::start(directory.path().join("engine.sock"), options).unwrap();
    let socket = stub.socket().to_str().unwrap();
    let docker = Docker::connect_with_unix(socket, 5, API_DEFAULT_VERSION).unwrap();
    (directory, stub, docker)
}

async fn create(docker: &Docker) -> Result<String, Error> {
    let options = CreateContainerOptionsBuilder::default().name(NAME).build();
    let labels = [("io.docket.instant", "20261121T090000Z"), ("color", "red")];
    let body = ContainerCreateBody {
        image: Some("busybox".to_owned()),
        labels: Some(labels.map(|(key, value)| (key.into(), value.into())).into()),
        ..ContainerCreateBody::default()
    };
    let created = docker.create_container(Some(options), body).await?;
    Ok(created.id)
}

async fn wait(docker: &Docker, id: &str) -> Result<Vec<i64>, Error> {
    let answers = docker.wait_container(id, None::<WaitContainerOptions>);
    let codes = answers.map_ok(|answer| answer.status_code);
    codes.try_collect().await
}

async fn inspect(docker: &Docker, id: &str) -> ContainerInspectResponse {
    docker.inspect_container(id, None).await.unwrap()
}

fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_whole_run_is_answered_and_stamped() {
    let (_directory, stub, docker) = stub(Options::default());

    let id = create(&docker).await.unwrap();
    docker.start_container(&id, None).await.unwrap();
    let codes = wait(&docker, &id).await.unwrap();
    let options = LogsOptionsBuilder::default().stdout(true).build();
    let output: Vec<_> = docker.logs(&id, Some(options)).try_collect().await.unwrap();
    docker.remove_container(&id, None).await.unwrap();

    assert_eq!(id.len(), 64);
    assert_eq!(codes, [0]);
    assert_eq!(output[0].as_ref(), b"done\n");
    assert_eq!(stub.containers(), 0);
    let journal = stub.take_journal();
    let calls: Vec<_> = journal.iter().map(|stamp| stamp.call).collect();
    assert_eq!(calls, [Call::Create, Call::Start, Call::Wait, Call::Logs, Call::Remove]);
    assert!(journal.iter().all(|stamp| stamp.subject.as_ref() == NAME));
    assert!(journal.is_sorted_by_key(|stamp| stamp.at));
    let instant = read_instant("20261121T090000Z");
    assert!(journal.iter().all(|stamp| stamp.instant == instant));
}

#[tokio::test]
async fn a_container_lives_as_long_as_was_said_and_then_shows_its_end() {
    let lifetime = Duration::from_millis(100);
    let (_directory, _stub, docker) =
        stub(Options { lifetime, exit_code: 3, ..Options::default() });
    let id = create(&docker).await.unwrap();

    let before = inspect(&docker, &id).await.state.unwrap();
    docker.start_container(&id, None).await.unwrap();
    let during = inspect(&docker, &id).await.state.unwrap();
    let refused = docker.remove_container(&id, None).await;
    let ended = wait(&docker, &id).await;
    let after = inspect(&docker, &id).await;

    assert_eq!(before.running, Some(false));
    assert_eq!(during.running, Some(true));
    assert!(matches!(refused, Err(Error::DockerResponseServerError { status_code: 409, .. })));
    assert!(matches!(ended, Err(Error::DockerContainerWaitError { code: 3, .. })));
    let state = after.state.unwrap();
    let (started, finished) = (state.started_at.unwrap(), state.finished_at.unwrap());
    let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
    assert_eq!(time(&finished) - time(&started), chrono::TimeDelta::milliseconds(100));
    assert_eq!(state.exit_code, Some(3));
    assert_eq!(state.oom_killed, Some(false));
    let config = after.config.unwrap();
    assert_eq!(config.labels.unwrap()["color"], "red");
    assert_eq!(after.host_config.unwrap().log_config.unwrap().typ.as_deref(), Some("json-file"));
}

#[tokio::test]
async fn a_name_is_held_by_one_container() {
    let (_directory, stub, docker) = stub(Options::default());

    create(&docker).await.unwrap();
    let second = create(&docker).await;
    docker.remove_container(NAME, None).await.unwrap();
    let third = create(&docker).await;

    assert!(matches!(second, Err(Error::DockerResponseServerError { status_code: 409, .. })));
    assert!(third.is_ok());
    assert_eq!(stub.containers(), 1);
}

#[tokio::test]
async fn a_script_fails_hangs_and_loses_what_it_chooses() {
    let (_directory, stub, docker) = stub(Options {
        script: Script::new(|call, subject| match call {
            Call::Pull => Behaviour::Fail { status: 500, message: "no such host".to_owned() },
            Call::Create if subject == NAME => Behaviour::Lose,
            Call::Inspect => Behaviour::Hang,
            Call::Info => Behaviour::Cut,
            _ => Behaviour::Answer,
        }),
        ..Options::default()
    });

    let pulled: Result<Vec<_>, _> =
        docker.create_image(None::<CreateImageOptions>, None, None).try_collect().await;
    let created = create(&docker).await;
    let hung = docker.inspect_container(NAME, None);
    let hung = tokio::time::timeout(Duration::from_millis(50), hung).await;

    assert!(pulled.unwrap_err().to_string().contains("no such host"));
    assert!(created.is_err());
    assert_eq!(stub.containers(), 1);
    assert!(hung.is_err());
    assert!(docker.info().await.is_err());
    assert_eq!(stub.count(Call::Inspect), 1);
}

#[tokio::test]
async fn events_stay_open_until_the_client_leaves() {
    let (_directory, _stub, docker) = stub(Options::default());

    let mut events = Box::pin(docker.events(None));
    let first = tokio::time::timeout(Duration::from_millis(50), events.try_next()).await;

    assert!(first.is_err());
}

#[test]
fn requests_in_one_packet_are_answered_in_order() {
    let (_directory, stub, _docker) = stub(Options::default());

    let answer = ask(
        stub.socket(),
        "HEAD /_ping HTTP/1.1\r\nHost: a\r\n\r\nGET /v1.41/nothing HTTP/1.1\r\nConnection: close\r\n\r\n",
    );

    let (ping, nothing) = answer.split_once("\r\n\r\n").unwrap();
    assert!(ping.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(nothing.starts_with("HTTP/1.1 404 Not Found\r\n"));
    assert!(nothing.ends_with(r#"{"message":"page not found"}"#));
}
