//! An engine for tests of what stands above engines: it runs containers in paused time, and can be
//! away.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    Output,
    run::{ContainerId, Exit},
};
use parking_lot::Mutex;

use super::{Captured, Engine, EngineError, EngineInfo, Identity, Made, Plan, Pull, Pulled};
use crate::clock::Clock;

/// What was done to a container, and when by the wall clock.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) identity: Identity,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) starts: u32,
    pub(crate) removed: bool,
}

/// Images say what happens: `exit-3` fails, `slow` is never pulled, `long` runs for an hour.
#[derive(Debug)]
pub(crate) struct ScriptedEngine {
    clock: Arc<dyn Clock>,
    containers: Mutex<HashMap<ContainerId, (String, Seen)>>,
    away: AtomicBool,
}

impl ScriptedEngine {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, containers: Mutex::default(), away: AtomicBool::new(false) }
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// All containers that were ever created, by their instants.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<_> =
            self.containers.lock().values().map(|(_, seen)| seen.clone()).collect();
        seen.sort_by_key(|seen| (seen.identity.instant, seen.identity.allocation.clone()));
        seen
    }

    fn answer(&self) -> Result<(), EngineError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(EngineError::Unreachable("connection refused".to_owned()));
        }
        Ok(())
    }

    fn container(&self, id: &ContainerId) -> Result<(String, Seen), EngineError> {
        self.answer()?;
        self.containers.lock().get(id).cloned().ok_or(EngineError::Gone)
    }
}

#[async_trait]
impl Engine for ScriptedEngine {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.answer()?;
        let (id, version, api_version) = ("E".to_owned(), "0".to_owned(), "1.41".to_owned());
        Ok(EngineInfo { id, version, api_version, cores: 2 })
    }

    async fn pull(&self, image: &str, pull: Pull) -> Result<Pulled, EngineError> {
        self.answer()?;
        match image {
            "slow" => std::future::pending().await,
            "nothing" => Err(EngineError::NoSuchImage {
                image: image.to_owned(),
                reason: "manifest unknown".to_owned(),
            }),
            _ => Ok(Pulled {
                repository: image.to_owned(),
                tag: "latest".to_owned(),
                stale: None,
                was_pulled: pull == Pull::Always,
            }),
        }
    }

    async fn create(&self, plan: &Plan) -> Result<Made, EngineError> {
        self.answer()?;
        let identity = plan.identity.clone();
        let id = ContainerId(format!("{}.{}", identity.allocation, identity.instant).into());
        let created_at = self.clock.now();
        let seen = Seen { identity, created_at, starts: 0, removed: false };
        self.containers.lock().insert(id.clone(), (plan.container.image(), seen));
        Ok(Made { id, image: None, warnings: Vec::new() })
    }

    async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.answer()?;
        let mut containers = self.containers.lock();
        let (_, seen) = containers.get_mut(container).ok_or(EngineError::Gone)?;
        seen.starts += 1;
        Ok(())
    }

    async fn follow(&self, container: &ContainerId) -> Result<Exit, EngineError> {
        let (image, _) = self.container(container)?;
        if image == "long" {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        Ok(Exit {
            image: None,
            code: if image == "exit-3" { 3 } else { 0 },
            out_of_memory: false,
            started_at: None,
            ended_at: Some(self.clock.now()),
            error: None,
            engine_went_down: false,
        })
    }

    async fn output(&self, container: &ContainerId, limit: usize) -> Result<Captured, EngineError> {
        let (image, _) = self.container(container)?;
        let mut output = Output::bounded(limit);
        output.push(image.as_bytes());
        Ok(Captured { output, remark: None })
    }

    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.answer()?;
        if let Some((_, seen)) = self.containers.lock().get_mut(container) {
            seen.removed = true;
        }
        Ok(())
    }
}
