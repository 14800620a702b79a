//! What is pushed, listed and deleted.

use docket_model::{AllocationName, Origin};

use super::{
    super::{Change, ChangeContext, Effect, Push, Store, StoreError},
    get, moment, names, push, pushed, specification,
};

pub(in crate::store) async fn a_push_creates_updates_and_leaves_alone(store: &Store) {
    let first = push(store, Origin::Api, &[("a", "0 0 * * *"), ("b", "0 0 * * *")]).await;
    let second =
        push(store, Origin::Api, &[("a", "0 0 * * *"), ("b", "1 0 * * *"), ("c", "")]).await;

    assert_eq!(first, [Effect::Created, Effect::Created]);
    assert_eq!(second, [Effect::Unchanged, Effect::Updated, Effect::Created]);
    let (a, b) = (get(store, "a").await.status.allocation, get(store, "b").await.status.allocation);
    assert!(a.revision < b.revision);
    assert_eq!(b.specification, specification("b", "1 0 * * *"));
}

pub(in crate::store) async fn a_push_over_someone_elses_name_changes_nothing(store: &Store) {
    let file = Origin::File("docket.yml".into());
    push(store, Origin::Api, &[("api", "")]).await;
    push(store, file.clone(), &[("file", "")]).await;

    let mut refused = Vec::new();
    for (origin, name) in [(Origin::Api, "file"), (file.clone(), "api")] {
        let specifications = vec![specification("new", ""), specification(name, "0 0 * * *")];
        let push = Push { origin, complete: true, ..pushed(specifications, 1) };
        refused.push(store.push(push).await.unwrap_err());
    }
    let deletion = store
        .delete("file", &Origin::Api, ChangeContext::new(moment(1), "test"))
        .await
        .unwrap_err();

    let read_only = StoreError::ReadOnly {
        name: AllocationName::parse("file").unwrap(),
        file: "docket.yml".into(),
    };
    let taken = StoreError::Taken { name: AllocationName::parse("api").unwrap() };
    assert_eq!(refused, [read_only.clone(), taken]);
    assert_eq!(deletion, read_only);
    assert_eq!(names(store).await, ["api", "file"]);
}

pub(in crate::store) async fn a_complete_push_takes_away_what_its_origin_has_no_more(
    store: &Store,
) {
    let file = Origin::File("docket.yml".into());
    push(store, Origin::Api, &[("api", "")]).await;
    push(store, file.clone(), &[("old", ""), ("kept", "")]).await;

    let specifications = vec![specification("kept", ""), specification("new", "")];
    let push = Push { origin: file, complete: true, ..pushed(specifications, 1) };
    let effects = store.push(push).await.unwrap();

    assert_eq!(effects, [Effect::Unchanged, Effect::Created]);
    assert_eq!(names(store).await, ["api", "kept", "new"]);
}

pub(in crate::store) async fn a_file_that_was_moved_is_still_the_same_owner(store: &Store) {
    let file = |path: &str| Origin::File(path.into());
    push(store, file("old.yml"), &[("gone", ""), ("kept", "")]).await;
    let before = get(store, "kept").await.status.allocation;

    let specifications = vec![specification("kept", "")];
    let push = Push { origin: file("new.yml"), complete: true, ..pushed(specifications, 1) };
    let effects = store.push(push).await.unwrap();

    let after = get(store, "kept").await.status.allocation;
    assert_eq!(effects, [Effect::Updated]);
    assert_eq!(names(store).await, ["kept"]);
    assert_eq!(after.origin, file("new.yml"));
    assert_eq!((after.uid, after.scheduled_at), (before.uid, before.scheduled_at));
}

pub(in crate::store) async fn allocations_are_listed_in_the_order_of_creation(store: &Store) {
    push(store, Origin::Api, &[("z", ""), ("a", ""), ("m", ""), ("report", "")]).await;
    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
    assert!(store.delete("m", &Origin::Api, ChangeContext::new(moment(1), "test")).await.unwrap());
    assert!(!store.delete("m", &Origin::Api, ChangeContext::new(moment(1), "test")).await.unwrap());

    let first = store.list(None, 2).await.unwrap();
    let rest = store.list(first.last().map(|last| last.status.position), 2).await.unwrap();

    assert_eq!(names(store).await, ["z", "a", "report"]);
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert_eq!(rest[0].status.allocation.name().as_str(), "report");
    assert!(store.get("m").await.unwrap().is_none());
    assert_eq!(store.nearest("repotr"), AllocationName::parse("report").ok());
}

pub(in crate::store) async fn only_a_new_schedule_moves_the_time_from_which_it_is_due(
    store: &Store,
) {
    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
    let mut described = specification("a", "0 0 * * *");
    described.description = Some("for the books".into());
    let rescheduled = specification("a", "1 0 * * *");

    let mut scheduled_at = Vec::new();
    for (specification, second) in [(described, 5), (rescheduled, 9)] {
        store.push(pushed(vec![specification], second)).await.unwrap();
        scheduled_at.push(get(store, "a").await.status.allocation.scheduled_at);
    }

    assert_eq!(scheduled_at, [moment(0), moment(9)]);
    assert_eq!(get(store, "a").await.status.allocation.created_at, moment(0));
}

pub(in crate::store) async fn each_change_reaches_a_reader(store: &Store) {
    push(store, Origin::Api, &[("a", ""), ("b", "")]).await;
    let changes = store.subscribe().allocations();
    let at_first = changes.take();
    push(store, Origin::Api, &[("a", ""), ("b", "0 0 * * *"), ("c", "")]).await;
    store.delete("c", &Origin::Api, ChangeContext::new(moment(1), "test")).await.unwrap();

    changes.arrived().await;
    let then = changes.take();

    let [a, b] = [get(store, "a").await.status.position, get(store, "b").await.status.position];
    assert_eq!(at_first.len(), 2);
    assert!(!then.contains_key(&a));
    assert!(matches!(&then[&b], Change::Stored { allocation, .. }
        if allocation.specification.schedule().unwrap().text() == "0 0 * * *"));
    let deleted =
        |change: &Change| matches!(change, Change::Deleted { name } if name.as_str() == "c");
    assert!(then.values().any(deleted));
}

pub(in crate::store) async fn positions_and_revisions_are_given_once(store: &Store) {
    let mut given = Vec::new();
    for _ in 0..3 {
        push(store, Origin::Api, &[("a", "")]).await;
        let first = store.status("a").unwrap();
        push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
        let then = store.status("a").unwrap();
        assert_eq!(first.position, then.position);
        given.push((first.position, first.allocation.revision, then.allocation.revision));
        store.delete("a", &Origin::Api, ChangeContext::new(moment(1), "test")).await.unwrap();
    }

    let positions: Vec<_> = given.iter().map(|(position, ..)| position).collect();
    let revisions: Vec<_> = given.iter().flat_map(|(_, first, then)| [first, then]).collect();
    assert!(positions.is_sorted_by(|earlier, later| earlier < later));
    assert!(revisions.is_sorted_by(|earlier, later| earlier < later));
}
