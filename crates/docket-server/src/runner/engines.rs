//! The engines of a server by their names, as the runner accesses them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use docket_model::{
    Allocation, Specification,
    allocation::{HostCount, Placement, Policies},
    finding::nearest,
    run::{Attempt, Reason},
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{
    engine_call_retry::EngineAccess,
    node_shortages::{NEXT_TRY, NodeShortages, Shortage},
    store_access::StoreAccess,
};
use crate::{
    engine::{
        Finding, bounded_list,
        engine_registry::{EngineRegistry, EngineState},
    },
    term_tasks::Term,
};

/// All engines of a server, for one term.
#[derive(Debug)]
pub(crate) struct Engines {
    default: Arc<EngineAccess>,
    /// All of them, the default first.
    all: Vec<Arc<EngineAccess>>,
    /// What waits until an engine answers that fits, by the uid of its allocation and by its kind.
    delayed: Mutex<BTreeMap<(Uuid, DelayedKind), Delayed>>,
    /// The allocations that wait for nodes.
    shortages: NodeShortages,
    pub(crate) term: Term,
}

/// What of an allocation waits for an engine that fits: each of them waits once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DelayedKind {
    /// The decision about the instants of its schedule.
    DueInstants,
    /// The check whether it is due after its parents.
    AfterParents,
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
        let (delayed, shortages) = (Mutex::default(), NodeShortages::default());
        Self { all: all.collect(), default, delayed, shortages, term: term.clone() }
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

    /// The engines that may get the runs of a placement, in the order of the configuration.
    pub(crate) fn fitting<'e>(&'e self, placement: &Placement) -> Vec<&'e Arc<EngineAccess>> {
        let candidates = self.candidates(placement).iter();
        let fitting =
            candidates.filter(|engine| engine.fits(placement) && !engine.health.is_refused());
        preferred(placement, fitting.collect())
    }

    /// The engines that a placement may choose among: without a choice it is the first one, whatever the
    /// others are.
    fn candidates(&self, placement: &Placement) -> &[Arc<EngineAccess>] {
        if placement.names_no_engine() { std::slice::from_ref(&self.default) } else { &self.all }
    }

    /// What keeps a specification from running, and what would go otherwise than may be meant, as far as that
    /// is known without asking an engine. Each engine that may get its runs has to be able to run it.
    pub(crate) fn check(&self, specification: &Specification) -> Vec<Finding> {
        let placement = &specification.policies.placement;
        if let Some(unfit) = self.unfit(placement) {
            return vec![Finding::fatal(format!("Placement.{}", unfit.key), unfit.message)];
        }
        let fitting = self.candidates(placement).iter().filter(|engine| engine.fits(placement));
        let fitting = preferred(placement, fitting.collect());
        // What the nodes of one engine cannot do does not matter if the runs go to another one.
        if is_left_to_nodes(placement, &fitting)
            && self.all.iter().any(|engine| engine.may_decide(placement))
        {
            return Vec::new();
        }
        let is_one = fitting.len() == 1;
        let on_each = fitting.into_iter().flat_map(|engine| {
            engine
                .check(specification)
                .into_iter()
                .map(move |finding| if is_one { finding } else { finding.on_engine(&engine.name) })
        });
        on_each.collect()
    }

    /// The engine that comes first for a new run: of those that fit one that answers, and of these the one with
    /// the fewest runs under way. None where none fits, or that is not known yet.
    pub(crate) fn first_choice(&self, placement: &Placement) -> Option<&Arc<EngineAccess>> {
        let fitting = self.fitting(placement);
        if self.is_undecided(placement, &fitting) {
            return None;
        }
        let key = |engine: &&Arc<EngineAccess>| (!engine.health.is_up(), engine.runs_in_use());
        // Of several with the same number it is the first one.
        fitting.into_iter().min_by_key(key)
    }

    /// True while a run would be left to nodes, and another engine, which was not reached or found away yet, may
    /// decide all constraints.
    fn is_undecided(&self, placement: &Placement, fitting: &[&Arc<EngineAccess>]) -> bool {
        let is_open = |engine: &Arc<EngineAccess>| {
            engine.health.state() == EngineState::Unknown && engine.may_decide(placement)
        };
        is_left_to_nodes(placement, fitting) && self.all.iter().any(is_open)
    }

    /// True if a decision about a run of the allocation need not wait: enough engines fit, and one of them
    /// answers; or the run is skipped because none can.
    pub(crate) fn is_up_for(&self, policies: &Policies) -> bool {
        let placement = &policies.placement;
        let fitting = self.fitting(placement);
        let is_up = fitting.iter().any(|engine| engine.health.is_up());
        let has_nodes = fitting.iter().any(|engine| engine.engine.has_nodes());
        match placement.on {
            HostCount::All if fitting.is_empty() => self.unfit(placement).is_some(),
            HostCount::One => is_up && !self.is_undecided(placement, &fitting),
            // How many nodes there are, the decision finds out.
            on => is_up && (has_nodes || fitting.len() >= on.least()),
        }
    }

    /// Delays something until an engine answers that may run the allocation, or until the nodes that it waits
    /// for are listed again; returns false where it need not wait. It takes the place of what was delayed of this
    /// kind before.
    pub(crate) fn delay(
        &self,
        allocation: &Allocation,
        kind: DelayedKind,
        resume: impl FnOnce() + Send + 'static,
    ) -> bool {
        let policies = &allocation.specification.policies;
        let mut delayed = self.delayed.lock();
        // Under the lock: an engine that comes up now resumes what is delayed after this.
        if self.is_up_for(policies) && !self.shortages.is_waiting(allocation.uid) {
            return false;
        }
        let (policies, resume) = (Arc::clone(policies), Box::new(resume));
        delayed.insert((allocation.uid, kind), Delayed { policies, resume });
        true
    }

    /// How much is delayed.
    #[cfg(test)]
    pub(crate) fn delayed_count(&self) -> usize {
        self.delayed.lock().len()
    }

    /// Does what was delayed and does not have to wait any more.
    pub(crate) fn resume_delayed(&self) {
        let ready: BTreeMap<_, _> = {
            let mut delayed = self.delayed.lock();
            // Among the nodes of the engine may be those that others wait for.
            self.shortages.try_all_again();
            let (ready, waiting) = std::mem::take(&mut *delayed)
                .into_iter()
                .partition(|(_, delayed)| self.is_up_for(&delayed.policies));
            *delayed = waiting;
            ready
        };
        resume_each(ready.into_values());
    }

    /// Does what was delayed for an allocation that was changed or deleted: other engines may fit it now,
    /// or it is gone.
    pub(crate) fn resume_changed(&self, uid: Uuid) {
        self.shortages.forget(uid);
        self.resume_all_of(uid);
    }

    /// Resumes what was delayed for an allocation; whether there was any.
    fn resume_all_of(&self, uid: Uuid) -> bool {
        let changed = {
            let mut delayed = self.delayed.lock();
            let kinds = [DelayedKind::DueInstants, DelayedKind::AfterParents];
            kinds.map(|kind| delayed.remove(&(uid, kind)))
        };
        let is_any = changed.iter().any(Option::is_some);
        resume_each(changed.into_iter().flatten());
        is_any
    }

    /// Notes that too few nodes fit an allocation. What is delayed for it is resumed after a while, and its nodes
    /// are listed again.
    pub(super) fn begin_shortage(self: &Arc<Self>, allocation: &Allocation, shortage: Shortage) {
        let attempt = self.shortages.begin(allocation, shortage);
        let (engines, uid) = (Arc::clone(self), allocation.uid);
        self.term.spawn(async move {
            let is_over = engines.term.unless_ended(tokio::time::sleep(NEXT_TRY)).await.is_err();
            // Something else may have tried meanwhile: one try at a time follows another.
            if is_over || !engines.shortages.try_again(uid, attempt) {
                return;
            }
            if !engines.resume_all_of(uid) {
                // Nothing waits for nodes any more.
                engines.shortages.forget(uid);
            }
        });
    }

    /// Notes that enough nodes fit an allocation.
    pub(super) fn end_shortage(&self, allocation: &Allocation) {
        self.shortages.end(allocation);
    }

    /// Nothing of an allocation waits for nodes any more, though too few fit.
    pub(super) fn forget_shortage(&self, uid: Uuid) {
        self.shortages.forget(uid);
    }

    /// Why the next run of an allocation waits for nodes, if it does.
    pub(crate) fn shortage(&self, uid: Uuid) -> Option<Shortage> {
        self.shortages.of(uid)
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
        let possible: Vec<_> = candidates.clone().filter(is_possible).collect();
        let has_nodes = possible.iter().any(|engine| engine.engine.has_nodes());
        let are_enough = has_nodes || possible.len() >= placement.on.least();
        if placement.names_no_engine() || are_enough {
            return None;
        }
        if !possible.is_empty() {
            let names: Vec<_> =
                possible.iter().map(|engine| format!("`{}`", engine.name)).collect();
            let (names, wanted) = (bounded_list(names).join(", "), placement.on);
            let message = format!(
                "{wanted} different engines are needed, and {} fits: {names}; write a smaller number, or \
                 `All`",
                possible.len()
            );
            return Some(UnfitPlacement { key: "On", message });
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

/// Of engines that fit those that come first for a run on one host: whose own labels decide all constraints.
/// The nodes of the others may fulfil none of them.
fn preferred<'e>(
    placement: &Placement,
    mut fitting: Vec<&'e Arc<EngineAccess>>,
) -> Vec<&'e Arc<EngineAccess>> {
    // For a run with parts nodes are listed, so each part has one that fits.
    let decides = |engine: &&Arc<EngineAccess>| engine.decides(placement);
    if placement.on == HostCount::One && fitting.iter().any(decides) {
        fitting.retain(decides);
    }
    fitting
}

/// True if engines that fit leave constraints of a run on one host to their nodes.
fn is_left_to_nodes(placement: &Placement, fitting: &[&Arc<EngineAccess>]) -> bool {
    let is_left = |engine: &&Arc<EngineAccess>| !engine.decides(placement);
    placement.on == HostCount::One && fitting.iter().any(is_left)
}

/// Does what was delayed, without a lock: what is resumed may be delayed again.
fn resume_each(delayed: impl IntoIterator<Item = Delayed>) {
    for Delayed { resume, .. } in delayed {
        resume();
    }
}
