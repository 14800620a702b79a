//! Engines by their names: each with its health, its limits, and what waits for it to answer.

mod container_slots;
mod engine_health;
mod start_limiter;

use std::{collections::BTreeMap, fmt, sync::Arc};

use parking_lot::Mutex;

pub(crate) use self::{
    container_slots::{Reservation, RunSlots, SlotsFull},
    engine_health::{EngineHealth, EngineState},
    start_limiter::{Permit, StartLimiter},
};
use super::Engine;

/// How many runs an engine takes at once. How many images it pulls at once is set where it is connected,
/// because runs share pulls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineLimits {
    /// Containers in creation or start; twice the engine's cores where nothing is set.
    pub(crate) max_starting: Option<usize>,
    /// Containers alive.
    pub(crate) max_running: usize,
    /// Runs that wait for one of those to end.
    pub(crate) queue: usize,
}

/// Something to do once an engine answers.
type Resume = Box<dyn FnOnce() + Send>;

/// What the configuration says of an engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct EngineAbout {
    /// Its kind, as users write it.
    pub(crate) kind: &'static str,
    /// Where it is, without secrets.
    pub(crate) urls: Vec<String>,
    /// Its labels for `Placement`.
    pub(crate) labels: BTreeMap<String, String>,
}

/// An engine under its name.
pub(crate) struct NamedEngine {
    pub(crate) name: Arc<str>,
    pub(crate) about: EngineAbout,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) health: Arc<EngineHealth>,
    pub(crate) start_limiter: StartLimiter,
    pub(crate) slots: Arc<RunSlots>,
    /// What waits until it answers.
    delayed: Mutex<Vec<Resume>>,
}

impl NamedEngine {
    /// An engine that nothing is known of yet.
    pub(crate) fn new(
        name: &str,
        about: EngineAbout,
        engine: Arc<dyn Engine>,
        limits: EngineLimits,
    ) -> Self {
        Self {
            name: name.into(),
            about,
            engine,
            health: Arc::new(EngineHealth::new()),
            start_limiter: StartLimiter::new(limits.max_starting),
            slots: RunSlots::new(limits.max_running, limits.queue),
            delayed: Mutex::default(),
        }
    }

    /// Delays something until the engine answers; returns false where it answers now.
    pub(crate) fn delay(&self, resume: impl FnOnce() + Send + 'static) -> bool {
        let mut delayed = self.delayed.lock();
        // Under the lock: an engine that comes up now resumes what is delayed after this.
        if self.health.is_up() {
            return false;
        }
        delayed.push(Box::new(resume));
        true
    }

    /// Does what was delayed until the engine answers.
    pub(crate) fn resume_delayed(&self) {
        // The lock is released before the calls: one that is resumed may be delayed again.
        let delayed = std::mem::take(&mut *self.delayed.lock());
        for resume in delayed {
            resume();
        }
    }
}

impl fmt::Debug for NamedEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about: EngineAbout { kind, urls, labels }, health, .. } = self;
        f.debug_struct("NamedEngine")
            .field("name", name)
            .field("kind", kind)
            .field("urls", urls)
            .field("labels", labels)
            .field("health", health)
            .finish_non_exhaustive()
    }
}

/// All engines of a server; the first is the default.
#[derive(Debug)]
pub(crate) struct EngineRegistry {
    default: Arc<NamedEngine>,
    others: Vec<Arc<NamedEngine>>,
}

impl EngineRegistry {
    /// A registry of these engines.
    pub(crate) fn of(default: NamedEngine, others: impl IntoIterator<Item = NamedEngine>) -> Self {
        let others = others.into_iter().map(Arc::new).collect();
        Self { default: Arc::new(default), others }
    }

    /// A registry with one engine, the default.
    #[cfg(test)]
    pub(crate) fn new(engine: Arc<dyn Engine>, limits: EngineLimits) -> Self {
        Self::named(docket_model::run::DEFAULT_ENGINE, engine, limits)
    }

    /// A registry with one engine of this name.
    #[cfg(test)]
    pub(crate) fn named(name: &str, engine: Arc<dyn Engine>, limits: EngineLimits) -> Self {
        Self::of(NamedEngine::new(name, EngineAbout::default(), engine, limits), [])
    }

    /// A registry of an engine with room for ten runs, and as many that wait.
    #[cfg(test)]
    pub(crate) fn for_tests(engine: Arc<dyn Engine>) -> Self {
        Self::new(engine, EngineLimits { max_starting: None, max_running: 10, queue: 10 })
    }

    /// The engine that runs go to where nothing names another one.
    pub(crate) fn default_engine(&self) -> &Arc<NamedEngine> {
        &self.default
    }

    /// The same with another engine, of this name.
    #[cfg(test)]
    pub(crate) fn with(
        mut self,
        name: &str,
        engine: Arc<dyn Engine>,
        limits: EngineLimits,
    ) -> Self {
        let named = NamedEngine::new(name, EngineAbout::default(), engine, limits);
        self.others.push(Arc::new(named));
        self
    }

    /// The engines but the default.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Arc<NamedEngine>> {
        self.others.iter()
    }

    /// All engines, the default first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<NamedEngine>> {
        std::iter::once(&self.default).chain(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{
        background::Background,
        clock::{Clock, TestClock},
        engine::scripted_engine::ScriptedEngine,
    };

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_away_delays_what_is_its_own_and_no_other() {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
        let limits = EngineLimits { max_starting: None, max_running: 1, queue: 1 };
        let engines = ["here", "away"].map(|name| {
            let engine = ScriptedEngine::called(name, Arc::clone(&clock));
            engine.set_away(name == "away");
            NamedEngine::new(name, EngineAbout::default(), Arc::new(engine), limits)
        });
        let background = Background::new(Arc::clone(&clock));
        for NamedEngine { engine, health, .. } in &engines {
            health.watch_over(Arc::clone(engine), Arc::clone(&clock), &background);
        }
        let [here, away] = &engines;
        here.health.up().await;
        let resumed = Arc::new(AtomicUsize::new(0));
        let counted = || {
            let resumed = Arc::clone(&resumed);
            move || {
                resumed.fetch_add(1, Ordering::SeqCst);
            }
        };

        let delays = (here.delay(counted()), away.delay(counted()), away.delay(counted()));
        here.resume_delayed();
        let before = resumed.load(Ordering::SeqCst);
        away.resume_delayed();

        assert_eq!(delays, (false, true, true));
        assert_eq!((before, resumed.load(Ordering::SeqCst)), (0, 2));
    }
}
