//! One life of a simulated server, with a runtime of its own.

use std::{sync::Arc, time::Duration};

use docket_model::{
    Origin, Zone,
    journal::Suspension,
    run::{Cancellation, ManualRequest, Reason},
};
use tokio::runtime::Runtime;

use super::{
    Request,
    backend::SimulatedBackend,
    engine::SimulatedEngine,
    event::Event,
    machine::{EnginePlace, Machine},
};
use crate::{
    engine::engine_registry::{EngineLimits, EngineRegistry},
    runner::Runner,
    server::{Process, RunningTerm, ServerError, TermSettings},
    store::{ChangeContext, Condition, Control, Push, ServerControl, Store},
};

/// How many containers may be alive, and how many runs may wait for that.
// Small enough that a handful of allocations exceeds them.
const LIMITS: EngineLimits = EngineLimits { max_starting: None, max_running: 6, queue: 4 };
/// How many turns tasks get for what is due at one moment.
const TURNS: usize = 50;

/// A server and its runtime.
#[derive(Debug)]
pub(super) struct Life {
    machine: Arc<Machine>,
    runtime: Runtime,
    process: Arc<Process>,
    /// Nothing between two terms.
    term: Option<RunningTerm>,
}

impl Life {
    /// Starts a server; nothing where its store cannot be read.
    pub(super) fn begin(machine: &Arc<Machine>, is_new: bool) -> Option<Self> {
        // One thread and a paused clock: the order of all tasks follows from the seed.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .ok()?;
        let started = within(machine, &runtime, async {
            let process = open(machine, is_new).await?;
            let term = begin_term(machine, &process).await?;
            Ok::<_, ServerError>((process, term))
        });
        match started {
            Ok((process, term)) => {
                let machine = Arc::clone(machine);
                Some(Self { machine, runtime, process, term: Some(term) })
            }
            Err(error) => {
                machine.record(Event::Note(format!("the server does not start: {error}")));
                None
            }
        }
    }

    /// Ends all tasks where they are.
    pub(super) fn crash(self) {
        let Self { runtime, process, term, .. } = self;
        // First, which drops all tasks where they wait. Otherwise the end of the term would let
        // them finish their steps, which a crash does not.
        drop(runtime);
        drop((process, term));
    }

    /// Stops in order.
    pub(super) fn stop(mut self) {
        self.end_term();
        within(&self.machine, &self.runtime, async {
            // As a real server does last, so that the next one knows how long none was there.
            self.process.store.sign_of_life().await;
            self.process.store.close().await;
        });
    }

    /// Ends the term, if there is one.
    pub(super) fn end_term(&mut self) {
        if let Some(term) = self.term.take() {
            within(&self.machine, &self.runtime, term.end("the simulation ends the term", false));
        }
    }

    /// Begins a term, if there is none; false where the store does not allow it.
    pub(super) fn begin_term(&mut self) -> bool {
        if self.term.is_none() {
            let beginning = begin_term(&self.machine, &self.process);
            self.term = within(&self.machine, &self.runtime, beginning).ok();
        }
        self.term.is_some()
    }

    /// Lets time pass, and what is due then happen.
    pub(super) fn pass(&self, time: Duration) {
        within(&self.machine, &self.runtime, async {
            tokio::time::sleep(time).await;
            // Tasks that wake each other at one moment need a turn each, and a sleep alone gives
            // them one.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        });
    }

    pub(super) fn is_idle(&self) -> bool {
        self.term.as_ref().is_some_and(|term| term.runner.records.queues.is_empty())
    }

    /// Carries a request out, in a task of its own.
    pub(super) fn request(&self, number: u64, request: Request) {
        let (process, machine) = (Arc::clone(&self.process), Arc::clone(&self.machine));
        // Its sender does not wait: further operations may come, or a crash, before the answer.
        self.runtime.spawn(async move {
            let answer = match process.port.runner() {
                Ok(runner) => carry_out(&process.store, &runner, request).await,
                Err(error) => format!("{error:?}"),
            };
            machine.record(Event::Note(format!("answer {number}: {answer}")));
        });
    }
}

/// Lets a runtime run until something is done. The clock stands still between two calls.
fn within<T>(machine: &Machine, runtime: &Runtime, work: impl Future<Output = T>) -> T {
    runtime.block_on(async {
        // Each runtime has a paused clock of its own, which begins anew with each life; the
        // machine's clock adds them up.
        machine.clock.follow_runtime();
        let done = work.await;
        machine.clock.leave_runtime();
        done
    })
}

async fn open(machine: &Arc<Machine>, is_new: bool) -> Result<Arc<Process>, ServerError> {
    let backend = SimulatedBackend { machine: Arc::clone(machine), is_new };
    let store = Store::open(Arc::new(backend)).await?;
    let settings = TermSettings::for_tests(Zone::utc());
    Ok(Arc::new(Process::new(store, machine.clock.clone(), settings)))
}

async fn begin_term(
    machine: &Arc<Machine>,
    process: &Arc<Process>,
) -> Result<RunningTerm, ServerError> {
    let engine = |place| Arc::new(SimulatedEngine { machine: Arc::clone(machine), place });
    let engines = EngineRegistry::new(engine(EnginePlace::First), LIMITS);
    process.begin_term(engines.with("second", engine(EnginePlace::Second), LIMITS)).await
}

/// Does what a handler of the API does, and says what it answers.
async fn carry_out(store: &Store, runner: &Arc<Runner>, request: Request) -> String {
    let now = runner.records.now();
    let context = || ChangeContext::new(now, "simulation");
    match request {
        Request::Push(specification) => {
            let specifications = vec![*specification];
            runner.decide_due(&specifications).await;
            let push = Push {
                specifications,
                origin: Origin::Api,
                complete: false,
                at: runner.records.now(),
                by: "simulation".into(),
                only_if: Condition::Nothing,
                circumstances: runner.circumstances(),
            };
            format!("{:?}", store.push(push).await)
        }
        Request::Delete(name) => {
            format!("{:?}", store.delete(&name, &Origin::Api, context()).await)
        }
        Request::Suspend(name) => {
            let suspension = Suspension::new("simulation", now);
            format!("{:?}", store.control(&name, Control::Suspend(suspension), context()).await)
        }
        Request::Resume(name) => {
            let resume = Control::Resume { is_of_all: false };
            format!("{:?}", store.control(&name, resume, context()).await)
        }
        Request::Pause(time) => {
            let until = time.map(|time| now + time);
            let pause = Suspension { until, ..Suspension::new("simulation", now) };
            let control = ServerControl::Pause(pause);
            format!("{:?}", runner.server_pause().control(control, context()).await)
        }
        Request::Unpause => {
            let control = ServerControl::Unpause;
            format!("{:?}", runner.server_pause().control(control, context()).await)
        }
        Request::Run(name, at) => {
            let by = "simulation".to_owned();
            let request = ManualRequest { by, ..ManualRequest::default() };
            let run = runner.run_manually(&name, request, at).await;
            format!("{:?}", run.map(|run| run.id.to_string()))
        }
        Request::Cancel(name, instant, kill) => {
            let cancellation = Cancellation { reason: Reason::text("simulation"), kill };
            let run = runner.cancel_manually(&name, instant, cancellation).await;
            format!("{:?}", run.map(|run| run.id.to_string()))
        }
    }
}
