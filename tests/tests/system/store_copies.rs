//! Copies of a store: restored in its place, opened beside it, or used by a second server.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use docket_tests::{
    Engine, Home, Server,
    allocation::{allocation, idle, with_host_option, with_option},
    docket_cli::{bounded, run},
    eventually,
    raw_http_client::Request,
    wall_clock,
};
use serde_json::{Value, json};

/// The reason for instants of which a restored copy knows nothing.
const UNKNOWN: &str = "store-restored";

/// A program that is due each second, and that writes the name of its run into a folder of the home.
fn counted(home: &Home, script: &str) -> Value {
    let counting = format!("echo $DOCKET_RUN >> /starts/all; {script}");
    let due = allocation("each", "* * * * * * *", &["sh", "-c", &counting]);
    with_host_option(due, "Binds", json!([format!("{}:/starts", starts(home).display())]))
}

/// The folder into which the programs of a home write.
fn starts(home: &Home) -> PathBuf {
    let folder = home.path("starts");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// How often each run was started, by what its program wrote.
fn counts(folder: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(folder.join("all")).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for run in text.lines() {
        *counts.entry(run.to_owned()).or_default() += 1;
    }
    counts
}

fn await_starts(folder: &Path, count: usize) {
    eventually(&format!("{count} runs that began"), || {
        (counts(folder).len() >= count).then_some(())
    });
}

fn none_twice(folder: &Path) {
    let twice: Vec<_> = counts(folder).into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Replaces a home's store, and the files of SQLite beside it, with a copy.
fn restore(home: &Home, copy: &Path) {
    for name in ["docket.db", "docket.db-wal", "docket.db-shm"] {
        let _ = fs::remove_file(home.path(name));
    }
    fs::copy(copy, home.path("docket.db")).unwrap();
}

/// Pushes an allocation whose manual runs last long.
fn push_long(server: &Server) {
    server.push(&with_option(idle("long"), "Cmd", json!(["sh", "-c", "sleep 600"])));
}

/// The record of the run of `long` that a server took over.
fn taken_over(server: &Server) -> Value {
    eventually("a run that was taken over", || {
        server.runs("long").into_iter().find(|run| run["State"] == "running")
    })
}

/// The records of an allocation that is due each second account for each second once.
fn all_accounted(server: &Server, name: &str) {
    let runs = server.runs(name);
    let first = |run: &Value| wall_clock::parse(run["Instant"].as_str().unwrap());
    let last = |run: &Value| run["Last"].as_str().map_or_else(|| first(run), wall_clock::of_run);
    let count = |run: &Value| run["Count"].as_i64().unwrap_or(1);
    let (from, to) = (runs.iter().map(first).min(), runs.iter().map(last).max());
    let seconds = (to.unwrap() - from.unwrap()).num_seconds() + 1;
    assert_eq!(runs.iter().map(count).sum::<i64>(), seconds, "{runs:?}");
}

/// The codes of the reasons of the missed records of an allocation.
fn missed(server: &Server, name: &str) -> Vec<String> {
    let missed = server.runs(name).into_iter().filter(|run| run["State"] == "missed");
    missed.map(|run| run["ReasonCode"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_restored_backup_starts_nothing_again_and_says_what_it_does_not_know() {
    let home = Home::durable(Engine::shared().address());
    let server = home.server();
    server.await_ready();
    server.push(&counted(&home, "true"));
    await_starts(&starts(&home), 2);
    let backup = home.path("backup.db");
    server.docket(["backup", backup.to_str().unwrap()]).ok();
    let at_backup = counts(&starts(&home)).len();
    await_starts(&starts(&home), at_backup + 4);
    server.crash();
    restore(&home, &backup);

    let mut server = home.server();
    server.await_log("the store was restored from a copy of");
    let at_restore = counts(&starts(&home)).len();
    await_starts(&starts(&home), at_restore + 2);
    let reasons = missed(&server, "each");
    let journal = server.docket(["journal"]).ok();
    let why = server.docket(["why", "each"]).ok();
    // Once it was taken over, it is an ordinary store again.
    server.stop();
    let server = home.server();
    server.await_ready();

    none_twice(&starts(&home));
    assert!(reasons.iter().any(|code| code == UNKNOWN), "{reasons:?}");
    all_accounted(&server, "each");
    assert!(journal.contains("\"Restored\""), "{journal}");
    // Whether a server ran in that time is not known, so the journal does not say that none did.
    assert!(!journal.contains("NotRunning"), "{journal}");
    assert!(!why.contains("docket was not running"), "{why}");
    let journal = server.docket(["journal"]).ok();
    assert_eq!(journal.matches("\"Restored\"").count(), 1, "{journal}");
    server.docket(["delete", "each"]).ok();
    server.await_no_containers(Engine::shared());
}

#[test]
fn an_older_file_shows_by_the_containers_and_takes_them_over() {
    let engine = Engine::shared();
    let home = Home::durable(engine.address());
    let server = home.server();
    server.await_ready();
    server.push(&counted(&home, "true"));
    push_long(&server);
    await_starts(&starts(&home), 1);
    server.stop();
    let older = home.path("older.db");
    fs::copy(home.path("docket.db"), &older).unwrap();
    let server = home.server();
    server.await_ready();
    let manual = server.run_manually("long");
    let container = server.running_container("long");
    await_starts(&starts(&home), 4);
    server.crash();
    restore(&home, &older);

    let server = home.server();
    server.await_ready();
    let adopted = taken_over(&server);
    engine.docker(["kill", &container]);
    let ended = server.ended_run("long");

    assert_eq!((&adopted["Run"], &ended["Run"]), (&manual["Run"], &manual["Run"]));
    assert_eq!(ended["Attempts"][0]["Container"], container.as_str());
    assert_eq!(ended["Attempts"][0]["ExitCode"], 137);
    let reasons = missed(&server, "each");
    assert!(reasons.iter().any(|code| code == UNKNOWN), "{reasons:?}");
    none_twice(&starts(&home));
    server.docket(["delete", "each"]).ok();
    server.docket(["delete", "long"]).ok();
    server.await_no_containers(engine);
}

#[test]
fn a_copy_that_was_made_beside_a_server_shows_by_later_containers_of_that_server() {
    let engine = Engine::shared();
    let home = Home::durable(engine.address());
    let server = home.server();
    server.await_ready();
    server.push(&counted(&home, "true"));
    push_long(&server);
    await_starts(&starts(&home), 1);
    let copy = home.path("copy.db");
    server.docket(["backup", copy.to_str().unwrap()]).ok();
    let sql = rusqlite::Connection::open(&copy).unwrap();
    // As one that was made by another tool.
    assert_eq!(sql.execute("DELETE FROM items WHERE key = 'copied_at'", []).unwrap(), 1);
    drop(sql);
    // Containers of the seconds after the last sign of life in the copy show nothing.
    await_starts(&starts(&home), counts(&starts(&home)).len() + 17);
    let manual = server.run_manually("long");
    let container = server.running_container("long");
    server.crash();
    restore(&home, &copy);

    let server = home.server();
    server.await_ready();
    let adopted = taken_over(&server);
    engine.docker(["kill", &container]);
    server.ended_run("long");

    assert_eq!(adopted["Run"], manual["Run"]);
    let reasons = missed(&server, "each");
    assert!(reasons.iter().any(|code| code == UNKNOWN), "{reasons:?}");
    none_twice(&starts(&home));
    all_accounted(&server, "each");
    server.docket(["delete", "each"]).ok();
    server.docket(["delete", "long"]).ok();
    server.await_no_containers(engine);
}

/// Starts a server on a file in a namespace, which must refuse to start; returns what it said.
fn refusal(engine: &Engine, store: &Path, namespace: &str) -> String {
    let mut command = bounded();
    command
        .args(["server", "--listen", "127.0.0.1:0", "--namespace", namespace, "--store"])
        .arg(format!("sqlite:{}", store.display()))
        .env("DOCKER_HOST", engine.address());
    let ran = run(&mut command);
    assert_ne!(ran.code, 0, "{ran:?}");
    ran.err
}

#[test]
fn a_copy_of_a_store_that_is_served_is_rejected_and_in_another_namespace_touches_nothing() {
    let engine = Engine::shared();
    let home = Home::durable(engine.address());
    let server = home.server();
    server.await_ready();
    push_long(&server);
    server.run_manually("long");
    let container = server.running_container("long");
    let copy = home.path("copy.db");
    server.docket(["backup", copy.to_str().unwrap()]).ok();

    let refusal = refusal(engine, &copy, home.namespace());
    let other = Server::start_with(engine, |command| {
        command.arg("--store").arg(format!("sqlite:{}", copy.display()));
    });
    let lost = other.ended_run("long");
    let instant = lost["Run"].as_str().unwrap();
    other.docket(["cancel", "long", instant, "--kill"]);

    let expected = format!("is a copy of the store `{}`", home.path("docket.db").display());
    assert!(refusal.contains(&expected) && refusal.contains("--namespace"), "{refusal}");
    assert_eq!(lost["State"], "lost");
    assert_eq!(lost["ReasonCode"], "other-namespace");
    assert_eq!(lost["ReasonValues"], json!({ "Namespace": home.namespace() }));
    assert_eq!(engine.inspect(&container).unwrap()["State"]["Running"], true);
    assert_eq!(server.runs("long")[0]["State"], "running");
    engine.docker(["kill", &container]);
    server.ended_run("long");
    server.docket(["delete", "long"]).ok();
    server.await_no_containers(engine);
}

/// Makes a copy look as one that came from elsewhere: the path of the original does not exist.
fn move_away(copy: &Path) {
    let sql = rusqlite::Connection::open(copy).unwrap();
    let elsewhere = "UPDATE items SET value = json_set(value, '$.Path', '/nowhere/docket.db') \
                     WHERE key = 'home'";
    assert_eq!(sql.execute(elsewhere, []).unwrap(), 1);
    assert_eq!(sql.execute("DELETE FROM items WHERE key = 'copied_at'", []).unwrap(), 1);
}

#[test]
fn of_two_servers_on_copies_of_one_store_the_later_one_starts_nothing_any_more() {
    let engine = Engine::shared();
    let home = Home::durable(engine.address());
    let first = home.server();
    first.await_ready();
    first.push(&counted(&home, "sleep 2"));
    await_starts(&starts(&home), 2);
    let copy = home.path("copy.db");
    first.docket(["backup", copy.to_str().unwrap()]).ok();
    move_away(&copy);

    let second = Server::in_namespace(home.namespace(), engine.address(), |command| {
        command.args(["--listen", "127.0.0.1:0", "--store"]);
        command.arg(format!("sqlite:{}", copy.display()));
    });
    let not_ready = eventually("a second server that notices the first", || {
        let ready = second.get("/-/ready");
        let problem = (ready.status == 503).then(|| ready.problem())?;
        problem.contains("uses a copy of this store").then_some(problem)
    });
    let manual = second.send(&Request::post_to("/each/runs", "{}"));
    let before = counts(&starts(&home)).len();
    await_starts(&starts(&home), before + 3);

    none_twice(&starts(&home));
    assert!(not_ready.contains("and started earlier"), "{not_ready}");
    assert_eq!(manual.status, 503, "{}", manual.text());
    assert!(second.log().contains("this server starts nothing any more"), "{}", second.log());
    assert!(second.get("/-/health").json()["Twin"].is_string());
    assert_eq!(first.get("/-/ready").status, 200);
    let journal = second.docket(["journal"]).ok();
    assert!(journal.contains("\"TwinFound\""), "{journal}");
    let why = second.docket(["why", "each"]).ok();
    assert!(why.contains("Nothing starts on this server: another server"), "{why}");
    let well = second.docket(["health"]).ok();
    assert!(well.contains("uses a copy of this store") && !well.contains("is well"), "{well}");
    second.stop();
    first.docket(["delete", "each"]).ok();
    first.await_no_containers(engine);
}
