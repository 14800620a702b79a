//! Where the parts of a new run go: to engines, and to nodes of those that have several.
//!
//! 1. With `Placement.On` the claim names the node of each part, and the part stays there. With `On: One` an
//!    engine chooses its node itself.
//! 2. Nodes are a question of the moment: they are listed for each new run, and an engine that is away has none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use docket_model::{
    Allocation,
    allocation::{HostCount, Placement},
    run::{Node, Place, Reason},
};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{
    Stopped,
    engine_call_retry::EngineAccess,
    engines::Engines,
    node_shortages::Shortage,
    runs_under_way::{AllocationQueue, AllocationQueues},
};
use crate::{
    engine::{EngineError, bounded_list},
    policy::{self, Admission},
};

/// How long an engine may take to list its nodes, with retries: nothing else is decided about the allocation
/// meanwhile.
const LIST_LIMIT: Duration = Duration::from_secs(10);

/// How many parts `On: All` gives a run at most.
// The record of a run has all of them, and is written at each step of each.
const MOST_OF_ALL: usize = 250;

/// Where a part goes.
#[derive(Debug, Clone)]
pub(super) struct PartPlace {
    pub(super) engine: Arc<EngineAccess>,
    pub(super) node: Option<Arc<Node>>,
}

impl PartPlace {
    fn of_engine(engine: &Arc<EngineAccess>) -> Self {
        Self { engine: Arc::clone(engine), node: None }
    }

    /// As the record has it.
    pub(super) fn noted(&self) -> Place {
        Place { engine: Arc::clone(&self.engine.name), node: self.node.clone() }
    }
}

/// Where the parts of a new run go.
#[derive(Debug)]
pub(super) struct RunPlaces {
    /// One for each part.
    pub(super) parts: Vec<PartPlace>,
    /// Why there are none, where the run is skipped.
    pub(super) skipped: Option<Reason>,
    /// What kept parts from some engines, for the record.
    pub(super) remarks: Vec<String>,
}

impl RunPlaces {
    fn at(parts: Vec<PartPlace>) -> Self {
        Self { parts, skipped: None, remarks: Vec::new() }
    }

    /// The engines, each of them once.
    pub(super) fn engines(&self) -> impl Iterator<Item = &Arc<EngineAccess>> {
        // The parts on one engine are not always one after another.
        let is_first = |(at, part): &(usize, &PartPlace)| {
            !self.parts.iter().take(*at).any(|other| Arc::ptr_eq(&other.engine, &part.engine))
        };
        self.parts.iter().enumerate().filter(is_first).map(|(_, part)| &part.engine)
    }

    fn skipped(reason: Reason) -> Self {
        Self { parts: Vec::new(), skipped: Some(reason), remarks: Vec::new() }
    }
}

/// Nothing can be decided yet: too few engines fit or answer, or too few nodes, which has a reason.
#[derive(Debug)]
pub(super) struct NotYet(pub(super) Option<Shortage>);

/// The places that fit, as far as they are known now.
#[derive(Debug, Default)]
struct Known {
    /// Those that answer, each with the number of runs or parts under way there.
    ready: Vec<(usize, PartPlace)>,
    /// Engines without nodes that are away.
    away: Vec<PartPlace>,
    /// The engines whose nodes were listed.
    listed: usize,
    /// The error of an engine whose nodes could not be listed.
    failed: Option<EngineError>,
    /// What kept parts from some engines.
    remarks: Vec<String>,
}

/// Chooses the places of new runs.
#[derive(Debug)]
pub(super) struct PartPlacement {
    pub(super) engines: Arc<Engines>,
    pub(super) queues: Arc<AllocationQueues>,
}

impl PartPlacement {
    /// The places for a new run of an allocation; where they are not known yet, what waits for nodes is tried
    /// again by itself. A run that is skipped because of the runs beside it waits for no nodes.
    pub(super) async fn places_or_wait(
        &self,
        allocation: &Allocation,
        queue: &AllocationQueue,
    ) -> Result<RunPlaces, NotYet> {
        let policies = &allocation.specification.policies;
        // A run on one host waits for no nodes, and most runs are.
        let has_parts = policies.placement.on != HostCount::One;
        let admission = has_parts.then(|| policy::admit(policies.overlap, &queue.beside()));
        let placed = match admission {
            Some(Admission::Skip(reason)) => Ok(RunPlaces::skipped(reason)),
            _ => self.places(allocation).await,
        };
        match &placed {
            Ok(_) => self.engines.end_shortage(allocation),
            Err(NotYet(Some(shortage))) => {
                self.engines.begin_shortage(allocation, shortage.clone());
            }
            Err(NotYet(None)) => {}
        }
        placed
    }

    /// The places for a new run of an allocation, one for each part: of those that fit the ones that answer,
    /// and of these the ones with the fewest runs under way.
    pub(super) async fn places(&self, allocation: &Allocation) -> Result<RunPlaces, NotYet> {
        let placement = &allocation.specification.policies.placement;
        let fitting = self.engines.fitting(placement);
        match placement.on {
            HostCount::One => {
                let engine = self.engines.first_choice(placement).ok_or(NotYet(None))?;
                Ok(RunPlaces::at(vec![PartPlace::of_engine(engine)]))
            }
            // An engine that has not answered yet may have labels that fit.
            HostCount::All if fitting.is_empty() => match self.engines.unfit(placement) {
                Some(_) => Ok(RunPlaces::skipped(Reason::NoEngineFits)),
                None => Err(NotYet(None)),
            },
            HostCount::All => all_of(self.known(placement, &fitting).await),
            HostCount::Exactly(wanted) => {
                let has_nodes = fitting.iter().any(|engine| engine.engine.has_nodes());
                some_of(self.known(placement, &fitting).await, wanted, has_nodes)
            }
        }
    }

    /// The places at these engines.
    async fn known(&self, placement: &Placement, fitting: &[&Arc<EngineAccess>]) -> Known {
        let mut known = Known::default();
        let (with_nodes, others): (Vec<_>, Vec<_>) =
            fitting.iter().copied().partition(|engine| engine.engine.has_nodes());
        // It looks at all runs under way.
        let parts = if with_nodes.is_empty() { BTreeMap::new() } else { self.parts_on_nodes() };
        for engine in others {
            let place = PartPlace::of_engine(engine);
            if engine.health.is_up() {
                known.ready.push((engine.runs_in_use(), place));
            } else {
                known.away.push(place);
            }
        }
        let listed = with_nodes.iter().map(|engine| nodes_of(engine, placement));
        for (engine, listed) in with_nodes.iter().zip(join_all(listed).await) {
            let engine_words = engine.in_words();
            match listed {
                Ok(Some(nodes)) => {
                    known.listed += 1;
                    known.ready.extend(nodes.into_iter().map(|node| {
                        let key = (Arc::clone(&engine.name), Arc::clone(&node.id));
                        let under_way = parts.get(&key).copied().unwrap_or_default();
                        let node = Some(Arc::new(node));
                        (under_way, PartPlace { engine: Arc::clone(engine), node })
                    }));
                }
                Ok(None) => {
                    known
                        .remarks
                        .push(format!("{engine_words} was away, so no part went to its nodes"));
                }
                Err(error) => {
                    known
                        .remarks
                        .push(format!("the nodes of {engine_words} could not be listed: {error}"));
                    known.failed = Some(error);
                }
            }
        }
        known
    }

    /// How many parts of runs are under way on each node, by engine and id.
    fn parts_on_nodes(&self) -> BTreeMap<(Arc<str>, Arc<str>), usize> {
        let mut counts = BTreeMap::new();
        for handle in self.queues.handles() {
            for part in handle.open_parts() {
                if let Some(node) = &part.node {
                    let key = (Arc::clone(&part.engine.name), Arc::clone(&node.id));
                    *counts.entry(key).or_default() += 1;
                }
            }
        }
        counts
    }
}

/// The nodes of an engine that a placement allows, by their names; none where the engine is away.
async fn nodes_of(
    engine: &EngineAccess,
    placement: &Placement,
) -> Result<Option<Vec<Node>>, EngineError> {
    if !engine.health.is_up() {
        return Ok(None);
    }
    let on_nodes = engine.placement_on_nodes(placement);
    let listing = engine.retry_briefly(|| engine.engine.nodes(&on_nodes));
    match timeout(LIST_LIMIT, listing).await {
        Ok(Ok(listed)) => {
            let mut nodes = listed?;
            nodes.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
            Ok(Some(nodes))
        }
        // Nothing is decided after the end of the term.
        Ok(Err(Stopped)) => Ok(None),
        Err(_) => {
            let seconds = LIST_LIMIT.as_secs();
            Err(EngineError::Unreachable(format!("no list of its nodes within {seconds} s")))
        }
    }
}

/// All places: those that answer, or all engines where none does.
fn all_of(known: Known) -> Result<RunPlaces, NotYet> {
    let Known { ready, away, listed, failed, mut remarks } = known;
    let mut parts: Vec<_> = ready.into_iter().map(|(_, place)| place).collect();
    if parts.is_empty() {
        // Each engine whose nodes are not known has a remark.
        let is_all_known = away.is_empty() && remarks.is_empty();
        return match (failed, listed > 0) {
            (None, true) if is_all_known => Ok(RunPlaces::skipped(Reason::NoNodeFits)),
            (None, _) if !away.is_empty() => Ok(RunPlaces::at(away)),
            (None, false) => Err(NotYet(None)),
            (failed, _) => {
                let words = bounded_list(remarks).join("; ");
                let reason = failed.map_or(Reason::NoNodeFits, Into::into);
                Err(NotYet(Some(Shortage { words, reason })))
            }
        };
    }
    let without_part = away.iter().map(|place| {
        let engine = place.engine.in_words();
        format!("{engine} was away, so no part went to it")
    });
    remarks.splice(0..0, without_part);
    if parts.len() > MOST_OF_ALL {
        let left_out = parts.len() - MOST_OF_ALL;
        remarks.push(format!(
            "a run has at most {MOST_OF_ALL} parts: {left_out} more engines and nodes fit, and have none"
        ));
        parts.truncate(MOST_OF_ALL);
    }
    Ok(RunPlaces { remarks: bounded_list(remarks), ..RunPlaces::at(parts) })
}

/// So many places: those that answer, and after them engines that are away.
fn some_of(known: Known, wanted: u32, has_nodes: bool) -> Result<RunPlaces, NotYet> {
    let Known { mut ready, away, failed, remarks, .. } = known;
    // The sort is stable: of several with the same number the first one.
    ready.sort_by_key(|(under_way, _)| *under_way);
    let mut parts: Vec<_> = ready.into_iter().map(|(_, place)| place).chain(away).collect();
    let fit = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    if fit < wanted {
        let shortage = has_nodes.then(|| {
            let too_few = Reason::TooFewNodes { wanted, fit };
            let words = std::iter::once(too_few.to_string()).chain(bounded_list(remarks));
            let words = words.collect::<Vec<_>>().join("; ");
            // More nodes may fit than could be listed.
            Shortage { words, reason: failed.map_or(too_few, Into::into) }
        });
        return Err(NotYet(shortage));
    }
    parts.truncate(wanted as usize);
    Ok(RunPlaces::at(parts))
}
