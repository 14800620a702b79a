//! What the terms of a process share: the store, the clock, and the port through which requests reach
//! the runner of the present term.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use actix_web::web::Data;
use chrono::{DateTime, Utc};
use docket_model::Zone;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{ServerError, reload_time_zones};
use crate::{
    background::{Background, Failure, Schedule},
    clock::{Clock, SystemClock},
    config::{Config, Namespace},
    file_source::{FileSettings, FileSource, FileStatus},
    http::{
        Allocations, Api, Authentication, Forecasts, Limits, MetricsSettings, NotifyTester,
        ServerStatus, Sessions, SpecificationSettings, WrongTokens,
    },
    notify::{HttpClient, NotifierSettings},
    observer::metrics::Metrics,
    runner::{RunnerPort, StoreAccess},
    scheduler::Ticks,
    store::Store,
};

/// How often the zone files are read. There are few of them, and they are small.
const ZONE_DATA: Duration = Duration::from_secs(15);

/// How runs are carried out in each term.
#[derive(Debug, Clone)]
pub(crate) struct TermSettings {
    /// The zone of allocations that name none.
    pub(crate) zone: Zone,
    pub(crate) namespace: Namespace,
    /// Where the files of `EnvFiles` are.
    pub(crate) env_dir: Option<PathBuf>,
    /// True if the server is paused when its first term begins.
    pub(crate) is_paused: bool,
    /// Where notifications go.
    pub(crate) notifier: NotifierSettings,
}

#[cfg(any(test, feature = "simulation"))]
impl TermSettings {
    /// Those of a server in this zone that sends no notifications.
    #[expect(clippy::expect_used, reason = "the namespace is a valid one")]
    pub(crate) fn for_tests(zone: Zone) -> Self {
        Self {
            zone,
            namespace: "docket".parse().expect("a valid namespace"),
            env_dir: None,
            is_paused: false,
            notifier: crate::notify::no_notifications(),
        }
    }
}

/// What outlives a term.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) store: Arc<StoreAccess>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ticks: Arc<Ticks>,
    pub(crate) port: Arc<RunnerPort>,
    pub(crate) background: Background,
    pub(crate) file: Option<FileSource>,
    pub(crate) settings: TermSettings,
    pub(super) metrics: Arc<Metrics>,
    /// How many terms this process has begun.
    pub(super) terms: AtomicU64,
    /// When the last of them ended.
    pub(super) left_at: Mutex<Option<DateTime<Utc>>>,
}

impl Process {
    /// A process that serves a store, in no term yet.
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, settings: TermSettings) -> Self {
        Self {
            store: StoreAccess::new(Arc::new(store), Arc::clone(&clock)),
            background: Background::new(Arc::clone(&clock)),
            clock,
            ticks: Arc::default(),
            port: RunnerPort::new(),
            file: None,
            settings,
            metrics: Arc::default(),
            terms: AtomicU64::new(0),
            left_at: Mutex::default(),
        }
    }

    /// Opens the store of a configuration.
    pub(super) async fn open(config: &Config, metrics: Arc<Metrics>) -> Result<Self, ServerError> {
        let opening = config.clone();
        // Opening a file checks it and may upgrade it, which blocks.
        let opened = tokio::task::spawn_blocking(move || opening.backend());
        let backend = opened.await.map_err(std::io::Error::other)??;
        let settings = TermSettings {
            zone: config.time_zone,
            namespace: config.namespace.clone(),
            env_dir: config.env_dir.clone(),
            is_paused: config.paused,
            notifier: NotifierSettings {
                notify: Arc::clone(&config.notify),
                zone: config.time_zone,
                public_url: config.access.public_url.clone(),
                env_dir: config.env_dir.clone(),
                post: Arc::new(HttpClient::default()),
            },
        };
        let observer = Arc::clone(&metrics) as _;
        let store = Store::open_observed(backend, observer).await?;
        store.set_default_notify(Arc::clone(&config.notify.default));
        let process = Self::new(store, Arc::new(SystemClock), settings);
        let file = config.file.clone().map(|path| FileSource {
            settings: FileSettings {
                path,
                unknown_options: config.unknown_options,
                has_env_dir: config.env_dir.is_some(),
                notify: Arc::clone(&config.notify),
            },
            store: Arc::clone(&process.store),
            status: FileStatus::default(),
        });
        Ok(Self { file, metrics, ..process })
    }

    /// Reloads the file of allocations on each SIGHUP.
    pub(super) fn reload_on_hangup(self: &Arc<Self>) -> std::io::Result<()> {
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
        let process = Arc::clone(self);
        self.background.periodic(schedule, move || {
            let process = Arc::clone(&process);
            async move {
                // Between terms nothing is changed; each term begins with a load.
                match (&process.file, process.port.runner()) {
                    (Some(file), Ok(runner)) => file.reload(&runner).await.map_err(Failure::logged),
                    _ => Ok(()),
                }
            }
        });
        Ok(())
    }

    /// Keeps the zone data in use as new as the host's.
    pub(super) fn update_zone_data(self: &Arc<Self>) {
        let process = Arc::clone(self);
        self.background.periodic(Schedule::every("zone-data", ZONE_DATA), move || {
            let process = Arc::clone(&process);
            async move {
                // Between terms nothing is decided, so the rules stay.
                let Ok(runner) = process.port.runner() else { return Ok(()) };
                let update = reload_time_zones::update(&runner, &process.ticks);
                update.await.map_err(|error| Failure::new(error.to_string()))
            }
        });
    }

    pub(super) fn api(self: &Arc<Self>, config: &Config, is_local_socket: bool) -> Api {
        let allocations = Allocations {
            store: Arc::clone(&self.store),
            port: Arc::clone(&self.port),
            clock: Arc::clone(&self.clock),
            zone: config.time_zone,
        };
        let specifications = SpecificationSettings {
            max_body: config.max_body,
            unknown_options: config.unknown_options,
            has_env_dir: config.env_dir.is_some(),
            notify: Arc::clone(&config.notify),
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
            background: self.background.clone(),
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
            metrics: Data::new(MetricsSettings {
                metrics: Arc::clone(&self.metrics),
                allocations: config.metrics_allocations,
            }),
            notify_tester: Data::new(NotifyTester(Arc::clone(&self.settings.notifier.post))),
        }
    }

    /// Ends what outlives the terms; the last term has ended.
    pub(super) async fn close(&self) {
        // Before the store is closed, because the tasks write to it.
        self.background.stop();
        self.background.ended().await;
        self.store.close().await;
    }
}
