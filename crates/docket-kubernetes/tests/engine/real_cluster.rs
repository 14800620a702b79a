//! A real cluster keeps the contract, and what is its own.

use std::time::{Duration, Instant};

use docket_model::{
    allocation::Pull,
    run::{Exit, ExitCause},
};
use docket_server::engine::{
    Condition, EngineError, Finding, Grace, Observation, Past, Plan, Stop,
};
use serde_json::{Value, json};

use crate::{
    cluster_bed::{cluster, name},
    contract::{self, PLENTY, Program, Subject},
    shell_program::IMAGE,
};

/// Runs a behaviour of the contract on the cluster that the environment names.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $behaviour() {
            let Some(bed) = cluster().await else { return };
            contract::$behaviour(&bed.subject().await).await;
        })*
    };
}

contract::any_engine!(keeps);
contract::several_nodes!(keeps);

/// Runs a behaviour of the contract on the cluster behind a proxy.
macro_rules! keeps_behind_proxy {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $behaviour() {
            let Some(bed) = cluster().await else { return };
            contract::$behaviour(&bed.subject_behind_proxy().await).await;
        })*
    };
}

contract::late_requests!(keeps_behind_proxy);

/// The state that a run ends in, from its start to its removal.
async fn exit_of(subject: &Subject, plan: &Plan) -> Exit {
    let handle = subject.start(plan).await.handle;
    let exit = subject.follow(&handle).await.unwrap();
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    exit
}

fn plan(subject: &Subject, name: &str, container: Value) -> Plan {
    let mut container = container;
    container["Config"]["Image"] = IMAGE.into();
    subject.plan_of(name, &container)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_reports_what_the_cluster_refuses() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    // More than the largest number of a user that a cluster accepts.
    let refused = plan(&subject, "refused", json!({"Config": {"User": "4000000000"}}));

    let findings = subject.check(&refused, Pull::Always).await;

    let [Finding { message, is_fatal: true, .. }] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert!(message.contains("runAsUser"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_uses_too_much_memory_is_killed_for_that() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    let grow = "x=1; while :; do x=$x$x; done";
    let container =
        json!({"Config": {"Cmd": ["sh", "-c", grow]}, "HostConfig": {"Memory": 20 << 20}});

    let exit = exit_of(&subject, &plan(&subject, "memory", container)).await;

    assert_eq!((exit.code, exit.cause), (Some(137), Some(ExitCause::OutOfMemory)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_reported_within_a_minute_in_the_words_of_the_registry() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    let plan = subject.plan("no-image", Program::HasNoImage);
    let begun_at = Instant::now();
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;

    let failure = subject.follow(&handle).await.unwrap_err();

    let EngineError::NotStartable(words) = failure else { panic!("{failure:?}") };
    assert!(words.contains("example/missing:7"), "{words}");
    assert!(begun_at.elapsed() < Duration::from_secs(60), "{:?}", begun_at.elapsed());
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Gone(Past::Unknown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_reported() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    let handle = subject.start(&subject.plan("no-program", Program::HasNoFile)).await.handle;

    let failure = subject.follow(&handle).await.unwrap_err();

    let EngineError::NotStartable(words) = failure else { panic!("{failure:?}") };
    assert!(words.contains("/no/such"), "{words}");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_pod_that_someone_else_deletes_exit_code_and_output_are_kept() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    let handle =
        subject.start_and_read(&subject.plan("deleted", Program::EndsWhenAsked)).await.handle;

    bed.kubectl(&["delete", "pod", name(&handle), "--wait=false"]);
    let exit = subject.follow(&handle).await.unwrap();

    subject.assert_end(&handle, &exit, (Some(7), None));
    assert_eq!(exit.error.as_deref(), Some("the pod was deleted by someone else"));
    let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();
    assert_eq!(captured.output.to_bytes(), b"up\nasked\n");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_pod_that_is_stopped_the_output_is_kept() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    let handle =
        subject.start_and_read(&subject.plan("stopped", Program::EndsWhenAsked)).await.handle;

    subject.engine.stop(&handle, Stop::Gently(Grace::of(Some(10)))).await.unwrap();

    let exit = subject.follow(&handle).await.unwrap();
    subject.assert_end(&handle, &exit, (Some(7), None));
    assert_eq!(exit.error, None);
    let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();
    assert_eq!(captured.output.to_bytes(), b"up\nasked\n");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_the_node_lost_and_started_again_is_reported() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    let container = json!({"Config": {"Cmd": ["sh", "-c", "echo begin; sleep 8; echo end"]}});
    let handle = subject.start_and_read(&plan(&subject, "twice-begun", container)).await.handle;

    let lose = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        bed.docker(&["rm", "--force", &bed.container(&handle)]);
    };
    let (exit, ()) = tokio::join!(subject.follow(&handle), lose);

    assert_eq!(exit.unwrap().code, Some(0));
    let remark = subject.engine.read_log(&handle, PLENTY).await.unwrap().remark.unwrap();
    assert!(remark.contains("a second time"), "{remark}");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_and_command_reach_the_program_as_they_were_posted() {
    let Some(bed) = cluster().await else { return };
    let subject = bed.subject().await;
    let script = r#"echo "$A"; echo "$0" $(echo inner)"#;
    let config = json!({"Cmd": ["sh", "-c", script, "$(A) $$ $(B)"], "Env": ["A=$(HOME) $$ $x $"]});
    let handle = subject.start(&plan(&subject, "dollars", json!({"Config": config}))).await.handle;
    subject.follow(&handle).await.unwrap();

    let output = subject.engine.read_log(&handle, PLENTY).await.unwrap().output;

    let expected = "$(HOME) $$ $x $\n$(A) $$ $(B) inner\n";
    assert_eq!(String::from_utf8(output.to_bytes()).unwrap(), expected);
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}
