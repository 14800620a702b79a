//! Docker keeps the contract, and what is its own.

use std::{env, sync::Arc};

use docket_model::run::ExitCause;
use docket_server::engine::{Condition, EngineError, Follow, LogCursor, Refusal};
use futures_util::TryStreamExt;
use serde_json::json;

use crate::{
    contract::{self, PLENTY, Subject},
    harness::{Bed, engine_at},
};

/// Runs the contract on the engine that was named, or on one of the tests' own.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            if let Ok(address) = env::var("DOCKET_TEST_DOCKER_HOST") {
                let engine = Arc::new(engine_at(&address, None));
                contract::$behaviour(&Subject::new(engine, "busybox:latest")).await;
            } else {
                let bed = Bed::shared().await;
                contract::$behaviour(&bed.subject()).await;
            }
        })*
    };
}

keeps! {
    it_tells_what_it_is,
    a_run_gives_its_output_its_exit_code_and_its_times,
    a_failure_gives_its_exit_code,
    a_container_that_ends_at_once_is_followed_to_its_end,
    many_lines_come_back_to_the_byte,
    a_line_of_a_mebibyte_comes_back_to_the_byte,
    both_streams_come_back_in_the_order_they_were_written,
    of_longer_output_head_and_tail_are_kept,
    a_terminals_bytes_come_back_as_they_were_written,
    the_environment_names_the_run,
    creating_twice_joins_the_container,
    a_container_that_was_not_started_is_taken_over_and_disarmed,
    a_container_that_is_started_meanwhile_is_not_disarmed,
    of_a_container_that_ran_and_is_gone_the_exit_code_is_known,
    a_name_that_another_holds_is_left_alone,
    a_container_without_an_image_is_not_created,
    a_program_that_is_not_there_cannot_be_started,
    what_is_gone_is_said_to_be_gone,
    a_container_that_runs_is_not_removed,
    a_look_tells_where_a_container_is_in_its_life,
    a_gentle_stop_lets_the_program_end_by_itself,
    a_container_is_asked_by_its_own_signal,
    who_does_not_end_in_its_own_time_is_killed,
    a_stop_at_once_cuts_a_gentle_one_short,
    what_does_not_run_is_stopped_already,
    the_containers_of_a_server_are_found_again,
    what_a_container_writes_is_handed_out_while_it_runs,
    live_output_has_each_byte_in_the_order_of_the_output,
    the_streams_of_an_output_are_kept_apart,
    a_terminals_live_output_is_as_it_was_written,
    live_output_waits_for_a_container_to_be_started,
    live_output_of_what_is_gone_says_so,
    live_output_of_what_cannot_be_started_says_so,
    a_check_of_what_can_run_finds_nothing_and_leaves_nothing,
    a_check_without_an_image_is_fatal_and_goes_on,
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
    let plan = subject.plan("options", json!({"Config": {"Cmd": ["true"]}, "HostConfig": host}));

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
    let mut plan = subject.plan("manual", json!({"Config": config}));
    plan.environment = vec!["A=2".to_owned()];
    plan.command = Some(["sh", "-c", "echo $A $B"].map(str::to_owned).into());

    let (exit, captured) = subject.run(&plan).await;

    assert_eq!((exit.code, captured.output.to_bytes()), (0, b"2 1\n".to_vec()));
}

#[tokio::test]
async fn a_killed_container_ends_with_its_signal() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let made = subject.begin(&subject.script("killed", "echo up; sleep 600")).await;
    let followed = subject.follow(&made.handle);

    let (exit, _) = tokio::join!(followed, async { bed.docker(&["kill", &made.handle.id.0]) });

    let exit = exit.unwrap();
    assert_eq!((exit.code, exit.cause), (137, Some(ExitCause::Killed)));
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_container_that_is_removed_while_it_is_followed_is_gone() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let made = subject.begin(&subject.script("removed", "sleep 600")).await;
    let engine = Arc::clone(&subject.engine);
    let id = made.handle.clone();
    let followed = tokio::spawn(async move { contract::follow(&*engine, &id).await });

    bed.docker(&["rm", "--force", &made.handle.id.0]);

    assert_eq!(followed.await.unwrap(), Err(EngineError::Gone));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_empty_and_says_so() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let host = json!({"LogConfig": {"Type": "none"}});
    let config = json!({"Cmd": ["echo", "lost"]});
    let plan = subject.plan("no-log", json!({"Config": config, "HostConfig": host}));
    let made = subject.begin(&plan).await;
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
    let plan = subject.plan(
        "volumes",
        json!({"Config": {"Cmd": ["touch", "/data/x"], "Volumes": {"/data": {}}}}),
    );
    let made = subject.begin(&plan).await;
    let format = "{{range .Mounts}}{{.Name}}{{end}}";
    let volume = bed.docker(&["inspect", "--format", format, &made.handle.id.0]);
    subject.follow(&made.handle).await.unwrap();

    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();

    assert!(!bed.docker(&["volume", "ls", "--quiet"]).contains(&volume));
}
