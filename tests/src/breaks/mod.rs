//! Each call in the life of a run, broken in each way, all at once on one server.
//!
//! 1. For every break there is one run, and the first such call about it meets the break.
//! 2. Beside them an allocation is due every second, and has to go on.

pub mod faults;
mod step;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use docket_stub_engine::{Fault, Faults, Options, Program};
use serde_json::Value;

use self::step::{Break, ENDLESS, SLOW, Step};
use crate::{
    Home, Server, StubEngine,
    bystander::Bystander,
    client::{bounded, run},
    http::Request,
    moment,
    wait::{BOUND, seen_within},
};

/// How long most containers run.
const LIFETIME: Duration = Duration::from_millis(50);
/// How long those run whose output is followed.
const SLOW_LIFETIME: Duration = Duration::from_secs(3);
/// How long the server may take to give up calls that hang, and what it does then: two minutes for
/// one, and one more before a container that could not be stopped is killed.
const GIVING_UP: Duration = Duration::from_secs(240);

/// What came of all breaks.
#[derive(Debug)]
pub struct Outcome {
    /// How many breaks there were.
    pub breaks: usize,
    /// How many runs there were beside.
    pub beside: usize,
    /// How long it took.
    pub took: Duration,
    /// What is not as it should be.
    pub wrongs: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { breaks, beside, took, wrongs } = self;
        write!(f, "{breaks} runs with a broken call, {beside} beside them, {} s", took.as_secs())?;
        wrongs.iter().try_for_each(|wrong| write!(f, "\n  {wrong}"))
    }
}

/// The engine answers late or wrongly, or hangs up.
pub fn answered(home: impl FnOnce(&str) -> Home) -> Outcome {
    Bed::new(home, &faults::answers(), BOUND).weather(|_| {})
}

/// The engine never answers, and then vanishes in the middle of all these calls, and comes back.
pub fn cut_short(home: impl FnOnce(&str) -> Home) -> Outcome {
    Bed::new(home, &faults::hangs(), BOUND).weather(|bed| bed.stub.vanish_from(&bed.server))
}

/// The engine never answers, and the server gives the calls up by itself: it takes minutes.
pub fn outwaited(home: impl FnOnce(&str) -> Home) -> Outcome {
    Bed::new(home, &faults::hangs(), GIVING_UP).weather(|_| {})
}

/// A server on a stub, and the runs that meet a break.
struct Bed {
    began: Instant,
    stub: StubEngine,
    server: Server,
    _home: Home,
    breaks: Vec<Break>,
    /// The breaks that nothing has met yet, by their names.
    ahead: Arc<Mutex<HashMap<String, Break>>>,
    /// How long all runs together may take.
    patience: Duration,
}

impl Bed {
    fn new(home: impl FnOnce(&str) -> Home, faults: &[Fault], patience: Duration) -> Self {
        let began = Instant::now();
        let program = |lifetime| Program::lasting(lifetime);
        let options = Options::of(program(LIFETIME))
            .image(SLOW, program(SLOW_LIFETIME))
            .image(ENDLESS, program(Duration::MAX));
        let stub = StubEngine::start(options);
        // Calls that hang are as many as the gate is wide.
        let bounds = ["--max-starting", "4", "--pull-timeout", "2m"];
        let home = home(&stub.docker_host()).with_options(bounds);
        let server = home.server();
        server.await_ready();
        let breaks = Break::all(faults);
        let ahead = breaks.iter().map(|it| (it.name(), it.clone())).collect();
        let ahead = Arc::new(Mutex::new(ahead));
        Self { began, stub, server, _home: home, breaks, ahead, patience }
    }

    /// Lets all runs meet their breaks, then does something about it, and sees all to their ends.
    fn weather(&self, and_then: impl FnOnce(&Self)) -> Outcome {
        let bystander = Bystander::push(&self.server);
        let mut wrongs = thread::scope(|scope| {
            self.begin();
            let attend = |it| scope.spawn(move || self.attend(it));
            let attendants: Vec<_> = self.breaks.iter().map(attend).collect();
            let mut wrongs = self.all_met();
            wrongs.extend(bystander.goes_on(&self.server));
            and_then(self);
            let deadline = Instant::now() + self.patience;
            let ends = self.breaks.iter().filter_map(|it| self.wrong_end(it, deadline));
            wrongs.extend(ends);
            wrongs.extend(attendants.into_iter().filter_map(|it| it.join().unwrap()));
            wrongs
        });
        wrongs.extend(bystander.goes_on(&self.server));
        let (beside, stood_still) = bystander.end(&self.server, &self.stub);
        wrongs.extend(stood_still);
        wrongs.extend(self.left_behind());
        Outcome { breaks: self.breaks.len(), beside, took: self.began.elapsed(), wrongs }
    }

    /// Pushes the allocations, all of them due at one instant.
    fn begin(&self) {
        self.stub.set_faults(met_once(&self.ahead));
        let at = moment::soon();
        let all: Value = self.breaks.iter().map(|it| it.allocation(at)).collect();
        let pushed = self.server.send(&Request::post(all));
        assert_eq!(pushed.status, 200, "{}", pushed.text());
    }

    /// Does by hand what makes the run's call come about; what is wrong with what came of it.
    fn attend(&self, it: &Break) -> Option<String> {
        let name = it.name();
        match it.step {
            Step::Kill => {
                self.server.running_container(&name);
                let run = self.server.runs(&name).remove(0);
                let path = format!("/{name}/runs/{}/cancel", run["Run"].as_str().unwrap());
                let reply = self.server.send(&Request::post_to(&path, r#"{"Kill":true}"#));
                (reply.status != 202).then(|| format!("{name}: {}", reply.text()))
            }
            Step::Follow => {
                self.server.running_container(&name);
                let follow = ["logs", &name, "--follow", "--host", self.server.url()];
                let ran = run(bounded().args(follow));
                (ran.code != 0 || ran.out != "done\n").then(|| format!("{name}: {ran:?}"))
            }
            _ => None,
        }
    }

    /// Waits until every break was met.
    fn all_met(&self) -> Vec<String> {
        let all_met = || self.ahead.lock().unwrap().is_empty().then_some(());
        let _ = seen_within(BOUND, all_met);
        self.ahead.lock().unwrap().keys().map(|name| format!("{name} met no break")).collect()
    }

    /// What is wrong with the end of a run, or that it has not come in time.
    fn wrong_end(&self, it: &Break, deadline: Instant) -> Option<String> {
        let name = it.name();
        let all_ended = |runs: &Vec<Value>| runs.iter().all(|run| run["Ended"].is_string());
        let ended = || Some(self.server.runs(&name)).filter(all_ended);
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(runs) = seen_within(left, ended) else {
            return Some(format!("{name} does not end: {:?}", self.server.runs(&name)));
        };
        let [run] = runs.as_slice() else { return Some(format!("{name} has {runs:?}")) };
        let ledger = self.stub.ledger();
        let lines = ledger.iter().filter(|line| line.allocation() == Some(&name));
        let starts = lines.map(|line| line.starts).sum::<usize>();
        let (state, expected_starts) = it.end();
        let output: &[u8] = if expected_starts == 0 { b"" } else { b"done\n" };
        let is_right = run["State"] == state
            && starts == expected_starts
            && self.server.output(&name, run) == output;
        (!is_right).then(|| format!("{name} started {starts} times: {run}"))
    }

    /// The containers that are never removed.
    fn left_behind(&self) -> Vec<String> {
        let none_left = || (self.stub.containers() == 0).then_some(());
        let _ = seen_within(self.patience, none_left);
        let left = self.stub.ledger().into_iter().filter(|line| line.is_there);
        left.map(|line| format!("left behind: {line}")).collect()
    }
}

/// Faults that each meet the first call that is theirs, and nothing after it.
fn met_once(ahead: &Arc<Mutex<HashMap<String, Break>>>) -> Faults {
    let ahead = Arc::clone(ahead);
    Faults::none().by(move |call, subject| {
        let mut ahead = ahead.lock().unwrap();
        // A container's name is made of namespace, allocation and instant, an image's of name and tag.
        let mut parts = subject.split(['.', ':']);
        let name = parts.find(|part| ahead.get(*part).is_some_and(|it| it.is_of(call)))?;
        ahead.remove(name).map(|it| it.fault)
    })
}
