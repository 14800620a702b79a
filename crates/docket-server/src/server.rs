//! Puts the parts together, and stops them in order.

mod life;
mod machine_check;
mod zone_data;

use std::{path::PathBuf, sync::Arc};

use actix_web::web::Data;
use chrono::{DateTime, Utc};
use docket_model::{
    Specification, Zone,
    container::UnknownOptions,
    journal::{Entry, Event},
};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::{
    clock::{Clock, SystemClock},
    config::{Config, ConfigError, Listener},
    engine::{Engine, EngineError},
    file::{self, FileError},
    http::{self, Api, Forecasts, Limits, ServeError, Sessions, WrongTokens},
    runner::{EngineHealth, Runner, Surroundings},
    scheduler::{Scheduler, Ticks},
    store::{Condition, Push, Store, StoreError},
    warnings::Warnings,
};

use self::{life::Life, machine_check::check_machine, zone_data::ZoneData};

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
    /// The store was moved, or copied, from another machine.
    #[error(
        "the store {0} was last served on another machine, with the same engine: make sure that no \
         server there uses it any more, and start this one with `--restored` once"
    )]
    OtherMachine(String),
    /// The same, and the engine, then or now, has no id by which to know it again.
    #[error(
        "the store {0} was last served on another machine, and its engine may be the same: an engine \
         without a lasting id, such as Podman, cannot be told from another one. Make sure that no server \
         on the other machine uses the store any more, and start this one with `--restored` once"
    )]
    UnidentifiedEngine(String),
    /// The same, and the engine does not answer.
    #[error(
        "the store {0} was last served on another machine, and the engine does not answer, so it may \
         be the same: start this server when it answers, or with `--restored` once if no server on the \
         other machine uses the store any more"
    )]
    UnknownEngine(String, #[source] EngineError),
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
    let parts = Parts::of(&config).await?;
    let Parts { store, engine, clock, health, source, runner, .. } = &parts;
    let life = Life {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        ticks: Arc::clone(&parts.ticks),
    };
    let absence = life.absence();
    for pause in life.outages().into_iter().chain(absence) {
        runner.remember(pause);
    }
    life.settle_copy(config.time_zone).await?;
    life.take_zone(config.time_zone, absence).await?;
    life.pause(config.paused).await?;
    if let Some(source) = source {
        source.load().await?;
    }
    let scheduler = Scheduler::new(
        Arc::clone(runner),
        store.changes(),
        health,
        Arc::clone(clock),
        config.time_zone,
        Arc::clone(&parts.ticks),
    );
    let url = listener.url(&config.access)?;
    let socket_file = listener.path();
    life.begin(runner).await?;
    runner.watch_pause_end();
    let api = parts.api(&config, socket_file.is_some());
    let open_answers = api.stopping.clone();
    let server = http::serve(Data::new(api), listener)?;
    let handle = server.handle();

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let (watched, health) = (stop.clone(), Arc::clone(health));
    let (engine, clock) = (Arc::clone(engine), Arc::clone(clock));
    tasks.spawn(async move { health.watch_over(&*engine, &*clock, watched).await });
    if let Some(source) = source {
        tasks.spawn(Arc::clone(source).reload_on_hangup(stop.clone())?);
    }
    tasks.spawn(Arc::clone(runner).begin(absence));
    tasks.spawn(Arc::clone(runner).clean_up());
    let zone_data = ZoneData {
        store: Arc::clone(store),
        clock: Arc::clone(&parts.clock),
        runner: Arc::clone(runner),
    };
    tasks.spawn(zone_data.watch(stop.clone()));
    tasks.spawn(Life::go_on(Arc::clone(runner), stop.clone()));
    let propose_no_more = CancellationToken::new();
    let proposing = tokio::spawn(scheduler.run(propose_no_more.clone()));
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
    let containers = if config.stop_runs { "are stopped" } else { "run on" };
    info!("stopping: no run starts any more, containers {containers}");
    open_answers.cancel();
    if ended_by_itself.is_none() {
        handle.stop(true).await;
    }
    propose_no_more.cancel();
    log_panic(proposing.await);
    if config.stop_runs {
        // Whoever waits for the engine meanwhile is still told when it is back.
        runner.stop_runs().await;
    }
    stop.cancel();
    tasks.close();
    runner.stop().await;
    tasks.wait().await;
    life.end(runner).await;
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

/// What a server is made of, before anything of it moves.
struct Parts {
    store: Arc<dyn Store>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    health: Arc<EngineHealth>,
    ticks: Arc<Ticks>,
    source: Option<Arc<Source>>,
    runner: Arc<Runner>,
}

impl Parts {
    async fn of(config: &Config) -> Result<Self, ServerError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let opening = config.clone();
        let opened = tokio::task::spawn_blocking(move || opening.store());
        let store = opened.await.map_err(std::io::Error::other)??;
        let engine = config.engine()?;
        let health = Arc::new(EngineHealth::new());
        if !config.restored {
            check_machine(&*store, &*engine).await?;
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
            life: listed_life(&*store, clock.now()).await?,
        }));
        let source = config.file.clone().map(|path| {
            Arc::new(Source {
                path,
                options: config.unknown_options,
                has_env_dir: config.env_dir.is_some(),
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                zone: config.time_zone,
                runner: Arc::clone(&runner),
                file_error: Arc::default(),
            })
        });
        Ok(Self { store, engine, clock, health, ticks: Arc::default(), source, runner })
    }

    fn api(&self, config: &Config, is_local_socket: bool) -> Api {
        let file_error = self.source.as_ref().map(|source| Arc::clone(&source.file_error));
        Api {
            store: Arc::clone(&self.store),
            runner: Arc::clone(&self.runner),
            health: Arc::clone(&self.health),
            clock: Arc::clone(&self.clock),
            ticks: Arc::clone(&self.ticks),
            zone: config.time_zone,
            access: config.access.clone(),
            is_local_socket,
            max_body: config.max_body,
            unknown_options: config.unknown_options,
            has_file: self.source.is_some(),
            has_env_dir: config.env_dir.is_some(),
            started: self.clock.now(),
            file_error: file_error.unwrap_or_default(),
            forecasts: Forecasts::default(),
            sessions: Sessions::default(),
            wrong_tokens: WrongTokens::default(),
            stopping: CancellationToken::new(),
            limits: Limits::new(config.max_body),
        }
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

/// How many characters of why a file was not loaded go to the journal: the log has all.
const LONGEST_REASON: usize = 1000;

/// The file whose allocations are in force.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    options: UnknownOptions,
    has_env_dir: bool,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// The zone of allocations that name none.
    zone: Zone,
    runner: Arc<Runner>,
    /// Why the file as it is now is not in force.
    file_error: Arc<Mutex<Option<String>>>,
}

impl Source {
    /// Loads the file: all of it, or nothing. Returns how many allocations it has.
    async fn load(&self) -> Result<usize, FileError> {
        let (path, options) = (self.path.clone(), self.options);
        let read = tokio::task::spawn_blocking(move || file::read(&path, options)).await;
        let file::Read { specifications: read, origin, by } = read.map_err(|error| {
            FileError::Unreadable { path: self.path.clone(), source: std::io::Error::other(error) }
        })??;
        let warnings = Warnings::of(&read, self.clock.now(), self.zone);
        let specifications: Vec<_> = read.into_iter().map(|read| read.specification).collect();
        let wants_env_dir =
            |wanted: &&Specification| !wanted.policies.env_files.is_empty() && !self.has_env_dir;
        if let Some(wanting) = specifications.iter().find(wants_env_dir) {
            return Err(FileError::NoEnvDir(wanting.name.clone()));
        }
        let count = specifications.len();
        self.runner.decide_due(&specifications).await;
        let push = Push {
            specifications,
            origin,
            complete: true,
            at: self.clock.now(),
            by,
            only_if: Condition::Nothing,
            circumstances: self.runner.circumstances(),
        };
        let effects = self.store.push(push).await?;
        warnings.log(&effects);
        info!(file = %self.path.display(), "{count} {} loaded", if count == 1 { "allocation" } else { "allocations" });
        Ok(count)
    }

    /// Loads the file again; one that became bad leaves the old allocations in force.
    async fn reload(&self) {
        let file = self.path.display().to_string();
        let (file_error, event) = match self.load().await {
            Ok(allocations) => (None, Event::FileLoaded { file, allocations }),
            Err(error) => {
                let error = chain(&error);
                error!(error, "the file is not loaded: what was loaded before stays in force");
                let reason = short_line(&error);
                (
                    Some(format!("{file} is not in force: {error}")),
                    Event::FileRejected { file, reason },
                )
            }
        };
        *self.file_error.lock() = file_error;
        let entry = Entry { at: self.clock.now(), allocation: None, event, by: None };
        self.runner.record(entry).await;
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
                self.reload().await;
            }
        })
    }
}

/// The life of this server. Where the store cannot be written, it is listed before anything starts.
async fn listed_life(
    store: &dyn Store,
    at: DateTime<Utc>,
) -> Result<docket_model::Life, StoreError> {
    let life = store.new_life(at);
    match store.begin_life(life).await {
        // A new store starts things at once, because there is nothing to look at before.
        Err(error) if store.about().is_new => Err(error),
        Err(error) => {
            warn!(%error, "store write failed: nothing starts before the store can be written");
            Ok(life)
        }
        Ok(()) => Ok(life),
    }
}

/// A text on one line of the journal, of a length that fits there.
fn short_line(text: &str) -> String {
    let line = text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let Some((end, _)) = line.char_indices().nth(LONGEST_REASON) else { return line };
    format!("{}…", line.get(..end).unwrap_or_default())
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
