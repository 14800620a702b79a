//! What an allocation that runs after others waits for.

use docket_model::{run::RunState, wire::Sentence};

use super::{
    Facts, Parent,
    outcome::outcome_of,
    phrasing::{ClockTimes, listed},
};
use crate::store::AllocationStatus;

/// How many awaited parents are described one by one.
const MOST_AWAITED: usize = 5;

impl Parent {
    /// True while a child waits for the next success of the parent.
    pub(crate) fn is_awaited(&self, child: &AllocationStatus) -> bool {
        let since = child.allocation.scheduled_at.max(child.decided.unwrap_or_default());
        self.succeeded.is_none_or(|succeeded| succeeded.moment() <= since)
    }
}

/// The parents, and those that the allocation waits for.
pub(super) fn sentences(facts: &Facts<'_>) -> Vec<Sentence> {
    let name = facts.allocation().name();
    let parents: Vec<_> = facts.parents.iter().map(|parent| parent.name.as_str()).collect();
    let awaited: Vec<_> =
        facts.parents.iter().filter(|parent| parent.is_awaited(facts.status)).collect();
    let mut sentences = vec![facts.present(match parents.as_slice() {
        [only] => format!("It runs after each success of {only}"),
        parents => format!("It runs once {} have each succeeded again", listed(parents)),
    })];
    sentences.extend(awaited.iter().take(MOST_AWAITED).map(|parent| {
        let state = state(facts, &facts.times(), parent);
        facts.present(format!("{} {state}, so {name} waits", parent.name))
    }));
    if let Some(more) = awaited.len().checked_sub(MOST_AWAITED + 1) {
        sentences.push(facts.present(format!("It waits for {} others too", more + 1)));
    }
    sentences
}

/// Why a parent is still awaited.
fn state(facts: &Facts<'_>, times: &ClockTimes, parent: &Parent) -> String {
    let Some(newest) = &parent.newest else { return "has not run yet".to_owned() };
    let instant = newest.id.instant.moment();
    if newest.state != RunState::Succeeded {
        return outcome_of(facts, times, newest);
    }
    let last = times.time(instant);
    if facts.status.decided.is_some_and(|decided| instant <= decided) {
        format!("has not succeeded again since {last}")
    } else {
        let (at, name) = (times.time(facts.allocation().scheduled_at), facts.allocation().name());
        format!("last succeeded for {last}, before {name} was changed at {at} to run after it")
    }
}
