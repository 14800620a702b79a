//! Trying containers out without starting them.

use docket_model::allocation::Pull;
use serde_json::json;

use super::Subject;

pub(crate) async fn a_rehearsal_of_what_is_well_finds_nothing_and_leaves_nothing(
    subject: &Subject,
) {
    let plan = subject.script("rehearsed", "true");

    let findings = subject.engine.try_out(&plan, Pull::Missing).await.unwrap();

    assert_eq!(findings, []);
    let found = subject.engine.list_owned(&subject.owner()).await.unwrap();
    assert_eq!(found, []);
    let (exit, _) = subject.run(&plan).await;
    assert_eq!(exit.code, 0);
}

pub(crate) async fn a_rehearsal_without_an_image_is_fatal_and_goes_on(subject: &Subject) {
    let host = json!({"NetworkMode": "no-such-network"});
    let config = json!({"Image": "nobody/nothing:7"});
    let plan = subject.plan("rehearsed-2", json!({"Config": config, "HostConfig": host}));

    let findings = subject.engine.try_out(&plan, Pull::Never).await.unwrap();

    let told: Vec<_> =
        findings.iter().map(|found| (found.field.as_str(), found.is_fatal)).collect();
    assert_eq!(told, [("Config.Image", true), ("HostConfig.NetworkMode", true)]);
    assert!(
        findings[0].message.starts_with("image nobody/nothing:7 is not on the engine"),
        "{findings:?}"
    );
}
