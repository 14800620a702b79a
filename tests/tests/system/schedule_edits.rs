//! Edits of schedules: each instant of each schedule in force has a record, even during outages.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Meanwhile, Options};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{allocation, idle},
    eventually,
    raw_http_client::Request,
    wait::BOUND,
    wall_clock,
};
use serde_json::{Value, json};

/// True where an edit of this kind and an outage for this cause are the reason of a run.
fn is_edited(run: &Value, what: &str, cause: &str) -> bool {
    let values = &run["ReasonValues"];
    run["ReasonCode"] == "edited" && values["What"] == what && values["Outage"]["Cause"] == cause
}

/// `foo`, due at this interval in seconds, with more keys.
fn each(seconds: u32, keys: &Value) -> Value {
    let mut each = allocation("foo", &format!("*/{seconds} * * * * * *"), &["true"]);
    each["Keep"] = json!({ "Runs": 1000 });
    each.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    each
}

/// Specifications of `foo` that differ in what is due, with the seconds between their instants.
fn schedules() -> Vec<(i64, Value)> {
    vec![
        (1, each(1, &json!({}))),
        (1, each(1, &json!({ "TimeZone": "Europe/Berlin" }))),
        (1, each(1, &json!({ "TimeZone": "Europe/Berlin", "Suspended": true }))),
        (2, each(2, &json!({}))),
        (3, each(3, &json!({ "NotAfter": "2100-01-01T00:00:00Z" }))),
        (1, each(1, &json!({ "NotBefore": "2020-01-01T00:00:00Z" }))),
    ]
}

fn await_past(moment: DateTime<Utc>) {
    eventually("a moment that is past", || (wall_clock::now() > moment).then_some(()));
}

/// When `foo` was pushed, by the journal, the first push first.
fn pushed_at(server: &Server) -> Vec<DateTime<Utc>> {
    let page = server.get("/-/journal?allocation=foo&limit=1000").json();
    let entries = page.as_array().unwrap_or_else(|| panic!("{page}")).iter().rev();
    let pushes = entries
        .filter(|entry| entry["Event"] == "Created" || entry["Event"]["Updated"].is_object());
    pushes.map(|entry| wall_clock::parse(entry["At"].as_str().unwrap())).collect()
}

/// The first and the last instant of a record, in seconds, and how many it is about.
fn span(run: &Value) -> (i64, i64, u64) {
    let first = wall_clock::of_run(run["Run"].as_str().unwrap()).timestamp();
    let last = run["Last"].as_str().map_or(first, |last| wall_clock::of_run(last).timestamp());
    (first, last, run["Count"].as_u64().unwrap_or(1))
}

/// The instants of `foo` from its first push to its last, each specification with its step.
fn instants(pushed: &[DateTime<Utc>], steps: &[i64]) -> Vec<i64> {
    assert_eq!(pushed.len(), steps.len() + 1);
    let in_force = pushed.windows(2).zip(steps);
    let due = in_force.flat_map(|(window, step)| {
        let seconds = window[0].timestamp() + 1..=window[1].timestamp();
        seconds.filter(move |second| second % step == 0)
    });
    due.collect()
}

/// Asserts that each instant has one record, and no record is about more than these.
fn accounted_for(server: &Server, steps: &[i64]) -> Vec<Value> {
    let due = instants(&pushed_at(server), steps);
    let runs = server.runs("foo");
    let lost: Vec<_> = due
        .iter()
        .filter(|instant| {
            !runs.iter().map(span).any(|(first, last, _)| (first..=last).contains(*instant))
        })
        .collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), due.len());
    let recorded: u64 = runs.iter().map(|run| span(run).2).sum();
    assert_eq!(usize::try_from(recorded), Ok(due.len()), "{runs:?}");
    runs
}

/// Edits an allocation again and again, and holds that nothing of it is lost.
fn edit_while_the_engine_is_away(home: impl FnOnce(&str) -> Home) {
    let stub = StubEngine::start(Options::default());
    let home = home(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let mut steps = vec![1];
    server.push(&each(1, &json!({})));
    server.ended_run("foo");
    stub.vanish(Meanwhile::ContainersLive);
    eventually("a server that knows", || (server.get("/-/ready").status == 503).then_some(()));
    let schedules = schedules();
    // In the first round each schedule is in force for long enough to be due.
    let pauses = std::iter::repeat_n(2100, schedules.len()).chain(std::iter::repeat(200));
    for ((step, wanted), pause) in schedules.iter().cycle().skip(1).zip(pauses).take(40) {
        await_past(wall_clock::now() + TimeDelta::milliseconds(pause));
        server.push(wanted);
        steps.push(*step);
    }
    server.push(&idle("foo"));

    let while_away = accounted_for(&server, &steps);
    stub.come_back().unwrap();
    server.await_ready();
    let after = accounted_for(&server, &steps);

    // A run that was claimed as the engine went away goes on; all other records stay.
    let is_over = |run: &&Value| run["Ended"].is_string();
    let is_decided =
        |run: &&Value| while_away.iter().filter(is_over).any(|old| old["Run"] == run["Run"]);
    let (before, same): (Vec<_>, Vec<_>) =
        (while_away.iter().filter(is_over).collect(), after.iter().filter(is_decided).collect());
    assert_eq!(same, before);
    assert_eq!(after.len(), while_away.len());
    for what in ["Schedule", "TimeZone", "Suspended"] {
        assert!(after.iter().any(|run| is_edited(run, what, "EngineAway")), "{what}: {after:?}");
    }
    let is_suspended = |run: &Value| run["ReasonCode"] == "suspended-by-specification";
    assert!(after.iter().any(is_suspended), "{after:?}");
}

#[test]
fn no_instant_is_lost_by_edits_while_the_engine_is_away() {
    std::thread::scope(|scope| {
        scope.spawn(|| edit_while_the_engine_is_away(Home::durable));
        scope.spawn(|| edit_while_the_engine_is_away(Home::in_memory));
    });
}

#[test]
fn what_is_due_when_it_is_edited_starts_where_the_engine_answers() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let mut steps = Vec::new();
    for (step, wanted) in schedules().iter().cycle().take(100) {
        server.push(wanted);
        steps.push(*step);
        await_past(wall_clock::now() + TimeDelta::milliseconds(60));
    }
    server.push(&idle("foo"));
    server.all_ended_within(BOUND, "foo");

    let runs = accounted_for(&server, &steps);

    assert!(runs.iter().any(|run| run["State"] == "succeeded"), "{runs:?}");
}

#[test]
fn an_instant_that_waits_out_its_jitter_is_missed_when_it_is_edited() {
    let edits = [
        (each(1, &json!({ "TimeZone": "Europe/Berlin" })), "TimeZone"),
        (json!({ "Suspended": true }), "Suspended"),
    ];
    for (edit, what) in edits {
        let stub = StubEngine::start(Options::default());
        let home = Home::durable(&stub.docker_host());
        let server = home.server();
        server.await_ready();
        let at = wall_clock::soon();
        // The offset of this name is far from nothing at every instant but one in hundreds.
        let mut late = allocation("foo", &wall_clock::only_at(at), &["true"]);
        late["Jitter"] = json!("6h");
        server.push(&late);
        await_past(at);

        late.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        late["Cron"] = json!(wall_clock::only_at(at));
        server.push(&late);

        let runs = server.runs("foo");
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(span(&runs[0]).0, at.timestamp());
        assert_eq!(runs[0]["State"], "missed");
        assert_eq!(runs[0]["ReasonCode"], "edited");
        assert_eq!(runs[0]["ReasonValues"], json!({ "What": what }));
    }
}

#[test]
fn an_edit_of_anything_else_starts_what_is_due_once_the_engine_is_back() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    stub.vanish(Meanwhile::ContainersLive);
    eventually("a server that knows", || (server.get("/-/ready").status == 503).then_some(()));
    let at = wall_clock::soon();
    let due = allocation("foo", &wall_clock::only_at(at), &["true"]);
    server.push(&due);
    await_past(at);

    let edits = [
        json!({ "StartingDeadline": "1h" }),
        json!({ "CatchUp": "All" }),
        json!({ "Description": "another" }),
        json!({ "Jitter": "1s" }),
    ];
    let mut edited = due;
    for edit in edits {
        edited.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        server.push(&edited);
    }
    edited["Container"]["Config"]["Image"] = json!("alpine");
    server.push(&edited);
    let before = server.runs("foo").len();
    stub.come_back().unwrap();

    assert_eq!(before, 0);
    assert_eq!(server.ended_run_at("foo", at)["State"], "succeeded");
}

/// JSON is YAML too.
fn write(path: &Path, allocation: &Value) {
    fs::write(path, json!([allocation]).to_string()).unwrap();
}

#[test]
fn no_instant_is_lost_by_an_edit_of_the_file_while_the_server_is_down() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let file = home.path("docket.yml");
    let serving = || {
        home.server_with(|command| {
            command.arg("--file").arg(&file);
        })
    };
    write(&file, &each(1, &json!({})));
    let server = serving();
    server.ended_run("foo");
    server.stop();
    await_past(wall_clock::now() + TimeDelta::seconds(3));
    write(&file, &each(2, &json!({ "CatchUp": "None" })));

    let server = serving();
    write(&file, &idle("foo"));
    server.await_ready();
    server.signal("HUP");
    eventually("the last schedule", || {
        (server.allocation("foo")["Cron"] == idle("foo")["Cron"]).then_some(())
    });
    server.all_ended_within(BOUND, "foo");

    let runs = accounted_for(&server, &[1, 2]);
    let of_absence = |run: &&Value| is_edited(run, "Schedule", "NotRunning");
    let missed = runs.iter().find(of_absence).unwrap_or_else(|| panic!("{runs:?}"));
    assert!(span(missed).2 >= 3, "{missed}");
}

#[test]
fn why_tells_what_an_edit_kept_from_starting() {
    let stub = StubEngine::start(Options::default());
    let home = Home::in_memory(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    stub.vanish(Meanwhile::ContainersLive);
    eventually("a server that knows", || (server.get("/-/ready").status == 503).then_some(()));
    let at = wall_clock::soon();
    server.push(&allocation("foo", &wall_clock::only_at(at), &["true"]));
    await_past(at);
    server.push(&idle("foo"));

    let path = format!("/foo/why?at={}", at.format("%Y-%m-%dT%H:%M:%SZ"));
    let why = server.send(&Request::get(&path)).text();

    assert!(why.contains("the engine has not answered since"), "{why}");
    assert!(why.contains("and its schedule was changed before it could start"), "{why}");
}
