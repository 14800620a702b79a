//! Creating the service of a run, without a task, and joining the one that was created before.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use docket_model::image_name::ImageReference;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    managers::Managers,
    option_mapping::{self, Options},
    placement::Placement,
    service::Service,
};
use crate::engine::{
    EngineError, Identity, Plan, Prepared, Refusal,
    docker_api::{
        container_body,
        http_client::Call,
        login_registry_name::login_key,
        registry_login::{self, Login},
    },
    short_name::short_name,
};

/// Sends one request to create the service; where the name is taken, joins the holder if it is ours.
pub(super) async fn prepare(
    managers: &Managers,
    config: Option<&Path>,
    plan: &Plan,
) -> Result<Prepared, EngineError> {
    let spec = specification(plan)?;
    let Login { credentials, trouble } = login(config, &plan.container.image()).await;
    let header = credentials.as_ref().and_then(registry_login::header);
    let id = match create(managers, &spec, header).await {
        Err(EngineError::Refused { kind: Refusal::Conflict, message }) => {
            let name = short_name(&plan.identity);
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
    let image = Some(service.image().into());
    Ok(Prepared { image, warnings: Vec::from_iter(trouble), ..Prepared::new(service.handle()) })
}

/// The service of a run: without a task, so that creating it starts nothing.
fn specification(plan: &Plan) -> Result<Value, EngineError> {
    let mut config = container_body::of_run(plan);
    let mut part = |key| match config.shift_remove(key) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (host_config, networking_config) = (part("HostConfig"), part("NetworkingConfig"));
    let platform = plan.container.platform();
    let placement = Placement::of(plan);
    let options = Options {
        config: &config,
        host_config: &host_config,
        networking_config: &networking_config,
        platform: platform.as_deref(),
        may_be_node_bound: placement.may_be_node_bound(),
    };
    let template = option_mapping::task_template(options, &placement.constraints);
    let template = template.map_err(|refusal| EngineError::Refused {
        kind: Refusal::Invalid,
        message: format!("`{}`: {}", refusal.field, refusal.message),
    })?;
    Ok(json!({
        "Name": short_name(&plan.identity),
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

async fn create(
    managers: &Managers,
    spec: &Value,
    login: Option<HeaderValue>,
) -> Result<Arc<str>, EngineError> {
    let call = Call::post("/services/create", Bytes::from(spec.to_string())).with_login(login);
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
            holder_life: found.life,
            image: Some(holder.image().into()),
            ..Prepared::new(found.handle)
        }),
        _ => Err(EngineError::NameHeld { holder: holder.description() }),
    }
}

/// Looks the login at the image's registry up. The Swarm keeps it in the service for its nodes.
async fn login(config: Option<&Path>, image: &str) -> Login {
    let config = config.map(Path::to_owned);
    let (Some(config), Ok(image)) = (config, ImageReference::parse(image)) else {
        return Login::default();
    };
    let look_up = move || registry_login::look_up(&config, login_key(&image));
    // A credential helper is a program that runs for a while.
    tokio::task::spawn_blocking(look_up).await.unwrap_or_default()
}
