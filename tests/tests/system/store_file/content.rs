//! The content of the store's file, or of its log, is changed by another program.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
};

use docket_tests::{allocation::idle, wall_clock};
use rusqlite::Connection;

use super::{BEGINS, TestEnv};

/// Writes over a file without another inode, as `cp` and `dd` do.
fn overwrite(file: &Path, content: &[u8]) {
    fs::write(file, content).unwrap();
}

/// Writes something over the file, and then what was there before.
fn overwrite_and_restore(damage: impl FnOnce(&TestEnv, Vec<u8>) -> Vec<u8>) {
    let mut ground = TestEnv::new();
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
    let mut ground = TestEnv::new();
    // All of the store is in the file when it is copied, and what came later is, too.
    let emptied = |ground: &TestEnv| {
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
fn a_damaged_log_is_noticed() {
    let mut ground = TestEnv::new();
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
fn a_server_that_stops_leaves_what_was_put_in_the_place_of_its_files() {
    let mut ground = TestEnv::new();
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
fn another_program_that_reads_and_writes_as_it_may_disturbs_nothing() {
    let mut ground = TestEnv::new();
    let sql = Connection::open(ground.file()).unwrap();
    sql.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    let statements = [
        "SELECT count(*) FROM runs",
        "UPDATE items SET value = value",
        "PRAGMA wal_checkpoint(PASSIVE)",
        "CREATE INDEX mine ON journal (revision)",
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
    file.set_modified(wall_clock::now().into()).unwrap();
    ground.await_success();

    assert_eq!(ground.server.get("/-/ready").status, 200);
    ground.said(BEGINS, 0);
    ground.records_are_complete();
    ground.keeps_what_it_acknowledged();
}
