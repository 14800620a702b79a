//! The pods of a namespace as the engine's calls share them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use docket_model::run::ContainerId;
use docket_server::engine::EngineError;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{CallError, Cluster, Pod},
    kept_log::KeptLog,
    pod_owner,
};

/// What the calls of an engine share.
pub(crate) struct Pods {
    pub(crate) cluster: Cluster,
    /// How long the name of a pod is held after its end, where creating starts.
    pub(crate) name_retention: Duration,
    /// Ends what runs in the background.
    pub(crate) closed: CancellationToken,
    /// True where the cluster has shown that it keeps scheduling gates.
    has_gates: AtomicBool,
    /// The logs of pods that may run.
    kept_logs: Mutex<HashMap<ContainerId, Arc<KeptLog>>>,
}

impl Pods {
    pub(crate) fn new(cluster: Cluster, name_retention: Duration) -> Self {
        Self {
            cluster,
            name_retention,
            closed: CancellationToken::new(),
            // Until the cluster has shown otherwise: a name that is held needlessly does no harm.
            has_gates: AtomicBool::new(false),
            kept_logs: Mutex::default(),
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
        let (name, uid) = name_and_uid(id)?;
        match self.cluster.pod(name).await {
            Ok(pod) if pod.metadata.uid == uid && !pod_owner::is_removed(&pod) => Ok(pod),
            Ok(_) => Err(EngineError::Gone),
            Err(error) => Err(gone_or(error)),
        }
    }

    /// The log that is kept of a pod; begins to follow it where none is.
    pub(crate) fn keep_log(self: &Arc<Self>, id: &ContainerId) -> Arc<KeptLog> {
        let mut logs = self.kept_logs.lock();
        let log = logs.entry(id.clone()).or_insert_with(|| KeptLog::follow(self, id.clone()));
        Arc::clone(log)
    }

    /// The log that is kept of a pod.
    pub(crate) fn kept_log(&self, id: &ContainerId) -> Option<Arc<KeptLog>> {
        self.kept_logs.lock().get(id).cloned()
    }

    /// Forgets the log that is kept of a pod.
    pub(crate) fn forget_log(&self, id: &ContainerId) {
        self.kept_logs.lock().remove(id);
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
