//! A proxy before an engine's socket: it passes everything on, and holds chosen requests.
//!
//! 1. A held request reaches the engine when its hold is released, by a connection of its own.
//! 2. What the engine does with a request is its own affair: nothing is answered in its place but
//!    what the hold says.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use docket_stub_engine::{Call, Sender, http_framing::Message};
use tempfile::TempDir;

use crate::{held_requests::Holds, wait::BOUND};

/// A proxy that ends, with its socket, when it is dropped.
pub struct Proxy {
    directory: TempDir,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    engine: PathBuf,
    holds: Holds,
    seen: Mutex<Vec<(Call, String)>>,
    /// The connections that are open, and the newest call of each.
    open: Mutex<HashMap<u64, (Call, UnixStream)>>,
    is_closed: AtomicBool,
}

impl Proxy {
    /// Opens a proxy before the engine at a socket.
    pub fn open(engine: &Path, holds: Holds) -> Self {
        let directory = TempDir::new().unwrap();
        let listener = UnixListener::bind(directory.path().join("proxy.sock")).unwrap();
        let shared = Arc::new(Shared {
            engine: engine.to_owned(),
            holds,
            seen: Mutex::default(),
            open: Mutex::default(),
            is_closed: AtomicBool::new(false),
        });
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        });
        Self { directory, shared, accepting: Some(accepting) }
    }

    /// What `DOCKER_HOST` must be to reach the engine through it.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// How many of these calls each container received, by the reference that was used.
    pub fn count_by_container(&self, call: Call) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let seen = self.shared.seen.lock().unwrap();
        for (_, container) in seen.iter().filter(|(seen, _)| *seen == call) {
            *counts.entry(container.clone()).or_default() += 1;
        }
        counts
    }

    /// Breaks the connections whose newest call is this one.
    pub fn break_connections(&self, call: Call) {
        let open = self.shared.open.lock().unwrap();
        for (_, client) in open.values().filter(|(newest, _)| *newest == call) {
            // It may be closed already.
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("proxy.sock")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = UnixStream::connect(self.socket());
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        for (number, client) in (0..).zip(listener.incoming()) {
            if self.is_closed.load(Ordering::SeqCst) {
                return;
            }
            let (shared, client) = (Arc::clone(self), client.unwrap());
            thread::spawn(move || {
                // Broken connections, at either side, are what the proxy is for.
                let _ = shared.serve(number, &client);
                shared.open.lock().unwrap().remove(&number);
                let _ = client.shutdown(Shutdown::Both);
            });
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
                let length = message.length;
                let request: Vec<u8> = received.drain(..length).collect();
                // Noted before it is passed on, so that a test which sees its effect also finds it
                // here.
                self.note(number, &request, client)?;
                if !self.pass_on(request, &mut engine, client)? {
                    return engine.shutdown(Shutdown::Both);
                }
            }
            match client.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(count) => received.extend_from_slice(&buffer[..count]),
                Err(error) => break Err(error),
            }
        };
        engine.shutdown(Shutdown::Both)?;
        let _ = answering.join();
        served
    }

    fn note(&self, number: u64, request: &[u8], client: &UnixStream) -> io::Result<()> {
        let (call, subject) = call(request);
        self.seen.lock().unwrap().push((call, subject));
        // A clone shares the socket: a shutdown of it ends the connection for the thread that
        // reads.
        self.open.lock().unwrap().insert(number, (call, client.try_clone()?));
        Ok(())
    }

    /// Passes a request on, unless it is to be held; false if the connection is to be closed.
    fn pass_on(
        &self,
        request: Vec<u8>,
        engine: &mut UnixStream,
        mut client: &UnixStream,
    ) -> io::Result<bool> {
        let Some((hold, sender)) = self.holds.take(call(&request).0) else {
            engine.write_all(&request)?;
            return Ok(true);
        };
        let (answered, answer) = mpsc::channel();
        // By a connection of its own, because the one of the client may be closed by then.
        let engine = self.engine.clone();
        hold.add(move || {
            let answer = exchange(&engine, &request);
            let status = Message::read(&answer).unwrap().unwrap().status().unwrap();
            // The client may have gone long ago.
            let _ = answered.send(answer);
            status
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

/// The call that a request is, and what it is about.
fn call(request: &[u8]) -> (Call, String) {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Call::read(&String::from_utf8_lossy(line))
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
fn exchange(engine: &Path, request: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(engine).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    // The engine keeps the connection open, so the framing shows where the answer ends.
    while Message::read(&answer).unwrap().is_none() {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the engine closed the connection before its answer was whole");
        answer.extend_from_slice(&buffer[..count]);
    }
    answer
}
