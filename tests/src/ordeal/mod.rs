//! A server that is killed again and again, on a real engine that others meddle with, and what came
//! of every instant meanwhile.
//!
//! 1. Starts are counted by the engine's own events and by the containers themselves, never by
//!    docket.
//! 2. A killed server is followed by another with the same store; nobody tidies up between them.
//! 3. A start request that was on its way when its server was killed arrives at the engine later.

mod specimens;
mod verdict;
mod witness;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use docket_stub_engine::{Call, Hold, Sender};
use serde_json::{Value, json};

use self::specimens::Specimen;
pub use self::verdict::Verdict;
use crate::{
    Engine, Home, Server, events::Events, holds::Holds, http::Request, moment, proxy::Proxy,
    wait::within,
};

/// The points of a run's life at which a server can be told to die, in their order.
pub const POINTS: [&str; 13] = [
    "Waiting",
    "TurnCame",
    "NextAttempt",
    "Claimed",
    "Pulled",
    "Created",
    "IdNoted",
    "Started",
    "Cancelling",
    "Exited",
    "Captured",
    "EndNoted",
    "Removed",
];

/// The points that a server passes that finds a container which was created and not started.
pub const REPLACEMENT_POINTS: [&str; 3] = ["Replacing", "Unstarted", "NeverRan"];

/// How long a server gets to reach its point: each is reached every few seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the last runs may take to end: a busy engine may be behind.
const SETTLING: Duration = Duration::from_secs(180);

/// What others do while the server is dead, or beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling {
    /// Nothing.
    None,
    /// `docker container prune`.
    Prune,
    /// `docker rm --force` of all that docket made.
    Removal,
    /// The engine is killed, and started again.
    EngineKilled,
}

/// A home whose servers are killed, and a schedule that goes on meanwhile.
pub struct Ordeal<'a> {
    engine: &'a Engine,
    home: Home,
    events: Events,
    specimens: Vec<Specimen>,
    began: Instant,
    kills: BTreeMap<String, u32>,
    was_meddled_with: bool,
    route: Option<Route>,
    /// What the engine answered to start requests that arrived late, and how often.
    late_starts: BTreeMap<u16, u32>,
}

/// A way to the engine on which start requests can be held.
struct Route {
    holds: Holds,
    on_their_way: Vec<Hold>,
    _proxy: Proxy,
}

impl<'a> Ordeal<'a> {
    /// Pushes allocations that are due every few seconds from now on, to a server that is killed
    /// at once: what it acknowledged is kept.
    pub fn begin(engine: &'a Engine) -> Self {
        Self::begin_in(Home::durable(engine.address()), engine, |name| name != "lasting")
    }

    /// The same behind a proxy, where start requests can be held.
    pub fn begin_behind_a_proxy(engine: &'a Engine) -> Self {
        let holds = Holds::default();
        let proxy = Proxy::open(engine.socket(), holds.clone());
        let home = Home::durable(&proxy.docker_host());
        let route = Some(Route { holds, on_their_way: Vec::new(), _proxy: proxy });
        Self { route, ..Self::begin_in(home, engine, |name| name != "lasting") }
    }

    /// The same with fewer runs and one start at a time, so that none is half done when the engine
    /// is killed.
    ///
    /// An engine that is killed in the middle of a start may forget that there was one.
    pub fn begin_one_by_one(engine: &'a Engine) -> Self {
        let home = Home::durable(engine.address()).with_options(["--max-starting", "1"]);
        let is_one = |name: &str| ["lasting", "plain"].contains(&name);
        Self::begin_in(home, engine, is_one)
    }

    fn begin_in(home: Home, engine: &'a Engine, is_wanted: impl Fn(&str) -> bool) -> Self {
        let events = engine.events(home.namespace());
        let server = home.server();
        let first = moment::ahead(1);
        let mut specimens = specimens::all(first, &home.path("witness"));
        specimens.retain(|specimen| is_wanted(specimen.name));
        let all: Value = specimens.iter().map(|specimen| specimen.allocation.clone()).collect();
        let pushed = server.send(&Request::post(all));
        assert_eq!(pushed.status, 200, "{}", pushed.text());
        server.crash();
        let (began, kills) = (Instant::now(), BTreeMap::from([("Pushed".to_owned(), 1)]));
        Self {
            engine,
            home,
            events,
            specimens,
            began,
            kills,
            was_meddled_with: false,
            route: None,
            late_starts: BTreeMap::new(),
        }
    }

    /// Lets a server live until it gets to a point for the nth time; others meddle once it is dead.
    pub fn kill_at(&mut self, point: &str, times: u32, meddling: Meddling) {
        let died = self.home.victim(point, times).died_within(PATIENCE);
        assert!(died, "{point} was not reached {times} times:\n{}", self.log());
        self.count(point);
        self.was_meddled_with |= meddling != Meddling::None;
        self.meddle(meddling);
    }

    /// Lets a server live for so long, and kills it wherever it is.
    pub fn kill_after(&mut self, time: Duration) {
        self.home.victim("Nowhere", 1).died_within(time);
        self.count("anywhere");
    }

    /// Lets a server live until it sends a start request, which is held, and kills it.
    pub fn kill_with_a_start_on_its_way(&mut self) {
        let route = self.route.as_mut().expect("behind a proxy");
        let start = route.holds.hold_next(1, Call::Start, Sender::Waits);
        let victim = self.home.victim("Nowhere", 1);
        within(PATIENCE, "a start request", || (start.count() == 1).then_some(()));
        drop(victim);
        route.on_their_way.push(start);
        self.count("Starting");
    }

    /// Lets the start requests arrive that were on their way.
    pub fn let_starts_arrive(&mut self) {
        let route = self.route.as_mut().expect("behind a proxy");
        for status in route.on_their_way.drain(..).flat_map(|start| start.release()) {
            *self.late_starts.entry(status).or_default() += 1;
        }
    }

    /// Lets others meddle beside a server that lives on; kills it once something has ended since.
    pub fn live_through(&mut self, meddling: Meddling) {
        let server = self.home.server();
        server.await_ready();
        let runs = || self.specimens.iter().flat_map(|it| server.runs(it.name));
        within(PATIENCE, "a container that runs", || {
            let states: Vec<_> = runs().map(|run| run["State"].clone()).collect();
            let is = |state: &str| states.iter().any(|it| it == state);
            // Instants are whole seconds, so nothing new begins in the middle of one.
            let none_starts = || !is("claimed") && is_mid_second();
            let may_begin = meddling != Meddling::EngineKilled || none_starts();
            (is("running") && may_begin).then_some(())
        });
        self.meddle(meddling);
        let since = moment::now();
        within(PATIENCE, "a run that ended after the meddling", || {
            runs().any(|run| ended_at(&run) > Some(since)).then_some(())
        });
        server.crash();
        self.was_meddled_with = true;
        self.count("beside");
    }

    fn count(&mut self, point: &str) {
        *self.kills.entry(point.to_owned()).or_default() += 1;
    }

    fn meddle(&self, meddling: Meddling) {
        let label = format!("label=io.docket.namespace={}", self.home.namespace());
        match meddling {
            Meddling::None => {}
            Meddling::Prune => {
                self.engine.docker(["container", "prune", "--force", "--filter", &label]);
            }
            Meddling::Removal => {
                let listed = self.engine.docker(["ps", "--all", "--quiet", "--filter", &label]);
                for container in listed.lines() {
                    // It may be gone already, by the server's own hand.
                    self.engine.try_docker(["rm", "--force", container]);
                }
            }
            Meddling::EngineKilled => {
                self.engine.crash();
                self.engine.start_again();
            }
        }
    }

    /// Lets a last server see everything through, and judges what came of each instant.
    pub fn finish(self) -> Verdict {
        let server = self.home.server();
        server.await_ready();
        let end = moment::now();
        for Specimen { name, .. } in &self.specimens {
            within(PATIENCE, &format!("a decision of {name} about {end}"), || {
                server.runs(name).first().is_some_and(|run| covers_up_to(run) >= end).then_some(())
            });
            let path = format!("/{name}/suspend");
            let suspended = server.send(&Request::post_to(&path, json!({})));
            assert_eq!(suspended.status, 200, "{}", suspended.text());
        }
        let records = self.specimens.iter().map(|it| (it.name, ended(&server, it.name))).collect();
        server.await_no_containers(self.engine);
        server.stop();
        verdict::judge(self, records, end)
    }

    fn witness(&self) -> PathBuf {
        self.home.path("witness")
    }

    fn log(&self) -> String {
        self.home.victims_log()
    }
}

/// The records of an allocation, once all are over.
fn ended(server: &Server, name: &str) -> Vec<Value> {
    within(SETTLING, &format!("the ends of all runs of {name}"), || {
        let runs = server.runs(name);
        runs.iter().all(|run| run["Ended"].is_string()).then_some(runs)
    })
}

fn is_mid_second() -> bool {
    (200..700).contains(&moment::now().timestamp_subsec_millis())
}

fn ended_at(run: &Value) -> Option<DateTime<Utc>> {
    run["Ended"].as_str().map(moment::parse)
}

/// The last instant that a record is about.
fn covers_up_to(run: &Value) -> DateTime<Utc> {
    let last = run["Last"].as_str().or(run["Run"].as_str()).unwrap();
    moment::of_run(last)
}
