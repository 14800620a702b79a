//! Calls that the engine leaves without an answer, and how they are repeated. Nothing else decides whether such
//! a call is made again; what else asks an engine more than once is listed in ARCHITECTURE.md.
//!
//! 1. One call without an answer does not mean that the engine is away: it is pinged before it counts as
//!    away.
//! 2. While the engine is away, calls wait for it. Where it answers all others, a call is repeated with
//!    growing pauses, and given up in the end where its caller can do without an answer.

use std::{ops::Deref, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::run::{ContainerId, Exit};
use futures_util::StreamExt;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tracing::{info, warn};

use crate::{
    backoff::Backoff,
    clock::Clock,
    engine::{
        EngineError, Found, Handle, Observation, Past, Refusal, engine_registry::NamedEngine,
    },
    term_tasks::{Stopped, Term},
};

/// The call that reports how far a container is, until it has ended.
pub(super) const WATCH: &str = "the watch of a container";
/// Why a watch begins again that ended without an error.
pub(super) const WATCH_ENDED: &str = "the watch ended before the container";
/// The first pause before a call is repeated.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before a call is repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause before a container is watched, or its log followed, again.
// A reader sees this pause, and so does the time at which a run is recorded as ended.
const LONGEST_FOLLOW_PAUSE: Duration = Duration::from_secs(5);
/// How often an engine that answers other calls may leave a call without an answer: the pauses between
/// ten calls take nearly a minute.
const MOST_TRIES: u32 = 10;
/// How often a log is read that the engine fails to read: a failure is an answer, so fewer tries do.
const MOST_FAILED_READS: u32 = 3;
/// How long the node of a container may be out of reach before the container counts as lost. Its real end is
/// recorded where the node comes back later.
const LONGEST_NODE_OUTAGE: Duration = Duration::from_secs(600);

/// How often, and after what pause, a call is made whose result a client waits for.
// The pauses add up to four seconds: a client waits, and has timeouts of its own.
const BRIEF_TRIES: u32 = 5;
const BRIEF_PAUSE: Duration = Duration::from_secs(1);

/// One call that is repeated: how often it was made, and when it is made again.
#[derive(Debug)]
pub(crate) struct Retry {
    /// The call, in words.
    call: &'static str,
    tries: u32,
    /// None where nothing can be decided without an answer.
    most: Option<u32>,
    backoff: Backoff,
    /// The reason that was logged last.
    logged: Option<String>,
}

impl Retry {
    /// For a call that is given up after ten tries.
    pub(crate) fn bounded(call: &'static str) -> Self {
        Self {
            call,
            tries: 0,
            most: Some(MOST_TRIES),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            logged: None,
        }
    }

    /// For a call that nothing can be decided without.
    pub(crate) fn endless(call: &'static str) -> Self {
        Self { most: None, ..Self::bounded(call) }
    }

    /// The same with pauses short enough for what someone follows.
    pub(crate) fn of_follow(self) -> Self {
        Self { backoff: Backoff::new(FIRST_PAUSE, LONGEST_FOLLOW_PAUSE), ..self }
    }

    /// The call brought something new, so its tries are counted from the beginning.
    pub(crate) fn made_progress(&mut self) {
        if let Some(reason) = self.logged.take() {
            info!(reason, "{} works again", self.call);
        }
        self.tries = 0;
        self.backoff.reset();
    }

    /// Counts a try without an answer; the error if it was the last.
    fn count(&mut self, reason: &str) -> Result<(), EngineError> {
        let Self { call, .. } = *self;
        self.tries = self.tries.saturating_add(1);
        if self.most.is_some_and(|most| self.tries >= most) {
            let reason = reason.to_owned();
            return Err(EngineError::NoAnswer { call, tries: self.tries, reason });
        }
        if self.logged.as_deref() != Some(reason) {
            warn!(reason, "{call} got no answer, though the engine answers a ping; retrying");
            self.logged = Some(reason.to_owned());
        }
        Ok(())
    }
}

/// An engine, and how its calls are repeated.
#[derive(Debug)]
pub(crate) struct EngineAccess {
    named: Arc<NamedEngine>,
    clock: Arc<dyn Clock>,
    pub(crate) term: Term,
    /// Signalled when it may have a container that no task takes care of.
    orphan_suspected: Notify,
}

impl Deref for EngineAccess {
    type Target = NamedEngine;
    fn deref(&self) -> &NamedEngine {
        &self.named
    }
}

impl EngineAccess {
    /// Access to an engine, until the end of a term.
    pub(crate) fn new(named: Arc<NamedEngine>, clock: Arc<dyn Clock>, term: Term) -> Self {
        Self { named, clock, term, orphan_suspected: Notify::new() }
    }

    /// Reports that it may have a container that no task takes care of.
    pub(crate) fn suspect_orphan(&self) {
        // It keeps one permit, so a report during a sweep leads to another sweep.
        self.orphan_suspected.notify_one();
    }

    /// Waits until it may have such a container.
    pub(crate) async fn orphan_suspected(&self) {
        self.orphan_suspected.notified().await;
    }

    /// When a container was created, by docket's clock.
    pub(crate) fn created_at(&self, found: &Found) -> Option<DateTime<Utc>> {
        let age = self.health.engine_time()? - found.created_at?;
        Some(self.clock.now() - age)
    }

    /// Waits until a call that got no answer may be made again; an error where it is given up.
    pub(crate) async fn wait_before_retry(
        &self,
        retry: &mut Retry,
        reason: &str,
    ) -> Result<(), EngineError> {
        // A ping distinguishes one call that hangs from an engine that is away. Only the former
        // counts as a try, so an outage of any length uses up no tries.
        if self.engine.ping().await.is_ok() {
            retry.count(reason)?;
        } else {
            self.health.suspect(reason, self.clock.now());
            self.health.up().await;
        }
        retry.backoff.wait().await;
        Ok(())
    }

    /// Repeats a call that gets no answer; ends early with the term.
    pub(crate) async fn retry<T, F>(
        &self,
        call: &'static str,
        work: impl Fn() -> F,
    ) -> Result<Result<T, EngineError>, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut retry = Retry::bounded(call);
        loop {
            let reason = match work().await {
                Err(EngineError::Unreachable(reason)) => reason,
                answer => return Ok(answer),
            };
            let waited = self.wait_before_retry(&mut retry, &reason);
            if let Err(given_up) = self.term.unless_ended(waited).await? {
                return Ok(Err(given_up));
            }
        }
    }

    /// Repeats a call that only reads, also a few times where the engine fails at it, and for up to 10 minutes
    /// while the node of the container is out of reach.
    pub(crate) async fn retry_read<T, F>(
        &self,
        call: &'static str,
        work: impl Fn() -> F,
    ) -> Result<Result<T, EngineError>, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        // Two backoffs: an error is an answer, so it does not count against the calls without one.
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut failures = 0;
        let mut outage = NodeOutage::default();
        loop {
            let answer = self.retry(call, &work).await?;
            if let Err(EngineError::NodeAway(node)) = &answer {
                if outage.begins(None) {
                    warn!(%node, "{call} waits for the node of the container, which is out of reach");
                }
                if let Err(lost) = outage.lasts(node) {
                    return Ok(Err(lost));
                }
                self.term.unless_ended(sleep(LONGEST_FOLLOW_PAUSE)).await?;
                continue;
            }
            if outage.ends() {
                info!("{call} goes on: the node of the container is in reach again");
            }
            let has_failed =
                matches!(&answer, Err(EngineError::Refused { kind: Refusal::Failed, .. }));
            failures += u32::from(has_failed);
            if !has_failed || failures >= MOST_FAILED_READS {
                return Ok(answer);
            }
            self.term.unless_ended(backoff.wait()).await?;
        }
    }

    /// Repeats a call whose result a client waits for: a few times, also where the engine fails at it.
    /// It does not wait for an engine that is away.
    pub(crate) async fn retry_briefly<T, F>(
        &self,
        work: impl Fn() -> F,
    ) -> Result<Result<T, EngineError>, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        for _ in 1..BRIEF_TRIES {
            match self.term.unless_ended(work()).await? {
                Err(
                    EngineError::Unreachable(_)
                    | EngineError::Refused { kind: Refusal::Failed, .. },
                ) => self.term.unless_ended(sleep(BRIEF_PAUSE)).await?,
                answer => return Ok(answer),
            }
        }
        self.term.unless_ended(work()).await
    }

    /// Inspects a container until the engine reports where it is in its life; nothing once it is gone.
    pub(crate) async fn inspect_until_known(
        &self,
        container: &ContainerId,
    ) -> Result<Option<Observation>, Stopped> {
        let handle = Handle::from(container);
        let seen = self.until_known(|| self.engine.inspect(&handle)).await?;
        Ok(seen.filter(|seen| !matches!(seen, Observation::Gone(_))))
    }

    /// Reads whose container it is until the engine reports that; nothing once it is gone.
    pub(crate) async fn labels_until_known(
        &self,
        container: &ContainerId,
    ) -> Result<Option<Option<Found>>, Stopped> {
        let handle = Handle::from(container);
        self.until_known(|| self.engine.identify(&handle)).await
    }

    /// Repeats an inspection of a container until it is answered; nothing once the container is gone.
    async fn until_known<T, F>(&self, inspect: impl Fn() -> F) -> Result<Option<T>, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let inspect = || async {
            match inspect().await {
                Err(EngineError::Gone) => Ok(None),
                answer => answer.map(Some),
            }
        };
        self.until_answered("the inspection of a container", inspect).await
    }

    /// Repeats a call that nothing can be decided without, also where the engine refuses it.
    pub(crate) async fn until_answered<T, F>(
        &self,
        call: &'static str,
        work: impl Fn() -> F,
    ) -> Result<T, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut retry = Retry::endless(call);
        loop {
            match self.term.unless_ended(work()).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => self.wait_endlessly(&mut retry, error).await?,
            }
        }
    }

    /// Waits until a call that is never given up may be made again; ends early with the term.
    pub(crate) async fn wait_endlessly(
        &self,
        retry: &mut Retry,
        error: EngineError,
    ) -> Result<(), Stopped> {
        let reason = match error {
            EngineError::Unreachable(reason) => reason,
            error => error.to_string(),
        };
        // It is never given up, so there is no error.
        self.term.unless_ended(self.wait_before_retry(retry, &reason)).await.map(drop)
    }

    /// Watches a started container to its end, however often a watch of it breaks off.
    /// `reach` is called with the node when that goes out of reach, and with none when it is back.
    pub(crate) async fn watch_to_end<F>(
        &self,
        container: &ContainerId,
        reach: impl Fn(Option<Arc<str>>) -> F,
    ) -> Result<Exit, EngineError>
    where
        F: Future<Output = ()>,
    {
        let handle = Handle::from(container);
        let mut retry = Retry::endless(WATCH).of_follow();
        let mut outage = NodeOutage::default();
        loop {
            let mut observations = self.engine.watch(&handle);
            let broken = loop {
                match observations.next().await {
                    Some(Ok(Observation::Ended(exit) | Observation::Gone(Past::Ran(exit)))) => {
                        return Ok(exit);
                    }
                    Some(Ok(Observation::Gone(_))) => return Err(EngineError::Gone),
                    // Any observation shows that the watch works, so a long run never uses up its
                    // retries.
                    Some(Ok(Observation::NodeAway { node, since, .. })) => {
                        retry.made_progress();
                        if outage.begins(self.health.time_since(since)) {
                            warn!(%container, %node, "the node of the container is out of reach");
                            reach(Some(Arc::clone(&node))).await;
                        }
                        outage.lasts(&node)?;
                    }
                    Some(Ok(_)) => {
                        if outage.ends() {
                            info!(%container, "the node of the container is in reach again");
                            reach(None).await;
                        }
                        retry.made_progress();
                    }
                    Some(Err(EngineError::Unreachable(reason))) => break reason,
                    Some(Err(error)) => return Err(error),
                    None => break WATCH_ENDED.to_owned(),
                }
            };
            self.wait_before_retry(&mut retry, &broken).await?;
        }
    }
}

/// Since when the node of a container is out of reach, while it is.
#[derive(Debug, Default)]
pub(super) struct NodeOutage(Option<Instant>);

impl NodeOutage {
    /// Notes that the node is out of reach, for so long by the engine's clock; true if it was in reach before.
    // By that clock, so that a restart of the server does not begin the outage anew.
    pub(super) fn begins(&mut self, ago: Option<TimeDelta>) -> bool {
        let begins = self.0.is_none();
        let ago = ago.and_then(|ago| ago.to_std().ok()).unwrap_or_default();
        self.0.get_or_insert_with(|| {
            let now = Instant::now();
            now.checked_sub(ago).unwrap_or(now)
        });
        begins
    }

    /// An error where the node has been out of reach for too long.
    pub(super) fn lasts(&self, node: &str) -> Result<(), EngineError> {
        if self.0.is_none_or(|since| since.elapsed() < LONGEST_NODE_OUTAGE) {
            return Ok(());
        }
        let minutes = LONGEST_NODE_OUTAGE.as_secs() / 60;
        let lost = format!("its node `{node}` has been out of reach for {minutes} minutes");
        Err(EngineError::NodeLost(lost))
    }

    /// True while the node is out of reach.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes that the node is in reach; true if it was not before.
    pub(super) fn ends(&mut self) -> bool {
        self.0.take().is_some()
    }
}
