//! Watching the task of a service until its end.

use std::{sync::Arc, time::Duration};

use docket_model::run::ContainerId;
use futures_util::{StreamExt, stream};

use super::{managers::Managers, observe::look_at_task, service_cache::Notes, task::State};
use crate::{
    backoff::Backoff,
    engine::{EngineError, Observation, Observations},
};

/// The first pause and the longest between two looks at a task: managers report no events of tasks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How many looks that say the same are reported once: a report costs its reader more than a look.
const QUIET_LOOKS: u32 = 30;

/// Watches a service's task; see [`crate::engine::Containers::watch`].
pub(super) fn watch(
    managers: &Arc<Managers>,
    notes: &Arc<Notes>,
    id: &ContainerId,
) -> Observations {
    let backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let (managers, notes) = (Arc::clone(managers), Arc::clone(notes));
    let watch = Watch { managers, notes, id: id.clone(), backoff, last: None, state: None };
    let steps = stream::unfold(Some(watch), async |watch| {
        let mut watch = watch?;
        let seen = watch.next().await;
        let goes_on = matches!(
            seen,
            Ok(Observation::Waiting(_)
                | Observation::Running { .. }
                | Observation::NodeAway { .. })
        );
        Some((seen, goes_on.then_some(watch)))
    });
    steps.boxed()
}

struct Watch {
    managers: Arc<Managers>,
    notes: Arc<Notes>,
    id: ContainerId,
    backoff: Backoff,
    /// What was reported last.
    last: Option<Observation>,
    /// The state of the task at the last look.
    state: Option<State>,
}

impl Watch {
    /// Waits for the next thing to report: something new, or once in a while what it was before.
    async fn next(&mut self) -> Result<Observation, EngineError> {
        let mut looks = 0;
        loop {
            // Also before the first look at a task that no node had yet: just after its start there is none.
            if self.last.is_some() || looks > 0 || self.notes.own(&self.id).is_none() {
                self.backoff.wait().await;
            }
            let (sight, state) = look_at_task(&self.managers, &self.notes, &self.id).await?;
            let seen = sight.watched()?;
            looks += 1;
            let is_new = self.last.as_ref() != Some(&seen);
            // Soon after a change the next one comes, also where it is none for the reader: a task has six
            // states before it runs.
            if is_new || state != self.state {
                self.backoff.reset();
            }
            self.state = state;
            if is_new || looks >= QUIET_LOOKS {
                self.last = Some(seen.clone());
                return Ok(seen);
            }
        }
    }
}
