//! Podman keeps the contract through its Docker API, and what is its own.
//!
//! Where `podman` is not installed each test says so and is skipped; `scripts/install-packages` installs it.

use std::sync::Arc;

use docket_model::allocation::Pull;
use docket_server::engine::{
    Condition, Engine, EngineError, Follow, Grace, LogCursor, Observation, Past, Stop, TakeOver,
};
use futures_util::TryStreamExt;
use serde_json::json;

use crate::{
    contract::{self, PLENTY, bytes},
    docker_pulls::{offer, registry},
    harness::Bed,
};

/// A bed that `start` makes; `None`, and words, where there is no Podman.
async fn podman(start: impl Future<Output = Arc<Bed>>) -> Option<Arc<Bed>> {
    if Bed::has_podman() {
        return Some(start.await);
    }
    #[expect(clippy::print_stderr, reason = "cargo shows it with `--nocapture`")]
    {
        eprintln!("SKIPPED: podman is not installed");
    }
    None
}

/// Runs a behaviour of the contract on Podman.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            let Some(bed) = podman(Bed::shared_podman()).await else { return };
            contract::$behaviour(&bed.subject()).await;
        })*
    };
}

contract::any_engine!(keeps);
contract::one_host!(keeps);
contract::separate_start!(keeps);
contract::start_at_once!(keeps);

/// Runs a behaviour of the contract on Podman behind a proxy.
macro_rules! keeps_behind_proxy {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            let Some(bed) = podman(Bed::shared_podman()).await else { return };
            contract::$behaviour(&bed.subject_behind_proxy()).await;
        })*
    };
}

contract::late_requests!(keeps_behind_proxy);
contract::late_launches!(keeps_behind_proxy);

#[tokio::test]
async fn an_engine_that_is_away_is_unreachable_and_found_again() {
    let Some(bed) = podman(Bed::start_podman()).await else { return };
    contract::an_engine_that_is_away_is_unreachable_and_found_again(&bed.subject()).await;
}

#[tokio::test]
async fn a_container_that_is_being_stopped_runs_until_its_end() {
    let Some(bed) = podman(Bed::shared_podman()).await else { return };
    let subject = bed.subject();
    let script = "trap 'echo asked; sleep 2; exit 7' TERM; echo up; while :; do sleep 0.05; done";
    let handle = subject.start_and_read(&subject.script("stopping", script)).await.handle;
    let mut live = subject.engine.logs(&handle, LogCursor::behind(3), Follow::ToEnd);

    let stop = subject.engine.stop(&handle, Stop::Gently(Grace::of(Some(20))));
    let observed = async {
        assert_eq!(live.try_next().await.unwrap().unwrap().1.bytes, "asked\n");
        subject.engine.inspect(&handle).await
    };
    let (stopped, observation) = tokio::join!(stop, observed);

    assert_eq!(stopped, Ok(()));
    let observation = observation.unwrap();
    assert!(matches!(observation, Observation::Running { .. }), "{observation:?}");
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(7));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_paused_container_is_stopped_like_any_other() {
    let Some(bed) = podman(Bed::shared_podman()).await else { return };
    let subject = bed.subject();
    let script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";
    for (name, how, code) in
        [("paused-1", Stop::Gently(Grace::of(None)), 7), ("paused-2", Stop::AtOnce, 137)]
    {
        let made = subject.start_and_read(&subject.script(name, script)).await;
        bed.docker(&["pause", &made.handle.id.0]);

        subject.engine.stop(&made.handle, how).await.unwrap();

        assert_eq!(subject.follow(&made.handle).await.unwrap().code, Some(code));
        subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
    }
}

#[tokio::test]
async fn live_output_has_each_byte_in_the_order_of_the_output() {
    let Some(bed) = podman(Bed::shared_podman()).await else { return };
    let subject = bed.subject();
    let script = "seq 1 20000; echo between >&2; seq 1 20000";
    let handle = subject.start(&subject.script("live-bytes", script)).await.handle;

    let live = subject.engine.logs(&handle, LogCursor::default(), Follow::ToEnd);
    let live = bytes(&live.try_collect::<Vec<_>>().await.unwrap());

    let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();
    assert!(live == captured.output.to_bytes(), "{}", live.len());
    assert_eq!((live.len(), captured.remark), (217_796, None));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_not_kept_is_empty_and_says_so() {
    let Some(bed) = podman(Bed::shared_podman()).await else { return };
    let subject = bed.subject();
    let host = json!({"LogConfig": {"Type": "none"}});
    let options = json!({"Config": {"Cmd": ["echo", "lost"]}, "HostConfig": host});

    let (exit, captured) = subject.run(&subject.docker_plan("no-log", options)).await;

    assert_eq!((exit.code, captured.output.written()), (Some(0), 0));
    assert!(captured.remark.unwrap().starts_with("no output: "));
}

#[tokio::test]
async fn anonymous_volumes_go_with_their_container() {
    let Some(bed) = podman(Bed::shared_podman()).await else { return };
    let subject = bed.subject();
    let config = json!({"Cmd": ["touch", "/data/x"], "Volumes": {"/data": {}}});
    let plan = subject.docker_plan("volumes", json!({"Config": config}));
    let made = subject.start(&plan).await;
    let format = "{{range .Mounts}}{{.Name}}{{end}}";
    let volume = bed.docker(&["inspect", "--format", format, &made.handle.id.0]);
    assert!(bed.docker(&["volume", "ls", "--quiet"]).contains(&volume));
    subject.follow(&made.handle).await.unwrap();

    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();

    assert!(!bed.docker(&["volume", "ls", "--quiet"]).contains(&volume));
}

/// Podman's containers do not depend on its service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_outlives_the_service_and_keeps_its_exit_code_and_its_output() {
    let Some(bed) = podman(Bed::start_podman()).await else { return };
    let subject = bed.subject();
    let script = "echo up; while ! [ -e /end ]; do sleep 0.05; done; echo end; exit 5";
    let plan = subject.script("outlives", script);
    for fall in ["stop", "crash"] {
        let handle = subject.start_and_read(&plan).await.handle;

        bed.tell(fall);
        bed.tell("start");
        // Detached: it may be killed with the container that it ends.
        bed.docker(&["exec", "--detach", &handle.id.0, "touch", "/end"]);

        assert_eq!(subject.follow(&handle).await.unwrap().code, Some(5), "{fall}");
        let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();
        assert_eq!(captured.output.to_bytes(), b"up\nend\n");
        subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    }
}

/// Podman keeps its events in a file.
#[tokio::test]
async fn of_a_container_that_ran_the_exit_code_is_known_also_after_a_restart_of_the_service() {
    let Some(bed) = podman(Bed::start_podman()).await else { return };
    let subject = bed.subject();
    let handle = subject.start(&subject.script("ran", "exit 3")).await.handle;
    subject.follow(&handle).await.unwrap();
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();

    bed.tell("crash");
    bed.tell("start");
    // As a server that starts afterwards: it has no connection to the service that crashed.
    let taken_over = bed.subject().engine.take_over(&handle).await.unwrap();

    let TakeOver::Gone(Past::Ran(exit)) = taken_over else { panic!("{taken_over:?}") };
    assert_eq!(exit.code, Some(3));
}

#[tokio::test]
async fn an_image_is_pulled_with_the_login_that_docker_keeps_and_reasons_are_in_podmans_words() {
    let Some(bed) = podman(Bed::start_podman()).await else { return };
    let config = registry(&bed, 5000, true);
    let image = "127.0.0.1:5000/secret:1";
    let digest = offer(&bed, &config, &[image.to_owned()]);

    let refusal = bed.engine(None).pull(image, None, Pull::Always).await.unwrap_err();
    let engine = bed.engine(Some(config));
    let pulled = engine.pull(image, None, Pull::Always).await.unwrap().unwrap();
    let digested = format!("127.0.0.1:5000/secret@{digest}");
    let by_digest = engine.pull(&digested, None, Pull::Always).await.unwrap().unwrap();
    let no_such_tag = engine.pull("127.0.0.1:5000/secret:2", None, Pull::Always).await.unwrap_err();

    let EngineError::NotPulled { reason, .. } = &refusal else { panic!("{refusal:?}") };
    assert!(reason.contains("docker login 127.0.0.1:5000"), "{reason}");
    assert_eq!((pulled.stale, by_digest.stale), (None, None));
    assert!(matches!(no_such_tag, EngineError::NoSuchImage { .. }), "{no_such_tag:?}");
}

#[tokio::test]
async fn where_the_registry_is_down_the_local_image_is_used_and_the_reason_is_recorded() {
    let Some(bed) = podman(Bed::start_podman()).await else { return };
    bed.docker(&["tag", "busybox:latest", "127.0.0.1:5000/tool:latest"]);
    let engine = bed.engine(None);

    let pulled = engine.pull("127.0.0.1:5000/tool", None, Pull::Always).await.unwrap().unwrap();
    let refusal = engine.pull("127.0.0.1:5000/other", None, Pull::Always).await.unwrap_err();

    assert!(pulled.stale.unwrap().contains("connection refused"));
    let reason =
        "cannot pull image 127.0.0.1:5000/other: registry 127.0.0.1:5000 refuses connections: ";
    assert!(refusal.to_string().starts_with(reason), "{refusal}");
}
