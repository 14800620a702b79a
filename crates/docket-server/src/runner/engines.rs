//! The engines of a server by their names, as the runner accesses them.

use std::{fmt, sync::Arc};

use docket_model::{
    Allocation,
    allocation::{Placement, Policies},
    finding::nearest,
    run::{Attempt, Reason},
};

use parking_lot::Mutex;

use super::{engine_call_retry::EngineAccess, store_access::StoreAccess};
use crate::{
    engine::{bounded_list, engine_registry::EngineRegistry},
    term_tasks::Term,
};

/// All engines of a server, for one term.
#[derive(Debug)]
pub(crate) struct Engines {
    default: Arc<EngineAccess>,
    /// All of them, the default first.
    all: Vec<Arc<EngineAccess>>,
    /// What waits until an engine answers that fits.
    delayed: Mutex<Vec<Delayed>>,
    pub(crate) term: Term,
}

/// Something to do once an engine answers that fits.
struct Delayed {
    policies: Arc<Policies>,
    resume: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Delayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delayed").field("policies", &self.policies).finish_non_exhaustive()
    }
}

/// Why no engine can run an allocation, with the key of `Placement` that excludes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UnfitPlacement {
    pub(crate) key: &'static str,
    pub(crate) message: String,
}

/// No engine has this name.
#[derive(Debug)]
pub(crate) struct NoSuchEngine {
    pub(crate) name: String,
    /// The names of those that are configured.
    pub(crate) names: Vec<Arc<str>>,
}

impl fmt::Display for NoSuchEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, names } = self;
        write!(f, "no engine is named `{name}`: ")?;
        match nearest(name, names.iter().map(|name| &**name)) {
            Some(near) => write!(f, "did you mean `{near}`?"),
            None => write!(f, "write {}", names.join(", ")),
        }
    }
}

impl Engines {
    pub(super) fn new(registry: &EngineRegistry, store: &StoreAccess, term: &Term) -> Self {
        let access =
            |named| Arc::new(EngineAccess::new(Arc::clone(named), store.clock(), term.clone()));
        let default = access(registry.default_engine());
        let all = std::iter::once(Arc::clone(&default)).chain(registry.others().map(access));
        Self { all: all.collect(), default, delayed: Mutex::default(), term: term.clone() }
    }

    /// The engine that runs go to where nothing names another one.
    pub(crate) fn default_engine(&self) -> &Arc<EngineAccess> {
        &self.default
    }

    /// All engines, the default first.
    pub(crate) fn all(&self) -> &[Arc<EngineAccess>] {
        &self.all
    }

    /// The engine of this name; the default one where no name is given.
    pub(crate) fn named(&self, name: Option<&str>) -> Result<&Arc<EngineAccess>, NoSuchEngine> {
        let Some(name) = name else { return Ok(&self.default) };
        self.all.iter().find(|engine| &*engine.name == name).ok_or_else(|| NoSuchEngine {
            name: name.to_owned(),
            names: self.all.iter().map(|engine| Arc::clone(&engine.name)).collect(),
        })
    }

    /// The engines that a placement allows, in the order of the configuration.
    pub(crate) fn fitting<'e>(
        &'e self,
        placement: &Placement,
    ) -> impl Iterator<Item = &'e Arc<EngineAccess>> {
        // Without a placement it is the first one, whatever the others are.
        let of =
            if placement.is_default() { std::slice::from_ref(&self.default) } else { &*self.all };
        of.iter().filter(|engine| engine.fits(placement) && !engine.health.is_refused())
    }

    /// The engine for a new run of an allocation: of those that fit and answer the one with the fewest runs
    /// under way. Where none answers, the first that fits; none where none fits.
    pub(crate) fn choose(&self, allocation: &Allocation) -> Option<&Arc<EngineAccess>> {
        let placement = &allocation.specification.policies.placement;
        // Of several with the same number the first one.
        self.fitting(placement).min_by_key(|engine| {
            let (taken, waiting) = engine.slots.in_use();
            (!engine.health.is_up(), taken + waiting)
        })
    }

    /// True if an engine answers that may run the allocation.
    pub(crate) fn is_up_for(&self, policies: &Policies) -> bool {
        self.fitting(&policies.placement).any(|engine| engine.health.is_up())
    }

    /// Delays something until an engine answers that may run the allocation; returns false where one answers
    /// now.
    pub(crate) fn delay(
        &self,
        allocation: &Allocation,
        resume: impl FnOnce() + Send + 'static,
    ) -> bool {
        let policies = &allocation.specification.policies;
        let mut delayed = self.delayed.lock();
        // Under the lock: an engine that comes up now resumes what is delayed after this.
        if self.is_up_for(policies) {
            return false;
        }
        delayed.push(Delayed { policies: Arc::clone(policies), resume: Box::new(resume) });
        true
    }

    /// Does what was delayed and does not have to wait any more.
    pub(crate) fn resume_delayed(&self) {
        let mut delayed = self.delayed.lock();
        let ready: Vec<_> =
            delayed.extract_if(.., |delayed| self.is_up_for(&delayed.policies)).collect();
        // The lock is released before the calls: one that is resumed may be delayed again.
        drop(delayed);
        for Delayed { resume, .. } in ready {
            resume();
        }
    }

    /// Says why no engine can run an allocation of this placement, as far as that is known: an engine that
    /// has not answered yet may have labels of its own.
    pub(crate) fn unfit(&self, placement: &Placement) -> Option<UnfitPlacement> {
        if let Some(Err(unknown)) =
            placement.engine.as_ref().map(|name| self.named(Some(name.as_str())))
        {
            return Some(UnfitPlacement { key: "Engine", message: unknown.to_string() });
        }
        let is_possible = |engine: &&Arc<EngineAccess>| {
            engine.fits(placement) || engine.health.labels().is_none()
        };
        let candidates = self.all.iter().filter(|engine| {
            placement.engine.as_ref().is_none_or(|name| name.as_str() == &*engine.name)
        });
        if placement.is_default() || candidates.clone().any(|engine| is_possible(&engine)) {
            return None;
        }
        let labels = candidates.map(|engine| {
            let labels = engine.labels();
            let labels: Vec<_> =
                labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let labels = if labels.is_empty() { "no labels".to_owned() } else { labels.join(", ") };
            format!("`{}` has {labels}", engine.name)
        });
        let labels = bounded_list(labels.collect()).join("; ");
        Some(UnfitPlacement { key: "Where", message: format!("no engine fulfils this: {labels}") })
    }

    /// The engine that an attempt names. Records of versions with one engine name none.
    pub(crate) fn of_attempt(
        &self,
        attempt: Option<&Attempt>,
    ) -> Result<&Arc<EngineAccess>, Reason> {
        let name = attempt.and_then(|attempt| attempt.engine_name.as_deref());
        self.named(name)
            .map_err(|unknown| Reason::EngineNotConfigured { engine: unknown.name.into() })
    }
}
