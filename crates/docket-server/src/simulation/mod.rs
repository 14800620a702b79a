//! A whole server without its API in simulated time, for the deterministic simulation in `tests/`.
//!
//! 1. All that happens follows from one seed: no thread, clock or id comes from elsewhere.
//! 2. A world runs in the thread that made it, and a thread has one world at a time.
//! 3. A crash ends each task of the server where it is. What was committed, and what the engine did,
//!    outlives it.

mod backend;
mod engine;
mod event;
mod machine;
mod random;
mod server_life;

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Specification,
    run::{ContainerId, Instant},
};
use uuid::Uuid;

pub use self::{
    event::{ContainerProgress, Event, Happened, Owner, Written},
    machine::{EnginePlace, Weather},
    random::Random,
};
use self::{machine::Machine, server_life::Life};
pub use crate::mutation_testing::Mutation;
use crate::{clock::Clock as _, engine::scripted_engine::ScriptedEngine};

thread_local! {
    // Ids are made deep in the server, where nothing else of the simulation is known.
    static IDS: RefCell<Option<Random>> = const { RefCell::new(None) };
    static MUTATION: Cell<Option<Mutation>> = const { Cell::new(None) };
}

/// The next id of the world of this thread.
pub(crate) fn next_id() -> Option<Uuid> {
    IDS.with_borrow_mut(|ids| {
        let ids = ids.as_mut()?;
        let bits = (u128::from(ids.number()) << 64) | u128::from(ids.number());
        Some(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
    })
}

/// The mutation that is switched on in this thread.
pub(crate) fn mutation() -> Option<Mutation> {
    MUTATION.get()
}

/// Switches a mutation on in this thread, or off.
pub fn set_mutation(mutation: Option<Mutation>) {
    MUTATION.set(mutation);
}

/// A request to the server.
#[derive(Debug, Clone)]
pub enum Request {
    /// Stores an allocation.
    Push(Box<Specification>),
    /// Deletes an allocation.
    Delete(String),
    /// Suspends an allocation.
    Suspend(String),
    /// Resumes an allocation.
    Resume(String),
    /// Pauses the server, for so long or until it is unpaused.
    Pause(Option<TimeDelta>),
    /// Unpauses the server.
    Unpause,
    /// Starts a run now, or for a past instant.
    Run(String, Option<DateTime<Utc>>),
    /// Cancels the run of an instant; at once or with the grace of its container.
    Cancel(String, Instant, bool),
}

/// A machine with an engine and a store, and at times a server.
#[derive(Debug)]
pub struct World {
    machine: Arc<Machine>,
    life: Option<Life>,
    lives: u64,
}

impl World {
    /// A world whose clock shows this time. All that is random in it follows from the seed.
    #[must_use]
    pub fn new(start: DateTime<Utc>, seed: u64) -> Self {
        let mut random = Random::new(seed);
        // A source of its own, so that the number of ids does not change which calls fail.
        IDS.set(Some(Random::new(random.number())));
        Self { machine: Machine::new(start, random), life: None, lives: 0 }
    }

    /// What happened since the last call.
    #[must_use]
    pub fn events(&self) -> Vec<Happened> {
        self.machine.take_events()
    }

    /// How many faults were injected so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.machine.faults()
    }

    /// How much time has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.machine.clock.read().elapsed
    }

    /// What the wall clock shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.machine.clock.now()
    }

    /// How often calls go wrong from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.note(format!("{weather:?}"));
        self.machine.set_weather(weather);
    }

    /// Adds a line to the log.
    pub fn note(&self, text: String) {
        self.machine.record(Event::Note(text));
    }

    /// True while a server is there.
    #[must_use]
    pub fn has_server(&self) -> bool {
        self.life.is_some()
    }

    /// Starts a server, if there is none; false where it could not start.
    pub fn start_server(&mut self) -> bool {
        if self.life.is_none() {
            self.lives += 1;
            // Recorded first, because a life writes to the store while it begins.
            self.machine.record(Event::Began(self.lives));
            self.life = Life::begin(&self.machine, self.lives == 1);
        }
        self.life.is_some()
    }

    /// The server dies, if there is one.
    pub fn crash(&mut self) {
        if let Some(life) = self.life.take() {
            self.machine.record(Event::Crashed);
            life.crash();
        }
    }

    /// Stops the server in order, if there is one.
    pub fn stop_server(&mut self) {
        if let Some(life) = self.life.take() {
            life.stop();
            self.machine.record(Event::Stopped);
        }
    }

    /// Ends the term of the server, if there is one.
    pub fn end_term(&mut self) {
        self.note("the term ends".to_owned());
        if let Some(life) = &mut self.life {
            life.end_term();
        }
    }

    /// Begins a term of the server, if it is in none; false where it could not.
    pub fn begin_term(&mut self) -> bool {
        let Some(life) = &mut self.life else { return false };
        self.lives += 1;
        self.machine.record(Event::Began(self.lives));
        life.begin_term()
    }

    /// Sends a request to the server; its answer is in the log once it comes.
    pub fn request(&self, number: u64, request: Request) {
        self.note(format!("request {number}: {request:?}"));
        if let Some(life) = &self.life {
            life.request(number, request);
        }
    }

    /// Lets time pass, and what comes due in it happen.
    pub fn pass(&self, time: Duration) {
        let end = self.elapsed() + time;
        loop {
            self.machine.deliver();
            let now = self.elapsed();
            if now >= end {
                break;
            }
            // Stops at each late call, which must find the server as it is at that time.
            let until = self.machine.next_late().map_or(end, |late| late.min(end));
            // At least a tick of the timers, or the time would not advance.
            let step = until.saturating_sub(now).max(Duration::from_millis(1));
            match &self.life {
                Some(life) => life.pass(step),
                None => self.machine.clock.pass(step),
            }
        }
    }

    /// Sets the wall clock forward, or back.
    pub fn set_clock(&self, change: TimeDelta) {
        self.note(format!("the clock is set by {change}"));
        self.machine.clock.set_by(change);
    }

    /// Suspends the machine: time passes, and timers stand still.
    pub fn suspend(&self, time: Duration) {
        self.note(format!("the host is suspended for {time:?}"));
        self.machine.clock.suspend_for(time);
    }

    /// An engine is away, or back.
    pub fn set_engine_away(&self, place: EnginePlace, is_away: bool) {
        self.note(format!("the engine {place:?} is away: {is_away}"));
        self.machine.engine(place).set_away(is_away);
    }

    /// An engine is started anew, and does not remember any events before.
    pub fn forget_events(&self, place: EnginePlace) {
        self.note(format!("the engine {place:?} forgets its events"));
        self.machine.engine(place).forget_events();
    }

    /// The clock of an engine is this far ahead.
    pub fn set_engine_clock_ahead(&self, place: EnginePlace, ahead: TimeDelta) {
        self.note(format!("the clock of the engine {place:?} is ahead by {ahead}"));
        self.machine.engine(place).set_clock_ahead(ahead);
    }

    /// Someone else removes the container of this name.
    pub fn take_away(&self, name: &str) {
        self.note(format!("someone removes {name}"));
        for engine in self.machine.engines() {
            engine.take_away(name);
        }
    }

    /// The containers that are there, whether or not they run.
    #[must_use]
    pub fn containers(&self) -> Vec<ContainerId> {
        self.machine.engines().iter().flat_map(ScriptedEngine::present).collect()
    }

    /// True where no run is under way and no decision is being made.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.life.as_ref().is_some_and(Life::is_idle)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Before the ids: the tasks that end here may still ask for one.
        self.crash();
        IDS.set(None);
    }
}
