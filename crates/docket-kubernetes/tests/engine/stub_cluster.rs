//! A stub of an API server with scheduling gates keeps the contract, too, and what is of gates.

use std::pin::pin;

use docket_server::engine::{
    Condition, EngineError, Handle, Launch, Observation, Starts, Stop, TakeOver, Target,
};
use futures_util::StreamExt;
use serde_json::json;

use crate::{
    cluster_bed::name,
    contract::{self, PLENTY, Program},
    stub_api::{Objects, Requests, StubApi, StubNode},
};

/// Runs a behaviour of the contract on a stub of its own.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            contract::$behaviour(&StubApi::start().await.subject().await).await;
        })*
    };
}

contract::any_engine!(keeps);
contract::several_nodes!(keeps);
contract::late_requests!(keeps);
contract::late_launches!(keeps);
contract::separate_start!(keeps);
keeps! {
    a_container_that_is_disarmed_is_known_to_have_never_run,
    a_stop_at_once_cuts_a_gentle_one_short,
    an_engine_that_is_away_is_unreachable_and_found_again,
}

#[tokio::test]
async fn a_start_under_a_stale_version_starts_nothing() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle =
        subject.engine.prepare(&subject.plan("stale", Program::Ends(0))).await.unwrap().handle;
    let note = json!({"metadata": {"annotations": {"note": "of someone else"}}});
    stub.change(|objects| objects.annotate(name(&handle), &note));

    let launched = subject.engine.launch(&handle).await.unwrap();

    let Launch::OutOfDate(present) = launched else { panic!("{launched:?}") };
    assert_eq!(stub.objects.lock().starts(), 0);
    assert_eq!(subject.engine.launch(&present).await, Ok(Launch::Accepted));
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));
    assert_eq!(stub.objects.lock().starts(), 1);
}

#[tokio::test]
async fn a_read_that_is_refused_says_nothing_about_a_pod() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = subject.start(&subject.plan("refused", Program::EndsWhenAsked)).await.handle;

    stub.objects.lock().refuses = Some(Requests::Reads);
    let watched = subject.engine.watch(&handle).next().await.unwrap();
    let inspected = subject.engine.inspect(&handle).await;
    stub.objects.lock().refuses = None;

    assert!(matches!(watched, Err(EngineError::Unreachable(_))), "{watched:?}");
    assert!(matches!(inspected, Err(EngineError::Unreachable(_))), "{inspected:?}");
    let again = subject.engine.watch(&handle).next().await.unwrap();
    assert!(matches!(again, Ok(Observation::Running { .. })), "{again:?}");
    stub.change(|objects| objects.end(name(&handle), 0));
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));
}

#[tokio::test]
async fn the_output_of_a_pod_whose_node_is_gone_is_what_docket_followed_of_it() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let program = Program::Prints(&[(docket_model::output::Stream::Out, "up")], 0);
    let handle = subject.start(&subject.plan("gone", program)).await.handle;
    subject.follow(&handle).await.unwrap();

    for status in [404, 500] {
        stub.objects.lock().log_failure = Some(status);
        let captured = subject.engine.read_log(&handle, 1 << 20).await.unwrap();

        assert_eq!(captured.output.to_bytes(), b"up\n", "{status}");
        let remark = captured.remark.unwrap_or_default();
        assert!(remark.contains("what docket followed"), "{status}: {remark}");
    }
}

#[tokio::test]
async fn of_long_output_of_a_pod_whose_node_is_gone_head_and_tail_are_kept() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = subject.start(&subject.plan("long-gone", Program::PrintsLong)).await.handle;
    subject.follow(&handle).await.unwrap();

    stub.objects.lock().log_failure = Some(404);
    let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();

    let (expected, kept) = (contract::long_output(), captured.output.to_bytes());
    let (written, of) = (captured.output.written(), expected.len() as u64);
    assert_eq!((written, captured.output.kept()), (of, 256 << 10));
    let (first, _) = expected.as_bytes().split_at(1000);
    assert!(kept.starts_with(first) && kept.ends_with(b"x\nend"));
    assert!(captured.remark.unwrap_or_default().contains("what docket followed"));
}

#[tokio::test]
async fn a_start_that_is_refused_fails_in_the_words_of_the_cluster() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let plan = subject.plan("denied", Program::Ends(0));
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;
    stub.objects.lock().refuses = Some(Requests::Starts);

    let launched = subject.engine.launch(&handle).await;

    let Err(EngineError::Refused { message, .. }) = launched else { panic!("{launched:?}") };
    assert_eq!(message, "admission webhook \"never\" denied the request");
    assert_eq!(stub.objects.lock().starts(), 0);
}

#[tokio::test]
async fn a_cluster_that_refuses_the_trial_of_gates_has_those_of_its_version() {
    let stub = StubApi::start().await;
    stub.objects.lock().refuses = Some(Requests::Trials);

    let subject = stub.subject().await;

    assert_eq!(subject.engine.starts(), Starts::Conditionally);
}

#[tokio::test]
async fn a_pod_that_was_disarmed_is_replaced_by_another_one_of_its_name() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let plan = subject.plan("replaced", Program::Ends(0));
    let first = subject.engine.prepare(&plan).await.unwrap().handle;
    let taken_over = subject.engine.take_over(&first).await.unwrap();
    let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };
    subject.engine.disarm(Target::Guarded(guard)).await.unwrap();

    let second = subject.start(&plan).await.handle;

    assert_ne!(second.id, first.id);
    assert_eq!(subject.follow(&second).await.unwrap().code, Some(0));
    assert_eq!(stub.objects.lock().starts(), 1);
}

#[tokio::test]
async fn a_pod_that_another_program_changes_each_time_is_disarmed_a_few_times() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = subject.engine.prepare(&subject.plan("changed", Program::Ends(0))).await;
    let taken_over = subject.engine.take_over(&handle.unwrap().handle).await.unwrap();
    let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };
    stub.objects.lock().refuses = Some(Requests::Merges);

    let disarmed = subject.engine.disarm(Target::Guarded(guard)).await;

    let changes = "another program changes the pod all the time";
    assert!(matches!(disarmed, Err(EngineError::Unreachable(words)) if words == changes));
}

#[tokio::test]
async fn a_pod_that_will_not_start_keeps_the_reason_until_it_is_on_record() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let plan = subject.plan("no-image", Program::HasNoImage);
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;
    subject.engine.launch(&handle).await.unwrap();
    let failure = subject.follow(&handle).await.unwrap_err();

    // Another life of docket watches it, as its record has no end.
    let later = subject.follow(&handle).await.unwrap_err();

    let EngineError::NotStartable(words) = &later else { panic!("{later:?}") };
    assert!(words.contains("manifest unknown"), "{words}");
    assert_eq!(later, failure);
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    assert!(!stub.objects.lock().has(name(&handle)));
}

/// Someone else deletes a pod by force.
fn delete_by_force(stub: &StubApi, handle: &Handle) {
    delete_within(stub, handle, 0);
}

/// Someone else deletes a pod with a grace.
fn delete_within(stub: &StubApi, handle: &Handle, seconds: u64) {
    let grace = json!({"gracePeriodSeconds": seconds});
    stub.change(|objects| objects.delete(name(handle), &grace)).unwrap();
}

/// Whether docket has noted on a pod that it is deleted.
fn is_noted(objects: &Objects, handle: &Handle) -> Option<()> {
    let pod = objects.pod(name(handle)).unwrap();
    pod["metadata"]["annotations"]["io.docket.stopped"].is_string().then_some(())
}

#[tokio::test]
async fn a_pod_that_is_deleted_by_force_before_its_start_may_still_be_started_by_its_node() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = stub.started_without_program(&subject, "forced").await;

    delete_by_force(&stub, &handle);
    // The second look comes after the time in which its node would settle a pull that has failed.
    let seen: Vec<_> = subject.engine.watch(&handle).take(2).collect().await;
    stub.change(|objects| objects.end(name(&handle), 3));

    let may_start = |seen: &_| matches!(seen, Ok(Observation::NodeAway { was_running: false, .. }));
    assert!(seen.len() == 2 && seen.iter().all(may_start), "{seen:?}");
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(3));
}

#[tokio::test]
async fn a_pod_that_someone_else_deletes_before_its_start_is_never_started_once_its_node_says_so() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = stub.started_without_program(&subject, "gentle").await;
    stub.objects.lock().node = StubNode::CutOff;
    delete_within(&stub, &handle, 30);

    let mut followed = pin!(subject.follow(&handle));
    tokio::select! {
        early = &mut followed => panic!("{early:?}"),
        () = stub.until(|objects| is_noted(objects, &handle)) => {}
    }
    stub.change(|objects| objects.node = StubNode::Ready);
    let ended = followed.await;

    let Err(EngineError::NotStartable(words)) = ended else { panic!("{ended:?}") };
    assert_eq!(words, "the pod was deleted by someone else before it was started");
}

#[tokio::test]
async fn a_deletion_by_force_is_no_report_of_a_node_that_is_not_heard() {
    for node in [StubNode::CutOff, StubNode::Hidden] {
        let stub = StubApi::start().await;
        let subject = stub.subject().await;
        let handle = stub.started_without_program(&subject, "cut-off").await;
        stub.objects.lock().node = StubNode::CutOff;
        delete_within(&stub, &handle, 30);
        let mut observations = subject.engine.watch(&handle);
        let waits = observations.next().await.unwrap();
        stub.until(|objects| is_noted(objects, &handle)).await;

        stub.objects.lock().node = node;
        delete_by_force(&stub, &handle);
        // The first is of the mark.
        let seen = observations.by_ref().skip(1).next().await.unwrap();
        stub.change(|objects| objects.end(name(&handle), 3));

        assert!(matches!(waits, Ok(Observation::Waiting(_))), "{waits:?}");
        assert!(matches!(seen, Ok(Observation::NodeAway { .. })), "{node:?}: {seen:?}");
        assert_eq!(subject.follow(&handle).await.unwrap().code, Some(3));
    }
}

#[tokio::test]
async fn a_stop_after_a_deletion_by_force_waits_for_the_node_that_may_start_the_pod() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = stub.started_without_program(&subject, "stopped").await;
    delete_by_force(&stub, &handle);
    let watches = stub.objects.lock().watches;

    let node_starts_it = async {
        stub.until(|objects| (objects.watches > watches).then_some(())).await;
        stub.change(|objects| objects.end(name(&handle), 3));
    };
    let (stopped, ()) = tokio::join!(subject.engine.stop(&handle, Stop::AtOnce), node_starts_it);

    assert_eq!(stopped, Ok(()));
    let pod = stub.objects.lock().pod(name(&handle)).cloned().unwrap();
    assert_eq!(pod["metadata"]["annotations"]["io.docket.stopped"], json!(null));
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(3));
}

#[tokio::test]
async fn a_pod_of_a_lost_run_is_removed_only_while_its_end_is_not_reported() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = stub.started_without_program(&subject, "lost").await;
    let running = json!({"running": {"startedAt": "2026-11-21T09:00:00Z"}});
    stub.change(|objects| objects.set_state(name(&handle), "Running", running));

    let runs = subject.engine.remove(&handle, Condition::EndUnknown).await;
    delete_by_force(&stub, &handle);
    let forced = subject.engine.remove(&handle, Condition::NotRunning).await;
    let other = stub.started_without_program(&subject, "back").await;
    delete_by_force(&stub, &other);
    stub.change(|objects| objects.end(name(&other), 3));
    let ended = subject.engine.remove(&other, Condition::EndUnknown).await;
    subject.engine.remove(&handle, Condition::EndUnknown).await.unwrap();

    for refused in [runs, forced, ended] {
        assert!(matches!(refused, Err(EngineError::Refused { .. })), "{refused:?}");
    }
    assert!(!stub.objects.lock().has(name(&handle)));
    assert_eq!(subject.follow(&other).await.unwrap().code, Some(3));
}

#[tokio::test]
async fn a_pod_whose_node_is_not_heard_is_on_a_node_that_is_away_until_it_is_back() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = subject.start_and_read(&subject.plan("away", Program::EndsWhenAsked)).await.handle;
    let mut observations = subject.engine.watch(&handle);
    let running = observations.next().await.unwrap();
    // As the controller of nodes sets it: the node itself reports a container that is ready.
    let set_ready = |ready: &str, at: &str| {
        let condition = json!({"type": "Ready", "status": ready, "lastTransitionTime": at});
        stub.change(|objects| {
            let mut status = objects.pod(name(&handle)).unwrap()["status"].clone();
            status["conditions"] = json!([condition]);
            objects.set_status(name(&handle), status);
        });
    };

    set_ready("False", "2026-11-21T09:00:40Z");
    let away = observations.next().await.unwrap();
    let inspected = subject.engine.inspect(&handle).await;
    set_ready("True", "2026-11-21T09:01:40Z");
    let back = observations.next().await.unwrap();
    stub.change(|objects| objects.end(name(&handle), 3));

    let since = Some("2026-11-21T09:00:40Z".parse().unwrap());
    let is_away = Observation::NodeAway { node: "node-1".into(), since, was_running: true };
    assert!(matches!(running, Ok(Observation::Running { .. })), "{running:?}");
    assert_eq!((away, inspected), (Ok(is_away.clone()), Ok(is_away)));
    assert_eq!(back, running);
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(3));
}
