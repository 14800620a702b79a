//! What docket keeps of the log of a running pod, because the node's own may go: with the container when
//! the pod is deleted, from its beginning when the node rotates it.
//!
//! 1. Head and tail are kept, of at most [`MOST_KEPT`] bytes for each running pod.

use std::{sync::Arc, time::Duration};

use docket_model::{Output, output::Stream, run::ContainerId};
use docket_server::engine::EngineError;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    api::Pod,
    pod_log::{OpenLog, first_stamp, started},
    pod_state::{PodState, state_of},
    pods::Pods,
};

/// How many bytes are kept of each log.
const MOST_KEPT: usize = 256 << 10;
/// The pause before a log is followed again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the end of a log is waited for once its container has ended.
const END_LIMIT: Duration = Duration::from_secs(5);

/// The log of one pod.
#[derive(Debug)]
pub(crate) struct KeptLog {
    kept: Mutex<Kept>,
    is_over: watch::Sender<bool>,
}

#[derive(Debug)]
struct Kept {
    output: Output,
    /// The container at its runtime.
    container: Option<String>,
    /// The container whose log was followed last, and the stamp of its first line.
    followed: Option<(Option<String>, Option<String>)>,
    remark: Option<&'static str>,
}

impl KeptLog {
    /// Begins to follow the log of a pod, until its end or that of the engine.
    pub(crate) fn follow(pods: &Arc<Pods>, id: ContainerId) -> Arc<Self> {
        let kept = Kept {
            output: Output::bounded(MOST_KEPT),
            container: None,
            followed: None,
            remark: None,
        };
        let log = Arc::new(Self { kept: Mutex::new(kept), is_over: watch::Sender::new(false) });
        let (pods, following) = (Arc::clone(pods), Arc::clone(&log));
        tokio::spawn(async move {
            let closed = pods.closed.clone();
            tokio::select! {
                () = closed.cancelled() => {}
                () = following.follow_to_end(&pods, &id) => {}
            }
            following.is_over.send_replace(true);
        });
        log
    }

    async fn follow_to_end(&self, pods: &Arc<Pods>, id: &ContainerId) {
        loop {
            match self.follow_once(pods, id).await {
                Ok(true) | Err(EngineError::Gone | EngineError::NotStartable(_)) => return,
                // A log that is lost while the container runs is that of one that the node has lost.
                Ok(false) | Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Follows the log until it ends; true where the container has ended, too.
    async fn follow_once(&self, pods: &Arc<Pods>, id: &ContainerId) -> Result<bool, EngineError> {
        let pod = started(pods, id).await?;
        let stamp = first_stamp(pods, id).await?;
        let mut skip = self.begin(&pod, stamp);
        let mut log = OpenLog::open(pods, &pod, true).await?;
        while let Some(bytes) = log.next().await? {
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
            skip -= skipped as u64;
            self.kept.lock().output.push_to(Stream::Out, &bytes[skipped..]);
        }
        Ok(matches!(state_of(&pods.look(id).await?), PodState::Ended(_)))
    }

    /// Notes which container a pod has: another one than before shows a second start.
    pub(crate) fn note_container(&self, pod: &Pod) {
        let Some(container) = container_of(pod) else { return };
        let mut kept = self.kept.lock();
        if kept.container.as_ref().is_some_and(|before| *before != container) {
            kept.remark = Some(STARTED_TWICE);
        }
        kept.container = Some(container);
    }

    /// How much of the log is here already; nothing of one that does not begin as before.
    fn begin(&self, pod: &Pod, first_stamp: Option<String>) -> u64 {
        self.note_container(pod);
        let mut kept = self.kept.lock();
        let (before, now) = (kept.followed.take(), (container_of(pod), first_stamp));
        kept.followed = Some(now.clone());
        let Some((container, first_stamp)) = before else { return 0 };
        let is_another = container != now.0;
        let begins_elsewhere = first_stamp.zip(now.1).is_some_and(|(before, now)| before != now);
        if begins_elsewhere && kept.remark.is_none() {
            kept.remark = Some(ROTATED);
        }
        if is_another || begins_elsewhere { 0 } else { kept.output.written() }
    }

    /// Waits for the end of the log, once its container has ended.
    pub(crate) async fn over(&self) {
        let mut is_over = self.is_over.subscribe();
        // One that does not end is taken as it is.
        let _ = timeout(END_LIMIT, is_over.wait_for(|is_over| *is_over)).await;
    }

    /// The bytes that are kept behind a position.
    pub(crate) fn excerpt(&self, from: u64) -> Vec<u8> {
        self.kept.lock().output.excerpt(from, MOST_KEPT).bytes
    }

    /// How many bytes were followed.
    pub(crate) fn written(&self) -> u64 {
        self.kept.lock().output.written()
    }

    /// What is kept, in at most so many bytes.
    pub(crate) fn output(&self, limit: usize) -> Output {
        let kept = self.kept.lock();
        if limit >= kept.output.kept() {
            return kept.output.clone();
        }
        let mut output = Output::bounded(limit);
        output.push_to(Stream::Out, &kept.output.to_bytes());
        output
    }

    /// What is odd about the log.
    pub(crate) fn remark(&self) -> Option<&'static str> {
        self.kept.lock().remark
    }
}

/// The container of a pod at its runtime.
fn container_of(pod: &Pod) -> Option<String> {
    let container = pod.container().and_then(|status| status.container_id.clone());
    container.filter(|container| !container.is_empty())
}

/// What a rotation of the log means.
pub(crate) const ROTATED: &str = "its node rotated the log: output may be missing or repeated";
/// What another container of the same pod means.
const STARTED_TWICE: &str =
    "Kubernetes started the program a second time: its node had lost the first container";
