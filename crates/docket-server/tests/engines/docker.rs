//! Docker keeps the contract, and what is its own.

use docket_server::engine::{Condition, EngineError, Follow, Grace, LogCursor, Refusal, Stop};
use futures_util::TryStreamExt;
use serde_json::json;

use crate::{
    contract::{self, PLENTY},
    harness::{Bed, contract_subject},
};

/// Runs a behaviour of the contract on the engine that was named, or on one of the tests' own.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            contract::$behaviour(&contract_subject().await).await;
        })*
    };
}

contract::any_engine!(keeps);
contract::one_host!(keeps);
contract::separate_start!(keeps);
contract::start_at_once!(keeps);

/// Runs a behaviour of the contract on an engine behind a proxy.
macro_rules! keeps_behind_proxy {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            contract::$behaviour(&Bed::shared().await.subject_behind_proxy()).await;
        })*
    };
}

contract::late_requests!(keeps_behind_proxy);
contract::late_launches!(keeps_behind_proxy);

#[tokio::test]
async fn an_engine_that_is_away_is_unreachable_and_found_again() {
    let bed = Bed::start().await;
    contract::an_engine_that_is_away_is_unreachable_and_found_again(&bed.subject()).await;
}

#[tokio::test]
async fn a_container_has_the_name_and_the_labels_of_its_run() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let mut plan = subject.script("Named_1.x", "true");
    plan.labels.insert("team".to_owned(), "blue".to_owned());
    plan.identity.attempt = 2.into();

    let made = subject.engine.prepare(&plan).await.unwrap();

    let namespace = &plan.identity.namespace;
    let format = "{{.Name}} {{.Config.Labels.team}} {{len .Config.Labels}}";
    let seen = bed.docker(&["inspect", "--format", format, &made.handle.id.0]);
    assert_eq!(seen, format!("/{namespace}.Named_1.x.20261121T090000Z.2 blue 8"));
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn an_option_reaches_the_engine_as_it_was_posted() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let host = json!({"NanoCpus": 500_000_000, "AutoRemove": true, "Ulimits": [
        {"Name": "nofile", "Soft": 100, "Hard": 200},
    ]});
    let plan =
        subject.docker_plan("options", json!({"Config": {"Cmd": ["true"]}, "HostConfig": host}));

    let made = subject.engine.prepare(&plan).await.unwrap();

    let format = "{{.HostConfig.NanoCpus}} {{.HostConfig.AutoRemove}} {{json .HostConfig.Ulimits}}";
    let seen = bed.docker(&["inspect", "--format", format, &made.handle.id.0]);
    assert_eq!(seen, r#"500000000 false [{"Hard":200,"Name":"nofile","Soft":100}]"#);
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn environment_and_command_of_a_run_reach_the_engine() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let config = json!({"Cmd": ["false"], "Env": ["A=1", "B=1"]});
    let mut plan = subject.docker_plan("manual", json!({"Config": config}));
    plan.environment = vec!["A=2".to_owned()];
    plan.command = Some(["sh", "-c", "echo $A $B"].map(str::to_owned).into());

    let (exit, captured) = subject.run(&plan).await;

    assert_eq!((exit.code, captured.output.to_bytes()), (Some(0), b"2 1\n".to_vec()));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_empty_and_says_so() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let host = json!({"LogConfig": {"Type": "none"}});
    let config = json!({"Cmd": ["echo", "lost"]});
    let plan = subject.docker_plan("no-log", json!({"Config": config, "HostConfig": host}));
    let made = subject.start(&plan).await;
    subject.follow(&made.handle).await.unwrap();

    let captured = subject.engine.read_log(&made.handle, PLENTY).await.unwrap();

    assert_eq!(captured.output.written(), 0);
    assert!(captured.remark.unwrap().starts_with("no output: "));
    let live: Result<Vec<_>, _> =
        subject.engine.logs(&made.handle, LogCursor::behind(0), Follow::ToEnd).try_collect().await;
    let refusal = live.unwrap_err();
    assert!(
        matches!(refusal, EngineError::Refused { kind: Refusal::Unsupported, .. }),
        "{refusal:?}"
    );
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn anonymous_volumes_go_with_their_container() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let plan = subject.docker_plan(
        "volumes",
        json!({"Config": {"Cmd": ["touch", "/data/x"], "Volumes": {"/data": {}}}}),
    );
    let made = subject.start(&plan).await;
    let format = "{{range .Mounts}}{{.Name}}{{end}}";
    let volume = bed.docker(&["inspect", "--format", format, &made.handle.id.0]);
    subject.follow(&made.handle).await.unwrap();

    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();

    assert!(!bed.docker(&["volume", "ls", "--quiet"]).contains(&volume));
}

#[tokio::test]
async fn a_container_is_asked_by_its_own_signal() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let script = "trap 'exit 8' USR1; echo up; while :; do sleep 0.05; done";
    let config = json!({"Cmd": ["sh", "-c", script], "StopSignal": "SIGUSR1"});
    let made =
        subject.start_and_read(&subject.docker_plan("signal", json!({"Config": config}))).await;

    subject.engine.stop(&made.handle, Stop::Gently(Grace::of(Some(10)))).await.unwrap();

    assert_eq!(subject.follow(&made.handle).await.unwrap().code, Some(8));
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn the_environment_names_the_run() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let plan = subject.docker_plan(
        "named",
        json!({"Config": {"Cmd": ["sh", "-c", "env | grep DOCKET_ | sort"], "Env": ["DOCKET_X=1"]}}),
    );
    let (_, captured) = subject.run(&plan).await;

    let expected = "DOCKET_ALLOCATION=named\nDOCKET_ATTEMPT=1\nDOCKET_INSTANT=2026-11-21T09:00:00Z\n\
                    DOCKET_RUN=named/20261121T090000Z\nDOCKET_X=1\n";
    assert_eq!(String::from_utf8(captured.output.to_bytes()).unwrap(), expected);
}
