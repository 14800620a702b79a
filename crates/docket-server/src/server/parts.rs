//! The components of a server, before any of them runs.

use std::sync::Arc;

use actix_web::web::Data;
use chrono::{DateTime, Utc};
use docket_model::Zone;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{ServerError, life::Life, machine_check::check_machine};
use crate::{
    background::Background,
    clock::{Clock, SystemClock},
    config::Config,
    engine::registry::{EngineLimits, EngineRegistry},
    file_source::{FileSettings, FileSource, FileStatus},
    http::{
        Allocations, Api, Authentication, Forecasts, Limits, ServerStatus, Sessions,
        SpecificationSettings, WrongTokens,
    },
    runner::{Runner, Surroundings},
    scheduler::{Scheduler, Ticks},
    store::{Store, StoreError},
};

pub(super) struct Parts {
    pub(super) store: Arc<Store>,
    pub(super) engines: Arc<EngineRegistry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) background: Arc<Background>,
    pub(super) ticks: Arc<Ticks>,
    pub(super) file: Option<Arc<FileSource>>,
    pub(super) runner: Arc<Runner>,
}

impl Parts {
    /// Opens the store, connects to the engine, and creates what works with them.
    pub(super) async fn of(config: &Config) -> Result<Self, ServerError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let opening = config.clone();
        let opened = tokio::task::spawn_blocking(move || opening.backend());
        let backend = opened.await.map_err(std::io::Error::other)??;
        let store = Arc::new(Store::open(backend).await?);
        let engine = config.engine()?;
        let limits = EngineLimits {
            max_starting: config.max_starting,
            max_running: config.max_running,
            queue: config.queue,
        };
        let engines = Arc::new(EngineRegistry::new(Arc::clone(&engine), limits));
        let background = Arc::new(Background::new(Arc::clone(&clock)));
        if !config.restored {
            check_machine(&store, &*engine).await?;
        }
        let runner = Arc::new(Runner::new(Surroundings {
            store: Arc::clone(&store),
            engines: Arc::clone(&engines),
            clock: Arc::clone(&clock),
            zone: config.time_zone,
            namespace: config.namespace.clone(),
            env_dir: config.env_dir.clone(),
            life: listed_life(&store, clock.now()).await?,
        }));
        let file = config.file.clone().map(|path| {
            Arc::new(FileSource {
                settings: FileSettings {
                    path,
                    unknown_options: config.unknown_options,
                    has_env_dir: config.env_dir.is_some(),
                },
                store: Arc::clone(&store),
                runner: Arc::clone(&runner),
                clock: Arc::clone(&clock),
                status: FileStatus::default(),
            })
        });
        Ok(Self { store, engines, clock, background, ticks: Arc::default(), file, runner })
    }

    pub(super) fn life(&self) -> Life {
        Life {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            ticks: Arc::clone(&self.ticks),
        }
    }

    pub(super) fn scheduler(&self, zone: Zone) -> Scheduler {
        Scheduler::new(
            Arc::clone(&self.runner),
            self.store.changes(),
            Arc::clone(&self.clock),
            zone,
            Arc::clone(&self.ticks),
        )
    }

    pub(super) fn api(&self, config: &Config, is_local_socket: bool) -> Api {
        let allocations = Allocations {
            store: Arc::clone(&self.store),
            runner: Arc::clone(&self.runner),
            clock: Arc::clone(&self.clock),
            zone: config.time_zone,
        };
        let specifications = SpecificationSettings {
            max_body: config.max_body,
            unknown_options: config.unknown_options,
            has_env_dir: config.env_dir.is_some(),
        };
        let authentication = Authentication {
            access: config.access.clone(),
            is_local_socket,
            sessions: Sessions::default(),
            wrong_tokens: WrongTokens::default(),
            stopping: CancellationToken::new(),
        };
        let status = ServerStatus {
            started: self.clock.now(),
            engine: Arc::clone(&self.engines.default_engine().health),
            background: Arc::clone(&self.background),
            ticks: Arc::clone(&self.ticks),
            file: self.file.as_ref().map(|file| file.status.clone()),
        };
        Api {
            allocations: Data::new(allocations),
            specifications: Data::new(specifications),
            authentication: Data::new(authentication),
            status: Data::new(status),
            forecasts: Data::new(Forecasts::default()),
            limits: Data::new(Limits::new(config.max_body)),
        }
    }
}

/// Adds this server's life to the store. If the store cannot be written, nothing starts before it can be.
async fn listed_life(store: &Store, at: DateTime<Utc>) -> Result<docket_model::Life, StoreError> {
    let life = store.new_life(at);
    match store.begin_life(life).await {
        // A new store has no earlier runs to inspect, so its server would start runs at once.
        Err(error) if store.about().is_new => Err(error),
        Err(error) => {
            warn!(%error, "store write failed: nothing starts before the store can be written");
            Ok(life)
        }
        Ok(()) => Ok(life),
    }
}
