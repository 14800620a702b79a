//! What every engine keeps: run for each of them.

mod engine_check;
mod lifecycle;
mod live_logs;
mod runs;

use std::{collections::BTreeMap, sync::Arc};

use chrono::DateTime;
use docket_model::{
    FieldPath, Life, Specification,
    allocation::Pull,
    container::UnknownOptions,
    run::{Exit, Instant},
};
use docket_server::engine::{
    Captured, Condition, Engine, EngineError, Finding, Follow, Handle, Identity, Log, LogCursor,
    Observation, Owner, Plan, Prepared,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::{engine_check::*, lifecycle::*, live_logs::*, runs::*};

/// More than any test writes.
pub(crate) const PLENTY: usize = 8 << 20;

/// An engine under test, and an image on it that has a shell.
pub(crate) struct Subject {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) image: String,
    pub(crate) namespace: String,
    pub(crate) store: Uuid,
}

impl Subject {
    pub(crate) fn new(engine: Arc<dyn Engine>, image: &str) -> Self {
        let store = Uuid::new_v4();
        let namespace = format!("test-{:08x}", store.as_fields().0);
        Self { engine, image: image.to_owned(), namespace, store }
    }

    /// Whose containers its plans are.
    pub(crate) fn owner(&self) -> Owner {
        Owner { namespace: self.namespace.as_str().into(), store: self.store }
    }

    /// A plan for a container of these options; each name is used once in a test.
    pub(crate) fn plan(&self, name: &str, mut container: Value) -> Plan {
        let config = container["Config"].as_object_mut().unwrap();
        config.entry("Image").or_insert_with(|| self.image.clone().into());
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
            life: Life::new(1, DateTime::UNIX_EPOCH),
        }
    }

    /// A plan for a shell script.
    pub(crate) fn script(&self, name: &str, script: &str) -> Plan {
        self.plan(name, json!({"Config": {"Cmd": ["sh", "-c", script]}}))
    }

    /// Creates and starts.
    pub(crate) async fn begin(&self, plan: &Plan) -> Prepared {
        let made = self.engine.prepare(plan).await.unwrap();
        self.engine.launch(&made.handle).await.unwrap();
        made
    }

    /// Begins, and waits for the first word that the container writes.
    pub(crate) async fn begin_and_hear(&self, plan: &Plan) -> Prepared {
        let made = self.begin(plan).await;
        let mut live = self.engine.logs(&made.handle, LogCursor::behind(0), Follow::ToEnd);
        live.next().await.unwrap().unwrap();
        made
    }

    /// Watches a container to its end, however often a watch of it breaks off.
    pub(crate) async fn follow(&self, id: &Handle) -> Result<Exit, EngineError> {
        follow(&*self.engine, id).await
    }

    /// Reads live output to its end; a follow that breaks off is begun again behind what was read.
    pub(crate) async fn follow_output(
        &self,
        id: &Handle,
        live: Log,
        written: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        let mut live = live;
        loop {
            match live.next().await {
                None => return Ok(()),
                Some(Ok((_, chunk))) => written.extend_from_slice(&chunk.bytes),
                Some(Err(EngineError::Unreachable(_))) => {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    live = self.engine.logs(
                        id,
                        LogCursor::behind(written.len() as u64),
                        Follow::ToEnd,
                    );
                }
                Some(Err(error)) => return Err(error),
            }
        }
    }

    /// Tries a container out; what the check made is removed afterwards.
    pub(crate) async fn check(&self, plan: &Plan, pull: Pull) -> Vec<Finding> {
        let trials = self.engine.trials().unwrap();
        let trial = trials.examine(plan, pull).await.unwrap();
        let tried = trials.try_out(&trial).await.unwrap();
        trials.clean_up(&trial).await.unwrap();
        [trial.findings, tried].concat()
    }

    /// From the creation to the removal.
    pub(crate) async fn run(&self, plan: &Plan) -> (Exit, Captured) {
        let made = self.begin(plan).await;
        let exit = self.follow(&made.handle).await.unwrap();
        let captured = self.engine.read_log(&made.handle, PLENTY).await.unwrap();
        self.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
        assert_eq!(self.engine.read_log(&made.handle, PLENTY).await, Err(EngineError::Gone));
        (exit, captured)
    }
}

/// Watches a container to its end, as the runner does: a watch that breaks off is begun again.
pub(crate) async fn follow(engine: &dyn Engine, id: &Handle) -> Result<Exit, EngineError> {
    loop {
        match engine.watch(id).collect::<Vec<_>>().await.pop().unwrap() {
            Ok(Observation::Ended(exit)) => return Ok(exit),
            Ok(Observation::Gone(_)) => return Err(EngineError::Gone),
            Ok(_) | Err(EngineError::Unreachable(_)) => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error),
        }
    }
}
