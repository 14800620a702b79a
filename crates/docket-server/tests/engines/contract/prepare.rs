//! Preparing a container.

use docket_model::allocation::Pull;
use docket_server::engine::{Condition, EngineError};
use uuid::Uuid;

use super::{Program, Subject};

pub(crate) async fn a_container_that_could_be_created_has_no_findings_and_is_not_kept(
    subject: &Subject,
) {
    // Not each engine can try containers out.
    if subject.engine.trials().is_none() {
        return;
    }
    let plan = subject.plan("checked", Program::Ends(0));

    let findings = subject.check(&plan, Pull::Missing).await;

    assert_eq!(findings, []);
    assert_eq!(subject.engine.list_owned(&subject.owner()).await.map(|found| found.len()), Ok(0));
}

pub(crate) async fn preparing_twice_joins_the_container(subject: &Subject) {
    let plan = subject.plan("twice", Program::Ends(0));

    let first = subject.engine.prepare(&plan).await.unwrap();
    let second = subject.engine.prepare(&plan).await.unwrap();

    assert_eq!((&first.handle, first.joined, second.joined), (&second.handle, false, true));
    assert!(second.image.is_some());
    subject.engine.stop(&first.handle, docket_server::engine::Stop::AtOnce).await.unwrap();
    subject.engine.remove(&first.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_name_that_another_holds_is_left_alone(subject: &Subject) {
    let plan = subject.plan("held", Program::EndsWhenAsked);
    let holder = subject.engine.prepare(&plan).await.unwrap();
    let mut other = plan.clone();
    other.identity.uid = Uuid::new_v4();

    let refusal = subject.engine.prepare(&other).await.unwrap_err();

    let EngineError::NameHeld { holder: words } = refusal else { panic!("{refusal:?}") };
    let image = plan.container.image();
    assert!(words.contains(&*holder.handle.id.0) && words.contains(&image), "{words}");
    let found = subject.engine.identify(&holder.handle).await.unwrap().unwrap();
    assert_eq!(found.identity, plan.identity);
    subject.clean_up(&holder.handle).await;
}

pub(crate) async fn a_container_without_an_image_is_not_created(subject: &Subject) {
    let plan = subject.plan("no-image", Program::HasNoImage);

    let refusal = subject.engine.prepare(&plan).await.unwrap_err();

    assert!(matches!(refusal, EngineError::NoSuchImage { .. }), "{refusal:?}");
    assert_eq!(refusal.to_string(), format!("image {} not found", plan.container.image()));
    assert_eq!(subject.engine.list_owned(&subject.owner()).await, Ok(Vec::new()));
}
