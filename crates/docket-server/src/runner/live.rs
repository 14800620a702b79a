//! The output of a run as it comes: from its beginning to its end, over all its attempts.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use docket_model::{
    Run,
    run::{Attempt, ContainerId, Instant, RunId},
};
use parking_lot::Mutex;
use tokio::sync::{
    Notify,
    broadcast::{self, error::RecvError},
    mpsc,
};
use tokio_stream::StreamExt;
use tokio_util::task::AbortOnDropHandle;

use super::{Runner, outcome};
use crate::{
    engine::{Captured, EngineError},
    store::StoreError,
};

/// How many pieces wait for a slow reader.
const PIECES: usize = 16;
/// For how long lines are gathered into one piece, and how many at most: a piece for each line would
/// cost a reader of many lines more than the lines.
const GATHERED: (usize, Duration) = (512, Duration::from_millis(10));
/// For how long a container that has ended stays for those who still read its output.
const PATIENCE: Duration = Duration::from_secs(60);
/// After which time a record is looked at again without news of it.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Who reads the output of which container.
#[derive(Debug, Default)]
pub(super) struct Readers {
    reading: Mutex<HashMap<ContainerId, usize>>,
    left: Notify,
}

/// Keeps a container from being removed, until it is dropped.
struct Reading {
    readers: Arc<Readers>,
    container: ContainerId,
}

impl Readers {
    fn enter(self: &Arc<Self>, container: &ContainerId) -> Reading {
        *self.reading.lock().entry(container.clone()).or_default() += 1;
        Reading { readers: Arc::clone(self), container: container.clone() }
    }

    /// Waits until nobody reads the output of this container, but not for ever.
    pub(super) async fn gone(&self, container: &ContainerId) {
        let gone = async {
            loop {
                let left = self.left.notified();
                if !self.reading.lock().contains_key(container) {
                    return;
                }
                left.await;
            }
        };
        // Who has not read it by then reads what is kept.
        let _: Result<(), _> = tokio::time::timeout(PATIENCE, gone).await;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut reading = self.readers.reading.lock();
        if let Some(count) = reading.get_mut(&self.container) {
            *count -= 1;
            if *count == 0 {
                reading.remove(&self.container);
            }
        }
        drop(reading);
        self.readers.left.notify_waiters();
    }
}

/// Why an output breaks off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LiveError {
    /// The record cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not hand it out.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A piece of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What was written.
    pub(crate) bytes: Bytes,
    /// How many bytes were written up to its end: who has it goes on behind so many.
    pub(crate) end: u64,
}

/// Pieces of an output, in order.
pub(crate) type Pieces = mpsc::Receiver<Result<Piece, LiveError>>;

impl Runner {
    /// What a container wrote by now, its beginning and its end where that is more than the limit.
    pub(crate) async fn output_by_now(
        &self,
        container: ContainerId,
        limit: usize,
    ) -> Result<Captured, EngineError> {
        let engine = Arc::clone(&self.engine);
        let reading = async move { engine.output(&container, limit).await };
        // Where the engine's connections are: each piece of a log would cross threads twice.
        outcome(AbortOnDropHandle::new(self.runtime.spawn(reading))).await
    }

    /// Follows the output of a run, without its first `skip` bytes, until the run is over.
    ///
    /// The pieces end early where the server stops, with the run's end still to come.
    pub(crate) fn follow_output(
        self: &Arc<Self>,
        name: String,
        instant: Instant,
        skip: u64,
    ) -> Pieces {
        let (pieces, received) = mpsc::channel(PIECES);
        let follower = Follower {
            runner: Arc::clone(self),
            news: self.news.subscribe(),
            pieces,
            skip,
            before: 0,
            done: 0,
            is_begun: false,
            is_unreadable: false,
        };
        self.runtime.spawn(async move {
            let runner = Arc::clone(&follower.runner);
            let pieces = follower.pieces.clone();
            let following = follower.follow(&name, instant);
            let ended = tokio::select! {
                ended = runner.unless_stopped(following) => ended,
                // Nobody reads any more.
                () = pieces.closed() => return,
            };
            if let Ok(Err(error)) = ended {
                let _: Result<(), _> = pieces.send(Err(error)).await;
            }
        });
        received
    }
}

/// One who reads.
struct Follower {
    runner: Arc<Runner>,
    news: broadcast::Receiver<RunId>,
    pieces: mpsc::Sender<Result<Piece, LiveError>>,
    /// How many bytes of the attempts to come were handed out before, or are not wanted.
    skip: u64,
    /// How many bytes were written by the attempts that were read to their ends.
    before: u64,
    /// How many attempts were read to their ends.
    done: usize,
    /// True where some of the next attempt was handed out as it was written.
    is_begun: bool,
    /// True where the engine cannot read the log of the next attempt.
    is_unreadable: bool,
}

impl Follower {
    async fn follow(mut self, name: &str, instant: Instant) -> Result<(), LiveError> {
        loop {
            let Some(run) = self.runner.store.run(name, instant).await? else { return Ok(()) };
            while let Some(attempt) = run.attempts.get(self.done) {
                let is_last = self.done + 1 == run.attempts.len();
                let is_ended = attempt.exit.is_some() || run.state.is_over() || !is_last;
                if !self.read(&run, attempt, is_ended).await? {
                    break;
                }
                self.done += 1;
                (self.is_begun, self.is_unreadable) = (false, false);
            }
            if run.state.is_over() && self.done >= run.attempts.len() {
                return Ok(());
            }
            self.wait_for_news(&run.id).await;
        }
    }

    /// Reads an attempt to its end; false where there may be more to read later.
    async fn read(
        &mut self,
        run: &Run,
        attempt: &Attempt,
        is_ended: bool,
    ) -> Result<bool, LiveError> {
        if let Some(sized) = &attempt.output {
            let (name, instant) = (run.id.allocation.as_str(), run.id.instant);
            self.before += sized.written();
            if sized.written() > self.skip {
                let output = self.runner.store.output(name, instant, attempt.number).await?;
                // Where nothing is kept, it is told how much was left out.
                let rest = output.as_ref().unwrap_or(sized).since(self.skip);
                self.hand_out(rest.into(), self.before).await;
            }
            self.skip = self.skip.saturating_sub(sized.written());
            return Ok(true);
        }
        if is_ended {
            // What was handed out of it counts, though no record tells of it.
            if self.is_begun {
                self.before += self.skip;
                self.skip = 0;
            }
            return Ok(true);
        }
        let is_readable = attempt.started_at.is_some() && !self.is_unreadable;
        let Some(container) = attempt.container.as_ref().filter(|_| is_readable) else {
            return Ok(false);
        };
        let _reading = self.runner.readers.enter(container);
        let pieces = self.runner.engine.live_output(container, self.skip);
        let mut gathered = pin!(pieces.chunks_timeout(GATHERED.0, GATHERED.1));
        while let Some(pieces) = gathered.next().await {
            let (mut bytes, mut failure) = (BytesMut::new(), None);
            for piece in pieces {
                match piece {
                    Ok(piece) => bytes.extend_from_slice(&piece),
                    Err(error) => failure = Some(error),
                }
            }
            self.is_begun |= !bytes.is_empty();
            self.skip += bytes.len() as u64;
            self.hand_out(bytes.freeze(), self.before + self.skip).await;
            match failure {
                None => {}
                // It was removed from outside, or in this moment after its end was noted.
                Some(EngineError::Gone) => return Ok(false),
                // Its log driver keeps nothing to read; its end is told by the record.
                Some(error) if error.is_unreadable_log() => {
                    self.is_unreadable = true;
                    return Ok(false);
                }
                Some(error) => return Err(error.into()),
            }
        }
        self.before += self.skip;
        self.skip = 0;
        Ok(true)
    }

    async fn hand_out(&self, bytes: Bytes, end: u64) {
        if !bytes.is_empty() {
            // Where nobody reads any more, the whole task ends.
            let _: Result<(), _> = self.pieces.send(Ok(Piece { bytes, end })).await;
        }
    }

    /// Waits until there may be something new in the record.
    async fn wait_for_news(&mut self, id: &RunId) {
        let news = async {
            loop {
                match self.news.recv().await {
                    Ok(run) if run != *id => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _: Result<(), _> = tokio::time::timeout(LOOK_AGAIN, news).await;
    }
}
