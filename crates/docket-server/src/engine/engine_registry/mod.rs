//! Engines by their names, each with its health and its limits.

mod container_slots;
mod engine_health;
mod engine_ids;
mod start_limiter;

use std::{collections::BTreeMap, fmt, sync::Arc};

use docket_model::{EngineName, Specification, allocation::Placement, run::DEFAULT_ENGINE};

pub(crate) use self::{
    container_slots::{Reservation, RunSlots, SlotsFull},
    engine_health::{EngineHealth, EngineState},
    engine_ids::EngineIds,
    start_limiter::{Permit, StartLimiter},
};
use super::{Engine, Finding};

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

    /// How many runs have a slot or wait for one.
    pub(crate) fn runs_in_use(&self) -> usize {
        let (taken, waiting) = self.slots.in_use();
        taken + waiting
    }

    /// Its labels: those that it reports itself, and above them those of the configuration.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.health.labels().map(Arc::unwrap_or_clone).unwrap_or_default();
        labels.extend(self.about.labels.clone());
        labels
    }

    /// What a placement leaves to the engine's nodes.
    pub(crate) fn placement_on_nodes(&self, placement: &Placement) -> Placement {
        if !self.engine.has_nodes() {
            return Placement { constraints: Vec::new(), ..placement.clone() };
        }
        let labels = self.labels();
        let (_, on_nodes) = placement.split(|key| labels.contains_key(key));
        on_nodes
    }

    /// What the engine cannot do of a specification, and what it does in another way.
    pub(crate) fn check(&self, specification: &Specification) -> Vec<Finding> {
        let placement = &specification.policies.placement;
        let mut findings = self.engine.check(specification, &self.placement_on_nodes(placement));
        if !self.engine.has_pods() {
            findings.extend(placement.keys_of_pods().map(|key| {
                let message = "only Kubernetes has pods with that: leave it out, or name an engine of kind \
                               kubernetes in `Engine`";
                Finding::fatal(format!("Placement.{key}"), message.to_owned())
            }));
        }
        findings
    }

    /// True if its labels fulfil all constraints of a placement, but for those that are left to its nodes.
    /// What the engine reports itself counts as soon as it has answered once.
    pub(crate) fn fits(&self, placement: &Placement) -> bool {
        // A name alone needs no labels, which are copied.
        self.has_name_of(placement)
            && (placement.constraints.is_empty() || {
                let labels = self.labels();
                let label = |key: &str| labels.get(key).map(String::as_str);
                if self.engine.has_nodes() {
                    return self.fulfils_known(placement, &labels);
                }
                placement.allows(&self.name, label)
            })
    }

    /// True if its own labels decide all constraints of a placement, and none is left to its nodes.
    pub(crate) fn decides(&self, placement: &Placement) -> bool {
        placement.constraints.is_empty()
            || self.placement_on_nodes(placement).constraints.is_empty()
    }

    /// True if it may turn out to fit, and to decide all constraints, once it has reported its labels.
    pub(crate) fn may_decide(&self, placement: &Placement) -> bool {
        let is_open = self.health.labels().is_none() && !self.health.is_refused();
        // Labels of the configuration stand above those that it will report.
        is_open
            && !self.engine.has_nodes()
            && self.has_name_of(placement)
            && self.fulfils_known(placement, &self.about.labels)
    }

    fn has_name_of(&self, placement: &Placement) -> bool {
        let is_wanted = |wanted: &EngineName| wanted.as_str() == &*self.name;
        placement.engine.as_ref().is_none_or(is_wanted)
    }

    /// True if the constraints hold that these labels decide.
    fn fulfils_known(&self, placement: &Placement, labels: &BTreeMap<String, String>) -> bool {
        let (known, _) = placement.split(|key| labels.contains_key(key));
        known.allows(&self.name, |key| labels.get(key).map(String::as_str))
    }
}

/// The name that the configuration gives an engine; none for the only engine of a server without `--engine`.
pub(crate) fn given_name(name: &Arc<str>) -> Option<&Arc<str>> {
    Some(name).filter(|name| ***name != *DEFAULT_ENGINE)
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
        Self::shared(Arc::new(default), others.into_iter().map(Arc::new).collect())
    }

    fn shared(default: Arc<NamedEngine>, others: Vec<Arc<NamedEngine>>) -> Self {
        let names = std::iter::once(&default).chain(&others).map(|engine| Arc::clone(&engine.name));
        let ids = Arc::new(EngineIds::of(names.collect()));
        Self { default, others, ids }
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
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn with(
        mut self,
        name: &str,
        engine: Arc<dyn Engine>,
        limits: EngineLimits,
    ) -> Self {
        let named = NamedEngine::new(name, EngineAbout::default(), engine, limits);
        self.others.push(Arc::new(named));
        Self::shared(self.default, self.others)
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
