//! The tasks that run beside the API: they are started together and stopped in order.

use std::{sync::Arc, time::Duration};

use docket_model::journal::Pause;
use futures_util::{StreamExt, stream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{life::SIGN_OF_LIFE, parts::Parts, zone_data::ZoneData};
use crate::{
    background::{Background, Failure, Schedule},
    cleanup::sweep_orphans,
    engine::registry::NamedEngine,
    file_source::FileSource,
    runner::Runner,
    scheduler::Scheduler,
};

/// How often the zone files are read. There are few of them, and they are small.
const ZONE_DATA: Duration = Duration::from_secs(15);

/// Starts all tasks. `absence` is the time without a server before now. The scheduler stops when the
/// returned token is cancelled.
pub(super) fn spawn(
    parts: &Parts,
    scheduler: Scheduler,
    absence: Option<Pause>,
) -> std::io::Result<Proposing> {
    let (runner, background) = (&parts.runner, &parts.background);
    for NamedEngine { engine, health, .. } in parts.engines.all().map(AsRef::as_ref) {
        health.watch_over(Arc::clone(engine), Arc::clone(&parts.clock), background);
    }
    background.service("engine-outages", Arc::clone(runner).follow_engines());
    if let Some(file) = &parts.file {
        reload_on_hangup(file, background)?;
    }
    note_life(runner, background);
    update_zone_data(parts);
    background.service("recovery", Arc::clone(runner).begin(absence));
    background.service("orphan-cleanup", sweep_orphans(Arc::clone(runner)));
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let (stopping, over) = (stop.clone(), ended.clone().drop_guard());
    background.service("scheduler", async move {
        let _over = over;
        scheduler.run(stopping).await;
    });
    Ok(Proposing { stop, ended })
}

/// The scheduler, which stops before all other tasks.
pub(super) struct Proposing {
    stop: CancellationToken,
    ended: CancellationToken,
}

/// Stops the scheduler first, then the runs if asked for, then everything else.
pub(super) async fn stop(
    proposing: Proposing,
    background: &Background,
    runner: &Runner,
    stop_runs: bool,
) {
    proposing.stop.cancel();
    proposing.ended.cancelled().await;
    if stop_runs {
        // The engine health check still runs, so runs that wait for the engine go on when it is back.
        runner.stop_runs().await;
    }
    background.stop();
    runner.stop().await;
    background.ended().await;
}

/// Reloads the file of allocations on each SIGHUP.
fn reload_on_hangup(file: &Arc<FileSource>, background: &Background) -> std::io::Result<()> {
    let hangups = stream::unfold(signal(SignalKind::hangup())?, |mut hangups| async {
        hangups.recv().await.map(|()| ((), hangups))
    });
    let schedule = Schedule {
        name: "file-reload",
        is_immediate: false,
        period: None,
        retry: None,
        signals: hangups.boxed(),
    };
    let file = Arc::clone(file);
    background.periodic(schedule, move || {
        let file = Arc::clone(&file);
        async move { file.reload().await.map_err(Failure::logged) }
    });
    Ok(())
}

fn note_life(runner: &Arc<Runner>, background: &Background) {
    let runner = Arc::clone(runner);
    background.periodic(every("sign-of-life", SIGN_OF_LIFE), move || {
        let runner = Arc::clone(&runner);
        async move {
            runner.sign_of_life().await;
            let trouble = runner.store_trouble();
            trouble.map_or(Ok(()), |trouble| Err(Failure::logged(trouble.reason)))
        }
    });
}

fn update_zone_data(parts: &Parts) {
    let zone_data = Arc::new(ZoneData {
        store: Arc::clone(&parts.store),
        clock: Arc::clone(&parts.clock),
        runner: Arc::clone(&parts.runner),
    });
    parts.background.periodic(every("zone-data", ZONE_DATA), move || {
        let zone_data = Arc::clone(&zone_data);
        async move { zone_data.update().await.map_err(|error| Failure::new(error.to_string())) }
    });
}

/// A task with a timer alone, which runs after its first period.
fn every(name: &'static str, period: Duration) -> Schedule {
    let signals = stream::pending().boxed();
    Schedule { name, is_immediate: false, period: Some(period), retry: None, signals }
}
