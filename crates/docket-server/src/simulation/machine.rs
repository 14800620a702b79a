//! What outlives a server: the clock, the engine, what was committed, and calls that are on their way.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use super::{
    event::{Event, Happened},
    random::Random,
};
use crate::{
    clock::{Clock as _, TestClock},
    engine::{Starts, scripted_engine::ScriptedEngine},
    store::MemoryBackend,
};

/// What outlives a server. Engine and backend draw the fates of calls from its random source.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) clock: Arc<TestClock>,
    engines: [ScriptedEngine; 2],
    pub(super) backend: MemoryBackend,
    random: Mutex<Random>,
    weather: Mutex<Weather>,
    events: Mutex<Vec<Happened>>,
    late: Mutex<BTreeMap<(Duration, u64), Late>>,
    count: AtomicU64,
    faults: AtomicU64,
}

/// One of the engines of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnginePlace {
    /// The default one.
    First,
    /// The other one, for runs with parts.
    Second,
}

impl EnginePlace {
    /// All engines.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Its lasting id.
    fn id(self) -> &'static str {
        match self {
            Self::First => "E",
            Self::Second => "F",
        }
    }
}

/// How often calls go wrong at present.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// How many of a thousand calls of the engine go wrong.
    pub engine_faults: u64,
    /// How many of a thousand calls of the store go wrong.
    pub store_faults: u64,
    /// How many of a thousand calls take time.
    pub delays: u64,
    /// The store cannot be written.
    pub is_store_unwritable: bool,
}

/// A call that is delivered later, whatever became of its sender.
struct Late(Box<dyn FnOnce(&Machine) + Send>);

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Late")
    }
}

/// What happens to a request on its way, and to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives and is answered.
    Answered,
    /// It does not arrive.
    Lost,
    /// It arrives, and its answer is lost.
    AnswerLost,
    /// It gets no answer, and arrives after this time.
    Late(Duration),
    /// It is refused.
    Refused,
}

impl Machine {
    pub(super) fn new(start: DateTime<Utc>, mut random: Random) -> Arc<Self> {
        let clock = Arc::new(TestClock::stopped_at(start));
        // Engines differ in how a start is requested, and each way has its own recovery.
        let starts = match random.below(1000) {
            0..300 => Starts::Conditionally,
            300..550 => Starts::WithPrepare,
            _ => Starts::ById,
        };
        Arc::new(Self {
            // The same means for both: what differs by them is found in other worlds.
            engines: EnginePlace::ALL
                .map(|place| ScriptedEngine::called(place.id(), clock.clone()).that_starts(starts)),
            // Without a limit, because the model has no rule for records that are removed to save
            // memory.
            backend: MemoryBackend::new(usize::MAX),
            clock,
            random: Mutex::new(random),
            weather: Mutex::default(),
            events: Mutex::default(),
            late: Mutex::default(),
            count: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        })
    }

    pub(super) fn engine(&self, place: EnginePlace) -> &ScriptedEngine {
        let [first, second] = &self.engines;
        match place {
            EnginePlace::First => first,
            EnginePlace::Second => second,
        }
    }

    pub(super) fn engines(&self) -> &[ScriptedEngine] {
        &self.engines
    }

    /// Adds to the log.
    pub(super) fn record(&self, event: Event) {
        let reading = self.clock.read();
        let happened = Happened { wall: reading.wall, elapsed: reading.elapsed, event };
        self.events.lock().push(happened);
    }

    pub(super) fn take_events(&self) -> Vec<Happened> {
        std::mem::take(&mut *self.events.lock())
    }

    pub(super) fn weather(&self) -> Weather {
        *self.weather.lock()
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        *self.weather.lock() = weather;
    }

    pub(super) fn below(&self, bound: u64) -> u64 {
        self.random.lock().below(bound)
    }

    pub(super) fn chance(&self, per_mille: u64) -> bool {
        self.random.lock().chance(per_mille)
    }

    /// How many faults were injected so far.
    pub(super) fn faults(&self) -> u64 {
        self.faults.load(Ordering::SeqCst)
    }

    /// Notes that a fault was injected.
    pub(super) fn count_fault(&self, what: impl FnOnce() -> String) {
        self.faults.fetch_add(1, Ordering::SeqCst);
        self.record(Event::Note(what()));
    }

    /// What happens to a call, of which so many of a thousand go wrong.
    pub(super) fn fate(&self, call: &str, per_mille: u64) -> Fate {
        if per_mille == 0 || !self.chance(per_mille) {
            return Fate::Answered;
        }
        let fate = match self.below(8) {
            0 | 1 => Fate::Lost,
            2 | 3 => Fate::AnswerLost,
            4 => Fate::Refused,
            _ => Fate::Late(self.lateness()),
        };
        self.count_fault(|| format!("fault: {call} {fate:?}"));
        fate
    }

    /// How late a request without an answer arrives.
    pub(super) fn lateness(&self) -> Duration {
        // From the time of one call to beyond all its retries, each scale as likely as the others.
        let scale = [10, 200, 2_000, 30_000, 300_000];
        let at = usize::try_from(self.below(scale.len() as u64)).unwrap_or_default();
        let most = scale.get(at).copied().unwrap_or(10);
        Duration::from_millis(1 + self.below(most))
    }

    /// Takes the time that a call needs on its way, if it needs any.
    pub(super) async fn travel(&self) {
        if self.chance(self.weather().delays) {
            // Most calls are a little slow. A few are slower than what other tasks wait for.
            let most = if self.chance(100) { 3_000 } else { 40 };
            let delay = Duration::from_millis(1 + self.below(most));
            tokio::time::sleep(delay).await;
        }
    }

    /// Delivers a call after some time, whatever becomes of its sender.
    pub(super) fn deliver_later(&self, after: Duration, call: impl FnOnce(&Self) + Send + 'static) {
        let at = self.clock.read().elapsed + after;
        // Orders the calls of one moment, and keeps one from replacing another in the map.
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        self.late.lock().insert((at, number), Late(Box::new(call)));
    }

    /// When the next late call arrives.
    pub(super) fn next_late(&self) -> Option<Duration> {
        self.late.lock().first_key_value().map(|((at, _), _)| *at)
    }

    /// Delivers the calls whose time has come.
    pub(super) fn deliver(&self) {
        let now = self.clock.read().elapsed;
        while let Some(Late(call)) = {
            // Released before the call, which may send another late one.
            let mut late = self.late.lock();
            let is_due = late.first_key_value().is_some_and(|((at, _), _)| *at <= now);
            if is_due { late.pop_first().map(|(_, call)| call) } else { None }
        } {
            call(self);
        }
    }
}

/// A request on its way. Where its sender dies, it may arrive all the same.
pub(super) struct Request {
    machine: Arc<Machine>,
    call: Option<Late>,
}

impl Request {
    /// Sends a request whose effect may come later.
    pub(super) fn new(
        machine: &Arc<Machine>,
        call: impl FnOnce(&Machine) + Send + 'static,
    ) -> Self {
        Self { machine: Arc::clone(machine), call: Some(Late(Box::new(call))) }
    }

    /// It has arrived: its effect is the caller's.
    pub(super) fn arrives(mut self) {
        self.call = None;
    }

    /// It arrives after some time.
    pub(super) fn arrives_after(mut self, time: Duration) {
        if let Some(Late(call)) = self.call.take() {
            self.machine.deliver_later(time, call);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(Late(call)) = self.call.take()
            // A request may still be in a buffer of the dead sender, or be on its way already.
            && self.machine.chance(500)
        {
            let lateness = self.machine.lateness();
            self.machine
                .count_fault(|| format!("fault: arrives {lateness:?} after its sender died"));
            self.machine.deliver_later(lateness, call);
        }
    }
}
