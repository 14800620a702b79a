//! Changes that are made only if no other change was made meanwhile.

use docket_model::{AllocationName, Origin};

use super::{
    super::{ChangeContext, Condition, Control, Effect, Push, Store, StoreError},
    get, moment, push, pushed, specification,
};

async fn revision(store: &Store) -> u64 {
    get(store, "a").await.status.allocation.revision
}

/// A push of `a` that is made on a condition.
fn guarded(cron: &str, only_if: Condition) -> Push {
    Push { only_if, ..pushed(vec![specification("a", cron)], 1) }
}

fn context(only_if: Condition) -> ChangeContext {
    ChangeContext { only_if, ..ChangeContext::new(moment(2), "test") }
}

pub(in crate::store) async fn a_change_is_made_on_its_condition_only(store: &Store) {
    let unmet = |present| StoreError::Unmet { name: AllocationName::parse("a").unwrap(), present };
    let absent = [Condition::Present, Condition::Revision(vec![1])];
    for only_if in absent {
        assert_eq!(store.push(guarded("", only_if)).await, Err(unmet(None)));
    }
    let created = store.push(guarded("", Condition::Absent)).await.unwrap();
    let first = revision(store).await;
    let again = store.push(guarded("1 0 * * *", Condition::Absent)).await;
    let known = Condition::Revision(vec![first]);
    let updated = store.push(guarded("0 0 * * *", known.clone())).await.unwrap();
    let second = revision(store).await;

    let stale_push = store.push(guarded("2 0 * * *", known.clone())).await;
    let stale_same = store.push(guarded("0 0 * * *", known.clone())).await;
    let stale_steering =
        store.control("a", Control::Resume { is_of_all: false }, context(known.clone())).await;
    let stale_deletion = store.delete("a", &Origin::Api, context(known)).await;
    let present = Condition::Revision(vec![first, second]);
    let steered =
        store.control("a", Control::Resume { is_of_all: false }, context(present.clone())).await;
    let deleted = store.delete("a", &Origin::Api, context(present)).await;

    assert_eq!((created, updated), (vec![Effect::Created], vec![Effect::Updated]));
    assert_eq!(again, Err(unmet(Some(first))));
    assert_eq!((stale_push, stale_same), (Err(unmet(Some(second))), Err(unmet(Some(second)))));
    assert_eq!(
        (stale_steering, stale_deletion),
        (Err(unmet(Some(second))), Err(unmet(Some(second))))
    );
    assert_eq!((steered, deleted), (Ok(true), Ok(true)));
}

pub(in crate::store) async fn of_two_who_change_the_same_revision_one_wins(store: &Store) {
    for round in 0..20 {
        push(store, Origin::Api, &[("a", &format!("{round} 0 * * *"))]).await;
        let known = Condition::Revision(vec![revision(store).await]);

        let (one, other, deletion) = tokio::join!(
            store.push(guarded(&format!("{round} 1 * * *"), known.clone())),
            store.push(guarded(&format!("{round} 2 * * *"), known.clone())),
            store.delete("a", &Origin::Api, context(known.clone())),
        );

        let won = [one.is_ok(), other.is_ok(), deletion == Ok(true)];
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    }
}
