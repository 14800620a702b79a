use super::harness::{Bed, LONG, NAME, SHORT, code};
use crate::Program;

#[tokio::test]
async fn a_prune_takes_what_ended_and_what_never_started() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;
    for name in ["never-started", "ended"] {
        bed.create(name).await.unwrap();
    }
    bed.start("ended").await.unwrap();
    assert!(bed.stub.end_by_force("ended"));

    let pruned = bed.stub.prune();

    assert_eq!(pruned, 2);
    let there = bed.stub.ledger().into_iter().filter(|line| line.is_there);
    let names: Vec<_> = there.map(|line| line.name).collect();
    assert_eq!(names, [NAME.into()]);
}

#[tokio::test]
async fn a_container_removed_by_force_ends_with_137() {
    let bed = Bed::of(Program::lasting(LONG));
    let id = bed.started().await;

    let removing = async {
        tokio::time::sleep(SHORT).await;
        bed.stub.remove_by_force(&id)
    };
    let (waited, removed) = tokio::join!(bed.wait(&id), removing);

    assert_eq!((code(waited), removed), (137, true));
    assert!(!bed.stub.remove_by_force(&id));
    let ledger = bed.stub.ledger();
    assert_eq!((ledger[0].is_there, ledger[0].exit), (false, Some(137)));
    let story = bed.stub.story();
    assert!(story.contains("removed by force from outside"), "{story}");
}

#[tokio::test]
async fn a_container_paused_by_another_program_is_paused() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;

    assert!(bed.stub.pause(NAME));

    assert_eq!(bed.state(NAME).await.paused, Some(true));
    assert!(!bed.stub.pause("missing"));
}
