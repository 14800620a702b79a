//! The stub as its owner holds it: started, asked, meddled with, and stopped.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::net::UnixListener as StdListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as answers},
    thread::{self, JoinHandle},
};

use chrono::TimeDelta;
use tokio::{runtime::Builder, sync::mpsc};

use crate::{
    Options,
    call_log::Stamp,
    connection::Shared,
    container::Container,
    container_calls::Containers,
    container_history::Line,
    fault_rules::Faults,
    lifecycle,
    listener::{self, Order},
    parse_call::Call,
};

/// The name of the thread that a stub runs on.
pub const THREAD: &str = "stub-engine";

/// What happens to the containers while the engine is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    /// They live on, as with `live-restore`.
    ContainersLive,
    /// All that run end at once with 137.
    ContainersDie,
}

/// A stub engine that runs until it is dropped.
#[derive(Debug)]
pub struct Stub {
    socket: PathBuf,
    shared: Arc<Shared>,
    orders: Option<mpsc::UnboundedSender<Order>>,
    is_away: Mutex<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    /// Starts a stub that listens at `socket`, where nothing may be yet.
    ///
    /// # Errors
    /// Where the socket cannot be made, or the thread cannot be started.
    pub fn start(socket: impl Into<PathBuf>, mut options: Options) -> io::Result<Self> {
        let socket = socket.into();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Bound here and not on the thread, so that clients can connect once `start` has returned.
        let listener = listen(&socket)?;
        let faults = std::mem::take(&mut options.faults);
        let shared = Arc::new(Shared::new(Containers::new(options), faults));
        let (orders, ordered) = mpsc::unbounded_channel();
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(THREAD.to_owned())
                .spawn(move || runtime.block_on(listener::keep(ordered, shared)))?
        };
        // Nothing can be heard of an order that the thread did not live to follow.
        let _ = orders.send(Order::Open(listener));
        let is_away = Mutex::new(false);
        Ok(Self { socket, shared, orders: Some(orders), is_away, thread: Some(thread) })
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

    /// What was received since the journal was last taken, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<Stamp> {
        self.shared.journal.stamps()
    }

    /// Takes what was received so far out of the journal, in order.
    #[must_use]
    pub fn take_journal(&self) -> Vec<Stamp> {
        self.shared.journal.take()
    }

    /// How many of these calls each container received since the journal was last taken, by its id.
    #[must_use]
    pub fn count_by_container(&self, call: Call) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for stamp in self.journal().into_iter().filter(|stamp| stamp.call == call) {
            let about = stamp.container.unwrap_or(stamp.subject);
            *counts.entry(about.to_string()).or_default() += 1;
        }
        counts
    }

    /// The journal as text, with what was done to the stub itself: for a test that fails.
    #[must_use]
    pub fn story(&self) -> String {
        self.shared.journal.story()
    }

    /// What became of each name that was ever created, in the order of their first creation.
    #[must_use]
    pub fn ledger(&self) -> Vec<Line> {
        self.shared.containers.ledger()
    }

    /// How many containers are there, in whatever state.
    #[must_use]
    pub fn containers(&self) -> usize {
        self.shared.containers.count()
    }

    /// Sets what goes wrong from now on, in place of what went wrong before.
    ///
    /// Requests that met a fault before stay as they are: what hangs, hangs until its client leaves.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.journal.note_act(format!("faults set: {faults:?}"));
        self.shared.set_faults(faults);
    }

    /// Goes away, as an engine that stops does; what had not taken effect never will.
    ///
    /// When this returns, all connections are broken and the socket refuses new ones.
    pub fn vanish(&self, meanwhile: Meanwhile) {
        *self.is_away() = true;
        let (done, was_done) = answers::channel();
        self.order(Order::Close(done));
        // The other end is dropped when it is done.
        let _ = was_done.recv();
        if meanwhile == Meanwhile::ContainersDie {
            self.shared.containers.end_all();
        }
        self.shared.journal.note_act(format!("vanished: {meanwhile:?}"));
    }

    /// Listens again, after [`Self::vanish`]; past events are forgotten, as by a real engine.
    ///
    /// # Errors
    /// Where the socket cannot be made again.
    pub fn come_back(&self) -> io::Result<()> {
        let mut is_away = self.is_away();
        if *is_away {
            // The file of a closed socket stays, and a bind would fail.
            fs::remove_file(&self.socket)?;
            let listener = listen(&self.socket)?;
            // Before connections are accepted: the first reader must not get them.
            self.shared.containers.forget_events();
            self.shared.journal.note_act("came back");
            self.order(Order::Open(listener));
            *is_away = false;
        }
        Ok(())
    }

    /// Makes all containers older by this duration.
    pub fn make_older(&self, by: TimeDelta) {
        self.shared.containers.make_older(by);
        self.shared.journal.note_act(format!("all containers made {by} older"));
    }

    /// Removes all containers that do not run, also those that never did, as `docker container
    /// prune` does; returns how many.
    pub fn prune(&self) -> usize {
        let count = self.shared.containers.prune();
        self.shared.journal.note_act(format!("pruned {count} from outside"));
        count
    }

    /// Ends and removes a container by its name or id, like another program; false if there is
    /// none.
    pub fn remove_by_force(&self, reference: &str) -> bool {
        self.shared.journal.note_act(format!("{reference} removed by force from outside"));
        self.shared.containers.remove_by_force(reference)
    }

    /// Ends a container with 137, like another program; false if there is none.
    pub fn end_by_force(&self, reference: &str) -> bool {
        self.interfere(reference, "ended", lifecycle::end_by_force)
    }

    /// Pauses a container, like another program; false if there is none.
    pub fn pause(&self, reference: &str) -> bool {
        self.interfere(reference, "paused", |container| drop(lifecycle::pause(container)))
    }

    fn interfere(&self, reference: &str, what: &str, act: impl FnOnce(&mut Container)) -> bool {
        self.shared.journal.note_act(format!("{reference} {what} from outside"));
        self.shared.containers.interfere(reference, act)
    }

    fn is_away(&self) -> MutexGuard<'_, bool> {
        self.is_away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A thread that has ended accepts neither commands nor connections.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        // The thread ends when the sender is dropped, so this comes before the join.
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
        // The socket may already be gone.
        let _ = fs::remove_file(&self.socket);
    }
}

fn listen(socket: &Path) -> io::Result<StdListener> {
    let listener = StdListener::bind(socket)?;
    // Tokio requires it of a listener that it adopts.
    listener.set_nonblocking(true)?;
    Ok(listener)
}
