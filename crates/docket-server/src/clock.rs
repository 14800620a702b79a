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
        // The three are microseconds apart, which is far below what the scheduler compares.
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
#[cfg(any(test, feature = "simulation"))]
#[derive(Debug)]
pub(crate) struct TestClock(parking_lot::Mutex<TestTime>);

#[cfg(any(test, feature = "simulation"))]
#[derive(Debug)]
struct TestTime {
    /// When the runtime that runs now was `awake`; nothing where none runs.
    origin: Option<tokio::time::Instant>,
    awake: Duration,
    suspended: Duration,
    /// What the wall clock showed when nothing had passed, and what it was changed by.
    wall: DateTime<Utc>,
}

#[cfg(any(test, feature = "simulation"))]
impl TestClock {
    /// A clock that shows this time, and goes on once it follows a runtime.
    pub(crate) fn stopped_at(wall: DateTime<Utc>) -> Self {
        let (awake, suspended) = (Duration::ZERO, Duration::ZERO);
        Self(parking_lot::Mutex::new(TestTime { origin: None, awake, suspended, wall }))
    }

    /// Follows the runtime in which this is called.
    pub(crate) fn follow_runtime(&self) {
        self.0.lock().origin = Some(tokio::time::Instant::now());
    }

    /// Stops; called in the runtime that it followed.
    #[cfg(feature = "simulation")]
    pub(crate) fn leave_runtime(&self) {
        let mut time = self.0.lock();
        time.awake = time.awake();
        time.origin = None;
    }

    /// Lets time pass without a runtime.
    #[cfg(feature = "simulation")]
    pub(crate) fn pass(&self, time: Duration) {
        self.0.lock().awake += time;
    }

    /// Changes the wall clock by this much.
    pub(crate) fn set_by(&self, change: TimeDelta) {
        self.0.lock().wall += change;
    }

    /// Suspends the machine for this long: its timers stop meanwhile.
    pub(crate) fn suspend_for(&self, duration: Duration) {
        self.0.lock().suspended += duration;
    }
}

#[cfg(any(test, feature = "simulation"))]
impl TestTime {
    fn awake(&self) -> Duration {
        self.awake + self.origin.map_or(Duration::ZERO, |origin| origin.elapsed())
    }
}

#[cfg(any(test, feature = "simulation"))]
impl Clock for TestClock {
    fn read(&self) -> Reading {
        let time = self.0.lock();
        let awake = time.awake();
        let elapsed = awake + time.suspended;
        Reading { wall: time.wall + elapsed, awake, elapsed }
    }

    /// Paused time does not advance for a task that does not sleep.
    fn lead(&self) -> TimeDelta {
        TimeDelta::zero()
    }
}

#[cfg(test)]
impl TestClock {
    pub(crate) fn at(wall: &str) -> Self {
        let clock = Self::stopped_at(wall.parse().unwrap());
        clock.follow_runtime();
        clock
    }
}
