//! Ending the task of a service before its time.

use std::time::Duration;

use docket_model::run::ContainerId;
use tokio::time::{Instant, sleep};

use super::{
    managers::Managers,
    observe::{Sight, look_at},
    service::Changed,
    service_cache::Notes,
};
use crate::engine::EngineError;

/// How long Swarm may take beside the grace to report the end of a task.
const REPORT_LIMIT: Duration = Duration::from_secs(30);
/// How often a task is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Ends the task; returns once it has ended. How fast is the Swarm's to say: it has only the grace of the
/// service, which cannot be shortened while the task runs.
pub(super) async fn stop(
    managers: &Managers,
    notes: &Notes,
    id: &ContainerId,
) -> Result<(), EngineError> {
    let mut limit = None;
    loop {
        let service = managers.service(&id.0).await?;
        match look_at(managers, notes, &service).await? {
            Sight::Waiting(_) | Sight::Running { .. } | Sight::NodeAway { .. } => {}
            Sight::Gone => return Err(EngineError::Gone),
            Sight::NotStarted
            | Sight::Ended(_)
            | Sight::CannotStart(_)
            | Sight::NoImage { .. }
            | Sight::Orphaned(_) => return Ok(()),
        }
        // Where something else changed the service first, the next turn asks again.
        if !service.is_stopped() {
            let _: Changed = managers.end_task(&service).await?;
        }
        let whole = service.grace().saturating_add(REPORT_LIMIT);
        let limit = *limit.get_or_insert_with(|| Instant::now() + whole);
        if Instant::now() >= limit {
            return Err(EngineError::WillNotDie(format!(
                "its node has not reported its end {} s after the Swarm was asked for it",
                whole.as_secs()
            )));
        }
        sleep(LOOK_EVERY).await;
    }
}
