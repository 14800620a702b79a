//! A stub of a Docker engine: it answers at once over a Unix socket and stamps each request.
//!
//! It runs on one thread of its own, so that its share of the processor can be told from others.
//!
//! 1. Every request is stamped before it takes effect, also one that the script fails or drops.
//! 2. What it says about a container is what a real engine would say at that point of its life.
//! 3. A list ignores filters: all containers of a stub are its one client's.

mod answer;
mod call;
mod connection;
mod containers;
pub mod framing;
mod journal;
mod script;

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    os::unix::net::UnixListener as StdListener,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::UnixListener,
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::sleep,
};

pub use self::{
    call::Call,
    journal::{Stamp, now, read_instant},
    script::{Behaviour, Script},
};
use self::{
    connection::{Shared, serve},
    containers::Containers,
    journal::Journal,
};

/// The name of the thread that a stub runs on.
pub const THREAD: &str = "stub-engine";

/// How long to wait after a connection could not be taken in, as when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// What a stub's containers do, and how it meets requests.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a container runs.
    pub lifetime: Duration,
    /// What it exits with.
    pub exit_code: i64,
    /// What it writes to its standard output.
    pub output: Vec<u8>,
    /// How requests are met that are not simply answered.
    pub script: Script,
}

impl Default for Options {
    /// Containers that write a line and succeed at once.
    fn default() -> Self {
        Self {
            lifetime: Duration::ZERO,
            exit_code: 0,
            output: b"done\n".to_vec(),
            script: Script::default(),
        }
    }
}

/// A stub engine that runs until it is dropped.
#[derive(Debug)]
pub struct Stub {
    socket: PathBuf,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    /// Starts a stub that listens at `socket`, where nothing may be yet.
    ///
    /// # Errors
    /// Where the socket cannot be made, or the thread cannot be started.
    pub fn start(socket: impl Into<PathBuf>, options: Options) -> io::Result<Self> {
        let socket = socket.into();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = StdListener::bind(&socket)?;
        listener.set_nonblocking(true)?;
        let listener = {
            let _entered = runtime.enter();
            UnixListener::from_std(listener)?
        };
        let shared = Arc::new(Shared {
            script: options.script.clone(),
            containers: Containers::new(options),
            journal: Journal::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let thread = {
            let shared = Arc::clone(&shared);
            let name = THREAD.to_owned();
            thread::Builder::new()
                .name(name)
                .spawn(move || run(&runtime, &listener, &shared, stopped))?
        };
        Ok(Self { socket, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its address as `DOCKER_HOST` wants it.
    #[must_use]
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// How many of these calls were received since the journal was last taken.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        self.shared.journal.count(call)
    }

    /// Takes what was received so far out of the journal, in order.
    #[must_use]
    pub fn take_journal(&self) -> Vec<Stamp> {
        self.shared.journal.take()
    }

    /// How many containers are there, in whatever state.
    #[must_use]
    pub fn containers(&self) -> usize {
        self.shared.containers.count()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
        // A socket that is gone already is what is wanted.
        let _ = fs::remove_file(&self.socket);
    }
}

/// Takes connections in until the other end of `stopped` is dropped.
fn run(
    runtime: &Runtime,
    listener: &UnixListener,
    shared: &Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            () = accept(listener, shared) => {}
        }
    });
}

async fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(shared)))),
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}
