//! Where a file is served: its home, and files that came from elsewhere.

use std::{fs, path::Path};

use chrono::DateTime;
use docket_model::Life;
use tempfile::TempDir;

use super::{Opener, SqliteStore, new, open, path};
use crate::store::{
    Doubt, KnownLife, LifeStore, NotedEngine, OpenError, Provenance, Store, contract::moment,
};

/// A server of a namespace on a machine.
fn server(namespace: &str, machine: Option<&str>) -> Opener {
    let machine = machine.map(str::to_owned);
    Opener { namespace: namespace.into(), machine, ..Opener::for_tests() }
}

async fn begin_life(store: &SqliteStore, second: i64) -> Life {
    let life = store.new_life(moment(second));
    store.begin_life(life).await.unwrap();
    life
}

/// A store that such a server had open, with an engine of this id.
async fn served(by: &Opener) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&path(&directory), by).unwrap();
    begin_life(&store, 1).await;
    store.note_engine(NotedEngine::from(Some("E"))).await.unwrap();
    directory
}

/// What a store says of where it comes from, once it was copied to another folder.
fn moved(from: &TempDir, by: &Opener) -> Result<Provenance, OpenError> {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(path(from), path(&elsewhere)).unwrap();
    SqliteStore::open(&path(&elsewhere), by).map(|store| store.provenance())
}

#[tokio::test]
async fn a_store_that_stays_where_it_is_comes_from_nowhere_else() {
    let by = server("docket", Some("m1"));
    let directory = served(&by).await;

    let store = SqliteStore::open(&path(&directory), &by).unwrap();

    assert_eq!(store.provenance(), Provenance::default());
    assert_eq!(store.provenance().doubt(), None);
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

        let elsewhere = elsewhere.map(|id: &str| NotedEngine::Identified(id.to_owned()));
        assert_eq!(provenance.engine_elsewhere, elsewhere, "{before:?} {now:?}");
    }
}

#[tokio::test]
async fn a_store_of_another_namespace_says_so_whoever_serves_it() {
    let by = server("docket", None);
    let directory = served(&by).await;
    let _served = SqliteStore::open(&path(&directory), &by).unwrap();

    let provenance = moved(&directory, &server("rehearsal", None)).unwrap();

    assert_eq!(provenance.doubt(), Some(Doubt::Namespace("docket".to_owned())));
}

#[tokio::test]
async fn another_namespace_is_noted_once_it_is_settled_what_came_before() {
    let directory = served(&server("docket", None)).await;
    let rehearsal = server("rehearsal", None);
    let opened = || SqliteStore::open(&path(&directory), &rehearsal).unwrap();
    // A server that ends before it has looked at the engine.
    begin_life(&opened(), 2).await;

    let store = opened();
    let doubt = store.provenance().doubt();
    begin_life(&store, 3).await;
    let restoration = crate::store::Restoration {
        doubt: Doubt::Namespace("docket".to_owned()),
        at: moment(3),
        zone: docket_model::Zone::utc(),
        lives: Vec::new(),
    };
    store.restore(restoration).await.unwrap();
    drop(store);

    assert_eq!(doubt, Some(Doubt::Namespace("docket".to_owned())));
    assert_eq!(opened().provenance(), Provenance::default());
}

#[tokio::test]
async fn a_copy_is_rejected_while_the_original_is_served_and_only_then() {
    let by = server("docket", None);
    let directory = served(&by).await;
    let served = SqliteStore::open(&path(&directory), &by).unwrap();

    let refusal = moved(&directory, &by).unwrap_err();
    drop(served);
    let free = moved(&directory, &by);

    let OpenError::CopyInUse { original, process, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(original, path(&directory).canonicalize().unwrap());
    assert_eq!(process, Some(std::process::id()));
    assert_eq!(free.unwrap(), Provenance::default());
}

#[tokio::test]
async fn another_store_that_is_served_at_the_old_place_is_in_nobodys_way() {
    let by = server("docket", None);
    let directory = served(&by).await;
    let aside = directory.path().join("aside.db");
    fs::rename(path(&directory), &aside).unwrap();
    let _another = SqliteStore::open(&path(&directory), &by).unwrap();

    let opened = SqliteStore::open(&aside, &by);

    assert!(opened.is_ok(), "{opened:?}");
}

#[tokio::test]
async fn a_copy_says_when_it_was_made_until_it_was_taken_over() {
    let (directory, store) = new();
    let copy = directory.path().join("copy.db");
    let copied_at = DateTime::from_timestamp(1_800_000_300, 0).unwrap();
    store.backup(&copy, copied_at).await.unwrap();
    let of_copy = |path: &Path| SqliteStore::open(path, &Opener::for_tests()).unwrap();
    let again = directory.path().join("again.db");
    of_copy(&copy).backup(&again, copied_at + chrono::TimeDelta::days(1)).await.unwrap();

    let doubt = of_copy(&again).provenance().doubt();

    // A copy of a copy knows no more than that one.
    assert_eq!(doubt, Some(Doubt::Copy(copied_at)));
    let doubt = doubt.unwrap();
    let (at, zone) = (copied_at, docket_model::Zone::utc());
    let restoration = crate::store::Restoration { doubt, at, zone, lives: Vec::new() };
    of_copy(&again).restore(restoration).await.unwrap();
    assert_eq!(of_copy(&again).provenance().doubt(), None);
    assert_eq!(store.provenance().doubt(), None);
}

#[tokio::test]
async fn lives_are_listed_and_those_of_copies_are_told_apart() {
    let (directory, store) = new();
    let first = begin_life(&store, 1).await;
    let strange = Life::new(2, moment(2));
    let unlisted = store.known_life(&strange);
    let restoration = crate::store::Restoration {
        doubt: Doubt::Copy(moment(1)),
        at: moment(3),
        zone: docket_model::Zone::utc(),
        lives: vec![strange],
    };
    store.restore(restoration).await.unwrap();
    drop(store);

    let store = open(&directory).unwrap();
    let third = begin_life(&store, 4).await;

    assert_eq!((unlisted, third.number), (KnownLife::Unlisted, 3));
    assert_eq!([first, third].map(|life| store.known_life(&life)), [KnownLife::Listed; 2]);
    assert_eq!(store.known_life(&strange), KnownLife::Adopted(moment(3)));
}
