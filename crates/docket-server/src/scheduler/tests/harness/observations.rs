//! What can be observed of a server from outside, and its manual controls.

use std::{fmt::Write, sync::Arc};

use docket_model::{
    Allocation, Origin, Run,
    journal::Suspension,
    run::{Cancellation, ManualRequest, Reason, RunState},
};

use super::House;
use crate::{
    clock::Clock,
    engine::scripted_engine::Seen,
    runner::ManualError,
    short_reasons_for_tests::in_short,
    store::{ChangeContext, Control, RunFilter},
};

impl House {
    /// All containers of an allocation, by their instants.
    pub(in crate::scheduler::tests) fn seen(&self, name: &str) -> Vec<Seen> {
        let mut seen = self.engine.seen();
        seen.retain(|seen| seen.identity.allocation.as_str() == name);
        seen
    }

    /// The instants for which containers were started, one for each start.
    pub(in crate::scheduler::tests) fn instants(&self, name: &str) -> Vec<String> {
        let each = self.seen(name).into_iter();
        each.flat_map(|seen| {
            std::iter::repeat_n(seen.identity.instant.to_string(), seen.starts as usize)
        })
        .collect()
    }

    /// All records of an allocation, the oldest first.
    pub(in crate::scheduler::tests) async fn runs(&self, name: &str) -> Vec<Arc<Run>> {
        let filter = RunFilter { limit: usize::MAX, ..RunFilter::default() };
        let mut runs = self.store.runs(name, &filter).await.unwrap();
        runs.reverse();
        runs
    }

    /// All records of an allocation in words, the oldest first: `10:00:00 failed: exit code 3`.
    pub(in crate::scheduler::tests) async fn summaries(&self, name: &str) -> Vec<String> {
        self.runs(name).await.iter().map(|run| summary(run)).collect()
    }

    /// The newest record of an allocation in words.
    pub(in crate::scheduler::tests) async fn newest(&self, name: &str) -> String {
        self.summaries(name).await.pop().unwrap_or_default()
    }

    pub(in crate::scheduler::tests) fn allocation(&self, name: &str) -> Arc<Allocation> {
        self.store.status(name).unwrap().allocation
    }

    /// Wants a run, now or for a past instant.
    pub(in crate::scheduler::tests) async fn run_manually(
        &self,
        name: &str,
        at: Option<&str>,
    ) -> Result<Arc<Run>, ManualError> {
        let request = ManualRequest { by: "ann".to_owned(), ..ManualRequest::default() };
        self.runner.run_manually(name, request, at.map(|at| at.parse().unwrap())).await
    }

    /// Cancels the newest run.
    pub(in crate::scheduler::tests) async fn cancel(&self, name: &str, kill: bool) -> String {
        let newest = self.runs(name).await.pop().unwrap();
        let cancellation = Cancellation { reason: Reason::text("ann wants it to end"), kill };
        let run = self.runner.cancel_manually(name, newest.id.instant, cancellation).await;
        summary(&run.unwrap())
    }

    pub(in crate::scheduler::tests) async fn delete(&self, name: &str) {
        self.store
            .delete(name, &Origin::Api, ChangeContext::new(self.clock.now(), "test"))
            .await
            .unwrap();
    }

    pub(in crate::scheduler::tests) async fn suspend(&self, name: &str, until: Option<&str>) {
        let until = until.map(|until| until.parse().unwrap());
        let suspension = Suspension { until, ..Suspension::new("ann", self.clock.now()) };
        self.control(name, Control::Suspend(suspension)).await;
    }

    pub(in crate::scheduler::tests) async fn resume(&self, name: &str) {
        self.control(name, Control::Resume { is_of_all: false }).await;
    }

    async fn control(&self, name: &str, control: Control) {
        self.store
            .control(name, control, ChangeContext::new(self.clock.now(), "test"))
            .await
            .unwrap();
    }
}

/// A record in short: of its reason the code and the values, not the words.
pub(in crate::scheduler::tests) fn summary(run: &Run) -> String {
    let mut summary = format!("{} {}", run.id.instant.moment().format("%T"), run.state.word());
    if let RunState::Missed { last, count, .. } = &run.state {
        write!(summary, " {count} to {}", last.moment().format("%T")).unwrap();
    }
    if run.attempts.len() > 1 {
        write!(summary, " at attempt {}", run.attempts.len()).unwrap();
    }
    if let Some(reason) = run.state.reason() {
        write!(summary, ": {}", in_short(reason)).unwrap();
    }
    summary
}
