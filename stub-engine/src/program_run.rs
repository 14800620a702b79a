//! One run of a container's program: when it ends, and with what.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::{call_log::now, container_program::Program};

/// For ever, as far as a test goes; a longer time would not fit the clocks' types.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The number of the signal `KILL`.
pub(crate) const KILL: i64 = 9;

/// From a start of a container to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) started: DateTime<Utc>,
    /// When it has ended, or will.
    // Beside `ends`, because answers have the wall clock's time, and waiting needs the monotonic
    // clock.
    pub(crate) ended: DateTime<Utc>,
    pub(crate) exit_code: i64,
    /// Whether a request to stop ends it.
    pub(crate) is_stopped: bool,
    /// Whether it ends by a kill, when the grace of a request to stop is over.
    pub(crate) kill_after_grace: bool,
    /// Whether its end is among the container's events.
    pub(crate) end_is_noted: bool,
    ends: Instant,
    /// What is left of it while it is paused.
    left: Option<Duration>,
}

/// How a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has ended with this exit code.
    Was(i64),
    /// It will end then, unless something happens to it.
    At(Instant),
    /// It will not end unless something happens to it.
    Open,
}

impl Run {
    pub(crate) fn begin(program: &Program) -> Self {
        let lifetime = program.lifetime.min(FOR_EVER);
        let started = now();
        Self {
            started,
            ended: started + lifetime,
            exit_code: program.exit_code,
            is_stopped: false,
            kill_after_grace: false,
            end_is_noted: false,
            ends: Instant::now() + lifetime,
            left: None,
        }
    }

    pub(crate) fn end(&self) -> End {
        match self.left {
            Some(_) => End::Open,
            None if self.ends <= Instant::now() => End::Was(self.exit_code),
            None => End::At(self.ends),
        }
    }

    /// When it ends or ended; nothing while it is paused.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.left.is_none().then_some(self.ends)
    }

    pub(crate) fn exit(&self) -> Option<i64> {
        match self.end() {
            End::Was(exit_code) => Some(exit_code),
            End::At(_) | End::Open => None,
        }
    }

    /// Its exit code, if it has ended and that is not among the container's events.
    pub(crate) fn unnoted_exit(&self) -> Option<i64> {
        self.exit().filter(|_| !self.end_is_noted)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.left.is_some()
    }

    pub(crate) fn pause(&mut self) {
        self.left = Some(self.ends.saturating_duration_since(Instant::now()));
    }

    pub(crate) fn resume(&mut self) {
        if let Some(left) = self.left.take() {
            self.ends = Instant::now() + left;
            self.ended = now() + left;
        }
    }

    /// Ends it after this duration, unless it ends by itself before.
    pub(crate) fn end_within(&mut self, grace: Duration, exit_code: i64) {
        // A signal ends a paused container in the stub, too, and a paused run has no end that could
        // be moved.
        self.resume();
        let grace = grace.min(FOR_EVER);
        let ends = Instant::now() + grace;
        // A program that ends by itself before the grace is over keeps its own exit code.
        if ends < self.ends {
            let kill_after_grace = !grace.is_zero();
            *self = Self { ends, ended: now() + grace, exit_code, kill_after_grace, ..*self };
        }
    }
}
