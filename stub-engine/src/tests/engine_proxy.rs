use std::time::{Duration, Instant};

use bollard::{API_DEFAULT_VERSION, Docker};

use super::harness::{Bed, NAME, SHORT};
use crate::{Call, Hold, Options, Passage, Proxy, Sender};

/// A client of the bed's stub, by a proxy.
fn client(proxy: &Proxy) -> Docker {
    let socket = proxy.socket();
    Docker::connect_with_unix(socket.to_str().unwrap(), 5, API_DEFAULT_VERSION).unwrap()
}

#[tokio::test]
async fn a_proxy_that_is_cut_refuses_connections_until_it_is_mended() {
    let bed = Bed::new(Options::default());
    let proxy = Proxy::open(bed.stub.socket(), |_| Passage::AtOnce).unwrap();
    let docker = client(&proxy);
    docker.ping().await.unwrap();

    proxy.cut();
    let while_cut = docker.ping().await;
    proxy.mend().unwrap();
    let mended = docker.ping().await;

    assert!(while_cut.is_err());
    assert!(mended.is_ok(), "{mended:?}");
    let pings = bed.stub.count(Call::Ping);
    assert_eq!((pings, proxy.count_by_container(Call::Ping)), (2, [(String::new(), 2)].into()));
}

#[tokio::test]
async fn a_request_goes_on_later_or_when_its_hold_is_released() {
    let bed = Bed::new(Options::default());
    let id = bed.create(NAME).await.unwrap();
    let hold = Hold::new();
    let until_release = Passage::Held { hold: hold.clone(), sender: Sender::IsCutOff };
    let rule = move |line: &str| match Call::read(line).0 {
        Call::Start => until_release.clone(),
        _ => Passage::After(SHORT),
    };
    let proxy = Proxy::open(bed.stub.socket(), rule).unwrap();
    let docker = client(&proxy);
    let asked_at = Instant::now();

    docker.ping().await.unwrap();
    let took = asked_at.elapsed();
    let started = docker.start_container(&id, None).await;
    let before = bed.stub.ledger()[0].starts;
    let statuses = hold.release();

    assert!(took >= SHORT && took < SHORT + Duration::from_secs(5), "{took:?}");
    assert!(started.is_err());
    assert_eq!((before, statuses), (0, vec![204]));
    assert_eq!(bed.stub.ledger()[0].starts, 1);
}
