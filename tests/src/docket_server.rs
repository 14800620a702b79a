//! The built server, with a namespace of its own on the engine.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Engine, Ran,
    docket_cli::{self, bounded, clean, run},
    eventually, program,
    raw_http_client::{Address, Reply, Request},
    wait::{BOUND, within},
    wall_clock,
};

/// A server that runs, and is stopped in the end.
pub struct Server {
    child: Child,
    url: String,
    namespace: String,
    log: Arc<Mutex<Vec<String>>>,
    /// An empty Docker configuration, in place of the developer's.
    _configuration: TempDir,
}

impl Server {
    /// Starts a server on a free port of loopback.
    pub fn start(engine: &Engine) -> Self {
        Self::start_with(engine, |_| {})
    }

    /// Starts a server with more configuration.
    pub fn start_with(engine: &Engine, configure: impl FnOnce(&mut Command)) -> Self {
        Self::listening("127.0.0.1:0", engine.address(), configure)
    }

    /// Starts a server with an address of its own and any engine.
    pub fn listening(listen: &str, engine: &str, configure: impl FnOnce(&mut Command)) -> Self {
        Self::with_defaults(engine, |command| {
            command.args(["--listen", listen]);
            configure(command);
        })
    }

    /// Starts a server that is only configured by the variables of its engine and namespace.
    pub fn with_defaults(engine: &str, configure: impl FnOnce(&mut Command)) -> Self {
        Self::in_namespace(&new_namespace(), engine, configure)
    }

    /// Starts a server in a namespace that others may be in too.
    pub fn in_namespace(
        namespace: &str,
        engine: &str,
        configure: impl FnOnce(&mut Command),
    ) -> Self {
        let configuration = TempDir::new().unwrap();
        let mut command = command(namespace, engine, &configuration);
        // Read by a thread to the end, so that a full pipe does not stop the server.
        command.stderr(Stdio::piped());
        configure(&mut command);
        let namespace = namespace.to_owned();
        let mut child = command.spawn().unwrap();
        let log = noted(child.stderr.take().unwrap());
        let url = String::new();
        let mut server = Self { child, url, namespace, log, _configuration: configuration };
        server.url = server.await_line("its address", announced);
        server
    }

    /// Starts a server with this directory as root's home directory, and without a variable for Docker's
    /// configuration.
    pub fn at_home(folder: &Path, engine: &Engine, configure: impl FnOnce(&mut Command)) -> Self {
        Self::listening("127.0.0.1:0", engine.address(), |server| {
            with_mounts(server, r#"mount --bind "$0" /root"#, folder);
            server.env_remove("DOCKER_CONFIG");
            configure(server);
        })
    }

    /// Where it listens, as it announced.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        Address::parse(&self.url)
    }

    /// The namespace of its containers.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Waits until it logged a line with this text.
    pub fn await_log(&mut self, text: &str) -> String {
        self.await_line(text, |line| line.contains(text).then(|| line.to_owned()))
    }

    /// Waits until it logs a matching line.
    fn await_line(&mut self, sought: &str, find: impl Fn(&str) -> Option<String>) -> String {
        let log = Arc::clone(&self.log);
        let found = || log.lock().unwrap().iter().find_map(|line| find(line));
        eventually(&format!("a log line with {sought}"), || {
            let ended = self.child.try_wait().unwrap();
            // The last line may have come just before the end.
            assert!(ended.is_none() || found().is_some(), "ended: {ended:?}");
            found()
        })
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        docket_cli::signal(&self.child, signal);
    }

    /// Kills it.
    pub fn crash(mut self) {
        self.child.kill().unwrap();
        self.await_end();
    }

    /// Waits until it has ended.
    pub fn await_end(&mut self) -> ExitStatus {
        eventually("the server's end", || self.child.try_wait().unwrap())
    }

    /// Stops it, and asserts that it stops in order.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.await_end();
        assert_eq!(status.code(), Some(0), "{status}");
    }

    /// Sends a request.
    pub fn send(&self, request: &Request) -> Reply {
        request.send(&self.address())
    }

    /// Gets a path.
    pub fn get(&self, path: &str) -> Reply {
        self.send(&Request::get(path))
    }

    /// Pushes an allocation, which must be accepted; true if its name was new.
    pub fn push(&self, allocation: &Value) -> bool {
        let reply = self.send(&Request::post(allocation));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["created"].as_bool().unwrap()
    }

    /// Pushes an allocation that must be refused, and returns the words about each field.
    pub fn refusal(&self, allocation: &Value) -> Value {
        let reply = self.send(&Request::post(allocation));
        assert_eq!(reply.status, 422, "{}", reply.text());
        reply.json()["fields"].take()
    }

    /// An allocation as the server shows it.
    pub fn allocation(&self, name: &str) -> Value {
        self.get(&format!("/{name}")).json()
    }

    /// The runs of an allocation, newest first: as many as fit on the largest page.
    pub fn runs(&self, name: &str) -> Vec<Value> {
        let mut page = self.get(&format!("/{name}/runs?limit=1000")).json();
        let Value::Array(runs) = page["Runs"].take() else { panic!("no runs: {page}") };
        runs
    }

    /// Waits until the newest run of an allocation is over.
    pub fn ended_run(&self, name: &str) -> Value {
        self.ended_run_within(BOUND, name)
    }

    /// Like [`Self::ended_run`], with a bound of its own.
    pub fn ended_run_within(&self, bound: Duration, name: &str) -> Value {
        within(bound, &format!("the end of a run of {name}"), || {
            self.runs(name).into_iter().next().filter(|run| run["Ended"].is_string())
        })
    }

    /// Waits until all runs of an allocation are over; returns them newest first.
    pub fn all_ended_within(&self, bound: Duration, name: &str) -> Vec<Value> {
        within(bound, &format!("the ends of all runs of {name}"), || {
            let runs = self.runs(name);
            runs.iter().all(|run| run["Ended"].is_string()).then_some(runs)
        })
    }

    /// Waits until the run of an instant is over.
    pub fn ended_run_at(&self, name: &str, at: DateTime<Utc>) -> Value {
        let path = format!("/{name}/runs/{}", wall_clock::run_at(at));
        eventually(&format!("the end of the run {path}"), || {
            let reply = self.get(&path);
            let run = (reply.status == 200).then(|| reply.json());
            run.filter(|run| run["Ended"].is_string())
        })
    }

    /// Waits until an allocation has this many runs, all of them over; returns them newest first.
    pub fn ended_runs(&self, name: &str, count: usize) -> Vec<Value> {
        eventually(&format!("the end of {count} runs of {name}"), || {
            let runs = self.runs(name);
            let all = runs.len() == count && runs.iter().all(|run| run["Ended"].is_string());
            all.then_some(runs)
        })
    }

    /// Waits until the newest run of an allocation has a container that runs; returns its id.
    pub fn running_container(&self, name: &str) -> String {
        let run = eventually(&format!("a running container of {name}"), || {
            self.runs(name).into_iter().next().filter(|run| run["State"] == "running")
        });
        run["Attempts"][0]["Container"].as_str().unwrap().to_owned()
    }

    /// Starts a manual run; returns its record.
    pub fn run_manually(&self, name: &str) -> Value {
        let asked = self.send(&Request::post_to(&format!("/{name}/runs"), "{}"));
        assert_eq!(asked.status, 202, "{}", asked.text());
        asked.json()
    }

    /// Waits until it is ready to start containers.
    pub fn await_ready(&self) {
        eventually("a server that is ready", || (self.get("/-/ready").status == 200).then_some(()));
    }

    /// Waits until its engines have these states, in the order of the configuration.
    pub fn await_engines(&self, states: &[&str]) {
        eventually(&format!("engines that are {states:?}"), || {
            let engines = self.get("/-/engines").json();
            let now: Vec<_> = engines.as_array()?.iter().map(|engine| &engine["State"]).collect();
            (now == states).then_some(())
        });
    }

    /// What the containers of a run wrote.
    pub fn output(&self, name: &str, run: &Value) -> Vec<u8> {
        let run = run["Run"].as_str().unwrap();
        let reply = self.get(&format!("/{name}/runs/{run}/output"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.body
    }

    /// Waits until no container of this server is left on the engine.
    pub fn await_no_containers(&self, engine: &Engine) {
        let label = format!("io.docket.namespace={}", self.namespace);
        eventually("no container left", || {
            engine.containers_labelled(&label).is_empty().then_some(())
        });
    }

    /// Runs a client command against it.
    pub fn docket<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        run(bounded().args(arguments).args(["--host", &self.url]))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "cargo shows it beside the failed test")]
            {
                eprintln!("the server said:\n{}", self.log());
            }
        }
        // Not stopped in order: a test that has failed must not wait for its server.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Has a server see what a shell script mounts, which gets this folder as `$0`.
pub(crate) fn with_mounts(server: &mut Command, script: &str, folder: &Path) {
    let script = format!(r#"{script} && exec "$@""#);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).arg(folder).arg(server.get_program());
    command.args(server.get_args()).env_clear().stdin(Stdio::null());
    command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    *server = command;
}

/// A namespace in which no other server of this process is.
pub fn new_namespace() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    // Each process of tests has an engine of its own, so a number is enough.
    format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The program as a server that is only configured with its engine and namespace.
pub(crate) fn command(namespace: &str, engine: &str, configuration: &TempDir) -> Command {
    let mut command = Command::new(program());
    clean(&mut command);
    command
        .arg("server")
        .env("DOCKET_NAMESPACE", namespace)
        .env("DOCKER_HOST", engine)
        .env("DOCKER_CONFIG", configuration.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The address in a line that announces one.
fn announced(line: &str) -> Option<String> {
    let (_, address) = line.split_once("listening on ")?;
    // In a log of JSON a quotation mark follows.
    let address = address.split([' ', '"']).next()?;
    ["http://", "https://", "unix:"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
        .then(|| address.to_owned())
}

/// Reads a log as it is written.
fn noted(log: ChildStderr) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&lines);
    thread::spawn(move || {
        let log = BufReader::new(log).lines();
        log.map_while(Result::ok).for_each(|line| noted.lock().unwrap().push(line));
    });
    lines
}
