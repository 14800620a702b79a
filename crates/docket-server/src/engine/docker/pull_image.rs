//! Pulling images: one pull for all who want the same image at one moment, and not too many at once.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use docket_model::{allocation::Pull, container::Platform};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{
    pull_failure::PullFailure,
    pull_report::{PullReport, Trouble},
};
use crate::engine::docker_api::{
    engine_client::{ANSWER_LIMIT, Client},
    http_client::Call,
    login_registry_name::Reference,
    registry_login::{self, Login},
};
use crate::engine::{EngineError, Pulled, Refusal};

type UnderWay = BoxFuture<'static, Result<Pulled, EngineError>>;

/// The pulls under way.
#[derive(Debug)]
pub(super) struct Pulls {
    /// Weak, so that a pull ends when no caller waits for it any more.
    under_way: Mutex<HashMap<Wanted, WeakShared<UnderWay>>>,
    registry: Arc<Registry>,
}

/// An image, and what it is for where that is not the engine's own platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Wanted {
    reference: Reference,
    platform: Option<String>,
}

/// What one pull needs to know.
#[derive(Debug)]
struct Registry {
    /// Docker's configuration folder, where logins are kept.
    config: Option<PathBuf>,
    slots: Semaphore,
    limit: Duration,
}

/// Why a pull came to nothing.
enum Failure {
    /// The registry, or the engine in its place, gave a reason.
    Refused(String),
    /// The engine itself was not there.
    Engine(EngineError),
}

impl Pulls {
    /// At most `most` at once, each for at most `limit`.
    pub(super) fn new(config: Option<PathBuf>, most: usize, limit: Duration) -> Self {
        let registry = Registry {
            config,
            // A semaphore panics above its maximum, and without permits no pull would begin.
            slots: Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)),
            limit,
        };
        Self { under_way: Mutex::default(), registry: Arc::new(registry) }
    }

    /// Makes sure of an image: pulls it, joins the pull of it that is under way, or finds it there.
    pub(super) async fn pull(
        &self,
        client: &Client,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Pulled, EngineError> {
        let reference = Reference::parse(image).map_err(|invalid| EngineError::NotPulled {
            image: image.to_owned(),
            reason: invalid.to_string(),
        })?;
        let wanted = Wanted { reference, platform: platform.map(str::to_owned) };
        if pull != Pull::Always {
            if is_there(client, &wanted).await? {
                return Ok(pulled(&wanted.reference, false, None));
            }
            if pull == Pull::Never {
                let purpose = platform.map(|platform| format!(" for {platform}"));
                let image = format!("{image}{}", purpose.unwrap_or_default());
                return Err(EngineError::MayNotPull { image });
            }
        }
        match self.join(client, wanted).await {
            // Callers may have written one image in several ways.
            Err(EngineError::NoSuchImage { reason, .. }) => {
                Err(EngineError::NoSuchImage { image: image.to_owned(), reason })
            }
            Err(EngineError::NotPulled { reason, .. }) => {
                Err(EngineError::NotPulled { image: image.to_owned(), reason })
            }
            answer => answer,
        }
    }

    /// The pull that is under way, or a new one. It goes on as long as anyone waits for it.
    fn join(&self, client: &Client, wanted: Wanted) -> Shared<UnderWay> {
        let mut under_way = self.under_way.lock();
        if let Some(pull) = under_way.get(&wanted).and_then(WeakShared::upgrade) {
            return pull;
        }
        under_way.retain(|_, pull| pull.upgrade().is_some());
        let (client, registry) = (client.clone(), Arc::clone(&self.registry));
        let image = wanted.clone();
        let pull: UnderWay = Box::pin(async move { registry.pull(&client, &image).await });
        // Its callers poll it and no task does, so that it is dropped with the last of them.
        let pull = pull.shared();
        if let Some(weak) = pull.downgrade() {
            under_way.insert(wanted, weak);
        }
        pull
    }
}

impl Registry {
    /// Pulls; where that fails and the image is on the engine, that one serves.
    async fn pull(&self, client: &Client, wanted: &Wanted) -> Result<Pulled, EngineError> {
        let reference = &wanted.reference;
        let (words, login) = match self.fetch(client, wanted).await {
            (Ok(()), _) => return Ok(pulled(reference, true, None)),
            (Err(Failure::Engine(error)), _) => return Err(error),
            (Err(Failure::Refused(words)), login) => (words, login),
        };
        let failure = PullFailure::new(reference, words)
            .with_login(login.credentials.is_some(), login.trouble);
        if is_there(client, wanted).await? {
            return Ok(pulled(reference, false, Some(failure.to_string())));
        }
        // An engine that goes down breaks its pulls off with words of its own.
        let error = EngineError::Refused { kind: Refusal::Failed, message: failure.to_string() };
        Err(match client.or_unreachable(error).await {
            EngineError::Refused { message, .. } => {
                let image = reference.local_name();
                if failure.is_no_such_image() {
                    EngineError::NoSuchImage { image, reason: message }
                } else {
                    EngineError::NotPulled { image, reason: message }
                }
            }
            error => error,
        })
    }

    /// Waits for a slot, looks the login up and lets the engine fetch the image.
    ///
    /// Returns the login that was used beside the outcome.
    async fn fetch(&self, client: &Client, wanted: &Wanted) -> (Result<(), Failure>, Login) {
        // The semaphore is never closed, so there always is a slot in the end.
        // Outside of the limit: the wait for other pulls does not count.
        let _slot = self.slots.acquire().await;
        // Kept outside of the work, so that it is known after a timeout too.
        let mut login = Login::default();
        let work = async {
            login = registry_login::of_image(self.config.as_deref(), &wanted.reference).await;
            self.transfer(client, wanted, &login).await
        };
        let done = tokio::time::timeout(self.limit, work).await;
        let done =
            done.unwrap_or_else(|_| Err(Failure::Refused(PullFailure::too_slow(self.limit))));
        (done, login)
    }

    /// Reads the engine's report of the pull to its end.
    async fn transfer(
        &self,
        client: &Client,
        Wanted { reference, platform }: &Wanted,
        login: &Login,
    ) -> Result<(), Failure> {
        let image = [
            ("fromImage", Some(reference.repository())),
            ("tag", Some(reference.version())),
            ("platform", platform.as_deref()),
        ];
        let query =
            serde_urlencoded::to_string(image).map_err(|error| client.unreadable(&error))?;
        let call = Call::post(format!("/images/create?{query}"), Bytes::new());
        let call = call.with_login(login.credentials.as_ref().and_then(registry_login::header));
        // The engine answers once the registry has, which is what `limit` bounds.
        let limit = self.limit + ANSWER_LIMIT;
        let mut pieces = client.pieces(&client.keeping, call, limit)?;
        let mut report = PullReport::default();
        let failure_of = |trouble| match trouble {
            Trouble::Failed(reason) => Failure::Refused(reason),
            Trouble::Unreadable(reason) => Failure::Engine(client.unreadable(&reason)),
        };
        while let Some(piece) = pieces.next().await {
            report.push(&piece?).map_err(failure_of)?;
        }
        report.end().map_err(failure_of)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused { message, .. } => Self::Refused(message),
            error => Self::Engine(error),
        }
    }
}

fn pulled(reference: &Reference, was_pulled: bool, stale: Option<String>) -> Pulled {
    let (repository, tag) = (reference.repository().to_owned(), reference.version().to_owned());
    Pulled { repository, tag, stale, was_pulled }
}

/// What is read of an image: what it is for, where the engine says so.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

/// True where the engine has the image, for the platform that is wanted.
///
/// An engine may have images of one name for several platforms and show one of them: where it shows
/// another than is wanted, it is pulled, which costs little if it is there.
async fn is_there(
    client: &Client,
    Wanted { reference, platform }: &Wanted,
) -> Result<bool, EngineError> {
    let name = reference.local_name();
    let image: Image = match client.get_json(&format!("/images/{name}/json"), &[]).await {
        Ok(image) => image,
        Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let wanted = platform.as_deref().and_then(|platform| Platform::parse(platform).ok());
    let found = image.os.zip(image.architecture);
    Ok(match (wanted, found) {
        (Some(wanted), Some((os, architecture))) => {
            wanted.fits(&Platform::of_image(&os, &architecture, image.variant.as_deref()))
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests;
