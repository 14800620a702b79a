//! Whether the engine answers, for everyone who has to know.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};
use tracing::{info, warn};

use super::{EngineIds, given_name};
use crate::{
    background::{Background, Failure, Schedule},
    backoff::Backoff,
    clock::Clock,
    engine::{Engine, EngineStatus},
    watch,
};

/// How often an engine that answers is asked again. A run that gets no answer says so at once.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How often an engine that is away is asked.
// Often, because runs that are due wait for it, and a failed connection costs little; where it costs more, the
// pauses grow to the time between two pings of an engine that answers.
const ASK_AGAIN_EVERY: Duration = Duration::from_millis(250);
/// How often an engine that answers is asked what it is: one with many containers takes long to tell.
const LEARN_EVERY: Duration = Duration::from_secs(60);

/// What is known of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineState {
    /// It was not pinged yet.
    Unknown,
    /// It answers.
    Up(Arc<EngineStatus>),
    /// It does not answer.
    Away {
        /// Since when.
        since: DateTime<Utc>,
        /// What was tried, and how it failed.
        reason: String,
    },
    /// It is not used: another name of the configuration is the same engine.
    Refused {
        /// Since when; an engine that was away before has not been used since then.
        since: DateTime<Utc>,
        /// Which name it has besides, and the remedy.
        reason: String,
    },
}

/// How far apart the clocks of engine and docket may be before that is reported.
// Synchronised clocks differ by far less, so a larger difference is no inaccuracy.
const MOST_APART: TimeDelta = TimeDelta::seconds(2);

/// What the engine's clock showed, and when.
#[derive(Debug, Clone, Copy)]
struct EngineClock {
    showed: DateTime<Utc>,
    at: Instant,
    /// How much it is ahead of docket's clock at least; negative where it is behind.
    ahead: TimeDelta,
}

/// Asks the engine now and then, and lets others wait for it.
#[derive(Debug)]
pub(crate) struct EngineHealth {
    /// The name of the engine.
    name: Arc<str>,
    state: watch::Sender<EngineState>,
    suspected: Arc<Notify>,
    /// When the engine last reported what it is.
    learnt_at: Mutex<Option<Instant>>,
    /// How often the engine came up.
    epoch: AtomicU64,
    engine_clock: Mutex<Option<EngineClock>>,
    /// The labels that it reported last, also while it is away.
    labels: Mutex<Option<Arc<BTreeMap<String, String>>>>,
    /// Since when it answers, or does not.
    changed_at: Mutex<Option<DateTime<Utc>>>,
}

impl EngineHealth {
    /// The health of the engine of this name: nothing is known yet.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            name: name.into(),
            state: watch::Sender::new(EngineState::Unknown),
            suspected: Arc::default(),
            learnt_at: Mutex::default(),
            epoch: AtomicU64::new(0),
            engine_clock: Mutex::default(),
            labels: Mutex::default(),
            changed_at: Mutex::default(),
        }
    }

    /// Its name in log lines; none where it is the only engine and has no name of its own.
    fn log_name(&self) -> Option<&str> {
        given_name(&self.name).map(|name| &**name)
    }

    /// The labels that it reported last; none before it has answered once.
    pub(crate) fn labels(&self) -> Option<Arc<BTreeMap<String, String>>> {
        self.labels.lock().clone()
    }

    /// Since when it answers, or does not; none before it was pinged.
    pub(crate) fn changed_at(&self) -> Option<DateTime<Utc>> {
        *self.changed_at.lock()
    }

    /// True while it is not used, because it is another engine under a second name.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(*self.state.borrow(), EngineState::Refused { .. })
    }

    /// How often the engine came up so far: what it reported before it was away may be untrue since.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// What the engine's clock shows now, where the engine reports that.
    pub(crate) fn engine_time(&self) -> Option<DateTime<Utc>> {
        let EngineClock { showed, at, .. } = (*self.engine_clock.lock())?;
        // By the monotonic clock, which does not change when docket's clock is set.
        Some(showed + TimeDelta::from_std(at.elapsed()).ok()?)
    }

    /// How long ago this moment of the engine's clock was, where the engine reports its time.
    pub(crate) fn time_since(&self, moment: Option<DateTime<Utc>>) -> Option<TimeDelta> {
        Some(self.engine_time()? - moment?)
    }

    /// How far the engine's clock is ahead of docket's, where the engine reports its time.
    pub(crate) fn clock_offset(&self) -> Option<TimeDelta> {
        Some((*self.engine_clock.lock())?.ahead)
    }

    /// Says so where the engine's clock and docket's differ by more than two seconds.
    pub(crate) fn clock_difference(&self) -> Option<String> {
        let EngineClock { ahead, .. } = (*self.engine_clock.lock())?;
        let seconds = ahead.abs().num_seconds();
        let side = if ahead < TimeDelta::zero() { "behind" } else { "ahead of" };
        (ahead.abs() > MOST_APART).then(|| match self.log_name() {
            None => format!("the engine's clock is {seconds} s {side} the clock of docket"),
            Some(name) => {
                format!(
                    "the clock of the engine `{name}` is {seconds} s {side} the clock of docket"
                )
            }
        })
    }

    /// What is known now.
    pub(crate) fn state(&self) -> EngineState {
        self.state.borrow().clone()
    }

    /// True while the engine answers.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), EngineState::Up(_))
    }

    /// Follows what is known.
    pub(crate) fn watch(&self) -> watch::Receiver<EngineState> {
        self.state.subscribe()
    }

    /// Waits until the engine answers.
    pub(crate) async fn up(&self) {
        let up = |state: &EngineState| matches!(state, EngineState::Up(_));
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(up).await;
    }

    /// Says that the engine gave no answer: it counts as away until it answers again.
    pub(crate) fn suspect(&self, reason: &str, now: DateTime<Utc>) {
        self.away(reason, now);
        // The permit is kept, so a check that is under way now is followed by another one.
        self.suspected.notify_one();
    }

    /// Registers the periodic check of the engine.
    pub(crate) fn watch_over(
        self: &Arc<Self>,
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        ids: Arc<EngineIds>,
        background: &Background,
    ) {
        let signals = stream::unfold(Arc::clone(&self.suspected), |suspected| async {
            suspected.notified().await;
            Some(((), suspected))
        });
        let schedule = Schedule {
            name: "engine-health",
            is_immediate: true,
            period: Some(ASK_EVERY),
            retry: Some(ask_again(&*engine)),
            signals: signals.boxed(),
        };
        let health = Arc::clone(self);
        background.periodic(schedule, move || {
            let (health, engine, clock) =
                (Arc::clone(&health), Arc::clone(&engine), Arc::clone(&clock));
            let ids = Arc::clone(&ids);
            async move { health.check(&*engine, &*clock, &ids).await }
        });
    }

    /// Asks the engine once.
    async fn check(
        &self,
        engine: &dyn Engine,
        clock: &dyn Clock,
        ids: &EngineIds,
    ) -> Result<(), Failure> {
        if let Err(error) = engine.ping().await {
            self.away(&error.to_string(), clock.now());
        // The status takes much longer than a ping where there are many containers.
        } else if !self.is_up() || self.is_stale() || self.lost_its_id(ids) {
            let asked_at = clock.now();
            match engine.status().await {
                Ok(info) => {
                    *self.learnt_at.lock() = Some(Instant::now());
                    self.compare_clocks(info.time, asked_at, clock.now());
                    match ids.note(&self.name, info.id.as_ref()) {
                        Err(holder) => self.refuse(&under_two_names(&holder), clock.now()),
                        // Without the time, which differs each time and would make each status a
                        // new one.
                        Ok(()) => self.came_up(EngineStatus { time: None, ..info }, clock.now()),
                    }
                }
                // It answers, and is what it was.
                Err(_) if self.is_up() => {}
                Err(error) => self.away(&error.to_string(), clock.now()),
            }
        }
        match self.state() {
            EngineState::Away { reason, .. } | EngineState::Refused { reason, .. } => {
                Err(Failure::logged(reason))
            }
            EngineState::Unknown | EngineState::Up(_) => Ok(()),
        }
    }

    /// True if the engine has to report again what it is.
    fn is_stale(&self) -> bool {
        self.learnt_at.lock().is_none_or(|learnt| learnt.elapsed() >= LEARN_EVERY)
    }

    /// True if another name of the configuration turned out to be the same engine, and keeps it.
    fn lost_its_id(&self, ids: &EngineIds) -> bool {
        let EngineState::Up(status) = self.state() else { return false };
        ids.is_taken(&self.name, status.id.as_ref())
    }

    /// Takes note of what the engine's clock showed at some moment between two of docket's.
    fn compare_clocks(
        &self,
        showed: Option<DateTime<Utc>>,
        asked_at: DateTime<Utc>,
        answered_at: DateTime<Utc>,
    ) {
        let before = self.clock_difference();
        *self.engine_clock.lock() = showed.map(|showed| {
            // The engine read its clock at some moment between the two, so a time between them is
            // no difference.
            let ahead = if showed < asked_at {
                showed - asked_at
            } else {
                (showed - answered_at).max(TimeDelta::zero())
            };
            EngineClock { showed, at: Instant::now(), ahead }
        });
        match (before, self.clock_difference()) {
            (None, Some(difference)) => {
                warn!("{difference}: durations use the engine's clock, `Timeout` uses docket's");
            }
            (Some(_), None) => info!("the clocks of the engine and of docket agree again"),
            _ => {}
        }
    }

    fn came_up(&self, info: EngineStatus, now: DateTime<Utc>) {
        // Before the state, so that whoever sees the engine up sees its labels.
        *self.labels.lock() = Some(Arc::new(info.labels.clone()));
        let engine = self.log_name();
        self.state.send_if_modified(|state| {
            let EngineStatus { version, api_version, cores, .. } = &info;
            match state {
                EngineState::Up(before) if **before == info => return false,
                EngineState::Away { since, .. } | EngineState::Refused { since, .. } => {
                    let seconds = (now - *since).num_seconds();
                    info!(parent: None, engine, version, api_version, cores, "the engine is back after {seconds} s");
                }
                _ => info!(parent: None, engine, version, api_version, cores, "the engine answers"),
            }
            // Before the state is published, so that a reader that sees the engine up sees the new
            // epoch.
            if !matches!(state, EngineState::Up(_)) {
                self.epoch.fetch_add(1, Ordering::SeqCst);
                *self.changed_at.lock() = Some(now);
            }
            *state = EngineState::Up(Arc::new(info));
            true
        });
    }

    fn away(&self, reason: &str, now: DateTime<Utc>) {
        let engine = self.log_name();
        self.state.send_if_modified(|state| {
            // One that is refused stays so: it has a second name, whether it answers or not.
            if matches!(state, EngineState::Away { .. } | EngineState::Refused { .. }) {
                return false;
            }
            // Not in the span of the run whose call failed: it concerns all of them.
            match engine {
                None => warn!(parent: None, reason, "the engine does not answer: nothing starts until it does"),
                Some(engine) => warn!(
                    parent: None,
                    engine,
                    reason,
                    "this engine does not answer: none of its runs starts until it does"
                ),
            }
            *self.changed_at.lock() = Some(now);
            *state = EngineState::Away { since: now, reason: reason.to_owned() };
            true
        });
    }

    /// Does not use it, although it answers, for this reason.
    fn refuse(&self, why: &str, now: DateTime<Utc>) {
        self.state.send_if_modified(|state| {
            let since = match state {
                EngineState::Refused { reason, .. } if reason == why => return false,
                EngineState::Away { since, .. } | EngineState::Refused { since, .. } => *since,
                EngineState::Unknown | EngineState::Up(_) => {
                    *self.changed_at.lock() = Some(now);
                    now
                }
            };
            warn!(parent: None, engine = self.log_name(), reason = why, "this engine is not used");
            *state = EngineState::Refused { since, reason: why.to_owned() };
            true
        });
    }
}

/// The pauses between pings of an engine that is away.
fn ask_again(engine: &dyn Engine) -> Backoff {
    if engine.is_costly_to_reach() {
        Backoff::new(ASK_AGAIN_EVERY, ASK_EVERY)
    } else {
        Backoff::constant(ASK_AGAIN_EVERY)
    }
}

/// Why an engine is not used that answers.
fn under_two_names(holder: &str) -> String {
    format!(
        "it is the engine `{holder}` under a second name, and is not used: take one of the two out of the \
         configuration"
    )
}
