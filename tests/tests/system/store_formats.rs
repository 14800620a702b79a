//! Store files of earlier formats, opened with the built program: all that they showed is still shown.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use docket_tests::{
    Server, api_dump, eventually,
    old_store_files::{OpenedFixture, StoreFixture},
    small_disk::SmallDisk,
    wall_clock,
};
use serde_json::Value;

/// What may differ in the record of an allocation: the clock went on, and runs under way ended.
const ALLOCATION_KEYS: [&str; 2] = ["Logs", "Status"];

/// What may differ in a finished run. Instants of a suspension in force are added to the last record
/// of its missed instants.
const GROWING: (&str, &str) = ("tick", "suspended by ann: too loud");
const GROWING_KEYS: [&str; 4] = ["Count", "Last", "Decided", "Ended"];

/// Words that later versions show in place of others.
const RENAMED: [(&str, &str); 6] = [
    ("Schedule", "schedule"),
    ("CatchUp", "catch-up"),
    ("ByHand", "manual"),
    ("ByHand", "backfill"),
    ("AfterParent", "dependency"),
    (
        "its container is gone, removed from outside: whether and how it ran is not known",
        "its container was removed by someone else, and whether it ran is not known",
    ),
];

fn is_renamed(before: &Value, now: &Value) -> bool {
    RENAMED.iter().any(|(old, new)| before == old && now == new)
}

/// Where a value does not show what it showed before. Keys may be added.
fn lost(before: &Value, now: &Value, path: &str, but: &[&str]) -> Vec<String> {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            let kept = before.iter().filter(|(key, _)| !but.contains(&key.as_str()));
            let each = kept.flat_map(|(key, value)| {
                let path = format!("{path}.{key}");
                lost(value, now.get(key).unwrap_or(&Value::Null), &path, &[])
            });
            each.collect()
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            let pairs = before.iter().zip(now).enumerate();
            pairs
                .flat_map(|(at, (old, new))| lost(old, new, &format!("{path}[{at}]"), &[]))
                .collect()
        }
        (before, now) if before == now || is_renamed(before, now) => Vec::new(),
        (before, now) => vec![format!("{path}: {before} became {now}")],
    }
}

fn is_over(run: &Value) -> bool {
    run["Ended"].is_string()
}

/// The record of the same run.
fn same<'a>(runs: &'a Value, name: &str, run: &Value) -> &'a Value {
    let runs = runs[name].as_array().unwrap();
    runs.iter().find(|other| other["Run"] == run["Run"]).unwrap_or(&Value::Null)
}

/// Compares what a server answers with what the fixture's own program answered.
fn compare(fixture: &StoreFixture, now: &Value) -> Vec<String> {
    let before = &fixture.answers;
    let mut all = Vec::new();
    let pairs = before["Allocations"].as_array().unwrap().iter().zip(list(now, "Allocations"));
    for (old, new) in pairs {
        let path = format!("allocation {}", old["Name"]);
        all.extend(lost(old, new, &path, &ALLOCATION_KEYS));
        let status = ["Created", "Origin", "Revision", "Schedule", "Suspension", "TimeZone"];
        for key in status {
            all.extend(lost(
                &old["Status"][key],
                &new["Status"][key],
                &format!("{path} {key}"),
                &[],
            ));
        }
    }
    for (name, runs) in fixture.runs() {
        for run in runs.iter().filter(|run| is_over(run)) {
            let grows = (name, run["Reason"].as_str().unwrap_or_default()) == GROWING;
            // Earlier releases counted the lateness of a run after others from its instant, in
            // which the time of its parents was included.
            let is_dependency = run["Trigger"] == "AfterParent";
            let but: &[&str] = match (grows, is_dependency) {
                (true, _) => &GROWING_KEYS,
                (false, true) => &["LatenessMilliseconds"],
                (false, false) => &[],
            };
            let path = format!("run {name}/{}", run["Run"]);
            all.extend(lost(run, same(&now["Runs"], name, run), &path, but));
        }
    }
    all.extend(lost(&before["Outputs"], &now["Outputs"], "outputs", &[]));
    // Entries are only added, the newest first. The first release listed them as they were written.
    let (entries, mut old) = (list(now, "Journal"), list(before, "Journal").clone());
    old.sort_by_key(|entry| Reverse(wall_clock::parse(entry["At"].as_str().unwrap())));
    let kept = &entries[entries.len().saturating_sub(old.len())..];
    all.extend(lost(&Value::from(old), &Value::from(kept), "journal", &[]));
    all
}

fn list<'a>(answers: &'a Value, key: &str) -> &'a Vec<Value> {
    answers[key].as_array().unwrap()
}

/// The runs that were under way, by allocation and run.
fn under_way(fixture: &StoreFixture) -> Vec<(String, String)> {
    let all = fixture.runs().into_iter().flat_map(|(name, runs)| {
        let open = runs.iter().filter(|run| !is_over(run));
        open.map(move |run| (name.to_owned(), run["Run"].as_str().unwrap().to_owned()))
    });
    all.collect()
}

/// Waits until all of them are over; returns the state in which each ended.
fn ended(server: &Server, runs: &[(String, String)]) -> Vec<String> {
    let states = runs.iter().map(|(name, run)| {
        let path = format!("/{name}/runs/{run}");
        let over = eventually(&format!("the end of {path}"), || {
            Some(server.get(&path).json()).filter(is_over)
        });
        assert!(over["State"] == "succeeded" || over["Reason"].is_string(), "{over}");
        format!("{name} {}", over["State"].as_str().unwrap())
    });
    states.collect()
}

/// What stands at offset 60 of the file, before any write is moved from its log.
fn format_of(file: &Path) -> u32 {
    let bytes: [u8; 4] = fs::read(file).unwrap()[60..64].try_into().unwrap();
    u32::from_be_bytes(bytes)
}

/// The format of the program under test.
fn newest_format() -> u32 {
    let opened = OpenedFixture::alone(&StoreFixture::all()[0]);
    opened.server().stop();
    format_of(&opened.path("docket.db"))
}

/// The fixtures that the program under test upgrades.
fn older() -> Vec<StoreFixture> {
    let newest = newest_format();
    let mut all = StoreFixture::all();
    all.retain(|fixture| format_of(&fixture.file) < newest);
    all
}

fn copies(opened: &OpenedFixture) -> usize {
    let files = fs::read_dir(opened.path("")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let is_copy = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ending == "backup" || ending == "part")
    };
    paths.filter(is_copy).count()
}

/// Instants of an allocation that were recorded, or decided, before the fixture was made.
fn started_again(fixture: &StoreFixture, opened: &OpenedFixture) -> Vec<String> {
    let open: BTreeSet<_> = under_way(fixture).into_iter().collect();
    let made = list(&fixture.answers, "Containers");
    let lines = opened.stub.ledger().into_iter().filter(|line| line.allocation().is_some());
    let again = lines.filter(|line| {
        let (name, run) = (line.allocation().unwrap(), &line.labels["io.docket.instant"]);
        let is_recorded = fixture.runs()[name].iter().any(|record| record["Run"] == **run);
        let before = made.iter().find(|container| container["Name"] == *line.name);
        let starts = line.starts - usize::from(before.is_some_and(|it| it["Started"] == true));
        is_recorded && starts > 0 && !open.contains(&(name.to_owned(), run.clone()))
    });
    again.map(|line| line.name.to_string()).collect()
}

#[test]
fn all_that_a_store_of_an_earlier_format_showed_is_shown_and_what_was_under_way_ends() {
    for fixture in StoreFixture::all() {
        let opened = OpenedFixture::with_containers(&fixture);
        let server = opened.server();

        let ends = ended(&server, &under_way(&fixture));

        let expected = [
            "claimed succeeded",
            "created succeeded",
            "queued succeeded",
            "queued succeeded",
            "refused succeeded",
            "retried failed",
            "stopping cancelled",
            "stuck cancelled",
        ];
        assert_eq!(ends, expected, "{}", fixture.name);
        assert_eq!(compare(&fixture, &api_dump::of(&server)), [""; 0], "{}", fixture.name);
        assert_eq!(started_again(&fixture, &opened), [""; 0], "{}", fixture.name);
    }
}

#[test]
fn what_was_under_way_also_ends_where_its_containers_are_gone() {
    for fixture in StoreFixture::all() {
        let opened = OpenedFixture::alone(&fixture);
        let server = opened.server();

        let ends = ended(&server, &under_way(&fixture));

        let expected = [
            "claimed succeeded",
            "created lost",
            "queued succeeded",
            "queued lost",
            "refused lost",
            "retried failed",
            "stopping lost",
            "stuck lost",
        ];
        assert_eq!(ends, expected, "{}", fixture.name);
        assert_eq!(compare(&fixture, &api_dump::of(&server)), [""; 0], "{}", fixture.name);
        assert_eq!(started_again(&fixture, &opened), [""; 0], "{}", fixture.name);
    }
}

#[test]
fn a_name_that_was_deleted_before_the_upgrade_repeats_nothing() {
    for fixture in StoreFixture::all() {
        let opened = OpenedFixture::alone(&fixture);
        let server = opened.server();
        let again = docket_tests::allocation::allocation("temporary", "0 3 2 11 *", &["true"]);

        server.push(&again);
        let past = serde_json::json!({ "At": "2026-11-02T03:00:00Z" });
        let path = "/temporary/runs";
        let refused = server.send(&docket_tests::raw_http_client::Request::post_to(path, past));

        assert_eq!(refused.status, 409, "{}: {}", fixture.name, refused.text());
    }
}

#[test]
fn opening_an_upgraded_store_again_changes_nothing_that_is_shown() {
    for fixture in StoreFixture::all() {
        let opened = OpenedFixture::with_containers(&fixture);
        let server = opened.server();
        ended(&server, &under_way(&fixture));
        let first = api_dump::of(&server);
        let copies_of_first = copies(&opened);
        server.crash();

        let second = api_dump::of(&opened.server());

        assert_eq!(compare(&fixture, &second), [""; 0], "{}", fixture.name);
        for (name, runs) in first["Runs"].as_object().unwrap() {
            for run in runs.as_array().unwrap() {
                let now = same(&second["Runs"], name, run);
                let grows = (name.as_str(), run["Reason"].as_str().unwrap_or_default()) == GROWING;
                let but: &[&str] = if grows { &GROWING_KEYS } else { &[] };
                assert_eq!(lost(run, now, name, but), [""; 0], "{}", fixture.name);
            }
        }
        assert_eq!(copies(&opened), copies_of_first, "{}", fixture.name);
        assert_eq!(started_again(&fixture, &opened), [""; 0], "{}", fixture.name);
    }
}

#[test]
fn an_upgrade_that_is_killed_at_any_step_is_done_by_the_next_server() {
    let newest = newest_format();
    let points = ["StoreCopyWritten", "StoreCopied", "StoreUpgrading", "StoreUpgraded"];
    for fixture in older() {
        for point in points {
            let opened = OpenedFixture::with_containers(&fixture);

            assert!(opened.dies_at(point), "{} {point}", fixture.name);
            let server = opened.server();

            let case = format!("{} killed at {point}", fixture.name);
            ended(&server, &under_way(&fixture));
            assert_eq!(compare(&fixture, &api_dump::of(&server)), [""; 0], "{case}");
            server.stop();
            assert_eq!(format_of(&opened.path("docket.db")), newest, "{case}");
            // A copy that was cut off is removed; one that was whole stays, and another is made.
            let whole = if point == "StoreCopied" || point == "StoreUpgrading" { 2 } else { 1 };
            assert_eq!(copies(&opened), whole, "{case}");
        }
    }
}

#[test]
fn an_upgrade_without_room_for_its_copy_is_refused_and_changes_nothing() {
    for fixture in older() {
        let opened = OpenedFixture::alone(&fixture);
        let content = fs::read(&fixture.file).unwrap();
        // For the file, its lock, the index of its log and the file of allocations; not for a copy.
        let room = content.len() as u64 + (60 << 10);
        let disk = SmallDisk::new(room);
        for file in ["docket.db", "docket.yml"] {
            fs::copy(opened.path(file), disk.file(file)).unwrap();
        }

        let refused = opened.refused_on(&disk);
        let untouched = fs::read(disk.file("docket.db")).unwrap();
        let names = fs::read_dir(disk.file("")).unwrap();
        let names: BTreeSet<_> = names.map(|it| it.unwrap().file_name()).collect();
        disk.resize(4 << 20);
        let server = opened.server_on(&disk);

        assert_ne!(refused.code, 0, "{}: {refused:?}", fixture.name);
        let words = "is not upgraded, because no copy was made at";
        assert!(refused.err.contains(words), "{}: {}", fixture.name, refused.err);
        assert!(refused.err.contains("make room on its disk"), "{}: {}", fixture.name, refused.err);
        assert!(untouched == content, "{}", fixture.name);
        let expected = ["docket.db", "docket.db.lock", "docket.yml"].map(Into::into);
        assert_eq!(names, BTreeSet::from(expected), "{}", fixture.name);
        ended(&server, &under_way(&fixture));
        assert_eq!(compare(&fixture, &api_dump::of(&server)), [""; 0], "{}", fixture.name);
    }
}
