//! The policies of an allocation, as values. The server applies them.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, FixedOffset};

use super::{Notification, Placement, word_enums::words};
use crate::duration::Duration;

/// The policies of an allocation. Each has a default, which is what cron and the original do.
///
/// After [`Specification::read`](super::Specification::read) durations are longer than zero,
/// `not_after` is not before `not_before`, and the limits of [`Retries`] and [`Keep`] hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// The longest random delay of a start.
    pub jitter: Option<Duration>,
    /// No instant is due before this time.
    pub not_before: Option<DateTime<FixedOffset>>,
    /// No instant is due after this time.
    pub not_after: Option<DateTime<FixedOffset>>,
    /// True if only manual runs start.
    pub suspended: bool,
    /// Files below the server's `--env-dir`, read at each start; at most [`MOST_ENV_FILES`], none
    /// of which leads out of that directory.
    pub env_files: Vec<Box<str>>,
    /// Which engines may run it.
    pub placement: Placement,
    /// When the image is pulled.
    pub pull: Pull,
    /// What an instant does while an older run is under way.
    pub overlap: Overlap,
    /// How late a start may be decided; by default until the next instant, at most an hour.
    pub starting_deadline: Option<Duration>,
    /// Which past instants start after an outage.
    pub catch_up: CatchUp,
    /// How long an attempt may take after its container started; no limit by default.
    pub timeout: Option<Duration>,
    /// Further attempts of a run that failed.
    pub retries: Retries,
    /// Who gets notifications; the server's default if absent.
    pub notify: Option<Vec<Notification>>,
    /// How much history is kept.
    pub keep: Keep,
}

words! {
    /// When the image is pulled.
    #[derive(Default)]
    Pull {
        /// Before each start; if that fails, a local image is used.
        #[default]
        Always,
        /// If the engine does not have it.
        Missing,
        /// Never; the engine must have it.
        Never,
    }
}

words! {
    /// What an instant does while an older run of the allocation is under way.
    #[derive(Default)]
    Overlap {
        /// It starts as well.
        #[default]
        Allow,
        /// It is skipped.
        Forbid,
        /// It stops the older run, and then starts.
        Replace,
        /// It waits for the older run; only one waits.
        Queue,
    }
}

words! {
    /// Which of the instants within the deadline start after an outage.
    #[derive(Default)]
    CatchUp {
        /// The latest.
        #[default]
        Latest,
        /// All, at most the newest [`MOST_CAUGHT_UP`].
        All,
        /// Only one that is due now.
        None,
    }
}

/// The most env files of an allocation.
// All of them are read at each start.
pub const MOST_ENV_FILES: usize = 100;

/// The most instants that start at once with [`CatchUp::All`].
// After an outage of a day a schedule of each minute would start 1,440 containers at once.
pub const MOST_CAUGHT_UP: usize = 100;

/// Further attempts of a run that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// The most attempts after the first.
    pub limit: u32,
    /// The delay before the second attempt; it doubles with each further one.
    pub delay: Duration,
    /// The longest delay; never shorter than the first.
    pub max_delay: Duration,
}

impl Retries {
    /// No further attempt.
    pub const NONE: Self = Self { limit: 0, delay: Self::DELAY, max_delay: Self::MAX_DELAY };
    /// The greatest allowed limit.
    // Each attempt adds to the run's record, which must stay bounded.
    pub const MOST: u32 = 1000;
    /// The default first delay.
    pub const DELAY: Duration = Duration::from_seconds(30);
    /// The default longest delay, unless the first is longer.
    pub const MAX_DELAY: Duration = Duration::from_seconds(3600);

    /// The default longest delay for this first one.
    pub(super) fn max_delay_after(delay: Duration) -> Duration {
        delay.max(Self::MAX_DELAY)
    }

    /// The delay after this many attempts, which doubles from the first on.
    #[must_use]
    pub fn pause_after(&self, attempts: u32) -> Duration {
        // From the 65th attempt on the shift overflows; the longest delay applies long before that.
        let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let pause = self.delay.seconds().saturating_mul(doubled);
        Duration::from_seconds(pause.min(self.max_delay.seconds()))
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self::NONE
    }
}

/// How much history of an allocation is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How many of the newest runs.
    pub runs: usize,
    /// How many of the newest runs that did not succeed, besides.
    pub failures: usize,
    /// The most bytes of an output, head and tail.
    pub output: usize,
}

impl Keep {
    /// The default.
    // Failures are kept besides, so that the record of a rare failure outlives many quick
    // successes.
    pub const DEFAULT: Self = Self { runs: 100, failures: 20, output: 1 << 20 };
    /// The greatest allowed number of runs, and of failures.
    pub const MOST_RUNS: usize = 100_000;
    /// The greatest allowed size of an output, in bytes.
    // An output is captured in memory before it is stored, and the budget for all of them is 128
    // MiB.
    pub const MOST_OUTPUT: usize = 64 << 20;
}

impl Default for Keep {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Policies {
    /// The defaults, shared by all allocations that have them.
    #[must_use]
    pub fn shared_default() -> Arc<Self> {
        // Most of a hundred thousand allocations have only defaults, and share this value.
        static DEFAULT: LazyLock<Arc<Policies>> = LazyLock::new(Arc::default);
        Arc::clone(&DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_between_attempts_doubles_up_to_its_bound() {
        let retries = Retries { limit: 9, ..Retries::default() };

        let pauses = [1, 2, 3, 7, 8, 64, 65, u32::MAX].map(|n| retries.pause_after(n).seconds());

        assert_eq!(pauses, [30, 60, 120, 1920, 3600, 3600, 3600, 3600]);
    }
}
