//! The store's file is removed, replaced or damaged while the server has it open: nothing is
//! acknowledged and nothing starts until the file is back, and log, readiness and records say so.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::{FileExt as _, symlink},
    path::{Path, PathBuf},
};

use chrono::TimeDelta;
use docket_stub_engine::Options;
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{allocation, idle, with_host_option},
    eventually,
    http::{Reply, Request},
    moment,
};
use rusqlite::Connection;
use serde_json::{Value, json};

/// What the log says when it begins, and when it is over.
const BEGINS: &str = "store write failed: nothing is acknowledged and nothing starts";
const ENDS: &str = "the store can be written again";

/// A server with an allocation that is due each second.
struct Ground {
    stub: StubEngine,
    home: Home,
    server: Server,
    /// Names whose push was acknowledged.
    acknowledged: Vec<String>,
}

impl Ground {
    fn new() -> Self {
        let stub = StubEngine::start(Options::default());
        let home = Home::durable(&stub.docker_host());
        let server = home.server();
        server.await_ready();
        server.push(&idle("first"));
        server.stop();
        // From here on all of it is in the file itself, and the log is new.
        let server = home.server();
        server.await_ready();
        let mut ground = Self { stub, home, server, acknowledged: vec!["first".to_owned()] };
        let mut tick = with_host_option(
            allocation("tick", "* * * * * * *", &["true"]),
            "AutoRemove",
            json!(true),
        );
        tick["Keep"] = json!({ "Runs": 1000 });
        assert_eq!(ground.push(&tick).status, 200);
        ground.await_success();
        ground
    }

    fn file(&self) -> PathBuf {
        self.home.path("docket.db")
    }

    fn log_file(&self) -> PathBuf {
        self.home.path("docket.db-wal")
    }

    fn push(&mut self, allocation: &Value) -> Reply {
        let reply = self.server.send(&Request::post(allocation));
        if reply.status == 200 {
            self.acknowledged.push(allocation["Name"].as_str().unwrap().to_owned());
        }
        reply
    }

    /// Waits until an instant from now on has its run, which succeeded.
    fn await_success(&self) {
        let now = moment::now();
        eventually("a run that succeeds", || {
            let runs = self.server.runs("tick");
            let is_new = |run: &Value| moment::of_run(run["Run"].as_str().unwrap()) > now;
            runs.iter().find(|run| run["State"] == "succeeded" && is_new(run)).map(|_| ())
        });
    }

    /// A push is refused with words that have this in them, and so is readiness.
    fn is_in_trouble(&mut self, words: &str) {
        let refused = eventually("a push that is refused", || {
            let reply = self.push(&idle("refused"));
            (reply.status != 200).then_some(reply)
        });
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.text().contains(words), "{}", refused.text());
        let ready = eventually("a server that is not ready", || {
            Some(self.server.get("/-/ready")).filter(|reply| reply.status == 503)
        });
        assert!(ready.text().contains(words), "{}", ready.text());
    }

    /// The file is back: the server goes on by itself, has said so once, and all is on record.
    fn is_well_again(&mut self) {
        self.server.await_ready();
        self.await_success();
        let later = self.push(&idle("later"));
        assert_eq!(later.status, 200, "{}", later.text());
        self.said(BEGINS, 1);
        self.said(ENDS, 1);
        self.records_are_complete();
    }

    fn said(&self, words: &str, times: usize) {
        assert_eq!(self.server.log().matches(words).count(), times, "{words}");
    }

    /// Each instant has one record and one start at most, and each start has its record.
    fn records_are_complete(&self) {
        let mut runs = self.server.runs("tick");
        runs.reverse();
        let mut due = moment::of_run(runs[0]["Run"].as_str().unwrap());
        let mut states = BTreeMap::new();
        for run in &runs {
            let id = run["Run"].as_str().unwrap();
            assert_eq!(moment::of_run(id), due, "{run}");
            let last = run["Last"].as_str().map_or(due, moment::of_run);
            due = last + TimeDelta::seconds(1);
            states.insert(id.to_owned(), run["State"].clone());
            if run["State"] == "missed" {
                let reason = run["Reason"].as_str().unwrap();
                assert!(reason.starts_with("the store could not be written from "), "{run}");
            }
        }
        for line in self.stub.ledger() {
            let state = &states[&line.labels["io.docket.instant"]];
            assert!(line.starts <= 1 && state != "missed", "{line:?} {state}");
        }
    }

    /// What was acknowledged is there after a crash.
    fn keeps_what_it_acknowledged(self) {
        let Self { home, server, mut acknowledged, stub } = self;
        server.crash();
        let server = home.server();
        server.await_ready();
        acknowledged.sort();
        acknowledged.dedup();
        let list = server.get("/?logs=false").json();
        let names = list.as_array().unwrap().iter();
        let mut names: Vec<_> = names.map(|it| it["Name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(names, acknowledged);
        drop(stub);
    }
}

/// Writes over a file without another inode, as `cp` and `dd` do.
fn overwrite(file: &Path, content: &[u8]) {
    fs::write(file, content).unwrap();
}

#[test]
fn a_file_that_is_moved_away_stops_the_server_from_acknowledging_until_it_is_back() {
    let mut ground = Ground::new();
    let (file, away) = (ground.file(), ground.home.path("away.db"));

    fs::rename(&file, &away).unwrap();
    ground.is_in_trouble("docket.db` was removed, or its folder was renamed");
    fs::rename(&away, &file).unwrap();

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_folder_that_is_renamed_is_noticed_too() {
    let mut ground = Ground::new();
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
    let mut ground = Ground::new();
    let other = Ground::new();
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
    let mut ground = Ground::new();
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

/// Writes something over the file, and then what was there before.
fn overwrite_and_restore(damage: impl FnOnce(&Ground, Vec<u8>) -> Vec<u8>) {
    let mut ground = Ground::new();
    let before = fs::read(ground.file()).unwrap();
    let damaged = damage(&ground, before.clone());

    overwrite(&ground.file(), &damaged);
    ground.is_in_trouble("and it is no longer the store that docket wrote");
    overwrite(&ground.file(), &before);

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_backup_that_is_copied_over_the_file_is_noticed_and_so_is_the_return_of_its_content() {
    overwrite_and_restore(|ground, _| {
        let backup = ground.home.path("backup.db");
        ground.server.docket(["backup", backup.to_str().unwrap()]).ok();
        fs::read(backup).unwrap()
    });
}

#[test]
fn a_file_that_is_emptied_is_noticed() {
    overwrite_and_restore(|_, _| Vec::new());
}

#[test]
fn a_file_that_is_cut_in_half_is_noticed() {
    overwrite_and_restore(|_, content| content[..content.len() / 8192 * 4096].to_vec());
}

#[test]
fn garbage_in_the_middle_of_the_file_is_noticed() {
    overwrite_and_restore(|_, mut content| {
        content[4096..].fill(0x55);
        content
    });
}

#[test]
fn another_header_of_the_file_is_noticed() {
    overwrite_and_restore(|_, mut content| {
        content[..16].fill(b'x');
        content
    });
}

#[test]
fn a_text_in_the_place_of_the_content_is_noticed() {
    overwrite_and_restore(|_, _| b"this is no database\n".repeat(1000));
}

#[test]
fn an_older_copy_that_is_written_over_the_file_is_noticed() {
    let mut ground = Ground::new();
    // All of the store is in the file when it is copied, and what came later is, too.
    let emptied = |ground: &Ground| {
        let sql = Connection::open(ground.file()).unwrap();
        sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        fs::read(ground.file()).unwrap()
    };
    let older = emptied(&ground);
    ground.await_success();
    let newer = emptied(&ground);
    assert!(older != newer);

    overwrite(&ground.file(), &older);
    ground.is_in_trouble("and it is no longer the store that docket wrote");
    overwrite(&ground.file(), &newer);

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_log_that_is_removed_for_good_takes_nothing_with_it_that_was_acknowledged() {
    let mut ground = Ground::new();

    fs::remove_file(ground.log_file()).unwrap();
    ground.is_in_trouble("docket.db-wal` was removed");

    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_log_that_is_put_back_lets_the_server_go_on() {
    let mut ground = Ground::new();
    let (log, away) = (ground.log_file(), ground.home.path("away"));

    fs::rename(&log, &away).unwrap();
    ground.is_in_trouble("docket.db-wal` was removed");
    fs::rename(&away, &log).unwrap();

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_damaged_log_is_noticed() {
    let mut ground = Ground::new();
    let log = File::options().read(true).write(true).open(ground.log_file()).unwrap();
    let mut original = [0; 64];
    log.read_exact_at(&mut original, 4096).unwrap();

    log.write_all_at(&[0x55; 64], 4096).unwrap();
    ground.is_in_trouble("its log, the file that ends in `-wal`, is damaged");
    log.write_all_at(&original, 4096).unwrap();

    ground.is_well_again();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_file_that_is_gone_for_good_is_saved_by_a_backup() {
    let mut ground = Ground::new();
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
fn a_server_that_stops_leaves_what_was_put_in_the_place_of_its_files() {
    let mut ground = Ground::new();
    let backup = ground.home.path("backup.db");
    ground.server.docket(["backup", backup.to_str().unwrap()]).ok();
    let restored = fs::read(&backup).unwrap();

    overwrite(&ground.file(), &restored);
    ground.is_in_trouble("and it is no longer the store that docket wrote");
    ground.server.signal("TERM");
    ground.server.await_end();

    assert!(fs::read(ground.file()).unwrap() == restored);
    ground.server = ground.home.server();
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_lock_that_is_removed_is_made_anew_and_keeps_other_servers_out() {
    let mut ground = Ground::new();
    let lock = ground.home.path("docket.db.lock");

    fs::remove_file(&lock).unwrap();
    ground.await_success();
    let store = format!("sqlite:{}", ground.file().display());
    let other = ["server", "--listen", "127.0.0.1:0", "--store", &store];
    let other = docket_tests::client::run(
        docket_tests::client::bounded().args(other).env("DOCKER_HOST", ground.stub.docker_host()),
    );

    assert!(other.err.contains("is in use by the process"), "{}", other.err);
    assert_eq!(ground.push(&idle("later")).status, 200);
    ground.keeps_what_it_acknowledged();
}

#[test]
fn a_server_whose_lock_another_one_has_taken_acknowledges_nothing_any_more() {
    let mut ground = Ground::new();
    let lock = ground.home.path("docket.db.lock");

    // In one step, so that the server does not make it anew in between.
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

#[test]
fn another_program_that_reads_and_writes_as_it_may_disturbs_nothing() {
    let mut ground = Ground::new();
    let sql = Connection::open(ground.file()).unwrap();
    sql.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    let statements = [
        "SELECT count(*) FROM runs",
        "UPDATE meta SET value = value",
        "PRAGMA wal_checkpoint(PASSIVE)",
        "CREATE INDEX mine ON journal (at)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "DROP INDEX mine",
        "VACUUM",
    ];

    for statement in statements {
        let mut statement = sql.prepare(statement).unwrap();
        let mut rows = statement.query([]).unwrap();
        while rows.next().unwrap().is_some() {}
        ground.await_success();
        assert_eq!(ground.push(&idle("later")).status, 200);
    }
    drop(sql);
    let file = File::options().write(true).open(ground.file()).unwrap();
    file.set_modified(moment::now().into()).unwrap();
    ground.await_success();

    assert_eq!(ground.server.get("/-/ready").status, 200);
    ground.said(BEGINS, 0);
    ground.records_are_complete();
    ground.keeps_what_it_acknowledged();
}
