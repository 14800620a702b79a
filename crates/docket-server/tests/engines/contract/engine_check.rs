//! Trying containers out without starting them.

use docket_model::allocation::Pull;
use serde_json::json;

use super::Subject;

pub(crate) async fn a_check_of_what_can_run_finds_nothing_and_leaves_nothing(subject: &Subject) {
    let plan = subject.script("checked", "true");

    let findings = subject.check(&plan, Pull::Missing).await;

    assert_eq!(findings, []);
    let found = subject.engine.list_owned(&subject.owner()).await.unwrap();
    assert_eq!(found, []);
    let (exit, _) = subject.run(&plan).await;
    assert_eq!(exit.code, 0);
}

pub(crate) async fn a_check_without_an_image_is_fatal_and_goes_on(subject: &Subject) {
    let host = json!({"NetworkMode": "no-such-network"});
    let config = json!({"Image": "no-user/nothing:7"});
    let plan = subject.plan("checked-2", json!({"Config": config, "HostConfig": host}));

    let findings = subject.check(&plan, Pull::Never).await;

    let reported: Vec<_> =
        findings.iter().map(|found| (found.field.as_str(), found.is_fatal)).collect();
    assert_eq!(reported, [("Config.Image", true), ("HostConfig.NetworkMode", true)]);
    assert!(
        findings[0].message.starts_with("image no-user/nothing:7 is not on the engine"),
        "{findings:?}"
    );
}
