use std::collections::BTreeMap;

use super::harness::{Bed, NAME, code, hangs, refusal};
use crate::{Call, Fault, Faults, Hold, Options, Program, Sender};

/// A stub that holds the first such call.
fn holding(call: Call, sender: Sender) -> (Bed, Hold) {
    let hold = Hold::new();
    let faults = Faults::none().first(call, [Fault::Hold { hold: hold.clone(), sender }]);
    (Bed::failing(faults), hold)
}

#[tokio::test]
async fn a_held_request_arrives_when_it_is_released_also_where_its_sender_has_gone() {
    let (bed, hold) = holding(Call::Start, Sender::Waits);
    let id = bed.create(NAME).await.unwrap();

    let left = hangs(bed.start(&id)).await;
    let before = bed.stub.ledger()[0].starts;
    let statuses = hold.release();

    assert!(left);
    assert_eq!((before, statuses), (0, vec![204]));
    assert_eq!(bed.stub.ledger()[0].starts, 1);
    assert_eq!(code(bed.wait(&id).await), 0);
    assert_eq!(hold.count(), 0);
}

#[tokio::test]
async fn a_sender_that_waits_gets_the_engines_answer() {
    let (bed, hold) = holding(Call::Create, Sender::Waits);

    let releasing = async {
        while hold.count() == 0 {
            tokio::task::yield_now().await;
        }
        hold.release()
    };
    let (created, statuses) = tokio::join!(bed.create(NAME), releasing);

    assert_eq!(statuses, [201]);
    assert_eq!(created.unwrap(), *bed.stub.ledger()[0].containers[0].id);
}

#[tokio::test]
async fn a_sender_is_cut_off_or_gets_another_answer() {
    let (bed, hold) = holding(Call::Create, Sender::IsCutOff);
    assert!(bed.create(NAME).await.is_err());
    assert_eq!((hold.count(), bed.stub.containers()), (1, 0));

    let (bed, hold) = holding(Call::Create, Sender::Gets(504));
    assert_eq!(refusal(bed.create(NAME).await).0, 504);
    assert_eq!((hold.count(), bed.stub.containers()), (1, 0));
}

#[tokio::test]
async fn a_late_start_runs_an_ended_container_again_and_a_removed_one_not() {
    let hold = Hold::new();
    let late = || Fault::Hold { hold: hold.clone(), sender: Sender::IsCutOff };
    let faults = Faults::none().first(Call::Start, [Some(late()), None, Some(late())]);
    let bed = Bed::new(Options { faults, ..Options::of(Program::failing(3)) });

    let id = bed.create(NAME).await.unwrap();
    assert!(bed.start(&id).await.is_err());
    bed.start(&id).await.unwrap();
    assert_eq!(hold.release(), [204]);
    assert_eq!(bed.stub.ledger()[0].starts, 2);

    assert!(bed.start(&id).await.is_err());
    bed.docker.remove_container(&id, None).await.unwrap();
    assert_eq!(hold.release(), [404]);
    assert_eq!(bed.stub.count_by_container(Call::Start), BTreeMap::from([(id, 3)]));
}

#[tokio::test]
async fn what_is_held_holds_no_other_request_up() {
    let (bed, hold) = holding(Call::Create, Sender::Waits);

    let waits = hangs(bed.create(NAME)).await;
    let other = bed.create("another").await;

    assert!(waits);
    assert!(other.is_ok());
    assert_eq!((hold.count(), bed.stub.containers()), (1, 1));
}
