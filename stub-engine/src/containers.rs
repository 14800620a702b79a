//! The stub's containers: what each call does to them. How answers look is `answer`'s part.
//!
//! 1. A name is held by one container until that is removed.
//! 2. A container runs for the lifetime that was set, from its last start; nothing ends it sooner.
//! 3. As with the real engine, a start runs an ended container again, and a wait for one that was
//!    never started answers 0 at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Call, Options,
    answer::{Answer, exited},
    call::Request,
    journal::{now, read_instant},
};

/// The label in which docket notes a run's instant.
const INSTANT_LABEL: &str = "io.docket.instant";

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Created,
    Started { at: DateTime<Utc>, ended: DateTime<Utc>, ends: Instant },
}

/// One container; what is quoted from its creation is kept as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) labels: Box<str>,
    pub(crate) tty: bool,
    pub(crate) log_driver: Box<str>,
    pub(crate) instant: Option<DateTime<Utc>>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) phase: Phase,
}

impl Container {
    fn runs(&self) -> bool {
        matches!(self.phase, Phase::Started { ends, .. } if Instant::now() < ends)
    }
}

/// What the stub reads of the body of a creation.
#[derive(Debug)]
pub(crate) struct Creation<'a> {
    labels: &'a str,
    tty: bool,
    log_driver: &'a str,
    pub(crate) instant: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body<'a> {
    tty: bool,
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    host_config: Option<HostConfig<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig<'a> {
    #[serde(borrow)]
    log_config: Option<LogConfig<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LogConfig<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
}

impl<'a> Creation<'a> {
    /// Reads a body; nothing where it is no creation.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let Body { tty, labels, host_config } = serde_json::from_slice(body).ok()?;
        let labels = labels.map_or("{}", RawValue::get);
        let log_driver = host_config.and_then(|host| host.log_config?.r#type);
        let log_driver = log_driver.map_or("\"json-file\"", RawValue::get);
        Some(Self { labels, tty, log_driver, instant: instant(labels) })
    }
}

/// All containers of a stub.
#[derive(Debug)]
pub(crate) struct Containers {
    options: Options,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    by_id: HashMap<Arc<str>, Container>,
    ids: HashMap<Arc<str>, Arc<str>>,
    made: u64,
}

impl Containers {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, held: Mutex::default() }
    }

    pub(crate) fn count(&self) -> usize {
        self.held().by_id.len()
    }

    /// The name and the instant of the container that a call is about, if it is there.
    pub(crate) fn known(&self, reference: &str) -> Option<(Arc<str>, Option<DateTime<Utc>>)> {
        let held = self.held();
        let container = held.get(reference)?;
        Some((Arc::clone(&container.name), container.instant))
    }

    /// Does what is asked.
    pub(crate) fn answer(&self, request: &Request<'_>, creation: Option<&Creation<'_>>) -> Answer {
        let subject = request.subject.as_ref();
        match request.call {
            Call::Ping => Answer::ping(),
            Call::Version => Answer::version(),
            Call::Info => Answer::info(),
            Call::Events => Answer::Open,
            Call::Pull => Answer::pulled(),
            Call::InspectImage => Answer::image(subject),
            Call::Create => self.create(subject, creation),
            Call::List => Answer::listed(self.held().by_id.values()),
            Call::Other => Answer::error(404, "page not found"),
            _ => self.answer_about(request.call, subject),
        }
    }

    fn answer_about(&self, call: Call, reference: &str) -> Answer {
        let mut held = self.held();
        let Some(container) = held.get_mut(reference) else {
            return Answer::error(404, &format!("No such container: {reference}"));
        };
        match call {
            Call::Start => start(container, self.options.lifetime),
            Call::Wait => wait(container, self.options.exit_code),
            Call::Logs => Answer::logs(container, &self.options.output),
            Call::Remove if container.runs() => {
                Answer::error(409, &format!("You cannot remove a running container {reference}"))
            }
            Call::Remove => {
                let (id, name) = (Arc::clone(&container.id), Arc::clone(&container.name));
                held.by_id.remove(&id);
                held.ids.remove(&name);
                Answer::done(204)
            }
            _ => Answer::inspected(container, self.options.exit_code),
        }
    }

    fn create(&self, name: &str, creation: Option<&Creation<'_>>) -> Answer {
        if !is_name(name) {
            return Answer::error(400, &format!("Invalid container name ({name})"));
        }
        let Some(creation) = creation else {
            return Answer::error(400, "invalid JSON");
        };
        let mut held = self.held();
        if let Some(holder) = held.ids.get(name) {
            let message = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \
                 \"{holder}\". You have to remove (or rename) that container to be able to reuse \
                 that name."
            );
            return Answer::error(409, &message);
        }
        let id = held.next_id();
        let answer = Answer::created(&id);
        held.insert(container(id, name, creation));
        answer
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn get(&self, reference: &str) -> Option<&Container> {
        let id = self.ids.get(reference).map_or(reference, AsRef::as_ref);
        self.by_id.get(id)
    }

    fn get_mut(&mut self, reference: &str) -> Option<&mut Container> {
        let id = self.ids.get(reference).map_or(reference, AsRef::as_ref);
        self.by_id.get_mut(id)
    }

    fn insert(&mut self, container: Container) {
        self.ids.insert(Arc::clone(&container.name), Arc::clone(&container.id));
        self.by_id.insert(Arc::clone(&container.id), container);
    }

    /// 64 hexadecimal digits, as the engine's, that differ from the first one on.
    fn next_id(&mut self) -> Arc<str> {
        self.made += 1;
        // A Weyl sequence: every product of an odd number is another one.
        let spread = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{spread:016x}{:048x}", self.made).into()
    }
}

fn container(id: Arc<str>, name: &str, creation: &Creation<'_>) -> Container {
    Container {
        id,
        name: name.into(),
        labels: creation.labels.into(),
        tty: creation.tty,
        log_driver: creation.log_driver.into(),
        instant: creation.instant,
        created: now(),
        phase: Phase::Created,
    }
}

fn instant(labels: &str) -> Option<DateTime<Utc>> {
    let labels: HashMap<&str, &RawValue> = serde_json::from_str(labels).ok()?;
    let instant: &str = serde_json::from_str(labels.get(INSTANT_LABEL)?.get()).ok()?;
    read_instant(instant)
}

fn start(container: &mut Container, lifetime: Duration) -> Answer {
    if container.runs() {
        return Answer::done(304);
    }
    let at = now();
    container.phase = Phase::Started { at, ended: at + lifetime, ends: Instant::now() + lifetime };
    Answer::done(204)
}

fn wait(container: &Container, exit_code: i64) -> Answer {
    match container.phase {
        Phase::Created => Answer::json(200, exited(0)),
        Phase::Started { ends, .. } if Instant::now() < ends => {
            Answer::AtEnd { ends, body: exited(exit_code) }
        }
        Phase::Started { .. } => Answer::json(200, exited(exit_code)),
    }
}

fn is_name(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    letters && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}
