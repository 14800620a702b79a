//! The Docker engine, over bollard. Of schedules, stores and policies nothing is known here.
//!
//! 1. A request without an answer may have been carried out.
//! 2. A time-out or a broken connection is never taken for a refusal.
//! 3. Names and ids alone stand in addresses, and both are checked text.
//! 4. Each call is one attempt: `runner/engine_call_retry.rs` repeats calls.

mod container_events;
mod container_log_cache;
mod container_name;
mod create;
mod engine_check;
mod find_owned_containers;
mod follow_log;
mod inspect;
mod log_decoder;
mod log_timestamps;
mod pending_starts;
mod pull_failure;
mod pull_image;
mod pull_report;
mod read_log;
mod rotated_log;
mod rotated_log_index;
mod start;
mod stop;
#[cfg(test)]
pub(crate) mod tests;
mod watch_container;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use docket_model::allocation::Pull;
use futures_util::StreamExt;
use parking_lot::Mutex;
use serde::Deserialize;

use self::{container_log_cache::Notes, engine_check::TrialContainer, pull_image::Pulls};
pub use super::docker_api::{
    endpoint::{Endpoint, config_folder, default_platform},
    endpoint_error::{ConnectError, Origin},
};
use super::docker_api::{
    engine_client::{ANSWER_LIMIT, Client},
    transport,
};
use super::{
    Captured, Condition, Containers, Disarmed, Engine, EngineCheck, EngineError, EngineStatus,
    Finding, Follow, Found, Handle, Launch, Log, LogCursor, Observation, Observations, Owner, Past,
    Plan, Prepared, Pulled, Refusal, Starts, Stop, TakeOver, Takeover, Target, Trial, bounded,
};

/// How long the engine may take to tell what it is.
// Docker counts containers and images for `/info`, so many of them take it long.
const INFO_LIMIT: Duration = Duration::from_secs(30);

/// The longest label of an engine that is kept, in bytes.
const LONGEST_LABEL: usize = 4096;

/// What can be set about an engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Docker's configuration folder, where the logins at registries are.
    pub config: Option<PathBuf>,
    /// How many images are pulled at once; at least one.
    pub max_pulling: usize,
    /// How long a pull may take.
    pub pull_timeout: Duration,
    /// What images are for where a container does not say: the engine's own platform if absent.
    pub platform: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: config_folder(),
            max_pulling: 8,
            pull_timeout: Duration::from_secs(600),
            platform: None,
        }
    }
}

/// A Docker engine.
#[derive(Debug)]
pub struct DockerEngine {
    client: Client,
    pulls: Pulls,
    /// What images are for where a container does not say.
    platform: Option<String>,
    notes: Arc<Notes>,
    /// The id that the engine gave itself, where two of its answers had the same.
    id: Mutex<Option<Arc<str>>>,
}

/// Makes a client of the engine; it need not be up.
///
/// # Errors
/// [`ConnectError`] where the endpoint's certificates cannot be used.
pub fn connect(endpoint: &Endpoint, settings: Settings) -> Result<DockerEngine, ConnectError> {
    let client = transport::client(endpoint)?;
    let Settings { config, max_pulling, pull_timeout, platform } = settings;
    Ok(DockerEngine {
        client,
        pulls: Pulls::new(config, max_pulling, pull_timeout),
        platform,
        notes: Arc::default(),
        id: Mutex::default(),
    })
}

impl DockerEngine {
    /// Where the engine is and what named it, in words.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.client.endpoint
    }

    /// The id in an answer of the engine, if it is the one in another answer too.
    ///
    /// Podman makes up a new id for each answer, and such an id says nothing.
    async fn lasting_id(&self, id: Option<String>) -> Result<Option<Arc<str>>, EngineError> {
        let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
        let id: Arc<str> = bounded(id).into();
        // Compared once: an id that was the same in two answers needs no further request.
        if self.id.lock().as_ref() == Some(&id) {
            return Ok(Some(id));
        }
        let again = self.client.get_json::<Info>("/info", &[]).await?.id.map(bounded);
        let lasting = (again.as_deref() == Some(&*id)).then_some(id);
        self.id.lock().clone_from(&lasting);
        Ok(lasting)
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.client.ping().await
    }

    fn is_costly_to_reach(&self) -> bool {
        self.client.is_by_process
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        let answers = async {
            let (version, info) = tokio::try_join!(
                self.client.get_json::<Version>("/version", &[]),
                self.client.get_json::<Info>("/info", &[])
            )?;
            Ok((version, self.lasting_id(info.id.clone()).await?, info))
        };
        let answers = tokio::time::timeout(INFO_LIMIT, answers).await;
        let (version, id, info) =
            answers.unwrap_or_else(|_| Err(self.client.no_answer(INFO_LIMIT)))?;
        Ok(EngineStatus {
            id,
            version: bounded(version.version.unwrap_or_default()),
            api_version: bounded(version.api_version.unwrap_or_default()),
            labels: info.labels.unwrap_or_default().iter().filter_map(|text| label(text)).collect(),
            nodes: Some(1),
            cores: info.cores.and_then(|cores| usize::try_from(cores).ok()).unwrap_or_default(),
            time: info.time.as_deref().and_then(inspect::moment_in),
        })
    }

    fn starts(&self) -> Starts {
        Starts::ById
    }

    fn trials(&self) -> Option<&dyn EngineCheck> {
        Some(self)
    }

    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Option<Pulled>, EngineError> {
        let platform = platform.or(self.platform.as_deref());
        self.pulls.pull(&self.client, image, platform, pull).await.map(Some)
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        create::prepare(&self.client, plan, self.platform.as_deref()).await
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        let launched = start::launch(&self.client, &handle.id).await;
        if let Err(EngineError::NotStartable(reason)) = &launched {
            self.notes.note_failed_start(&handle.id, reason);
        }
        launched
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        stop::stop(&self.client, &handle.id, how).await
    }

    /// A container has no version at Docker, so the condition is that it does not run.
    async fn remove(&self, handle: &Handle, _: Condition) -> Result<(), EngineError> {
        // Also if the removal fails: a lost note costs only a request.
        self.notes.forget(&handle.id);
        // Never `force`: that would end a container that runs again.
        let options = RemoveContainerOptionsBuilder::new().v(true).build();
        let removed = self.client.docker.remove_container(&handle.id.0, Some(options));
        match self.client.answer(ANSWER_LIMIT, removed).await {
            Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => Ok(()),
            Err(EngineError::Refused { kind: Refusal::Conflict, message })
                // The other removal has the same result.
                if is_under_way(&message) =>
            {
                Ok(())
            }
            outcome => outcome,
        }
    }
}

#[async_trait]
impl Containers for DockerEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        match self.client.inspect_id(&handle.id).await {
            Ok(inspected) => Ok(match inspected.observation() {
                Observation::Pending(None) => {
                    Observation::Pending(self.notes.failed_start(&handle.id))
                }
                observation => observation,
            }),
            Err(EngineError::Gone) => Ok(Observation::Gone(Past::Unknown)),
            Err(error) => Err(error),
        }
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        Ok(self.client.inspect_id(&handle.id).await?.found())
    }

    fn watch(&self, handle: &Handle) -> Observations {
        watch_container::watch(&self.client, &self.notes, &handle.id)
    }

    /// A position is a number of bytes: Docker hands a log out from its beginning.
    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        let (client, notes) = (self.client.clone(), Arc::clone(&self.notes));
        let chunks = follow_log::output(client, notes, handle.id.clone(), from.bytes(), follow);
        from.place(chunks).boxed()
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        // The watch has noted it at the container's end, which saves most runs a request.
        let form = match self.notes.form(&handle.id) {
            Some(form) => form,
            None => self.client.inspect_id(&handle.id).await?.log_form(),
        };
        let log = read_log::Log { client: &self.client, id: &handle.id, form, notes: &self.notes };
        log.read(limit).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        find_owned_containers::list_owned(&self.client, owner).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        find_owned_containers::list_of_other_stores(&self.client, owner).await
    }
}

#[async_trait]
impl Takeover for DockerEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        pending_starts::take_over(&self.client, self, handle).await
    }

    /// A container that was created late never starts by itself, so a name needs nothing.
    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        match target {
            Target::Guarded(guard) => pending_starts::disarm(&self.client, self, guard).await,
            Target::Name(_) => Ok(Disarmed::Gone(Past::NeverRan)),
        }
    }
}

#[async_trait]
impl EngineCheck for DockerEngine {
    async fn examine(&self, plan: &Plan, pull: Pull) -> Result<Trial, EngineError> {
        let platform = plan.container.platform().or_else(|| self.platform.clone());
        engine_check::examine(&self.client, &self.pulls, plan, platform.as_deref(), pull).await
    }

    async fn try_out(&self, trial: &Trial) -> Result<Vec<Finding>, EngineError> {
        match trial.container::<TrialContainer>() {
            Some(container) => container.create(&self.client).await,
            None => Ok(Vec::new()),
        }
    }

    async fn clean_up(&self, trial: &Trial) -> Result<(), EngineError> {
        match trial.container::<TrialContainer>() {
            Some(container) => container.remove(&self.client).await,
            None => Ok(()),
        }
    }
}

/// What is read of an engine's version.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: Option<String>,
    api_version: Option<String>,
}

/// What is read of an engine's description of itself.
#[derive(Deserialize)]
struct Info {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "NCPU")]
    cores: Option<i64>,
    #[serde(rename = "SystemTime")]
    time: Option<String>,
    /// Each is `KEY=VALUE`.
    #[serde(rename = "Labels")]
    labels: Option<Vec<String>>,
}

/// A label of the engine; nothing for one whose length no placement needs.
fn label(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=').filter(|_| text.len() <= LONGEST_LABEL)?;
    Some((key.to_owned(), value.to_owned()))
}

/// The engine's words where someone else removes the container already.
fn is_under_way(message: &str) -> bool {
    // A container that runs has the same status, 409, so only the words distinguish the two.
    message.contains("already in progress")
}
