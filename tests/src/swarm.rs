//! The Swarm that `TEST_SWARM` names, and faults of its nodes.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Engine, Home, Registry, Server,
    allocation::with_host_option,
    wait::{eventually, seen_within, within},
};

/// How long a Swarm may take until each node is ready again after a fault.
const RECOVERY_LIMIT: Duration = Duration::from_secs(120);

/// The addresses of its managers; none where no variable names them.
pub fn manager_addresses() -> Vec<String> {
    addresses("TEST_SWARM")
}

/// A place for servers whose engine is the Swarm with these managers.
pub fn home(managers: &[&str]) -> Home {
    // In place of a variable, as an engine of another kind has none.
    let home = Home::durable("unix:///not-read.sock");
    let with_manager =
        |home: Home, manager| home.with_options(["--engine", &format!("s=swarm+{manager}")]);
    managers.iter().fold(home, with_manager)
}

/// The addresses of its workers.
pub fn worker_addresses() -> Vec<String> {
    addresses("TEST_SWARM_WORKERS")
}

fn addresses(variable: &str) -> Vec<String> {
    let list = env::var(variable).unwrap_or_default();
    list.split(',').filter(|address| !address.is_empty()).map(str::to_owned).collect()
}

/// A Swarm with workers. Its nodes have the host names `node-1`, `node-2` and so on, and the label `n` with that
/// number.
pub struct Swarm {
    /// The addresses of its nodes, the managers first.
    nodes: Vec<String>,
    managers: usize,
    /// The program that makes a node fail.
    tool: PathBuf,
    /// A directory that is the same on each node, in which programs note that they were started.
    starts: TempDir,
    /// What has to be mended at the end of a test.
    faults: Mutex<Vec<[String; 2]>>,
    /// The nodes that were cut off.
    cut: Mutex<Vec<usize>>,
    _turn: MutexGuard<'static, ()>,
}

impl Swarm {
    /// The Swarm, for one test at a time; `None` where no variable names one, which is printed.
    pub fn exclusive() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let (mut nodes, workers) = (manager_addresses(), worker_addresses());
        let tool = env::var_os("TEST_SWARM_TOOL");
        let Some(tool) = tool.filter(|_| !nodes.is_empty() && !workers.is_empty()) else {
            #[expect(clippy::print_stderr, reason = "cargo shows it with `--nocapture`")]
            {
                eprintln!("SKIPPED: `TEST_SWARM` and the variables beside it name no Swarm");
            }
            return None;
        };
        // A test that failed has mended its faults.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let managers = nodes.len();
        nodes.extend(workers);
        let (starts, faults, cut) = (TempDir::new().unwrap(), Mutex::default(), Mutex::default());
        let swarm = Self { nodes, managers, tool: tool.into(), starts, faults, cut, _turn: turn };
        swarm.await_ready();
        Some(swarm)
    }

    /// Starts a server with this Swarm as its engine.
    pub fn server(&self) -> Server {
        self.server_with(|_| {})
    }

    /// Starts a server with this Swarm as its engine, and more configuration.
    pub fn server_with(&self, configure: impl FnOnce(&mut Command)) -> Server {
        Server::listening("127.0.0.1:0", "unix:///no/such/engine", |command| {
            for manager in self.nodes.iter().take(self.managers) {
                command.args(["--engine", &format!("s=swarm+{manager}")]);
            }
            configure(command);
        })
    }

    /// A place for servers with this Swarm as their engine, one after another.
    pub fn home(&self) -> Home {
        home(&self.managers())
    }

    /// The number of the manager that leads.
    pub fn leader(&self) -> usize {
        eventually("a leader", || self.leader_by(1).or_else(|| self.leader_by(2)))
    }

    /// Waits until another manager leads than this one, which was killed or cut off; returns its number.
    pub fn leader_after(&self, leader: usize) -> usize {
        let other = if leader == 1 { 2 } else { 1 };
        eventually("another leader", || self.leader_by(other).filter(|new| *new != leader))
    }

    /// The number of the leader as a manager reports it.
    fn leader_by(&self, manager: usize) -> Option<usize> {
        let listed = self
            .try_docker(manager, &["node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"]);
        let line = listed?.lines().find_map(|line| line.strip_suffix(" Leader").map(str::to_owned));
        line?.strip_prefix("node-")?.parse().ok()
    }

    /// The addresses of its managers.
    pub fn managers(&self) -> Vec<&str> {
        self.nodes.iter().take(self.managers).map(String::as_str).collect()
    }

    /// The engines of its nodes.
    pub fn engines(&self) -> Vec<Engine> {
        self.nodes.iter().map(|node| Engine::at(node)).collect()
    }

    /// The engine of a node.
    pub fn engine(&self, node: usize) -> Engine {
        Engine::at(&self.nodes[node - 1])
    }

    /// Runs the Docker client at a node, which must succeed, and returns what it printed.
    pub fn docker(&self, node: usize, arguments: &[&str]) -> String {
        let printed = self.try_docker(node, arguments);
        printed.unwrap_or_else(|| panic!("docker {arguments:?} at node {node}"))
    }

    fn try_docker(&self, node: usize, arguments: &[&str]) -> Option<String> {
        let address = &self.nodes[node - 1];
        // A manager without a quorum takes 20 s to say so, and a paused one does not answer.
        let mut command = Command::new("timeout");
        command.args(["10", "docker", "--host", address]).args(arguments);
        let output = command.output().unwrap();
        let printed = || String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        output.status.success().then(printed)
    }

    /// Takes the network of a node away. Its engine goes on and answers at its socket.
    pub fn cut(&self, node: usize) {
        self.cut.lock().unwrap().push(node);
        self.fault("cut", "heal", node);
    }

    /// Ends the engine of a node, and its containers, at once.
    pub fn kill(&self, node: usize) {
        self.fault("kill", "start", node);
    }

    /// Takes all tasks from a node.
    pub fn drain(&self, node: usize) {
        self.faults.lock().unwrap().push(["drain".to_owned(), node.to_string()]);
        self.docker(1, &["node", "update", "--availability", "drain", &format!("node-{node}")]);
    }

    /// Removes a worker that is down from the Swarm. It joins again once it is mended.
    pub fn remove(&self, node: usize) {
        self.faults.lock().unwrap().push(["join".to_owned(), node.to_string()]);
        self.docker(1, &["node", "rm", "--force", &format!("node-{node}")]);
    }

    /// Lets a worker join again under its label; nothing while that is not possible.
    fn try_join(&self, node: usize) -> Option<()> {
        let token = self.try_docker(1, &["swarm", "join-token", "--quiet", "worker"])?;
        let address = self.try_docker(1, &["info", "--format", "{{.Swarm.NodeAddr}}"])?;
        // It fails where the node is in no Swarm any more.
        self.try_docker(node, &["swarm", "leave", "--force"]);
        self.try_docker(node, &["swarm", "join", "--token", &token, &format!("{address}:2377")])?;
        let id = self.try_docker(node, &["info", "--format", "{{.Swarm.NodeID}}"])?;
        self.try_docker(1, &["node", "update", "--label-add", &format!("n={node}"), &id])?;
        Some(())
    }

    fn fault(&self, verb: &str, remedy: &str, node: usize) {
        self.faults.lock().unwrap().push([remedy.to_owned(), node.to_string()]);
        self.run_tool(verb, &node.to_string()).unwrap();
    }

    fn run_tool(&self, verb: &str, node: &str) -> Result<(), String> {
        match Command::new(&self.tool).args([verb, node]).output() {
            Ok(output) if output.status.success() => Ok(()),
            failed => Err(format!("{verb} {node}: {failed:?}")),
        }
    }

    fn try_mend(&self, [remedy, node]: &[String; 2]) -> Result<(), String> {
        if remedy == "join" {
            let number = node.parse().map_err(|error| format!("`{node}`: {error}"))?;
            let joined = seen_within(RECOVERY_LIMIT, || self.try_join(number));
            return joined.ok_or_else(|| format!("node {node} does not join again"));
        }
        if remedy != "drain" {
            return self.run_tool(remedy, node);
        }
        let name = format!("node-{node}");
        let mended = self.try_docker(1, &["node", "update", "--availability", "active", &name]);
        mended.map(drop).ok_or_else(|| format!("{name} stays drained"))
    }

    /// Mends all faults, and waits until each node is ready.
    pub fn mend(&self) {
        for fault in std::mem::take(&mut *self.faults.lock().unwrap()) {
            self.try_mend(&fault).unwrap();
        }
        self.await_ready();
    }

    fn await_ready(&self) {
        within(RECOVERY_LIMIT, "a Swarm whose nodes are ready", || self.is_ready().then_some(()));
    }

    fn is_ready(&self) -> bool {
        let states = ["node", "ls", "--format", "{{.Status}} {{.ManagerStatus}}"];
        let Some(listed) = self.try_docker(1, &states) else { return false };
        let ready = listed.lines().filter(|line| line.starts_with("Ready")).count();
        let is_manager = |line: &&str| line.ends_with("Leader") || line.ends_with("Reachable");
        ready == self.nodes.len() && listed.lines().filter(is_manager).count() == self.managers
    }

    /// Waits until the managers report a node as out of reach.
    pub fn await_down(&self, node: usize) {
        let name = format!("node-{node}");
        within(RECOVERY_LIMIT, "a node that is down", || {
            let state =
                self.try_docker(1, &["node", "inspect", "--format", "{{.Status.State}}", &name]);
            (state? == "down").then_some(())
        });
    }

    fn directory(&self, node: usize) -> &Path {
        Path::new(self.nodes[node - 1].strip_prefix("unix://").unwrap()).parent().unwrap()
    }

    /// Starts a registry that wants a login and that each node reaches.
    pub fn registry(&self) -> Registry {
        let process = fs::read_to_string(self.directory(1).join("dockerd.pid")).unwrap();
        let address = self.docker(1, &["info", "--format", "{{.Swarm.NodeAddr}}"]);
        Registry::with_login_in_network_of(process.trim().parse().unwrap(), &address)
    }

    /// An allocation of this schedule whose program notes its start and goes on with a script, on nodes that
    /// fulfil the constraints.
    pub fn allocation(&self, name: &str, cron: &str, script: &str, constraints: &[&str]) -> Value {
        let noting =
            format!("echo $DOCKET_RUN $DOCKET_ATTEMPT $(hostname) >>/starts/log; {script}");
        let allocation = json!({
            "Name": name,
            "Cron": cron,
            "TimeZone": "UTC",
            "Placement": {"Where": constraints, "Shared": true},
            "Container": {"Config": {
                "Image": "busybox:latest",
                "Cmd": ["sh", "-c", noting],
                // Swarm writes the name of the node there.
                "Hostname": "{{.Node.Hostname}}",
            }},
        });
        let starts = format!("{}:/starts", self.starts.path().display());
        with_host_option(allocation, "Binds", json!([starts]))
    }

    /// The starts that programs noted: run, attempt and node.
    pub fn starts(&self) -> Vec<[String; 3]> {
        let noted = fs::read_to_string(self.starts.path().join("log")).unwrap_or_default();
        let words = |line: &str| {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            words.try_into().unwrap_or_else(|words| panic!("{words:?}"))
        };
        noted.lines().map(words).collect()
    }

    /// Writes a file beside the starts, for which programs wait.
    pub fn note(&self, file: &str) {
        fs::write(self.starts.path().join(file), "").unwrap();
    }

    /// True once a program wrote a file beside its start.
    pub fn has_noted(&self, file: &str) -> bool {
        self.starts.path().join(file).exists()
    }

    /// The second that a program wrote to a file beside its start.
    pub fn noted_second(&self, file: &str) -> i64 {
        fs::read_to_string(self.starts.path().join(file)).unwrap().trim().parse().unwrap()
    }

    /// Asserts that each attempt that is on record as started was started once, on some node, and no other
    /// one; returns the runs, newest first.
    pub fn assert_started_once(&self, server: &Server, name: &str) -> Vec<Value> {
        let runs = server.runs(name);
        let mut on_record: Vec<_> = runs.iter().flat_map(started_attempts).collect();
        let mut noted: Vec<_> =
            self.starts().into_iter().map(|[run, attempt, _]| [run, attempt]).collect();
        noted.retain(|[run, _]| run.starts_with(&format!("{name}/")));
        on_record.sort();
        noted.sort();
        assert_eq!(noted, on_record);
        runs
    }
}

/// The attempts of a run that are on record as started: run and attempt.
fn started_attempts(run: &Value) -> Vec<[String; 2]> {
    let id = format!("{}/{}", run["Allocation"].as_str().unwrap(), run["Run"].as_str().unwrap());
    let attempts = run["Attempts"].as_array().unwrap();
    let started = attempts.iter().filter(|attempt| attempt["Started"].is_string());
    started.map(|attempt| [id.clone(), attempt["Attempt"].to_string()]).collect()
}

impl Drop for Swarm {
    fn drop(&mut self) {
        // A test that has failed must not fail again here, so what cannot be mended shows in the next test.
        for fault in std::mem::take(self.faults.get_mut().unwrap()) {
            let _ = self.try_mend(&fault);
        }
        // A Swarm can lose the connection for logs to a node that was cut off, until the node's next session.
        let mut cut = std::mem::take(self.cut.get_mut().unwrap());
        cut.sort_unstable();
        cut.dedup();
        for node in cut {
            for verb in ["kill", "start"] {
                let _ = self.run_tool(verb, &node.to_string());
            }
            let ready = || self.is_ready().then_some(());
            seen_within(RECOVERY_LIMIT, ready);
        }
    }
}
