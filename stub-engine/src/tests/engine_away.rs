use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use super::harness::{Bed, LONG, NAME, SHORT, code};
use crate::{Call, Fault, Faults, Meanwhile, Options, Program};

#[tokio::test]
async fn a_stub_that_is_away_breaks_connections_and_refuses_new_ones() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;
    let mut kept = UnixStream::connect(bed.stub.socket()).unwrap();
    kept.write_all(b"GET /_ping HTTP/1.1\r\n\r\n").unwrap();
    kept.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = [0; 12];
    kept.read_exact(&mut answer).unwrap();

    let vanishing = async {
        tokio::time::sleep(SHORT).await;
        bed.stub.vanish(Meanwhile::ContainersLive);
    };
    let (waited, ()) = tokio::join!(bed.wait(NAME), vanishing);
    let refused = UnixStream::connect(bed.stub.socket());

    assert!(waited.is_err());
    kept.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn containers_live_on_while_the_stub_is_away() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;

    bed.stub.vanish(Meanwhile::ContainersLive);
    bed.stub.come_back().unwrap();

    assert_eq!(bed.state(NAME).await.running, Some(true));
}

#[tokio::test]
async fn containers_die_while_the_stub_is_away() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;
    bed.create("never-started").await.unwrap();

    bed.stub.vanish(Meanwhile::ContainersDie);
    bed.stub.come_back().unwrap();

    assert_eq!(code(bed.wait(NAME).await), 137);
    assert_eq!(bed.state("never-started").await.started_at.unwrap(), "0001-01-01T00:00:00Z");
    let story = bed.stub.story();
    assert!(story.contains("vanished: ContainersDie\n"), "{story}");
    assert!(story.contains("came back\n"), "{story}");
}

#[tokio::test]
async fn what_had_not_taken_effect_when_it_vanished_never_does() {
    let bed = Bed::failing(Faults::none().first(Call::Create, [Fault::Delay(SHORT * 2)]));

    let vanishing = async {
        tokio::time::sleep(SHORT).await;
        bed.stub.vanish(Meanwhile::ContainersLive);
    };
    let (created, ()) = tokio::join!(bed.create(NAME), vanishing);
    bed.stub.come_back().unwrap();
    tokio::time::sleep(SHORT * 2).await;

    assert!(created.is_err());
    assert_eq!(bed.stub.containers(), 0);
}

#[tokio::test]
async fn going_away_and_coming_back_twice_is_once() {
    let bed = Bed::new(Options::default());

    bed.stub.come_back().unwrap();
    bed.stub.vanish(Meanwhile::ContainersLive);
    bed.stub.vanish(Meanwhile::ContainersLive);
    bed.stub.come_back().unwrap();
    bed.stub.come_back().unwrap();

    assert!(bed.create(NAME).await.is_ok());
}
