//! Texts made of the language's own pieces, for a bounded time: nothing panics, loops or slips
//! back in time. `SCHEDULE_FUZZ_SEED` repeats a run, `SCHEDULE_FUZZ_SECONDS` lengthens it.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use docket_model::{
    schedule::Schedule,
    zone::{self, Zone},
};

/// How long a test run takes by default.
const SECONDS: u64 = 3;

const PIECES: [&str; 64] = [
    "*",
    "?",
    "/",
    "-",
    ",",
    "#",
    "L",
    "W",
    "LW",
    "l",
    " ",
    " ",
    " ",
    "\t",
    "\n",
    "0",
    "1",
    "2",
    "5",
    "7",
    "9",
    "15",
    "23",
    "24",
    "31",
    "59",
    "60",
    "99",
    "1970",
    "2026",
    "2099",
    "2100",
    "MON",
    "sun",
    "FRI",
    "jan",
    "DECEMBER",
    "@",
    "@every ",
    "@daily",
    "@reboot",
    "h",
    "m",
    "s",
    "R",
    "R/",
    "R3/",
    "/P",
    "P1D",
    "T",
    "PT",
    "PT1S",
    "P1M",
    "Y",
    "Z",
    "+02:00",
    ":",
    ".",
    "2026-03-08T02:30:00",
    "TZ=UTC ",
    "é",
    "\u{a0}",
    "99999999999999999999",
    "* * * * *",
];

/// A xorshift generator, enough to choose pieces.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn piece(&mut self) -> &'static str {
        PIECES[self.below(PIECES.len())]
    }

    /// Makes a text: pieces at random, or an expression with some of its fields replaced.
    fn text(&mut self) -> String {
        let pieces = 1 + self.below(9);
        if self.below(3) == 0 {
            return (0..pieces).map(|_| self.piece()).collect();
        }
        let fields = 5 + self.below(3);
        let field = |chance: &mut Self| match chance.below(4) {
            0 => format!("{}{}{}", chance.piece(), chance.piece(), chance.piece()),
            1 => chance.below(32).to_string(),
            2 => format!("{}/{}", chance.below(7), 1 + chance.below(6)),
            _ => "*".to_owned(),
        };
        (0..fields).map(|_| field(self)).collect::<Vec<_>>().join(" ")
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn try_out(text: &str, chance: &mut Chance) -> bool {
    let schedule = match Schedule::parse(text) {
        Ok(schedule) => schedule,
        Err(invalid) => {
            assert!(invalid.snippet().contains('^') && !invalid.to_string().is_empty());
            return false;
        }
    };
    let seconds = i64::try_from(chance.below(4_500_000_000)).unwrap() - 200_000_000;
    let from = DateTime::from_timestamp(seconds, 0).unwrap();
    let names: Vec<_> = zone::names().collect();
    let zone: Zone = names[chance.below(names.len())].parse().unwrap();
    let mut last = from;
    for upcoming in schedule.upcoming(from, from, zone).take(5) {
        assert!(upcoming.at > last);
        assert_eq!(schedule.next(last, from, zone), Some(upcoming.at));
        last = upcoming.at;
        let _ = upcoming.note.map(|note| note.to_string());
    }
    assert!(schedule.count(from, from + TimeDelta::minutes(30), from, zone) <= 1800);
    let _ = schedule.warnings();
    true
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed is what repeats a failure")]
fn texts_of_the_languages_pieces_never_panic() {
    let seed =
        setting("SCHEDULE_FUZZ_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    eprintln!("SCHEDULE_FUZZ_SEED={seed}");
    let mut chance = Chance(seed | 1);
    let limit = Duration::from_secs(setting("SCHEDULE_FUZZ_SECONDS").unwrap_or(SECONDS));
    let (start, mut tried, mut accepted) = (Instant::now(), 0_u64, 0_u64);

    while start.elapsed() < limit {
        let text = chance.text();
        tried += 1;
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| try_out(&text, &mut chance)));
        let is_schedule = outcome.unwrap_or_else(|_| panic!("{text:?} panics, seed {seed}"));
        accepted += u64::from(is_schedule);
    }

    assert!(accepted > 0, "none of {tried} texts was a schedule");
    eprintln!("{tried} texts, {accepted} of them schedules");
}
