//! Two stores over one backend: in one term they see each other's changes and conflict; in two terms
//! every write of the older one is refused.

use std::sync::Arc;

use docket_model::{
    Origin,
    journal::{Entry, Event},
    run::{Instant, Reason, RunState},
};
use parking_lot::Mutex;

use super::{
    super::{
        Behind, ChangeContext, ChangedZone, ClaimOutcome, Control, Doubt, EntryFilter, InstantKind,
        MemoryBackend, NotedEngines, Progress, Restoration, ServerControl, Settlement, Store,
        StoreError, ZoneChange, backend::Backend,
    },
    carry_out, claim, created, end, finish, get, instant, moment, note, push, push_a, pushed, run,
    seconds,
    server_pause::pause,
    specification,
    unreliable_backends::FaultyBackend,
};

/// Runs tests over each backend that two stores can share.
macro_rules! over_each_shared_backend {
    ($($test:ident,)*) => {
        mod memory {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::memory()).await;
                }
            )*
        }

        mod sqlite {
            use std::sync::Arc;

            use crate::store::{Opener, SqliteBackend};

            $(
                #[tokio::test]
                async fn $test() {
                    let folder = tempfile::tempdir().unwrap();
                    let path = folder.path().join("docket.db");
                    let backend = SqliteBackend::open(&path, &Opener::for_tests()).unwrap();
                    super::$test(Arc::new(backend)).await;
                }
            )*
        }
    };
}

over_each_shared_backend! {
    of_two_writers_who_claim_an_instant_one_gets_it,
    what_one_writer_changed_is_known_to_the_other_when_it_writes,
    a_pause_by_one_writer_holds_for_the_other,
    one_writer_ends_what_the_other_claimed,
    every_write_of_the_older_term_is_refused,
    a_later_term_knows_what_the_older_one_left,
    a_store_that_was_deposed_writes_again_in_a_further_term,
    no_number_of_an_event_is_given_twice_over_the_terms_of_two_servers,
}

fn memory() -> Arc<dyn Backend> {
    Arc::new(MemoryBackend::new(usize::MAX))
}

/// Two stores over one backend that write in the same term.
async fn two_writers(backend: Arc<dyn Backend>) -> (Store, Store) {
    let term = Arc::new(Mutex::new(None));
    let open = async || {
        let backend = FaultyBackend::over(backend.clone(), 0).sharing(&term);
        backend.calm();
        Store::open(Arc::new(backend)).await.unwrap()
    };
    (open().await, open().await)
}

/// Two stores over one backend, the second of which began a later term.
async fn two_terms(backend: Arc<dyn Backend>) -> (Store, Store) {
    let older = Store::open(backend.clone()).await.unwrap();
    push_a(&older).await;
    claim(&older, "a", 60).await;
    (older, Store::open(backend).await.unwrap())
}

async fn of_two_writers_who_claim_an_instant_one_gets_it(backend: Arc<dyn Backend>) {
    let (one, other) = two_writers(backend).await;
    push_a(&one).await;
    other
        .settle(Settlement {
            at: moment(0),
            zone: docket_model::Zone::utc(),
            reason: Reason::text("x"),
        })
        .await
        .unwrap();
    let wanted = run(&one, "a", 60, RunState::Starting).await;

    let (first, second) = tokio::join!(one.claim(wanted.clone()), other.claim(wanted.clone()));

    let outcomes = [first.unwrap(), second.unwrap()];
    assert!(outcomes.contains(&ClaimOutcome::New), "{outcomes:?}");
    let lost = outcomes.iter().find(|outcome| **outcome != ClaimOutcome::New).unwrap();
    assert!(matches!(lost, ClaimOutcome::Decided(_) | ClaimOutcome::Changed), "{lost:?}");
    assert_eq!(seconds(&one, "a").await, [60]);
}

async fn what_one_writer_changed_is_known_to_the_other_when_it_writes(backend: Arc<dyn Backend>) {
    let (one, other) = two_writers(backend).await;
    push_a(&one).await;
    push(&other, Origin::Api, &[("b", "* * * * *")]).await;
    carry_out(&other, "a", 60, RunState::Succeeded).await;

    let twice = run(&one, "a", 60, RunState::Starting).await;

    assert_eq!(one.claim(twice).await, Ok(ClaimOutcome::Decided(instant(60))));
    let next = run(&one, "a", 120, RunState::Starting).await;
    assert_eq!(one.claim(next).await, Ok(ClaimOutcome::New));
    let (a, b) = (get(&one, "a").await.status, get(&other, "b").await.status);
    assert_ne!(a.position, b.position);
    assert_eq!(a.succeeded, Some(instant(60)));
}

async fn a_pause_by_one_writer_holds_for_the_other(backend: Arc<dyn Backend>) {
    let (one, other) = two_writers(backend).await;
    push_a(&one).await;
    push(&other, Origin::Api, &[("b", "* * * * *")]).await;
    let pause = pause(0, None);
    let context = ChangeContext::new(moment(0), "ann");
    one.control_server(ServerControl::Pause(pause), context).await.unwrap();

    let claimed = run(&other, "a", 60, RunState::Starting).await;

    assert_eq!(other.claim(claimed).await, Ok(ClaimOutcome::Changed));
}

async fn one_writer_ends_what_the_other_claimed(backend: Arc<dyn Backend>) {
    let (one, other) = two_writers(backend).await;
    push_a(&one).await;
    push(&other, Origin::Api, &[("b", "* * * * *")]).await;
    let claimed = claim(&one, "a", 60).await;
    note(&one, &claimed.id, created("abc"), moment(61)).await.unwrap();

    finish(&other, &claimed.id, end(RunState::Succeeded, 0, "x")).await.unwrap();

    let again = finish(&one, &claimed.id, end(RunState::Succeeded, 0, "x")).await;
    assert!(matches!(again, Err(StoreError::RunIsOver { .. })), "{again:?}");
    assert_eq!(get(&one, "a").await.status.runs.under_way(), 0);
}

async fn every_write_of_the_older_term_is_refused(backend: Arc<dyn Backend>) {
    let is_in_file = backend.files().is_some();
    let (older, newer) = two_terms(backend).await;
    let before = get(&newer, "a").await;
    let claimed = before.recent[0].clone();
    let (id, uid) = (&claimed.id, claimed.uid);
    let context = || ChangeContext::new(moment(90), "ann");
    let suspension = pause(90, None);
    let to = docket_model::Zone::utc();
    let what =
        ChangedZone::OfServer { from: "UTC".to_owned(), old: None, to, reason: Reason::text("x") };
    let entry = Entry { at: moment(90), allocation: None, event: Event::Stopped, by: None };
    let scheduled = run(&older, "a", 120, RunState::Starting).await;
    let (doubt, lives) = (Doubt::Copy(moment(80)), Vec::new());
    let restoration = Restoration { doubt, at: moment(90), zone: to, lives };

    let refused: Vec<Result<(), StoreError>> = vec![
        older.push(pushed(vec![specification("b", "* * * * *")], 90)).await.map(drop),
        older.delete("a", &Origin::Api, context()).await.map(drop),
        older.control("a", Control::Suspend(suspension.clone()), context()).await.map(drop),
        older.control_server(ServerControl::Pause(suspension), context()).await.map(drop),
        older.settle(Settlement { at: moment(90), zone: to, reason: Reason::text("x") }).await,
        older.note_zone(to).await,
        older.change_zone(ZoneChange { what, at: moment(90) }).await,
        older.claim(scheduled.clone()).await.map(drop),
        older.claim_manual(scheduled, InstantKind::Now).await.map(drop),
        older.note(id, uid, created("abc"), moment(90)).await,
        older.note(id, uid, Progress::NextAttempt, moment(90)).await,
        older.finish(id, uid, end(RunState::Succeeded, 0, "x")).await,
        older.record(entry).await,
        older.alive(moment(90)).await,
        older.begin_life(older.new_life(moment(90))).await,
        older.restore(restoration).await,
    ];
    let noted = older.note_engines(NotedEngines::Identified(["E".to_owned()].into())).await;

    assert_eq!(refused, vec![Err(StoreError::Deposed); 16]);
    // What is not in a file has no engines, so nothing is written.
    assert_eq!(noted, if is_in_file { Err(StoreError::Deposed) } else { Ok(()) });
    // It reads on, and nothing of all that was done.
    assert_eq!(seconds(&older, "a").await, [60]);
    let after = get(&newer, "a").await;
    assert_eq!(after.status.allocation, before.status.allocation);
    assert_eq!(after.recent, before.recent);
    assert_eq!(newer.note_engines(NotedEngines::Unidentified).await, Ok(()));
    let next = run(&newer, "a", 120, RunState::Starting).await;
    assert_eq!(newer.claim(next).await, Ok(ClaimOutcome::New));
}

async fn a_later_term_knows_what_the_older_one_left(backend: Arc<dyn Backend>) {
    let (older, newer) = two_terms(backend).await;
    older.close().await;

    let under_way = newer.under_way().await.unwrap();

    let instants: Vec<Instant> = under_way.iter().map(|it| it.run.id.instant).collect();
    assert_eq!(instants, [instant(60)]);
    assert_eq!(newer.id(), older.id());
}

#[tokio::test]
async fn what_one_writer_commits_the_other_learns_without_a_conflict() {
    let (one, other) = two_writers(memory()).await;
    let changes = other.subscribe().allocations();
    let pause = pause(0, None);

    push_a(&one).await;
    let context = ChangeContext::new(moment(0), "ann");
    one.control_server(ServerControl::Pause(pause), context).await.unwrap();
    let context = ChangeContext::new(moment(1), "ann");
    one.control_server(ServerControl::Unpause, context).await.unwrap();
    carry_out(&one, "a", 60, RunState::Succeeded).await;

    while other.status("a").is_none_or(|status| status.succeeded.is_none()) {
        changes.arrived().await;
    }
    let all = EntryFilter { limit: 9, ..EntryFilter::default() };
    assert_eq!(other.entries(&all), one.entries(&all));
    assert_eq!(other.pause(), one.pause());
    assert_eq!(other.status("a").unwrap().succeeded, Some(instant(60)));
}

async fn a_store_that_was_deposed_writes_again_in_a_further_term(backend: Arc<dyn Backend>) {
    let (older, newer) = two_terms(backend).await;
    carry_out(&newer, "a", 120, RunState::Succeeded).await;
    let refused = older.alive(moment(130)).await;
    older.deposed().await;

    let term = older.begin_term().await.unwrap();

    assert_eq!((refused, term), (Err(StoreError::Deposed), 3));
    assert_eq!(older.status("a").unwrap().succeeded, Some(instant(120)));
    let next = run(&older, "a", 180, RunState::Starting).await;
    assert_eq!(older.claim(next).await, Ok(ClaimOutcome::New));
    assert_eq!(newer.alive(moment(190)).await, Err(StoreError::Deposed));
}

async fn no_number_of_an_event_is_given_twice_over_the_terms_of_two_servers(
    backend: Arc<dyn Backend>,
) {
    let (older, newer) = two_terms(backend).await;
    let newest = |store: &Store| store.subscribe().events(None).unwrap().0.last();
    let mut reader = older.subscribe().events(None).unwrap().0;
    let before = newest(&older);
    carry_out(&newer, "a", 120, RunState::Succeeded).await;
    let of_newer = newest(&newer);

    older.begin_term().await.unwrap();
    carry_out(&older, "a", 180, RunState::Succeeded).await;
    let of_older = newest(&older);
    newer.begin_term().await.unwrap();

    assert!(before < of_newer && of_newer < of_older, "{before} {of_newer} {of_older}");
    assert_eq!(newest(&newer), of_older);
    // The events of the other server are not known here.
    assert_eq!(reader.next().await.map(|event| event.number()), Err(Behind));
}
