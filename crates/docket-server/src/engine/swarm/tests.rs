//! Answers of managers that a real Swarm gives too rarely.

use std::{fs, sync::Arc, time::Duration};

use docket_model::run::{ContainerId, ExitCause};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    create_service::prepare,
    managers::Managers,
    observe::{Sight, look},
    pending_starts::{disarm, launch, remove},
    service::Service,
    service_cache::Notes,
    task_log,
    watch_task::watch,
};
use crate::engine::{
    Condition, EngineError, Handle, Launch, Observation,
    container_plan::tests::plan,
    docker::tests::scripted_daemon::{Reply, Stub},
};

#[tokio::test(start_paused = true)]
async fn a_start_that_a_manager_lost_sight_of_may_have_been_carried_out() {
    let service = json!({
        "ID": "s1", "Version": {"Index": 7},
        "Spec": {"Mode": {"Replicated": {"Replicas": 0}}, "TaskTemplate": {}},
    });
    let stub = Stub::start(move |request| {
        if request.starts_with("GET ") {
            return Reply::Json(200, service.to_string());
        }
        let message = "rpc error: code = Canceled desc = context canceled";
        Reply::Json(500, json!({"message": message}).to_string())
    });
    let managers = Managers::new(vec![stub.client()]);
    let handle = Handle { id: ContainerId("s1".into()), version: Some("7".into()) };

    let launched = launch(&managers, &Notes::default(), &handle).await;

    assert!(matches!(launched, Ok(Launch::Unknown(_))), "{launched:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_another_program_changes_each_time_is_disarmed_a_few_times_with_pauses() {
    let service = json!({
        "ID": "s1", "Version": {"Index": 7},
        "Spec": {"Mode": {"Replicated": {"Replicas": 0}}, "TaskTemplate": {}, "Labels": {}},
    });
    let stub = Stub::start(move |request| {
        if request.starts_with("GET ") {
            return Reply::Json(200, service.to_string());
        }
        let message = "rpc error: code = Unknown desc = update out of sequence";
        Reply::Json(500, json!({"message": message}).to_string())
    });
    let managers = Managers::new(vec![stub.client()]);
    let handle = Handle { id: ContainerId("s1".into()), version: Some("7".into()) };
    let begun_at = Instant::now();

    let disarmed = disarm(&managers, &Notes::default(), &handle).await;

    let changes = "another program changes the service all the time";
    assert!(matches!(disarmed, Err(EngineError::Unreachable(words)) if words == changes));
    assert_eq!(stub.count("POST /services/s1/update"), 5);
    assert!(begun_at.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_left_out_is_reported_with_its_remedy() {
    let stub = Stub::start(|request| match request {
        request if request.starts_with("GET ") => {
            Reply::Json(200, json!({"ID": "s1", "Version": {"Index": 7}, "Spec": {}}).to_string())
        }
        _ => Reply::Json(201, json!({"ID": "s1"}).to_string()),
    });
    let managers = Managers::new(vec![stub.client()]);
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"credHelpers": {"reg.example": "no-such-helper"}});
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let plan = plan(&json!({"Image": "reg.example/tool"}));

    let prepared = prepare(&managers, &Notes::default(), Some(folder.path()), &plan).await.unwrap();

    let expected = "the nodes pull `reg.example/tool` without a login: cannot run \
                    `docker-credential-no-such-helper`: No such file or directory (os error 2); mend that, \
                    or run `docker login reg.example` as the user who runs the server";
    assert_eq!(prepared.warnings, [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_just_created_is_started_as_it_was_then_and_others_are_read_first() {
    let service = json!({
        "ID": "s1", "Version": {"Index": 7},
        "Spec": {"Mode": {"Replicated": {"Replicas": 0}}, "TaskTemplate": {}},
    });
    let created: Service = serde_json::from_value(service.clone()).unwrap();
    let stub = Stub::start(move |request| match request {
        request if request.starts_with("GET ") => Reply::Json(200, service.to_string()),
        _ => Reply::Json(200, "{}".to_owned()),
    });
    let (managers, notes) = (Managers::new(vec![stub.client()]), Notes::default());
    let handle = created.handle();
    notes.note_created(created);

    let launched = launch(&managers, &notes, &handle).await;
    let reads_of_first = stub.count("GET /services/s1");
    let launched_again = launch(&managers, &notes, &handle).await;

    assert!(matches!(launched, Ok(Launch::Accepted)), "{launched:?}");
    assert_eq!(reads_of_first, 0);
    assert!(matches!(launched_again, Ok(Launch::Accepted)), "{launched_again:?}");
    assert_eq!(stub.count("GET /services/s1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_on_a_node_is_watched_by_itself_and_looked_at_soon_after_each_change() {
    // Each look at the task finds it one state further, after some that find it as it was.
    let states =
        ["assigned", "preparing", "preparing", "preparing", "preparing", "starting", "complete"];
    let mut states = states.into_iter();
    let stub = Stub::start(move |request| {
        let state = if request.starts_with("GET /tasks") { states.next() } else { None };
        let task = json!({
            "ID": "t1", "NodeID": "n1", "DesiredState": "running",
            "Status": {"State": state, "ContainerStatus": {"ContainerID": "c", "ExitCode": 0}},
        });
        match request {
            request if request.starts_with("GET /tasks?") => {
                Reply::Json(200, json!([task]).to_string())
            }
            request if request.starts_with("GET /tasks/t1") => Reply::Json(200, task.to_string()),
            _ => Reply::Json(404, "{}".to_owned()),
        }
    });
    let (managers, notes) = (Arc::new(Managers::new(vec![stub.client()])), Arc::default());
    let began = Instant::now();

    let seen: Vec<_> = watch(&managers, &notes, &ContainerId("s1".into())).collect().await;

    assert_eq!(seen.first(), Some(&Ok(Observation::Waiting(None))));
    assert!(matches!(seen.last(), Some(Ok(Observation::Ended(_)))), "{seen:?}");
    assert_eq!(seen.len(), 2);
    // Before the first look and after each change the pauses begin with 100 ms, and without one they double.
    let pauses = [100, 100, 100, 200, 400, 800, 100];
    assert_eq!(began.elapsed().as_millis(), pauses.iter().sum());
    assert_eq!((stub.count("GET /tasks?"), stub.count("GET /tasks/t1")), (1, 6));
    assert_eq!(stub.count("GET /services"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_task_was_seen_to_end_is_removed_without_another_look() {
    let ended = json!({"State": "complete", "ContainerStatus": {"ContainerID": "c"}});
    let (stub, notes) = (stub_with_task(&ended, "ready"), Notes::default());
    let managers = Managers::new(vec![stub.client()]);
    let handle = Handle { id: ContainerId("s1".into()), version: None };
    look(&managers, &notes, &handle.id).await.unwrap();
    let looks = stub.count("GET ");

    let removed = remove(&managers, &notes, &handle, Condition::NotRunning).await;

    assert_eq!(removed, Ok(()));
    assert_eq!((stub.count("GET "), stub.count("DELETE /services/s1")), (looks, 1));
}

/// A manager with a service of a grace of 10 s, and its task in this state on a node in that state.
fn manager_with_task(status: &Value, node_state: &str) -> Managers {
    Managers::new(vec![stub_with_task(status, node_state).client()])
}

fn stub_with_task(status: &Value, node_state: &str) -> Stub {
    let container = json!({"StopGracePeriod": 10_000_000_000_u64});
    let service = json!({
        "ID": "s1", "Version": {"Index": 7},
        "Spec": {"Mode": {"Replicated": {"Replicas": 1}}, "TaskTemplate": {"ContainerSpec": container}},
    });
    let task = json!({
        "ID": "t1", "NodeID": "n1", "CreatedAt": "2026-11-21T09:00:00Z", "DesiredState": "shutdown",
        "Status": status,
    });
    let node = json!({"Description": {"Hostname": "node-1"}, "Status": {"State": node_state}});
    Stub::start(move |request| match request {
        request if request.starts_with("GET /tasks") => Reply::Json(200, json!([task]).to_string()),
        // As of a node that is away: the answer begins, and that is all.
        request if request.contains("/logs") => Reply::Silence,
        request if request.starts_with("GET /nodes/") => Reply::Json(200, node.to_string()),
        _ => Reply::Json(200, service.to_string()),
    })
}

#[tokio::test(start_paused = true)]
async fn the_time_for_which_a_task_waited_is_not_of_its_run() {
    let ended = json!({
        "State": "failed", "Timestamp": "2026-11-21T09:30:00Z", "Err": "task: non-zero exit (3)",
        "ContainerStatus": {"ContainerID": "c", "ExitCode": 3},
    });
    let (managers, notes) = (manager_with_task(&ended, "ready"), Notes::default());
    let id = ContainerId("s1".into());

    let never_seen = look(&managers, &notes, &id).await.unwrap();
    notes.note_waiting(&id, Instant::now());
    tokio::time::advance(Duration::from_secs(2)).await;
    let seen_to_wait = look(&managers, &notes, &id).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let later = look(&managers, &notes, &id).await.unwrap();

    let start = |sight: &Sight| match sight {
        Sight::Ended(exit) => exit.started_at.map(|at| (exit.ended_at.unwrap() - at).num_seconds()),
        sight => panic!("{sight:?}"),
    };
    assert_eq!(start(&never_seen), None);
    assert_eq!(start(&seen_to_wait), Some(2));
    assert_eq!(later, seen_to_wait);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_rejected_while_it_runs_has_ended_once_its_grace_is_over() {
    let rejected = json!({
        "State": "rejected", "Timestamp": "2026-11-21T09:30:00Z",
        "Err": "assigned node no longer meets constraints",
        "ContainerStatus": {"ContainerID": "c", "ExitCode": 0},
    });
    let (managers, notes) = (manager_with_task(&rejected, "ready"), Notes::default());
    let id = ContainerId("s1".into());

    let at_once = look(&managers, &notes, &id).await.unwrap();
    tokio::time::advance(Duration::from_secs(9)).await;
    let in_its_grace = look(&managers, &notes, &id).await.unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    let after_it = look(&managers, &notes, &id).await.unwrap();

    assert!(matches!(at_once, Sight::Running { .. }), "{at_once:?}");
    assert_eq!(in_its_grace, at_once);
    let words = "Swarm stopped it: assigned node no longer meets constraints";
    let Sight::Ended(exit) = after_it else { panic!("{after_it:?}") };
    assert_eq!((exit.code, exit.cause), (None, Some(ExitCause::Killed)));
    assert_eq!(exit.error.as_deref(), Some(words));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_only_a_node_has_which_is_away_is_not_opened_and_not_given_up() {
    let ended = json!({"State": "complete", "ContainerStatus": {"ContainerID": "c"}});
    let stub = stub_with_task(&ended, "down");
    let managers = Managers::new(vec![stub.client()]);

    let read = task_log::read(&managers, &Notes::default(), &ContainerId("s1".into()), 1000).await;

    assert_eq!(read, Err(EngineError::NodeAway("node-1".into())));
    assert_eq!(stub.count("GET /tasks/t1/logs"), 0);
}
