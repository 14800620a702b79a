//! Creating a container, and joining the one that was created before.

use bytes::Bytes;
use docket_model::run::ContainerId;
use serde::Deserialize;
use serde_json::Value;

use super::{container_name::container_name, inspect::Inspected};
use crate::engine::docker_api::{container_body, engine_client::Client, http_client::Call};
use crate::engine::{
    EngineError, Identity, Plan, Prepared, Refusal, bounded_list, only_a_swarm_gives,
};

/// The longest id that a container may have, in bytes; engines give 64 digits.
const LONGEST_ID: usize = 256;

/// Sends one request to create the container; where the name is taken, joins the holder if it is ours.
///
/// A container that an earlier request created, whose answer was lost, is found by its name.
pub(super) async fn prepare(
    client: &Client,
    plan: &Plan,
    default_platform: Option<&str>,
) -> Result<Prepared, EngineError> {
    // Once: most of the work before the request is to decompress and to read them.
    let mut parts = plan.container.parts();
    if let Some(finding) = only_a_swarm_gives(&parts) {
        return Err(finding.refusal());
    }
    let name = container_name(&plan.identity);
    let own_platform = parts.platform.take();
    let platform = own_platform.as_deref().or(default_platform);
    let body = Bytes::from(Value::Object(container_body::of_run(plan, parts)).to_string());
    match post(client, &name, platform, body).await {
        Err(EngineError::Refused { kind: Refusal::Conflict, message }) => {
            let holder = holder(client, &name, message).await?;
            join(&holder, &plan.identity)
        }
        Err(EngineError::Refused { kind: Refusal::NotFound, message })
            if is_about_image(&message) =>
        {
            Err(EngineError::NoSuchImage { image: plan.container.image(), reason: message })
        }
        Err(EngineError::Refused { kind: Refusal::NotFound, message })
            if is_about_platform(&message) =>
        {
            Err(EngineError::OtherPlatform { image: plan.container.image(), reason: message })
        }
        Err(error) => Err(client.or_unreachable(error).await),
        created => created,
    }
}

/// Sends the body as it is; that the name is taken is a conflict, whichever status the engine has for it.
pub(super) async fn post(
    client: &Client,
    name: &str,
    platform: Option<&str>,
    body: Bytes,
) -> Result<Prepared, EngineError> {
    let query = [("name", Some(name)), ("platform", platform)];
    let query = serde_urlencoded::to_string(query).map_err(|error| client.unreadable(&error))?;
    let call = Call::post(format!("/containers/create?{query}"), body);
    let New { id, warnings } = client.json(call).await.map_err(|error| match error {
        EngineError::Refused { kind: Refusal::Failed, message } if is_about_name(&message) => {
            EngineError::Refused { kind: Refusal::Conflict, message }
        }
        error => error,
    })?;
    // It is kept, and stands in addresses.
    if id.len() > LONGEST_ID {
        return Err(client.unreadable(&"the id of the container is too long"));
    }
    let warnings = bounded_list(warnings.unwrap_or_default());
    Ok(Prepared { warnings, ..Prepared::new(ContainerId(id.into()).into()) })
}

/// What the engine answers where it created a container.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct New {
    id: String,
    // Engines may write `null` where there are none.
    warnings: Option<Vec<String>>,
}

/// The container that has the name, where it will keep it.
async fn holder(client: &Client, name: &str, refusal: String) -> Result<Inspected, EngineError> {
    match client.inspect(name).await {
        Ok(holder) if holder.is_going() => Err(EngineError::NameBusy(format!(
            "the name is held by {}, which is being removed",
            holder.description()
        ))),
        // A holder can be inspected some 8 ms after it took the name.
        Err(EngineError::Gone) => Err(EngineError::NameBusy(refusal)),
        holder => holder,
    }
}

/// Takes the holder for the container that was asked for, if every label says so.
fn join(holder: &Inspected, identity: &Identity) -> Result<Prepared, EngineError> {
    // The name proves nothing, because another program may have chosen it.
    if holder.is(identity) {
        Ok(Prepared {
            joined: true,
            image: holder.image.as_deref().map(Into::into),
            ..Prepared::new(ContainerId(holder.id.as_ref().into()).into())
        })
    } else {
        Err(EngineError::NameHeld { holder: holder.holder(identity) })
    }
}

/// A 404 may also be about a volume's driver or another container.
fn is_about_image(message: &str) -> bool {
    message.to_ascii_lowercase().contains("no such image")
}

/// True where another container has the name.
fn is_about_name(message: &str) -> bool {
    // Podman 4 has only one status, 500, for a name that is taken and for what fails in it.
    message.contains("that name is already in use")
}

fn is_about_platform(message: &str) -> bool {
    // Docker has only one status, 404, for a missing image and for one of another platform.
    message.contains("does not match the specified platform")
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub, inspection, plan},
        *,
    };

    fn taken() -> Reply {
        Reply::Json(409, r#"{"message":"the name is in use"}"#.to_owned())
    }

    #[tokio::test]
    async fn a_container_whose_creation_got_no_answer_is_joined_by_the_next_request() {
        let mut answers = [Reply::Lost, taken()].into_iter();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => answers.next().unwrap(),
            _ => inspection("created"),
        });

        let lost = prepare(&stub.client(), &plan(), None).await;
        let created = prepare(&stub.client(), &plan(), None).await.unwrap();

        assert!(matches!(lost, Err(EngineError::Unreachable(_))), "{lost:?}");
        assert!(created.joined);
        assert_eq!((&*created.handle.id.0, created.image.as_deref()), ("c1", Some("sha256:0a")));
        assert_eq!(stub.count("POST /containers/create?name=docket.report.20261121T090000Z"), 2);
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_joined_where_the_engine_calls_that_a_failure() {
        let message = "creating container storage: the container name \"docket.report\" is already \
                       in use by c1: that name is already in use";
        let taken = serde_json::json!({"message": message}).to_string();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => Reply::Json(500, taken.clone()),
            _ => inspection("created"),
        });

        let created = prepare(&stub.client(), &plan(), None).await.unwrap();

        assert!(created.joined);
    }

    #[tokio::test]
    async fn a_name_whose_holder_is_being_removed_is_busy() {
        let stub = Stub::start(|request| match request.split_once(' ') {
            Some(("POST", _)) => taken(),
            _ => inspection("removing"),
        });

        let refusal = prepare(&stub.client(), &plan(), None).await.err().unwrap();

        let words = "the name is held by container c1 (`docket.report.20261121T090000Z`, image \
                     `busybox`), which is being removed";
        assert_eq!(refusal, EngineError::NameBusy(words.to_owned()));
        assert_eq!(stub.count("POST"), 1);
    }

    #[tokio::test]
    async fn the_platform_is_asked_for_and_one_that_does_not_fit_is_no_missing_image() {
        let stub = Stub::start(|_| {
            let message = "image with reference busybox was found but does not match the \
                           specified platform: wanted linux/arm64, actual: linux/amd64";
            Reply::Json(404, serde_json::json!({"message": message}).to_string())
        });

        let refusal = prepare(&stub.client(), &plan(), Some("linux/arm64")).await.err().unwrap();

        let words = "image busybox on the engine is for another platform: image with reference \
                     busybox was found but does not match the specified platform: wanted \
                     linux/arm64, actual: linux/amd64";
        assert_eq!(refusal.to_string(), words);
        let call =
            "POST /containers/create?name=docket.report.20261121T090000Z&platform=linux%2Farm64";
        assert_eq!(stub.count(call), 1);
    }
}
