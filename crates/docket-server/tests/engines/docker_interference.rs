//! What becomes of Docker's containers by other hands than docket's.

use docket_server::engine::{Condition, Grace, Observation, Stop};

use crate::harness::Bed;

const GIVES_IN: &str = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";

#[tokio::test]
async fn a_paused_container_is_stopped_like_any_other() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    for (name, how, code) in
        [("paused-1", Stop::Gently(Grace::of(None)), 7), ("paused-2", Stop::AtOnce, 137)]
    {
        let made = subject.start_and_read(&subject.script(name, GIVES_IN)).await;
        bed.docker(&["pause", &made.handle.id.0]);
        let sight = subject.engine.inspect(&made.handle).await.unwrap();
        assert!(matches!(sight, Observation::Running { .. }), "{sight:?}");

        subject.engine.stop(&made.handle, how).await.unwrap();

        assert_eq!(subject.follow(&made.handle).await.unwrap().code, Some(code));
        subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
    }
}

#[tokio::test]
async fn a_container_whose_label_was_bent_is_not_found() {
    let bed = Bed::shared().await;
    let subject = bed.subject();
    let plan = subject.script("bent", "true");
    let made = subject.engine.prepare(&plan).await.unwrap();
    let labels = plan.identity.labels().map(|(key, value)| match key {
        "io.docket.attempt" => format!("{key}=first"),
        _ => format!("{key}={value}"),
    });
    let labels: Vec<_> = labels.collect();
    let mut create = vec!["create"];
    create.extend(labels.iter().flat_map(|label| ["--label", label]));
    create.extend(["busybox:latest", "true"]);
    let bent = bed.docker(&create);

    let found = subject.engine.list_owned(&subject.owner()).await.unwrap();

    let found: Vec<_> = found.iter().map(|found| &found.handle).collect();
    assert_eq!(found, [&made.handle]);
    bed.docker(&["rm", &bent]);
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}
