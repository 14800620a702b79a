//! The driver of background tasks: it wakes them, logs their panics, and keeps their last results.
//!
//! 1. A periodic task wakes up at its timer or at a signal, whichever comes first.
//! 2. Each task has at most one activation at a time.
//! 3. A panic of an activation is logged and counts as its result; the task runs again.

mod failure;
mod status;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use docket_model::wire::BackgroundTask;
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use tokio::{sync::watch, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

pub(crate) use self::failure::Failure;
use self::status::Status;
use crate::{backoff::Backoff, clock::Clock};

/// When a periodic task wakes up.
pub(crate) struct Schedule {
    pub(crate) name: &'static str,
    /// True if the first activation is at once, and not after the first period.
    pub(crate) is_immediate: bool,
    /// The time between two activations; `None` if the task waits for signals only.
    pub(crate) period: Option<Duration>,
    /// The times to the next activation after failures in a row; the period where there are none.
    pub(crate) retry: Option<Backoff>,
    /// Each item wakes the task.
    pub(crate) signals: BoxStream<'static, ()>,
}

impl Schedule {
    /// A timer alone; the first activation is after the first period.
    pub(crate) fn every(name: &'static str, period: Duration) -> Self {
        let signals = stream::pending().boxed();
        Self { name, is_immediate: false, period: Some(period), retry: None, signals }
    }
}

/// All background tasks of a server, or those of one term. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Background(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    tracker: TaskTracker,
    tasks: Mutex<Vec<Arc<Status>>>,
    /// The first service that a panic has ended.
    panicked: watch::Sender<Option<&'static str>>,
    /// The tasks of the present term.
    terms: Mutex<Vec<Weak<Inner>>>,
}

impl Background {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let (tasks, panicked, terms) =
            (Mutex::default(), watch::Sender::default(), Mutex::default());
        Self(Arc::new(Inner { clock, stop, tracker, tasks, panicked, terms }))
    }

    /// The tasks of a term, which are shown with those of the server until the last clone is dropped.
    pub(crate) fn of_term(&self) -> Self {
        let term = Self::new(Arc::clone(&self.0.clock));
        let mut terms = self.0.terms.lock();
        terms.retain(|term| term.strong_count() > 0);
        terms.push(Arc::downgrade(&term.0));
        term
    }

    /// The tasks of the server, and then of its term, with their last results, in the order in which they
    /// were added.
    pub(crate) fn tasks(&self) -> Vec<BackgroundTask> {
        let terms: Vec<_> = self.0.terms.lock().iter().filter_map(Weak::upgrade).collect();
        let shown = |inner: &Arc<Inner>| -> Vec<_> {
            inner.tasks.lock().iter().map(|task| task.shown()).collect()
        };
        std::iter::once(&self.0).chain(&terms).flat_map(shown).collect()
    }

    /// Waits until a panic has ended a service, and returns its name.
    pub(crate) async fn panicked(&self) -> &'static str {
        let mut panicked = self.0.panicked.subscribe();
        match panicked.wait_for(Option::is_some).await.map(|name| *name) {
            Ok(Some(name)) => name,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Runs `activate` at each wake-up until [`Self::stop`]. An activation that has begun is finished.
    pub(crate) fn periodic<F>(
        &self,
        schedule: Schedule,
        mut activate: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let status = self.add(schedule.name, schedule.period);
        let (clock, stop) = (Arc::clone(&self.0.clock), self.0.stop.clone());
        let Schedule { name, is_immediate, period, mut retry, mut signals } = schedule;
        self.0.tracker.spawn(async move {
            let mut wait = if is_immediate { Some(Duration::ZERO) } else { period };
            loop {
                let timer = async {
                    match wait {
                        Some(wait) => sleep(wait).await,
                        None => std::future::pending().await,
                    }
                };
                let signal = async {
                    // A stream that ends wakes no task any more; the timer continues.
                    if signals.next().await.is_none() {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    biased;
                    // Biased: no activation begins once the tasks are stopped.
                    () = stop.cancelled() => return,
                    () = signal => {}
                    () = timer => {}
                }
                status.begin(clock.read());
                // The call is inside as well, because it may panic before it returns its future.
                let activation = AssertUnwindSafe(async { activate().await }).catch_unwind().await;
                let result = activation.unwrap_or_else(|panic| {
                    let message = panic_message(&*panic);
                    error!(task = name, panic = message, "background task panicked; it runs again");
                    Err(Failure::logged(format!("panicked: {message}")))
                });
                wait = match &mut retry {
                    Some(retry) if result.is_err() => Some(retry.next_pause()),
                    Some(retry) => {
                        retry.reset();
                        period
                    }
                    None => period,
                };
                let before = status.end(clock.read(), result.clone());
                log_change(name, before, result);
            }
        });
    }

    /// Runs a task that goes on until it ends by itself, such as a watcher. Stopping is up to the task.
    pub(crate) fn service(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (status, inner) = (self.add(name, None), Arc::clone(&self.0));
        status.begin(inner.clock.read());
        self.0.tracker.spawn(async move {
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            let result = ended.map_err(|panic| {
                let message = panic_message(&*panic);
                error!(task = name, panic = message, "background task panicked");
                inner.panicked.send_modify(|first| {
                    first.get_or_insert(name);
                });
                Failure::logged(format!("panicked: {message}"))
            });
            status.end(inner.clock.read(), result);
        });
    }

    /// Stops the tasks.
    pub(crate) fn stop(&self) {
        self.0.stop.cancel();
        self.0.tracker.close();
    }

    /// Waits until all tasks have ended.
    pub(crate) async fn ended(&self) {
        self.0.tracker.wait().await;
    }

    fn add(&self, name: &'static str, period: Option<Duration>) -> Arc<Status> {
        let status = Arc::new(Status::new(name, period));
        self.0.tasks.lock().push(Arc::clone(&status));
        status
    }
}

/// Logs the first of several equal failures, and the first success after a failure.
fn log_change(name: &str, before: Option<Result<(), Failure>>, now: Result<(), Failure>) {
    match (before, now) {
        (Some(Err(before)), Err(now)) if before == now => {}
        (_, Err(Failure { message, is_logged: false })) => {
            warn!(task = name, error = message, "background task failed; retrying");
        }
        (Some(Err(Failure { is_logged: false, .. })), Ok(())) => {
            info!(task = name, "background task works again");
        }
        _ => {}
    }
}

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
