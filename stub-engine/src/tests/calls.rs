use std::time::Duration;

use bollard::{
    errors::Error,
    models::{ContainerCreateBody, HostConfig, HostConfigLogConfig},
    query_parameters::{
        LogsOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures_util::{StreamExt, TryStreamExt};

use super::harness::{Bed, LONG, NAME, SHORT, code, hangs, refusal};
use crate::{Call, Options, Program, read_instant};

fn logs(follow: bool) -> LogsOptions {
    LogsOptionsBuilder::default().stdout(true).follow(follow).build()
}

async fn output(bed: &Bed, follow: bool) -> String {
    let pieces = bed.docker.logs(NAME, Some(logs(follow))).map_ok(|piece| piece.to_string());
    pieces.try_collect().await.unwrap()
}

#[tokio::test]
async fn a_whole_run_is_answered_and_stamped() {
    let bed = Bed::new(Options::default());

    let id = bed.started().await;
    let exit = bed.wait(&id).await.unwrap();
    let output = output(&bed, false).await;
    bed.docker.remove_container(&id, None).await.unwrap();

    assert_eq!(id.len(), 64);
    assert_eq!(exit, 0);
    assert_eq!(output, "done\n");
    assert_eq!(bed.stub.containers(), 0);
    let journal = bed.stub.take_journal();
    let calls: Vec<_> = journal.iter().map(|stamp| stamp.call).collect();
    assert_eq!(calls, [Call::Create, Call::Start, Call::Wait, Call::Logs, Call::Remove]);
    assert!(journal.iter().all(|stamp| stamp.subject.as_ref() == NAME));
    assert!(journal.iter().all(|stamp| stamp.fault.is_none()));
    assert!(journal.is_sorted_by_key(|stamp| stamp.at));
    let instant = read_instant("20261121T090000Z");
    assert!(journal.iter().all(|stamp| stamp.instant == instant));
}

#[tokio::test]
async fn a_container_lives_as_long_as_was_said_and_then_shows_its_end() {
    let lifetime = Duration::from_millis(100);
    let bed = Bed::of(Program { lifetime, ..Program::failing(3) });
    let id = bed.create(NAME).await.unwrap();

    let before = bed.state(&id).await;
    bed.start(&id).await.unwrap();
    let during = bed.state(&id).await;
    let refused = bed.docker.remove_container(&id, None).await;
    let ended = bed.wait(&id).await;
    let after = bed.inspect(&id).await;

    assert_eq!(before.running, Some(false));
    assert_eq!(during.running, Some(true));
    let (status, words) = refusal(refused);
    assert_eq!(status, 409);
    assert!(words.starts_with("You cannot remove a running container"), "{words}");
    assert!(matches!(ended, Err(Error::DockerContainerWaitError { code: 3, .. })));
    let state = after.state.unwrap();
    let (started, finished) = (state.started_at.unwrap(), state.finished_at.unwrap());
    let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
    assert_eq!(time(&finished) - time(&started), chrono::TimeDelta::milliseconds(100));
    assert_eq!(state.exit_code, Some(3));
    assert_eq!(state.oom_killed, Some(false));
    let config = after.config.unwrap();
    assert_eq!(config.labels.unwrap()["color"], "red");
    assert_eq!(config.image.as_deref(), Some("busybox"));
    assert_eq!(after.host_config.unwrap().log_config.unwrap().typ.as_deref(), Some("json-file"));
}

#[tokio::test]
async fn an_image_says_what_its_containers_do() {
    let program = Program { output: b"no\n".to_vec(), ..Program::failing(7) };
    let bed = Bed::new(Options::default().image("bad", program));

    let body = ContainerCreateBody { image: Some("bad:latest".to_owned()), ..Default::default() };
    bed.create_as(NAME, body).await.unwrap();
    bed.start(NAME).await.unwrap();

    assert_eq!(code(bed.wait(NAME).await), 7);
    assert_eq!(output(&bed, false).await, "no\n");
}

#[tokio::test]
async fn a_name_is_held_by_one_container() {
    let bed = Bed::new(Options::default());

    let first = bed.create(NAME).await.unwrap();
    let second = bed.create(NAME).await;
    bed.docker.remove_container(NAME, None).await.unwrap();
    let third = bed.create(NAME).await;

    let (status, words) = refusal(second);
    assert_eq!(status, 409);
    assert!(words.contains(&format!("is already in use by container \"{first}\"")), "{words}");
    assert!(third.is_ok());
    assert_eq!(bed.stub.containers(), 1);
}

#[tokio::test]
async fn a_running_container_is_removed_by_force_only() {
    let bed = Bed::of(Program::lasting(LONG));
    let id = bed.started().await;

    let refused = bed.docker.remove_container(&id, None).await;
    let force = RemoveContainerOptionsBuilder::default().force(true).build();
    let waiting = bed.wait(&id);
    let removing = async {
        tokio::time::sleep(SHORT).await;
        bed.docker.remove_container(&id, Some(force)).await
    };
    let (waited, removed) = tokio::join!(waiting, removing);

    assert_eq!(refusal(refused).0, 409);
    assert!(removed.is_ok());
    assert_eq!(code(waited), 137);
    assert_eq!(refusal(bed.wait(&id).await).0, 404);
}

#[tokio::test]
async fn a_wait_for_the_next_exit_passes_over_one_that_was() {
    let bed = Bed::of(Program::lasting(SHORT * 3));
    let id = bed.started().await;
    let next = || {
        let options = WaitContainerOptionsBuilder::default().condition("next-exit").build();
        bed.docker.wait_container(&id, Some(options)).try_collect::<Vec<_>>()
    };

    let running = next().await;
    let ended = hangs(next()).await;
    let again = async {
        tokio::time::sleep(SHORT).await;
        bed.start(&id).await
    };
    let (restarted, _) = tokio::join!(next(), again);

    assert!(running.is_ok());
    assert!(ended, "the wait answered at once");
    assert!(restarted.is_ok());
}

#[tokio::test]
async fn a_log_that_is_followed_ends_with_its_container() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;

    let mut pieces = bed.docker.logs(NAME, Some(logs(true)));
    let first = pieces.next().await.unwrap().unwrap();
    let stays = hangs(pieces.next()).await;
    bed.stop(1).await.unwrap();
    let rest = pieces.next().await;

    assert_eq!(first.as_ref(), b"done\n");
    assert!(stays);
    assert!(rest.is_none());
}

#[tokio::test]
async fn a_log_has_the_output_of_every_start() {
    let bed = Bed::new(Options::default());
    bed.create(NAME).await.unwrap();

    let before = output(&bed, false).await;
    bed.start(NAME).await.unwrap();
    bed.start(NAME).await.unwrap();

    assert_eq!(before, "");
    assert_eq!(output(&bed, false).await, "done\ndone\n");
    assert_eq!(output(&bed, true).await, "done\ndone\n");
}

#[tokio::test]
async fn a_log_that_is_not_kept_cannot_be_read() {
    let bed = Bed::new(Options::default());
    let config = HostConfigLogConfig { typ: Some("none".to_owned()), ..Default::default() };
    let host_config = Some(HostConfig { log_config: Some(config), ..Default::default() });
    bed.create_as(NAME, ContainerCreateBody { host_config, ..Default::default() }).await.unwrap();

    let read: Result<Vec<_>, _> = bed.docker.logs(NAME, Some(logs(false))).try_collect().await;

    assert_eq!(refusal(read).0, 501);
}

#[tokio::test]
async fn networks_and_volumes_are_those_of_the_options() {
    let bed = Bed::new(Options {
        networks: vec!["mine".to_owned()],
        volumes: vec!["data".to_owned()],
        ..Options::default()
    });

    let networks = bed.docker.list_networks(None).await.unwrap();
    let names: Vec<_> = networks.into_iter().filter_map(|network| network.name).collect();
    let mine = bed.docker.inspect_network("mine", None).await.unwrap();
    let by_id = bed.docker.inspect_network(mine.id.as_deref().unwrap(), None).await.unwrap();

    assert_eq!(names, ["bridge", "host", "none", "mine"]);
    assert_eq!(by_id.name.as_deref(), Some("mine"));
    assert_eq!(bed.docker.inspect_volume("data").await.unwrap().name, "data");
    let network = refusal(bed.docker.inspect_network("theirs", None).await);
    assert_eq!(network, (404, "network theirs not found".to_owned()));
    let volume = refusal(bed.docker.inspect_volume("none").await);
    assert_eq!(volume, (404, "get none: no such volume".to_owned()));
}

#[test]
fn requests_in_one_packet_are_answered_in_order() {
    let bed = Bed::new(Options::default());

    let answer = bed.ask(
        "HEAD /_ping HTTP/1.1\r\nHost: a\r\n\r\nGET /v1.41/nothing HTTP/1.1\r\nConnection: close\r\n\r\n",
    );

    let (ping, nothing) = answer.split_once("\r\n\r\n").unwrap();
    assert!(ping.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(nothing.starts_with("HTTP/1.1 404 Not Found\r\n"));
    assert!(nothing.ends_with(r#"{"message":"page not found"}"#));
}
