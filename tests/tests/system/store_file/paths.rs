//! The path of a file of the store leads elsewhere, or nowhere.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
};

use docket_stub_engine::Options;
use docket_tests::{
    Home, StubEngine,
    allocation::idle,
    docket_cli::{bounded, run},
    eventually,
    raw_http_client::Request,
};
use serde_json::Value;

use super::TestEnv;

#[test]
fn a_file_that_is_moved_away_stops_the_server_from_acknowledging_until_it_is_back() {
    let mut ground = TestEnv::new();
    let (file, away) = (ground.file(), ground.home.path("away.db"));

    fs::rename(&file, &away).unwrap();
    ground.is_in_trouble("docket.db` was removed, or its folder was renamed");
    fs::rename(&away, &file).unwrap();

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_folder_that_is_renamed_is_noticed_too() {
    let mut ground = TestEnv::new();
    let folder = ground.home.path("");
    let away = folder.with_extension("away");

    fs::rename(&folder, &away).unwrap();
    ground.is_in_trouble("docket.db` was removed, or its folder was renamed");
    fs::rename(&away, &folder).unwrap();

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn another_file_in_the_place_of_the_store_is_neither_written_nor_read() {
    let mut ground = TestEnv::new();
    let other = TestEnv::new();
    let backup = other.home.path("backup.db");
    other.server.docket(["backup", backup.to_str().unwrap()]).ok();
    let (file, away) = (ground.file(), ground.home.path("away.db"));
    let content = fs::read(&backup).unwrap();
    let ours = ground.server.runs("tick").last().unwrap().clone();

    fs::rename(&file, &away).unwrap();
    fs::rename(&backup, &file).unwrap();
    ground.is_in_trouble("docket.db` is not the file that docket opened");
    // More at once than the connections that were open before.
    let replies: Vec<_> = std::thread::scope(|scope| {
        let read = || ground.server.get("/tick/runs?limit=1000");
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(read)).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let untouched = fs::read(&file).unwrap();
    fs::rename(&file, &backup).unwrap();
    fs::rename(&away, &file).unwrap();

    assert!(untouched == content);
    for reply in replies {
        let runs = if reply.status == 200 { reply.json()["Runs"].clone() } else { Value::Null };
        let is_ours = runs.as_array().is_some_and(|runs| runs.last() == Some(&ours));
        assert!(is_ours || reply.status == 500, "{}", reply.text());
    }
    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_link_that_is_switched_to_another_file_is_noticed() {
    let mut ground = TestEnv::new();
    let (file, real, other) =
        (ground.file(), ground.home.path("real.db"), ground.home.path("other.db"));
    ground.server.signal("TERM");
    ground.server.await_end();
    fs::rename(&file, &real).unwrap();
    fs::copy(&real, &other).unwrap();
    symlink(&real, &file).unwrap();
    ground.server = ground.home.server();
    ground.server.await_ready();

    fs::remove_file(&file).unwrap();
    symlink(&other, &file).unwrap();
    ground.is_in_trouble("docket.db` is not the file that docket opened");
    fs::remove_file(&file).unwrap();
    symlink(&real, &file).unwrap();

    ground.server.await_ready();
    ground.await_success();
    assert_eq!(ground.push(&idle("later")).status, 200);
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_log_that_is_removed_for_good_takes_nothing_with_it_that_was_acknowledged() {
    let mut ground = TestEnv::new();

    fs::remove_file(ground.log_file()).unwrap();
    ground.is_in_trouble("docket.db-wal` was removed");

    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_log_that_is_put_back_lets_the_server_go_on() {
    let mut ground = TestEnv::new();
    let (log, away) = (ground.log_file(), ground.home.path("away"));

    fs::rename(&log, &away).unwrap();
    ground.is_in_trouble("docket.db-wal` was removed");
    fs::rename(&away, &log).unwrap();

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_file_that_is_gone_for_good_is_saved_by_a_backup() {
    let mut ground = TestEnv::new();
    let backup = ground.home.path("backup.db");

    fs::remove_file(ground.file()).unwrap();
    ground.is_in_trouble("save the store with `docket backup`");
    ground.server.docket(["backup", backup.to_str().unwrap()]).ok();
    ground.server.signal("TERM");
    ground.server.await_end();
    fs::rename(&backup, ground.file()).unwrap();
    ground.server = ground.home.server();

    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_lock_that_is_removed_is_made_anew_and_keeps_other_servers_out() {
    let mut ground = TestEnv::new();
    let lock = ground.home.path("docket.db.lock");

    fs::remove_file(&lock).unwrap();
    ground.await_success();
    let store = format!("sqlite:{}", ground.file().display());
    let other = ["server", "--listen", "127.0.0.1:0", "--store", &store];
    let other = run(bounded().args(other).env("DOCKER_HOST", ground.stub.docker_host()));

    assert!(other.err.contains("is in use by the process"), "{}", other.err);
    assert_eq!(ground.push(&idle("later")).status, 200);
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_server_whose_lock_another_one_has_taken_acknowledges_nothing_any_more() {
    let mut ground = TestEnv::new();
    let lock = ground.home.path("docket.db.lock");

    // In one step, so that the server does not make it again in between.
    let other = ground.home.path("other.lock");
    let holder = File::create(&other).unwrap();
    holder.lock().unwrap();
    fs::rename(&other, &lock).unwrap();
    ground.is_in_trouble("has taken the store");
    drop(holder);

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn an_idle_server_notices_by_its_sign_of_life() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let (file, away) = (home.path("docket.db"), home.path("away.db"));

    fs::rename(&file, &away).unwrap();

    let ready = eventually("a server that is not ready", || {
        Some(server.get("/-/ready")).filter(|reply| reply.status == 503)
    });
    assert!(ready.text().contains("was removed"), "{}", ready.text());
    fs::rename(&away, &file).unwrap();
    server.await_ready();
}

#[test]
fn a_push_that_is_refused_makes_the_server_unready_at_once() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();

    fs::rename(home.path("docket.db"), home.path("away.db")).unwrap();
    let refused = server.send(&Request::post(idle("refused")));
    let ready = server.get("/-/ready");

    assert_eq!((refused.status, ready.status), (503, 503), "{}", ready.text());
}
