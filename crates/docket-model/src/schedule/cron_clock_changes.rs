//! A calendar in a time zone: the instants of the local times of a [`Walk`], by cronie's rule for
//! daylight saving.
//!
//! 1. A *wildcard* calendar runs at every instant whose local time matches.
//! 2. A *fixed* one runs once for each local time: at its first occurrence, or, if the clock skips it
//!    by at most three hours, at the first instant after the gap.

use super::local_time_walk::Walk;
use crate::zone::{Change, Meaning, Rules};

/// Two offsets of a zone differ by less than this, so beyond this distance a change of the clock can
/// neither repeat nor skip a local time.
const NEAR: i64 = 48 * 3600;

/// How a calendar behaves at a change of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Wildcard,
    Fixed,
}

/// A cron expression or an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar {
    pub(super) walk: Walk,
    pub(super) clock: Clock,
    /// True if a day field has `*/n`, which is restricted although it begins with a star.
    pub(super) has_stepped_days: bool,
    /// True if it has six fields and the sixth is a star: the first may be meant as the seconds.
    pub(super) may_mean_seconds: bool,
}

impl Calendar {
    /// Returns the first instant at or after `from`.
    pub(super) fn at_or_after(&self, from: i64, rules: &Rules) -> Option<i64> {
        // The calendar has no instants before its first year, in any zone.
        let mut from = from.max(-NEAR);
        // A time that is made up runs at the change itself, which `first_change` below would
        // exclude.
        match rules.first_change(from - 1, from) {
            Some(change) if self.makes_up(change) => return Some(from),
            _ => {}
        }
        loop {
            let offset = rules.offset(from);
            let goal = self.walk.at_or_after(from + offset).map(|wall| wall - offset);
            // Only changes near the goal matter; listing those of decades in between would take
            // long.
            let near = goal.map_or(from + NEAR, |goal| match goal - from {
                ..=NEAR => goal,
                _ => from + NEAR,
            });
            match (rules.first_change(from, near), goal) {
                // The change comes before the goal, and brings a run of its own.
                (Some(change), _) if self.makes_up(change) => return Some(change.at),
                (Some(change), _) => from = self.after(change),
                (None, None) => return None,
                // Far away, the offset at the goal may be another, so the search begins again close
                // to it.
                (None, Some(goal)) if goal - from > NEAR => from = (goal - NEAR).max(near),
                (None, Some(goal)) => match self.repeats(goal, offset, rules) {
                    Some(change) => from = self.after(change),
                    None => return Some(goal),
                },
            }
        }
    }

    /// Returns the number of instants in `(after, until]`.
    pub(super) fn count(&self, after: i64, until: i64, rules: &Rules) -> u64 {
        let mut from = (after + 1).max(-NEAR);
        // Between two changes of the clock each local time has one instant; near a change, a fixed
        // calendar moves some and skips others.
        let around = if self.clock == Clock::Fixed { NEAR } else { 0 };
        let mut count = 0;
        while from <= until {
            // A change just before `from` still matters: its repeated hour may not be over.
            let change = rules.first_change(from - around, until + around);
            let near = change.map_or(until + 1, |change| (change.at - around).min(until + 1));
            if from < near {
                let offset = rules.offset(from);
                count += self.walk.count(from + offset, near + offset);
                from = near;
            } else if let Some(change) = change {
                let end = (change.at + around + 1).min(until + 1);
                count += self.walked(from, end, rules);
                from = end;
            }
        }
        count
    }

    /// Returns the number of instants in `[from, end)`, one after the other.
    fn walked(&self, from: i64, end: i64, rules: &Rules) -> u64 {
        let following = |at: &i64| self.at_or_after(at + 1, rules);
        let instants = std::iter::successors(self.at_or_after(from, rules), following);
        instants.take_while(|at| *at < end).count() as u64
    }

    /// Returns whether a local time of the calendar in the gap of a change runs after it.
    pub(super) fn makes_up(&self, change: Change) -> bool {
        // Several skipped times make one run, so it is enough that there is any.
        self.clock == Clock::Fixed && change.is_made_up() && self.first_left_out(change).is_some()
    }

    /// Returns the first local time of the calendar that a change skips.
    fn first_left_out(&self, change: Change) -> Option<i64> {
        let wall = self.walk.at_or_after(change.at + change.before)?;
        (wall < change.at + change.after).then_some(wall)
    }

    /// Returns where to continue after a change: a fixed calendar skips repeated local times.
    fn after(&self, change: Change) -> i64 {
        match self.clock {
            Clock::Wildcard => change.at,
            Clock::Fixed => change.at + (change.before - change.after).max(0),
        }
    }

    /// Returns the change because of which the local time of an instant is a repetition, if that
    /// matters.
    fn repeats(&self, at: i64, offset: i64, rules: &Rules) -> Option<Change> {
        if self.clock == Clock::Wildcard {
            return None;
        }
        match rules.meaning(at + offset)? {
            // The first occurrence runs, also if the search began between the two.
            Meaning::Twice { first, second } if at == second => rules.first_change(first, second),
            _ => None,
        }
    }
}
