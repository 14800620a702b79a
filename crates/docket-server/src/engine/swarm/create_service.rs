//! Creating the service of a run, without a task, and joining the one that was created before.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use docket_model::{container::Parts, image_name::ImageReference};
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    managers::Managers,
    option_mapping::{self, Options},
    placement, secrets_and_configs,
    service::Service,
    service_cache::Notes,
};
use crate::engine::{
    EngineError, Identity, Plan, Prepared, Refusal, bounded,
    docker_api::{
        container_body,
        http_client::Call,
        registry_login::{self, Login},
    },
    short_name::short_name,
};

/// Sends one request to create the service; where the name is taken, joins the holder if it is ours.
pub(super) async fn prepare(
    managers: &Managers,
    notes: &Notes,
    config: Option<&Path>,
    plan: &Plan,
) -> Result<Prepared, EngineError> {
    let constraints = placement::constraints(managers, plan).await?;
    let parts = plan.container.parts();
    let (files, missing) = secrets_and_configs::references(managers, parts.swarm.as_ref()).await?;
    if let Some(missing) = missing.first() {
        return Err(missing.refusal());
    }
    let name = short_name(&plan.identity);
    let body = body(&name, plan, parts, plan.own_labels(), &constraints, files)?;
    let (login, remark) = login(config, &plan.container.image()).await;
    let id = match create(managers, &body, login).await {
        Err(EngineError::Refused { kind: Refusal::Conflict, message }) => {
            return join(managers.service(&name).await, &plan.identity, message);
        }
        created => created?,
    };
    // The version is not in the answer, and the first start is made under it.
    let service = match managers.service(&id).await {
        Err(EngineError::Gone) => {
            return Err(EngineError::NameBusy(format!("service {id} is gone")));
        }
        service => service?,
    };
    let (image, handle) = (Some(service.image().into()), service.handle());
    notes.note_created(service);
    Ok(Prepared { image, warnings: Vec::from_iter(remark), ..Prepared::new(handle) })
}

/// A service of these labels for the container of a plan: without a task, so that creating it starts nothing.
///
/// # Errors
/// [`EngineError::Refused`] names the first option that no service can have.
pub(super) fn body(
    name: &str,
    plan: &Plan,
    mut parts: Parts,
    labels: impl IntoIterator<Item = (&'static str, String)>,
    constraints: &[String],
    files: Map<String, Value>,
) -> Result<Value, EngineError> {
    let platform = parts.platform.take();
    let mut config = container_body::labelled(plan, parts, labels);
    let mut part = |key| match config.shift_remove(key) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (host_config, networking_config) = (part("HostConfig"), part("NetworkingConfig"));
    let options = Options {
        config: &config,
        host_config: &host_config,
        networking_config: &networking_config,
        platform: platform.as_deref(),
        may_be_node_bound: placement::may_be_node_bound(&plan.placement),
    };
    let template = option_mapping::task_template(options, constraints, files);
    let template = template.map_err(|finding| finding.refusal())?;
    Ok(json!({
        "Name": name,
        "Labels": config.get("Labels"),
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": 0}},
    }))
}

/// The id of a service that was created.
#[derive(Deserialize)]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

pub(super) async fn create(
    managers: &Managers,
    body: &Value,
    login: Option<HeaderValue>,
) -> Result<Arc<str>, EngineError> {
    let call = Call::post("/services/create", Bytes::from(body.to_string())).with_login(login);
    let Created { id } = managers.json(call).await?;
    // It stands in addresses.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let reason = "the id of the service is none that a Swarm gives".to_owned();
        return Err(EngineError::Unreachable(reason));
    }
    Ok(id.into())
}

/// Takes the holder of the name for the service that was asked for, if every label says so.
fn join(
    holder: Result<Service, EngineError>,
    identity: &Identity,
    refusal: String,
) -> Result<Prepared, EngineError> {
    let holder = match holder {
        Err(EngineError::Gone) => return Err(EngineError::NameBusy(refusal)),
        holder => holder?,
    };
    match holder.found() {
        Ok(found) if found.identity == *identity => Ok(Prepared {
            joined: true,
            image: Some(holder.image().into()),
            ..Prepared::new(found.handle)
        }),
        _ => Err(EngineError::NameHeld { holder: holder.description() }),
    }
}

/// Looks the login at the image's registry up, which the Swarm keeps in the service for its nodes. Also returns a
/// remark if the login was left out.
pub(super) async fn login(
    config: Option<&Path>,
    image: &str,
) -> (Option<HeaderValue>, Option<String>) {
    // The Swarm rejects an invalid image name.
    let Ok(reference) = ImageReference::parse(image) else { return (None, None) };
    let Login { credentials, trouble } = registry_login::of_image(config, &reference).await;
    let remark = trouble.map(|trouble| {
        let remedy = registry_login::remedy(reference.registry());
        bounded(format!(
            "the nodes pull `{image}` without a login: {trouble}; mend that, or {remedy}"
        ))
    });
    (credentials.as_ref().and_then(registry_login::header), remark)
}
