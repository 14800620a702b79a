//! The observer of the store, which gets each commit, and each start and end of a run once it is committed.

#[cfg(any(test, feature = "simulation"))]
use std::sync::Arc;
use std::{fmt, time::Duration};

use docket_model::{Run, run::RunState};

/// A start or an end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Milestone {
    /// Its first container was started.
    Started,
    /// It is over, or its record was made without a container.
    Ended {
        /// How many instants it accounts for that no record accounted for before: several only where they
        /// were missed.
        instants: u64,
    },
}

impl Milestone {
    /// The end of a run in this state.
    pub(super) fn end(state: &RunState) -> Self {
        let instants = match state {
            RunState::Missed { count, .. } => *count,
            _ => 1,
        };
        Self::Ended { instants }
    }
}

/// Observes commits. The task that writes the store calls it, so each method only takes notes.
///
/// What another server writes to the same store is not reported.
pub(crate) trait Observer: fmt::Debug + Send + Sync {
    /// A run has reached a milestone. Each is reported once.
    fn reached(&self, milestone: Milestone, run: &Run);

    /// A commit ended. A conflict is no failure: the writer computes the batch again.
    fn commit(&self, took: Duration, has_failed: bool);
}

/// For stores that are not observed.
#[cfg(any(test, feature = "simulation"))]
#[derive(Debug)]
struct Unobserved;

#[cfg(any(test, feature = "simulation"))]
impl Observer for Unobserved {
    fn reached(&self, _: Milestone, _: &Run) {}
    fn commit(&self, _: Duration, _: bool) {}
}

/// An observer that takes no notes.
#[cfg(any(test, feature = "simulation"))]
pub(crate) fn unobserved() -> Arc<dyn Observer> {
    Arc::new(Unobserved)
}

#[cfg(test)]
mod tests {
    use docket_model::run::Instant;
    use parking_lot::Mutex;

    use super::*;
    use crate::store::{
        MemoryBackend, Store,
        contract::{
            carry_out, claim, created, end, finish, instant, missed, moment, note, push_a, run,
        },
    };

    /// Keeps the milestones, each with the instant and the state of its run.
    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(Milestone, Instant, String)>>);

    impl Observer for Kept {
        fn reached(&self, milestone: Milestone, run: &Run) {
            self.0.lock().push((milestone, run.id.instant, run.word().to_string()));
        }

        fn commit(&self, _: Duration, _: bool) {}
    }

    #[tokio::test]
    async fn each_milestone_is_reported_once_and_each_missed_instant_is_counted() {
        let kept = Arc::new(Kept::default());
        let backend = Arc::new(MemoryBackend::new(usize::MAX));
        let store = Store::open_observed(backend, kept.clone()).await.unwrap();
        push_a(&store).await;
        let ended = |second, word: &str, instants| {
            (Milestone::Ended { instants }, instant(second), word.to_owned())
        };

        // The second record becomes a part of the first one.
        for (first, last, count) in [(60, 180, 3), (240, 240, 1)] {
            let missed = run(&store, "a", first, missed(last, count)).await;
            store.claim(missed).await.unwrap();
        }
        assert_eq!(
            std::mem::take(&mut *kept.0.lock()),
            [ended(60, "missed", 3), ended(60, "missed", 1)]
        );

        let id = claim(&store, "a", 300).await.id;
        note(&store, &id, created("c0ffee"), moment(300)).await.unwrap();
        note(&store, &id, crate::store::Progress::Started, moment(301)).await.unwrap();
        finish(&store, &id, end(RunState::Succeeded, 0, "")).await.unwrap();
        assert_eq!(
            std::mem::take(&mut *kept.0.lock()),
            [(Milestone::Started, instant(300), "running".to_owned()), ended(300, "succeeded", 1)]
        );

        // Its start is known only with its end.
        carry_out(&store, "a", 360, RunState::Succeeded).await;
        let reached: Vec<_> = kept.0.lock().iter().map(|(milestone, ..)| *milestone).collect();
        assert_eq!(reached.last(), Some(&Milestone::Ended { instants: 1 }));
        assert_eq!(reached.iter().filter(|it| **it != Milestone::Started).count(), 1);
    }
}
