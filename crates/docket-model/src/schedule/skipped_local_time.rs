//! What happens to a local time that does not exist on a day, by the rule for daylight saving.

use chrono::{DateTime, Timelike, Utc};

use super::{Rule, Schedule, whole_second};
use crate::{parse_time::Gap, zone::Zone};

/// What a schedule does about a local time that the clock skips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// The schedule is not due at that time.
    Unnamed,
    /// It runs once, at the first instant after the gap.
    MadeUp,
    /// It is due at that time, and does not run.
    Dropped,
}

impl Schedule {
    /// Returns what the schedule does about a local time that the clock skips.
    #[must_use]
    pub fn left_out(&self, gap: &Gap, anchor: DateTime<Utc>, zone: Zone) -> LeftOut {
        let rules = zone.rules();
        let (wall, at) = (gap.time.and_utc().timestamp(), gap.at.timestamp());
        // Schedules have whole seconds.
        let is_named = gap.time.nanosecond() == 0
            && match &self.rule {
                Rule::Empty | Rule::Every(_) => false,
                Rule::Calendar(calendar) => calendar.walk.at_or_after(wall) == Some(wall),
                Rule::Repeating(repeating) => {
                    repeating.names(wall, at, whole_second(anchor), &rules)
                }
            };
        let is_made_up = rules.first_change(at - 1, at).is_some_and(|change| match &self.rule {
            Rule::Calendar(calendar) => calendar.makes_up(change),
            _ => change.is_made_up(),
        });
        match (is_named, is_made_up) {
            (false, _) => LeftOut::Unnamed,
            (true, true) => LeftOut::MadeUp,
            (true, false) => LeftOut::Dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_time::Moment;

    fn left_out(schedule: &str, time: &str, zone: Zone) -> LeftOut {
        let schedule = Schedule::parse(schedule).unwrap();
        let moment = Moment::of_wall(time.parse().unwrap(), zone).unwrap();
        let Moment::Never(gap) = moment else { panic!("{time} exists") };
        schedule.left_out(&gap, "2011-01-01T00:00:00Z".parse().unwrap(), zone)
    }

    #[test]
    fn fixed_times_are_made_up_for_and_wildcards_and_long_gaps_are_not() {
        use LeftOut::{Dropped, MadeUp, Unnamed};
        let spring = "2026-03-29T02:30:00";
        for (schedule, expected) in [
            ("30 2 * * *", MadeUp),
            ("0,30 2 * * *", MadeUp),
            ("45 2 * * *", Unnamed),
            ("30 2 * * 1", Unnamed),
            ("*/30 * * * *", Dropped),
            ("", Unnamed),
            ("@every 30m", Unnamed),
            ("R/2026-01-01T02:30:00/P1D", MadeUp),
            ("R/2026-01-01T02:30:00/P1W", Unnamed),
            ("R/2026-01-04T02:30:00/P1W", MadeUp),
            ("R3/2026-01-04T02:30:00/P1W", Unnamed),
        ] {
            assert_eq!(
                left_out(schedule, spring, "Europe/Berlin".parse::<Zone>().unwrap()),
                expected,
                "{schedule}"
            );
        }
        let skipped_day = "2011-12-30T09:00:00";
        for (schedule, expected) in
            [("0 9 * * *", Dropped), ("1 9 * * *", Unnamed), ("R/2011-12-01T09:00:00/P1D", Dropped)]
        {
            assert_eq!(
                left_out(schedule, skipped_day, "Pacific/Apia".parse::<Zone>().unwrap()),
                expected,
                "{schedule}"
            );
        }
    }
}
