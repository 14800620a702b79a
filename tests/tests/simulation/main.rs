//! The deterministic simulation: the real scheduler, runner and store over an engine and a backend that
//! fail at random, in simulated time. All that happens in a world follows from its seed.
//!
//! A seed that fails is printed; `DOCKET_SIMULATION_SEED=N` runs it alone, and prints what happened.

#![expect(clippy::print_stdout, reason = "the report of a simulation")]

mod clock_change;
mod mutations;
mod random_allocations;
mod recorded_instants;
mod reference_model;
mod seed_run;

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use self::seed_run::{Outcome, simulate};

/// How many seeds each run of the tests tries.
// Every mutation is found by one of the first 60 seeds, and the test has to end within minutes.
const SEEDS: u64 = 300;
/// How many of them are run twice.
// A clock or an id that does not follow from the seed shows in any of them.
const REPEATED: u64 = 10;

/// The seed that is asked for, if one is.
fn wanted_seed() -> Option<u64> {
    std::env::var("DOCKET_SIMULATION_SEED").ok()?.parse().ok()
}

/// True where all seeds are to be tried though one has failed.
fn is_survey() -> bool {
    std::env::var_os("DOCKET_SIMULATION_ALL").is_some()
}

/// What seeds came to.
#[derive(Debug, Default)]
struct Totals {
    seeds: u64,
    faults: u64,
    simulated: Duration,
    failures: Vec<(u64, String)>,
}

impl Totals {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        self.faults += outcome.faults;
        self.simulated += outcome.simulated;
        if let Some(violation) = &outcome.violation {
            self.failures.push((seed, violation.to_string()));
        }
    }

    fn report(&self) -> String {
        let years = self.simulated.as_secs_f64() / (365.25 * 86_400.0);
        let mut report = format!(
            "simulation: {} seeds, {years:.2} simulated years, {} faults injected, {} failures",
            self.seeds,
            self.faults,
            self.failures.len()
        );
        for (seed, violation) in &self.failures {
            let _ = write!(report, "\n  DOCKET_SIMULATION_SEED={seed}: {violation}");
        }
        report
    }
}

/// Simulates seeds from `first` on, on all cores, as long as `goes_on` says so.
fn simulate_all(first: u64, goes_on: impl Fn(u64) -> bool + Sync) -> Totals {
    let (next, totals) = (AtomicU64::new(first), Mutex::new(Totals::default()));
    let has_failed = AtomicBool::new(false);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    // The first failure is enough to work on, and the other seeds would only delay
                    // its report.
                    if !goes_on(seed) || (has_failed.load(Ordering::SeqCst) && !is_survey()) {
                        break;
                    }
                    // Without a trace: a seed that fails is run again with one.
                    let outcome = simulate(seed, None, false);
                    has_failed.fetch_or(outcome.violation.is_some(), Ordering::SeqCst);
                    totals.lock().add(seed, &outcome);
                }
            });
        }
    });
    totals.into_inner()
}

#[test]
fn each_seed_keeps_the_invariants() {
    if let Some(seed) = wanted_seed() {
        let outcome = simulate(seed, None, true);
        println!("{}", outcome.trace);
        assert!(outcome.violation.is_none(), "seed {seed}: {}", outcome.violation.unwrap());
        return;
    }
    let began = Instant::now();

    let totals = simulate_all(1, |seed| seed <= SEEDS);

    println!("{} in {:.0} s", totals.report(), began.elapsed().as_secs_f64());
    assert!(totals.failures.is_empty(), "{}", totals.report());
}

#[test]
fn a_seed_gives_the_same_trace_each_time() {
    // Its trace is all that is wanted then.
    if wanted_seed().is_some() {
        return;
    }
    for seed in 1..=REPEATED {
        let (once, again) = (simulate(seed, None, true).trace, simulate(seed, None, true).trace);
        let first_difference = once.lines().zip(again.lines()).find(|(one, other)| one != other);
        assert_eq!(first_difference, None, "seed {seed}");
        // `zip` ends with the shorter one.
        assert_eq!(once.len(), again.len(), "seed {seed}");
    }
}

/// `make soak` runs this for ten minutes.
#[test]
#[ignore = "runs for DOCKET_SIMULATION_SECONDS, by default ten minutes"]
fn as_many_seeds_as_fit() {
    let seconds = std::env::var("DOCKET_SIMULATION_SECONDS").ok();
    let limit = Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(600));
    let began = Instant::now();

    // Other seeds than those of the tests.
    let totals = simulate_all(1_000_000, |_| began.elapsed() < limit);

    println!("{} in {:.0} s", totals.report(), began.elapsed().as_secs_f64());
    assert!(totals.failures.is_empty(), "{}", totals.report());
}
