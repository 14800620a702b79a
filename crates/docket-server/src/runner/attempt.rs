//! One attempt at a run, step by step.

use docket_model::{
    Allocation, Output, RunId,
    run::{ContainerId, Exit, RunState},
};

use tracing::info;

use super::{Runner, Stopped};
use crate::{
    engine::{Captured, EngineError, Identity, Made, Plan, Pull, Pulled},
    store::{Progress, StoreError, keep},
};

/// What became of an attempt.
pub(super) enum Outcome {
    /// It is over.
    Over(Box<Over>),
    /// The server stops; the container, if there is one, runs on.
    LetGo,
}

impl Outcome {
    fn over(
        state: RunState,
        exit: Option<Exit>,
        output: Option<Output>,
        remarks: Vec<String>,
    ) -> Self {
        Self::Over(Box::new(Over { state, exit, output, remarks }))
    }
}

/// How an attempt ended.
pub(super) struct Over {
    pub(super) state: RunState,
    pub(super) exit: Option<Exit>,
    pub(super) output: Option<Output>,
    pub(super) remarks: Vec<String>,
}

/// Why an attempt does not go on to its next step.
enum Break {
    Stopped,
    Engine(EngineError),
    Store(StoreError),
}

impl From<Stopped> for Break {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<EngineError> for Break {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for Break {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// An attempt under way.
pub(super) struct Attempt<'a> {
    runner: &'a Runner,
    id: &'a RunId,
    plan: Plan,
    /// The container, once there is one.
    pub(super) container: Option<ContainerId>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        runner: &'a Runner,
        id: &'a RunId,
        identity: Identity,
        allocation: &Allocation,
    ) -> Self {
        let specification = &allocation.specification;
        let plan = Plan {
            identity,
            labels: specification.labels.clone(),
            container: specification.container.clone(),
            environment: Vec::new(),
            command: None,
        };
        Self { runner, id, plan, container: None }
    }

    /// Goes all the way; what the engine refuses ends the run, what the store refuses is returned.
    pub(super) async fn carry_out(&mut self) -> Result<Outcome, StoreError> {
        match self.steps().await {
            Ok(outcome) => Ok(outcome),
            Err(Break::Stopped) => Ok(Outcome::LetGo),
            Err(Break::Store(error)) => Err(error),
            Err(Break::Engine(error)) => {
                if matches!(error, EngineError::Gone | EngineError::NeverStarted) {
                    self.container = None;
                }
                Ok(failed(&error))
            }
        }
    }

    async fn steps(&mut self) -> Result<Outcome, Break> {
        self.pull().await?;
        let container = self.bring_up().await?;
        let runner = self.runner;
        let exit = runner.unless_stopped(runner.engine.follow(&container)).await??;
        let (output, remarks) = self.capture(&container).await?;
        Ok(Outcome::over(judge(&exit), Some(exit), output, remarks))
    }

    async fn pull(&self) -> Result<(), Break> {
        let runner = self.runner;
        let image = self.plan.container.image();
        let pulling = runner.persistently(|| runner.engine.pull(&image, Pull::default()));
        let pulled = runner.unless_stopped(pulling).await???;
        let Pulled { repository, tag, stale, .. } = pulled;
        self.note(Progress::Pulled { repository, tag, stale }).await
    }

    /// Creates and starts the container, as soon as the gate lets it through.
    async fn bring_up(&mut self) -> Result<ContainerId, Break> {
        let runner = self.runner;
        loop {
            let permit = runner.unless_stopped(runner.gate.enter()).await?;
            let made = match runner.engine.create(&self.plan).await {
                Err(EngineError::Unreachable(reason)) => {
                    // Whoever waits for the engine must not stand in the gate.
                    drop(permit);
                    runner.health.suspect(&reason, runner.clock.now());
                    runner.unless_stopped(runner.health.up()).await?;
                    continue;
                }
                made => made?,
            };
            let Made { id, image, warnings } = made;
            self.container = Some(id.clone());
            let container = id.clone();
            let created = Progress::Created { container, image, remarks: warnings };
            if let Err(refusal) = self.note(created).await {
                // Deleted in this moment: what was never started goes, as if it had never been.
                runner.remove(&id).await;
                return Err(refusal);
            }
            runner.persistently(|| runner.engine.start(&id)).await??;
            if let Err(Break::Store(error)) = self.note(Progress::Started).await {
                info!(run = %self.id, %error, "the run goes on without a record");
            }
            return Ok(id);
        }
    }

    /// Reads the output; one that cannot be read is said to be so, and the run's end stands.
    async fn capture(
        &self,
        container: &ContainerId,
    ) -> Result<(Option<Output>, Vec<String>), Break> {
        let runner = self.runner;
        let read = runner.persistently(|| runner.engine.output(container, keep::OUTPUT)).await?;
        Ok(match read {
            Ok(Captured { output, remark }) => (Some(output), Vec::from_iter(remark)),
            Err(error) => (None, vec![format!("the output could not be read: {error}")]),
        })
    }

    async fn note(&self, progress: Progress) -> Result<(), Break> {
        let at = self.runner.clock.now();
        Ok(self.runner.store.note(self.id, progress, at).await?)
    }
}

fn failed(error: &EngineError) -> Outcome {
    let remarks = match error {
        EngineError::NoSuchImage { reason, .. } => vec![reason.clone()],
        _ => Vec::new(),
    };
    Outcome::over(RunState::Failed(error.to_string()), None, None, remarks)
}

/// Whether a run whose container ended so has succeeded, and if not, why.
fn judge(exit: &Exit) -> RunState {
    if exit.code == 0 && exit.error.is_none() {
        return RunState::Succeeded;
    }
    let code = exit.code;
    let cause = match &exit.error {
        _ if exit.engine_went_down => "the engine or its host went down, ".to_owned(),
        _ if exit.out_of_memory => "out of memory, ".to_owned(),
        Some(error) => format!("{error}, "),
        None if code == 137 => "killed, ".to_owned(),
        None => String::new(),
    };
    RunState::Failed(format!("{cause}exit code {code}"))
}
