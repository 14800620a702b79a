//! A proxy before an engine's socket: it passes everything on, and delays or holds chosen requests.
//!
//! 1. A held request reaches the engine when its hold is released, by a connection of its own.
//! 2. What the engine does with a request is its own affair: nothing is answered in its place but
//!    what the hold says.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tempfile::TempDir;

use crate::{Call, Hold, Sender, http_framing::Message};

/// How long an engine may take to answer a request that was held.
// Generous, as it is only reached by tests that fail.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The status of a held request that the engine does not answer.
const NO_ANSWER: u16 = 0;

/// How a request goes on to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// As it comes.
    AtOnce,
    /// This much later.
    After(Duration),
    /// When the hold is released.
    Held {
        /// What holds it.
        hold: Hold,
        /// What its sender sees meanwhile.
        sender: Sender,
    },
}

/// Decides by its request line how a request goes on.
type Rule = Box<dyn Fn(&str) -> Passage + Send + Sync>;

/// A proxy that ends, with its socket and its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    directory: TempDir,
    shared: Arc<Shared>,
    /// None while it is cut.
    accepting: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    engine: PathBuf,
    rule: Rule,
    seen: Mutex<Vec<(Call, String)>>,
    /// The connections that are open, and the newest call of each.
    open: Mutex<HashMap<u64, (Option<Call>, UnixStream)>>,
    /// How many connections were accepted.
    accepted: AtomicU64,
    is_cut: AtomicBool,
}

impl Proxy {
    /// Opens a proxy before the engine at a socket. `rule` decides by its request line how each request goes on.
    ///
    /// # Errors
    /// Where no socket can be made.
    pub fn open(
        engine: &Path,
        rule: impl Fn(&str) -> Passage + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            engine: engine.to_owned(),
            rule: Box::new(rule),
            seen: Mutex::default(),
            open: Mutex::default(),
            accepted: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
        });
        let proxy = Self { directory: TempDir::new()?, shared, accepting: Mutex::default() };
        proxy.mend()?;
        Ok(proxy)
    }

    /// What `DOCKER_HOST` must be to reach the engine through it.
    #[must_use]
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("proxy.sock")
    }

    /// How many of these calls each container received, by the reference that was used.
    #[must_use]
    pub fn count_by_container(&self, call: Call) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, container) in lock(&self.shared.seen).iter().filter(|(seen, _)| *seen == call) {
            *counts.entry(container.clone()).or_default() += 1;
        }
        counts
    }

    /// Breaks the connections whose newest call is this one.
    pub fn break_connections(&self, call: Call) {
        self.shared.break_connections(|newest| newest == Some(call));
    }

    /// Breaks all connections, and refuses new ones.
    pub fn cut(&self) {
        let Some(accepting) = lock(&self.accepting).take() else { return };
        self.shared.is_cut.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = UnixStream::connect(self.socket());
        let _ = accepting.join();
        let _ = fs::remove_file(self.socket());
        self.shared.break_connections(|_| true);
    }

    /// Accepts connections again.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn mend(&self) -> io::Result<()> {
        let mut accepting = lock(&self.accepting);
        if accepting.is_none() {
            let listener = UnixListener::bind(self.socket())?;
            self.shared.is_cut.store(false, Ordering::SeqCst);
            let shared = Arc::clone(&self.shared);
            *accepting = Some(thread::spawn(move || shared.accept(&listener)));
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        for client in listener.incoming() {
            if self.is_cut.load(Ordering::SeqCst) {
                return;
            }
            let Ok(client) = client else { continue };
            let number = self.accepted.fetch_add(1, Ordering::Relaxed);
            // A clone shares the socket: a shutdown of it ends the connection for the thread that
            // reads.
            let Ok(clone) = client.try_clone() else { continue };
            lock(&self.open).insert(number, (None, clone));
            let shared = Arc::clone(self);
            thread::spawn(move || {
                // Broken connections, at either side, are what the proxy is for.
                let _ = shared.serve(number, &client);
                lock(&shared.open).remove(&number);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    }

    fn break_connections(&self, are_chosen: impl Fn(Option<Call>) -> bool) {
        for (newest, client) in lock(&self.open).values() {
            if are_chosen(*newest) {
                // It may be closed already.
                let _ = client.shutdown(Shutdown::Both);
            }
        }
    }

    /// Passes the requests of one connection on, until one side closes it.
    fn serve(&self, number: u64, mut client: &UnixStream) -> io::Result<()> {
        let mut engine = UnixStream::connect(&self.engine)?;
        // A thread for the other direction: the engine streams while the client sends nothing.
        let answering = pass_answers(&engine, client)?;
        // Requests are separated, because a connection carries several and each may be held.
        let mut received = Vec::new();
        let mut buffer = [0; 16 * 1024];
        let served = loop {
            while let Some(message) = Message::read(&received).map_err(io::Error::other)? {
                let (line, length) = (message.start_line.to_owned(), message.length);
                let request: Vec<u8> = received.drain(..length).collect();
                // Noted before it is passed on, so that a test which sees its effect also finds it
                // here.
                self.note(number, &line);
                if !self.pass_on(&line, request, &mut engine, client)? {
                    return engine.shutdown(Shutdown::Both);
                }
            }
            match client.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(count) => received.extend(buffer.iter().take(count)),
                Err(error) => break Err(error),
            }
        };
        engine.shutdown(Shutdown::Both)?;
        let _ = answering.join();
        served
    }

    fn note(&self, number: u64, line: &str) {
        let (call, subject) = Call::read(line);
        lock(&self.seen).push((call, subject));
        if let Some((newest, _)) = lock(&self.open).get_mut(&number) {
            *newest = Some(call);
        }
    }

    /// Passes a request on, unless it is to be held; false if the connection is to be closed.
    fn pass_on(
        &self,
        line: &str,
        request: Vec<u8>,
        engine: &mut UnixStream,
        mut client: &UnixStream,
    ) -> io::Result<bool> {
        let (hold, sender) = match (self.rule)(line) {
            Passage::Held { hold, sender } => (hold, sender),
            passage => {
                if let Passage::After(time) = passage {
                    thread::sleep(time);
                }
                engine.write_all(&request)?;
                return Ok(true);
            }
        };
        let (answered, answer) = mpsc::channel();
        // By a connection of its own, because the one of the client may be closed by then.
        let engine = self.engine.clone();
        hold.add(move || {
            let answer = exchange(&engine, &request).unwrap_or_default();
            let status = Message::read(&answer).ok().flatten().and_then(|it| it.status());
            // The client may have gone long ago.
            let _ = answered.send(answer);
            status.unwrap_or(NO_ANSWER)
        });
        match sender {
            Sender::IsCutOff => return Ok(false),
            Sender::Gets(status) => {
                let head = format!("HTTP/1.1 {status} Held\r\nContent-Length: 0\r\n\r\n");
                client.write_all(head.as_bytes())?;
            }
            Sender::Waits => match answer.recv() {
                Ok(answer) => client.write_all(&answer)?,
                // It will never arrive.
                Err(_) => return Ok(false),
            },
        }
        Ok(true)
    }
}

/// What a lock guards is whole, whatever became of the thread that had it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes what the engine answers on to the client, until one of them closes the connection.
fn pass_answers(engine: &UnixStream, client: &UnixStream) -> io::Result<JoinHandle<()>> {
    let (mut engine, mut client) = (engine.try_clone()?, client.try_clone()?);
    Ok(thread::spawn(move || {
        let _ = io::copy(&mut engine, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    }))
}

/// Sends a request to the engine, and reads the whole answer.
fn exchange(engine: &Path, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(engine)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    // The engine keeps the connection open, so the framing shows where the answer ends.
    while Message::read(&answer).map_err(io::Error::other)?.is_none() {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend(buffer.iter().take(count)),
        }
    }
    Ok(answer)
}
