//! Where a file is served: its home, and files that came from elsewhere.

use std::{fs, path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::journal::{Entry, Event};
use tempfile::TempDir;

use super::{super::OpenError, Opener, SqliteBackend, commit, meta, new, path, set, value};
use crate::store::{
    Missed, NotedEngines, Provenance, Store,
    backend::{Backend as _, Files as _, Write},
    store_origin::Home,
};

/// A server of a namespace on a machine.
fn server(namespace: &str, machine: Option<&str>) -> Opener {
    let machine = machine.map(str::to_owned);
    Opener { namespace: namespace.into(), machine, ..Opener::for_tests() }
}

fn open(directory: &TempDir, by: &Opener) -> SqliteBackend {
    SqliteBackend::open(&path(directory), by).unwrap()
}

/// Notes where a store is served, with an engine, as the rules do when a life begins.
async fn note_home(store: &SqliteBackend) {
    let home = Home { engine: Some(NotedEngines::of([Some("E")])), ..store.home() };
    let json = serde_json::to_string(&home).unwrap();
    let id = "\"8a6e0804-2bd0-4672-b79d-d97027f9071a\"";
    let term = store.begin_term().await.unwrap();
    commit(store, term, [set("home", &json), set("id", id)]).await.unwrap();
}

/// A store that such a server had open.
async fn served(by: &Opener) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    note_home(&open(&directory, by)).await;
    directory
}

/// What a store says of where it comes from, once it was copied to another folder.
fn moved(from: &TempDir, by: &Opener) -> Result<Provenance, OpenError> {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(path(from), path(&elsewhere)).unwrap();
    SqliteBackend::open(&path(&elsewhere), by).map(|store| store.provenance())
}

#[tokio::test]
async fn a_store_that_stays_where_it_is_comes_from_nowhere_else() {
    let by = server("docket", Some("m1"));
    let directory = served(&by).await;

    let store = open(&directory, &by);

    assert_eq!(store.provenance(), Provenance::default());
    assert_eq!(store.home().namespace, "docket");
}

#[tokio::test]
async fn a_store_from_another_machine_names_its_engine_unless_machines_mean_nothing() {
    for (before, now, elsewhere) in [
        (Some("m1"), Some("m2"), Some("E")),
        (Some("m1"), Some("m1"), None),
        (Some("m1"), None, None),
        (None, Some("m2"), None),
        (None, None, None),
    ] {
        let directory = served(&server("docket", before)).await;

        let provenance = moved(&directory, &server("docket", now)).unwrap();

        let elsewhere = elsewhere.map(|id: &str| NotedEngines::of([Some(id)]));
        assert_eq!(provenance.engines_elsewhere, elsewhere, "{before:?} {now:?}");
    }
}

#[tokio::test]
async fn a_store_of_another_namespace_says_so_whoever_serves_it() {
    let by = server("docket", None);
    let directory = served(&by).await;
    let _served = open(&directory, &by);

    let provenance = moved(&directory, &server("other", None)).unwrap();

    assert_eq!(provenance.namespace_before.as_deref(), Some("docket"));
}

#[tokio::test]
async fn another_namespace_stays_reported_until_a_home_in_it_is_noted() {
    let directory = served(&server("docket", None)).await;
    let other = server("other", None);
    // A server that ends before it has looked at the engine.
    open(&directory, &other).begin_term().await.unwrap();

    let store = open(&directory, &other);
    let before = store.provenance().namespace_before;
    note_home(&store).await;
    drop(store);

    assert_eq!(before.as_deref(), Some("docket"));
    assert_eq!(open(&directory, &other).provenance(), Provenance::default());
}

#[tokio::test]
async fn a_copy_is_rejected_while_the_original_is_served_and_only_then() {
    let by = server("docket", None);
    let directory = served(&by).await;
    let served = open(&directory, &by);

    let refusal = moved(&directory, &by).unwrap_err();
    drop(served);
    let free = moved(&directory, &by);

    let OpenError::CopyInUse { original, process, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(original, path(&directory).canonicalize().unwrap());
    assert_eq!(process, Some(std::process::id()));
    assert_eq!(free.unwrap(), Provenance::default());
}

#[tokio::test]
async fn another_store_that_is_served_at_the_old_place_does_not_matter() {
    let by = server("docket", None);
    let directory = served(&by).await;
    let aside = directory.path().join("aside.db");
    fs::rename(path(&directory), &aside).unwrap();
    let _another = open(&directory, &by);

    let opened = SqliteBackend::open(&aside, &by);

    assert!(opened.is_ok(), "{opened:?}");
}

#[tokio::test]
async fn a_copy_says_when_it_was_made_until_that_is_deleted() {
    let (directory, store, _) = new().await;
    let copy = directory.path().join("copy.db");
    let copied_at: DateTime<Utc> = DateTime::from_timestamp(1_800_000_300, 5).unwrap();
    store.backup(&copy, copied_at).await.unwrap();
    let of_copy = |path: &Path| SqliteBackend::open(path, &Opener::for_tests()).unwrap();
    let again = directory.path().join("again.db");
    of_copy(&copy).backup(&again, copied_at + chrono::TimeDelta::days(1)).await.unwrap();

    let copied = of_copy(&again).provenance().copied_at;
    let opened = of_copy(&again);
    let item = value(&opened, "copied_at").await;
    let term = opened.begin_term().await.unwrap();
    commit(&opened, term, [Write::Delete(meta("copied_at"))]).await.unwrap();
    drop(opened);

    // A copy of a copy knows no more than that one.
    assert_eq!(copied, Some(copied_at));
    assert_eq!(item.unwrap().1, "\"2027-01-15T08:05:00.000000005Z\"");
    assert_eq!(of_copy(&again).provenance().copied_at, None);
    assert_eq!(store.provenance().copied_at, None);
    assert!(matches!(store.read(vec![meta("copied_at")]).await.unwrap()[..], [None]));
}

#[tokio::test]
async fn a_reader_of_the_original_s_events_gets_a_gap_from_a_copy() {
    let directory = tempfile::tempdir().unwrap();
    let open = async |path: &Path| {
        let backend = SqliteBackend::open(path, &Opener::for_tests()).unwrap();
        Store::open(Arc::new(backend)).await.unwrap()
    };
    let at = DateTime::UNIX_EPOCH;
    let entry = || Entry { at, allocation: None, event: Event::Stopped, by: None };
    let original = open(&path(&directory)).await;
    let copy = directory.path().join("copy.db");
    original.backup(&copy, at).await.unwrap();
    original.record(entry()).await.unwrap();
    let last = original.subscribe().events(None).unwrap().0.last();

    let copy = open(&copy).await;
    // So that the copy comes to the same number, if it counts on from the one that it has.
    copy.record(entry()).await.unwrap();

    assert_eq!(copy.subscribe().events(Some(last)).unwrap().1, Some(Missed::BeforeStart));
}
