//! The contract of every engine, a real one and the scripted one alike: this module is compiled into the tests of
//! both, and `behaviours_by_engine_kind` lists its behaviours.

mod behaviours_by_engine_kind;
mod end;
mod late;
mod list;
mod nodes;
mod output;
mod prepare;
mod start;
mod take_over;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::DateTime;
use docket_model::{
    FieldPath, Life, Specification,
    allocation::{Placement, Pull},
    container::UnknownOptions,
    output::Stream,
    run::{Exit, ExitCause, Instant},
};
use docket_server::engine::{
    Engine, EngineError, Finding, Follow, Handle, Identity, Launch, LogCursor, Observation, Owner,
    Plan, Prepared, Starts,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::{
    behaviours_by_engine_kind::*, end::*, late::*, list::*, nodes::*, output::*, prepare::*,
    start::*, take_over::*,
};

/// More than any test writes.
pub(crate) const PLENTY: usize = 8 << 20;

/// What the program of a container does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    /// Ends at once with this exit code.
    Ends(i64),
    /// Prints these lines, some time apart, and ends with this exit code.
    Prints(&'static [(Stream, &'static str)], i64),
    /// Prints [`long_output`], and ends with exit code 0.
    PrintsLong,
    /// Prints `up`; once it is asked to end it prints `asked` and ends with exit code 7.
    EndsWhenAsked,
    /// Prints `up`, and runs until it is killed.
    IgnoresRequestToEnd,
    /// Its file is not in the image.
    HasNoFile,
    /// The engine does not have its image.
    HasNoImage,
}

/// A request that a bed can hold on its way to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// It creates a container.
    Prepare,
    /// It starts a container that was prepared.
    Launch,
}

/// What happens to an engine and its containers beside the calls under test.
#[async_trait]
pub(crate) trait TestBed: Send + Sync {
    /// The options of a container with this program.
    fn container(&self, program: Program) -> Value;

    /// Another program kills the container.
    fn kill(&self, handle: &Handle);

    /// Another program removes the container, whether it runs or not.
    fn remove_by_force(&self, handle: &Handle);

    /// The engine stops answering.
    fn crash(&self);

    /// The engine answers again, with the containers that it had.
    async fn restart(&self);

    /// True where the engine itself has lost how a container ended that was stopped: its exit code is reported to
    /// nothing that asks.
    fn has_lost_end(&self, _: &Handle) -> bool {
        false
    }

    /// The next such request gets no answer, and is on its way until [`TestBed::deliver`].
    fn hold(&self, request: Request);

    /// What is held reaches the engine, which has answered it then; returns how many requests that were.
    async fn deliver(&self) -> usize;

    /// True where the engine has an id that it keeps.
    fn has_lasting_id(&self) -> bool {
        true
    }
}

/// An engine under test.
pub(crate) struct Subject {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) bed: Arc<dyn TestBed>,
    pub(crate) namespace: String,
    pub(crate) store: Uuid,
}

impl Subject {
    pub(crate) fn new(engine: Arc<dyn Engine>, bed: Arc<dyn TestBed>) -> Self {
        let store = Uuid::new_v4();
        let namespace = format!("test-{:08x}", store.as_fields().0);
        Self { engine, bed, namespace, store }
    }

    /// Whose containers its plans are.
    pub(crate) fn owner(&self) -> Owner {
        Owner { namespace: self.namespace.as_str().into(), store: self.store }
    }

    /// A plan for a container with this program; each name is used once in a test.
    pub(crate) fn plan(&self, name: &str, program: Program) -> Plan {
        self.plan_of(name, &self.bed.container(program))
    }

    /// Tries a container out; what the check made is removed afterwards.
    pub(crate) async fn check(&self, plan: &Plan, pull: Pull) -> Vec<Finding> {
        let trials = self.engine.trials().unwrap();
        let trial = trials.examine(plan, pull).await.unwrap();
        let tried = trials.try_out(&trial).await.unwrap();
        trials.clean_up(&trial).await.unwrap();
        [trial.findings, tried].concat()
    }

    /// A plan for a container of these options.
    pub(crate) fn plan_of(&self, name: &str, container: &Value) -> Plan {
        let posted = json!({"Name": name, "Cron": "@daily", "Container": container});
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        let Specification { name, container, .. } = read.unwrap().specification;
        let identity = Identity {
            namespace: self.namespace.as_str().into(),
            store: self.store,
            allocation: name,
            uid: Uuid::new_v4(),
            instant: "20261121T090000Z".parse::<Instant>().unwrap(),
            attempt: 1.into(),
        };
        Plan {
            identity,
            labels: BTreeMap::new(),
            container,
            environment: Vec::new(),
            command: None,
            pull: Pull::Missing,
            placement: Placement::default(),
            node: None,
            life: Life::new(1, DateTime::UNIX_EPOCH),
            parts: 1,
        }
    }

    /// Prepares and starts a container.
    pub(crate) async fn start(&self, plan: &Plan) -> Prepared {
        let prepared = self.engine.prepare(plan).await.unwrap();
        assert_eq!(prepared.started, self.engine.starts() == Starts::WithPrepare);
        if prepared.started {
            self.wait_for_node(&prepared.handle).await;
        } else {
            self.launch(&prepared.handle).await;
        }
        prepared
    }

    /// Starts a container; where the engine only accepts that, waits until a node has started it.
    pub(crate) async fn launch(&self, handle: &Handle) {
        match self.engine.launch(handle).await.unwrap() {
            Launch::Started => {}
            Launch::Accepted => self.wait_for_node(handle).await,
            launched => panic!("{launched:?}"),
        }
    }

    /// Waits until a node has started a container, where the engine only accepts its start.
    async fn wait_for_node(&self, handle: &Handle) {
        let mut seen = self.engine.watch(handle);
        while let Ok(Observation::Waiting(_)) = self.engine.inspect(handle).await {
            seen.next().await;
        }
    }

    /// Prepares and starts a container, and waits for its first output.
    pub(crate) async fn start_and_read(&self, plan: &Plan) -> Prepared {
        let prepared = self.start(plan).await;
        let mut output = self.engine.logs(&prepared.handle, LogCursor::behind(0), Follow::ToEnd);
        output.next().await.unwrap().unwrap();
        prepared
    }

    /// Watches a container to its end, however often a watch of it breaks off.
    /// Asserts that a container that was stopped ended with this cause, and with this code where one is given, as far as its
    /// engine reports that.
    pub(crate) fn assert_end(
        &self,
        handle: &Handle,
        exit: &Exit,
        end: (Option<i64>, Option<ExitCause>),
    ) {
        let (code, cause) = end;
        if exit.code.is_none() {
            assert!(self.bed.has_lost_end(handle), "{exit:?}");
        } else {
            assert_eq!((exit.code, exit.cause), (code.or(exit.code), cause), "{exit:?}");
        }
    }

    pub(crate) async fn follow(&self, handle: &Handle) -> Result<Exit, EngineError> {
        follow(&*self.engine, handle).await
    }

    /// Kills a container and removes it.
    pub(crate) async fn clean_up(&self, handle: &Handle) {
        use docket_server::engine::{Condition, Stop};

        self.engine.stop(handle, Stop::AtOnce).await.unwrap();
        self.engine.remove(handle, Condition::NotRunning).await.unwrap();
    }
}

/// Watches a container to its end, as the runner does: a watch that breaks off is begun again.
pub(crate) async fn follow(engine: &dyn Engine, handle: &Handle) -> Result<Exit, EngineError> {
    loop {
        match engine.watch(handle).collect::<Vec<_>>().await.pop().unwrap() {
            Ok(Observation::Ended(exit)) => return Ok(exit),
            Ok(Observation::Gone(_)) => return Err(EngineError::Gone),
            Ok(_) | Err(EngineError::Unreachable(_)) => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

pub(crate) async fn it_reports_what_it_is(subject: &Subject) {
    let status = subject.engine.status().await.unwrap();

    assert!(!status.version.is_empty() && status.cores > 0, "{status:?}");
    assert_eq!(status.id.is_some(), subject.bed.has_lasting_id(), "{status:?}");
    assert!(status.api_version.starts_with("1."), "{status:?}");
    assert_eq!(subject.engine.ping().await, Ok(()));
}
