//! Requests a second over kept-alive connections, in turn with a bare actix-web server.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Bench, StubEngine};
use crate::{
    bare_server::Peer,
    http_client::request,
    http_load::{Requests, Target, drive},
    report::{Figure, Unit},
    statistics::Sample,
    workload,
};

// Enough that the server always has a next request.
const CONNECTIONS: usize = 32;

/// How many allocations are stored.
const STORED: usize = 1_000;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    server.fill((0..STORED).map(workload::idle))?;
    let peer = Peer::start((0..STORED).map(workload::idle))?;
    let turns = Turns { bench, docket: server.address(), peer: peer.address() };
    let one = turns.take(|host| gets(host, |number| format!("/{}", workload::idle_name(number))));
    let (one, bare_one) = one.with_context(|| server.last_words())?;
    let (push, bare_push) = turns.take(pushes).with_context(|| server.last_words())?;
    let all = turns.take(|host| gets(host, |_| "/".to_owned()));
    let (all, bare_all) = all.with_context(|| server.last_words())?;
    let one_figure = Figure::at_least("GET /{name} a second", one, 75_000.0, Unit::PerSecond);
    let push_figure = Figure::at_least("POST / a second", push, 30_000.0, Unit::PerSecond);
    let all_figure = Figure::for_scale("GET / of 1,000 a second", all, Unit::PerSecond);
    let of_bare = 100.0 * one / bare_one;
    Ok(vec![
        beside_bare(one_figure, one, bare_one),
        Figure::at_least("GET /{name} a second, of bare actix-web", of_bare, 50.0, Unit::Percent),
        beside_bare(push_figure, push, bare_push),
        beside_bare(all_figure, all, bare_all),
    ])
}

fn beside_bare(figure: Figure, docket: f64, bare: f64) -> Figure {
    figure.beside_value("bare actix-web", bare, Unit::PerSecond).beside_value(
        "ratio",
        100.0 * docket / bare,
        Unit::Percent,
    )
}

/// The two servers, asked in turn so that both meet the same machine.
struct Turns<'a> {
    bench: &'a Bench,
    docket: SocketAddr,
    peer: SocketAddr,
}

impl Turns<'_> {
    /// Answers a second of docket and of the bare server, medians of the turns.
    fn take(&self, requests: impl Fn(SocketAddr) -> Requests) -> Result<(f64, f64)> {
        let (turns, seconds) = if self.bench.quick { (1, 1) } else { (3, 2) };
        let time = Duration::from_secs(seconds);
        let (mut docket, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..turns {
            for (address, rates) in [(self.docket, &mut docket), (self.peer, &mut peer)] {
                let connections = vec![requests(address); CONNECTIONS];
                rates.push(drive(&Target::Tcp(address), &connections, time)?);
            }
        }
        Ok((Sample::new(docket).median(), Sample::new(peer).median()))
    }
}

fn gets(host: SocketAddr, path: impl Fn(usize) -> String) -> Requests {
    let requests = (0..STORED).map(|number| request("GET", &path(number), host, "", ""));
    Arc::from(requests.collect::<Vec<_>>())
}

/// Pushes that each change an allocation, so that none is skipped as unchanged.
fn pushes(host: SocketAddr) -> Requests {
    // Two rounds with different labels: each push differs from the one before it of the same name,
    // also when the list begins again.
    let requests = (0..2 * STORED).map(|number| {
        let mut allocation = workload::idle(number % STORED);
        allocation["Container"]["Config"]["Labels"]["round"] = json!((number / STORED).to_string());
        request("POST", "/", host, &allocation.to_string(), "")
    });
    Arc::from(requests.collect::<Vec<_>>())
}
