//! The scheduler and the runner on a paused clock: days pass in no time, and nothing sleeps.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use docket_model::{
    FieldPath, Origin, Run, Specification, container::UnknownOptions, run::RunState,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Scheduler, Ticks};
use crate::{
    clock::{Clock, TestClock},
    engine::scripted::{ScriptedEngine, Seen},
    runner::{EngineHealth, Runner, Surroundings},
    store::{AllocationStore, MemoryStore, Push, RunFilter, RunStore, Store},
};

const START: &str = "2026-11-21T09:00:00.250Z";

/// A server without its API.
struct House {
    clock: Arc<TestClock>,
    engine: Arc<ScriptedEngine>,
    store: Arc<MemoryStore>,
    ticks: Arc<Ticks>,
    runner: Arc<Runner>,
    stop: CancellationToken,
}

impl House {
    fn open() -> Self {
        let clock = Arc::new(TestClock::at(START));
        let engine = Arc::new(ScriptedEngine::new(clock.clone()));
        let store = Arc::new(MemoryStore::new(usize::MAX));
        let health = Arc::new(EngineHealth::new());
        let ticks = Arc::new(Ticks::default());
        let runner = Arc::new(Runner::new(Surroundings {
            store: store.clone(),
            engine: engine.clone(),
            clock: clock.clone(),
            health: health.clone(),
            zone: Tz::UTC,
            namespace: "docket".parse().unwrap(),
            env_dir: None,
            max_starting: None,
            max_running: 1000,
            queue: 1000,
        }));
        let scheduler = Scheduler::new(
            runner.clone(),
            store.changes(),
            &health,
            clock.clone(),
            Tz::UTC,
            ticks.clone(),
        );
        let stop = CancellationToken::new();
        tokio::spawn(scheduler.run(stop.clone()));
        let watched = (engine.clone(), clock.clone(), stop.clone());
        tokio::spawn(async move { health.watch_over(&*watched.0, &*watched.1, watched.2).await });
        Self { clock, engine, store, ticks, runner, stop }
    }

    async fn push(&self, name: &str, cron: &str, image: &str) {
        let posted = json!({"Name": name, "Cron": cron, "Container": {"Config": {"Image": image}}});
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        let specifications = vec![read.unwrap().specification];
        let at = self.clock.now();
        let push =
            Push { specifications, origin: Origin::Api, complete: false, at, by: "test".into() };
        self.store.push(push).await.unwrap();
    }

    /// Lets so much time pass, and what comes due in it happen.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn seen(&self, name: &str) -> Vec<Seen> {
        let mut seen = self.engine.seen();
        seen.retain(|seen| seen.identity.allocation.as_str() == name);
        seen
    }

    fn instants(&self, name: &str) -> Vec<String> {
        let shown = |seen: &Seen| seen.identity.instant.to_string();
        self.seen(name).iter().map(shown).collect()
    }

    /// All records of an allocation, the oldest first.
    async fn runs(&self, name: &str) -> Vec<Arc<Run>> {
        let filter = RunFilter { limit: usize::MAX, ..RunFilter::default() };
        let mut runs = self.store.runs(name, &filter).await.unwrap();
        runs.reverse();
        runs
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn each_instant_of_a_sub_minute_schedule_starts_once_and_never_early() {
    let house = House::open();
    house.push("often", "*/10 * * * * * *", "busybox").await;

    house.pass(10 * MINUTE).await;

    let seen = house.seen("often");
    let instants: Vec<_> = seen.iter().map(|seen| seen.identity.instant.moment()).collect();
    let expected: Vec<DateTime<Utc>> = (1..=60)
        .map(|n| {
            "2026-11-21T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(10 * n)
        })
        .collect();
    assert_eq!(instants, expected);
    for seen in seen {
        let late = seen.created_at - seen.identity.instant.moment();
        assert!(late >= TimeDelta::zero() && late <= TimeDelta::milliseconds(2), "{late}");
        assert!((seen.starts, seen.removed) == (1, true));
    }
    let runs = house.runs("often").await;
    assert!(runs.iter().all(|run| run.state == RunState::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn working_days_of_a_week_have_five_runs() {
    let house = House::open();
    house.push("report", "0 9 * * 1-5", "busybox").await;

    house.pass(7 * 24 * HOUR).await;

    assert_eq!(house.seen("report").len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_edit_starts_nothing_for_the_past() {
    let house = House::open();
    house.push("edited", "0 10 * * *", "busybox").await;
    house.pass(30 * MINUTE).await;

    house.push("edited", "15 * * * *", "busybox").await;
    house.pass(20 * MINUTE).await;
    let before = house.instants("edited");
    house.pass(HOUR).await;

    assert_eq!(before, Vec::<String>::new());
    assert_eq!(house.instants("edited"), ["20261121T101500Z"]);
    assert_eq!(house.runs("edited").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_keeps_the_schedule_keeps_its_interval_and_loses_no_instant() {
    let house = House::open();
    house.push("steady", "@every 7s", "busybox").await;

    for _ in 0..100 {
        house.pass(Duration::from_millis(700)).await;
        let image = if house.seen("steady").len().is_multiple_of(2) { "busybox" } else { "alpine" };
        house.push("steady", "@every 7s", image).await;
    }

    let instants: Vec<_> =
        house.seen("steady").iter().map(|seen| seen.identity.instant.moment()).collect();
    assert_eq!(instants.len(), 9);
    assert!(instants.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::seconds(7)));
}

#[tokio::test(start_paused = true)]
async fn an_interval_without_a_start_runs_at_once_and_then_at_its_distance() {
    let house = House::open();
    house.push("now", "R3//PT10M", "busybox").await;

    house.pass(2 * HOUR).await;

    assert_eq!(house.instants("now"), ["20261121T090001Z", "20261121T091001Z", "20261121T092001Z"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_does_not_start() {
    let house = House::open();
    house.push("gone", "* * * * *", "busybox").await;
    house.pass(90 * Duration::from_secs(1)).await;

    house.store.delete("gone", &Origin::Api, house.clock.now(), "test").await.unwrap();
    house.pass(HOUR).await;

    assert_eq!(house.instants("gone"), ["20261121T090100Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_starts_nothing_twice_and_health_says_so() {
    let house = House::open();
    house.push("hourly", "0 * * * *", "busybox").await;
    house.pass(2 * HOUR).await;

    house.clock.set_by(TimeDelta::hours(-3));
    house.pass(HOUR).await;
    let notice = house.ticks.clock_set_back(house.clock.now());
    let meanwhile = house.instants("hourly");
    house.pass(3 * HOUR).await;

    assert_eq!(meanwhile, ["20261121T100000Z", "20261121T110000Z"]);
    assert!(notice.unwrap().starts_with("set back by 7"));
    assert_eq!(
        house.instants("hourly"),
        ["20261121T100000Z", "20261121T110000Z", "20261121T120000Z"]
    );
    assert_eq!(house.ticks.clock_set_back(house.clock.now()), None);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_forward_is_noticed_within_a_minute_and_told() {
    let house = House::open();
    house.push("hourly", "0 * * * *", "busybox").await;
    house.pass(MINUTE).await;

    house.clock.set_by(TimeDelta::hours(5));
    house.pass(MINUTE).await;

    let runs = house.runs("hourly").await;
    let states: Vec<_> = runs.iter().map(|run| run.state.word()).collect();
    assert_eq!(states, ["missed", "succeeded"]);
    assert!(runs[0].state.reason().unwrap().starts_with("the clock was set forward from"));
    assert_eq!(house.instants("hourly"), ["20261121T140000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_slept_for_eight_hours_makes_up_the_latest_and_tells_the_rest() {
    let house = House::open();
    house.push("hourly", "30 * * * *", "busybox").await;
    house.push("daily", "0 12 * * *", "busybox").await;
    house.pass(MINUTE).await;

    house.clock.suspend_for(8 * HOUR);
    house.pass(MINUTE).await;

    let hourly = house.runs("hourly").await;
    let RunState::Missed { reason, last, count } = &hourly[0].state else { panic!("{hourly:?}") };
    assert!(reason.starts_with("the host was suspended from 2026-11-21T09:0"), "{reason}");
    assert_eq!((last.to_string().as_str(), *count), ("20261121T153000Z", 7));
    assert_eq!(house.instants("hourly"), ["20261121T163000Z"]);
    assert_eq!(house.instants("daily"), Vec::<String>::new());
    assert_eq!(house.runs("daily").await[0].state.word(), "missed");
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_while_the_engine_is_away_and_the_latest_when_it_is_back() {
    let house = House::open();
    house.push("often", "*/5 * * * *", "busybox").await;
    house.pass(6 * MINUTE).await;

    house.engine.set_away(true);
    house.pass(22 * MINUTE).await;
    let meanwhile = house.instants("often");
    house.engine.set_away(false);
    house.pass(MINUTE).await;

    assert_eq!(meanwhile, ["20261121T090500Z"]);
    assert_eq!(house.instants("often"), ["20261121T090500Z", "20261121T092500Z"]);
    let runs = house.runs("often").await;
    let RunState::Missed { reason, count, .. } = &runs[1].state else { panic!("{runs:?}") };
    assert!(reason.starts_with("the engine was away from 2026-11-21T09:06:"), "{reason}");
    assert_eq!(*count, 3);
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_never_ends_delays_no_other_run() {
    let house = House::open();
    house.push("stuck", "* * * * *", "slow").await;
    house.push("free", "* * * * *", "busybox").await;

    house.pass(10 * MINUTE).await;

    assert_eq!(house.seen("free").len(), 10);
    assert_eq!(house.seen("stuck").len(), 0);
    assert_eq!(house.runs("stuck").await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_and_only_its_newest_container_stays() {
    let house = House::open();
    house.push("wrong", "* * * * *", "exit-3").await;
    house.push("missing", "* * * * *", "nothing").await;

    house.pass(3 * MINUTE).await;

    let runs = house.runs("wrong").await;
    assert!(runs.iter().all(|run| run.state == RunState::Failed("exit code 3".to_owned())));
    let removed: Vec<_> = house.seen("wrong").iter().map(|seen| seen.removed).collect();
    assert_eq!(removed, [true, true, false]);
    let missing = house.runs("missing").await;
    assert_eq!(missing[0].state, RunState::Failed("image nothing not found".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn stopping_lets_running_containers_go() {
    let house = House::open();
    house.push("long", "* * * * *", "long").await;
    house.pass(90 * Duration::from_secs(1)).await;

    house.stop.cancel();
    house.runner.stop().await;

    let seen = house.seen("long");
    assert_eq!((seen.len(), seen[0].starts, seen[0].removed), (1, 1, false));
    assert_eq!(house.runs("long").await[0].state, RunState::Running);
}
