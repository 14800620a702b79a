//! Begins a term and ends it: recovery, scheduler, runner and clean-up, with engines of their own.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use docket_model::{Life, journal::Pause};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{ServerError, server_journal_entries::SIGN_OF_LIFE, shared_by_terms::Process};
use crate::{
    background::{Background, Failure, Schedule},
    cleanup::sweep_orphans,
    engine::engine_registry::{EngineRegistry, NamedEngine},
    notify::Notifier,
    runner::{Runner, StoreAccess, Surroundings, stop_all_runs},
    scheduler::Scheduler,
    store::StoreError,
    term_tasks::Term,
};

/// How long decisions under way may take when a term ends. One that cannot be written is repeated until the
/// term has ended, so without a limit each would wait for the other.
const LAST_DECISIONS: Duration = Duration::from_secs(5);

/// A term of this process, until [`Self::end`].
#[derive(Debug)]
pub(crate) struct RunningTerm {
    process: Arc<Process>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) background: Background,
    /// Stops the scheduler, before everything else.
    stop_scheduler: CancellationToken,
    scheduler_stopped: CancellationToken,
}

impl Process {
    /// Begins a term with these engines. The term before, if there was one, has ended.
    ///
    /// # Errors
    /// If the store cannot begin a term or be brought up to date, or if the file of allocations has
    /// errors when the first term begins.
    pub(crate) async fn begin_term(
        self: &Arc<Self>,
        engines: EngineRegistry,
    ) -> Result<RunningTerm, ServerError> {
        let is_first = self.left_at.lock().is_none();
        if is_first {
            self.log_store();
        } else {
            self.store.begin_term().await?;
        }
        let (term, engines) =
            (Term::new(self.terms.fetch_add(1, Ordering::Relaxed) + 1), Arc::new(engines));
        // Read before the first write of this server: if that fails, its own outage is noted beside these.
        let outages = if is_first { self.outages() } else { Vec::new() };
        let life = listed_life(&self.store).await?;
        let runner = Arc::new(Runner::new(Surroundings {
            term,
            store: Arc::clone(&self.store),
            engines: Arc::clone(&engines),
            zone: self.settings.zone,
            namespace: self.settings.namespace.clone(),
            env_dir: self.settings.env_dir.clone(),
            life,
            // A store that was made when the server started knows all that there is to know.
            is_first_life: is_first && self.store.about().is_new,
        }));
        match self.take_up(&runner, is_first, outages).await {
            Ok((scheduler, absence)) => Ok(self.start(runner, &engines, scheduler, absence)),
            Err(error) => {
                runner.records.term.end().await;
                runner.retention.close().await;
                Err(error)
            }
        }
    }

    /// Takes up what the store has; from the end of it on, requests reach the runner. Returns the time
    /// without a server, or without a term, before now.
    async fn take_up(
        &self,
        runner: &Arc<Runner>,
        is_first: bool,
        outages: Vec<Pause>,
    ) -> Result<(Scheduler, Option<Pause>), ServerError> {
        let absence = self.prepare(runner, is_first, &outages).await?;
        let changes = self.store.subscribe().allocations();
        let scheduler = Scheduler::new(
            Arc::clone(runner),
            changes,
            Arc::clone(&self.clock),
            self.settings.zone,
            Arc::clone(&self.ticks),
        );
        self.note_begin(is_first, outages).await;
        // Before the port opens: a manual run is decided beside the runs that were under way.
        runner.take_up().await?;
        runner.server_pause().watch_end();
        self.port.open(Arc::clone(runner));
        Ok((scheduler, absence))
    }

    /// Brings the store up to date before anything starts. Returns the time without a server, or without
    /// a term, before now.
    async fn prepare(
        &self,
        runner: &Arc<Runner>,
        is_first: bool,
        outages: &[Pause],
    ) -> Result<Option<Pause>, ServerError> {
        let absence = self.absence();
        // First, because instants that are recorded as missed below name these as their reason.
        for pause in outages.iter().cloned().chain(absence.clone()) {
            self.store.remember(pause);
        }
        if is_first {
            self.log_absence(absence.as_ref());
            self.settle_copy().await?;
            self.take_zone(absence.clone()).await?;
            self.pause().await?;
        }
        match &self.file {
            Some(file) if is_first => drop(file.load(runner).await?),
            // The error is logged, and what was loaded before stays in force.
            Some(file) => drop(file.reload(runner).await),
            None => {}
        }
        Ok(absence)
    }

    /// Sends notifications once things may start: another server with a copy of the store sends them otherwise.
    fn notify(&self, runner: Arc<Runner>) -> impl Future<Output = ()> + Send + 'static {
        let (store, settings) = (Arc::clone(&self.store), self.settings.notifier.clone());
        async move {
            let term = &runner.records.term;
            if term.unless_ended(runner.context.standby.may_start()).await.is_ok() {
                Notifier::new(store, term.clone(), settings).run().await;
            }
        }
    }

    /// Starts the tasks of a term. `absence` is the time without a server before now.
    fn start(
        self: &Arc<Self>,
        runner: Arc<Runner>,
        engines: &EngineRegistry,
        scheduler: Scheduler,
        absence: Option<Pause>,
    ) -> RunningTerm {
        let background = self.background.of_term();
        for NamedEngine { engine, health, .. } in engines.all().map(AsRef::as_ref) {
            let (engine, ids) = (Arc::clone(engine), Arc::clone(&engines.ids));
            health.watch_over(engine, Arc::clone(&self.clock), ids, &background);
        }
        background.service("engine-outages", runner.engine_follower().follow_all());
        let store = Arc::clone(&self.store);
        background.periodic(Schedule::every("sign-of-life", SIGN_OF_LIFE), move || {
            let store = Arc::clone(&store);
            async move {
                store.sign_of_life().await;
                store.trouble().map_or(Ok(()), |trouble| Err(Failure::logged(trouble.reason)))
            }
        });
        background.service("recovery", Arc::clone(&runner).begin(absence));
        background.service("orphan-cleanup", sweep_orphans(Arc::clone(&runner)));
        background.service("notifier", self.notify(Arc::clone(&runner)));
        let (stop_scheduler, scheduler_stopped) =
            (CancellationToken::new(), CancellationToken::new());
        // A guard, so that a scheduler that panics counts as stopped, too.
        let (stop, stopped) = (stop_scheduler.clone(), scheduler_stopped.clone().drop_guard());
        background.service("scheduler", async move {
            let _stopped = stopped;
            scheduler.run(stop).await;
        });
        let process = Arc::clone(self);
        RunningTerm { process, runner, background, stop_scheduler, scheduler_stopped }
    }
}

impl RunningTerm {
    /// Ends the term: requests reach no runner any more (`reason` says why, as a clause), then the
    /// scheduler stops, then the runs if asked for, then everything else. Containers keep running
    /// otherwise.
    pub(crate) async fn end(self, reason: &str, stop_runs: bool) {
        self.stop_scheduler.cancel();
        if timeout(LAST_DECISIONS, self.scheduler_stopped.cancelled()).await.is_err() {
            warn!("decisions under way are not waited for: they could not be written in time");
        }
        if stop_runs {
            // The engine health check still runs, so runs that wait for the engine go on when it is back.
            stop_all_runs(&self.runner.records, &self.runner.retention).await;
        }
        self.process.port.close(reason);
        self.background.stop();
        self.runner.records.term.end().await;
        // After the tasks, which may pass on finished containers until they end.
        self.runner.retention.close().await;
        self.background.ended().await;
        *self.process.left_at.lock() = Some(self.process.clock.now());
        debug!(term = self.runner.records.term.number(), "the term has ended");
    }
}

/// Adds a life to the store. If the store cannot be written, nothing starts before it can be.
async fn listed_life(store: &Arc<StoreAccess>) -> Result<Life, StoreError> {
    let life = store.new_life(store.now());
    // The failure is logged there, and the life is listed before anything starts.
    match store.record_result(store.begin_life(life).await) {
        // A new store has no earlier runs to inspect, so its server would start runs at once.
        Err(error) if store.about().is_new => Err(error),
        _ => Ok(life),
    }
}
