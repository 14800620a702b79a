//! The server's clock. Nothing else reads the machine's clocks.

use std::{fmt, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::time::{ClockId, clock_gettime};

/// The clocks of a machine, read at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The wall clock, which people and programs can set.
    pub(crate) wall: DateTime<Utc>,
    /// Monotonic time without the time that the machine was suspended.
    pub(crate) awake: Duration,
    /// Monotonic time including the time that the machine was suspended.
    pub(crate) elapsed: Duration,
}

/// A source of time.
pub(crate) trait Clock: fmt::Debug + Send + Sync {
    /// Reads all clocks at once.
    fn read(&self) -> Reading;

    /// The wall clock alone.
    fn now(&self) -> DateTime<Utc> {
        self.read().wall
    }

    /// How long before an instant to wake up, because a timer may be this late.
    fn lead(&self) -> TimeDelta;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let awake = since_boot(ClockId::Monotonic);
        Reading { wall: self.now(), awake, elapsed: since_boot(ClockId::Boottime) }
    }

    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
        Utc::now()
    }

    /// Tokio's timers count whole milliseconds, rounded up.
    fn lead(&self) -> TimeDelta {
        TimeDelta::milliseconds(1)
    }
}

fn since_boot(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A clock for tests: it follows Tokio's paused time and can be set.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct TestClock {
    origin: tokio::time::Instant,
    wall: parking_lot::Mutex<DateTime<Utc>>,
    suspended: parking_lot::Mutex<Duration>,
}

#[cfg(test)]
impl TestClock {
    pub(crate) fn at(wall: &str) -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            wall: parking_lot::Mutex::new(wall.parse().unwrap()),
            suspended: parking_lot::Mutex::default(),
        }
    }

    /// Changes the wall clock by this much.
    pub(crate) fn set_by(&self, change: TimeDelta) {
        *self.wall.lock() += change;
    }

    /// Suspends the machine for this long: its timers stop meanwhile.
    pub(crate) fn suspend_for(&self, duration: Duration) {
        *self.suspended.lock() += duration;
        self.set_by(TimeDelta::from_std(duration).unwrap());
    }
}

#[cfg(test)]
impl Clock for TestClock {
    fn read(&self) -> Reading {
        let awake = self.origin.elapsed();
        Reading { wall: *self.wall.lock() + awake, awake, elapsed: awake + *self.suspended.lock() }
    }

    /// Paused time does not advance for a task that does not sleep.
    fn lead(&self) -> TimeDelta {
        TimeDelta::zero()
    }
}
