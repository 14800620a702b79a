//! One world from its seed to its end: random operations, and the model that watches them.

use std::{fmt::Write as _, time::Duration};

use chrono::{DateTime, TimeDelta};
use docket_server::simulation::{
    EnginePlace, Mutation, Random, Request, Weather, World, set_mutation,
};

use super::{
    clock_change::ClockChange,
    random_allocations::{NAMES, specification},
    reference_model::{Model, Violation},
};

/// What a seed came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) simulated: Duration,
    pub(crate) faults: u64,
    /// A line for each event, where that was asked for.
    pub(crate) trace: String,
}

/// How long the calm lasts at the end: longer than any container, retry or clean-up takes.
const CALM: Duration = Duration::from_secs(45 * 60);

/// Simulates a seed, with a mutation of the server if one is given.
pub(crate) fn simulate(seed: u64, mutation: Option<Mutation>, is_traced: bool) -> Outcome {
    set_mutation(mutation);
    let mut script = Script::new(seed, is_traced);
    let violation = script.play().err();
    let (simulated, faults) = (script.world.elapsed(), script.world.faults());
    let trace = std::mem::take(&mut script.trace);
    // Its server ends with it, and does so under the same mutation.
    drop(script);
    // Threads simulate one seed after another.
    set_mutation(None);
    Outcome { violation, simulated, faults, trace }
}

struct Script {
    world: World,
    random: Random,
    model: Model,
    clock_change: Option<ClockChange>,
    requests: u64,
    is_traced: bool,
    trace: String,
}

impl Script {
    fn new(seed: u64, is_traced: bool) -> Self {
        let mut random = Random::new(seed);
        // A quarter of a second after a full one, as a server is hardly ever started at an instant.
        let start = DateTime::from_timestamp(1_795_860_000, 250_000_000).unwrap_or_default();
        // Any time of the day, so that daily instants are near in some worlds and far in others.
        let seconds = random.below(86_400).cast_signed();
        // From a source of its own, so that all other worlds stay as they are.
        let clock_change = ClockChange::some(&mut Random::new(!seed));
        let start = match clock_change {
            None => start + TimeDelta::seconds(seconds),
            Some(change) => {
                change.at() + TimeDelta::milliseconds(250) - TimeDelta::seconds(seconds / 4)
            }
        };
        Self {
            // The world draws from a source of its own: what a server does must not change the
            // operations.
            world: World::new(start, random.number()),
            random,
            model: Model::new(clock_change),
            clock_change,
            requests: 0,
            is_traced,
            trace: String::new(),
        }
    }

    fn play(&mut self) -> Result<(), Violation> {
        self.world.start_server();
        // Otherwise the first steps would find no allocation.
        for name in ["a", "b"] {
            self.push(name);
            self.world.pass(Duration::from_millis(1));
        }
        let steps = 30 + self.random.below(60);
        for _ in 0..steps {
            self.operate();
            let time = self.some_time();
            self.world.pass(time);
            self.check()?;
        }
        self.calm()
    }

    /// Has the model judge what happened.
    fn check(&mut self) -> Result<(), Violation> {
        for happened in self.world.events() {
            if self.is_traced {
                let _ = writeln!(self.trace, "{happened:?}");
            }
            self.model.see(&happened)?;
        }
        Ok(())
    }

    fn some_time(&mut self) -> Duration {
        let most = match self.random.below(10) {
            0..=2 => 3_000,
            3..=5 => 30_000,
            6..=8 => 180_000,
            _ => 900_000,
        };
        // Two requests never come in the same millisecond.
        Duration::from_millis(1 + self.random.below(most))
    }

    fn name(&mut self) -> String {
        (*self.random.pick(&NAMES)).to_owned()
    }

    fn engine(&mut self) -> EnginePlace {
        *self.random.pick(&EnginePlace::ALL)
    }

    fn request(&mut self, request: Request) {
        self.requests += 1;
        self.world.request(self.requests, request);
    }

    fn push(&mut self, name: &str) {
        let specification = specification(name, &mut self.random, self.clock_change);
        self.request(Request::Push(Box::new(specification)));
    }

    fn operate(&mut self) {
        match self.random.below(100) {
            0..=19 => {
                let name = self.name();
                self.push(&name);
            }
            20..=22 => {
                let name = self.name();
                self.request(Request::Delete(name));
            }
            23..=25 => {
                let name = self.name();
                self.request(Request::Suspend(name));
            }
            26..=29 => {
                let name = self.name();
                self.request(Request::Resume(name));
            }
            30..=37 => {
                let name = self.name();
                self.request(Request::Run(name, None));
            }
            38..=42 => self.backfill(),
            43..=48 => self.cancel(),
            49..=62 => self.restart(),
            63..=66 => {
                let (place, is_away) = (self.engine(), self.random.chance(500));
                self.world.set_engine_away(place, is_away);
            }
            67..=69 => self.take_away(),
            70..=72 => {
                let seconds = self.random.below(7_200).cast_signed() - 3_600;
                self.world.set_clock(TimeDelta::seconds(seconds));
            }
            73..=74 => {
                let time = Duration::from_secs(self.random.below(6 * 3_600));
                self.world.suspend(time);
            }
            75..=84 => self.change_weather(),
            85..=86 => {
                let place = self.engine();
                self.world.forget_events(place);
            }
            87 => {
                let place = self.engine();
                let seconds = self.random.below(120).cast_signed() - 60;
                self.world.set_engine_clock_ahead(place, TimeDelta::seconds(seconds));
            }
            88..=89 => {
                let minutes = 1 + self.random.below(120).cast_signed();
                let time = self.random.chance(500).then(|| TimeDelta::minutes(minutes));
                self.request(Request::Pause(time));
            }
            90..=92 => self.request(Request::Unpause),
            _ => {}
        }
    }

    /// The term of the server ends, and another one begins after some time.
    fn change_term(&mut self) {
        self.world.end_term();
        // In half of the cases the next term begins at once.
        let seconds = self.random.below(120) * self.random.below(2);
        self.world.pass(Duration::from_secs(seconds));
        self.repeat(World::begin_term);
    }

    /// Waits for the next full minute, at which most runs start, until calls are on their way.
    fn wait_for_starts(&mut self) {
        self.world.set_weather(Weather { delays: 1000, ..Weather::default() });
        let now = self.world.now().timestamp_millis();
        let until = 60_000 - now.rem_euclid(60_000).unsigned_abs();
        // A run has made some ten calls by then.
        self.world.pass(Duration::from_millis(until + self.random.below(300)));
    }

    /// The server dies, or stops, and comes back after some time.
    fn restart(&mut self) {
        if self.random.chance(400) {
            self.wait_for_starts();
        }
        if self.random.chance(300) {
            return self.change_term();
        }
        if self.random.chance(800) {
            self.world.crash();
        } else {
            self.world.stop_server();
        }
        let seconds = match self.random.below(10) {
            0..=3 => 0,
            4..=7 => self.random.below(600),
            8 => self.random.below(12 * 3_600),
            // Longer than the 7 days for which a deleted name is remembered.
            _ => self.random.below(20 * 86_400),
        };
        self.world.pass(Duration::from_secs(seconds));
        self.start();
    }

    fn start(&mut self) {
        self.repeat(World::start_server);
    }

    /// Repeats what a store that cannot be written refuses; after some time that is over.
    fn repeat(&mut self, begins: impl Fn(&mut World) -> bool) {
        for tries in 0_u64.. {
            if begins(&mut self.world) {
                return;
            }
            // With many faults of the store a start could fail for ever.
            if tries == 20 {
                self.world.set_weather(Weather::default());
            }
            self.world.pass(Duration::from_secs(1));
        }
    }

    fn change_weather(&mut self) {
        // Faults that are too frequent hide each other: nothing gets far enough to break.
        let rates = [0, 0, 20, 100, 300];
        let weather = Weather {
            engine_faults: *self.random.pick(&rates),
            store_faults: *self.random.pick(&rates),
            delays: *self.random.pick(&[0, 50, 300]),
            is_store_unwritable: self.random.chance(100),
        };
        self.world.set_weather(weather);
    }

    fn backfill(&mut self) {
        let name = self.name();
        let Some(instant) = self.model.some_instant(&name, &mut self.random) else { return };
        self.request(Request::Run(name, Some(instant)));
    }

    fn cancel(&mut self) {
        let Some(run) = self.model.some_open_run(&mut self.random) else { return };
        let kill = self.random.chance(300);
        self.request(Request::Cancel(run.allocation.to_string(), run.instant, kill));
    }

    fn take_away(&mut self) {
        let containers = self.world.containers();
        if containers.is_empty() {
            return;
        }
        let id = self.random.pick(&containers).to_string();
        // The id of a simulated container is its name and a number.
        let name = id.split('#').next().unwrap_or_default();
        self.world.take_away(name);
    }

    /// Ends all trouble, and lets what is under way come to its end.
    fn calm(&mut self) -> Result<(), Violation> {
        self.world.set_weather(Weather::default());
        for place in EnginePlace::ALL {
            self.world.set_engine_away(place, false);
        }
        self.start();
        self.check()?;
        self.request(Request::Unpause);
        self.model.begin_calm();
        // Schedules are in force for a while, so that the model sees them work without faults.
        self.world.pass(Duration::from_secs(180));
        self.check()?;
        // Before the suspensions, after which no instant is due.
        let until = self.model.covered_until();
        for name in NAMES {
            self.request(Request::Suspend(name.to_owned()));
        }
        self.world.pass(CALM);
        self.check()?;
        self.model.judge_end(until, &self.world)
    }
}
