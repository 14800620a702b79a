use std::collections::HashMap;

use bollard::models::ContainerCreateBody;

use super::harness::{Bed, NAME};
use crate::{Options, Program, read_instant};

#[tokio::test]
async fn an_ended_container_that_is_started_again_was_started_twice() {
    let bed = Bed::of(Program::failing(3));
    let id = bed.create(NAME).await.unwrap();

    bed.start(&id).await.unwrap();
    bed.start(&id).await.unwrap();

    let ledger = bed.stub.ledger();
    assert_eq!((ledger[0].creates, ledger[0].starts), (1, 2));
    assert_eq!((ledger[0].is_there, ledger[0].exit), (true, Some(3)));
    assert_eq!(*ledger[0].containers[0].id, *id);
    assert_eq!(ledger[0].containers[0].starts.len(), 2);
}

#[tokio::test]
async fn a_start_of_what_runs_takes_no_effect() {
    let bed = Bed::of(Program::lasting(super::harness::LONG));
    let id = bed.started().await;

    bed.start(&id).await.unwrap();

    let ledger = bed.stub.ledger();
    assert_eq!((ledger[0].starts, ledger[0].exit), (1, None));
}

#[tokio::test]
async fn a_name_is_remembered_over_all_its_containers() {
    let bed = Bed::new(Options::default());

    let first = bed.started().await;
    bed.docker.remove_container(&first, None).await.unwrap();
    let removed = bed.stub.ledger();
    bed.create("another").await.unwrap();
    let second = bed.started().await;

    let ledger = bed.stub.ledger();
    let names: Vec<_> = ledger.iter().map(|line| &*line.name).collect();
    assert_eq!(names, [NAME, "another"]);
    assert!(!removed[0].is_there && ledger[0].is_there);
    assert_eq!((ledger[0].creates, ledger[0].starts), (2, 2));
    let containers = &ledger[0].containers;
    assert_eq!((&*containers[0].id, &*containers[1].id), (&*first, &*second));
    assert!(containers[0].removed.is_some() && containers[1].removed.is_none());
    assert_eq!(containers[0].starts.len(), 1);
    assert_eq!(ledger[1].exit, None);
}

#[tokio::test]
async fn a_line_tells_the_run_by_its_labels() {
    let bed = Bed::new(Options::default());
    let labels = [("io.docket.allocation", "report"), ("io.docket.attempt", "2")];
    let labels: HashMap<_, _> =
        labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let body = ContainerCreateBody { labels: Some(labels), ..Default::default() };
    bed.create_as(NAME, body).await.unwrap();

    let ledger = bed.stub.ledger();

    assert_eq!(ledger[0].allocation(), Some("report"));
    assert_eq!(ledger[0].attempt(), Some(2));
    assert_eq!(ledger[0].instant(), read_instant("20261121T090000Z"));
    assert_eq!(ledger[0].labels["color"], "red");
    assert_eq!(ledger[0].to_string(), format!("{NAME}: creates 1, starts 0, exit none, there"));
}
