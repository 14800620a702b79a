//! A crash test: a server is killed repeatedly, on a real engine that other programs interfere with; then
//! the record of each instant is checked.
//!
//! 1. The engine's events and the containers themselves count the starts, never docket.
//! 2. A killed server is followed by another with the same store, without any cleanup in between.
//! 3. A start request that was in flight when its server was killed reaches the engine later.

mod report;
pub mod start_log;
mod workloads;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use docket_stub_engine::{Call, Hold, Proxy, Sender};
use serde_json::{Value, json};

pub use self::report::Report;
use self::workloads::{PERIOD, Workload};
use crate::{
    Engine, Home, engine_events::Events, eventually, held_requests::Holds,
    kubernetes_cluster::PodCluster, raw_http_client::Request, swarm, wait::within, wall_clock,
};

/// The points of a run's life at which a server can be made to crash, in order.
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

/// The points that a server passes when it finds a container that was created and never started.
pub const REPLACEMENT_POINTS: [&str; 3] = ["Replacing", "Unstarted", "NeverRan"];

/// How long a server may take to reach its point: each is reached every few seconds.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The interval between the instants of an allocation on Kubernetes, in seconds: shorter than a pod with a timeout
/// takes, so that runs queue.
const POD_PERIOD: i64 = 6;
/// How long the last runs may take to end: a busy engine may be behind.
const SETTLING: Duration = Duration::from_secs(180);

/// What another program does while the server is down, or while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interference {
    /// Nothing.
    None,
    /// `docker container prune`.
    Prune,
    /// `docker rm --force` of all containers of docket.
    Removal,
    /// The engine is killed and started again.
    EngineKilled,
}

/// A home whose servers are killed while its schedules go on.
pub struct CrashTest<'a> {
    /// The engine, or those of all nodes of a Swarm; none of a Kubernetes, whose pods are not Docker's.
    engines: Vec<&'a Engine>,
    cluster: Option<&'a dyn PodCluster>,
    home: Home,
    events: Vec<Events>,
    workloads: Vec<Workload>,
    began: Instant,
    kills: BTreeMap<String, u32>,
    was_interfered_with: bool,
    route: Option<Route>,
    /// The status codes of start requests that arrived late, with their counts.
    late_starts: BTreeMap<u16, u32>,
}

/// A proxy to the engine that can hold start requests.
struct Route {
    holds: Holds,
    held: Vec<Hold>,
    _proxy: Proxy,
}

impl<'a> CrashTest<'a> {
    /// Pushes allocations that are due every few seconds to a server that is then killed at once.
    pub fn begin(engine: &'a Engine) -> Self {
        Self::begin_in(Home::durable(engine.address()), vec![engine], PERIOD, without_lasting)
    }

    /// Like [`Self::begin`], on a Swarm with these managers, whose nodes have these engines.
    pub fn begin_on_swarm(managers: &[&str], nodes: &'a [Engine]) -> Self {
        let home = swarm::home(managers);
        let on_workers = |all| without_lasting(all).into_iter().map(Workload::on_workers).collect();
        Self::begin_in(home, nodes.iter().collect(), PERIOD, on_workers)
    }

    /// Like [`Self::begin`], with a proxy that can hold start requests.
    pub fn begin_behind_a_proxy(engine: &'a Engine) -> Self {
        let holds = Holds::default();
        let proxy = holds.proxy(engine);
        let home = Home::durable(&proxy.docker_host());
        let route = Some(Route { holds, held: Vec::new(), _proxy: proxy });
        Self { route, ..Self::begin_in(home, vec![engine], PERIOD, without_lasting) }
    }

    /// Like [`Self::begin`], with fewer runs and one start at a time, so that no start is in progress when
    /// the engine is killed.
    ///
    /// An engine that is killed during a start may have no record of it.
    pub fn begin_one_by_one(engine: &'a Engine) -> Self {
        let home = Home::durable(engine.address()).with_options(["--max-starting", "1"]);
        let one_by_one = |mut all: Vec<Workload>| {
            all.retain(|workload| ["lasting", "plain"].contains(&workload.name));
            all
        };
        Self::begin_in(home, vec![engine], PERIOD, one_by_one)
    }

    /// Like [`Self::begin`], with fewer runs, which are pods of a Kubernetes.
    pub fn begin_on_kubernetes(cluster: &'a dyn PodCluster) -> Self {
        // The pods of tests that ran before may still be there.
        let home = cluster.home().in_namespace(&format!("k{}", std::process::id()));
        let in_pods = |mut all: Vec<Workload>| {
            let wanted = ["plain", "replaced", "retried", "timed"];
            all.retain(|workload| wanted.contains(&workload.name));
            all.into_iter().map(|workload| workload.in_pods(cluster)).collect()
        };
        let begun = Self::begin_in(home, Vec::new(), POD_PERIOD, in_pods);
        Self { cluster: Some(cluster), ..begun }
    }

    fn begin_in(
        home: Home,
        engines: Vec<&'a Engine>,
        period: i64,
        chosen: impl FnOnce(Vec<Workload>) -> Vec<Workload>,
    ) -> Self {
        let events = engines.iter().map(|engine| engine.events(home.namespace())).collect();
        let server = home.server();
        let first = wall_clock::ahead(1);
        let workloads = chosen(workloads::all(first, &home.path("start-log"), period));
        let all: Value = workloads.iter().map(|workload| workload.allocation.clone()).collect();
        let pushed = server.send(&Request::post(all));
        assert_eq!(pushed.status, 200, "{}", pushed.text());
        // At once: the first decisions have to be made by servers that crash.
        server.crash();
        let (began, kills) = (Instant::now(), BTreeMap::from([("Pushed".to_owned(), 1)]));
        Self {
            engines,
            cluster: None,
            home,
            events,
            workloads,
            began,
            kills,
            was_interfered_with: false,
            route: None,
            late_starts: BTreeMap::new(),
        }
    }

    /// The points that its servers pass. Where to create a pod is to start it, there is no start to be noted.
    pub fn points(&self) -> impl Iterator<Item = &'static str> + use<> {
        let creating_starts = self.cluster.is_some_and(|cluster| !cluster.has_gates());
        POINTS.into_iter().filter(move |point| !(creating_starts && *point == "Started"))
    }

    /// Runs a server until it reaches a point for the nth time and crashes; then interferes.
    pub fn kill_at(&mut self, point: &str, times: u32, interference: Interference) {
        let died = self.home.crashing_server(point, times).died_within(TIMEOUT);
        assert!(died, "{point} was not reached {times} times:\n{}", self.log());
        self.count(point);
        self.was_interfered_with |= interference != Interference::None;
        self.interfere(interference);
    }

    /// Runs a server for this time, then kills it.
    pub fn kill_after(&mut self, time: Duration) {
        // No run passes a point of this name.
        self.home.crashing_server("Nowhere", 1).died_within(time);
        self.count("anywhere");
    }

    /// Runs a server until it sends a start request, which the proxy holds, then kills it.
    pub fn kill_with_a_held_start(&mut self) {
        let route = self.route.as_mut().expect("behind a proxy");
        let start = route.holds.hold_next(1, Call::Start, Sender::Waits);
        let crashing_server = self.home.crashing_server("Nowhere", 1);
        within(TIMEOUT, "a start request", || (start.count() == 1).then_some(()));
        // Kills it, while its request is on the way.
        drop(crashing_server);
        route.held.push(start);
        self.count("Starting");
    }

    /// Releases the held start requests to the engine.
    pub fn release_held_starts(&mut self) {
        let route = self.route.as_mut().expect("behind a proxy");
        for status in route.held.drain(..).flat_map(|start| start.release()) {
            *self.late_starts.entry(status).or_default() += 1;
        }
    }

    /// Interferes while a server runs; kills it once a run has ended since.
    pub fn interfere_with_live_server(&mut self, interference: Interference) {
        let server = self.home.server();
        server.await_ready();
        let runs = || self.workloads.iter().flat_map(|it| server.runs(it.name));
        within(TIMEOUT, "a container that runs", || {
            let states: Vec<_> = runs().map(|run| run["State"].clone()).collect();
            let is = |state: &str| states.iter().any(|it| it == state);
            // Instants are whole seconds, so no run starts in the middle of one.
            let none_starts = || !is("starting") && is_mid_second();
            let may_begin = interference != Interference::EngineKilled || none_starts();
            (is("running") && may_begin).then_some(())
        });
        self.interfere(interference);
        let since = wall_clock::now();
        within(TIMEOUT, "a run that ended after the interference", || {
            runs().any(|run| ended_at(&run) > Some(since)).then_some(())
        });
        server.crash();
        self.was_interfered_with = true;
        self.count("beside");
    }

    fn count(&mut self, point: &str) {
        *self.kills.entry(point.to_owned()).or_default() += 1;
    }

    fn interfere(&self, interference: Interference) {
        let label = format!("label=io.docket.namespace={}", self.home.namespace());
        for engine in &self.engines {
            match interference {
                Interference::None => {}
                Interference::Prune => {
                    engine.docker(["container", "prune", "--force", "--filter", &label]);
                }
                Interference::Removal => {
                    let listed = engine.docker(["ps", "--all", "--quiet", "--filter", &label]);
                    for container in listed.lines() {
                        // The server may have removed it already.
                        engine.try_docker(["rm", "--force", container]);
                    }
                }
                Interference::EngineKilled => {
                    engine.crash();
                    engine.start_again();
                }
            }
        }
    }

    /// Lets a last server finish all runs, and checks the record of each instant.
    pub fn finish(self) -> Report {
        // Has no crash point, and must find everything that the others left.
        let server = self.home.server();
        server.await_ready();
        let end = wall_clock::now();
        for Workload { name, .. } in &self.workloads {
            within(TIMEOUT, &format!("a decision of {name} about {end}"), || {
                server.runs(name).first().is_some_and(|run| covers_up_to(run) >= end).then_some(())
            });
            // No further instant, so that there is an end to wait for.
            let path = format!("/{name}/suspend");
            let suspended = server.send(&Request::post_to(&path, json!({})));
            assert_eq!(suspended.status, 200, "{}", suspended.text());
        }
        let ended = |it: &Workload| (it.name, server.all_ended_within(SETTLING, it.name));
        let records = self.workloads.iter().map(ended).collect();
        for engine in &self.engines {
            server.await_no_containers(engine);
        }
        if let Some(cluster) = self.cluster {
            let left = || cluster.pods(server.namespace());
            eventually("no pod left", || left().is_empty().then_some(()));
        }
        server.stop();
        report::check(self, records, end)
    }

    fn start_log(&self) -> PathBuf {
        self.home.path("start-log")
    }

    fn log(&self) -> String {
        self.home.crash_log()
    }
}

fn without_lasting(mut all: Vec<Workload>) -> Vec<Workload> {
    all.retain(|workload| workload.name != "lasting");
    all
}

fn is_mid_second() -> bool {
    (200..700).contains(&wall_clock::now().timestamp_subsec_millis())
}

fn ended_at(run: &Value) -> Option<DateTime<Utc>> {
    run["Ended"].as_str().map(wall_clock::parse)
}

/// The last instant that a record covers.
fn covers_up_to(run: &Value) -> DateTime<Utc> {
    let last = run["Last"].as_str().or(run["Run"].as_str()).unwrap();
    wall_clock::of_run(last)
}
