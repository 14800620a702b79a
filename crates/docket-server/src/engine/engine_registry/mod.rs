//! Engines by their names, each with its health and its limits.

mod container_slots;
mod engine_health;
mod engine_ids;
mod start_limiter;

use std::{collections::BTreeMap, fmt, sync::Arc};

use docket_model::{EngineName, allocation::Placement, run::DEFAULT_ENGINE};

pub(crate) use self::{
    container_slots::{Reservation, RunSlots, SlotsFull},
    engine_health::{EngineHealth, EngineState},
    engine_ids::EngineIds,
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
            health: Arc::new(EngineHealth::of(name)),
            start_limiter: StartLimiter::new(limits.max_starting),
            slots: RunSlots::new(limits.max_running, limits.queue),
        }
    }

    /// The engine in words: with its name where the configuration gives it one.
    pub(crate) fn in_words(&self) -> String {
        in_words(&self.name)
    }

    /// Its labels: those that it reports itself, and above them those of the configuration.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.health.labels().map(Arc::unwrap_or_clone).unwrap_or_default();
        labels.extend(self.about.labels.clone());
        labels
    }

    /// True if its labels fulfil all constraints of a placement. What the engine reports itself counts
    /// as soon as it has answered once.
    pub(crate) fn fits(&self, placement: &Placement) -> bool {
        let is_wanted = |wanted: &EngineName| wanted.as_str() == &*self.name;
        // A name alone needs no labels, which are copied.
        let has_name = placement.engine.as_ref().is_none_or(is_wanted);
        has_name
            && (placement.constraints.is_empty() || {
                let labels = self.labels();
                placement.allows(&self.name, |key| labels.get(key).map(String::as_str))
            })
    }
}

/// The engine of this name in words.
pub(crate) fn in_words(name: &str) -> String {
    if name == DEFAULT_ENGINE { "the engine".to_owned() } else { format!("the engine `{name}`") }
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
    /// Which engine has which id.
    pub(crate) ids: Arc<EngineIds>,
}

impl EngineRegistry {
    /// A registry of these engines.
    pub(crate) fn of(default: NamedEngine, others: impl IntoIterator<Item = NamedEngine>) -> Self {
        let others = others.into_iter().map(Arc::new).collect();
        Self { default: Arc::new(default), others, ids: Arc::default() }
    }

    /// A registry with one engine, the default.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn new(engine: Arc<dyn Engine>, limits: EngineLimits) -> Self {
        Self::named(DEFAULT_ENGINE, engine, limits)
    }

    /// A registry with one engine of this name.
    #[cfg(any(test, feature = "simulation"))]
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
