//! Creates the components of a server, starts them, and stops them in order.

mod error;
mod life;
mod machine_check;
mod parts;
mod tasks;
mod zone_data;

use std::path::Path;

use docket_model::journal::Pause;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinError;
use tracing::{info, warn};

pub use self::error::ServerError;
use self::{life::Life, parts::Parts};
use crate::{
    config::{Config, Listener},
    http,
};

/// Serves until `shutdown` completes, then stops the API, the scheduler and the writes, in this order.
/// Containers keep running unless [`Config::stop_runs`] is set.
///
/// # Errors
/// [`ServerError`] if the server cannot start, or if the API stops by itself.
pub async fn serve(
    config: Config,
    listener: Listener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    raise_open_files();
    let parts = Parts::of(&config).await?;
    let life = parts.life();
    let absence = prepare(&parts, &life, &config).await?;
    let scheduler = parts.scheduler(config.time_zone);
    let url = listener.url(&config.access)?;
    let socket_file = listener.path();
    life.begin(&parts.runner).await?;
    parts.runner.watch_pause_end();
    let api = parts.api(&config, socket_file.is_some());
    let open_streams = api.authentication.stopping.clone();
    let server = http::serve(api, listener)?;
    let handle = server.handle();
    let scheduler = tasks::spawn(&parts, scheduler, absence)?;
    let mut serving = tokio::spawn(server);
    info!(
        time_zone = config.time_zone.name(),
        namespace = %config.namespace,
        "docket {} listening on {url}",
        env!("CARGO_PKG_VERSION")
    );

    let stopped_by_itself = tokio::select! {
        () = shutdown => None,
        result = &mut serving => Some(result),
    };
    let containers = if config.stop_runs { "are stopped" } else { "keep running" };
    info!("stopping: no more runs start; containers {containers}");
    open_streams.cancel();
    if stopped_by_itself.is_none() {
        handle.stop(true).await;
    }
    tasks::stop(scheduler, &parts.background, &parts.runner, config.stop_runs).await;
    life.end(&parts.runner).await;
    parts.store.close().await;
    if let Some(path) = socket_file {
        remove_socket(&path);
    }
    info!("stopped");
    result_of(stopped_by_itself)
}

/// Brings the store up to date before anything starts. Returns the time without a server before now.
async fn prepare(
    parts: &Parts,
    life: &Life,
    config: &Config,
) -> Result<Option<Pause>, ServerError> {
    let absence = life.absence();
    for pause in life.outages().into_iter().chain(absence) {
        parts.runner.remember(pause);
    }
    life.settle_copy(config.time_zone).await?;
    life.take_zone(config.time_zone, absence).await?;
    life.pause(config.paused).await?;
    if let Some(file) = &parts.file {
        file.load().await?;
    }
    Ok(absence)
}

/// Raises the soft limit of open files to the hard one: each run under way holds a connection to the
/// engine, and the usual soft limit is 1,024.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if let Err(error) = raised {
        warn!(%error, "the limit of open files could not be raised; keeping it");
    }
}

fn remove_socket(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        warn!(path = %path.display(), %error, "the socket file could not be removed");
    }
}

/// Whether the HTTP server failed, if it was not stopped by `shutdown`.
fn result_of(
    stopped_by_itself: Option<Result<std::io::Result<()>, JoinError>>,
) -> Result<(), ServerError> {
    match stopped_by_itself {
        Some(Ok(result)) => Ok(result?),
        Some(Err(panicked)) => Err(std::io::Error::other(panicked).into()),
        None => Ok(()),
    }
}
