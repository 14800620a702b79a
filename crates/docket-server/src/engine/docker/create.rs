//! Creating a container, and joining the one that was created before.

use std::time::Duration;

use bytes::Bytes;
use docket_model::run::ContainerId;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    client::{Call, Client},
    inspect::Inspected,
};
use crate::engine::{Created, EngineError, Identity, Plan, bounded_list};

/// How long a name that is about to be free, or whose holder is not to be seen yet, is waited for.
const NAME_LIMIT: Duration = Duration::from_secs(30);
/// The first pause and the longest, doubling: a holder is to be seen after some 8 ms.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// The longest id that a container may have, in bytes; engines give 64 digits.
const LONGEST_ID: usize = 256;

/// Creates the container; where the name is taken, joins the holder if it is ours.
///
/// A creation without an answer is tried once more: if the first was carried out after all, the
/// second finds the name taken.
pub(super) async fn create(
    client: &Client,
    plan: &Plan,
    platform: Option<&str>,
) -> Result<Created, EngineError> {
    let name = plan.identity.name();
    let body = Bytes::from(Value::Object(plan.body()).to_string());
    let deadline = Instant::now() + NAME_LIMIT;
    let (mut pause, longest) = PAUSES;
    let mut answer_was_lost = false;
    loop {
        match post(client, &name, platform, body.clone()).await {
            Ok(made) => return Ok(made),
            Err(EngineError::Refused { status: 409, message }) => {
                match holder(client, &name, message).await? {
                    Holder::Stays(holder) => return join(&holder, &plan.identity),
                    Holder::Goes(error) if Instant::now() >= deadline => return Err(error),
                    Holder::Goes(_) => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(longest);
                    }
                }
            }
            Err(EngineError::Refused { status: 404, message }) if is_about_image(&message) => {
                return Err(EngineError::NoSuchImage {
                    image: plan.container.image(),
                    reason: message,
                });
            }
            Err(EngineError::Refused { status: 404, message }) if is_about_platform(&message) => {
                return Err(EngineError::OtherPlatform {
                    image: plan.container.image(),
                    reason: message,
                });
            }
            Err(EngineError::Unreachable(_)) if !answer_was_lost => answer_was_lost = true,
            Err(error) => return Err(client.or_unreachable(error).await),
        }
    }
}

/// Sends the body as it is.
pub(super) async fn post(
    client: &Client,
    name: &str,
    platform: Option<&str>,
    body: Bytes,
) -> Result<Created, EngineError> {
    let query = [("name", Some(name)), ("platform", platform)];
    let query = serde_urlencoded::to_string(query).map_err(|error| client.unreadable(&error))?;
    let call = Call::post(format!("/containers/create?{query}"), body);
    let New { id, warnings } = client.json(call).await?;
    // It is kept, and stands in addresses.
    if id.len() > LONGEST_ID {
        return Err(client.unreadable(&"the id of the container is too long"));
    }
    let warnings = bounded_list(warnings.unwrap_or_default());
    Ok(Created { id: ContainerId(id.into()), image: None, warnings, joined: false })
}

/// What the engine answers where it created a container.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct New {
    id: String,
    warnings: Option<Vec<String>>,
}

/// Who has the name.
enum Holder {
    /// A container that will keep it.
    Stays(Box<Inspected>),
    /// One that is being removed, or not to be seen yet; the error if that lasts.
    Goes(EngineError),
}

async fn holder(client: &Client, name: &str, refusal: String) -> Result<Holder, EngineError> {
    match client.inspect(name).await {
        Ok(holder) if holder.is_going() => Ok(Holder::Goes(EngineError::NameHeld {
            holder: format!("{}, which is being removed", holder.description()),
        })),
        Ok(holder) => Ok(Holder::Stays(Box::new(holder))),
        Err(EngineError::Gone) => {
            Ok(Holder::Goes(EngineError::Refused { status: 409, message: refusal }))
        }
        Err(error) => Err(error),
    }
}

/// Takes the holder for the container that was asked for, if every label says so.
fn join(holder: &Inspected, identity: &Identity) -> Result<Created, EngineError> {
    if holder.is(identity) {
        Ok(Created {
            id: ContainerId(holder.id.as_ref().into()),
            image: holder.image.as_deref().map(Into::into),
            warnings: Vec::new(),
            joined: true,
        })
    } else {
        Err(EngineError::NameHeld { holder: holder.holder(identity) })
    }
}

/// A 404 may also be about a volume's driver or another container.
fn is_about_image(message: &str) -> bool {
    message.to_ascii_lowercase().contains("no such image")
}

fn is_about_platform(message: &str) -> bool {
    message.contains("does not match the specified platform")
}

#[cfg(test)]
mod tests {
    use super::{
        super::stub::{Reply, Stub, inspection, plan},
        *,
    };

    fn taken() -> Reply {
        Reply::Json(409, r#"{"message":"the name is in use"}"#.to_owned())
    }

    #[tokio::test]
    async fn a_creation_whose_answer_is_lost_is_found_by_its_name() {
        let mut answers = [Reply::Lost, taken()].into_iter();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => answers.next().unwrap(),
            _ => inspection("created"),
        });

        let made = create(&stub.client(), &plan(), None).await.unwrap();

        assert!(made.joined);
        assert_eq!((&*made.id.0, made.image.as_deref()), ("c1", Some("sha256:0a")));
        assert_eq!(stub.count("POST /containers/create?name=docket.report.20261121T090000Z"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_whose_holder_is_being_removed_is_waited_for() {
        let mut answers = (0..3).map(|_| taken());
        let made = r#"{"Id":"c2","Warnings":["swap"]}"#.to_owned();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => answers.next().unwrap_or_else(|| Reply::Json(201, made.clone())),
            _ => inspection("removing"),
        });

        let made = create(&stub.client(), &plan(), None).await.unwrap();

        assert!(!made.joined);
        assert_eq!((&*made.id.0, made.warnings), ("c2", vec!["swap".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_removal_that_does_not_end_is_not_waited_for_without_end() {
        let stub = Stub::start(|request| match request.split_once(' ') {
            Some(("POST", _)) => taken(),
            _ => inspection("removing"),
        });

        let refusal = create(&stub.client(), &plan(), None).await.err().unwrap();

        let holder = "container c1 (`docket.report.20261121T090000Z`, image `busybox`), \
                      which is being removed";
        assert_eq!(refusal, EngineError::NameHeld { holder: holder.to_owned() });
    }

    #[tokio::test]
    async fn the_platform_is_asked_for_and_one_that_does_not_fit_is_no_missing_image() {
        let stub = Stub::start(|_| {
            let message = "image with reference busybox was found but does not match the \
                           specified platform: wanted linux/arm64, actual: linux/amd64";
            Reply::Json(404, serde_json::json!({"message": message}).to_string())
        });

        let refusal = create(&stub.client(), &plan(), Some("linux/arm64")).await.err().unwrap();

        let words = "image busybox on the engine is for another platform: image with reference \
                     busybox was found but does not match the specified platform: wanted \
                     linux/arm64, actual: linux/amd64";
        assert_eq!(refusal.to_string(), words);
        let call =
            "POST /containers/create?name=docket.report.20261121T090000Z&platform=linux%2Farm64";
        assert_eq!(stub.count(call), 1);
    }
}
