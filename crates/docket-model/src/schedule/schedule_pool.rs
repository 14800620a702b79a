//! Shares one parsed schedule among equal expressions: it is larger than the rest of the allocation.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use super::{InvalidSchedule, Schedule};

static SHARED: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

/// Below this many entries unused schedules are not removed from the pool.
const LEAST_SWEEP: usize = 1024;

#[derive(Default)]
struct Pool {
    // Weak, so that the pool keeps no schedule alive.
    schedules: HashMap<Box<str>, Weak<Schedule>>,
    sweep_at: usize,
}

impl Pool {
    fn insert(&mut self, schedule: &Arc<Schedule>) {
        if self.schedules.len() >= self.sweep_at {
            self.schedules.retain(|_, schedule| schedule.strong_count() > 0);
            // Doubling makes the cost of a sweep constant for each insertion.
            self.sweep_at = (2 * self.schedules.len()).max(LEAST_SWEEP);
        }
        self.schedules.insert(schedule.text().into(), Arc::downgrade(schedule));
    }
}

/// Parses a schedule, or returns the one that was parsed from the same text before.
///
/// # Errors
/// As [`Schedule::parse`].
pub fn shared(text: &str) -> Result<Arc<Schedule>, InvalidSchedule> {
    // Held while parsing, which takes microseconds; two threads then never parse one text twice.
    let mut pool = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(schedule) = pool.schedules.get(text).and_then(Weak::upgrade) {
        return Ok(schedule);
    }
    let schedule = Arc::new(Schedule::parse(text)?);
    pool.insert(&schedule);
    Ok(schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_a_schedule_as_long_as_one_is_in_use() {
        let first = shared("7 7 * * *").unwrap();
        let second = shared("7 7 * * *").unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn unused_schedules_are_removed_from_the_pool() {
        let mut pool = Pool::default();
        let kept = Arc::new(Schedule::parse("0 0 * * *").unwrap());
        pool.insert(&kept);
        for minute in 0..60 {
            for hour in 0..24 {
                pool.insert(&Arc::new(Schedule::parse(&format!("{minute} {hour} * * 1")).unwrap()));
            }
        }
        assert!(pool.schedules.len() <= LEAST_SWEEP);
        assert!(pool.schedules.contains_key("0 0 * * *"));
    }
}
