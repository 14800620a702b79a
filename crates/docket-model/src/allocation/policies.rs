//! What is to happen around a run: how late, how often, beside which others. Deciding is the
//! server's part.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, FixedOffset};

use super::forms::Word;
use crate::duration::Duration;

/// The policies of an allocation. Each has a default, which is what cron and the original do.
///
/// What [`Specification::read`](super::Specification::read) makes of a text keeps to these bounds:
/// lengths of time are longer than none, `not_after` is no earlier than `not_before`, and the
/// bounds of [`Retries`] and [`Keep`] hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Starts up to so much later; at once by default.
    pub jitter: Option<Duration>,
    /// No instant before it.
    pub not_before: Option<DateTime<FixedOffset>>,
    /// No instant after it.
    pub not_after: Option<DateTime<FixedOffset>>,
    /// True where nothing starts by itself.
    pub suspended: bool,
    /// Files below the server's folder of environments, read at each start; at most
    /// [`MOST_ENV_FILES`], none of which leads out of the folder.
    pub env_files: Vec<Box<str>>,
    /// When the image is pulled.
    pub pull: Pull,
    /// What becomes of an instant while an older run is under way.
    pub overlap: Overlap,
    /// How late the decision to start may fall; until the next instant, at most an hour, by default.
    pub starting_deadline: Option<Duration>,
    /// Which of several instants that went by are made up for.
    pub catch_up: CatchUp,
    /// How long an attempt may take, from its container's start; for ever by default.
    pub timeout: Option<Duration>,
    /// Further attempts of a run that failed.
    pub retries: Retries,
    /// How much history stays.
    pub keep: Keep,
}

/// When the image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// Before each start; where that fails and the image is there, it serves.
    #[default]
    Always,
    /// Where the engine does not have it.
    Missing,
    /// Never: it must be there.
    Never,
}

impl Pull {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Always, Self::Missing, Self::Never];
}

impl Word for Pull {
    fn word(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Missing => "Missing",
            Self::Never => "Never",
        }
    }
}

/// What becomes of an instant while an older run of the allocation is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It starts beside the older one.
    #[default]
    Allow,
    /// It is skipped.
    Forbid,
    /// The older one is stopped, and then it starts.
    Replace,
    /// It waits for the older one; only one waits.
    Queue,
}

impl Overlap {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Forbid, Self::Replace, Self::Queue];
}

impl Word for Overlap {
    fn word(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Forbid => "Forbid",
            Self::Replace => "Replace",
            Self::Queue => "Queue",
        }
    }
}

/// Which of several instants within the deadline are made up for after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// The latest.
    #[default]
    Latest,
    /// All, at most [`MOST_CAUGHT_UP`], the newest.
    All,
    /// None but one that is due now.
    None,
}

impl CatchUp {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Latest, Self::All, Self::None];
}

impl Word for CatchUp {
    fn word(self) -> &'static str {
        match self {
            Self::Latest => "Latest",
            Self::All => "All",
            Self::None => "None",
        }
    }
}

/// How many files of environments an allocation has at most.
pub const MOST_ENV_FILES: usize = 100;

/// How many instants are made up for at once where all are wanted.
pub const MOST_CAUGHT_UP: usize = 100;

/// Further attempts of a run that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How many there are at most after the first one.
    pub limit: u32,
    /// The pause before the second attempt; it doubles with each further one.
    pub delay: Duration,
    /// The longest pause; never shorter than the first.
    pub max_delay: Duration,
}

impl Retries {
    /// No further attempt.
    pub const NONE: Self = Self { limit: 0, delay: Self::DELAY, max_delay: Self::MAX_DELAY };
    /// The greatest limit.
    pub const MOST: u32 = 1000;
    /// The first pause where none is given.
    pub const DELAY: Duration = Duration::from_seconds(30);
    /// The longest pause where none is given and the first is no longer.
    pub const MAX_DELAY: Duration = Duration::from_seconds(3600);

    /// The longest pause where none is given, after such a first one.
    pub(super) fn max_delay_after(delay: Duration) -> Duration {
        delay.max(Self::MAX_DELAY)
    }

    /// The pause after so many attempts: it doubles from the first one on.
    #[must_use]
    pub fn pause_after(&self, attempts: u32) -> Duration {
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

/// How much history of an allocation stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Runs, the newest.
    pub runs: usize,
    /// Runs that did not succeed, the newest beside those.
    pub failures: usize,
    /// Bytes of an output: head and tail.
    pub output: usize,
}

impl Keep {
    /// What is kept where nothing else is said.
    pub const DEFAULT: Self = Self { runs: 100, failures: 20, output: 1 << 20 };
    /// The most runs, and the most failures, that can be kept.
    pub const MOST_RUNS: usize = 100_000;
    /// The most bytes of an output that can be kept.
    pub const MOST_OUTPUT: usize = 64 << 20;
}

impl Default for Keep {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Policies {
    /// The defaults, shared by all allocations that say nothing else.
    #[must_use]
    pub fn shared_default() -> Arc<Self> {
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
