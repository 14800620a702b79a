//! Runs the terms of a process, one after another: a term that has failed is replaced by the next one.
//!
//! 1. When a task of a term has panicked, that term ends and the next begins: runs continue from their
//!    records.
//! 2. When another server has taken over the store, no term begins any more.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};
use tracing::{error, info};

use super::{Process, RunningTerm, ServerError};
use crate::{backoff::Backoff, engine::engine_registry::EngineRegistry};

/// The pause before the next term. A task that panics in each term must not keep the host busy.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A term that lasted as long counts as one that works: the pauses begin with the shortest again.
const WORKS: Duration = Duration::from_secs(600);

/// Why a server is in no term any more.
const DEPOSED: &str = "another server has taken over the store";

/// The terms of a process. `connect` makes the engines of each, with connections of their own.
pub(super) struct Terms<C> {
    process: Arc<Process>,
    connect: C,
    state: State,
    backoff: Backoff,
}

enum State {
    InTerm {
        term: RunningTerm,
        begun: Instant,
    },
    /// No term until then.
    Between(Instant),
    /// Another server has taken over the store.
    Deposed,
}

/// What ends a state.
enum Event {
    Deposed,
    /// This background task of the term has panicked.
    Panicked(&'static str),
    /// The pause is over.
    Due,
}

impl<C> Terms<C>
where
    C: AsyncFn() -> Result<EngineRegistry, ServerError>,
{
    /// Begins the first term with these engines.
    pub(super) async fn begin(
        process: Arc<Process>,
        engines: EngineRegistry,
        connect: C,
    ) -> Result<Self, ServerError> {
        let term = process.begin_term(engines).await?;
        let state = State::InTerm { term, begun: Instant::now() };
        Ok(Self { process, connect, state, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) })
    }

    /// Goes from term to term until `stop` completes, and returns what it returned.
    pub(super) async fn continue_until<T>(&mut self, stop: impl Future<Output = T>) -> T {
        let mut stop = std::pin::pin!(stop);
        loop {
            let event = tokio::select! {
                stopped = &mut stop => return stopped,
                event = self.event() => event,
            };
            match event {
                Event::Deposed => {
                    // The API stays up: it can still show records, and says why nothing starts.
                    error!(
                        "{DEPOSED}: this one starts and changes nothing any more; stop one of the two"
                    );
                    // The other server follows the containers, so they are not stopped, even with
                    // `--stop-runs`.
                    self.leave(State::Deposed, DEPOSED).await;
                }
                Event::Panicked(task) => self.pause_after_panic(task).await,
                Event::Due => self.begin_next().await,
            }
        }
    }

    /// How many runs are under way.
    pub(super) fn runs_under_way(&self) -> usize {
        match &self.state {
            State::InTerm { term, .. } => term.runner.records.queues.len(),
            State::Between(_) | State::Deposed => 0,
        }
    }

    /// Ends the last term, with its runs if asked for.
    pub(super) async fn end(self, stop_runs: bool) {
        match self.state {
            State::InTerm { term, .. } => term.end("it is stopping", stop_runs).await,
            State::Between(_) => {}
            // The store is another server's to write.
            State::Deposed => return,
        }
        self.process.note_end().await;
    }

    /// The present term.
    #[cfg(test)]
    pub(super) fn term(&self) -> Option<&RunningTerm> {
        match &self.state {
            State::InTerm { term, .. } => Some(term),
            State::Between(_) | State::Deposed => None,
        }
    }

    async fn event(&self) -> Event {
        let ended = async {
            match &self.state {
                State::InTerm { term, .. } => Event::Panicked(term.background.panicked().await),
                State::Between(until) => {
                    sleep_until(*until).await;
                    Event::Due
                }
                State::Deposed => std::future::pending().await,
            }
        };
        let deposed = async {
            match &self.state {
                State::InTerm { .. } | State::Between(_) => self.process.store.deposed().await,
                State::Deposed => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // Biased: a next term would take the store from the server that has taken it over.
            () = deposed => Event::Deposed,
            event = ended => event,
        }
    }

    async fn pause_after_panic(&mut self, task: &str) {
        if let State::InTerm { begun, .. } = &self.state
            && begun.elapsed() >= WORKS
        {
            self.backoff.reset();
        }
        let pause = self.backoff.next_pause();
        let seconds = pause.as_secs();
        error!(
            task,
            pause_seconds = seconds,
            "the term ends because of the panic: docket takes up its runs from their records after the pause"
        );
        let reason =
            format!("its background task `{task}` panicked; it continues after {seconds} s");
        self.leave(State::Between(Instant::now() + pause), &reason).await;
    }

    /// Ends the present term, if there is one; responses to requests have the reason.
    async fn leave(&mut self, next: State, reason: &str) {
        match std::mem::replace(&mut self.state, next) {
            State::InTerm { term, .. } => term.end(reason, false).await,
            State::Between(_) | State::Deposed => self.process.port.close(reason),
        }
    }

    async fn begin_next(&mut self) {
        let begun = async { self.process.begin_term((self.connect)().await?).await };
        self.state = match begun.await {
            Ok(term) => {
                info!("docket continues: runs under way were taken up from their records");
                State::InTerm { term, begun: Instant::now() }
            }
            Err(error) => {
                let pause = self.backoff.next_pause();
                error!(
                    error = &error as &dyn std::error::Error,
                    pause_seconds = pause.as_secs(),
                    "docket could not continue; it tries again after the pause"
                );
                State::Between(Instant::now() + pause)
            }
        };
    }
}
