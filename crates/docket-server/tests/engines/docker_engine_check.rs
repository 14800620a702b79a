//! What a check on a Docker engine finds, and that it leaves nothing behind.

use std::{fs, sync::Arc};

use docket_model::allocation::Pull;
use docket_server::engine::Finding;
use serde_json::{Value, json};

use crate::harness::Bed;

/// Checks a container with these options; the engine must be afterwards as it was before.
async fn check(bed: &Arc<Bed>, mut container: Value) -> Vec<Finding> {
    let kept = || {
        let lists = [&["ps", "--all", "--quiet"][..], &["volume", "ls"], &["network", "ls"]];
        lists.map(|list| bed.docker(list))
    };
    let subject = bed.subject();
    let before = kept();

    container["Config"]["Cmd"] = json!(["true"]);
    let plan = subject.docker_plan("checked", container);
    let findings = subject.check(&plan, Pull::Never).await;

    assert_eq!(kept(), before);
    findings
}

fn finding(field: &str, message: &str, is_fatal: bool) -> Finding {
    Finding { field: field.to_owned(), message: message.to_owned(), is_fatal }
}

#[tokio::test]
async fn volumes_and_folders_that_are_not_there_are_named_and_not_made() {
    let bed = Bed::start().await;
    bed.docker(&["volume", "create", "there"]);
    let folder = bed.folder("there");
    let host = json!({
        "Binds": ["there:/a", "mistyped:/b", format!("{}:/c", folder.display()), "/no/such:/d"],
        "Mounts": [{"Type": "volume", "Source": "mistaken", "Target": "/e"}],
    });
    let config = json!({"Volumes": {"/anonymous": {}}});

    let findings = check(&bed, json!({"Config": config, "HostConfig": host})).await;

    let empty =
        |name: &str| format!("there is no volume `{name}`: the engine will make an empty one");
    let volumes = findings.get(..2).unwrap();
    let expected = [
        finding("HostConfig.Binds[1]", &empty("mistyped"), false),
        finding("HostConfig.Mounts[0].Source", &empty("mistaken"), false),
    ];
    assert_eq!(volumes, expected);
    // Inside a container the test does not see the engine's host, and says so of each folder.
    let folder = findings.last().unwrap();
    assert_eq!((folder.field.as_str(), folder.is_fatal), ("HostConfig.Binds[3]", false));
    assert!(folder.message.contains("`/no/such`"), "{folder:?}");
    assert!(!fs::exists("/no/such").unwrap());
}

#[tokio::test]
async fn what_the_engine_refuses_at_the_creation_is_fatal_in_its_words() {
    let bed = Bed::start().await;
    let mounts = json!([
        {"Type": "volume", "Source": "made-before-the-refusal", "Target": "/a"},
        {"Type": "bind", "Source": "/no/such", "Target": "/b"},
    ]);
    let host = json!({"Binds": ["made-too:/c"], "Mounts": mounts});

    let findings = check(&bed, json!({"Config": {}, "HostConfig": host})).await;

    let fatal: Vec<_> = findings.iter().filter(|finding| finding.is_fatal).collect();
    assert_eq!(fatal.len(), 1, "{findings:?}");
    assert!(fatal[0].message.contains("bind source path does not exist: /no/such"), "{fatal:?}");
}

#[tokio::test]
async fn volumes_that_a_refused_creation_leaves_behind_are_removed() {
    let bed = Bed::start().await;
    let driver = json!({"DriverConfig": {"Name": "no-such-driver"}});
    let mounts = json!([
        {"Type": "volume", "Source": "refused", "Target": "/b", "VolumeOptions": driver},
    ]);
    let host = json!({"Binds": ["left-behind:/a"], "Mounts": mounts});

    let findings = check(&bed, json!({"Config": {}, "HostConfig": host})).await;

    let fatal = findings.last().unwrap();
    assert!(fatal.is_fatal && fatal.message.contains("no-such-driver"), "{findings:?}");
}

#[tokio::test]
async fn networks_that_are_not_there_are_fatal() {
    let bed = Bed::start().await;
    let by_mode = async |mode: &str| {
        let host = json!({"NetworkMode": mode});
        check(&bed, json!({"Config": {}, "HostConfig": host})).await
    };
    bed.docker(&["network", "create", "blue"]);
    let id = bed.docker(&["network", "inspect", "--format", "{{.Id}}", "blue"]);

    for mode in ["default", "bridge", "host", "none", "blue", &id] {
        assert_eq!(by_mode(mode).await, [], "{mode}");
    }
    let field = "HostConfig.NetworkMode";
    let no_network = "there is no network `green`: no container of it would start";
    assert_eq!(by_mode("green").await, [finding(field, no_network, true)]);
    let no_container = "there is no container `gone` whose network could be shared";
    assert_eq!(by_mode("container:gone").await, [finding(field, no_container, true)]);

    let endpoints = json!({"EndpointsConfig": {"red": {}}});
    let findings = check(&bed, json!({"Config": {}, "NetworkingConfig": endpoints}));
    let no_network = "there is no network `red`: no container of it would start";
    let field = "NetworkingConfig.EndpointsConfig.red";
    assert_eq!(findings.await, [finding(field, no_network, true)]);
}

#[tokio::test]
async fn warnings_and_options_that_an_engine_is_too_old_for_are_named() {
    let bed = Bed::start().await;
    let api = bed.docker(&["version", "--format", "{{.Server.APIVersion}}"]);
    let minor: u32 = api.split_once('.').unwrap().1.parse().unwrap();
    let host = json!({"OomKillDisable": true, "Annotations": {"a": "b"}});

    let findings = check(&bed, json!({"Config": {}, "HostConfig": host})).await;

    let is_old = findings.iter().any(|finding| finding.field == "HostConfig.Annotations");
    assert_eq!(is_old, minor < 43, "{findings:?}");
    let warned = findings.iter().any(|finding| finding.message.contains("OOM killer"));
    assert!(warned && findings.iter().all(|finding| !finding.is_fatal), "{findings:?}");
}

#[tokio::test]
async fn a_check_of_what_can_run_finds_nothing_and_leaves_nothing() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let plan = subject.script("checked", "true");

    let findings = subject.check(&plan, Pull::Missing).await;

    assert_eq!(findings, []);
    let found = subject.engine.list_owned(&subject.owner()).await.unwrap();
    assert_eq!(found, []);
    let (exit, _) = subject.run(&plan).await;
    assert_eq!(exit.code, Some(0));
}

#[tokio::test]
async fn a_check_without_an_image_is_fatal_and_goes_on() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let host = json!({"NetworkMode": "no-such-network"});
    let config = json!({"Image": "no-user/nothing:7"});
    let plan = subject.docker_plan("checked-2", json!({"Config": config, "HostConfig": host}));

    let findings = subject.check(&plan, Pull::Never).await;

    let reported: Vec<_> =
        findings.iter().map(|found| (found.field.as_str(), found.is_fatal)).collect();
    assert_eq!(reported, [("Config.Image", true), ("HostConfig.NetworkMode", true)]);
    assert!(
        findings[0].message.starts_with("image no-user/nothing:7 is not on the engine"),
        "{findings:?}"
    );
}
