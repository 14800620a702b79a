//! Which files are opened, and the errors for all others.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use rusqlite::{Connection, Transaction};

use super::{
    super::{
        OpenError,
        open::{self, FORMAT, Format},
    },
    Opener, SqliteBackend, commit, files, new, number, open, path, set, value,
};
use crate::store::backend::Backend as _;

fn refusal(path: &Path) -> String {
    SqliteBackend::open(path, &Opener::for_tests()).unwrap_err().to_string()
}

fn open_with(path: &Path, format: &Format) -> Result<SqliteBackend, OpenError> {
    SqliteBackend::of(open::open(path, format, &Opener::for_tests())?)
}

/// The format after this one.
fn next(upgrade: fn(&Transaction<'_>, usize) -> rusqlite::Result<()>) -> Format {
    Format { number: FORMAT.number + 1, upgrade, ..FORMAT }
}

fn rights(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_new_file_is_for_its_owner_alone() {
    let (directory, store, _) = new().await;

    assert!(store.info().is_new);
    for name in ["docket.db", "docket.db-wal", "docket.db-shm", "docket.db.lock"] {
        assert_eq!(rights(&directory.path().join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_others_can_read_is_closed_to_them() {
    let (directory, store, _) = new().await;
    drop(store);
    fs::set_permissions(path(&directory), Permissions::from_mode(0o644)).unwrap();

    let store = open(&directory).unwrap();

    assert!(!store.info().is_new);
    assert_eq!(rights(&path(&directory)), 0o600);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();

    let refusal = refusal(&directory.path().join("not/there/docket.db"));

    let missing = directory.path().join("not/there");
    assert!(refusal.contains(&format!("`{}`", missing.display())), "{refusal}");
    assert!(files(directory.path()).is_empty());
}

#[test]
fn a_file_of_someone_else_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text.db");
    fs::write(&text, "this is no database, ".repeat(1000)).unwrap();
    let other = directory.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE runs (id)").unwrap();
    let before = [fs::read(&text).unwrap(), fs::read(&other).unwrap()];
    for file in [&text, &other] {
        fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    }
    let folder = directory.path().join("folder.db");
    fs::create_dir(&folder).unwrap();

    let refusals = [refusal(&text), refusal(&other), refusal(&folder)];

    for (refusal, path) in refusals.iter().zip([&text, &other]) {
        let expected = format!("`{}` is no store of docket", path.display());
        assert!(refusal.starts_with(&expected), "{refusal}");
    }
    assert!(refusals[2].contains("cannot be opened"), "{}", refusals[2]);
    assert_eq!([fs::read(&text).unwrap(), fs::read(&other).unwrap()], before);
    assert_eq!([rights(&text), rights(&other)], [0o644, 0o644]);
    assert!(!files(directory.path()).contains(&"text.db.lock".to_owned()));
}

#[test]
fn an_empty_file_becomes_a_store() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(path(&directory), "").unwrap();

    assert!(open(&directory).unwrap().info().is_new);
    assert!(!open(&directory).unwrap().info().is_new);
}

#[tokio::test]
async fn a_file_of_a_newer_docket_is_refused() {
    let (directory, store, _) = new().await;
    drop(store);
    let sql = Connection::open(path(&directory)).unwrap();
    sql.pragma_update(None, "user_version", 99).unwrap();
    drop(sql);

    let refusal = refusal(&path(&directory));

    assert!(refusal.contains("has version 99"), "{refusal}");
    assert!(refusal.contains("upgrade docket"), "{refusal}");
}

#[tokio::test]
async fn a_file_is_for_one_server_at_a_time() {
    let (directory, store, _) = new().await;

    let in_use = refusal(&path(&directory));
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(path(&directory), &link).unwrap();
    let by_another_name = refusal(&link);
    drop(store);

    for refusal in [in_use, by_another_name] {
        let expected = format!("docket.db` is in use by the process {}", std::process::id());
        assert!(refusal.contains(&expected), "{refusal}");
    }
    assert!(open(&directory).is_ok());
}

#[tokio::test]
async fn an_older_file_is_copied_before_it_is_brought_to_this_format() {
    let (directory, store, term) = new().await;
    commit(&store, term, [set("a", "1")]).await.unwrap();
    drop(store);
    let newest = FORMAT.number;
    let format =
        next(|sql, _| sql.execute_batch("ALTER TABLE items ADD COLUMN colour TEXT DEFAULT 'blue'"));

    let upgraded = open_with(&path(&directory), &format).unwrap();

    assert_eq!(value(&upgraded, "a").await.unwrap().1, "1");
    drop(upgraded);
    let count = "SELECT count(*) FROM items WHERE colour = 'blue'";
    assert_eq!(number(&path(&directory), count), 1);
    let version = number(&path(&directory), "PRAGMA user_version");
    assert_eq!(version, i64::try_from(newest + 1).unwrap());
    let copy = directory.path().join(format!("docket.db.v{newest}.backup"));
    assert_eq!(rights(&copy), 0o600);
    assert!(refusal(&path(&directory)).contains(&format!("has version {}", newest + 1)));
    let copied = SqliteBackend::open(&copy, &Opener::for_tests()).unwrap();
    assert_eq!(value(&copied, "a").await.unwrap().1, "1");
}

#[tokio::test]
async fn an_upgrade_that_fails_changes_nothing_and_no_copy_is_overwritten() {
    let (directory, store, _) = new().await;
    drop(store);
    let newest = FORMAT.number;
    let format = next(|sql, _| sql.execute_batch("CREATE TABLE colours (name); SELECT nonsense"));

    for _ in 0..2 {
        let refusal = open_with(&path(&directory), &format).unwrap_err().to_string();
        assert!(refusal.contains("nonsense"), "{refusal}");
    }

    assert_eq!(number(&path(&directory), "PRAGMA user_version"), i64::try_from(newest).unwrap());
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'colours'";
    assert_eq!(number(&path(&directory), tables), 0);
    let copies: Vec<_> =
        files(directory.path()).into_iter().filter(|name| name.contains("backup")).collect();
    let expected = ["-2", ""].map(|mark| format!("docket.db.v{newest}{mark}.backup"));
    assert_eq!(copies, expected);
    assert!(open(&directory).is_ok());
}
