//! A bare client: the calls of a run through bollard, and nothing around them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::Result;
use bollard::{
    Docker,
    errors::Error,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        CreateContainerOptions, CreateContainerOptionsBuilder, LogsOptionsBuilder,
        RemoveContainerOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures_util::TryStreamExt;
use tokio::{
    runtime::Builder,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout},
};

/// How long a batch may take before it counts as stuck.
// Far above the slowest batch that a working engine needs.
const LIMIT: Duration = Duration::from_secs(90);

/// Many runs of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// What the names of the containers begin with.
    pub(crate) name: String,
    pub(crate) count: usize,
    /// How many are under way at once.
    pub(crate) at_once: usize,
    pub(crate) image: String,
    pub(crate) labels: HashMap<String, String>,
}

impl Batch {
    /// Makes all runs, and returns how long they took.
    pub(crate) fn run(&self, docker: &Docker) -> Result<Duration> {
        // A runtime of its own for each batch: nothing of an earlier one is left in it. It has
        // several threads, as the server has.
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async { timeout(LIMIT, self.run_all(docker)).await? })
    }

    async fn run_all(&self, docker: &Docker) -> Result<Duration> {
        let gate = Arc::new(Semaphore::new(self.at_once));
        let mut runs = JoinSet::new();
        let started = Instant::now();
        for number in 0..self.count {
            let (docker, gate) = (docker.clone(), Arc::clone(&gate));
            let (name, body) = (format!("{}-{number}", self.name), self.body());
            runs.spawn(async move {
                // All tasks exist from the beginning, as the runs of a server do; only the calls
                // are limited.
                let _permit = gate.acquire().await?;
                anyhow::Ok(run(&docker, &name, body).await?)
            });
        }
        while let Some(run) = runs.join_next().await {
            run??;
        }
        Ok(started.elapsed())
    }

    fn body(&self) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(self.image.clone()),
            cmd: Some(vec!["echo".to_owned(), "done".to_owned()]),
            labels: Some(self.labels.clone()),
            host_config: Some(HostConfig {
                // Setting up a network takes an engine longer than all the rest, and says nothing
                // about the client.
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }
}

/// Follows what one container writes, and returns how long that took from its creation on.
pub(crate) fn follow(
    docker: &Docker,
    image: &str,
    words: &[String],
    labels: HashMap<String, String>,
) -> Result<Duration> {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(words.to_vec()),
        labels: Some(labels),
        ..ContainerCreateBody::default()
    };
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let follow = async {
        let started = Instant::now();
        let id = docker.create_container(None::<CreateContainerOptions>, body).await?.id;
        docker.start_container(&id, None).await?;
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).follow(true).build();
        docker.logs(&id, Some(options)).try_for_each(|_| async { Ok(()) }).await?;
        let took = started.elapsed();
        let options = RemoveContainerOptionsBuilder::default().v(true).force(true).build();
        docker.remove_container(&id, Some(options)).await?;
        anyhow::Ok(took)
    };
    runtime.block_on(async { timeout(LIMIT, follow).await? })
}

/// One whole run, by the calls that docket makes for it.
async fn run(docker: &Docker, name: &str, body: ContainerCreateBody) -> Result<(), Error> {
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let id = docker.create_container(Some(options), body).await?.id;
    docker.start_container(&id, None).await?;
    let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
    docker.wait_container(&id, Some(options)).try_for_each(|_| async { Ok(()) }).await?;
    // docket inspects for the exit code and the times, so the bare client does it, too.
    docker.inspect_container(&id, None).await?;
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
    docker.logs(&id, Some(options)).try_for_each(|_| async { Ok(()) }).await?;
    let options = RemoveContainerOptionsBuilder::default().v(true).build();
    docker.remove_container(&id, Some(options)).await
}
