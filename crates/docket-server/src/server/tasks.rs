//! The tasks that run beside the API: they are started together and stopped in order.

use std::sync::Arc;

use docket_model::journal::Pause;
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

use super::{life::Life, parts::Parts, zone_data::ZoneData};
use crate::{runner::Runner, scheduler::Scheduler};

pub(super) struct Tasks {
    /// Stops all tasks but the scheduler.
    stop: CancellationToken,
    tracker: TaskTracker,
    stop_scheduler: CancellationToken,
    scheduler: JoinHandle<()>,
}

impl Tasks {
    /// Starts all tasks. `absence` is the time without a server before now.
    pub(super) fn spawn(
        parts: &Parts,
        scheduler: Scheduler,
        absence: Option<Pause>,
    ) -> std::io::Result<Self> {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let runner = &parts.runner;
        let (health, stopped) = (Arc::clone(&parts.health), stop.clone());
        let (engine, clock) = (Arc::clone(&parts.engine), Arc::clone(&parts.clock));
        tracker.spawn(async move { health.watch_over(&*engine, &*clock, stopped).await });
        if let Some(file) = &parts.file {
            tracker.spawn(Arc::clone(file).reload_on_hangup(stop.clone())?);
        }
        tracker.spawn(Arc::clone(runner).begin(absence));
        tracker.spawn(Arc::clone(runner).clean_up());
        let zone_data = ZoneData {
            store: Arc::clone(&parts.store),
            clock: Arc::clone(&parts.clock),
            runner: Arc::clone(runner),
        };
        tracker.spawn(zone_data.watch(stop.clone()));
        tracker.spawn(Life::go_on(Arc::clone(runner), stop.clone()));
        let stop_scheduler = CancellationToken::new();
        let scheduler = tokio::spawn(scheduler.run(stop_scheduler.clone()));
        Ok(Self { stop, tracker, stop_scheduler, scheduler })
    }

    /// Stops the scheduler first, then the runs if asked for, then everything else.
    pub(super) async fn stop(self, runner: &Runner, stop_runs: bool) {
        self.stop_scheduler.cancel();
        if let Err(error) = self.scheduler.await {
            error!(%error, "the scheduler stopped by itself");
        }
        if stop_runs {
            // The engine health check still runs, so runs that wait for the engine go on when it is back.
            runner.stop_runs().await;
        }
        self.stop.cancel();
        self.tracker.close();
        runner.stop().await;
        self.tracker.wait().await;
    }
}
