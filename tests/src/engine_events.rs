//! The engine's own events about containers, to check docket's records against.

use std::{
    collections::{BTreeMap, HashSet},
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{Engine, eventually};

/// How long to wait before asking an engine again that did not respond.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The events of a namespace's containers, recorded as they come, also across a restart of the engine.
pub struct Events {
    listener: Arc<Listener>,
    listening: Option<JoinHandle<()>>,
}

struct Listener {
    /// Makes a client that prints the events since a time.
    client: Box<dyn Fn(&str) -> Command + Send + Sync>,
    seen: Mutex<Seen>,
    state: Mutex<State>,
}

#[derive(Default)]
struct Seen {
    events: Vec<Value>,
    /// Events just before a disconnection are repeated after it.
    known: HashSet<(i64, String, String)>,
}

enum State {
    Away,
    Listens(Child),
    /// The reader has stopped.
    Stopped,
}

impl Events {
    pub(crate) fn of_namespace(engine: &Engine, namespace: &str) -> Self {
        let filter = format!("label=io.docket.namespace={namespace}");
        let docker = engine.docker_maker();
        let client = move |since: &str| {
            let mut client = docker();
            client.args(["events", "--since", since, "--format", "{{json .}}"]).args([
                "--filter",
                "type=container",
                "--filter",
                &filter,
            ]);
            client
        };
        let listener = Arc::new(Listener {
            client: Box::new(client),
            seen: Mutex::default(),
            state: Mutex::new(State::Away),
        });
        // Before this returns, so that no event of the test comes before the reader.
        let first = listener.listen("1m");
        let listening = thread::spawn({
            let listener = Arc::clone(&listener);
            move || listener.go_on(first)
        });
        Self { listener, listening: Some(listening) }
    }

    /// When containers started, by the instant in their labels.
    pub fn starts(&self) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        self.starts_by(|labels| label(labels, "instant").to_owned())
    }

    /// When containers started, by run and attempt: `report/20261121T090000Z 1`.
    pub fn starts_of_attempts(&self) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        self.starts_by(|labels| {
            let [allocation, instant, attempt] =
                ["allocation", "instant", "attempt"].map(|name| label(labels, name));
            format!("{allocation}/{instant} {attempt}")
        })
    }

    fn starts_by(&self, key: impl Fn(&Value) -> String) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        let mut starts = BTreeMap::<String, Vec<_>>::new();
        let seen = self.listener.seen.lock().unwrap();
        for event in seen.events.iter().filter(|event| event["Action"] == "start") {
            let at = DateTime::from_timestamp_nanos(event["timeNano"].as_i64().unwrap());
            starts.entry(key(&event["Actor"]["Attributes"])).or_default().push(at);
        }
        starts
    }

    /// Waits until containers started for at least this many instants.
    pub fn await_starts(&self, instants: usize) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        eventually(&format!("containers for {instants} instants"), || {
            Some(self.starts()).filter(|starts| starts.len() >= instants)
        })
    }

    /// Waits until each container of an allocation that was created is removed; returns how often
    /// they were started.
    pub fn await_starts_of_removed(&self, allocation: &str) -> usize {
        eventually(&format!("the removal of all containers of {allocation}"), || {
            let seen = self.listener.seen.lock().unwrap();
            let count = |action: &str| {
                let is_one = |event: &&Value| {
                    event["Action"] == action
                        && label(&event["Actor"]["Attributes"], "allocation") == allocation
                };
                seen.events.iter().filter(is_one).count()
            };
            let created = count("create");
            (created > 0 && created == count("destroy")).then(|| count("start"))
        })
    }
}

impl Listener {
    /// Starts a client; `None` once the reader has stopped.
    fn listen(&self, since: &str) -> Option<BufReader<ChildStdout>> {
        let mut state = self.state.lock().unwrap();
        if matches!(*state, State::Stopped) {
            return None;
        }
        let mut client = (self.client)(since);
        // Its error messages about an engine that is away are expected.
        let mut child = client.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        *state = State::Listens(child);
        Some(lines)
    }

    /// Records events; starts a new client when the engine closes the connection.
    fn go_on(&self, mut client: Option<BufReader<ChildStdout>>) {
        while let Some(lines) = client {
            // Ends when the engine closes the connection, or when the client is killed.
            lines.lines().map_while(Result::ok).for_each(|line| self.note(&line));
            self.clear_away();
            thread::sleep(RETRY_AFTER);
            client = self.listen(&self.newest());
        }
    }

    fn note(&self, line: &str) {
        // A line that was cut off comes again in full.
        let Ok(event) = serde_json::from_str::<Value>(line) else { return };
        let [action, id] = [&event["Action"], &event["Actor"]["ID"]].map(ToString::to_string);
        let mut seen = self.seen.lock().unwrap();
        // `--since` includes the moment itself, so the newest events come a second time.
        if seen.known.insert((event["timeNano"].as_i64().unwrap(), action, id)) {
            seen.events.push(event);
        }
    }

    /// Removes a client that has ended.
    fn clear_away(&self) {
        let mut state = self.state.lock().unwrap();
        if let State::Listens(child) = &mut *state {
            end(child);
            *state = State::Away;
        }
    }

    /// The time of the newest event, in the form of the client's `--since`.
    fn newest(&self) -> String {
        const NANOS: i64 = 1_000_000_000;
        let newest = self.seen.lock().unwrap().known.iter().map(|(nanos, ..)| *nanos).max();
        let since = |nanos: i64| format!("{}.{:09}", nanos / NANOS, nanos % NANOS);
        // Without any event yet: more than the time for which an engine is away.
        newest.map_or_else(|| "5m".to_owned(), since)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // Replaced under the lock: the reader starts no further client after this.
        let state = std::mem::replace(&mut *self.listener.state.lock().unwrap(), State::Stopped);
        if let State::Listens(mut child) = state {
            end(&mut child);
        }
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn label<'a>(labels: &'a Value, name: &str) -> &'a str {
    labels[format!("io.docket.{name}")].as_str().unwrap()
}
