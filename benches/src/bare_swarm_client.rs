//! A bare client of a Swarm: the calls of a run through bollard, and nothing around them.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result};
use bollard::{
    Docker,
    models::{
        ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, Task, TaskSpec,
        TaskSpecContainerSpec, TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
        TaskState,
    },
    query_parameters::{
        InspectServiceOptions, ListTasksOptionsBuilder, LogsOptionsBuilder,
        UpdateServiceOptionsBuilder,
    },
};
use futures_util::TryStreamExt;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

/// The first pause and the longest between two looks at a task, which are those of docket: managers report
/// no events of tasks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// One whole run. The permit is given back once the log is read.
pub(crate) async fn run(
    docker: Docker,
    name: String,
    image: &str,
    permit: OwnedSemaphorePermit,
) -> Result<()> {
    let created = docker.create_service(service(name, image), None).await?;
    let id = created.id.context("a service has no id")?;
    start(&docker, &id).await?;
    let task = end_of_task(&docker, &id).await?;
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
    docker.task_logs(&task, Some(options)).try_for_each(|_| async { Ok(()) }).await?;
    drop(permit);
    docker.delete_service(&id).await?;
    Ok(())
}

/// A service without a task, so that creating it starts nothing.
fn service(name: String, image: &str) -> ServiceSpec {
    let container = TaskSpecContainerSpec {
        image: Some(image.to_owned()),
        args: Some(vec!["echo".to_owned(), "done".to_owned()]),
        ..TaskSpecContainerSpec::default()
    };
    let never = TaskSpecRestartPolicy {
        condition: Some(TaskSpecRestartPolicyConditionEnum::NONE),
        ..TaskSpecRestartPolicy::default()
    };
    let template = TaskSpec {
        container_spec: Some(container),
        restart_policy: Some(never),
        ..TaskSpec::default()
    };
    ServiceSpec {
        name: Some(name),
        task_template: Some(template),
        mode: Some(replicas(0)),
        ..ServiceSpec::default()
    }
}

fn replicas(count: i64) -> ServiceSpecMode {
    let replicated = ServiceSpecModeReplicated { replicas: Some(count) };
    ServiceSpecMode { replicated: Some(replicated), ..ServiceSpecMode::default() }
}

/// Asks for the service's task, under the version that the service was created with.
async fn start(docker: &Docker, id: &str) -> Result<()> {
    let service = docker.inspect_service(id, None::<InspectServiceOptions>).await?;
    let version = service.version.and_then(|version| version.index);
    let version = i32::try_from(version.context("a service has no version")?)?;
    let spec = service.spec.context("a service has no specification")?;
    let options = UpdateServiceOptionsBuilder::default().version(version).build();
    docker
        .update_service(id, ServiceSpec { mode: Some(replicas(1)), ..spec }, options, None)
        .await?;
    Ok(())
}

/// Waits until the task of a service has ended; returns its id.
async fn end_of_task(docker: &Docker, id: &str) -> Result<String> {
    let filters = HashMap::from([("service", vec![id.to_owned()])]);
    let options = ListTasksOptionsBuilder::default().filters(&filters).build();
    let (mut last, mut wait) = (None, PAUSES.0);
    loop {
        let task = docker.list_tasks(Some(options.clone())).await?.into_iter().next();
        let Task { id, status, .. } = task.unwrap_or_default();
        let state = status.and_then(|status| status.state);
        if state.is_some_and(|state| state >= TaskState::COMPLETE) {
            return id.context("a task has no id");
        }
        // Soon after a change the next one comes.
        wait = if state == last { (wait * 2).min(PAUSES.1) } else { PAUSES.0 };
        last = state;
        sleep(wait).await;
    }
}
