//! Clock changes of time zones, near which some worlds begin, and by arithmetic of its own when cron is due there.

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike as _, Utc};
use docket_model::Allocation;
use docket_server::simulation::Random;

/// A change between standard time and daylight saving time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockChange {
    pub(crate) zone: &'static str,
    /// When clocks change, in seconds of Unix time.
    at: i64,
    /// The offsets from UTC before and after, in minutes.
    offsets: [i64; 2],
}

/// Hours that are repeated and hours that are skipped; on Lord Howe half an hour is.
const ALL: [ClockChange; 4] = [
    ClockChange { zone: "Europe/Berlin", at: 1_792_890_000, offsets: [120, 60] },
    ClockChange { zone: "Europe/Berlin", at: 1_806_195_600, offsets: [60, 120] },
    ClockChange { zone: "America/New_York", at: 1_793_512_800, offsets: [-240, -300] },
    ClockChange { zone: "Australia/Lord_Howe", at: 1_806_764_400, offsets: [660, 630] },
];

/// Schedules with a time that a change skips or repeats, next to it, or several in an hour.
pub(crate) const SCHEDULES: [&str; 6] =
    ["30 2 * * *", "45 1 * * *", "15 2 * * *", "0 3 * * *", "*/30 * * * *", "*/15 * * * *"];

impl ClockChange {
    /// The change of a world; nothing in most worlds.
    pub(crate) fn some(random: &mut Random) -> Option<Self> {
        random.chance(250).then(|| *random.pick(&ALL))
    }

    /// When clocks change.
    pub(crate) fn at(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.at, 0).unwrap_or_default()
    }

    /// Whether an allocation is due at a full minute; nothing where it is not one of [`SCHEDULES`] in the zone.
    pub(crate) fn is_due(self, allocation: &Allocation, at: DateTime<Utc>) -> Option<bool> {
        let specification = &allocation.specification;
        specification.time_zone.filter(|zone| zone.name() == self.zone)?;
        let text = specification.schedule()?.text();
        SCHEDULES.contains(&text).then_some(())?;
        let (minute, hour) = text.split_once(' ')?;
        if let Some(step) = minute.strip_prefix("*/") {
            // By the wall clock, also in a repeated hour.
            return Some(self.local(at).minute().is_multiple_of(step.parse().ok()?));
        }
        let (minute, hour) = (minute.parse().ok()?, hour.split_once(' ')?.0.parse().ok()?);
        Some(self.is_daily_instant(NaiveTime::from_hms_opt(hour, minute, 0)?, at))
    }

    /// Whether a daily time of the wall clock is at this moment: once a day.
    fn is_daily_instant(self, time: NaiveTime, at: DateTime<Utc>) -> bool {
        let [before, after] = self.offsets.map(TimeDelta::minutes);
        let local = self.local(at).date_naive().and_time(time).and_utc();
        let due = if local - before < self.at() {
            // Of a time that is repeated the first.
            local - before
        } else {
            // One that is skipped is made up for at once.
            (local - after).max(self.at())
        };
        due == at
    }

    /// What the wall clock shows, as if it were UTC.
    fn local(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let [before, after] = self.offsets.map(TimeDelta::minutes);
        at + if at < self.at() { before } else { after }
    }
}
