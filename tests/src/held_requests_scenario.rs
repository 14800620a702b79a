//! A scenario: a home whose requests to its engine, a stub or a real one, a test can hold.
//!
//! Starts are counted by the engine, and where it is a real one also by the programs themselves.

use std::{collections::BTreeMap, fs, time::Duration};

use chrono::{DateTime, Utc};
use docket_stub_engine::{
    Call, Faults, Hold, Line, Meanwhile, Options, Program, Proxy, Sender, Stub,
};
use serde_json::{Value, json};

use crate::{
    Engine, Home, Server, StubEngine,
    allocation::{of_image, script_once, with_host_option, with_option},
    engine_events::Events,
    eventually,
    held_requests::Holds,
};

/// What a container does after it has written `done`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Exits with 0.
    Succeeds,
    /// Exits with 3.
    Fails,
    /// Runs until it is killed.
    RunsOn,
}

/// A home and the engine of its servers.
pub struct Scenario {
    home: Home,
    holds: Holds,
    side: Side,
}

enum Side {
    Stub(StubEngine),
    Real { engine: &'static Engine, proxy: Proxy, events: Events },
}

impl Behavior {
    const ALL: [Self; 3] = [Self::Succeeds, Self::Fails, Self::RunsOn];

    /// The image of a stub whose programs do so.
    fn image(self) -> &'static str {
        match self {
            Self::Succeeds => "succeeds",
            Self::Fails => "fails",
            Self::RunsOn => "runs-on",
        }
    }

    fn program(self) -> Program {
        match self {
            Self::Succeeds => Program::default(),
            Self::Fails => Program::failing(3),
            Self::RunsOn => Program::lasting(Duration::MAX),
        }
    }

    /// The end of a shell script that does so.
    fn script(self) -> &'static str {
        match self {
            Self::Succeeds => "exit 0",
            Self::Fails => "exit 3",
            Self::RunsOn => "sleep 3600",
        }
    }
}

impl Scenario {
    /// A home on a stub engine.
    pub fn on_stub() -> Self {
        Self::on_failing_stub(Faults::none())
    }

    /// A home on a stub engine with faults of its own.
    pub fn on_failing_stub(faults: Faults) -> Self {
        let holds = Holds::default();
        let options = Options { faults: holds.beside(faults), ..Options::default() };
        let with_image = |options: Options, it: Behavior| options.image(it.image(), it.program());
        let stub = StubEngine::start(Behavior::ALL.into_iter().fold(options, with_image));
        let home = Home::durable(&stub.docker_host());
        Self { home, holds, side: Side::Stub(stub) }
    }

    /// A home on a real engine, behind a proxy.
    pub fn on_engine(engine: &'static Engine) -> Self {
        let holds = Holds::default();
        let proxy = holds.proxy(engine);
        let home = Home::durable(&proxy.docker_host());
        fs::create_dir(home.path("starts")).unwrap();
        // Before any server, so that no start is missing.
        let events = engine.events(home.namespace());
        Self { home, holds, side: Side::Real { engine, proxy, events } }
    }

    /// Where its servers live.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Starts a server, and waits until it is ready.
    pub fn server(&self) -> Server {
        let server = self.home.server();
        server.await_ready();
        server
    }

    /// Holds the next `count` of these calls.
    pub fn hold_next(&self, count: usize, call: Call, sender: Sender) -> Hold {
        self.holds.hold_next(count, call, sender)
    }

    /// An allocation that is due once and leaves no container.
    pub fn allocation(&self, name: &str, at: DateTime<Utc>, behavior: Behavior) -> Value {
        // Appended in one write, so that lines of containers do not mix.
        let sign = r#"echo "$DOCKET_RUN $DOCKET_ATTEMPT" >>/starts/all"#;
        let script = format!("{sign}; echo done; {}", behavior.script());
        let allocation = script_once(name, at, &script);
        let allocation = with_host_option(allocation, "AutoRemove", json!(true));
        match &self.side {
            Side::Stub(_) => of_image(allocation, behavior.image()),
            Side::Real { .. } => {
                let starts = self.home.path("starts");
                let binds = json!([format!("{}:/starts", starts.display())]);
                let allocation = with_host_option(allocation, "Binds", binds);
                // A shell as the first process ignores SIGTERM, and each stop would take ten
                // seconds.
                with_option(allocation, "StopSignal", json!("SIGKILL"))
            }
        }
    }

    /// How many requests to start it each container got, by its id.
    pub fn start_requests(&self) -> BTreeMap<String, usize> {
        match &self.side {
            Side::Stub(stub) => stub.count_by_container(Call::Start),
            Side::Real { proxy, .. } => proxy.count_by_container(Call::Start),
        }
    }

    /// How many containers of an allocation are there.
    pub fn containers(&self, allocation: &str) -> usize {
        match &self.side {
            Side::Stub(stub) => lines(stub, allocation).filter(|line| line.is_there).count(),
            Side::Real { engine, .. } => self.ids(engine, allocation).len(),
        }
    }

    /// Waits until no container of an allocation is left; returns how often they were started.
    pub fn await_starts(&self, allocation: &str) -> usize {
        eventually(&format!("no container of {allocation} left"), || {
            (self.containers(allocation) == 0).then_some(())
        });
        match &self.side {
            Side::Stub(stub) => lines(stub, allocation).map(|line| line.starts).sum(),
            Side::Real { events, .. } => {
                let starts = events.await_starts_of_removed(allocation);
                // Two counts that know nothing of each other.
                assert_eq!(starts, self.signs(allocation), "what the programs wrote");
                starts
            }
        }
    }

    /// Waits until the container of an allocation has been started and has ended.
    pub fn await_exit(&self, allocation: &str) {
        eventually(&format!("the end of the container of {allocation}"), || match &self.side {
            Side::Stub(stub) => lines(stub, allocation).find_map(|line| line.exit).map(drop),
            Side::Real { engine, .. } => {
                let ids = self.ids(engine, allocation);
                let has_ended = |id: &String| {
                    engine.inspect(id).is_some_and(|it| it["State"]["Status"] == "exited")
                };
                ids.iter().any(has_ended).then_some(())
            }
        });
    }

    /// Removes the containers of an allocation by force, like another program.
    pub fn remove_containers(&self, allocation: &str) {
        self.interfere(allocation, Stub::remove_by_force, |engine, id| {
            engine.docker(["rm", "--force", id])
        });
    }

    /// Kills the containers of an allocation, like another program.
    pub fn kill_containers(&self, allocation: &str) {
        self.interfere(allocation, Stub::end_by_force, |engine, id| engine.docker(["kill", id]));
    }

    /// Breaks the connections over which a real engine reports events.
    pub fn break_event_streams(&self) {
        match &self.side {
            Side::Stub(_) => panic!("only a proxy breaks connections"),
            Side::Real { proxy, .. } => proxy.break_connections(Call::Events),
        }
    }

    /// Restarts the engine, which then knows nothing of past events.
    pub fn restart_engine(&self) {
        match &self.side {
            Side::Stub(stub) => {
                stub.vanish(Meanwhile::ContainersLive);
                stub.come_back().unwrap();
            }
            Side::Real { engine, .. } => {
                engine.stop();
                engine.start_again();
            }
        }
    }

    fn interfere(
        &self,
        allocation: &str,
        on_stub: fn(&Stub, &str) -> bool,
        on_real: fn(&Engine, &str) -> String,
    ) {
        match &self.side {
            Side::Stub(stub) => {
                for line in lines(stub, allocation).filter(|line| line.is_there) {
                    assert!(on_stub(stub, &line.name), "{line}");
                }
            }
            Side::Real { engine, .. } => {
                for id in self.ids(engine, allocation) {
                    on_real(engine, &id);
                }
            }
        }
    }

    fn ids(&self, engine: &Engine, allocation: &str) -> Vec<String> {
        let namespace = format!("label=io.docket.namespace={}", self.home.namespace());
        let allocation = format!("label=io.docket.allocation={allocation}");
        let filters = ["--filter", &namespace, "--filter", &allocation];
        let [first, second, third, fourth] = filters;
        let listed =
            engine.docker(["ps", "--all", "--quiet", "--no-trunc", first, second, third, fourth]);
        listed.lines().map(str::to_owned).collect()
    }

    /// How many starts of an allocation its programs wrote down.
    fn signs(&self, allocation: &str) -> usize {
        let all = fs::read_to_string(self.home.path("starts").join("all")).unwrap_or_default();
        all.lines().filter(|line| line.starts_with(&format!("{allocation}/"))).count()
    }
}

fn lines(stub: &StubEngine, allocation: &str) -> impl Iterator<Item = Line> {
    stub.ledger().into_iter().filter(move |line| line.allocation() == Some(allocation))
}
