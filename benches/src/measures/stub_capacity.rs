//! What the stub engine itself can do, so that no other figure is its own.

use std::{sync::Arc, time::Duration};

use anyhow::Result;

use super::{Bench, StubEngine};
use crate::{
    http_client::request,
    http_load::{Requests, Target, drive},
    report::{Figure, Unit},
};

const CONNECTIONS: usize = 16;

/// How many different names each connection uses in turn.
// A name comes again only after its container was removed.
const NAMES: usize = 500;

/// The calls of a run, by the name of its container.
const CALLS: [(&str, &str, &str); 6] = [
    ("POST", "/v1.41/containers/create?name=", ""),
    ("POST", "/v1.41/containers/", "/start"),
    ("POST", "/v1.41/containers/", "/wait?condition=not-running"),
    ("GET", "/v1.41/containers/", "/json"),
    ("GET", "/v1.41/containers/", "/logs?stdout=true&stderr=true"),
    ("DELETE", "/v1.41/containers/", "?v=true"),
];

const BODY: &str = r#"{"Image":"busybox:latest","Cmd":["echo","done"],"Env":["DOCKET_RUN=report/20261121T090000Z"],"Labels":{"io.docket.allocation":"report","io.docket.instant":"20261121T090000Z"},"HostConfig":{"NetworkMode":"none"}}"#;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let time = Duration::from_secs(if bench.quick { 1 } else { 3 });
    let engine = StubEngine::start(Duration::ZERO)?;
    let target = Target::Unix(engine.stub.socket().to_owned());
    let connections: Vec<Requests> = (0..CONNECTIONS).map(runs).collect();
    let answers = drive(&target, &connections, time)?;
    let figure = Figure::at_least("stub, requests a second", answers, 50_000.0, Unit::PerSecond);
    Ok(vec![figure.beside_value("in whole runs", answers / 6.0, Unit::PerSecond)])
}

fn runs(connection: usize) -> Requests {
    // Each connection has names of its own, since a name can be held only once.
    let names = (0..NAMES).map(|number| format!("docket.c{connection}.{number}"));
    let requests = names.flat_map(|name| {
        CALLS.map(|(method, before, after)| {
            let body = if before.ends_with('=') { BODY } else { "" };
            request(method, &format!("{before}{name}{after}"), "stub", body, "")
        })
    });
    Arc::from(requests.collect::<Vec<_>>())
}
