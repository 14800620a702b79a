//! Creates the components of a server, starts them, and stops them in order.

mod error;
mod life_journal;
mod moved_store;
mod process_lifetime;
mod reload_time_zones;
mod term_lifecycle;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use docket_model::run::DEFAULT_ENGINE;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinError;
use tracing::{error, info, warn};

pub use self::error::ServerError;
use self::moved_store::check_machine;
pub(crate) use self::process_lifetime::Process;
#[cfg(any(test, feature = "simulation"))]
pub(crate) use self::{process_lifetime::TermSettings, term_lifecycle::RunningTerm};
use crate::{
    config::{
        Config, Listener,
        engines::{
            ConnectedEngine, EngineKind, PullLimits, connect, connect_default,
            warn_of_unread_variables,
        },
    },
    engine::engine_registry::{EngineAbout, EngineLimits, EngineRegistry, NamedEngine},
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
    // Before the store is opened: an engine that cannot be configured touches nothing.
    let engines = engines(&config).await?;
    let process = Arc::new(Process::open(&config).await?);
    if !config.restored {
        check_machine(&process.store, &*engines.default_engine().engine).await?;
    }
    let socket_file = listener.path();
    let url = listener.url(&config.access)?;
    // Before the API, whose first response already knows the file's allocations and all runs.
    let term = process.begin_term(engines).await?;
    let api = process.api(&config, socket_file.is_some());
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

    let mut shutdown = std::pin::pin!(shutdown);
    let mut term = Some(term);
    let stopped_by_itself = loop {
        let deposed = async {
            match &term {
                Some(term) => term.deposed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut shutdown => break None,
            result = &mut serving => break Some(result),
            () = deposed => {}
        }
        if let Some(term) = term.take() {
            // The API stays up: it can still show records, and says why nothing starts.
            error!("{DEPOSED}: this one starts and changes nothing any more; stop one of the two");
            // The other server follows the containers, so they are not stopped, even with
            // `--stop-runs`.
            term.end(DEPOSED, false).await;
        }
    };
    let containers = if config.stop_runs { "are stopped" } else { "keep running" };
    let runs = term.as_ref().map_or(0, |term| term.runner.queues.len());
    info!(runs_under_way = runs, "stopping: no more runs start; containers {containers}");
    // Otherwise the graceful stop waits for clients that follow an output or events.
    open_streams.cancel();
    if stopped_by_itself.is_none() {
        handle.stop(true).await;
    }
    if let Some(term) = term {
        term.end("it is stopping", config.stop_runs).await;
        // Only with a term: after a takeover the store is another server's to write.
        process.note_end().await;
    }
    process.close().await;
    if let Some(path) = socket_file {
        remove_socket(&path);
    }
    info!("stopped");
    result_of(stopped_by_itself)
}

/// Why a server is in no term any more.
const DEPOSED: &str = "another server has taken over the store";

/// The engines of a term, each with connections of its own; the first is the default.
async fn engines(config: &Config) -> Result<EngineRegistry, ServerError> {
    let limits = EngineLimits {
        max_starting: config.max_starting,
        max_running: config.max_running,
        queue: config.queue,
    };
    let pulls = PullLimits { max_pulling: config.max_pulling, pull_timeout: config.pull_timeout };
    let named = |name: &str, kind: EngineKind, labels, connected| {
        let ConnectedEngine { engine, urls } = connected;
        let about = EngineAbout { kind: kind.as_str(), urls, labels };
        NamedEngine::new(name, about, engine, limits)
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
