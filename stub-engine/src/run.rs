//! One run of a container's program: when it ends, and with what.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::{journal::now, program::Program};

/// For ever, as far as a test goes; a longer time would not fit the clocks' types.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// From a start of a container to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) started: DateTime<Utc>,
    /// When it has ended, or will.
    pub(crate) ended: DateTime<Utc>,
    pub(crate) exit_code: i64,
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

    pub(crate) fn exit(&self) -> Option<i64> {
        match self.end() {
            End::Was(exit_code) => Some(exit_code),
            End::At(_) | End::Open => None,
        }
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

    /// Ends it after so long, unless it ends by itself before.
    pub(crate) fn end_within(&mut self, grace: Duration, exit_code: i64) {
        self.resume();
        let grace = grace.min(FOR_EVER);
        let ends = Instant::now() + grace;
        if ends < self.ends {
            *self = Self { ends, ended: now() + grace, exit_code, ..*self };
        }
    }
}
