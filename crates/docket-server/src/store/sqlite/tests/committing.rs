//! Batches: what is written, under which revisions and in which term.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    super::{Opener, SqliteBackend, open as opening},
    batch, commit, instant, meta, name, new, number, occupy, open, path, set, value,
};
use crate::store::backend::{Backend, Batch, CommitError, Key, Record, Write};

#[tokio::test]
async fn each_commit_has_a_greater_revision_also_after_a_restart() {
    let (directory, store, term) = new().await;
    let first = commit(&store, term, [set("a", "1"), set("b", "2")]).await.unwrap();
    let second = commit(&store, term, [set("b", "3")]).await.unwrap();
    drop(store);

    let again = open(&directory).unwrap();
    let term = again.begin_term().await.unwrap();
    let third = commit(&again, term, [Write::Delete(meta("a"))]).await.unwrap();

    assert!(first < second && second < third);
    assert_eq!(value(&again, "a").await, None);
    assert_eq!(value(&again, "b").await, Some((second, "3".to_owned())));
}

#[tokio::test]
async fn a_batch_is_written_under_the_revisions_that_it_expects_or_not_at_all() {
    let (_directory, store, term) = new().await;
    let revision = commit(&store, term, [set("a", "1")]).await.unwrap();
    let expecting = |expected| Batch { writes: vec![set("b", "2"), set("a", "2")], expected };

    for expected in [
        vec![(meta("b"), None), (meta("a"), None)],
        vec![(meta("a"), Some(revision + 1))],
        vec![(meta("c"), Some(revision))],
    ] {
        let (key, _) = expected.last().cloned().unwrap();
        let refused = store.commit(Arc::new(expecting(expected)), term).await;
        assert_eq!(refused, Err(CommitError::Conflict(key)));
    }
    let unchanged = (value(&store, "a").await, value(&store, "b").await);
    let expected = vec![(meta("a"), Some(revision)), (meta("b"), None)];
    let written = store.commit(Arc::new(expecting(expected)), term).await.unwrap();

    assert_eq!(unchanged, (Some((revision, "1".to_owned())), None));
    assert_eq!(value(&store, "b").await, Some((written, "2".to_owned())));
}

#[tokio::test]
async fn a_later_term_ends_the_earlier_one_for_good() {
    let (directory, store, first) = new().await;
    let second = store.begin_term().await.unwrap();

    let refused = commit(&store, first, [set("a", "1")]).await;
    let written = commit(&store, second, [set("a", "2")]).await;
    drop(store);
    let again = open(&directory).unwrap();
    let third = again.begin_term().await.unwrap();

    assert_eq!(refused, Err(CommitError::Deposed));
    assert!(written.is_ok());
    assert!(first < second && second < third);
    for term in [first, second] {
        assert_eq!(commit(&again, term, [set("a", "3")]).await, Err(CommitError::Deposed));
    }
    assert_eq!(value(&again, "a").await.unwrap().1, "2");
}

#[tokio::test]
async fn batches_are_written_in_the_order_in_which_they_came() {
    let (_directory, store, term) = new().await;
    let release = occupy(&store);

    let first = commit(&store, term, [set("a", "1")]);
    let second = commit(&store, term, [set("a", "2")]);
    let (first, second, ()) = tokio::join!(first, second, async { drop(release) });

    assert_eq!(first.unwrap() + 1, second.unwrap());
    assert_eq!(value(&store, "a").await.unwrap().1, "2");
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing_and_takes_no_other_with_it() {
    let (_directory, store, term) = new().await;
    commit(&store, term, [set("a", "1")]).await.unwrap();
    let before =
        number(&store.path, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'commits'");
    // No text: a record that its key cannot have.
    let entry = Write::Put(Key::Entry(u64::MAX), Record::Item("{}".into()));
    let out_of_range =
        "CREATE TRIGGER no BEFORE INSERT ON journal BEGIN SELECT raise(FAIL, 'no'); END";
    rusqlite::Connection::open(&store.path).unwrap().execute_batch(out_of_range).unwrap();

    let failed = commit(&store, term, [set("a", "2"), entry]).await;
    let written = commit(&store, term, [set("b", "3")]).await;

    assert!(
        matches!(&failed, Err(CommitError::Rejected(words)) if words.contains("no")),
        "{failed:?}"
    );
    assert_eq!(i64::try_from(written.unwrap()).unwrap(), before + 1);
    assert_eq!(value(&store, "a").await.unwrap().1, "1");
}

#[tokio::test]
async fn all_runs_of_an_allocation_go_together_with_what_they_wrote() {
    let (_directory, store, term) = new().await;
    let writes = ["a", "b"].into_iter().flat_map(super::outputs::with_output);
    commit(&store, term, writes).await.unwrap();

    commit(&store, term, [Write::DeleteRuns(name("a"))]).await.unwrap();

    let counts = ["runs", "outputs"].map(|table| {
        let of_a = format!(
            "SELECT count(*) FROM {table} JOIN specifications ON specifications.id = allocation \
             WHERE name = 'a'"
        );
        number(&store.path, &of_a)
    });
    assert_eq!(counts, [0, 0]);
    let keys = vec![Key::Run(name("a"), instant(60)), Key::Run(name("b"), instant(60))];
    let read = store.read(keys).await.unwrap();
    assert!(read.first().unwrap().is_none() && read.last().unwrap().is_some());
}

#[tokio::test]
async fn what_is_committed_while_its_file_is_moved_away_is_known_once_the_file_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (file, away) = (path(&directory), directory.path().join("away.db"));
    let mut opened = opening::open(&file, &opening::FORMAT, &Opener::for_tests()).unwrap();
    let is_to_go = Arc::new(AtomicBool::new(false));
    let (from, to, go) = (file.clone(), away.clone(), Arc::clone(&is_to_go));
    let moving = move || {
        if go.swap(false, Ordering::SeqCst) {
            fs::rename(&from, &to).unwrap();
        }
        false
    };
    opened.connection.commit_hook(Some(moving)).unwrap();
    let store = SqliteBackend::of(opened).unwrap();
    let term = store.begin_term().await.unwrap();
    let before = commit(&store, term, [set("a", "1")]).await.unwrap();

    is_to_go.store(true, Ordering::SeqCst);
    let unanswered = commit(&store, term, [set("a", "2")]).await;
    let refused = commit(&store, term, [set("b", "1")]).await;
    let unreadable = store.read(vec![meta("a")]).await;
    fs::rename(&away, &file).unwrap();
    let (revision, text) = value(&store, "a").await.unwrap();
    let written = commit(&store, term, [set("b", "1")]).await;

    let Err(CommitError::Unanswered(words)) = unanswered else { panic!("{unanswered:?}") };
    assert!(words.contains("was removed"), "{words}");
    assert!(
        matches!(refused, Err(CommitError::Unwritable(words)) if words.contains("was removed"))
    );
    assert!(unreadable.unwrap_err().to_string().contains("was removed"));
    assert_eq!((revision, text.as_str()), (before + 1, "2"));
    assert_eq!(written, Ok(before + 2));
}

#[tokio::test]
async fn a_batch_that_changes_nothing_is_written_on_any_disk() {
    let (_directory, store, term) = new().await;
    let before = commit(&store, term, [set("a", "1")]).await.unwrap();

    let nothing = commit(&store, term, [Write::Delete(meta("none"))]).await;

    assert_eq!(nothing, Ok(before));
    assert_eq!(store.commit(batch([]), term).await, Ok(before));
}
