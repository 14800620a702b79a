//! Puts the parts together, and stops them in order.

mod life;

use std::{path::PathBuf, sync::Arc};

use actix_web::web::Data;
use docket_model::{Specification, container::UnknownOptions};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::{
    clock::{Clock, SystemClock},
    config::{Config, ConfigError, Listener},
    file::{self, FileError},
    http::{self, Api, ServeError},
    runner::{EngineHealth, Runner, Surroundings},
    scheduler::{Scheduler, Ticks},
    store::{Store, StoreError},
};

use self::life::Life;

/// Why a server did not start, or ended by itself.
#[derive(Debug, Error)]
pub enum ServerError {
    /// What it was told cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of allocations is not taken.
    #[error("the allocations were not loaded")]
    File(#[from] FileError),
    /// The store cannot be opened, or does not tell what is under way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The API cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Serves until `shutdown` is done; then stops in order: the API, the scheduler, what is being
/// written. Containers run on.
///
/// # Errors
/// [`ServerError`] where it cannot start, or where the API ends by itself.
pub async fn serve(
    config: Config,
    listener: Listener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    raise_open_files();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let opening = config.clone();
    let opened = tokio::task::spawn_blocking(move || opening.store());
    let store = opened.await.map_err(std::io::Error::other)??;
    let engine = config.engine()?;
    let health = Arc::new(EngineHealth::new());
    let ticks = Arc::new(Ticks::default());
    let source = config.file.clone().map(|path| {
        Arc::new(Source {
            path,
            options: config.unknown_options,
            has_env_dir: config.env_dir.is_some(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            mistake: Arc::default(),
        })
    });
    if let Some(source) = &source {
        source.load().await?;
    }
    let runner = Arc::new(Runner::new(Surroundings {
        store: Arc::clone(&store),
        engine: Arc::clone(&engine),
        clock: Arc::clone(&clock),
        health: Arc::clone(&health),
        zone: config.time_zone,
        namespace: config.namespace.clone(),
        env_dir: config.env_dir.clone(),
        max_starting: config.max_starting,
        max_running: config.max_running,
        queue: config.queue,
    }));
    let scheduler = Scheduler::new(
        Arc::clone(&runner),
        store.changes(),
        &health,
        Arc::clone(&clock),
        config.time_zone,
        Arc::clone(&ticks),
    );
    let url = listener.url(&config.access)?;
    let socket_file = listener.path();
    let life = Arc::new(Life { store: Arc::clone(&store), clock: Arc::clone(&clock) });
    life.begin(&runner).await?;
    let api = Api {
        store,
        runner: Arc::clone(&runner),
        has_env_dir: config.env_dir.is_some(),
        engine: Arc::clone(&engine),
        health: Arc::clone(&health),
        clock: Arc::clone(&clock),
        ticks,
        zone: config.time_zone,
        is_local_socket: socket_file.is_some(),
        access: config.access,
        max_body: config.max_body,
        unknown_options: config.unknown_options,
        started: clock.now(),
        file_mistake: source.as_ref().map(|source| Arc::clone(&source.mistake)).unwrap_or_default(),
    };
    let server = http::serve(Data::new(api), listener)?;
    let handle = server.handle();

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let watched = stop.clone();
    tasks.spawn(async move { health.watch_over(&*engine, &*clock, watched).await });
    if let Some(source) = source {
        tasks.spawn(source.reload_on_hangup(stop.clone())?);
    }
    tasks.spawn(Arc::clone(&runner).clean_up());
    tasks.spawn(Arc::clone(&life).go_on(stop.clone()));
    let proposing = tokio::spawn(scheduler.run(stop.child_token()));
    let mut serving = tokio::spawn(server);
    info!(
        time_zone = config.time_zone.name(),
        namespace = %config.namespace,
        "docket {} listening on {url}",
        env!("CARGO_PKG_VERSION")
    );

    let ended_by_itself = tokio::select! {
        () = shutdown => None,
        ended = &mut serving => Some(ended),
    };
    info!(
        "stopping: no run starts any more, containers {}",
        if config.stop_runs { "are stopped" } else { "run on" }
    );
    if ended_by_itself.is_none() {
        handle.stop(true).await;
    }
    stop.cancel();
    tasks.close();
    log_panic(proposing.await);
    if config.stop_runs {
        runner.stop_runs().await;
    }
    runner.stop().await;
    tasks.wait().await;
    life.end().await;
    if let Some(path) = socket_file {
        let removed = std::fs::remove_file(&path);
        removed.unwrap_or_else(|error| warn!(path = %path.display(), %error, "socket file stays"));
    }
    info!("stopped");
    match ended_by_itself {
        Some(Ok(ended)) => Ok(ended?),
        Some(Err(panicked)) => Err(std::io::Error::other(panicked).into()),
        None => Ok(()),
    }
}

/// Each run under way holds a connection to the engine, so the soft limit of 1,024 would be felt.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if let Err(error) = raised {
        warn!(%error, "the limit of open files stays as it is");
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "the scheduler ended by itself");
    }
}

/// The file whose allocations are in force.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    options: UnknownOptions,
    has_env_dir: bool,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Why the file as it is now is not in force.
    mistake: Arc<Mutex<Option<String>>>,
}

impl Source {
    /// Loads the file: all of it, or nothing.
    async fn load(&self) -> Result<(), FileError> {
        let (path, options, at) = (self.path.clone(), self.options, self.clock.now());
        let read = tokio::task::spawn_blocking(move || file::read(&path, options, at)).await;
        let push = read.map_err(|error| FileError::Unreadable {
            path: self.path.clone(),
            source: std::io::Error::other(error),
        })??;
        let wants_env_dir =
            |wanted: &&Specification| !wanted.policies.env_files.is_empty() && !self.has_env_dir;
        if let Some(wanting) = push.specifications.iter().find(wants_env_dir) {
            return Err(FileError::NoEnvDir(wanting.name.clone()));
        }
        let count = push.specifications.len();
        self.store.push(push).await?;
        info!(file = %self.path.display(), "{count} allocations loaded");
        Ok(())
    }

    /// Loads the file again with each SIGHUP; one that became bad leaves the old ones in force.
    fn reload_on_hangup(
        self: Arc<Self>,
        stop: CancellationToken,
    ) -> std::io::Result<impl Future<Output = ()>> {
        let mut hangups = signal(SignalKind::hangup())?;
        Ok(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    Some(()) = hangups.recv() => {}
                }
                let mistake = self.load().await.err().map(|error| {
                    let error = chain(&error);
                    error!(error, "the file is not taken: what was loaded before stays in force");
                    format!("{} is not in force: {error}", self.path.display())
                });
                *self.mistake.lock() = mistake;
            }
        })
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
