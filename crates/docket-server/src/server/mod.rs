//! Creates the components of a server, starts them, and stops them in order.

mod begin_and_end_term;
mod error;
mod reload_time_zones;
mod replace_failed_term;
mod server_journal_entries;
mod shared_by_terms;
mod store_of_another_machine;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use docket_model::run::DEFAULT_ENGINE;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinError;
use tracing::{info, warn};

pub(crate) use self::begin_and_end_term::RunningTerm;
pub use self::error::ServerError;
pub(crate) use self::shared_by_terms::Process;
#[cfg(any(test, feature = "simulation"))]
pub(crate) use self::shared_by_terms::TermSettings;
use self::{replace_failed_term::Terms, store_of_another_machine::check_machine};
use crate::{
    config::{
        Config, Listener,
        engines::{
            ConnectedEngine, EngineKind, PullLimits, connect, connect_default,
            warn_of_unread_variables,
        },
    },
    engine::{
        MeasuredEngine,
        engine_registry::{EngineAbout, EngineLimits, EngineRegistry, NamedEngine},
    },
    http,
    observer::metrics::Metrics,
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
    let _socket_file = listener.path().map(SocketFile);
    raise_open_files();
    // Before the store is opened: an engine that cannot be configured touches nothing.
    let metrics = Arc::new(Metrics::default());
    let engines = engines(&config, &metrics).await?;
    let process = Arc::new(Process::open(&config, metrics).await?);
    let served = serve_store(&process, &config, engines, listener, shutdown).await;
    process.close().await;
    served?;
    info!("stopped");
    Ok(())
}

async fn serve_store(
    process: &Arc<Process>,
    config: &Config,
    first_engines: EngineRegistry,
    listener: Listener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    if !config.restored {
        check_machine(&process.store, &first_engines).await?;
    }
    // Before the API, whose first response already knows the file's allocations and all runs.
    let connect = async || engines(config, &process.metrics).await;
    let mut terms = Terms::begin(Arc::clone(process), first_engines, connect).await?;
    let served = serve_api(process, config, &mut terms, listener, shutdown).await;
    terms.end(config.stop_runs).await;
    served
}

async fn serve_api<C: AsyncFn() -> Result<EngineRegistry, ServerError>>(
    process: &Arc<Process>,
    config: &Config,
    terms: &mut Terms<C>,
    listener: Listener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    let url = listener.url(&config.access)?;
    let api = process.api(config, listener.path().is_some());
    let open_streams = api.authentication.stopping.clone();
    let server = http::serve(api, listener)?;
    let handle = server.handle();
    process.reload_on_hangup()?;
    process.update_zone_data();
    let mut serving = tokio::spawn(server);
    info!(
        time_zone = config.time_zone.name(),
        namespace = %config.namespace,
        "docket {} listening on {url}",
        env!("CARGO_PKG_VERSION")
    );
    let stop = async {
        tokio::select! {
            () = shutdown => None,
            result = &mut serving => Some(result),
        }
    };
    let stopped_by_itself = terms.continue_until(stop).await;
    let containers = if config.stop_runs { "are stopped" } else { "keep running" };
    let runs = terms.runs_under_way();
    info!(runs_under_way = runs, "stopping: no more runs start; containers {containers}");
    // Otherwise the graceful stop waits for clients that follow an output or events.
    open_streams.cancel();
    if stopped_by_itself.is_none() {
        handle.stop(true).await;
    }
    result_of(stopped_by_itself)
}

/// The engines of a term, each with connections of its own; the first is the default.
async fn engines(config: &Config, metrics: &Arc<Metrics>) -> Result<EngineRegistry, ServerError> {
    let limits = EngineLimits {
        max_starting: config.max_starting,
        max_running: config.max_running,
        queue: config.queue,
    };
    let pulls = PullLimits { max_pulling: config.max_pulling, pull_timeout: config.pull_timeout };
    let named = |name: &str, kind: EngineKind, labels, connected| {
        let ConnectedEngine { engine, urls } = connected;
        let about = EngineAbout { kind: kind.as_str(), urls, labels };
        let observer = Arc::clone(metrics) as _;
        let engine = MeasuredEngine { name: name.into(), engine, observer };
        NamedEngine::new(name, about, Arc::new(engine), limits)
    };
    let mut engines = Vec::new();
    for engine in &config.engines {
        let connected = connect(engine, pulls, config.connect_kubernetes).await?;
        engines.push(named(engine.name.as_str(), engine.kind, engine.labels.clone(), connected));
    }
    let mut engines = engines.into_iter();
    let Some(first) = engines.next() else {
        let default = named(DEFAULT_ENGINE, EngineKind::Docker, [].into(), connect_default(pulls)?);
        return Ok(EngineRegistry::of(default, []));
    };
    warn_of_unread_variables();
    Ok(EngineRegistry::of(first, engines))
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

/// The file of a socket, which is removed when the server has stopped, also if it could not start.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            warn!(path = %self.0.display(), %error, "the socket file could not be removed");
        }
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
