//! What all calls of the engine share: the client of the cluster, and whether the cluster has scheduling gates.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use docket_model::run::ContainerId;
use docket_server::engine::{EngineError, LATEST_REQUEST, Past};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{CallError, Cluster, Pod},
    pod_owner,
};

/// How long the name of a pod is held after its end, where creating a pod starts it.
pub(crate) const NAME_RETENTION: Duration = LATEST_REQUEST;

/// What the calls of an engine share.
pub(crate) struct Pods {
    pub(crate) cluster: Cluster,
    /// Ends what runs in the background.
    pub(crate) closed: CancellationToken,
    /// True where the cluster has shown that it keeps scheduling gates.
    has_gates: AtomicBool,
}

impl Pods {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            closed: CancellationToken::new(),
            // Until the cluster has shown otherwise: a name that is held needlessly does no harm.
            has_gates: AtomicBool::new(false),
        }
    }

    pub(crate) fn has_gates(&self) -> bool {
        self.has_gates.load(Ordering::SeqCst)
    }

    pub(crate) fn note_gates(&self, has_gates: bool) {
        self.has_gates.store(has_gates, Ordering::SeqCst);
    }

    /// The pod of this id.
    ///
    /// # Errors
    /// [`EngineError::Gone`] where it is gone, also where it only holds its name.
    pub(crate) async fn look(&self, id: &ContainerId) -> Result<Pod, EngineError> {
        Ok(self.look_at(id).await?.0)
    }

    /// The same, and the time of the cluster.
    pub(crate) async fn look_at(
        &self,
        id: &ContainerId,
    ) -> Result<(Pod, Option<DateTime<Utc>>), EngineError> {
        self.find(id).await?.map_err(|_| EngineError::Gone)
    }

    /// The pod of this id, and the time of the cluster; what is known of one that is gone, or only holds its name.
    pub(crate) async fn find(
        &self,
        id: &ContainerId,
    ) -> Result<Result<(Pod, Option<DateTime<Utc>>), Past>, EngineError> {
        let Ok((name, uid)) = name_and_uid(id) else { return Ok(Err(Past::Unknown)) };
        match self.cluster.pod_at(name).await.map_err(unread) {
            Ok((pod, at)) if pod.metadata.uid == uid => match pod_owner::past(&pod) {
                Some(past) => Ok(Err(past)),
                None => Ok(Ok((pod, at))),
            },
            Ok(_) | Err(EngineError::Gone) => Ok(Err(Past::Unknown)),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pods")
            .field("namespace", &self.cluster.namespace)
            .field("has_gates", &self.has_gates)
            .finish_non_exhaustive()
    }
}

/// Name and uid of a pod, which its id is made of.
///
/// # Errors
/// [`EngineError::Gone`] for an id that no cluster gave: there is no such pod.
pub(crate) fn name_and_uid(id: &ContainerId) -> Result<(&str, &str), EngineError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    id.0.split_once('/')
        // Names are pasted into URLs.
        .filter(|(name, _)| !name.is_empty() && name.chars().all(allowed))
        .ok_or(EngineError::Gone)
}

/// [`EngineError::Gone`] where what a call is about is not there.
pub(crate) fn gone_or(error: CallError) -> EngineError {
    if error.is_not_found() { EngineError::Gone } else { error.into() }
}

/// Why a call that only reads did not: what it is about is not there, or there is no answer. A refusal, such as
/// for rights that are missing for a moment, says nothing about a pod.
pub(crate) fn unread(error: CallError) -> EngineError {
    match gone_or(error) {
        EngineError::Refused { message, .. } => EngineError::Unreachable(message),
        error => error,
    }
}
