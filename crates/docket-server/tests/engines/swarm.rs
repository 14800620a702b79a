//! A Swarm keeps the contract, and what is its own.

use docket_model::allocation::Pull;
use docket_server::engine::{
    Condition, Disarmed, EngineError, Finding, Launch, Observation, Stop, TakeOver, Target,
};
use serde_json::json;

use crate::{
    contract::{self, PLENTY, Program, Subject},
    swarm_harness::{Created, engine_at, managers, services_of, subject, subject_behind_proxy},
};

/// Runs a behaviour of the contract on the Swarm that was named.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            let Some(subject) = subject() else { return };
            contract::$behaviour(&subject).await;
        })*
    };
}

contract::any_engine!(keeps);
contract::separate_start!(keeps);
contract::several_nodes!(keeps);
keeps! { a_stop_at_once_cuts_a_gentle_one_short, the_streams_of_an_output_are_kept_apart, }

/// Runs a behaviour of the contract on the Swarm behind a proxy.
macro_rules! keeps_behind_proxy {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            let Some(subject) = subject_behind_proxy() else { return };
            contract::$behaviour(&subject).await;
        })*
    };
}

contract::late_requests!(keeps_behind_proxy);
contract::late_launches!(keeps_behind_proxy);
keeps_behind_proxy! { an_engine_that_is_away_is_unreachable_and_found_again, }

#[tokio::test]
async fn an_image_that_no_node_finds_ends_the_watch() {
    let Some(subject) = subject() else { return };
    let plan = subject.plan("no-image", Program::HasNoImage);
    let handle = subject.start(&plan).await.handle;

    let failure = subject.follow(&handle).await.unwrap_err();

    assert_eq!(failure.to_string(), format!("image {} not found", plan.container.image()));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_ends_the_watch() {
    let Some(subject) = subject() else { return };
    let handle = subject.start(&subject.plan("no-program", Program::HasNoFile)).await.handle;

    let failure = subject.follow(&handle).await.unwrap_err();

    let EngineError::NotStartable(message) = &failure else { panic!("{failure:?}") };
    assert!(message.contains("/no/such"), "{message}");
    let observation = subject.engine.inspect(&handle).await.unwrap();
    assert_eq!(observation, Observation::Pending(Some(message.clone())));
    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    let TakeOver::Found(found) = taken_over else { panic!("{taken_over:?}") };
    assert_eq!(found, observation);
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

/// A container that asks for more memory than any node has.
async fn one_that_never_fits(subject: &Subject) -> docket_server::engine::Handle {
    let host_config = json!({"MemoryReservation": 1_i64 << 50});
    let mut container = subject.bed.container(Program::Ends(0));
    container["HostConfig"] = host_config;
    let plan = subject.plan_of("too-large", &container);
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;
    assert_eq!(subject.engine.launch(&handle).await, Ok(Launch::Accepted));
    handle
}

#[tokio::test]
async fn a_container_that_no_node_can_take_waits_with_the_swarms_reason_and_can_be_disarmed() {
    let Some(subject) = subject() else { return };
    let handle = one_that_never_fits(&subject).await;

    let reason = loop {
        match subject.engine.inspect(&handle).await.unwrap() {
            Observation::Waiting(Some(reason)) => break reason,
            Observation::Waiting(None) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            seen => panic!("{seen:?}"),
        }
    };
    assert!(reason.contains("insufficient resources on"), "{reason}");
    let refusal = subject.engine.remove(&handle, Condition::NotRunning).await.unwrap_err();
    assert!(matches!(refusal, EngineError::Refused { .. }), "{refusal:?}");

    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    let TakeOver::Waiting { guard, .. } = taken_over else { panic!("{taken_over:?}") };
    let disarmed = subject.engine.disarm(Target::Guarded(guard)).await.unwrap();

    assert!(matches!(disarmed, Disarmed::Unstarted), "{disarmed:?}");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    assert_eq!(subject.engine.list_owned(&subject.owner()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_container_that_is_started_between_takeover_and_disarm_goes_on_waiting() {
    let Some(subject) = subject() else { return };
    let mut container = subject.bed.container(Program::Ends(0));
    container["HostConfig"] = json!({"MemoryReservation": 1_i64 << 50});
    let plan = subject.plan_of("late-and-too-large", &container);
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;
    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };

    assert_eq!(subject.engine.launch(&handle).await, Ok(Launch::Accepted));
    let disarmed = subject.engine.disarm(Target::Guarded(guard)).await.unwrap();

    assert!(matches!(disarmed, Disarmed::Found(Observation::Waiting(_))), "{disarmed:?}");
    subject.engine.stop(&handle, Stop::AtOnce).await.unwrap();
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_container_that_waits_is_stopped_before_it_starts() {
    let Some(subject) = subject() else { return };
    let handle = one_that_never_fits(&subject).await;

    subject.engine.stop(&handle, Stop::AtOnce).await.unwrap();

    let failure = subject.follow(&handle).await.unwrap_err();
    assert_eq!(failure.to_string(), "it was stopped before it was started");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn of_three_managers_that_start_one_container_at_once_one_does() {
    let Some(managers) = managers() else { return };
    let Some(subject) = subject() else { return };
    let engines: Vec<_> = managers.iter().map(|url| engine_at(std::slice::from_ref(url))).collect();
    for turn in 0..5 {
        let plan = subject.plan(&format!("race-{turn}"), Program::Ends(0));
        let handle = subject.engine.prepare(&plan).await.unwrap().handle;

        let starts =
            engines.iter().map(|engine| docket_server::engine::Engine::launch(engine, &handle));
        let launched = futures_util::future::join_all(starts).await;

        let accepted =
            launched.iter().filter(|launched| **launched == Ok(Launch::Accepted)).count();
        let refused =
            launched.iter().filter(|launched| matches!(launched, Ok(Launch::OutOfDate(_)))).count();
        assert_eq!((accepted, refused), (1, engines.len() - 1), "{launched:?}");
        assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));
        subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    }
}

#[tokio::test]
async fn a_manager_that_is_not_there_is_passed_over() {
    let Some(mut managers) = managers() else { return };
    managers.insert(0, "unix:///no/such/manager".to_owned());
    let engine = docket_server::engine::Engine::ping(&engine_at(&managers)).await;

    assert_eq!(engine, Ok(()));
}

#[tokio::test]
async fn options_reach_the_container_of_the_node() {
    let Some(subject) = subject() else { return };
    let script = "hostname; id -u; pwd; cat /proc/sys/net/core/somaxconn; ulimit -n; stat -f -c %T /scratch; \
                  grep -c 10.9.8.7.*other /etc/hosts; echo $A; exit 4";
    let plan = subject.plan_of(
        "options",
        &json!({
            "Config": {
                "Image": "busybox:latest", "Entrypoint": "sh", "Cmd": ["-c", script], "Env": ["A=b"],
                "Hostname": "named", "User": "7", "WorkingDir": "/tmp",
            },
            "HostConfig": {
                "Memory": 64 << 20, "NanoCpus": 500_000_000, "PidsLimit": 50,
                "Sysctls": {"net.core.somaxconn": "77"}, "Tmpfs": {"/scratch": "size=1m,mode=1777"},
                "Ulimits": [{"Name": "nofile", "Soft": 99, "Hard": 99}],
                "ExtraHosts": ["other:10.9.8.7"],
            },
        }),
    );
    let handle = subject.start(&plan).await.handle;

    let exit = subject.follow(&handle).await.unwrap();
    let output = subject.engine.read_log(&handle, PLENTY).await.unwrap().output;

    let expected = "named\n7\n/tmp\n77\n99\ntmpfs\n1\nb\n";
    assert_eq!(String::from_utf8(output.to_bytes()).unwrap(), expected);
    assert_eq!(exit.code, Some(4));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_terminals_bytes_are_its_output() {
    let Some(subject) = subject() else { return };
    let config = json!({"Image": "busybox:latest", "Cmd": ["echo", "shown"], "Tty": true});
    let plan = subject.plan_of("terminal", &json!({"Config": config}));
    let handle = subject.start(&plan).await.handle;
    subject.follow(&handle).await.unwrap();

    let output = subject.engine.read_log(&handle, PLENTY).await.unwrap().output;

    assert_eq!(output.to_bytes(), b"shown\r\n");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn an_option_that_no_service_has_is_refused_by_its_name() {
    let Some(subject) = subject() else { return };
    let mut container = subject.bed.container(Program::Ends(0));
    container["HostConfig"] = json!({"Privileged": true});
    let plan = subject.plan_of("privileged", &container);

    let refusal = subject.engine.prepare(&plan).await.unwrap_err();

    let expected = "`Container.HostConfig.Privileged`: a Swarm service has no such option";
    assert_eq!(refusal.to_string(), expected);
}

#[tokio::test]
async fn secrets_and_configs_are_files_of_the_container() {
    let Some(subject) = subject() else { return };
    let name = |kind: &str| format!("{}-{kind}", subject.namespace);
    let (secret, config) =
        (Created::new("secret", &name("secret")), Created::new("config", &name("config")));
    let script = "cat /run/secrets/word; stat -c '%a %u' /run/secrets/word; cat /etc/given; stat -c %a /etc/given";
    let container = json!({
        "Config": {"Image": "busybox:latest", "Cmd": ["sh", "-c", script]},
        "Swarm": {
            "Secrets": [{"Name": secret.name, "Target": "word", "Mode": 0o400, "UID": "7"}],
            // By its id, as well.
            "Configs": [{"Name": config.id, "Target": "/etc/given"}],
        },
    });
    let handle = subject.start(&subject.plan_of("files", &container)).await.handle;

    let exit = subject.follow(&handle).await.unwrap();
    let output = subject.engine.read_log(&handle, PLENTY).await.unwrap().output;

    assert_eq!(exit.code, Some(0), "{output:?}");
    assert_eq!(String::from_utf8(output.to_bytes()).unwrap(), "content\n400 7\ncontent\n444\n");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_secret_that_the_swarm_does_not_have_is_named() {
    let Some(subject) = subject() else { return };
    let container = json!({
        "Config": {"Image": "busybox:latest"},
        "Swarm": {"Secrets": [{"Name": "no-such-secret"}]},
    });

    let refusal =
        subject.engine.prepare(&subject.plan_of("unknown", &container)).await.unwrap_err();

    let expected = "`Container.Swarm.Secrets[0].Name`: the Swarm has no secret `no-such-secret`: create it with \
                    `docker secret create no-such-secret FILE`";
    assert_eq!(refusal.to_string(), expected);
}

#[tokio::test]
async fn a_check_names_all_that_the_swarm_does_not_have_and_keeps_no_service() {
    let Some(subject) = subject() else { return };
    let image = json!({"Image": "busybox:latest"});
    let files =
        json!({"Secrets": [{"Name": "no-such-secret"}], "Configs": [{"Name": "no-such-config"}]});
    let without_files = subject.plan_of("files", &json!({"Config": image, "Swarm": files}));
    let networks = json!({"EndpointsConfig": {"no-such-network": {}}});
    let without_network =
        subject.plan_of("network", &json!({"Config": image, "NetworkingConfig": networks}));

    let of_files = subject.check(&without_files, Pull::Always).await;
    let of_network = subject.check(&without_network, Pull::Always).await;

    let fields: Vec<_> = of_files.iter().map(|finding| finding.field.as_str()).collect();
    assert_eq!(fields, ["Swarm.Secrets[0].Name", "Swarm.Configs[0].Name"]);
    let [Finding { message, is_fatal: true, .. }] = of_network.as_slice() else {
        panic!("{of_network:?}")
    };
    assert!(message.contains("no-such-network"), "{message}");
    assert_eq!(services_of(&subject.namespace), "");
}
