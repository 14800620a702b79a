//! What docket keeps of the log of a running pod, because the node's own may go: with the container when
//! the pod is deleted, from its beginning when the node rotates it.
//!
//! 1. Head and tail are kept, of at most so many bytes as [`crate::kept_logs`] allows.
//! 2. Its positions are those of the container's whole log, whatever its node has dropped.

use std::{sync::Arc, time::Duration};

use docket_model::{Output, output::Stream, run::ContainerId};
use docket_server::{backoff::Backoff, engine::EngineError};
use parking_lot::Mutex;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    api::Pod,
    log_file::{LogFile, LogStart},
    open_log::{OpenLog, last_line, log_start, started},
    pod_state::{PodState, state_of},
    pod_watch::LONGEST_SILENCE,
    second_start::{self, STARTED_TWICE},
    shared_engine_state::{Pods, unread},
};

/// The first pause before a log is followed again, and the longest one: it doubles while nothing new is read.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long the end of a log is waited for once its container has ended.
const END_LIMIT: Duration = Duration::from_secs(5);

/// How long the file that a node has now may be one that is not followed yet.
const LEARN_LIMIT: Duration = Duration::from_secs(3);

/// The log of one pod.
#[derive(Debug)]
pub(crate) struct KeptLog {
    kept: Mutex<Kept>,
    /// How many bytes are kept.
    limit: usize,
    is_over: watch::Sender<bool>,
    /// The file that was followed last.
    file: watch::Sender<Option<LogFile>>,
    /// Ends the following.
    forgotten: CancellationToken,
}

#[derive(Debug)]
struct Kept {
    output: Output,
    /// The container at its runtime.
    container: Option<String>,
    remark: Option<&'static str>,
    /// True once the log was followed to its end.
    is_whole: bool,
    /// True while it is being followed.
    is_open: bool,
    /// What was known when the log was silent last.
    silent: Option<Silence>,
}

/// A log that is silent.
#[derive(Debug, PartialEq, Eq)]
struct Silence {
    /// How many bytes were followed.
    written: u64,
    /// The stamp of the last line that its node has.
    stamp: Option<String>,
}

impl Silence {
    /// Whether all that its node has was followed, as far as its last line shows. `has_line` is whether what was
    /// followed ends with that.
    fn is_complete(&self, before: Option<&Self>, has_line: bool) -> bool {
        let is_new = before.is_none_or(|before| before.stamp != self.stamp);
        let has_followed = before.map_or(0, |before| before.written) != self.written;
        self.stamp.is_none() || !is_new || (has_followed && has_line)
    }
}

impl KeptLog {
    /// Begins to follow the log of a pod, until its end or that of the engine.
    pub(crate) fn follow(pods: &Arc<Pods>, id: ContainerId, limit: usize) -> Arc<Self> {
        let kept = Kept {
            output: Output::bounded(limit),
            container: None,
            remark: None,
            is_whole: false,
            is_open: false,
            silent: None,
        };
        let (is_over, forgotten) = (watch::Sender::new(false), pods.closed.child_token());
        let (kept, file) = (Mutex::new(kept), watch::Sender::new(None));
        let log = Arc::new(Self { kept, limit, is_over, file, forgotten });
        let (pods, following) = (Arc::clone(pods), Arc::clone(&log));
        tokio::spawn(async move {
            tokio::select! {
                () = following.forgotten.cancelled() => {}
                () = following.follow_to_end(&pods, &id) => {}
            }
            following.is_over.send_replace(true);
        });
        log
    }

    async fn follow_to_end(&self, pods: &Arc<Pods>, id: &ContainerId) {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        loop {
            let before = self.written();
            let followed = self.follow_once(pods, id).await;
            self.kept.lock().is_open = false;
            match followed {
                Ok(true) => {
                    self.kept.lock().is_whole = true;
                    return;
                }
                Err(EngineError::Gone | EngineError::NotStartable(_)) => return,
                // A log that is lost while the container runs is that of one that the node has lost.
                Ok(false) | Err(_) => {
                    if self.written() > before {
                        backoff.reset();
                    }
                    backoff.wait().await;
                }
            }
        }
    }

    /// Follows the log until it ends; true where the container has ended, too.
    async fn follow_once(&self, pods: &Arc<Pods>, id: &ContainerId) -> Result<bool, EngineError> {
        let pod = started(pods, id).await?;
        // Of the first one it is asked once it has a line.
        let is_first = self.file.borrow().is_none();
        let start = if is_first { LogStart::Unknown } else { log_start(pods, id).await? };
        let mut skip = self.begin(&pod, &start);
        let mut log = OpenLog::open(pods, &pod, true).await?;
        self.kept.lock().is_open = true;
        loop {
            let Ok(next) = timeout(LONGEST_SILENCE, log.next()).await else {
                // A connection that was lost without a word is silent, too: the log is followed anew, from its
                // first byte, if its node has more.
                if self.is_complete(last_line(pods, id).await?) {
                    continue;
                }
                return Ok(false);
            };
            let Some(bytes) = next? else { break };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
            skip -= skipped as u64;
            self.kept.lock().output.push_to(Stream::Out, &bytes[skipped..]);
            if !self.has_start() {
                // Without an answer it is asked again with the next bytes.
                let start = log_start(pods, id).await.unwrap_or(LogStart::Unknown);
                self.file.send_modify(|file| {
                    file.get_or_insert_default().note_start(&start);
                });
            }
        }
        Ok(matches!(state_of(&pods.look(id).await?), PodState::Ended(_)))
    }

    /// Whether all that its node has of a silent log was followed, whose last line this is.
    fn is_complete(&self, last_line: Option<(String, Vec<u8>)>) -> bool {
        let mut kept = self.kept.lock();
        let (stamp, line) = last_line.unzip();
        let (written, line) = (kept.output.written(), line.unwrap_or_default());
        let from = written.saturating_sub(line.len() as u64);
        let has_line = kept.output.excerpt(from, line.len()).bytes == line;
        let silence = Silence { written, stamp };
        let is_complete = silence.is_complete(kept.silent.as_ref(), has_line);
        kept.silent = Some(silence);
        is_complete
    }

    /// Ends the following.
    pub(crate) fn forget(&self) {
        self.forgotten.cancel();
    }

    /// Notes which container a pod has: another one than before shows a second start, as does what its node reports.
    pub(crate) fn note_container(&self, pod: &Pod) {
        let mut kept = self.kept.lock();
        if kept.remark != Some(STARTED_TWICE) {
            kept.remark = second_start::reported(pod).or(kept.remark);
        }
        let Some(container) = container_of(pod) else { return };
        if kept.container.as_ref().is_some_and(|before| *before != container) {
            kept.remark = Some(STARTED_TWICE);
        }
        kept.container = Some(container);
    }

    /// How much of the file that the node has is here already.
    fn begin(&self, pod: &Pod, start: &LogStart) -> u64 {
        self.note_container(pod);
        let (container, written) = (container_of(pod), self.written());
        let before = self.file.borrow().clone();
        let (file, is_rotated) = match before {
            Some(before) => before.now(container, start, written),
            None => (LogFile::first(container, start), false),
        };
        if is_rotated {
            self.kept.lock().remark.get_or_insert(ROTATED);
        }
        let here = written - file.base;
        self.file.send_replace(Some(file));
        here
    }

    fn has_start(&self) -> bool {
        self.file.borrow().as_ref().is_some_and(LogFile::has_start)
    }

    /// How many bytes were written before the file that its node has now, which begins so.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] where that is not known at the moment.
    pub(crate) async fn base(
        &self,
        pods: &Pods,
        id: &ContainerId,
        start: &LogStart,
    ) -> Result<u64, EngineError> {
        let LogStart::At(stamp) = start else {
            // A file without a line is the one that is followed, or a new one behind all that was.
            let is_new = *start == LogStart::Empty && self.has_start();
            let base = self.file.borrow().as_ref().map_or(0, |file| file.base);
            return Ok(if is_new { self.written() } else { base });
        };
        if self.written() == 0 {
            return Ok(0);
        }
        let mut files = self.file.subscribe();
        let is_followed =
            |file: &Option<LogFile>| file.as_ref().is_some_and(|file| file.begins_at(stamp));
        if let Ok(Ok(file)) = timeout(LEARN_LIMIT, files.wait_for(is_followed)).await {
            return Ok(file.as_ref().map_or(0, |file| file.base));
        }
        if !self.kept.lock().is_open && !*self.is_over.borrow() {
            let reason =
                "its node has rotated the log, and docket does not follow it at the moment";
            return Err(EngineError::Unreachable(reason.to_owned()));
        }
        self.learn_base(pods, id, stamp).await
    }

    /// How many bytes were written before a file that a follow went on with by itself.
    async fn learn_base(
        &self,
        pods: &Pods,
        id: &ContainerId,
        stamp: &str,
    ) -> Result<u64, EngineError> {
        let pod = pods.look(id).await?;
        let mut log = OpenLog::open(pods, &pod, false).await.map_err(unread)?;
        let mut length = 0;
        while let Some(bytes) = log.next().await? {
            length += bytes.len() as u64;
        }
        let base = self.written().saturating_sub(length);
        self.file.send_modify(|file| file.get_or_insert_default().note_rotation(stamp, base));
        self.kept.lock().remark.get_or_insert(ROTATED);
        Ok(base)
    }

    /// Waits for the end of the log, once its container has ended.
    pub(crate) async fn over(&self) {
        let mut is_over = self.is_over.subscribe();
        // One that does not end is taken as it is.
        let _ = timeout(END_LIMIT, is_over.wait_for(|is_over| *is_over)).await;
    }

    /// The bytes that are kept behind a position.
    pub(crate) fn excerpt(&self, from: u64) -> Vec<u8> {
        self.kept.lock().output.excerpt(from, self.limit).bytes
    }

    /// How many bytes are kept at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
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

    /// True once the log was followed to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.kept.lock().is_whole
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

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(written: u64, stamp: &str) -> Silence {
        Silence { written, stamp: Some(stamp.to_owned()).filter(|stamp| !stamp.is_empty()) }
    }

    #[test]
    fn a_silent_log_is_only_followed_anew_if_its_node_has_more() {
        for (before, now, has_line, is_complete) in [
            // Nothing was ever written.
            (None, silence(0, ""), false, true),
            // A first silence: its last line has arrived, or has not.
            (None, silence(5, "1"), true, true),
            (None, silence(5, "1"), false, false),
            (None, silence(0, "1"), false, false),
            // Nothing new.
            (Some(silence(5, "1")), silence(5, "1"), false, true),
            // A new line arrived, or is like one before and has not.
            (Some(silence(5, "1")), silence(9, "2"), true, true),
            (Some(silence(5, "1")), silence(5, "2"), true, false),
        ] {
            assert_eq!(
                now.is_complete(before.as_ref(), has_line),
                is_complete,
                "{before:?} {now:?}"
            );
        }
    }
}
