//! Runs on a Kubernetes, beside a bare client.

use std::{
    collections::HashSet,
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
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
    real_engine_access::SOURCE,
};
use crate::{
    bare_kubernetes_client::{self, Api, is_removed},
    docket_server::Server,
    report::Figure,
    workload,
};

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let skipped = |why| Ok(vec![Figure::skipped("Kubernetes, beside a bare client", why)]);
    let Some(kubeconfig) = env::var("TEST_KUBECONFIG").ok().filter(|path| !path.is_empty()) else {
        return skipped("`TEST_KUBECONFIG` names no cluster");
    };
    let Some(server) = bench.cluster.clone() else {
        return skipped("there is no binary with the feature `cluster`: scripts/bench builds it");
    };
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let api = runtime.block_on(Api::connect(Path::new(&kubeconfig)))?;
    let kubernetes = Kubernetes { api, kubeconfig, server };
    let measured = compare(bench, &runtime, &kubernetes);
    // Also after a failure, whose error then comes first.
    let tidied = kubernetes.tidy(&runtime).context("cannot tidy the cluster up");
    let figures = measured?;
    tidied?;
    Ok(figures)
}

/// A namespace of a cluster.
struct Kubernetes {
    api: Api,
    kubeconfig: String,
    /// The binary of the server.
    server: PathBuf,
}

impl Kubernetes {
    /// Removes the pods that are left: those of a turn that broke off, and those whose names docket holds
    /// where creating a pod starts it.
    fn tidy(&self, runtime: &Runtime) -> Result<()> {
        runtime.block_on(async {
            for pod in self.api.pods().await?.1 {
                let name = name_of(&pod);
                if name.starts_with(&own_prefix()) {
                    self.api.remove(name).await?;
                }
            }
            Ok(())
        })
    }
}

impl Cluster for Kubernetes {
    fn kind(&self) -> &'static str {
        "Kubernetes"
    }

    fn serve(&self, options: &[&str]) -> Result<Server> {
        let options = [options, &["--engine", "cluster=kubernetes:"]].concat();
        Server::start_with(&self.server, &[("KUBECONFIG", &self.kubeconfig)], &options)
    }

    fn allocation(&self, name: &str, instant: DateTime<Utc>) -> Value {
        workload::due_on_cluster(name, instant, SOURCE, "Missing")
    }

    fn run_bare(
        &self,
        name: String,
        permit: OwnedSemaphorePermit,
    ) -> BoxFuture<'static, Result<()>> {
        let api = self.api.clone();
        bare_kubernetes_client::run(api, format!("docket-{name}"), SOURCE, permit).boxed()
    }

    fn events(&self) -> BoxFuture<'static, Result<BoxStream<'static, Result<Event>>>> {
        let api = self.api.clone();
        async move {
            let (version, known) = api.pods().await?;
            let known: HashSet<_> = known.iter().map(|pod| name_of(pod).to_owned()).collect();
            let changes = api.watch(None, &version).await?;
            let events = changes.filter_map(move |change| {
                let event = match change {
                    // What was there before is none of the turn's, and changes as it is removed.
                    Ok(change) if known.contains(name_of(&change["object"])) => Vec::new(),
                    Ok(change) => events(&change).into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                };
                std::future::ready((!event.is_empty()).then_some(event))
            });
            Ok(events.flat_map(futures_util::stream::iter).boxed())
        }
        .boxed()
    }
}

fn name_of(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap_or_default()
}

/// What a change of a pod says about a run, by the clock of this machine: the cluster's own times are whole
/// seconds.
fn events(change: &Value) -> Vec<Event> {
    let pod = &change["object"];
    let event = |what| Event { name: name_of(pod).to_owned(), what, at: now() };
    if change["type"] == "DELETED" || is_removed(pod) {
        return vec![event(What::Removed)];
    }
    let has_gate = pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty());
    let whats: &[_] = if has_gate { &[What::Created] } else { &[What::Created, What::Started] };
    whats.iter().copied().map(event).collect()
}
