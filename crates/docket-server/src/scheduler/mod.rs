//! The tick loop: decides when an instant is due. The runner decides what to do with it.
//!
//! 1. Nothing starts before its instant, by the wall clock.
//! 2. The loop waits only for time and changes: decisions and runs happen in other tasks. It knows no
//!    engine: the runner delays a decision until the allocation's engine answers.
//! 3. One task at a time decides the instants of an allocation, in order.

mod agenda;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Zone,
    journal::{Cause, Pause, shown},
};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use self::agenda::{Agenda, Due};
use crate::{
    clock::{Clock, Reading},
    runner::{DelayedKind, Runner, StandbyState},
    store::{Change, Changes},
    watch,
};

/// The longest sleep, so that a clock change and a suspended host are noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How far the clocks may drift apart between two ticks before it counts as a change.
// More than a time service that adjusts the clock gradually changes in one sleep.
const DRIFT: TimeDelta = TimeDelta::seconds(2);
/// How many changes are taken in between two looks at the clock.
const CHANGES_AT_ONCE: usize = 256;

/// Proposes each instant that comes to the runner.
#[derive(Debug)]
pub(crate) struct Scheduler {
    runner: Arc<Runner>,
    clock: Arc<dyn Clock>,
    /// Whether things may start at all.
    standby: watch::Receiver<StandbyState>,
    agenda: Agenda,
    ticks: Arc<Ticks>,
    changes: Arc<Changes>,
    news: VecDeque<(u64, Change)>,
    // Unbounded, but an allocation stays off the agenda until its message, so each has one at most.
    decisions: (mpsc::UnboundedSender<Decided>, mpsc::UnboundedReceiver<Decided>),
    deciding: TaskTracker,
}

/// What others may know of the loop.
#[derive(Debug, Default)]
pub(crate) struct Ticks {
    /// The latest time that the wall clock ever showed, in milliseconds.
    latest: AtomicI64,
    /// The rules of time zones have changed, so the loop computes its instants again.
    zone_rules_changed: Notify,
}

impl Ticks {
    /// Takes note of a time that the wall clock shows, or showed before the server started.
    pub(crate) fn note(&self, now: DateTime<Utc>) {
        // Relaxed: the number stands for itself, no other data depends on it.
        self.latest.fetch_max(now.timestamp_millis(), Ordering::Relaxed);
    }

    /// Has the loop compute its instants again, by other rules of time zones.
    pub(crate) fn renew_instants(&self) {
        self.zone_rules_changed.notify_one();
    }

    /// Says so where the clock shows less than it did before.
    pub(crate) fn clock_set_back(&self, now: DateTime<Utc>) -> Option<String> {
        let latest = DateTime::from_timestamp_millis(self.latest.load(Ordering::Relaxed))?;
        (latest - now > DRIFT).then(|| {
            let seconds = (latest - now).num_seconds();
            format!(
                "set back by {seconds} s: instants up to {} are already decided and are not repeated",
                shown(latest)
            )
        })
    }
}

/// All instants of the allocation at a position up to `through` are decided.
#[derive(Debug)]
struct Decided {
    position: u64,
    through: DateTime<Utc>,
}

impl Scheduler {
    pub(crate) fn new(
        runner: Arc<Runner>,
        changes: Arc<Changes>,
        clock: Arc<dyn Clock>,
        zone: Zone,
        ticks: Arc<Ticks>,
    ) -> Self {
        let standby = runner.context.standby.watch();
        Self {
            ticks,
            runner,
            clock,
            standby,
            agenda: Agenda::new(zone),
            changes,
            news: VecDeque::new(),
            decisions: mpsc::unbounded_channel(),
            deciding: TaskTracker::new(),
        }
    }

    /// Proposes what is due until it is stopped; then lets the decisions under way end.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut last = self.clock.read();
        loop {
            self.take_news();
            let reading = self.clock.read();
            self.compare(last, reading);
            last = reading;
            self.ticks.note(reading.wall);
            if self.may_propose() {
                self.propose(reading.wall);
            }
            let sleep = self.sleep();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(decided) = self.decisions.1.recv() => self.note(&decided),
                // The sender lives as long as the server.
                _ = self.standby.changed() => {}
                () = self.ticks.zone_rules_changed.notified() => self.agenda.renew(),
                // The feed keeps one change of each name, so further ones wait there, and not in
                // `news`.
                () = self.changes.arrived(), if self.news.is_empty() => {}
                () = tokio::time::sleep_until(sleep) => {}
            }
            self.last_moment().await;
        }
        self.deciding.close();
        self.deciding.wait().await;
    }

    /// Applies a limited number of changes, so that a large push does not delay instants that are due.
    fn take_news(&mut self) {
        if self.news.is_empty() {
            self.news.extend(self.changes.take());
        }
        let some = self.news.len().min(CHANGES_AT_ONCE);
        for (position, change) in self.news.drain(..some) {
            match change {
                Change::Stored { allocation, decided, suspension } => {
                    if !allocation.specification.parents().is_empty() {
                        self.runner.check_due_soon(allocation.name().clone());
                    }
                    let uid = allocation.uid;
                    self.agenda.store(position, allocation, decided, suspension);
                    // After the agenda has the new specification, by which it is decided.
                    self.runner.engines.resume_changed(uid);
                }
                Change::Deleted { name } => {
                    if let Some(uid) = self.agenda.delete(position) {
                        // What was delayed for it finds nothing to do.
                        self.runner.engines.resume_changed(uid);
                    }
                    self.runner.retention.forget(&name);
                }
            }
        }
    }

    fn propose(&mut self, now: DateTime<Utc>) {
        for Due { position, allocation, suspension, decided } in self.agenda.due(now) {
            let runner = Arc::clone(&self.runner);
            let answer = self.decisions.0.clone();
            let again = answer.clone();
            // Nothing is decided then: the allocation is due again as soon as the engine is back.
            let is_delayed =
                self.runner.engines.delay(&allocation, DelayedKind::DueInstants, move || {
                    // No receiver is left once the loop has ended.
                    let _ = again.send(Decided { position, through: decided });
                });
            if is_delayed {
                continue;
            }
            self.deciding.spawn(async move {
                let through = runner.decide(&allocation, suspension.as_deref(), decided).await;
                // No receiver is left once the loop has ended.
                let _ = answer.send(Decided { position, through });
            });
        }
    }

    fn note(&mut self, decided: &Decided) {
        self.agenda.decided(decided.position, decided.through);
        while let Ok(Decided { position, through }) = self.decisions.1.try_recv() {
            self.agenda.decided(position, through);
        }
    }

    /// The end of the sleep: the next instant, at most a minute away.
    fn sleep(&mut self) -> Instant {
        let now = Instant::now();
        if !self.news.is_empty() {
            return now;
        }
        // While nothing may start, an instant that is due would keep the loop spinning.
        let Some(next) = self.agenda.next().filter(|_| self.may_propose()) else {
            return now + LONGEST_SLEEP;
        };
        let until = next - self.clock.lead() - self.clock.now();
        now + until.to_std().unwrap_or_default().min(LONGEST_SLEEP)
    }

    /// Yields instead of sleeping just before an instant, so that it starts within microseconds: a timer
    /// may be a millisecond late.
    async fn last_moment(&mut self) {
        let Some(next) = self.agenda.next().filter(|_| self.may_propose()) else { return };
        let clock = &self.clock;
        let last_moment = TimeDelta::nanoseconds(1)..=clock.lead();
        while last_moment.contains(&(next - clock.now())) {
            tokio::task::yield_now().await;
        }
    }

    /// Detects a clock change or a suspension of the host since the last tick.
    fn compare(&self, before: Reading, now: Reading) {
        let span = |from: Duration, to: Duration| {
            TimeDelta::from_std(to.saturating_sub(from)).unwrap_or(TimeDelta::MAX)
        };
        let passed = span(before.elapsed, now.elapsed);
        let suspended = passed - span(before.awake, now.awake);
        let set = (now.wall - before.wall) - passed;
        let (from, to) = (before.wall, now.wall);
        if suspended > DRIFT {
            warn!(
                seconds = suspended.num_seconds(),
                "the host was suspended; deciding the missed instants now"
            );
            self.runner.records.store.paused(Pause::of(Cause::HostSuspended, from, to));
        }
        if set > DRIFT {
            warn!(
                seconds = set.num_seconds(),
                "the clock was set forward; deciding the skipped instants now"
            );
            self.runner.records.store.paused(Pause::of(Cause::ClockSetForward, from, to));
        } else if set < -DRIFT {
            warn!(
                seconds = -set.num_seconds(),
                "the clock was set back; instants already decided are not repeated, so no run starts until it has \
                 caught up"
            );
        }
    }

    /// True while due instants are proposed to the runner.
    fn may_propose(&self) -> bool {
        *self.standby.borrow() == StandbyState::Over
    }
}
