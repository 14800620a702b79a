//! Reading the log of a pod behind a position, to its end or as far as it is there.
//!
//! 1. Where its node has rotated the log and dropped what comes next, that is an error with the number of bytes:
//!    see [`crate::log_file`].

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use docket_model::{
    output::{Stream as OutputStream, Times},
    run::ContainerId,
};
use docket_server::engine::{Chunk, EngineError, Follow, Log, LogCursor};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::{
    kept_logs::KeptLogs,
    log_file::LogStart,
    open_log::{OpenLog, log_start, started},
    pod_state::{PodState, state_of},
    pod_watch::PodWatch,
    shared_engine_state::{Pods, unread},
};

/// How long a node may take to report the end of a container whose log has ended.
const LONGEST_REPORT: Duration = Duration::from_secs(10);

/// Reads what a container wrote behind a position.
pub(crate) fn read(
    pods: &Arc<Pods>,
    logs: &Arc<KeptLogs>,
    id: &ContainerId,
    from: LogCursor,
    follow: Follow,
) -> Log {
    let reader = Reader {
        pods: Arc::clone(pods),
        logs: Arc::clone(logs),
        id: id.clone(),
        follow,
        open: None,
        start: LogStart::Unknown,
        skip: 0,
        cursor: from,
    };
    stream::try_unfold(reader, |mut reader| async move {
        let Some(bytes) = reader.next().await? else { return Ok(None) };
        let cursor = reader.cursor.advanced_by(bytes.len() as u64);
        reader.cursor = cursor;
        // The log is read without times.
        let chunk = Chunk { stream: OutputStream::Out, bytes, times: Times::default() };
        Ok(Some(((cursor, chunk), reader)))
    })
    .boxed()
}

struct Reader {
    pods: Arc<Pods>,
    logs: Arc<KeptLogs>,
    id: ContainerId,
    follow: Follow,
    open: Option<OpenLog>,
    /// How the file begins that is read.
    start: LogStart,
    /// How many bytes are still to be skipped.
    skip: u64,
    cursor: LogCursor,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            let Some(mut open) = self.take_open().await? else { return Ok(None) };
            while let Some(mut bytes) = open.next().await? {
                let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= skipped as u64;
                let bytes = bytes.split_off(skipped);
                if self.start == LogStart::Empty {
                    // It has a line now, by which a rotation is noticed.
                    let start = log_start(&self.pods, &self.id).await;
                    self.start = start.unwrap_or(LogStart::Unknown);
                }
                if !bytes.is_empty() {
                    self.open = Some(open);
                    return Ok(Some(bytes));
                }
            }
            // A follow may end with the file.
            let is_rotated =
                !open.is_lost && self.follow == Follow::ToEnd && self.is_rotated().await;
            if !is_rotated {
                return self.check_end(open.is_lost).await;
            }
        }
    }

    /// Whether the log of the node does not begin any more as when it was opened.
    async fn is_rotated(&mut self) -> bool {
        let now = log_start(&self.pods, &self.id).await.unwrap_or(LogStart::Unknown);
        match (&self.start, &now) {
            (LogStart::At(before), LogStart::At(now)) => before != now,
            (LogStart::At(_), LogStart::Empty) => true,
            _ => false,
        }
    }

    /// The log, once there is one; nothing where there is none by now.
    async fn take_open(&mut self) -> Result<Option<OpenLog>, EngineError> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        let pod = match self.follow {
            Follow::ToEnd => started(&self.pods, &self.id).await?,
            Follow::UpToNow => self.pods.look(&self.id).await?,
        };
        let has_log = matches!(
            state_of(&pod),
            PodState::Running { .. } | PodState::NodeAway { .. } | PodState::Ended(_)
        );
        if !has_log {
            return Ok(None);
        }
        self.start = log_start(&self.pods, &self.id).await?;
        let base = match self.logs.kept(&self.id) {
            Some(kept) => kept.base(&self.pods, &self.id, &self.start).await?,
            None => 0,
        };
        let position = self.cursor.bytes();
        if position < base {
            return Err(EngineError::OutputMissing { bytes: base - position, is_exact: false });
        }
        self.skip = position - base;
        let follow = self.follow == Follow::ToEnd;
        Ok(Some(OpenLog::open(&self.pods, &pod, follow).await.map_err(unread)?))
    }

    /// At the end of the log: that of the container, or what was kept of a log that is lost.
    async fn check_end(&mut self, is_lost: bool) -> Result<Option<Bytes>, EngineError> {
        if let Some(kept) = self.logs.kept(&self.id).filter(|_| is_lost) {
            let kept = kept.excerpt(self.cursor.bytes());
            self.follow = Follow::UpToNow;
            return Ok((!kept.is_empty()).then(|| kept.into()));
        }
        if self.follow == Follow::UpToNow {
            return Ok(None);
        }
        // The node reports the end of the container after the log has ended.
        match timeout(LONGEST_REPORT, ended(&self.pods, &self.id)).await {
            Ok(Ok(()) | Err(EngineError::Gone)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                Err(EngineError::Unreachable("the log ended before the container".to_owned()))
            }
        }
    }
}

/// Waits until a pod has ended.
async fn ended(pods: &Arc<Pods>, id: &ContainerId) -> Result<(), EngineError> {
    let mut watch = PodWatch::new(Arc::clone(pods), id.clone());
    loop {
        if let PodState::Ended(_) | PodState::CannotStart(_) = state_of(&watch.next().await?) {
            return Ok(());
        }
    }
}
