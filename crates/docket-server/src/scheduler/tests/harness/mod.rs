//! A server without its API, on a paused clock: it can be closed, die, and be opened again.

mod backend_with_faults;
mod engine_with_faults;
mod fault_injection;
mod observations;

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use docket_model::{
    FieldPath, Origin, Specification, Zone,
    container::UnknownOptions,
    journal::{Cause, Pause},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) use self::fault_injection::Fault;
use self::{
    backend_with_faults::WiredBackend, engine_with_faults::WiredEngine, fault_injection::Wire,
};
use super::super::Ticks;
use crate::{
    clock::{Clock, TestClock},
    engine::{
        engine_registry::{EngineLimits, EngineRegistry},
        scripted_engine::ScriptedEngine,
    },
    runner::{Runner, StoreAccess},
    server::{Process, RunningTerm, TermSettings},
    store::{
        MemoryBackend, Push, Store,
        backend::{Backend as _, Collection, Key, Record},
    },
};

/// When the first server of a test starts.
pub(super) const START: &str = "2026-11-21T09:00:00.250Z";
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a server is started with.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) max_starting: Option<usize>,
    pub(super) max_running: usize,
    pub(super) queue: usize,
    pub(super) env_dir: Option<PathBuf>,
    /// The engine is asked until it answers, and not again: over weeks that takes its time.
    pub(super) trusts_engine: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_starting: None,
            max_running: 1000,
            queue: 1000,
            env_dir: None,
            trusts_engine: false,
        }
    }
}

/// What outlives a server.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) clock: Arc<TestClock>,
    pub(super) engine: Arc<ScriptedEngine>,
    /// The name of that engine.
    pub(super) engine_name: &'static str,
    /// Engines beside the default one.
    pub(super) other_engines: Vec<(&'static str, Arc<ScriptedEngine>)>,
    backend: Arc<MemoryBackend>,
    settings: Settings,
    /// When the last server went.
    left_at: Option<DateTime<Utc>>,
}

/// A server and what it stands on.
#[derive(Debug)]
pub(super) struct House {
    pub(super) clock: Arc<TestClock>,
    pub(super) engine: Arc<ScriptedEngine>,
    pub(super) store: Arc<StoreAccess>,
    pub(super) ticks: Arc<Ticks>,
    pub(super) runner: Arc<Runner>,
    term: RunningTerm,
    ground: Ground,
    wire: Arc<Wire>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Ground {
    pub(super) fn new(settings: Settings) -> Self {
        let clock = Arc::new(TestClock::at(START));
        let engine = Arc::new(ScriptedEngine::new(clock.clone()));
        let backend = Arc::new(MemoryBackend::new(usize::MAX));
        let (engine_name, other_engines) = ("default", Vec::new());
        Self { clock, engine, engine_name, other_engines, backend, settings, left_at: None }
    }

    /// The id of the store; one that is new is opened first.
    pub(super) async fn store_id(&self) -> Uuid {
        let key = Key::Item(Collection::Meta, "id".to_owned());
        let read = self.backend.read(vec![key]).await.unwrap().remove(0);
        let Some((_, Record::Item(id))) = read else { return self.store().await.id() };
        serde_json::from_str::<String>(&id).unwrap().parse().unwrap()
    }

    /// The store as another server would open it.
    pub(super) async fn store(&self) -> Store {
        Store::open(self.backend.clone()).await.unwrap()
    }

    /// Starts a server here.
    pub(super) async fn open(self) -> House {
        let (wire, trouble) = (Arc::new(Wire::default()), Arc::default());
        let (store, wired_engine) = self.wired(&wire, &trouble).await;
        let limits = EngineLimits {
            max_starting: self.settings.max_starting,
            max_running: self.settings.max_running,
            queue: self.settings.queue,
        };
        let first = EngineRegistry::named(self.engine_name, wired_engine, limits);
        let engines = self.other_engines.iter().fold(first, |engines, (name, engine)| {
            let engine = WiredEngine { engine: engine.clone(), wire: wire.clone() };
            engines.with(name, Arc::new(engine), limits)
        });
        let health = engines.default_engine().health.clone();
        let settings = TermSettings {
            env_dir: self.settings.env_dir.clone(),
            ..TermSettings::for_tests(Zone::utc())
        };
        let process = Arc::new(Process::new(store, self.clock.clone(), settings));
        if let Some(from) = self.left_at {
            process.store.paused(Pause::of(Cause::NotRunning, from, self.clock.now()));
        }
        let term = process.begin_term(engines).await.unwrap();
        if self.settings.trusts_engine {
            health.up().await;
            term.background.stop();
        }
        House {
            clock: self.clock.clone(),
            engine: self.engine.clone(),
            store: process.store.clone(),
            ticks: process.ticks.clone(),
            runner: term.runner.clone(),
            term,
            ground: self,
            wire,
            trouble,
        }
    }

    async fn wired(
        &self,
        wire: &Arc<Wire>,
        trouble: &Arc<Mutex<Option<String>>>,
    ) -> (Store, Arc<WiredEngine>) {
        let (backend, trouble) = (self.backend.clone(), trouble.clone());
        let engine = WiredEngine { engine: self.engine.clone(), wire: wire.clone() };
        let backend = WiredBackend { backend, wire: wire.clone(), trouble };
        let store = Store::open(Arc::new(backend)).await.unwrap();
        (store, Arc::new(engine))
    }
}

impl House {
    pub(super) async fn open() -> Self {
        Ground::new(Settings::default()).open().await
    }

    /// Stops the server in order, and lets its containers go.
    pub(super) async fn close(self) -> Ground {
        self.term.end("the test closes it", false).await;
        Ground { left_at: Some(self.clock.now()), ..self.ground }
    }

    /// The server dies in this moment.
    pub(super) fn die(self) -> Ground {
        self.wire.cut();
        Ground { left_at: Some(self.clock.now()), ..self.ground }
    }

    /// Makes the server die, or an answer get lost, at its next call of this name.
    pub(super) fn plan(&self, call: &'static str, fault: Fault) {
        self.wire.plan(call, fault);
    }

    /// A server that is dead already, by a fault that was planned.
    pub(super) fn is_dead(&self) -> bool {
        self.wire.is_dead()
    }

    /// The store cannot be written for a while.
    pub(super) fn trouble_store(&self) {
        *self.trouble.lock() = Some("no space left".to_owned());
    }

    pub(super) fn mend_store(&self) {
        *self.trouble.lock() = None;
    }

    /// Pushes an allocation of this schedule and image.
    pub(super) async fn push(&self, name: &str, cron: &str, image: &str) {
        self.push_with(name, image, json!({"Cron": cron})).await;
    }

    /// Pushes an allocation of this image and with these keys.
    pub(super) async fn push_with(&self, name: &str, image: &str, keys: Value) {
        let mut posted = json!({"Name": name, "Container": {"Config": {"Image": image}}});
        // The program of such an image takes so long to end, and is killed where it may not.
        if let Some(seconds) = image.strip_prefix("grace-") {
            posted["Container"]["Config"]["StopTimeout"] = seconds.parse::<u64>().unwrap().into();
        }
        let Value::Object(keys) = keys else { panic!("{keys}") };
        posted.as_object_mut().unwrap().extend(keys);
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        let specifications = vec![read.unwrap().specification];
        self.runner.decide_due(&specifications).await;
        let push = Push {
            specifications,
            origin: Origin::Api,
            complete: false,
            at: self.clock.now(),
            by: "test".into(),
            only_if: crate::store::Condition::Nothing,
            circumstances: self.runner.circumstances(),
        };
        self.store.push(push).await.unwrap();
    }

    /// Lets so much time pass, and what comes due in it happen.
    pub(super) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        // What came due at this very moment takes tasks some turns, such as the one that writes.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass until the clock shows this time of the first day.
    pub(super) async fn until(&self, time: &str) {
        let until: DateTime<Utc> = format!("2026-11-21T{time}Z").parse().unwrap();
        self.pass((until - self.clock.now()).to_std().unwrap()).await;
    }
}
