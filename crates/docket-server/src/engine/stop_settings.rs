//! How containers are ended before their time.

use std::time::Duration;

/// How to end a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By its own `StopSignal`, and by a kill once its grace is over.
    Gently(Grace),
    /// By a kill.
    AtOnce,
}

/// How long a container may run after its stop signal before it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grace {
    /// It is killed after so long.
    Within(Duration),
    /// It is never killed.
    Unlimited,
}

/// Docker's own grace for a container without a `StopTimeout`; other engines have other defaults.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// The longest grace that every engine accepts, in seconds: 68 years.
// bollard sends the seconds as an `i32`.
const LONGEST_GRACE: u64 = i32::MAX as u64;

impl Grace {
    /// The grace of a container with this `StopTimeout`: seconds, or no limit below 0.
    #[must_use]
    pub fn of(stop_timeout: Option<i64>) -> Self {
        stop_timeout.map_or(Self::Within(DEFAULT_GRACE), |seconds| match u64::try_from(seconds) {
            Ok(seconds) => Self::Within(Duration::from_secs(seconds.min(LONGEST_GRACE))),
            Err(_) => Self::Unlimited,
        })
    }

    /// The grace as a length of time: as long as engines can count where it has no limit.
    #[must_use]
    pub fn length(self) -> Duration {
        match self {
            Self::Within(length) => length,
            Self::Unlimited => Duration::from_secs(LONGEST_GRACE),
        }
    }
}
