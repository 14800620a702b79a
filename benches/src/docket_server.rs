//! The server under test: started on a free port of the loopback, and stopped with its value.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{http_client, process_usage, wait::until, workload};

/// A server that is not up after this duration will not come up.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long a server may take to stop.
const END_LIMIT: Duration = Duration::from_secs(20);

/// How often a starting server is polled: well below what is measured.
const START_LOOK: Duration = Duration::from_micros(200);

/// How many of its last lines are shown when something went wrong.
const LOG_LINES: usize = 5;

/// Variables that say how to reach a real engine.
// PATH is among them because the server may call a credential helper.
const ENGINE_VARIABLES: [&str; 3] = ["DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "PATH"];

/// A running server; with the memory store, unless its arguments name another.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
    started: Instant,
    /// From its start to its first healthy answer.
    pub(crate) start: Duration,
}

impl Server {
    /// Starts a server on an engine, and waits until it is healthy and has reached the engine.
    pub(crate) fn start(docket: &Path, engine: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_with(docket, &[("DOCKER_HOST", engine)], arguments)
    }

    /// The same with variables that say where its engine is, if its arguments do not.
    pub(crate) fn start_with(
        docket: &Path,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Self> {
        let mut server = Self::spawn_with(docket, variables, arguments)?;
        server.start = server.answers("/-/health", START_LOOK)?;
        // Not part of the start: an engine may take longer than the server.
        server.answers("/-/ready", Duration::from_millis(5))?;
        Ok(server)
    }

    /// Starts a server on an engine, and waits for nothing.
    pub(crate) fn spawn(docket: &Path, engine: &str, arguments: &[&str]) -> Result<Self> {
        Self::spawn_with(docket, &[("DOCKER_HOST", engine)], arguments)
    }

    fn spawn_with(docket: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Self> {
        // The listener is dropped at once, and another program could take the port before the
        // server does. That is rare, and the start then fails.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let directory = TempDir::new()?;
        let mut command = quiet(docket, directory.path())?;
        // UTC, whatever the host's zone is: the instants of the workload are in UTC.
        command.args(["server", "--time-zone", "UTC", "--listen", &address.to_string()]);
        command.args(arguments).envs(variables.iter().copied());
        let started = Instant::now();
        let child =
            command.spawn().with_context(|| format!("cannot start `{}`", docket.display()))?;
        Ok(Self { child, address, directory, started, start: Duration::ZERO })
    }

    /// Asks for a path every `interval`; returns the time from its start to the first success.
    pub(crate) fn answers(&mut self, path: &str, interval: Duration) -> Result<Duration> {
        let address = self.address;
        let asked = until(path, START_LIMIT, interval, || {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            // Until it listens, the connection is refused.
            Ok(http_client::ask(address, "GET", path, "").is_ok_and(|status| status == 200))
        });
        asked.with_context(|| self.last_words())?;
        Ok(self.started.elapsed())
    }

    /// Has it stop in order, and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        until("the end of the server", END_LIMIT, Duration::from_millis(5), || {
            Ok(self.child.try_wait()?.is_some())
        })
        .with_context(|| self.last_words())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, in millions of bytes.
    pub(crate) fn megabytes(&self) -> Result<f64> {
        // By way of `u32`, which every `f64` holds exactly.
        let bytes = u32::try_from(process_usage::resident(self.pid())? / 1_000)?;
        Ok(f64::from(bytes) / 1_000.0)
    }

    /// Pushes allocations, a thousand in a request.
    pub(crate) fn fill(&self, allocations: impl Iterator<Item = Value>) -> Result<()> {
        for body in workload::bodies(allocations) {
            http_client::post(self.address, &body).with_context(|| self.last_words())?;
        }
        Ok(())
    }

    /// The end of what it wrote.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(LOG_LINES);
        match lines.get(last..) {
            None | Some([]) => "the server wrote nothing".to_owned(),
            Some(lines) => format!("the server's last words were `{}`", lines.join(" | ")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Runs `docket` with arguments to its end, and returns how long it took.
pub(crate) fn time(docket: &Path, arguments: &[&str], limit: Duration) -> Result<Duration> {
    let directory = TempDir::new()?;
    let mut command = quiet(docket, directory.path())?;
    let started = Instant::now();
    let mut child = command.args(arguments).spawn()?;
    let mut ended = None;
    let waited = until("the command", limit, Duration::from_millis(1), || {
        ended = child.try_wait()?;
        Ok(ended.is_some())
    });
    let took = started.elapsed();
    // Also after a success, which only reaps it; after a timeout the command still runs.
    stop(&mut child);
    waited?;
    match ended {
        Some(status) if status.success() => Ok(took),
        _ => bail!(
            "`docket {}` failed: {}",
            arguments.join(" "),
            fs::read_to_string(directory.path().join("log"))?
        ),
    }
}

/// A command that writes to `directory/log` and knows nothing of the user's settings.
fn quiet(docket: &Path, directory: &Path) -> Result<Command> {
    let log = File::create(directory.join("log"))?;
    let mut command = Command::new(docket);
    // A configuration of Docker in the user's home could name another engine.
    command.env_clear().env("HOME", directory).current_dir(directory);
    for name in ENGINE_VARIABLES {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

fn stop(child: &mut Child) {
    // Both fail only if it has already ended.
    let _ = child.kill();
    let _ = child.wait();
}
