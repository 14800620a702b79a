//! What an allocation that runs after others waits for.

use docket_model::{run::RunState, wire::Sentence};

use super::{
    Parent, Question,
    outcome::outcome_of,
    tale::{Tale, listed},
};
use crate::store::AllocationStatus;

/// How many of those that are waited for are told one by one.
const MOST_AWAITED: usize = 5;

impl Parent {
    /// True while a child waits for its next success.
    pub(crate) fn is_awaited(&self, child: &AllocationStatus) -> bool {
        let since = child.allocation.scheduled_at.max(child.decided.unwrap_or_default());
        self.succeeded.is_none_or(|succeeded| succeeded.moment() <= since)
    }
}

/// What it runs after, and which of those it waits for.
pub(super) fn told(question: &Question<'_>) -> Vec<Sentence> {
    let name = question.allocation().name();
    let parents: Vec<_> = question.parents.iter().map(|parent| parent.name.as_str()).collect();
    let awaits = |parent: &&Parent| parent.is_awaited(question.status);
    let awaited: Vec<_> = question.parents.iter().filter(awaits).collect();
    let mut sentences =
        vec![question.now(format!("It runs once {} have each succeeded anew.", listed(&parents)))];
    if let [only] = parents.as_slice() {
        sentences = vec![question.now(format!("It runs after each success of {only}."))];
    }
    for parent in awaited.iter().take(MOST_AWAITED) {
        let tale = question.tale();
        let how = stands(question, &tale, parent);
        sentences.push(question.now(format!("{} {how}, so {name} waits.", parent.name)));
    }
    if let Some(more) = awaited.len().checked_sub(MOST_AWAITED + 1) {
        sentences.push(question.now(format!("It waits for {} others too.", more + 1)));
    }
    sentences
}

/// How a parent that is waited for stands.
fn stands(question: &Question<'_>, tale: &Tale, parent: &Parent) -> String {
    let name = question.allocation().name();
    let Some(newest) = &parent.newest else { return "has not run yet".to_owned() };
    let instant = newest.id.instant.moment();
    let is_success = newest.state == RunState::Succeeded;
    if !is_success {
        return outcome_of(question, tale, newest);
    }
    let last = tale.time(instant);
    if question.status.decided.is_some_and(|decided| instant <= decided) {
        format!("has not succeeded again since {last}")
    } else {
        let at = tale.time(question.allocation().scheduled_at);
        format!("last succeeded for {last}, before {name} was told at {at} to run after it")
    }
}
