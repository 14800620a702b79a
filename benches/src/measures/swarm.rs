//! Runs on a Swarm, beside a bare client.
//!
//! 1. Nothing leaves the machine: the image's registry is a closed port of the loopback, so that each pull of
//!    a node fails at once and the image that is there serves.

use std::{collections::HashMap, env, path::PathBuf};

use anyhow::{Context, Result};
use bollard::{
    API_DEFAULT_VERSION, Docker,
    models::EventMessage,
    query_parameters::{
        EventsOptionsBuilder, ListServicesOptionsBuilder, RemoveImageOptions,
        TagImageOptionsBuilder,
    },
};
use chrono::{DateTime, Utc};
use docket_stub_engine::now;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use serde_json::Value;
use tokio::{
    runtime::{Builder, Runtime},
    sync::OwnedSemaphorePermit,
};

use super::{
    Bench,
    beside_bare_client::{Cluster, Event, What, compare, own_prefix},
    real_engine_access::{IMAGE, SOURCE},
};
use crate::{bare_swarm_client, docket_server::Server, report::Figure, workload};

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let managers = addresses("TEST_SWARM");
    let Some(manager) = managers.first() else {
        let why = "`TEST_SWARM` names no managers of a Swarm".to_owned();
        return Ok(vec![Figure::skipped("Swarm, beside a bare client", why)]);
    };
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let nodes = [managers.clone(), addresses("TEST_SWARM_WORKERS")].concat();
    let nodes = nodes.iter().map(|node| connect(node)).collect::<Result<Vec<_>>>()?;
    let swarm = Swarm { server: bench.docket.clone(), docker: connect(manager)?, managers, nodes };
    runtime.block_on(swarm.tag_image())?;
    let measured = compare(bench, &runtime, &swarm);
    // Also after a failure, whose error then comes first.
    let tidied = swarm.tidy(&runtime).context("cannot tidy the Swarm up");
    let figures = measured?;
    tidied?;
    Ok(figures)
}

fn addresses(variable: &str) -> Vec<String> {
    let list = env::var(variable).unwrap_or_default();
    list.split(',').filter(|address| !address.is_empty()).map(str::to_owned).collect()
}

fn connect(address: &str) -> Result<Docker> {
    let connected = match address.strip_prefix("unix://") {
        Some(path) => Docker::connect_with_unix(path, 60, API_DEFAULT_VERSION),
        None => Docker::connect_with_http(address, 60, API_DEFAULT_VERSION),
    };
    connected.with_context(|| format!("cannot connect to `{address}`"))
}

/// A Swarm, and the engines of its nodes.
struct Swarm {
    /// The binary of the server.
    server: PathBuf,
    /// The manager that the bare client asks, and docket first.
    docker: Docker,
    managers: Vec<String>,
    nodes: Vec<Docker>,
}

impl Swarm {
    async fn tag_image(&self) -> Result<()> {
        let (repository, tag) = IMAGE.rsplit_once(':').unwrap_or((IMAGE, "latest"));
        let options = TagImageOptionsBuilder::default().repo(repository).tag(tag).build();
        for node in &self.nodes {
            let tagged = node.tag_image(SOURCE, Some(options.clone())).await;
            tagged.with_context(|| format!("a node has no image `{SOURCE}`"))?;
        }
        Ok(())
    }

    /// Removes the services that a turn which broke off has left, and the tag.
    fn tidy(&self, runtime: &Runtime) -> Result<()> {
        let filters = HashMap::from([("name", vec![own_prefix()])]);
        let own = ListServicesOptionsBuilder::default().filters(&filters).build();
        runtime.block_on(async {
            for service in self.docker.list_services(Some(own)).await? {
                self.docker.delete_service(&service.id.context("a service has no id")?).await?;
            }
            for node in &self.nodes {
                // Removes only the tag: the image still has its own name.
                node.remove_image(IMAGE, None::<RemoveImageOptions>, None).await?;
            }
            Ok(())
        })
    }
}

impl Cluster for Swarm {
    fn kind(&self) -> &'static str {
        "Swarm"
    }

    fn serve(&self, options: &[&str]) -> Result<Server> {
        let engines: Vec<_> =
            self.managers.iter().map(|manager| format!("swarm=swarm+{manager}")).collect();
        let engines = engines.iter().flat_map(|engine| ["--engine", engine]);
        let options: Vec<_> = options.iter().copied().chain(engines).collect();
        Server::start_with(&self.server, &[], &options)
    }

    fn allocation(&self, name: &str, instant: DateTime<Utc>) -> Value {
        workload::due_on_cluster(name, instant, IMAGE, "Always")
    }

    fn run_bare(
        &self,
        name: String,
        permit: OwnedSemaphorePermit,
    ) -> BoxFuture<'static, Result<()>> {
        let docker = self.docker.clone();
        bare_swarm_client::run(docker, format!("docket-{name}"), IMAGE, permit).boxed()
    }

    fn events(&self) -> BoxFuture<'static, Result<BoxStream<'static, Result<Event>>>> {
        let filters = HashMap::from([("type", vec!["service".to_owned()])]);
        // In whole seconds, so that events between the request and its arrival are sent as well.
        let since = now().timestamp().to_string();
        let options = EventsOptionsBuilder::default().since(&since).filters(&filters).build();
        let events = self.docker.events(Some(options)).filter_map(async |message| match message {
            Ok(message) => event(message).map(Ok),
            Err(error) => Some(Err(error.into())),
        });
        std::future::ready(Ok(events.boxed())).boxed()
    }
}

/// What an event of a service says about a run.
fn event(message: EventMessage) -> Option<Event> {
    let EventMessage { action, actor, time_nano, .. } = message;
    let what = match action.as_deref()? {
        "create" => What::Created,
        // The only change of a service that ends by itself: from no task to one.
        "update" => What::Started,
        "remove" => What::Removed,
        _ => return None,
    };
    let name = actor?.attributes?.remove("name")?;
    Some(Event { name, what, at: DateTime::from_timestamp_nanos(time_nano?) })
}
