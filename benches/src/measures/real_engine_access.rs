//! Access to a real engine: finds one, reads its clock, and removes what a measure created there.
//!
//! 1. Nothing leaves the machine: the image's registry is a closed port of the loopback, so that
//!    a pull fails at once and the image that is there serves.
//! 2. Only containers with this program's label are removed.

use std::{collections::HashMap, env, time::Duration};

use anyhow::{Context, Result};
use bollard::{
    Docker,
    models::EventMessage,
    query_parameters::{
        EventsOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
        RemoveImageOptions, TagImageOptionsBuilder,
    },
};
use docket_stub_engine::now;
use futures_util::StreamExt;
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::{report::Figure, wait::not_interrupted};

/// The image of all runs. Nothing listens on port 9 of the loopback.
pub(super) const IMAGE: &str = "127.0.0.1:9/docket-bench:latest";

/// The image that it is made of, which must be there.
pub(super) const SOURCE: &str = "busybox:latest";

/// The label of all containers of this program.
const OWN_LABEL: &str = "docket-bench";

/// The label that tells the containers of one turn from those of others.
const TURN_LABEL: &str = "docket-bench-turn";

/// How long a turn may take before it counts as stuck.
const LIMIT: Duration = Duration::from_secs(90);

/// One batch of runs on the engine.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) name: String,
    pub(super) count: usize,
}

impl Turn {
    pub(super) fn new(name: String, count: usize) -> Self {
        Self { name, count }
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        let own = std::process::id().to_string();
        HashMap::from([
            (TURN_LABEL.to_owned(), format!("{own}-{}", self.name)),
            (OWN_LABEL.to_owned(), own),
        ])
    }

    fn filter(&self) -> String {
        format!("{TURN_LABEL}={}-{}", std::process::id(), self.name)
    }
}

/// An engine that answers and has the image.
#[derive(Debug)]
pub(super) struct RealEngine {
    runtime: Runtime,
    docker: Docker,
    address: String,
}

impl RealEngine {
    /// Reaches the engine that `DOCKER_HOST` names; says in words why there is none.
    fn reach() -> Result<Result<Self, String>> {
        // A thread of its own, because events must be read while the caller makes the runs.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let named = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let address = named.unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
        let Some(docker) = runtime.block_on(answering()) else {
            return Ok(Err(format!("no engine answers at `{address}`")));
        };
        if runtime.block_on(docker.inspect_image(SOURCE)).is_err() {
            return Ok(Err(format!("the engine has no image `{SOURCE}`, and none is fetched")));
        }
        let (repository, tag) = IMAGE.rsplit_once(':').unwrap_or((IMAGE, "latest"));
        let options = TagImageOptionsBuilder::default().repo(repository).tag(tag).build();
        runtime.block_on(docker.tag_image(SOURCE, Some(options)))?;
        Ok(Ok(Self { runtime, docker, address }))
    }

    /// Measures on the engine that answers, and leaves it as it was; a line that says why where there
    /// is none.
    pub(super) fn measure(
        what: &str,
        measured: impl FnOnce(&Self) -> Result<Vec<Figure>>,
    ) -> Result<Vec<Figure>> {
        let engine = match Self::reach()? {
            Ok(engine) => engine,
            Err(why) => return Ok(vec![Figure::skipped(what, why)]),
        };
        let measured = measured(&engine);
        // Also after a failure, whose error then comes first.
        let tidied = engine.tidy().context("cannot tidy the engine up");
        let figures = measured?;
        tidied?;
        Ok(figures)
    }

    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Makes the runs of a turn, and returns the time from its first create to its last destroy.
    pub(super) fn time(&self, turn: &Turn, make: impl FnOnce() -> Result<()>) -> Result<Duration> {
        not_interrupted()?;
        let events = self.runtime.spawn(span(self.docker.clone(), turn.filter(), turn.count));
        make()?;
        self.runtime.block_on(async { timeout(LIMIT, events).await })??
    }

    /// Removes the tag, and the containers that a turn which broke off has left.
    fn tidy(&self) -> Result<()> {
        let own = format!("{OWN_LABEL}={}", std::process::id());
        let filters = HashMap::from([("label", vec![own])]);
        let left = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        self.runtime.block_on(async {
            for container in self.docker.list_containers(Some(left)).await? {
                let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                let id = container.id.context("a container has no id")?;
                self.docker.remove_container(&id, Some(options)).await?;
            }
            // Removes only the tag: the image still has its own name.
            self.docker.remove_image(IMAGE, None::<RemoveImageOptions>, None).await?;
            Ok(())
        })
    }
}

async fn answering() -> Option<Docker> {
    let docker = Docker::connect_with_defaults().ok()?;
    // An engine on this machine answers at once; a remote one that is away may not refuse the
    // connection.
    let answer = timeout(Duration::from_secs(3), docker.ping()).await;
    answer.is_ok_and(|answer| answer.is_ok()).then_some(docker)
}

/// The time between the first create event of a label and the destroy event of the last run.
async fn span(docker: Docker, label: String, count: usize) -> Result<Duration> {
    let filters = HashMap::from([("type", vec!["container".to_owned()]), ("label", vec![label])]);
    // In whole seconds, so that events between the request and its arrival are sent as well.
    let since = now().timestamp().to_string();
    let options = EventsOptionsBuilder::default().since(&since).filters(&filters).build();
    let mut events = docker.events(Some(options)).boxed();
    let (mut first, mut last, mut destroyed) = (i64::MAX, 0, 0);
    while destroyed < count {
        let event = events.next().await.context("the engine's events ended")??;
        let EventMessage { action, time_nano, .. } = event;
        let at = time_nano.context("an event of the engine has no time")?;
        match action.as_deref() {
            Some("create") => first = first.min(at),
            // Events may arrive out of order, so the latest time counts and not the last event.
            Some("destroy") => (last, destroyed) = (last.max(at), destroyed + 1),
            _ => {}
        }
    }
    Ok(Duration::from_nanos(u64::try_from(last - first)?))
}
